/*
 * test_alloc.c - fails the N-th allocation of the library (failing.h), for every N, over every public call that needs no
 * cluster. Each failure is VTCLONE_E_NOMEM, leaves the outputs alone and leaks nothing; the program is built with ASan, too.
 * Those that need a cluster are in tests/ceph/test_memory.c.
 */
#include "failing.h"

#include "error.h"
#include "http.h"

int32_t __wrap_http_attempt(struct http_pool *pool, const struct http_request *request, const struct call *call,
                            struct http_response *response, bool *retry, bool *unsent, vtclone_error *err);
int32_t __wrap_call_sleep(const struct call *call, uint32_t ms, const char *what, vtclone_error *err);

/* ---- what the services answer ---- */

#define IMAGE "5d1c6e0a-1111-4222-8333-444455556666"
#define VOLUME "7b1c6e0a-1111-4222-8333-444455556666"

static const char site_json[] =
    "{\"stores\":[{\"id\":\"ceph\",\"type\":\"rbd\",\"fsid\":\"F\",\"pool\":\"images\"},"
    "{\"id\":\"netapp\",\"type\":\"cinder\",\"volume_type\":\"netapp\"}],"
    "\"backends\":[{\"host\":\"n@ceph#ceph\",\"name\":\"ceph\",\"type\":\"rbd\",\"fsid\":\"F\",\"pool\":\"volumes\"},"
    "{\"host\":\"n@netapp#p\",\"name\":\"netapp\",\"type\":\"cinder\"}],"
    "\"volume_types\":[{\"name\":\"any\",\"extra_specs\":{}}]}";
static const char image_json[] =
    "{\"id\":\"" IMAGE "\",\"status\":\"active\",\"disk_format\":\"raw\",\"container_format\":\"bare\",\"owner\":\"p\",\"stores\":\"netapp,ceph\","
    "\"size\":1073741824,\"locations\":[{\"url\":\"rbd://F/images/" IMAGE "/snap\",\"metadata\":{\"store\":\"ceph\"}},"
    "{\"url\":\"cinder://netapp/" VOLUME "\",\"metadata\":{}},{\"url\":\"rbd://F/volumes/x/y\"}]}";
static const char volumes_json[] =
    "{\"volumes\":[{\"id\":\"" VOLUME "\",\"status\":\"available\",\"os-vol-host-attr:host\":\"n@netapp#p\","
    "\"metadata\":{\"glance_image_id\":\"" IMAGE "\",\"image_owner\":\"p\"}}]}";

static const struct {
    const char *path; /* the first whose path is in the URL answers */
    long status;
    const char *body;
} answers[] = {
    { "/auth/tokens", 201,
      "{\"token\":{\"expires_at\":\"2099-01-01T00:00:00.000000Z\",\"issued_at\":\"2098-12-31T23:00:00.000000Z\",\"project\":{\"id\":\"p\"},"
      "\"catalog\":[{\"type\":\"image\",\"endpoints\":[{\"interface\":\"public\",\"url\":\"http://127.0.0.1:9292\"}]},"
      "{\"type\":\"block-storage\",\"endpoints\":[{\"interface\":\"public\",\"url\":\"http://127.0.0.1:8776/v3/p\"}]}]}}" },
    { "/locations", 200, "[{\"url\":\"rbd://F/images/" IMAGE "/snap\",\"metadata\":{\"store\":\"ceph\"}}]" },
    { "/images/" IMAGE "/tasks", 200, "{\"tasks\":[]}" },
    { "/images/" IMAGE, 200, image_json },
    { "/info/stores", 200,
      "{\"stores\":[{\"id\":\"ceph\",\"type\":\"rbd\",\"properties\":{\"fsid\":\"F\",\"pool\":\"images\"}},"
      "{\"id\":\"netapp\",\"type\":\"cinder\",\"properties\":{\"volume_type\":\"netapp\"}}]}" },
    { "/get_pools", 200,
      "{\"pools\":[{\"name\":\"n@ceph#ceph\",\"capabilities\":{\"volume_backend_name\":\"ceph\",\"storage_protocol\":\"ceph\","
      "\"location_info\":\"ceph:/etc/ceph/ceph.conf:F:cinder:volumes\"}},{\"name\":\"n@netapp#p\",\"capabilities\":{\"volume_backend_name\":\"netapp\"}}]}" },
    { "/os-services", 200, "{\"services\":[{\"host\":\"n@ceph\",\"binary\":\"cinder-volume\",\"state\":\"up\",\"status\":\"enabled\"}]}" },
    { "/types", 200, "{\"volume_types\":[{\"id\":\"1\",\"name\":\"any\",\"extra_specs\":{\"volume_backend_name\":\"ceph\"}}]}" },
    { "/volumes/" VOLUME, 200,
      "{\"volume\":{\"id\":\"" VOLUME "\",\"status\":\"available\",\"os-vol-host-attr:host\":\"n@netapp#p\","
      "\"metadata\":{\"glance_image_id\":\"" IMAGE "\"}}}" },
    { "/volumes", 200, volumes_json },
    { ":9292/", 300, "{\"versions\":[{\"id\":\"v2.17\",\"status\":\"CURRENT\"}]}" },
    { ":8776/", 200, "{\"versions\":[{\"id\":\"v3.0\",\"version\":\"3.70\",\"min_version\":\"3.0\",\"status\":\"CURRENT\"}]}" },
};

int32_t __wrap_call_sleep(const struct call *call, uint32_t ms, const char *what, vtclone_error *err)
{
    (void)call, (void)ms, (void)what, (void)err;
    return VTCLONE_OK;
}

int32_t __wrap_http_attempt(struct http_pool *pool, const struct http_request *request, const struct call *call,
                            struct http_response *response, bool *retry, bool *unsent, vtclone_error *err)
{
    (void)pool, (void)call;
    *retry = *unsent = false;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (strstr(request->url, answers[i].path) == NULL)
            continue;
        response->status = answers[i].status;
        response->body = __real_strdup(answers[i].body);
        response->len = strlen(answers[i].body);
        snprintf(response->content_type, sizeof(response->content_type), "application/json");
        if (i == 0)
            response->subject_token = __real_strdup("token");
        return VTCLONE_OK;
    }
    return error_set(err, request->code, "%s: no answer for %s", request->what, request->url);
}

/* ---- the calls ---- */

/* What the calls need is there before them. */
static struct {
    vtclone_site *site;
    vtclone_decision *decision;
} world;

static const vtclone_resolve_options options = {
    .size = sizeof(options), .volume_type = "any", .project_id = "p", .image_volumes = volumes_json,
    .image_volumes_len = sizeof(volumes_json) - 1, .size_gib = 2,
};

static int32_t parse_a_site(vtclone_error *err)
{
    vtclone_site *site = NULL;
    int32_t code = vtclone_site_parse(site_json, strlen(site_json), &site, err);

    assert_true((code == VTCLONE_OK) == (site != NULL));
    vtclone_site_free(site);
    return code;
}

static int32_t resolve(vtclone_error *err)
{
    vtclone_decision *decision = NULL;
    int32_t code = vtclone_resolve(world.site, image_json, strlen(image_json), &options, &decision, err);

    assert_true((code == VTCLONE_OK) == (decision != NULL));
    vtclone_decision_free(decision);
    return code;
}

static int32_t write_json(vtclone_error *err)
{
    char *json = NULL;
    size_t len = 77;
    int32_t code = vtclone_decision_json(world.decision, &json, &len, err);

    assert_true((code == VTCLONE_OK) == (json != NULL));
    assert_true(code == VTCLONE_OK || len == 77);
    vtclone_string_free(json);
    return code;
}

static int32_t open_a_handle(vtclone_error *err)
{
    vtclone *handle = NULL;
    int32_t code = vtclone_open(NULL, &handle, err);

    assert_true((code == VTCLONE_OK) == (handle != NULL));
    vtclone_free(handle);
    return code;
}

/* A cloud; the calls on one begin with it, so that their first allocations are those of a fresh one. */
static int32_t open_cloud(vtclone_cloud **out, vtclone_error *err)
{
    const vtclone_cloud_options with = {
        .size = sizeof(with), .auth_url = "http://127.0.0.1:5000/v3", .username = "u", .user_domain_name = "d", .password = "secret",
        .project_name = "p", .project_domain_name = "d",
    };
    int32_t code = vtclone_cloud_open(&with, out, err);

    assert_true((code == VTCLONE_OK) == (*out != NULL));
    return code;
}

static int32_t open_a_cloud(vtclone_error *err)
{
    vtclone_cloud *cloud = NULL;
    int32_t code = open_cloud(&cloud, err);

    vtclone_cloud_free(cloud);
    return code;
}

static int32_t write_the_live_site(vtclone_error *err)
{
    vtclone_cloud *cloud = NULL;
    char *json = NULL;
    int32_t code = open_cloud(&cloud, err);

    if (code == VTCLONE_OK)
        code = vtclone_cloud_site_json(cloud, &json, NULL, err);
    assert_true((code == VTCLONE_OK) == (json != NULL));
    vtclone_string_free(json);
    vtclone_cloud_free(cloud);
    return code;
}

static int32_t fetch_an_image(vtclone_error *err)
{
    vtclone_cloud *cloud = NULL;
    char *json = NULL;
    int32_t code = open_cloud(&cloud, err);

    if (code == VTCLONE_OK)
        code = vtclone_cloud_image(cloud, IMAGE, NULL, &json, NULL, err);
    assert_true((code == VTCLONE_OK) == (json != NULL));
    vtclone_string_free(json);
    vtclone_cloud_free(cloud);
    return code;
}

static int32_t resolve_live(vtclone_error *err)
{
    vtclone_cloud *cloud = NULL;
    vtclone_decision *decision = NULL;
    const vtclone_resolve_options what = { .size = sizeof(what), .volume_type = "any" };
    int32_t code = open_cloud(&cloud, err);

    if (code == VTCLONE_OK)
        code = vtclone_cloud_resolve(cloud, NULL, IMAGE, "user-token", &what, &decision, err);
    assert_true((code == VTCLONE_OK) == (decision != NULL));
    vtclone_decision_free(decision);
    vtclone_cloud_free(cloud);
    return code;
}

static int32_t copy_what_is_there(vtclone_error *err)
{
    static const char *const stores[] = { "ceph", "netapp" };
    vtclone_cloud *cloud = NULL;
    int32_t code = open_cloud(&cloud, err);

    if (code == VTCLONE_OK)
        code = vtclone_cloud_copy(cloud, IMAGE, stores, 2, NULL, NULL, err);
    vtclone_cloud_free(cloud);
    return code;
}

static int make_world(void **state)
{
    vtclone_error err = { 0 };

    (void)state;
    assert_int_equal(vtclone_site_parse(site_json, strlen(site_json), &world.site, &err), VTCLONE_OK);
    assert_int_equal(vtclone_resolve(world.site, image_json, strlen(image_json), &options, &world.decision, &err), VTCLONE_OK);
    assert_string_equal(vtclone_decision_method(world.decision), "rbd-clone");
    return 0;
}

static int free_world(void **state)
{
    (void)state;
    vtclone_decision_free(world.decision);
    vtclone_site_free(world.site);
    return 0;
}

#define EACH_ALLOCATION(call)                                             \
    static void each_allocation_of_##call(void **state)                   \
    {                                                                     \
        (void)state;                                                      \
        long count = fail_each(call, #call, NULL);                              \
        print_message("# " #call ": %ld allocations, each failed\n", count); \
        assert_true(count > 0);                                           \
    }

EACH_ALLOCATION(parse_a_site)
EACH_ALLOCATION(resolve)
EACH_ALLOCATION(write_json)
EACH_ALLOCATION(open_a_handle)
EACH_ALLOCATION(open_a_cloud)
EACH_ALLOCATION(write_the_live_site)
EACH_ALLOCATION(fetch_an_image)
EACH_ALLOCATION(resolve_live)
EACH_ALLOCATION(copy_what_is_there)

static void one_resolve_of_three_locations_allocates_no_more_than_64_kib(void **state)
{
    (void)state;
    vtclone_site *site;
    vtclone_decision *decision;

    assert_int_equal(vtclone_site_parse(site_json, strlen(site_json), &site, NULL), VTCLONE_OK);
    size_t before = bytes_allocated();
    assert_int_equal(vtclone_resolve(site, image_json, strlen(image_json), &options, &decision, NULL), VTCLONE_OK);
    assert_in_range(bytes_allocated() - before, 1024, 65536);
    assert_int_equal(vtclone_decision_candidate_count(decision), 6);
    vtclone_decision_free(decision);
    vtclone_site_free(site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_resolve_of_three_locations_allocates_no_more_than_64_kib),
        cmocka_unit_test(each_allocation_of_parse_a_site), cmocka_unit_test(each_allocation_of_resolve),
        cmocka_unit_test(each_allocation_of_write_json), cmocka_unit_test(each_allocation_of_open_a_handle),
        cmocka_unit_test(each_allocation_of_open_a_cloud), cmocka_unit_test(each_allocation_of_write_the_live_site),
        cmocka_unit_test(each_allocation_of_fetch_an_image), cmocka_unit_test(each_allocation_of_resolve_live),
        cmocka_unit_test(each_allocation_of_copy_what_is_there),
    };
    return cmocka_run_group_tests(tests, make_world, free_world);
}

/*
 * public_calls.c - see public_calls.h. A call on a cloud opens one, so that what a fresh one needs is part of it.
 */
#include "public_calls.h"

#include "answers.h"

/* What the calls need is there before them. */
static struct {
    vtclone_site *site;
    vtclone_decision *decision;        /* rbd-clone */
    vtclone_decision *by_image_volume; /* cinder-clone */
} world;

static vtclone_resolve_options resolve_options(void)
{
    return (vtclone_resolve_options){
        .size = sizeof(vtclone_resolve_options), .volume_type = "any", .project_id = "p", .image_volumes = volumes_json,
        .image_volumes_len = strlen(volumes_json), .size_gib = 2,
    };
}

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
    const vtclone_resolve_options options = resolve_options();
    vtclone_decision *decision = NULL;
    int32_t code = vtclone_resolve(world.site, image_json, strlen(image_json), &options, &decision, err);

    assert_true((code == VTCLONE_OK) == (decision != NULL));
    vtclone_decision_free(decision);
    return code;
}

/* The sentences of a miss. */
static int32_t resolve_misses(vtclone_error *err)
{
    const vtclone_resolve_options misses[] = {
        { .size = sizeof(misses[0]), .volume_type = "unknown" },
        { .size = sizeof(misses[0]), .volume_type = "any", .backend = "unknown" },
        { .size = sizeof(misses[0]), .volume_type = "any", .size_gib = 1, .project_id = "other" },
    };

    for (size_t i = 0; i < sizeof(misses) / sizeof(misses[0]); i++) {
        vtclone_decision *decision = NULL;
        int32_t code = vtclone_resolve(world.site, image_json, strlen(image_json), &misses[i], &decision, err);

        if (code != VTCLONE_OK)
            return code;
        assert_non_null(vtclone_decision_detail(decision));
        vtclone_decision_free(decision);
    }
    return VTCLONE_OK;
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
        .size = sizeof(with), .auth_url = AUTH_URL, .username = "u", .user_domain_name = "d", .password = "secret",
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

static int32_t read_the_live_site(vtclone_error *err)
{
    vtclone_cloud *cloud = NULL;
    vtclone_site *site = NULL;
    int32_t code = open_cloud(&cloud, err);

    if (code == VTCLONE_OK)
        code = vtclone_cloud_site(cloud, &site, err);
    assert_true((code == VTCLONE_OK) == (site != NULL));
    vtclone_site_free(site);
    vtclone_cloud_free(cloud);
    return code;
}

static int32_t copy_what_is_not_there(vtclone_error *err)
{
    static const char *const stores[] = { "ceph" };
    vtclone_copy_result result = { .size = sizeof(result) };
    vtclone_cloud *cloud = NULL;
    int32_t code = open_cloud(&cloud, err);

    if (code == VTCLONE_OK)
        code = vtclone_cloud_copy(cloud, UNCOPIED, stores, 1, NULL, &result, err);
    assert_int_equal(result.complete, code == VTCLONE_OK);
    vtclone_cloud_free(cloud);
    return code;
}

static int32_t resolve_or_copy(vtclone_error *err)
{
    const vtclone_resolve_options what = { .size = sizeof(what), .volume_type = "any" };
    const vtclone_copy_options copy = { .size = sizeof(copy) };
    vtclone_decision *decision = NULL;
    vtclone_cloud *cloud = NULL;
    int32_t code = open_cloud(&cloud, err);

    if (code == VTCLONE_OK)
        code = vtclone_cloud_resolve_or_copy(cloud, NULL, UNCOPIED, NULL, &what, &copy, &decision, err);
    assert_true((code == VTCLONE_OK) == (decision != NULL));
    if (code == VTCLONE_OK)
        assert_string_equal(vtclone_decision_method(decision), "rbd-clone");
    vtclone_decision_free(decision);
    vtclone_cloud_free(cloud);
    return code;
}

static int32_t clone_a_volume(vtclone_error *err)
{
    vtclone_cloud *cloud = NULL;
    vtclone_decision *made = NULL;
    int32_t code = open_cloud(&cloud, err);

    if (code == VTCLONE_OK)
        code = vtclone_cloud_clone_volume(cloud, world.by_image_volume, "new", 2, NULL, &made, err);
    assert_true((code == VTCLONE_OK) == (made != NULL));
    assert_int_equal(services_have_the_volume(), code == VTCLONE_OK); /* nothing is left of what failed */
    vtclone_decision_free(made);
    vtclone_cloud_free(cloud);
    return code;
}

/* Neither may need memory: an error of theirs would be one too many. */
static int32_t options_from_the_environment_and_counters(vtclone_error *err)
{
    vtclone_cloud_options from_env = { .size = sizeof(from_env) };
    vtclone_cloud_stats stats = { .size = sizeof(stats) };
    vtclone_cloud *cloud = NULL;
    int32_t code = open_cloud(&cloud, err);

    if (code == VTCLONE_OK) {
        assert_int_equal(vtclone_cloud_options_from_env(&from_env, err), VTCLONE_OK);
        assert_int_equal(vtclone_cloud_get_stats(cloud, &stats, err), VTCLONE_OK);
    }
    vtclone_cloud_free(cloud);
    return code;
}

#define CALL(name, over_http) { #name, name, over_http }
const struct public_call public_calls[] = {
    CALL(parse_a_site, false), CALL(resolve, false), CALL(resolve_misses, false), CALL(write_json, false), CALL(open_a_handle, false), CALL(open_a_cloud, false),
    CALL(options_from_the_environment_and_counters, false), CALL(write_the_live_site, true), CALL(read_the_live_site, true),
    CALL(fetch_an_image, true), CALL(resolve_live, true), CALL(copy_what_is_there, true), CALL(copy_what_is_not_there, true),
    CALL(resolve_or_copy, true), CALL(clone_a_volume, true),
};
const size_t public_call_count = sizeof(public_calls) / sizeof(public_calls[0]);

int calls_set_up(void **state)
{
    vtclone_resolve_options options = resolve_options();
    vtclone_error err = { 0 };

    (void)state;
    setenv("OS_AUTH_URL", AUTH_URL, 1);
    setenv("OS_USERNAME", "u", 1);
    setenv("OS_PASSWORD", "secret", 1);
    setenv("OS_PROJECT_NAME", "p", 1);
    assert_int_equal(vtclone_site_parse(site_json, strlen(site_json), &world.site, &err), VTCLONE_OK);
    assert_int_equal(vtclone_resolve(world.site, image_json, strlen(image_json), &options, &world.decision, &err), VTCLONE_OK);
    assert_string_equal(vtclone_decision_method(world.decision), "rbd-clone");
    options.backend = "n@netapp#p";
    assert_int_equal(vtclone_resolve(world.site, image_json, strlen(image_json), &options, &world.by_image_volume, &err), VTCLONE_OK);
    assert_string_equal(vtclone_decision_method(world.by_image_volume), "cinder-clone");
    return 0;
}

int calls_tear_down(void **state)
{
    (void)state;
    vtclone_decision_free(world.by_image_volume);
    vtclone_decision_free(world.decision);
    vtclone_site_free(world.site);
    return 0;
}

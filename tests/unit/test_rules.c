/*
 * test_rules.c - the rules where a site says little: stores without type or fsid, backends without a store, locations
 * without a store, no backend at all; and the limits of a request.
 */
#include "unit.h"

#include <stdbool.h>

#define IMAGE "5d1c6e0a-1111-4222-8333-444455556666"
#define VOLUME "aaaaaaaa-1111-4222-8333-444455556666"
#define ABSENT "bbbbbbbb-1111-4222-8333-444455556666"

/* What the first candidate for the first backend says: reason, store and detail. */
static void expect(const char *site_text, const char *volumes, const char *url, const char *reason, const char *store,
                   const char *text)
{
    const vtclone_resolve_options options = { .size = sizeof(options), .project_id = "owner", .image_volumes = volumes,
                                              .image_volumes_len = strlen(volumes) };
    vtclone_candidate_info info = { .size = sizeof(info) };
    vtclone_decision *decision;
    vtclone_site *site;
    vtclone_error err;
    char image[1000];

    assert_int_equal(vtclone_site_parse(site_text, strlen(site_text), &site, &err), VTCLONE_OK);
    snprintf(image, sizeof(image),
             "{\"id\": \"" IMAGE "\", \"status\": \"active\", \"owner\": \"owner\", \"disk_format\": \"raw\","
             "\"container_format\": \"bare\", \"size\": 1, \"locations\": [{\"url\": \"%s\"}]}", url);
    assert_int_equal(vtclone_resolve(site, image, strlen(image), &options, &decision, &err), VTCLONE_OK);
    assert_int_equal(vtclone_decision_candidate(decision, 0, &info, &err), VTCLONE_OK);
    if (strcmp(vtclone_reason_name(info.reason), reason) != 0 || strstr(info.detail, text) == NULL)
        fail_msg("%s: %s: %s", url, vtclone_reason_name(info.reason), info.detail);
    if (store == NULL)
        assert_null(info.store);
    else
        assert_string_equal(info.store, store);
    vtclone_decision_free(decision);
    vtclone_site_free(site);
}

#define BACKEND(members) "\"backends\": [{\"host\": \"c1@array#a\", \"name\": \"array\", \"type\": \"cinder\"" members "}]}"
#define VOLUMES(host)                                                                                  \
    "[{\"id\": \"" VOLUME "\", \"status\": \"available\", \"host\": \"" host "\","                     \
    "\"metadata\": {\"glance_image_id\": \"" IMAGE "\"}}]"

static void a_location_without_a_store_is_judged_by_its_volume(void **state)
{
    static const char site[] = "{\"stores\": [], " BACKEND("");

    (void)state;
    expect(site, VOLUMES("c1@array#a"), "cinder://" VOLUME, "OK", NULL, "image volume on c1@array#a");
    expect(site, VOLUMES("c1@array#a"), "cinder://" ABSENT, "VOLUME_NOT_FOUND", NULL, "not among the volumes given");
}

static void a_store_without_a_type_is_beside_the_backends_that_name_it_or_none(void **state)
{
    static const char stores[] = "{\"stores\": [{\"id\": \"one\", \"type\": \"cinder\"}, {\"id\": \"two\", \"type\": \"cinder\"},"
                                 "{\"id\": \"typed\", \"type\": \"cinder\", \"volume_type\": \"gone\"}], ";
    char none[600], named[600];

    (void)state;
    snprintf(none, sizeof(none), "%s%s", stores, BACKEND(""));
    snprintf(named, sizeof(named), "%s%s", stores, BACKEND(", \"store\": \"one\""));
    expect(none, "[]", "cinder://one/" ABSENT, "VOLUME_NOT_FOUND", "one", ABSENT);
    expect(named, "[]", "cinder://one/" ABSENT, "VOLUME_NOT_FOUND", "one", ABSENT);
    expect(named, "[]", "cinder://two/" ABSENT, "STORE_NOT_FOR_BACKEND", "two", "store two is not beside backend array");
    expect(named, "[]", "cinder://typed/" ABSENT, "STORE_NOT_FOR_BACKEND", "typed", "store typed is not beside");
}

static void only_the_pool_may_differ_where_pools_are_crossed(void **state)
{
    static const char site[] = "{\"stores\": [], " BACKEND(", \"clone_across_pools\": true");

    (void)state;
    expect(site, VOLUMES("c1@array#b"), "cinder://" VOLUME, "OK", NULL, "c1@array#b");
    expect(site, VOLUMES("c2@array#a"), "cinder://" VOLUME, "STORE_NOT_FOR_BACKEND", NULL, "cannot reach it");
    expect(site, VOLUMES("c1@array2#a"), "cinder://" VOLUME, "STORE_NOT_FOR_BACKEND", NULL, "cannot reach it");
}

static void a_cluster_that_only_a_backend_names_is_known(void **state)
{
    static const char site[] =
        "{\"stores\": [{\"id\": \"ceph\", \"type\": \"rbd\", \"pool\": \"images\"}],"
        "\"backends\": [{\"host\": \"n@c#v\", \"name\": \"c\", \"type\": \"rbd\", \"fsid\": \"F\", \"pool\": \"volumes\"}]}";

    (void)state;
    expect(site, "[]", "rbd://F/images/" IMAGE "/snap", "OK", "ceph", "same cluster as c, pool images");
    expect(site, "[]", "rbd://F/other/" IMAGE "/snap", "POOL_NOT_ALLOWED", NULL, "pool other belongs to no rbd store");
    expect(site, "[]", "rbd://user:key@G/other/" IMAGE "/snap", "OTHER_CLUSTER", NULL, "it is on cluster G, the backend on F");
}

static void what_others_wrote_is_escaped_in_what_is_shown(void **state)
{
    static const char rbd[] =
        "{\"stores\": [{\"id\": \"ceph\", \"type\": \"rbd\", \"fsid\": \"F\", \"pool\": \"images\"}],"
        "\"backends\": [{\"host\": \"n@c#v\", \"name\": \"c\", \"type\": \"rbd\", \"fsid\": \"F\", \"pool\": \"volumes\"}]}";
    static const char cinder[] = "{\"stores\": [], " BACKEND("");
    static const char other[] = "[{\"id\": \"" VOLUME "\", \"metadata\": {\"glance_image_id\": \"x\\u000a\\u001b[2J\"}}]";

    (void)state;
    expect(rbd, "[]", "rbd://F/images/x%0a2026 CRITICAL fake%1b[2J%7f/snap", "NOT_PAIRED", "ceph",
           "image x\\x0a2026 CRITICAL fake\\x1b[2J\\x7f, not");
    expect(rbd, "[]", "rbd://F/images/" IMAGE "/%0d%c2%9b", "NOT_PAIRED", "ceph", "snapshot \\x0d\\xc2\\x9b, not");
    expect(rbd, "[]", "rbd://F/b%c3%bc%0a/" IMAGE "/snap", "POOL_NOT_ALLOWED", NULL, "pool b\xc3\xbc\\x0a belongs");
    expect(rbd, "[]", "rbd://G%0a/images/" IMAGE "/snap", "OTHER_CLUSTER", NULL, "cluster G\\x0a, the");
    expect(cinder, other, "cinder://" VOLUME, "NOT_PAIRED", NULL, "holds image x\\x0a\\x1b[2J, not");
    expect(cinder, "[]", "cinder://a\\u001b[2J/" VOLUME, "UNKNOWN_STORE", "a\\x1b[2J", "a\\x1b[2J is not a cinder store");
    expect(cinder, VOLUMES("c1@array#a"), "cinder://" VOLUME "\", \"metadata\": {\"store\": \"a\\u000ab\"}, \"x\": \"", "OK",
           "a\\x0ab", "image volume on");
}

static void a_site_without_backends_says_so(void **state)
{
    static const char image[] = "{\"id\": \"" IMAGE "\", \"locations\": []}";
    const vtclone_resolve_options named = { .size = sizeof(named), .backend = "n@c#v" };
    vtclone_decision *decision;
    vtclone_site *site;
    vtclone_error err;

    (void)state;
    assert_int_equal(vtclone_site_parse("{}", 2, &site, &err), VTCLONE_OK);
    assert_int_equal(vtclone_resolve(site, image, strlen(image), NULL, &decision, &err), VTCLONE_OK);
    assert_string_equal(vtclone_reason_name(vtclone_decision_reason(decision)), "NO_BACKEND");
    assert_string_equal(vtclone_decision_detail(decision), "no backend of the site serves volume type (none)");
    vtclone_decision_free(decision);
    assert_int_equal(vtclone_resolve(site, image, strlen(image), &named, &decision, &err), VTCLONE_OK);
    assert_string_equal(vtclone_decision_detail(decision),
                        "backend n@c#v is not in the site or does not serve volume type (none)");
    vtclone_decision_free(decision);
    vtclone_site_free(site);
}

static void more_candidates_than_fit_are_an_error(void **state)
{
    enum { BACKENDS = VTCLONE_MAX_CANDIDATES / VTCLONE_MAX_LOCATIONS + 1 };
    static char text[BACKENDS * 100], image[VTCLONE_MAX_LOCATIONS * 40];
    size_t at = (size_t)snprintf(text, sizeof(text), "{\"backends\": [");
    vtclone_decision *decision = NULL;
    vtclone_site *site;
    vtclone_error err;

    (void)state;
    for (int i = 0; i < BACKENDS; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s{\"host\": \"n@b#%d\", \"name\": \"b\", \"type\": \"cinder\"}",
                               i == 0 ? "" : ", ", i);
    snprintf(text + at, sizeof(text) - at, "]}");
    at = (size_t)snprintf(image, sizeof(image), "{\"id\": \"a\", \"locations\": [");
    for (int i = 0; i < VTCLONE_MAX_LOCATIONS; i++)
        at += (size_t)snprintf(image + at, sizeof(image) - at, "%s{\"url\": \"x\"}", i == 0 ? "" : ", ");
    snprintf(image + at, sizeof(image) - at, "]}");
    assert_int_equal(vtclone_site_parse(text, strlen(text), &site, &err), VTCLONE_OK);
    assert_int_equal(vtclone_resolve(site, image, strlen(image), NULL, &decision, &err), VTCLONE_E_LIMIT);
    assert_error(err, VTCLONE_E_LIMIT, "128 locations for 129 backends exceed VTCLONE_MAX_CANDIDATES (16384)");
    assert_null(decision);
    vtclone_site_free(site);
}

static void options_out_of_their_range_are_refused(void **state)
{
    vtclone_resolve_options options = { .size = sizeof(options), .size_gib = (int64_t)VTCLONE_MAX_SIZE_GIB + 1 };
    vtclone_decision *decision = NULL;
    vtclone_site *site;
    vtclone_error err;

    (void)state;
    assert_int_equal(vtclone_site_parse("{}", 2, &site, &err), VTCLONE_OK);
    assert_int_equal(vtclone_resolve(site, "{}", 2, &options, &decision, &err), VTCLONE_E_INVALID);
    assert_error(err, VTCLONE_E_INVALID, "size 4194305 GiB is not within 0 and 4194304");
    options = (vtclone_resolve_options){ .size = sizeof(options), .signed_images = 7 };
    assert_int_equal(vtclone_resolve(site, "{}", 2, &options, &decision, &err), VTCLONE_E_INVALID);
    assert_error(err, VTCLONE_E_INVALID, "signed_images is 7");
    assert_null(decision);
    vtclone_site_free(site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_location_without_a_store_is_judged_by_its_volume),
        cmocka_unit_test(a_store_without_a_type_is_beside_the_backends_that_name_it_or_none),
        cmocka_unit_test(only_the_pool_may_differ_where_pools_are_crossed),
        cmocka_unit_test(a_cluster_that_only_a_backend_names_is_known),
        cmocka_unit_test(what_others_wrote_is_escaped_in_what_is_shown),
        cmocka_unit_test(a_site_without_backends_says_so),
        cmocka_unit_test(more_candidates_than_fit_are_an_error),
        cmocka_unit_test(options_out_of_their_range_are_refused),
    };
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}

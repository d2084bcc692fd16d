/*
 * test_site.c - the site reader: what it takes, what it refuses and with which path, and its look-ups.
 */
#include "unit.h"

#include "site.h"

static vtclone_site *parse(const char *text)
{
    vtclone_site *site = NULL;
    vtclone_error err;

    if (vtclone_site_parse(text, strlen(text), &site, &err) != VTCLONE_OK)
        fail_msg("%s", err.message);
    return site;
}

static void everything_optional_may_be_left_out(void **state)
{
    (void)state;
    vtclone_site *site = parse("{\"backends\": [{\"host\": \"h@b#p\", \"name\": \"b\", \"type\": \"rbd\", \"fsid\": \"f\","
                               "\"pool\": \"p\", \"future\": {\"key\": [1]}}], \"unknown\": 1}");
    const struct backend *backend = &site->backends[0];
    assert_string_equal(backend->user, "admin");
    assert_string_equal(backend->cluster, "ceph");
    assert_null(backend->ceph_conf);
    assert_null(backend->store);
    assert_false(backend->clone_across_pools);
    assert_int_equal(backend->chunk_size_mib, 4);
    vtclone_site_free(site);
    site = parse("{}");
    assert_int_equal(vtclone_site_backend_count(site), 0);
    vtclone_site_free(site);
}

static void what_is_wrong_is_named_with_its_path(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "3", "site: expected an object, found a number" },
        { "{\"stores\": {}}", "site: stores: expected a list, found an object" },
        { "{\"stores\": [3]}", "site: stores[0]: expected an object, found a number" },
        { "{\"stores\": [{\"id\": \"a\"}]}", "site: stores[0].type: missing" },
        { "{\"stores\": [{\"id\": \"a\", \"type\": \"rbd\"}]}", "site: stores[0].pool: missing" },
        { "{\"stores\": [{\"id\": \"a\", \"type\": \"file\"}, {\"id\": \"a\", \"type\": \"file\"}]}",
          "site: stores[1].id: \"a\" is there twice" },
        { "{\"backends\": [{\"host\": \"h\", \"name\": \"n\", \"type\": \"nfs\"}]}",
          "site: backends[0].type: \"nfs\" is neither" },
        { "{\"backends\": [{\"host\": \"h\", \"name\": \"n\", \"type\": \"rbd\", \"pool\": \"p\"}]}",
          "site: backends[0].fsid: missing" },
        { "{\"backends\": [{\"host\": \"h\", \"name\": \"n\", \"type\": \"rbd\", \"fsid\": \"p\"}]}",
          "site: backends[0].pool: missing" },
        { "{\"backends\": [{\"host\": \"h\", \"name\": \"n\", \"type\": \"cinder\", \"clone_across_pools\": \"yes\"}]}",
          "site: backends[0].clone_across_pools: expected a boolean, found a string" },
        { "{\"backends\": [{\"host\": \"h\", \"name\": \"n\", \"type\": \"cinder\"},"
          "{\"host\": \"h\", \"name\": \"m\", \"type\": \"cinder\"}]}",
          "site: backends[1].host: \"h\" is there twice" },
        { "{\"backends\": [{\"host\": \"h\", \"name\": \"n\", \"type\": \"rbd\", \"fsid\": \"f\", \"pool\": \"p\","
          "\"chunk_size\": 64}]}",
          "site: backends[0].chunk_size: 64 MiB" },
        { "{\"volume_types\": [{}]}", "site: volume_types[0].name: missing" },
        { "{\"volume_types\": [{\"name\": \"a\", \"extra_specs\": {\"volume_backend_name\": 1}}]}",
          "site: volume_types[0].extra_specs.volume_backend_name: expected a string, found a number" },
        { "{\"volume_types\": [{\"name\": \"a\"}, {\"name\": \"a\"}]}", "site: volume_types[1].name: \"a\" is there twice" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        vtclone_site *site = NULL;
        vtclone_error err;
        assert_int_equal(vtclone_site_parse(cases[i].text, strlen(cases[i].text), &site, &err), VTCLONE_E_DOCUMENT);
        assert_error(err, VTCLONE_E_DOCUMENT, cases[i].message);
        assert_null(site);
    }
}

static void too_many_stores_are_an_error_that_names_the_limit(void **state)
{
    (void)state;
    static char text[65536];
    vtclone_site *site = NULL;
    vtclone_error err;
    size_t at = (size_t)snprintf(text, sizeof(text), "{\"stores\": [1");
    for (int i = 0; i < VTCLONE_MAX_STORES; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, ",1");
    snprintf(text + at, sizeof(text) - at, "]}");
    assert_int_equal(vtclone_site_parse(text, strlen(text), &site, &err), VTCLONE_E_LIMIT);
    assert_error(err, VTCLONE_E_LIMIT, "site: stores: 257 members exceed VTCLONE_MAX_STORES (256)");
}

static void a_type_is_served_as_cinders_extra_specs_say(void **state)
{
    static const struct {
        const char *spec;
        bool served;
    } cases[] = {
        { NULL, true }, { "ceph", true }, { "s== ceph", true }, { "<or> netapp <or> ceph", true }, { "<in> ep", true },
        { "cep", false }, { "ceph2", false }, { "<or> netapp <or> ceph2", false }, { "<or>", false }, { "<in> x", false },
        { "", false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct backend backend = { .name = "ceph" };
        const struct volume_type type = { .name = "t", .backend_name = cases[i].spec };
        if (site_serves(&backend, &type) != cases[i].served)
            fail_msg("%s", cases[i].spec == NULL ? "none" : cases[i].spec);
    }
}

static void a_backend_can_be_looked_at_by_callers_of_any_age(void **state)
{
    (void)state;
    vtclone_error err;
    vtclone_site *site = parse("{\"backends\": [{\"host\": \"h@b#p\", \"name\": \"b\", \"type\": \"rbd\", \"fsid\": \"f\","
                               "\"pool\": \"p\", \"user\": \"u\", \"store\": \"s\"}]}");
    vtclone_backend_info info = { .size = sizeof(info) };
    assert_int_equal(vtclone_site_backend(site, 0, &info, &err), VTCLONE_OK);
    assert_string_equal(info.host, "h@b#p");
    assert_string_equal(info.type, "rbd");
    assert_string_equal(info.store, "s");
    vtclone_backend_info older = { .size = offsetof(vtclone_backend_info, name), .name = "untouched" };
    assert_int_equal(vtclone_site_backend(site, 0, &older, &err), VTCLONE_OK);
    assert_string_equal(older.host, "h@b#p");
    assert_string_equal(older.name, "untouched");
    assert_int_equal(vtclone_site_backend(site, 1, &info, &err), VTCLONE_E_INVALID);
    info.size = 0;
    assert_int_equal(vtclone_site_backend(site, 0, &info, &err), VTCLONE_E_INVALID);
    vtclone_site_free(site);
}

static void every_reason_and_code_has_a_name(void **state)
{
    (void)state;
    for (int32_t reason = 0; reason < VTCLONE_REASON_COUNT; reason++) {
        assert_non_null(vtclone_reason_name(reason));
        for (int32_t other = 0; other < reason; other++)
            assert_string_not_equal(vtclone_reason_name(reason), vtclone_reason_name(other));
    }
    assert_string_equal(vtclone_reason_name(-1), "UNKNOWN_REASON");
    assert_string_equal(vtclone_reason_name(VTCLONE_REASON_COUNT), "UNKNOWN_REASON");
    assert_string_equal(vtclone_code_name(VTCLONE_E_INTERNAL), "VTCLONE_E_INTERNAL");
    assert_string_equal(vtclone_code_name(VTCLONE_E_RADOS), "VTCLONE_E_RADOS");
    assert_string_equal(vtclone_code_name(-17), "VTCLONE_E_UNKNOWN");
    assert_string_equal(vtclone_code_name(1), "VTCLONE_E_UNKNOWN");
    assert_int_equal(vtclone_abi(), VTCLONE_ABI);
    assert_string_equal(vtclone_version(), VTCLONE_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_optional_may_be_left_out),
        cmocka_unit_test(what_is_wrong_is_named_with_its_path),
        cmocka_unit_test(too_many_stores_are_an_error_that_names_the_limit),
        cmocka_unit_test(a_type_is_served_as_cinders_extra_specs_say),
        cmocka_unit_test(a_backend_can_be_looked_at_by_callers_of_any_age),
        cmocka_unit_test(every_reason_and_code_has_a_name),
    };
    return cmocka_run_group_tests_name("site", tests, NULL, NULL);
}

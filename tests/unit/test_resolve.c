/*
 * test_resolve.c - the resolution rules of docs/rules.md, one test a rule, on the seed's three stores.
 */
#include "unit.h"

#include <stdbool.h>

#define IMAGE "5d1c6e0a-1111-4222-8333-444455556666"
#define OTHER "99999999-1111-4222-8333-444455556666"
#define NETAPP_VOLUME "aaaaaaaa-1111-4222-8333-444455556666"
#define POWER_VOLUME "bbbbbbbb-1111-4222-8333-444455556666"
#define FSID "b0e0a4f0-0000-4000-8000-000000000001"
#define FSID2 "b0e0a4f0-0000-4000-8000-000000000002"
#define CEPH_URL "rbd://" FSID "/images/" IMAGE "/snap"
#define NETAPP_URL "cinder://netapp/" NETAPP_VOLUME
#define POWER_URL "cinder://powerstore/" POWER_VOLUME

static const char site_text[] =
    "{\"stores\": [{\"id\": \"netapp\", \"type\": \"cinder\", \"volume_type\": \"netapp\"},"
    "{\"id\": \"ceph\", \"type\": \"rbd\", \"fsid\": \"" FSID "\", \"pool\": \"images\"},"
    "{\"id\": \"edge\", \"type\": \"rbd\", \"fsid\": \"" FSID "\", \"pool\": \"volumes\"},"
    "{\"id\": \"far\", \"type\": \"rbd\", \"fsid\": \"" FSID2 "\", \"pool\": \"images\"},"
    "{\"id\": \"powerstore\", \"type\": \"cinder\", \"volume_type\": \"powerstore\"}],"
    "\"backends\": [{\"host\": \"node@ceph#ceph\", \"name\": \"ceph\", \"type\": \"rbd\", \"fsid\": \"" FSID "\","
    "\"pool\": \"volumes\", \"store\": \"ceph\"},"
    "{\"host\": \"node@netapp#pool0\", \"name\": \"netapp\", \"type\": \"cinder\"},"
    "{\"host\": \"node@netapp#pool1\", \"name\": \"netapp\", \"type\": \"cinder\"},"
    "{\"host\": \"node@far#far\", \"name\": \"far\", \"type\": \"rbd\", \"fsid\": \"" FSID2 "\", \"pool\": \"volumes\"},"
    "{\"host\": \"c1@powerstore#a\", \"name\": \"powerstore\", \"type\": \"cinder\", \"clone_across_pools\": true,"
    "\"cluster_name\": \"cl@powerstore\"}],"
    "\"volume_types\": [{\"name\": \"ceph\", \"extra_specs\": {\"volume_backend_name\": \"ceph\","
    "\"image_service:store_id\": \"ceph\"}},"
    "{\"name\": \"netapp\", \"extra_specs\": {\"volume_backend_name\": \"netapp\"}},"
    "{\"name\": \"far\", \"extra_specs\": {\"volume_backend_name\": \"s== far\"}},"
    "{\"name\": \"powerstore\", \"extra_specs\": {\"volume_backend_name\": \"powerstore\"}},"
    "{\"name\": \"both\", \"extra_specs\": {\"volume_backend_name\": \"<or> ceph <or> far\"}},"
    "{\"name\": \"nowhere\", \"extra_specs\": {\"volume_backend_name\": \"gone\"}},"
    "{\"name\": \"any\"}]}";

static vtclone_site *site;

static int set_up(void **state)
{
    vtclone_error err;

    (void)state;
    if (vtclone_site_parse(site_text, strlen(site_text), &site, &err) != VTCLONE_OK)
        fprintf(stderr, "%s\n", err.message);
    return site == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    vtclone_site_free(site);
    return 0;
}

/* One request; what is NULL or 0 has the usual value. */
struct ask {
    const char *type;
    const char *urls;    /* JSON list of locations' URLs */
    const char *members; /* further members of the image, which win over the usual ones */
    const char *volumes;
    const char *backend;
    const char *project;
    int64_t size_gib;
    int32_t signed_images, owner_rule;
    const char *no_locations; /* instead of "locations" */
};

static const char usual_volumes[] =
    "{\"volumes\": [{\"id\": \"" NETAPP_VOLUME "\", \"status\": \"available\", \"host\": \"node@netapp#pool0\","
    "\"metadata\": {\"glance_image_id\": \"" IMAGE "\", \"image_owner\": \"owner\"}},"
    "{\"id\": \"" POWER_VOLUME "\", \"status\": \"in-use\", \"os-vol-host-attr:host\": \"c1@powerstore#b\","
    "\"metadata\": {\"glance_image_id\": \"" IMAGE "\", \"image_owner\": \"owner\"}}]}";

static vtclone_decision *ask(struct ask q)
{
    static char image[65536];
    vtclone_decision *decision = NULL;
    vtclone_error err = { 0 };
    char locations[32768] = "";
    const char *volumes = q.volumes != NULL ? q.volumes : usual_volumes;

    if (q.no_locations != NULL) {
        snprintf(locations, sizeof(locations), "%s", q.no_locations);
    } else {
        size_t at = (size_t)snprintf(locations, sizeof(locations), ", \"locations\": [");
        char *urls = strdup(q.urls != NULL ? q.urls : NETAPP_URL " " CEPH_URL " " POWER_URL), *rest = urls, *url;
        for (bool first = true; (url = strsep(&rest, " ")) != NULL; first = false)
            at += (size_t)snprintf(locations + at, sizeof(locations) - at, "%s{\"url\": \"%s\", \"metadata\": {}}",
                                   first ? "" : ", ", url);
        snprintf(locations + at, sizeof(locations) - at, "]");
        free(urls);
    }
    snprintf(image, sizeof(image),
             "{\"id\": \"" IMAGE "\", \"status\": \"active\", \"owner\": \"owner\", \"disk_format\": \"raw\","
             "\"container_format\": \"bare\", \"size\": 67108864, \"virtual_size\": 67108864, \"min_disk\": 0%s%s%s}",
             locations, q.members != NULL ? ", " : "", q.members != NULL ? q.members : "");
    const vtclone_resolve_options options = {
        .size = sizeof(options), .volume_type = q.type, .backend = q.backend, .size_gib = q.size_gib,
        .project_id = q.project != NULL ? q.project : "owner", .image_volumes = volumes,
        .image_volumes_len = strlen(volumes), .signed_images = q.signed_images, .owner_rule = q.owner_rule,
    };
    if (vtclone_resolve(site, image, strlen(image), &options, &decision, &err) != VTCLONE_OK)
        fail_msg("%s\n%s", err.message, image);
    return decision;
}

static void expect_reason(struct ask q, int32_t reason)
{
    vtclone_decision *decision = ask(q);

    assert_string_equal(vtclone_reason_name(vtclone_decision_reason(decision)), vtclone_reason_name(reason));
    assert_string_equal(vtclone_decision_method(decision), reason == VTCLONE_REASON_OK ? vtclone_decision_method(decision) : "none");
    assert_int_equal(vtclone_decision_location_index(decision) >= 0, reason == VTCLONE_REASON_OK);
    assert_non_null(vtclone_decision_detail(decision));
    vtclone_decision_free(decision);
}

static void expect_hit(struct ask q, const char *method, const char *backend, const char *url, const char *store)
{
    vtclone_decision *decision = ask(q);

    assert_string_equal(vtclone_reason_name(vtclone_decision_reason(decision)), "OK");
    assert_string_equal(vtclone_decision_method(decision), method);
    assert_string_equal(vtclone_decision_backend(decision), backend);
    assert_string_equal(vtclone_decision_url(decision), url);
    if (store != NULL)
        assert_string_equal(vtclone_decision_store(decision), store);
    vtclone_decision_free(decision);
}

/* The reason of the only location for the only backend of type, and whether it counts as unpaired. */
static void expect_candidate(const char *type, const char *url, int32_t reason)
{
    vtclone_decision *decision = ask((struct ask){ .type = type, .urls = url });
    vtclone_candidate_info info = { .size = sizeof(info) };

    assert_int_equal(vtclone_decision_candidate(decision, 0, &info, NULL), VTCLONE_OK);
    if (info.reason != reason)
        fail_msg("%s for %s: %s instead of %s", url, type, vtclone_reason_name(info.reason), vtclone_reason_name(reason));
    assert_int_equal(vtclone_decision_unpaired(decision), vtclone_reason_is_unpaired(reason));
    vtclone_decision_free(decision);
}

static void each_type_of_the_seed_comes_from_its_own_store(void **state)
{
    (void)state;
    expect_hit((struct ask){ .type = "ceph" }, "rbd-clone", "node@ceph#ceph", CEPH_URL, "ceph");
    expect_hit((struct ask){ .type = "netapp" }, "cinder-clone", "node@netapp#pool0", NETAPP_URL, "netapp");
    expect_hit((struct ask){ .type = "powerstore" }, "cinder-clone", "c1@powerstore#a", POWER_URL, "powerstore");
}

static void an_image_that_is_not_active_raw_and_bare_is_a_miss(void **state)
{
    (void)state;
    expect_reason((struct ask){ .type = "ceph", .members = "\"status\": \"saving\"" }, VTCLONE_REASON_IMAGE_NOT_ACTIVE);
    expect_reason((struct ask){ .type = "ceph", .members = "\"status\": null" }, VTCLONE_REASON_IMAGE_NOT_ACTIVE);
    expect_reason((struct ask){ .type = "ceph", .members = "\"disk_format\": \"qcow2\"" }, VTCLONE_REASON_NOT_RAW);
    expect_reason((struct ask){ .type = "ceph", .members = "\"disk_format\": \"RAW\"" }, VTCLONE_REASON_NOT_RAW);
    expect_reason((struct ask){ .type = "ceph", .members = "\"container_format\": \"ova\"" }, VTCLONE_REASON_NOT_BARE);
}

static void an_encrypted_image_is_a_miss_wherever_the_property_stands(void **state)
{
    (void)state;
    expect_reason((struct ask){ .type = "ceph", .members = "\"cinder_encryption_key_id\": \"k\"" },
                  VTCLONE_REASON_ENCRYPTED);
    expect_reason((struct ask){ .type = "ceph", .members = "\"properties\": {\"os_encrypt_key_id\": \"k\"}" },
                  VTCLONE_REASON_ENCRYPTED);
    expect_reason((struct ask){ .type = "ceph", .members = "\"cinder_encryption_key_id\": \"\"" }, VTCLONE_REASON_OK);
}

static void a_signed_image_is_a_miss_unless_allowed(void **state)
{
    (void)state;
    struct ask q = { .type = "ceph", .members = "\"img_signature\": \"s\"" };
    expect_reason(q, VTCLONE_REASON_SIGNED_IMAGE);
    q.signed_images = VTCLONE_SIGNED_ALLOW;
    expect_reason(q, VTCLONE_REASON_OK);
}

static void a_volume_smaller_than_the_image_is_a_miss(void **state)
{
    (void)state;
    struct ask q = { .type = "ceph", .size_gib = 1, .members = "\"virtual_size\": 1073741825" };
    expect_reason(q, VTCLONE_REASON_TOO_SMALL);
    q.size_gib = 2;
    expect_reason(q, VTCLONE_REASON_OK);
    q.size_gib = 0;
    expect_reason(q, VTCLONE_REASON_OK);
    q = (struct ask){ .type = "ceph", .size_gib = 4, .members = "\"min_disk\": 5" };
    expect_reason(q, VTCLONE_REASON_TOO_SMALL);
    q = (struct ask){ .type = "ceph", .size_gib = 1, .members = "\"size\": 2147483648, \"virtual_size\": null" };
    expect_reason(q, VTCLONE_REASON_TOO_SMALL);
}

static void hidden_locations_are_not_the_same_as_none(void **state)
{
    (void)state;
    expect_reason((struct ask){ .type = "ceph", .no_locations = "" }, VTCLONE_REASON_LOCATIONS_HIDDEN);
    expect_reason((struct ask){ .type = "ceph", .no_locations = ", \"direct_url\": null" }, VTCLONE_REASON_LOCATIONS_HIDDEN);
    expect_reason((struct ask){ .type = "ceph", .no_locations = ", \"locations\": []" }, VTCLONE_REASON_NO_LOCATIONS);
    expect_reason((struct ask){ .type = "ceph", .no_locations = ", \"locations\": [], \"direct_url\": \"" CEPH_URL "\"" },
                  VTCLONE_REASON_NO_LOCATIONS);
}

static void direct_url_alone_is_candidate_0(void **state)
{
    (void)state;
    vtclone_decision *decision = ask((struct ask){ .type = "ceph", .no_locations = ", \"direct_url\": \"" CEPH_URL "\"" });
    assert_int_equal(vtclone_decision_location_index(decision), 0);
    assert_string_equal(vtclone_decision_store(decision), "ceph");
    vtclone_decision_free(decision);
}

static void of_two_equal_keys_the_last_counts(void **state)
{
    (void)state;
    expect_reason((struct ask){ .type = "ceph", .members = "\"disk_format\": \"qcow2\", \"disk_format\": \"raw\"" },
                  VTCLONE_REASON_OK);
    expect_reason((struct ask){ .type = "ceph", .members = "\"locations\": [{\"url\": \"rbd://" FSID "/images/" OTHER
                                                           "/snap\", \"metadata\": {}}]" },
                  VTCLONE_REASON_NOT_PAIRED);
}

static void an_rbd_location_must_be_the_images_own_copy(void **state)
{
    (void)state;
    expect_candidate("ceph", "rbd://" FSID "/images/" OTHER "/snap", VTCLONE_REASON_NOT_PAIRED);
    expect_candidate("ceph", "rbd://" FSID "/volumes/volume-" OTHER "/snap", VTCLONE_REASON_NOT_PAIRED);
    expect_candidate("ceph", "rbd://" FSID "/images/" IMAGE "/backup", VTCLONE_REASON_NOT_PAIRED);
    expect_candidate("ceph", "rbd://" FSID "/images/" IMAGE "%20/snap", VTCLONE_REASON_NOT_PAIRED);
    expect_candidate("ceph", "rbd://" FSID "/images/5D1C6E0A-1111-4222-8333-444455556666/snap", VTCLONE_REASON_NOT_PAIRED);
    expect_candidate("ceph", "rbd://" FSID "/backups/" IMAGE "/snap", VTCLONE_REASON_POOL_NOT_ALLOWED);
    expect_candidate("ceph", "rbd://" FSID "/Images/" IMAGE "/snap", VTCLONE_REASON_POOL_NOT_ALLOWED);
    expect_candidate("ceph", "rbd://" IMAGE, VTCLONE_REASON_BAD_LOCATION);
    expect_candidate("ceph", "rbd://" FSID "/im%61ges/" IMAGE "/sna%70", VTCLONE_REASON_OK);
}

static void pairing_is_judged_before_the_kind_of_backend(void **state)
{
    (void)state;
    expect_candidate("powerstore", "rbd://" FSID "/images/" OTHER "/snap", VTCLONE_REASON_NOT_PAIRED);
    expect_candidate("powerstore", "rbd://" FSID "/secret/" IMAGE "/snap", VTCLONE_REASON_POOL_NOT_ALLOWED);
    expect_candidate("powerstore", CEPH_URL, VTCLONE_REASON_STORE_NOT_FOR_BACKEND);
}

static void another_cluster_is_never_chosen(void **state)
{
    (void)state;
    expect_candidate("ceph", "rbd://" FSID2 "/images/" IMAGE "/snap", VTCLONE_REASON_OTHER_CLUSTER);
    expect_candidate("ceph", "rbd://ffff/images/" IMAGE "/snap", VTCLONE_REASON_OTHER_CLUSTER);
    expect_hit((struct ask){ .type = "far", .urls = CEPH_URL " rbd://" FSID2 "/images/" IMAGE "/snap" }, "rbd-clone",
               "node@far#far", "rbd://" FSID2 "/images/" IMAGE "/snap", "far");
}

static void another_scheme_is_unknown_and_its_user_info_hidden(void **state)
{
    (void)state;
    expect_candidate("ceph", "https://user:pw@host/image", VTCLONE_REASON_UNKNOWN_SCHEME);
    vtclone_decision *decision = ask((struct ask){ .type = "ceph", .urls = "https://user:pw@host/image" });
    char *json;
    assert_int_equal(vtclone_decision_json(decision, &json, NULL, NULL), VTCLONE_OK);
    assert_null(strstr(json, "pw@"));
    vtclone_string_free(json);
    vtclone_decision_free(decision);
}

static void an_image_volume_must_be_there_ready_and_this_images(void **state)
{
#define VOLUME(members) "[{\"id\": \"" NETAPP_VOLUME "\", \"host\": \"node@netapp#pool0\", \"status\": \"available\", " members "}]"
#define PAIRED "\"metadata\": {\"glance_image_id\": \"" IMAGE "\", \"image_owner\": \"owner\"}"
    const struct {
        const char *volumes;
        int32_t reason;
    } cases[] = {
        { "[]", VTCLONE_REASON_VOLUME_NOT_FOUND },
        { VOLUME(PAIRED), VTCLONE_REASON_OK },
        { VOLUME(PAIRED ", \"status\": \"in-use\""), VTCLONE_REASON_OK },
        { VOLUME(PAIRED ", \"status\": \"downloading\""), VTCLONE_REASON_VOLUME_NOT_READY },
        { VOLUME(PAIRED ", \"status\": null"), VTCLONE_REASON_VOLUME_NOT_READY },
        { VOLUME(PAIRED ", \"host\": \"node@netapp#pool9\""), VTCLONE_REASON_STORE_NOT_FOR_BACKEND },
        { VOLUME(PAIRED ", \"host\": null"), VTCLONE_REASON_STORE_NOT_FOR_BACKEND },
        { VOLUME("\"metadata\": {\"glance_image_id\": \"" OTHER "\"}"), VTCLONE_REASON_NOT_PAIRED },
        { VOLUME("\"metadata\": {}"), VTCLONE_REASON_NOT_PAIRED },
        { VOLUME("\"metadata\": {\"glance_image_id\": \"" OTHER "\"}, \"host\": \"x@y#z\""), VTCLONE_REASON_NOT_PAIRED },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_reason((struct ask){ .type = "netapp", .backend = "node@netapp#pool0", .urls = NETAPP_URL, .volumes = cases[i].volumes },
                      cases[i].reason);
}

static void the_owner_rule_is_cinders_unless_pairing_is_trusted(void **state)
{
    static const char copied_by_admin[] = VOLUME("\"metadata\": {\"glance_image_id\": \"" IMAGE "\", \"image_owner\": \"admin\"}");
    (void)state;
    struct ask q = { .type = "netapp", .urls = NETAPP_URL, .volumes = copied_by_admin, .project = "somebody" };
    expect_reason(q, VTCLONE_REASON_OWNER_MISMATCH);
    q.owner_rule = VTCLONE_OWNER_PAIRED;
    expect_reason(q, VTCLONE_REASON_OK);
    q = (struct ask){ .type = "netapp", .urls = NETAPP_URL, .volumes = copied_by_admin, .project = "owner" };
    expect_reason(q, VTCLONE_REASON_OK);
    q = (struct ask){ .type = "netapp", .urls = NETAPP_URL, .volumes = VOLUME(PAIRED), .project = "somebody" };
    expect_reason(q, VTCLONE_REASON_OK);
}

static void an_unknown_owner_matches_nobody(void **state)
{
    (void)state;
    expect_reason((struct ask){ .type = "netapp", .urls = NETAPP_URL, .members = "\"owner\": null, \"owner\": \"x\"",
                                .volumes = VOLUME("\"metadata\": {\"glance_image_id\": \"" IMAGE "\"}"), .project = "y" },
                  VTCLONE_REASON_OWNER_MISMATCH);
}

static void pools_of_an_array_are_crossed_only_where_the_backend_says_so(void **state)
{
    (void)state;
    expect_hit((struct ask){ .type = "powerstore", .urls = POWER_URL }, "cinder-clone", "c1@powerstore#a", POWER_URL, NULL);
    expect_reason((struct ask){ .type = "netapp", .backend = "node@netapp#pool1", .urls = NETAPP_URL },
                  VTCLONE_REASON_STORE_NOT_FOR_BACKEND);
    expect_hit((struct ask){ .type = "powerstore", .urls = POWER_URL,
                             .volumes = "[{\"id\": \"" POWER_VOLUME "\", \"status\": \"available\", \"host\": \"c2@powerstore#a\","
                                        "\"cluster_name\": \"cl@powerstore\", " PAIRED "}]" },
               "cinder-clone", "c1@powerstore#a", POWER_URL, NULL);
    expect_reason((struct ask){ .type = "powerstore", .urls = POWER_URL,
                                .volumes = "[{\"id\": \"" POWER_VOLUME "\", \"status\": \"available\", \"host\": \"c11@powerstore#a\", " PAIRED "}]" },
                  VTCLONE_REASON_STORE_NOT_FOR_BACKEND);
}

static void a_store_that_is_no_cinder_store_of_the_site_is_unknown(void **state)
{
    (void)state;
    expect_candidate("netapp", "cinder://net/" NETAPP_VOLUME, VTCLONE_REASON_UNKNOWN_STORE);
    expect_candidate("netapp", "cinder://ceph/" NETAPP_VOLUME, VTCLONE_REASON_UNKNOWN_STORE);
    expect_candidate("netapp", "cinder://netapp0/" NETAPP_VOLUME, VTCLONE_REASON_UNKNOWN_STORE);
}

static void the_backends_own_store_comes_first_then_the_types_then_its_pool(void **state)
{
    (void)state;
    const char *in_pool = "rbd://" FSID "/volumes/" IMAGE "/snap";
    expect_hit((struct ask){ .type = "ceph", .urls = "rbd://" FSID "/volumes/" IMAGE "/snap " CEPH_URL }, "rbd-clone",
               "node@ceph#ceph", CEPH_URL, "ceph");
    expect_hit((struct ask){ .type = "ceph", .urls = in_pool }, "rbd-clone", "node@ceph#ceph", in_pool, "edge");
}

static void ties_keep_glances_order(void **state)
{
    (void)state;
    vtclone_decision *decision = ask((struct ask){ .type = "ceph", .urls = CEPH_URL " " CEPH_URL });
    assert_int_equal(vtclone_decision_location_index(decision), 0);
    char *json;
    assert_int_equal(vtclone_decision_json(decision, &json, NULL, NULL), VTCLONE_OK);
    assert_non_null(strstr(json, "\"order\":[0,1]"));
    vtclone_string_free(json);
    vtclone_decision_free(decision);
}

static void every_location_is_judged_for_every_backend_of_the_type(void **state)
{
    (void)state;
    vtclone_decision *decision = ask((struct ask){ .type = "both" });
    assert_int_equal(vtclone_decision_candidate_count(decision), 6);
    assert_string_equal(vtclone_decision_backend(decision), "node@ceph#ceph");
    vtclone_candidate_info info = { .size = sizeof(info) };
    vtclone_error err;
    assert_int_equal(vtclone_decision_candidate(decision, 6, &info, &err), VTCLONE_E_INVALID);
    assert_error(err, VTCLONE_E_INVALID, "number 6 of 6");
    assert_int_equal(vtclone_decision_candidate(decision, 4, &info, &err), VTCLONE_OK);
    assert_string_equal(info.host, "node@far#far");
    assert_int_equal(info.index, 1);
    assert_int_equal(info.reason, VTCLONE_REASON_OTHER_CLUSTER);
    vtclone_decision_free(decision);
}

static void a_type_or_backend_that_is_not_there_is_a_miss_with_its_name(void **state)
{
    (void)state;
    expect_reason((struct ask){ .type = "gold" }, VTCLONE_REASON_UNKNOWN_VOLUME_TYPE);
    expect_reason((struct ask){ .type = "nowhere" }, VTCLONE_REASON_NO_BACKEND);
    expect_reason((struct ask){ .type = "ceph", .backend = "node@netapp#pool0" }, VTCLONE_REASON_NO_BACKEND);
    expect_reason((struct ask){ .type = "ceph", .backend = "node@cep" }, VTCLONE_REASON_NO_BACKEND);
    expect_hit((struct ask){ .type = "ceph", .backend = "node@ceph" }, "rbd-clone", "node@ceph#ceph", CEPH_URL, "ceph");
    expect_hit((struct ask){ .type = NULL, .backend = "node@ceph#ceph" }, "rbd-clone", "node@ceph#ceph", CEPH_URL, "ceph");
}

static void a_copy_that_is_being_made_or_failed_is_told(void **state)
{
    (void)state;
    struct ask q = { .type = "ceph", .urls = NETAPP_URL, .members = "\"os_glance_importing_to_stores\": \"far,ceph\"" };
    expect_reason(q, VTCLONE_REASON_COPY_IN_PROGRESS);
    q.members = "\"os_glance_failed_import\": \"ceph\"";
    expect_reason(q, VTCLONE_REASON_COPY_FAILED);
    q.members = "\"os_glance_importing_to_stores\": \"ceph2,notceph\"";
    expect_reason(q, VTCLONE_REASON_STORE_NOT_FOR_BACKEND);
}

static void a_spoofed_location_is_told_even_where_the_image_is_a_miss_anyway(void **state)
{
    (void)state;
    vtclone_decision *decision = ask((struct ask){ .type = "ceph", .urls = "rbd://" FSID "/images/" OTHER "/snap",
                                                   .members = "\"disk_format\": \"qcow2\"" });
    assert_true(vtclone_decision_unpaired(decision));
    vtclone_decision_free(decision);
}

static void two_identical_calls_give_identical_answers(void **state)
{
    (void)state;
    char *one, *other;
    vtclone_decision *first = ask((struct ask){ .type = "both" }), *second = ask((struct ask){ .type = "both" });
    assert_int_equal(vtclone_decision_json(first, &one, NULL, NULL), VTCLONE_OK);
    assert_int_equal(vtclone_decision_json(second, &other, NULL, NULL), VTCLONE_OK);
    assert_string_equal(one, other);
    vtclone_string_free(one);
    vtclone_string_free(other);
    vtclone_decision_free(first);
    vtclone_decision_free(second);
}

static int32_t resolve_text(const char *image, vtclone_error *err)
{
    vtclone_decision *decision = NULL;
    int32_t code = vtclone_resolve(site, image, strlen(image), NULL, &decision, err);

    vtclone_decision_free(decision);
    return code;
}

static void a_bad_image_is_refused_with_the_path(void **state)
{
    const struct {
        const char *image, *message;
    } cases[] = {
        { "[]", "image: expected an object, found a list" },
        { "{}", "image: id: missing" },
        { "{\"id\": \"\"}", "image: id: empty" },
        { "{\"id\": 1}", "image: id: expected a string, found a number" },
        { "{\"id\": \"a\", \"locations\": {}}", "image: locations: expected a list, found an object" },
        { "{\"id\": \"a\", \"locations\": [1]}", "image: locations[0]: expected an object, found a number" },
        { "{\"id\": \"a\", \"locations\": [{\"metadata\": {}}]}", "image: locations[0].url: missing" },
        { "{\"id\": \"a\", \"locations\": [{\"url\": \"x\", \"metadata\": {\"store\": []}}]}",
          "image: locations[0].metadata.store: expected a string, found a list" },
        { "{\"id\": \"a\", \"size\": \"12\"}", "image: size: expected a number, found a string" },
        { "{\"id\": \"a\", \"size\": -5}", "image: a negative size" },
        { "{\"id\": \"a\\u0000b\"}", "image: id: a NUL inside the string" },
        { "{\"id\": \"a\", \"direct_url\": 7}", "image: direct_url: expected a string, found a number" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        vtclone_error err;
        assert_int_equal(resolve_text(cases[i].image, &err), VTCLONE_E_DOCUMENT);
        assert_error(err, VTCLONE_E_DOCUMENT, cases[i].message);
    }
}

static void limits_are_errors_that_name_themselves(void **state)
{
    (void)state;
    static char image[1 << 20];
    vtclone_error err;
    size_t at = (size_t)snprintf(image, sizeof(image), "{\"id\": \"a\", \"locations\": [{\"url\": \"x\"}");
    for (int i = 0; i < VTCLONE_MAX_LOCATIONS; i++)
        at += (size_t)snprintf(image + at, sizeof(image) - at, ", {\"url\": \"x\"}");
    snprintf(image + at, sizeof(image) - at, "]}");
    assert_int_equal(resolve_text(image, &err), VTCLONE_E_LIMIT);
    assert_error(err, VTCLONE_E_LIMIT, "VTCLONE_MAX_LOCATIONS (128)");
    snprintf(image, sizeof(image), "{\"id\": \"a\", \"direct_url\": \"%0*d\"}", VTCLONE_MAX_URL_BYTES + 1, 0);
    assert_int_equal(resolve_text(image, &err), VTCLONE_E_LIMIT);
    assert_error(err, VTCLONE_E_LIMIT, "VTCLONE_MAX_URL_BYTES (2048)");
    snprintf(image, sizeof(image), "{\"id\": \"%0*d\"}", VTCLONE_MAX_NAME_BYTES + 1, 0);
    assert_int_equal(resolve_text(image, &err), VTCLONE_E_LIMIT);
    assert_error(err, VTCLONE_E_LIMIT, "image: id: 256 bytes are more than 255");
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    vtclone_decision *decision = NULL;
    vtclone_error err;
    vtclone_resolve_options options = { .size = sizeof(options), .size_gib = -1 };
    assert_int_equal(vtclone_resolve(NULL, "{}", 2, NULL, &decision, NULL), VTCLONE_E_INVALID);
    assert_int_equal(vtclone_resolve(site, NULL, 0, NULL, &decision, NULL), VTCLONE_E_INVALID);
    assert_int_equal(vtclone_resolve(site, "{}", 2, NULL, NULL, NULL), VTCLONE_E_INVALID);
    assert_int_equal(vtclone_resolve(site, "{}", 2, &options, &decision, &err), VTCLONE_E_INVALID);
    assert_error(err, VTCLONE_E_INVALID, "size -1 GiB");
    options = (vtclone_resolve_options){ .size = sizeof(options), .owner_rule = 7 };
    assert_int_equal(vtclone_resolve(site, "{}", 2, &options, &decision, &err), VTCLONE_E_INVALID);
    options = (vtclone_resolve_options){ .size = 0 };
    assert_int_equal(vtclone_resolve(site, "{}", 2, &options, &decision, &err), VTCLONE_E_INVALID);
    assert_error(err, VTCLONE_E_INVALID, "its first member must be its size");
    assert_null(decision);
}

static void options_of_an_older_and_a_newer_caller_are_understood(void **state)
{
    (void)state;
    static const char image[] = "{\"id\": \"a\"}";
    vtclone_decision *decision = NULL;
    vtclone_error err;
    struct {
        vtclone_resolve_options options;
        uint64_t later;
    } newer = { .options = { .size = sizeof(newer), .volume_type = "gold" } };
    assert_int_equal(vtclone_resolve(site, image, strlen(image), &newer.options, &decision, &err), VTCLONE_OK);
    assert_int_equal(vtclone_decision_reason(decision), VTCLONE_REASON_UNKNOWN_VOLUME_TYPE);
    vtclone_decision_free(decision);
    newer.later = 1;
    assert_int_equal(vtclone_resolve(site, image, strlen(image), &newer.options, &decision, &err), VTCLONE_E_INVALID);
    assert_error(err, VTCLONE_E_INVALID, "does not know is set");
    vtclone_resolve_options older = { .size = offsetof(vtclone_resolve_options, backend), .backend = "not read" };
    assert_int_equal(vtclone_resolve(site, image, strlen(image), &older, &decision, &err), VTCLONE_OK);
    assert_int_equal(vtclone_decision_reason(decision), VTCLONE_REASON_IMAGE_NOT_ACTIVE);
    vtclone_decision_free(decision);
}

static void a_decision_outlives_its_site(void **state)
{
    (void)state;
    vtclone_site *mine;
    vtclone_decision *decision;
    char *json;
    static const char image[] = "{\"id\": \"a\", \"direct_url\": \"x\"}";
    assert_int_equal(vtclone_site_parse(site_text, strlen(site_text), &mine, NULL), VTCLONE_OK);
    assert_int_equal(vtclone_resolve(mine, image, strlen(image), NULL, &decision, NULL), VTCLONE_OK);
    vtclone_site_free(mine);
    assert_int_equal(vtclone_decision_json(decision, &json, NULL, NULL), VTCLONE_OK);
    assert_non_null(strstr(json, "node@ceph#ceph"));
    vtclone_string_free(json);
    vtclone_decision_free(decision);
}

static void freeing_nothing_is_nothing(void **state)
{
    (void)state;
    vtclone_site_free(NULL);
    vtclone_decision_free(NULL);
    vtclone_string_free(NULL);
    assert_string_equal(vtclone_decision_method(NULL), "none");
    assert_null(vtclone_decision_url(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_of_the_seed_comes_from_its_own_store),
        cmocka_unit_test(an_image_that_is_not_active_raw_and_bare_is_a_miss),
        cmocka_unit_test(an_encrypted_image_is_a_miss_wherever_the_property_stands),
        cmocka_unit_test(a_signed_image_is_a_miss_unless_allowed),
        cmocka_unit_test(a_volume_smaller_than_the_image_is_a_miss),
        cmocka_unit_test(hidden_locations_are_not_the_same_as_none),
        cmocka_unit_test(direct_url_alone_is_candidate_0),
        cmocka_unit_test(of_two_equal_keys_the_last_counts),
        cmocka_unit_test(an_rbd_location_must_be_the_images_own_copy),
        cmocka_unit_test(pairing_is_judged_before_the_kind_of_backend),
        cmocka_unit_test(another_cluster_is_never_chosen),
        cmocka_unit_test(another_scheme_is_unknown_and_its_user_info_hidden),
        cmocka_unit_test(an_image_volume_must_be_there_ready_and_this_images),
        cmocka_unit_test(the_owner_rule_is_cinders_unless_pairing_is_trusted),
        cmocka_unit_test(an_unknown_owner_matches_nobody),
        cmocka_unit_test(pools_of_an_array_are_crossed_only_where_the_backend_says_so),
        cmocka_unit_test(a_store_that_is_no_cinder_store_of_the_site_is_unknown),
        cmocka_unit_test(the_backends_own_store_comes_first_then_the_types_then_its_pool),
        cmocka_unit_test(ties_keep_glances_order),
        cmocka_unit_test(every_location_is_judged_for_every_backend_of_the_type),
        cmocka_unit_test(a_type_or_backend_that_is_not_there_is_a_miss_with_its_name),
        cmocka_unit_test(a_copy_that_is_being_made_or_failed_is_told),
        cmocka_unit_test(a_spoofed_location_is_told_even_where_the_image_is_a_miss_anyway),
        cmocka_unit_test(two_identical_calls_give_identical_answers),
        cmocka_unit_test(a_bad_image_is_refused_with_the_path),
        cmocka_unit_test(limits_are_errors_that_name_themselves),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(options_of_an_older_and_a_newer_caller_are_understood),
        cmocka_unit_test(a_decision_outlives_its_site),
        cmocka_unit_test(freeing_nothing_is_nothing),
    };
    return cmocka_run_group_tests_name("resolve", tests, set_up, tear_down);
}

/*
 * test_clone.c - what the librbd engine makes, refuses and leaves alone, one rule a test.
 */
#include "lab.h"
#include "librbd_image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OTHER "7d0e8f6c-2b8e-4c44-9a43-6f1f4f6a2b11" /* an image id that nothing has */

static struct lab lab;
static vtclone *handle;
static vtclone_site *site;

static int group_up(void **state)
{
    (void)state;
    lab = lab_first();
    handle = handle_open(NULL);
    site = site_make(&lab, (struct site_spec){ 0 });
    return 0;
}

static int group_down(void **state)
{
    (void)state;
    vtclone_site_free(site);
    vtclone_free(handle);
    lab_close();
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    pool_empty(&lab, "volumes");
    parent_make(&lab, (struct parent_spec){ 0 });
    return 0;
}

static void must(int result)
{
    assert_true(result >= 0);
}

/* ---- what is made ---- */

struct seen {
    uint64_t size, features, stripe_unit, stripe_count;
    uint8_t order;
    char parent[100];
    char id[64];
};

static struct seen look(const char *name)
{
    rbd_linked_image_spec_t parent;
    rbd_snap_spec_t snap;
    rbd_image_info_t info;
    rbd_image_t image;
    struct seen seen = { 0 };

    must(rbd_open_read_only(lab_pool(&lab, "volumes"), name, &image, NULL));
    must(rbd_stat(image, &info, sizeof(info)));
    seen.size = info.size;
    seen.order = (uint8_t)info.order;
    must(rbd_get_features(image, &seen.features));
    must(rbd_get_stripe_unit(image, &seen.stripe_unit));
    must(rbd_get_stripe_count(image, &seen.stripe_count));
    must(rbd_get_id(image, seen.id, sizeof(seen.id)));
    if (rbd_get_parent(image, &parent, &snap) == 0) {
        snprintf(seen.parent, sizeof(seen.parent), "%s/%s@%s", parent.pool_name, parent.image_name, snap.name);
        rbd_linked_image_spec_cleanup(&parent);
        rbd_snap_spec_cleanup(&snap);
    }
    must(image_close(lab_pool(&lab, "volumes"), image));
    return seen;
}

static void a_clone_has_the_parents_bytes_the_size_asked_for_and_zeros_beyond(void **state)
{
    vtclone_decision *decision = decide_image(&lab, site);
    struct seen seen;

    (void)state;
    clone_ok(handle, decision, "volume-1", 3, false);
    seen = look("volume-1");
    assert_int_equal(seen.size, 3 * GIB);
    assert_string_equal(seen.parent, "images/" IMAGE "@snap");
    volume_check_content(&lab, "volumes", "volume-1");
    vtclone_decision_free(decision);
}

static void features_are_those_of_the_clients_configuration(void **state)
{
    vtclone_decision *decision = decide_image(&lab, site);

    (void)state;
    clone_ok(handle, decision, "volume-1", 1, false);
    /* 61 is Ceph's default; OPERATIONS marks a clone v2. */
    assert_int_equal(look("volume-1").features & ~(uint64_t)RBD_FEATURE_OPERATIONS, FEATURES_DEFAULT);
    vtclone_decision_free(decision);
}

static void objects_are_as_large_as_the_larger_of_stripe_unit_and_chunk_size(void **state)
{
    static const struct {
        int parent_order, chunk_mib, expected;
    } cases[] = { { 23, 0, 23 }, { 22, 0, 22 }, { 20, 0, 22 }, { 20, 8, 23 }, { 22, 16, 24 }, { 24, 8, 24 } };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        vtclone_site *own = site_make(&lab, (struct site_spec){ .chunk_size_mib = cases[i].chunk_mib });
        vtclone_decision *decision = decide_image(&lab, own);

        pool_empty(&lab, "volumes");
        parent_make(&lab, (struct parent_spec){ .order = cases[i].parent_order });
        clone_ok(handle, decision, "volume-1", 1, false);
        assert_int_equal(look("volume-1").order, cases[i].expected);
        vtclone_decision_free(decision);
        vtclone_site_free(own);
    }
}

static void a_striped_parent_is_cloned_with_its_bytes(void **state)
{
    vtclone_decision *decision = decide_image(&lab, site);

    (void)state;
    parent_make(&lab, (struct parent_spec){ .features = FEATURES_DEFAULT | RBD_FEATURE_STRIPINGV2, .order = 22,
                                            .stripe_unit = 65536, .stripe_count = 4 });
    clone_ok(handle, decision, "volume-1", 1, false);
    assert_int_equal(look("volume-1").order, 22); /* the chunk size: the stripe unit is smaller */
    volume_check_content(&lab, "volumes", "volume-1");
    vtclone_decision_free(decision);
}

static void parents_with_few_and_with_fancy_features_are_cloned(void **state)
{
    static const uint64_t features[] = { RBD_FEATURE_LAYERING, FEATURES_DEFAULT | RBD_FEATURE_JOURNALING,
                                         RBD_FEATURE_LAYERING | RBD_FEATURE_EXCLUSIVE_LOCK | RBD_FEATURE_OBJECT_MAP };
    vtclone_decision *decision = decide_image(&lab, site);

    (void)state;
    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        pool_empty(&lab, "volumes");
        parent_make(&lab, (struct parent_spec){ .features = features[i] });
        clone_ok(handle, decision, "volume-1", 2, false);
        volume_check_content(&lab, "volumes", "volume-1");
    }
    vtclone_decision_free(decision);
}

static void an_unprotected_snapshot_is_cloned_where_clone_v2_is_on(void **state)
{
    vtclone_decision *decision = decide_image(&lab, site);

    (void)state;
    parent_make(&lab, (struct parent_spec){ .unprotected = true });
    clone_ok(handle, decision, "volume-1", 1, false);
    vtclone_decision_free(decision);
}

static void a_volume_as_large_as_its_parent_is_not_resized(void **state)
{
    vtclone_decision *decision = decide_image(&lab, site);

    (void)state;
    parent_make(&lab, (struct parent_spec){ .size = GIB });
    clone_ok(handle, decision, "volume-1", 1, false);
    assert_int_equal(look("volume-1").size, GIB);
    vtclone_decision_free(decision);
}

static void percent_encoded_locations_are_the_names_they_decode_to(void **state)
{
    /* A pool whose name has a space and what looks like an encoding of its own, as store and as target. */
    vtclone_site *own = site_make(&lab, (struct site_spec){ .store_pool = "vol umes%2f", .pool = "vol umes%2f",
                                                            .user = "admin" });
    vtclone_decision *decision =
        decide(own, IMAGE, url_of(&lab, "vol%20umes%252f", "%63" "2167165-77b5-562c-b10f-8ac130895ee4", "sn%61p"), NULL);

    (void)state;
    lab_make_pool(&lab, "vol umes%2f");
    pool_empty(&lab, "vol umes%2f");
    parent_make(&lab, (struct parent_spec){ .pool = "vol umes%2f" });
    clone_ok(handle, decision, "volume-1", 1, false);
    volume_check_content(&lab, "vol umes%2f", "volume-1");
    vtclone_decision_free(decision);
    vtclone_site_free(own);
    pool_empty(&lab, "vol umes%2f");
}

/* ---- what is refused, and what is left alone ---- */

static void the_same_call_again_is_success_and_changes_nothing(void **state)
{
    vtclone_decision *decision = decide_image(&lab, site);
    struct seen before, after;

    (void)state;
    clone_ok(handle, decision, "volume-1", 2, false);
    before = look("volume-1");
    clone_ok(handle, decision, "volume-1", 2, true);
    after = look("volume-1");
    assert_string_equal(before.id, after.id);
    assert_int_equal(pool_count(&lab, "volumes"), 1);
    vtclone_decision_free(decision);
}

static void a_clone_of_the_same_snapshot_with_another_size_is_left_alone(void **state)
{
    vtclone_decision *decision = decide_image(&lab, site);

    (void)state;
    clone_ok(handle, decision, "volume-1", 2, false);
    clone_fails(handle, decision, "volume-1", 3, VTCLONE_E_EXISTS, "a clone of this snapshot with 2147483648 bytes");
    clone_fails(handle, decision, "volume-1", 1, VTCLONE_E_EXISTS, "a clone of this snapshot with 2147483648 bytes");
    assert_int_equal(look("volume-1").size, 2 * GIB);
    vtclone_decision_free(decision);
}

static void an_image_that_is_no_clone_is_left_alone(void **state)
{
    vtclone_decision *decision = decide_image(&lab, site);
    char id[64];
    int order = 22;

    (void)state;
    must(rbd_create2(lab_pool(&lab, "volumes"), "volume-1", GIB, FEATURES_DEFAULT, &order));
    snprintf(id, sizeof(id), "%s", look("volume-1").id);
    clone_fails(handle, decision, "volume-1", 1, VTCLONE_E_EXISTS, "another image");
    assert_string_equal(look("volume-1").id, id);
    vtclone_decision_free(decision);
}

static void a_clone_of_another_snapshot_is_left_alone(void **state)
{
    /* One whose parent this user can read, and one whose parent it cannot. */
    static const struct {
        const char *pool, *id, *message;
    } cases[] = { { "images", OTHER, "not a clone of this snapshot" }, { "scratch", IMAGE, "cannot be read" } };
    vtclone_decision *decision = decide_image(&lab, site);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char id[64];

        parent_make(&lab, (struct parent_spec){ .pool = cases[i].pool, .id = cases[i].id, .size = GIB });
        must(rbd_clone(lab_pool(&lab, cases[i].pool), cases[i].id, "snap", lab_pool(&lab, "volumes"), "volume-1",
                       FEATURES_DEFAULT, &(int){ 23 }));
        snprintf(id, sizeof(id), "%s", look("volume-1").id);
        clone_fails(handle, decision, "volume-1", 1, VTCLONE_E_EXISTS, cases[i].message);
        assert_string_equal(look("volume-1").id, id);
        pool_empty(&lab, "volumes");
        parent_remove(&lab, cases[i].pool, cases[i].id);
    }
    vtclone_decision_free(decision);
}

static void what_an_interrupted_creation_left_is_reported_and_left_alone(void **state)
{
    vtclone_decision *decision = decide_image(&lab, site);
    rados_ioctx_t ioctx = lab_pool(&lab, "volumes");
    char header[100];
    int order = 22;

    (void)state;
    /* A directory entry and an id object without a header: where a creation that died may stop. */
    must(rbd_create2(ioctx, "volume-1", GIB, FEATURES_DEFAULT, &order));
    snprintf(header, sizeof(header), "rbd_header.%s", look("volume-1").id);
    must(rados_remove(ioctx, header));
    clone_fails(handle, decision, "volume-1", 1, VTCLONE_E_EXISTS, "interrupted creation");
    assert_true(volume_leftover(&lab, "volumes", "volume-1"));
    (void)rbd_remove(ioctx, "volume-1");
    assert_false(volume_leftover(&lab, "volumes", "volume-1"));
    clone_ok(handle, decision, "volume-1", 1, false);
    vtclone_decision_free(decision);
}

static void a_parent_larger_than_the_volume_is_refused(void **state)
{
    vtclone_decision *decision = decide_image(&lab, site);

    (void)state;
    parent_make(&lab, (struct parent_spec){ .size = GIB + MIB });
    clone_fails(handle, decision, "volume-1", 1, VTCLONE_E_MISS, "the parent has 1074790400 bytes");
    assert_false(volume_leftover(&lab, "volumes", "volume-1"));
    clone_ok(handle, decision, "volume-1", 2, false);
    vtclone_decision_free(decision);
}

static void a_missing_image_or_snapshot_is_a_miss_that_says_so(void **state)
{
    vtclone_decision *absent = decide(site, OTHER, url_of(&lab, "images", OTHER, "snap"), NULL);
    vtclone_decision *unsnapped = decide_image(&lab, site);

    (void)state;
    parent_make(&lab, (struct parent_spec){ .snap = "other" });
    clone_fails(handle, absent, "volume-1", 1, VTCLONE_E_MISS, "images/" OTHER "@snap to volumes/volume-1");
    clone_fails(handle, unsnapped, "volume-1", 1, VTCLONE_E_MISS, "its snapshot is not there");
    assert_int_equal(pool_count(&lab, "volumes"), 0);
    vtclone_decision_free(absent);
    vtclone_decision_free(unsnapped);
}

static void a_parent_in_the_old_format_or_without_layering_is_refused(void **state)
{
    vtclone_decision *decision = decide_image(&lab, site);

    (void)state;
    parent_make(&lab, (struct parent_spec){ .features = RBD_FEATURE_EXCLUSIVE_LOCK, .unprotected = true });
    clone_fails(handle, decision, "volume-1", 1, VTCLONE_E_RADOS, "layering");
    assert_int_equal(pool_count(&lab, "volumes"), 0);
    vtclone_decision_free(decision);
}

static void the_next_location_is_tried_and_the_decision_says_why(void **state)
{
    vtclone_decision *decision = decide(site, IMAGE, url_of(&lab, "images", IMAGE, "snap"),
                                        url_of(&lab, "scratch", IMAGE, "snap"), NULL);
    vtclone_site *admin = site_make(&lab, (struct site_spec){ .user = "admin" });
    vtclone_decision *both, *made = NULL;
    vtclone_error error;
    char *json;

    (void)state;
    vtclone_decision_free(decision);
    both = decide(admin, IMAGE, url_of(&lab, "images", IMAGE, "snap"), url_of(&lab, "scratch", IMAGE, "snap"), NULL);
    assert_int_equal(vtclone_decision_location_index(both), 0);
    parent_remove(&lab, "images", IMAGE);
    parent_make(&lab, (struct parent_spec){ .pool = "scratch" });
    if (vtclone_clone(handle, both, "volume-1", 1, NULL, &made, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(vtclone_decision_location_index(made), 1);
    assert_int_equal(vtclone_decision_location_index(both), 0); /* the caller's is not changed */
    assert_string_equal(look("volume-1").parent, "scratch/" IMAGE "@snap");
    assert_int_equal(vtclone_decision_json(made, &json, NULL, &error), 0);
    assert_non_null(strstr(json, "SNAPSHOT_MISSING"));
    vtclone_string_free(json);
    vtclone_decision_free(made);
    vtclone_decision_free(both);
    vtclone_site_free(admin);
    pool_empty(&lab, "volumes");
    pool_empty(&lab, "scratch");
}

static void a_parent_that_was_made_again_is_noticed_at_once(void **state)
{
    vtclone_decision *decision = decide_image(&lab, site);

    (void)state;
    clone_ok(handle, decision, "volume-1", 1, false);
    pool_empty(&lab, "volumes");
    /* Larger than before, within the seconds that facts are kept. */
    parent_make(&lab, (struct parent_spec){ .size = GIB + MIB });
    clone_fails(handle, decision, "volume-1", 1, VTCLONE_E_MISS, "the parent has 1074790400 bytes");
    assert_false(volume_leftover(&lab, "volumes", "volume-1"));
    clone_ok(handle, decision, "volume-1", 2, false);
    pool_empty(&lab, "volumes");
    parent_remove(&lab, "images", IMAGE);
    clone_fails(handle, decision, "volume-1", 2, VTCLONE_E_MISS, "is not there");
    assert_false(volume_leftover(&lab, "volumes", "volume-1"));
    vtclone_decision_free(decision);
}

static void a_pool_that_the_user_may_not_write_fails_and_stays_empty(void **state)
{
    vtclone_site *own = site_make(&lab, (struct site_spec){ .pool = "netapp" });
    vtclone_decision *decision = decide_image(&lab, own);

    (void)state;
    clone_fails(handle, decision, "volume-1", 1, VTCLONE_E_RADOS, "Operation not permitted");
    assert_int_equal(pool_count(&lab, "netapp"), 0);
    vtclone_decision_free(decision);
    vtclone_site_free(own);
}

static void a_pool_that_is_not_there_is_named(void **state)
{
    vtclone_site *own = site_make(&lab, (struct site_spec){ .pool = "nowhere" });
    vtclone_decision *decision = decide_image(&lab, own);

    (void)state;
    clone_fails(handle, decision, "volume-1", 1, VTCLONE_E_RADOS, "look up pool nowhere: No such file or directory");
    vtclone_decision_free(decision);
    vtclone_site_free(own);
}

static void wrong_arguments_are_refused_before_anything_is_asked(void **state)
{
    vtclone_decision *decision = decide_image(&lab, site), *made = NULL;
    vtclone_decision *miss = decide(site, IMAGE, url_of(&lab, "nowhere", IMAGE, "snap"), NULL);
    const vtclone_clone_options odd = { .size = sizeof(odd), .engine = 77 };
    vtclone_error error;
    char name[300];

    (void)state;
    clone_fails(handle, decision, "", 1, VTCLONE_E_INVALID, "name is empty");
    clone_fails(handle, decision, NULL, 1, VTCLONE_E_INVALID, "name is empty");
    clone_fails(handle, decision, "a/b", 1, VTCLONE_E_INVALID, "a/b");
    clone_fails(handle, decision, "a@b", 1, VTCLONE_E_INVALID, "a@b");
    clone_fails(handle, decision, "a\nb", 1, VTCLONE_E_INVALID, "a\\x0ab");
    memset(name, 'v', sizeof(name));
    name[256] = '\0';
    clone_fails(handle, decision, name, 1, VTCLONE_E_LIMIT, "VTCLONE_MAX_NAME_BYTES");
    clone_fails(handle, decision, "volume-1", 0, VTCLONE_E_INVALID, "0 GiB");
    clone_fails(handle, decision, "volume-1", VTCLONE_MAX_SIZE_GIB + INT64_C(1), VTCLONE_E_INVALID, "must be 1 to");
    clone_fails(NULL, decision, "volume-1", 1, VTCLONE_E_INVALID, "handle is NULL");
    clone_fails(handle, NULL, "volume-1", 1, VTCLONE_E_INVALID, "decision is NULL");
    clone_fails(handle, miss, "volume-1", 1, VTCLONE_E_MISS, "POOL_NOT_ALLOWED");
    assert_int_equal(vtclone_clone(handle, decision, "volume-1", 1, &odd, &made, &error), VTCLONE_E_INVALID);
    assert_int_equal(vtclone_clone(handle, decision, "volume-1", 1, NULL, NULL, &error), VTCLONE_E_INVALID);
    assert_int_equal(pool_count(&lab, "volumes"), 0);
    vtclone_decision_free(decision);
    vtclone_decision_free(miss);
}

static void debug_lines_go_to_the_descriptor_that_was_given(void **state)
{
    vtclone_decision *decision = decide_image(&lab, site);
    char text[4000];
    int ends[2];
    vtclone *own;
    ssize_t len;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    own = handle_open(&(vtclone_options){ .size = sizeof(vtclone_options), .debug_fd = ends[1] });
    clone_ok(own, decision, "volume-1", 1, false);
    clone_fails(own, decision, "volume-1", 2, VTCLONE_E_EXISTS, "File exists");
    vtclone_free(own);
    close(ends[1]);
    len = read(ends[0], text, sizeof(text) - 1);
    close(ends[0]);
    assert_true(len > 0);
    text[len] = '\0';
    assert_non_null(strstr(text, "to volumes/volume-1: done"));
    assert_non_null(strstr(text, "VTCLONE_E_EXISTS"));
    assert_int_equal(text[len - 1], '\n');
    vtclone_decision_free(decision);
}

/* ---- clone v1: the second cluster ---- */

static void clone_v1_works_from_a_protected_snapshot_and_says_what_it_wants(void **state)
{
    struct lab second = lab_second();
    vtclone_site *own = site_make(&second, (struct site_spec){ 0 });
    vtclone_decision *decision = decide_image(&second, own);

    (void)state;
    pool_empty(&second, "volumes");
    parent_make(&second, (struct parent_spec){ 0 });
    clone_ok(handle, decision, "volume-1", 2, false);
    clone_ok(handle, decision, "volume-1", 2, true);
    volume_check_content(&second, "volumes", "volume-1");
    pool_empty(&second, "volumes");
    parent_make(&second, (struct parent_spec){ .unprotected = true });
    clone_fails(handle, decision, "volume-1", 2, VTCLONE_E_RADOS, "not protected");
    assert_false(volume_leftover(&second, "volumes", "volume-1"));
    vtclone_decision_free(decision);
    vtclone_site_free(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_clone_has_the_parents_bytes_the_size_asked_for_and_zeros_beyond, set_up),
        cmocka_unit_test_setup(features_are_those_of_the_clients_configuration, set_up),
        cmocka_unit_test_setup(objects_are_as_large_as_the_larger_of_stripe_unit_and_chunk_size, set_up),
        cmocka_unit_test_setup(a_striped_parent_is_cloned_with_its_bytes, set_up),
        cmocka_unit_test_setup(parents_with_few_and_with_fancy_features_are_cloned, set_up),
        cmocka_unit_test_setup(an_unprotected_snapshot_is_cloned_where_clone_v2_is_on, set_up),
        cmocka_unit_test_setup(a_volume_as_large_as_its_parent_is_not_resized, set_up),
        cmocka_unit_test_setup(percent_encoded_locations_are_the_names_they_decode_to, set_up),
        cmocka_unit_test_setup(the_same_call_again_is_success_and_changes_nothing, set_up),
        cmocka_unit_test_setup(a_clone_of_the_same_snapshot_with_another_size_is_left_alone, set_up),
        cmocka_unit_test_setup(an_image_that_is_no_clone_is_left_alone, set_up),
        cmocka_unit_test_setup(a_clone_of_another_snapshot_is_left_alone, set_up),
        cmocka_unit_test_setup(what_an_interrupted_creation_left_is_reported_and_left_alone, set_up),
        cmocka_unit_test_setup(a_parent_larger_than_the_volume_is_refused, set_up),
        cmocka_unit_test_setup(a_missing_image_or_snapshot_is_a_miss_that_says_so, set_up),
        cmocka_unit_test_setup(a_parent_in_the_old_format_or_without_layering_is_refused, set_up),
        cmocka_unit_test_setup(the_next_location_is_tried_and_the_decision_says_why, set_up),
        cmocka_unit_test_setup(a_parent_that_was_made_again_is_noticed_at_once, set_up),
        cmocka_unit_test_setup(a_pool_that_the_user_may_not_write_fails_and_stays_empty, set_up),
        cmocka_unit_test_setup(a_pool_that_is_not_there_is_named, set_up),
        cmocka_unit_test_setup(wrong_arguments_are_refused_before_anything_is_asked, set_up),
        cmocka_unit_test_setup(debug_lines_go_to_the_descriptor_that_was_given, set_up),
        cmocka_unit_test_setup(clone_v1_works_from_a_protected_snapshot_and_says_what_it_wants, set_up),
    };

    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, group_up, group_down);
}

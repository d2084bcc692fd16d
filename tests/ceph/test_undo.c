/*
 * test_undo.c - what the direct engine has begun and cannot undo at once: a thread of its own does it later, or the error
 * says that it stays; and a second call for a name that the first is still at work on. (The librbd engine's own undoing is
 * in test_answers.c.)
 */
#include "acts.h"
#include "lab.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATER_MAX 64 /* threads that undo later */
#define PATIENCE_S 120
#define LATER "what was begun is removed as soon as the cluster lets it (Input/output error)"
#define NEVER "what was begun could not be removed (Input/output error): remove it with rbd rm"

/* The id object cannot be made, and so it cannot be marked for the undoing either. */
static const struct act no_id = { "write rbd_id", 0, ALWAYS, -EIO, 0, NULL };

static struct lab lab;
static vtclone *handle;
static vtclone_site *site;
static vtclone_decision *decision;
static char volume[64];

static int group_up(void **state)
{
    (void)state;
    one_image_up(&lab, &site, &decision);
    return 0;
}

static int group_down(void **state)
{
    (void)state;
    one_image_down(site, decision);
    return 0;
}

static int set_up(void **state)
{
    static int number;

    (void)state;
    acts_clear();
    handle = handle_open(NULL);
    handle_warm(&lab, handle, decision);
    snprintf(volume, sizeof(volume), "undo-%d", number++);
    return 0;
}

/* Whatever a test did: the connection ends with its last user, and the pool is empty. */
static int tear_down(void **state)
{
    (void)state;
    acts_clear();
    vtclone_free(handle);
    assert_int_equal(lab_wait_sessions(&lab, "client.cinder", 0, 20), 0);
    assert_int_equal(pool_count(&lab, "volumes"), 0);
    pool_check_orphans(&lab, "volumes");
    return 0;
}

static void fails_with(const char *text)
{
    vtclone_error error = { 0 };

    assert_int_equal(clone_try(handle, decision, VTCLONE_ENGINE_DIRECT, volume, 0, &error), VTCLONE_E_RADOS);
    if (strstr(error.message, "create the volume's id object") == NULL || strstr(error.message, text) == NULL)
        fail_msg("'%s' in '%s'", text, error.message);
    assert_true(volume_leftover(&lab, "volumes", volume));
}

static void is_gone_soon(const char *name)
{
    for (int tries = 0; volume_leftover(&lab, "volumes", name) && tries < 100; tries++)
        sleep_ms(100);
    assert_false(volume_leftover(&lab, "volumes", name));
}

static void what_cannot_be_undone_now_is_undone_later(void **state)
{
    (void)state;
    acts[0] = no_id;
    fails_with(LATER);
    sleep_ms(1200); /* it tries, and fails again */
    assert_true(volume_leftover(&lab, "volumes", volume));
    acts_clear();
    is_gone_soon(volume);
}

static void without_a_thread_for_it_it_stays_and_that_is_told(void **state)
{
    (void)state;
    acts[0] = no_id;
    acts[1] = (struct act){ "pthread_create", 0, 1, EAGAIN, 0, NULL };
    fails_with(NEVER);
    acts_clear();
    sleep_ms(1200);
    assert_true(volume_leftover(&lab, "volumes", volume));
    volume_remove(&lab, "volumes", volume); /* as the message says */
}

static void beyond_64_that_are_undone_later_it_stays_and_that_is_told(void **state)
{
    char first[sizeof(volume)];

    (void)state;
    snprintf(first, sizeof(first), "%s", volume);
    acts[0] = no_id;
    for (int i = 0; i < LATER_MAX; i++) {
        snprintf(volume, sizeof(volume), "%.40s-%d", first, i);
        fails_with(LATER);
    }
    snprintf(volume, sizeof(volume), "%.40s-last", first);
    fails_with(NEVER);
    acts_clear();
    for (int i = 0; i < LATER_MAX; i++) {
        char name[sizeof(volume)];

        snprintf(name, sizeof(name), "%.40s-%d", first, i);
        is_gone_soon(name);
    }
    assert_true(volume_leftover(&lab, "volumes", volume));
    volume_remove(&lab, "volumes", volume);
    assert_int_equal(clone_try(handle, decision, VTCLONE_ENGINE_DIRECT, volume, 0, NULL), VTCLONE_OK);
    volume_remove(&lab, "volumes", volume);
}

static void after_two_minutes_it_gives_up(void **state)
{
    (void)state;
    acts[0] = no_id;
    fails_with(LATER);
    acts_clock_ahead(PATIENCE_S + 1);
    sleep_ms(2000); /* its next try is its last */
    acts_clear();
    sleep_ms(1500);
    assert_true(volume_leftover(&lab, "volumes", volume));
    volume_remove(&lab, "volumes", volume);
}

static void become_another_image(void)
{
    int order = 0;

    volume_remove(&lab, "volumes", volume);
    assert_int_equal(rbd_create2(lab_pool(&lab, "volumes"), volume, MIB, 1, &order), 0);
}

/* The first mark has no answer; until the second try somebody has removed the volume and made another one. */
static void an_image_that_took_the_name_meanwhile_is_not_undone(void **state)
{
    vtclone_error error = { 0 };
    char oid[100], value[80];

    (void)state;
    acts[0] = (struct act){ "write rbd_header", 2, 1, -EIO, 0, NULL }; /* the parent's, with the child's entry */
    acts[1] = (struct act){ "write rbd_id", 1, 1, -ETIMEDOUT, 0, become_another_image };
    assert_int_equal(clone_try(handle, decision, VTCLONE_ENGINE_DIRECT, volume, 0, &error), VTCLONE_E_RADOS);
    if (strstr(error.message, "attach the volume to its parent") == NULL)
        fail_msg("%s", error.message);
    sleep_ms(1500); /* the thread has tried */
    assert_int_equal(volume_size(&lab, "volumes", volume), MIB);
    snprintf(oid, sizeof(oid), "rbd_id.%s", volume);
    assert_int_equal(rados_getxattr(lab_pool(&lab, "volumes"), oid, "vtclone.undo", value, sizeof(value)), -ENODATA);
    volume_remove(&lab, "volumes", volume);
}

static void a_scratch_clone_of_a_certification_is_undone_later_too(void **state)
{
    vtclone_error error = { 0 };
    char *json = NULL;

    (void)state;
    acts[0] = no_id;
    assert_int_equal(vtclone_certify(handle, site, "node@ceph#volumes", "images", NULL, &json, &error), VTCLONE_OK);
    if (strstr(json, "\"certified\":false") == NULL || strstr(json, LATER) == NULL)
        fail_msg("%s", json);
    vtclone_string_free(json);
    acts_clear();
    for (int tries = 0; pool_count(&lab, "volumes") != 0 && tries < 100; tries++)
        sleep_ms(100);
}

static void *clone_slowly(void *code)
{
    *(int32_t *)code = clone_try(handle, decision, VTCLONE_ENGINE_LIBRBD, volume, 0, NULL);
    return NULL;
}

static void a_second_call_for_a_name_at_work_waits_to_its_deadline_and_says_why(void **state)
{
    vtclone_error error = { 0 };
    pthread_t first;
    int32_t code = -1;

    (void)state;
    acts[0] = (struct act){ "rbd_clone3", 0, 1, REAL, 3000, NULL };
    assert_int_equal(pthread_create(&first, NULL, clone_slowly, &code), 0);
    sleep_ms(500);
    assert_int_equal(clone_try(handle, decision, VTCLONE_ENGINE_LIBRBD, volume, 1000, &error), VTCLONE_E_TIMEOUT);
    assert_non_null(strstr(error.message, "an earlier call for this volume is still at work or cleaning up"));
    pthread_join(first, NULL);
    assert_int_equal(code, VTCLONE_OK);
    volume_check_content(&lab, "volumes", volume);
    volume_remove(&lab, "volumes", volume);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_cannot_be_undone_now_is_undone_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_thread_for_it_it_stays_and_that_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(beyond_64_that_are_undone_later_it_stays_and_that_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(after_two_minutes_it_gives_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_image_that_took_the_name_meanwhile_is_not_undone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_scratch_clone_of_a_certification_is_undone_later_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_call_for_a_name_at_work_waits_to_its_deadline_and_says_why, set_up, tear_down),
    };

    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, group_up, group_down);
}

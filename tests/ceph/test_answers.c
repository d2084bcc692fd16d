/*
 * test_answers.c - chosen calls to librados and librbd answer as a real cluster does at a bad moment: late, busy, with another
 * errno value, or with what somebody else did meanwhile. The librbd engine must end in the error that belongs to it, remove
 * what is its own and nothing else. test_calls.c fails every call; here what follows a failure is led down each path.
 */
#include "acts.h"
#include "lab.h"
#include "librbd_image.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct lab lab;
static vtclone *handle;
static vtclone_site *site;
static vtclone_decision *decision;
static char volume[64];
static bool paused; /* the OSD: whatever a test comes to, nobody else is to wait for it */

static int group_up(void **state)
{
    (void)state;
    one_image_up(&lab, &site, &decision);
    return 0;
}

static int group_down(void **state)
{
    (void)state;
    pool_empty(&lab, "volumes");
    one_image_down(site, decision);
    return 0;
}

static int set_up(void **state)
{
    static int number;

    (void)state;
    acts_clear();
    snprintf(volume, sizeof(volume), "answer-%d", number++);
    handle = handle_open(NULL);
    return 0;
}

static void resume(void)
{
    if (paused)
        lab_do(&lab, "resume-osd");
    paused = false;
}

static int tear_down(void **state)
{
    (void)state;
    resume();
    vtclone_free(handle);
    return 0;
}

static void fails_with(int32_t code, const char *text, uint32_t timeout_ms)
{
    vtclone_error error = { 0 };
    int32_t got = clone_try(handle, decision, VTCLONE_ENGINE_LIBRBD, volume, timeout_ms, &error);

    if (got != code || strstr(error.message, text) == NULL)
        fail_msg("%s instead of %s, '%s' in '%s'", vtclone_code_name(got), vtclone_code_name(code), text, error.message);
}

static void nothing_is_left(void)
{
    for (int tries = 0; volume_leftover(&lab, "volumes", volume) && tries < 200; tries++)
        sleep_ms(100); /* by the engine's own thread, and after a lost watch */
    assert_false(volume_leftover(&lab, "volumes", volume));
    pool_check_orphans(&lab, "volumes");
}

/* ---- failures of the clone and of its parts ---- */

static void a_failure_at_each_step_is_told_and_undone(void **state)
{
    static const struct {
        struct act act;
        int32_t code;
        const char *text;
    } cases[] = {
        { { "rbd_clone3", 0, 2, -EINVAL, 0, NULL }, VTCLONE_E_RADOS, "rbd_clone3: Invalid argument" },
        { { "rbd_clone3", 0, 2, -ETIMEDOUT, 0, NULL }, VTCLONE_E_TIMEOUT, "rbd_clone3" },
        { { "rbd_clone3", 0, 2, -EEXIST, 0, NULL }, VTCLONE_E_EXISTS, "interrupted creation or removal left" },
        { { "rbd_image_options_create", 0, 2, 0, 0, NULL }, VTCLONE_E_RADOS, "rbd_clone3: Cannot allocate memory" },
        { { "rbd_get_parent", 0, 2, REAL, 0, NULL }, VTCLONE_E_RADOS, "the parent was replaced meanwhile" },
        { { "rbd_get_size", 1, 1, REAL, 0, NULL }, VTCLONE_E_RADOS, "the volume has 2214592512 bytes, more than" },
        { { "rados_exec", 0, 2, 2, 0, NULL }, VTCLONE_E_RADOS, "look the name up: Bad message" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        vtclone_free(handle);
        handle = handle_open(NULL); /* nothing is cached: each fails once */
        acts[0] = cases[i].act;
        fails_with(cases[i].code, cases[i].text, 0);
        acts[0] = (struct act){ 0 };
        nothing_is_left();
    }
}

static void a_reply_of_the_directory_that_lies_about_its_length_is_refused(void **state)
{
    (void)state;
    clone_ok(handle, decision, volume, 1, false);
    acts[0] = (struct act){ "rados_exec", 0, 2, 4, 0, NULL };
    fails_with(VTCLONE_E_RADOS, "look the name up: Bad message", 0);
    volume_check_content(&lab, "volumes", volume);
    volume_remove(&lab, "volumes", volume);
}

static void a_failing_close_ends_the_connection_but_not_the_clone(void **state)
{
    uint64_t before = handle_stats(handle).connects;

    (void)state;
    acts[0] = (struct act){ "rbd_close", 1, 1, -EIO, 0, NULL };
    clone_ok(handle, decision, volume, 1, false);
    volume_check_content(&lab, "volumes", volume);
    volume_remove(&lab, "volumes", volume);
    clone_ok(handle, decision, volume, 1, false);
    assert_int_equal(handle_stats(handle).connects - before, 2);
    volume_remove(&lab, "volumes", volume);
}

static void an_image_of_the_name_that_cannot_be_read_stays(void **state)
{
    (void)state;
    clone_ok(handle, decision, volume, 1, false);
    acts[0] = (struct act){ "rbd_open_read_only", 0, 1, -EPERM, 0, NULL };
    acts[1] = (struct act){ "rbd_open_read_only", 1, 1, -EPERM, 0, NULL }; /* the parent is read again, then this */
    fails_with(VTCLONE_E_EXISTS, "another image, which cannot be read: rbd_open_read_only", 0);
    acts[0] = (struct act){ "rbd_open_read_only", 1, 1, -ETIMEDOUT, 0, NULL };
    acts[1] = (struct act){ 0 };
    fails_with(VTCLONE_E_TIMEOUT, "read the image that has the volume's name: rbd_open_read_only", 0);
    volume_check_content(&lab, "volumes", volume);
    volume_remove(&lab, "volumes", volume);
}

/* ---- undoing ---- */

static void growth_fails(struct act then, struct act after)
{
    acts[0] = (struct act){ "rbd_resize2", 0, 1, -EIO, 0, NULL };
    acts[1] = then;
    acts[2] = after;
}

static void a_volume_that_is_watched_is_removed_over_another_connection(void **state)
{
    uint64_t before = handle_stats(handle).connects;

    (void)state;
    growth_fails((struct act){ "rbd_remove", 0, 2, -EBUSY, 0, NULL }, (struct act){ 0 });
    fails_with(VTCLONE_E_RADOS, "rbd_resize2", 0);
    nothing_is_left();
    assert_int_equal(handle_stats(handle).connects - before, 2);
}

static void without_another_connection_the_old_one_removes_it(void **state)
{
    (void)state;
    growth_fails((struct act){ "rbd_remove", 0, 1, -EBUSY, 0, NULL }, (struct act){ "rados_connect", 1, 1, -EIO, 0, NULL });
    fails_with(VTCLONE_E_RADOS, "rbd_resize2", 0);
    nothing_is_left();
}

static void without_its_pool_on_another_connection_the_old_one_removes_it(void **state)
{
    (void)state;
    growth_fails((struct act){ "rbd_remove", 0, 1, -EBUSY, 0, NULL },
                 (struct act){ "rados_ioctx_create", 2, 1, -EIO, 0, NULL }); /* of images, volumes, and volumes again */
    fails_with(VTCLONE_E_RADOS, "rbd_resize2", 0);
    nothing_is_left();
}

static void what_passes_is_waited_for(void **state)
{
    (void)state;
    growth_fails((struct act){ "rbd_remove", 0, 2, -EAGAIN, 0, NULL }, (struct act){ 0 });
    fails_with(VTCLONE_E_RADOS, "rbd_resize2", 0);
    nothing_is_left();
}

static void let_patience_end(void)
{
    acts_clock_ahead(200);
}

static void what_does_not_pass_is_told_after_two_minutes(void **state)
{
    (void)state;
    growth_fails((struct act){ "rbd_remove", 0, 1, -EBUSY, 0, NULL }, (struct act){ "rbd_remove", 0, ALWAYS, -EBUSY, 0, let_patience_end });
    fails_with(VTCLONE_E_RADOS, "could not be removed (Device or resource busy): remove it with rbd rm", 0);
    acts_clear();
    volume_remove(&lab, "volumes", volume);
}

/* With facts of the parent that were cached a failing clone is tried again, but not while anything is left of the first. */
static void a_clone_that_could_not_be_undone_is_not_tried_again(void **state)
{
    (void)state;
    clone_ok(handle, decision, volume, 1, false);
    volume_remove(&lab, "volumes", volume);
    growth_fails((struct act){ "rbd_remove", 0, 1, -EPERM, 0, NULL }, (struct act){ 0 });
    fails_with(VTCLONE_E_RADOS, "could not be removed (Operation not permitted)", 0);
    volume_remove(&lab, "volumes", volume);
    clone_ok(handle, decision, volume, 1, false);
    volume_remove(&lab, "volumes", volume);
    growth_fails((struct act){ "rbd_remove", 0, 1, -EBUSY, 0, NULL }, (struct act){ 0 }); /* undone over another connection */
    fails_with(VTCLONE_E_RADOS, "rbd_resize2", 0);
    nothing_is_left();
}

/* The first try has removed its clone when the second one, which has to remove its own, fails too. */
static void what_the_second_try_has_begun_is_removed_too(void **state)
{
    (void)state;
    clone_ok(handle, decision, volume, 1, false);
    volume_remove(&lab, "volumes", volume);
    growth_fails((struct act){ "rbd_get_parent", 0, 1, REAL, 0, NULL }, (struct act){ 0 }); /* the parent is another one now */
    fails_with(VTCLONE_E_RADOS, "rbd_resize2", 0);
    assert_int_equal(acts[1].times, 0);
    nothing_is_left();
}

static void remove_id_object(void)
{
    char oid[100];

    snprintf(oid, sizeof(oid), "rbd_id.%s", volume);
    assert_int_equal(rados_remove(lab_pool(&lab, "volumes"), oid), 0);
}

static void what_has_lost_its_id_object_is_removed_too(void **state)
{
    (void)state;
    acts[0] = (struct act){ "rbd_resize2", 0, 1, -EIO, 0, remove_id_object };
    fails_with(VTCLONE_E_RADOS, "rbd_resize2", 0);
    nothing_is_left();
}

static void what_cannot_be_removed_is_told(void **state)
{
    (void)state;
    growth_fails((struct act){ "rbd_remove", 0, 1, -EPERM, 0, NULL }, (struct act){ 0 });
    fails_with(VTCLONE_E_RADOS, "could not be removed (Operation not permitted): remove it with rbd rm", 0);
    assert_true(volume_leftover(&lab, "volumes", volume));
    volume_remove(&lab, "volumes", volume);
}

static void what_cannot_be_looked_at_is_told(void **state)
{
    (void)state;
    growth_fails((struct act){ "rados_aio_read_op_operate", 0, 2, -EIO, 0, NULL }, (struct act){ 0 });
    fails_with(VTCLONE_E_RADOS, "could not be removed (Input/output error)", 0);
    volume_remove(&lab, "volumes", volume);
    growth_fails((struct act){ "rados_aio_create_completion2", 1, 2, -ENOMEM, 0, NULL }, (struct act){ 0 }); /* the first: image_close() */
    fails_with(VTCLONE_E_RADOS, "could not be removed (Cannot allocate memory)", 0);
    volume_remove(&lab, "volumes", volume);
}

static void what_rbd_remove_does_not_see_is_removed_by_its_id(void **state)
{
    (void)state;
    growth_fails((struct act){ "rbd_remove", 0, 1, 0, 0, NULL }, (struct act){ 0 });
    fails_with(VTCLONE_E_RADOS, "rbd_resize2", 0);
    nothing_is_left();
}

static void without_the_parents_pool_it_stays_and_that_is_told(void **state)
{
    (void)state;
    growth_fails((struct act){ "rbd_remove", 0, 1, -EBUSY, 0, NULL }, (struct act){ "rbd_remove", 0, 1, 0, 0, NULL });
    acts[3] = (struct act){ "rados_ioctx_create", 3, 1, -EIO, 0, NULL }; /* of images, volumes, and volumes again */
    fails_with(VTCLONE_E_RADOS, "could not be removed (Input/output error)", 0);
    volume_remove(&lab, "volumes", volume);
}

static void take_out_of_directory(void)
{
    char id[64], in[200], reply[100];
    uint32_t len = (uint32_t)strlen(volume);
    rbd_image_t image;

    assert_int_equal(rbd_open_read_only(lab_pool(&lab, "volumes"), volume, &image, NULL), 0);
    assert_int_equal(rbd_get_id(image, id, sizeof(id)), 0);
    assert_int_equal(image_close(lab_pool(&lab, "volumes"), image), 0);
    uint32_t id_len = (uint32_t)strlen(id);
    memcpy(in, &len, 4);
    memcpy(in + 4, volume, len);
    memcpy(in + 4 + len, &id_len, 4);
    memcpy(in + 8 + len, id, id_len);
    assert_int_equal(rados_exec(lab_pool(&lab, "volumes"), "rbd_directory", "rbd", "dir_remove_image", in, 8 + len + id_len, reply,
                                sizeof(reply)), 0);
}

static void what_has_lost_its_place_in_the_directory_is_removed_too(void **state)
{
    (void)state;
    acts[0] = (struct act){ "rbd_resize2", 0, 1, -EIO, 0, take_out_of_directory };
    fails_with(VTCLONE_E_RADOS, "rbd_resize2", 0);
    nothing_is_left();
}

static void adopt(void)
{
    char oid[100];

    snprintf(oid, sizeof(oid), "rbd_id.%s", volume);
    assert_int_equal(rados_setxattr(lab_pool(&lab, "volumes"), oid, "vtclone.adopted", "1", 1), 0);
}

static void what_another_call_has_completed_stays(void **state)
{
    (void)state;
    acts[0] = (struct act){ "rbd_resize2", 0, 1, -EIO, 0, adopt };
    fails_with(VTCLONE_E_RADOS, "rbd_resize2", 0);
    assert_true(volume_exists(&lab, "volumes", volume));
    volume_remove(&lab, "volumes", volume);
}

/* Its mark stays, and the direct engine removes the rest of what carries one. */
static void what_could_not_be_removed_makes_room_for_the_direct_engine(void **state)
{
    vtclone_error error = { 0 };

    (void)state;
    handle_warm(&lab, handle, decision);
    growth_fails((struct act){ "rbd_remove", 0, 1, -EPERM, 0, NULL }, (struct act){ 0 });
    fails_with(VTCLONE_E_RADOS, "could not be removed (Operation not permitted)", 0);
    acts_clear();
    if (clone_try(handle, decision, VTCLONE_ENGINE_DIRECT, volume, 0, &error) != VTCLONE_OK)
        fail_msg("%s", error.message);
    volume_check_content(&lab, "volumes", volume);
    volume_remove(&lab, "volumes", volume);
    nothing_is_left();
}

static void make_foreign(void)
{
    int order = 0;

    assert_int_equal(rbd_create2(lab_pool(&lab, "volumes"), volume, MIB, 1, &order), 0);
}

static void an_image_that_somebody_else_made_meanwhile_stays(void **state)
{
    (void)state;
    acts[0] = (struct act){ "rbd_clone3", 0, 1, -EIO, 0, make_foreign };
    fails_with(VTCLONE_E_RADOS, "rbd_clone3: Input/output error", 0);
    assert_int_equal(volume_size(&lab, "volumes", volume), MIB);
    volume_remove(&lab, "volumes", volume);
}

/* ---- late answers: a quarter of the time is kept for the clean-up; where that takes longer, the message is another ---- */

static void a_late_step_ends_the_call_before_the_next(void **state)
{
    static const struct {
        struct act act;
        const char *text;
    } cases[] = {
        { { "rados_ioctx_create", 0, 1, REAL, 0, NULL }, "before reading the parent" },
        { { "rbd_snap_is_protected", 0, 1, REAL, 0, NULL }, "before looking the name up" },
        { { "rados_exec", 0, 1, REAL, 0, NULL }, "before rbd_clone3" },
        { { "rbd_clone3", 0, 1, REAL, 0, NULL }, "" },
        { { "rbd_open", 0, 1, REAL, 0, NULL }, "" },
        { { "rbd_clone3", 0, 1, -EEXIST, 0, NULL }, "before reading the image that has the volume's name" },
    };

    const vtclone_options others = { .size = sizeof(others), .mon_timeout_ms = (uint32_t)slow_ms(10000),
                                     .osd_timeout_ms = (uint32_t)slow_ms(15000) };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        vtclone_free(handle);
        handle = handle_open(&others);
        acts[0] = cases[i].act;
        acts[0].delay_ms = slow_ms(3100);
        fails_with(VTCLONE_E_TIMEOUT, cases[i].text, (uint32_t)slow_ms(4000));
        nothing_is_left();
    }
}

static void a_clone_that_is_done_after_its_deadline_is_undone(void **state)
{
    (void)state;
    acts[0] = (struct act){ "rbd_resize2", 0, 1, REAL, 3000, NULL };
    fails_with(VTCLONE_E_TIMEOUT, "what was begun is removed as soon as it does", 2000);
    sleep_ms(1200);
    nothing_is_left();
    clone_ok(handle, decision, volume, 1, false);
    acts[0] = (struct act){ "rbd_open_read_only", 0, 1, REAL, 3000, NULL }; /* one that was there before is not */
    fails_with(VTCLONE_E_TIMEOUT, "the cluster did not answer before the deadline", 2000);
    sleep_ms(1200);
    volume_check_content(&lab, "volumes", volume);
    volume_remove(&lab, "volumes", volume);
}

/* The caller has gone with a time-out, but the volume is whole, and is reported to a call with connections and claims of its
 * own, as another process has them, before the first one's thread comes to undo it. */
static void a_clone_that_is_done_late_stays_where_another_call_has_reported_it(void **state)
{
    static const int32_t engines[] = { VTCLONE_ENGINE_LIBRBD, VTCLONE_ENGINE_DIRECT };
    vtclone_error error = { 0 };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int64_t began = now_ms();

        vtclone_free(handle);
        handle = handle_open(NULL);
        acts[0] = (struct act){ "rbd_close", 1, 1, 0, slow_ms(8000), NULL }; /* the volume's, which has its size */
        fails_with(VTCLONE_E_TIMEOUT, "what was begun is removed as soon as it does", (uint32_t)slow_ms(2000));
        vtclone_free(handle);
        handle = handle_open(NULL);
        if (clone_try(handle, decision, engines[i], volume, 0, &error) != VTCLONE_OK)
            fail_msg("%s", error.message);
        assert_true(now_ms() - began < slow_ms(8000));
        sleep_ms(slow_ms(8000) - (int)(now_ms() - began));
        assert_int_equal(lab_wait_sessions(&lab, "client.cinder", 1, 20), 1); /* the first one's thread has ended */
        volume_check_content(&lab, "volumes", volume);
        clone_ok(handle, decision, volume, 1, true);
        volume_remove(&lab, "volumes", volume);
        nothing_is_left();
    }
}

static int answers;

static void count_answers(void)
{
    answers++;
}

/* The deadline passes behind the last look at a volume that was there before: the call fails, but the volume stays. */
static void a_volume_that_was_there_outlives_a_late_success(void **state)
{
    (void)state;
    clone_ok(handle, decision, volume, 1, false);
    acts[0] = (struct act){ "rados_aio_get_return_value", 0, ALWAYS, REAL, 0, count_answers };
    clone_ok(handle, decision, volume, 1, true);
    assert_true(answers > 0);
    acts_clear();
    acts[0] = (struct act){ "rados_aio_get_return_value", answers - 1, 1, REAL, 3000, NULL };
    fails_with(VTCLONE_E_TIMEOUT, "the cluster did not answer before the deadline", 2000);
    sleep_ms(1500);
    volume_check_content(&lab, "volumes", volume);
    clone_ok(handle, decision, volume, 1, true);
    volume_remove(&lab, "volumes", volume);
}

/* ---- too many that wait, or no thread to wait ---- */

static void without_a_thread_a_clone_fails_at_once(void **state)
{
    (void)state;
    clone_ok(handle, decision, volume, 1, false);
    volume_remove(&lab, "volumes", volume);
    acts[0] = (struct act){ "pthread_create", 0, 1, EAGAIN, 0, NULL };
    fails_with(VTCLONE_E_NOMEM, "start a thread: Resource temporarily unavailable", 0);
    nothing_is_left();
}

#define LATE_MAX 64

static void *wait_for_nothing(void *argument)
{
    char name[64];

    snprintf(name, sizeof(name), "late-%d", (int)(intptr_t)argument);
    return (void *)(intptr_t)clone_try(handle, decision, VTCLONE_ENGINE_LIBRBD, name, (uint32_t)slow_ms(1500), NULL);
}

static void beyond_64_that_still_wait_a_clone_fails_at_once(void **state)
{
    /* The OSD's time-out is longer than 64 calls take, under valgrind too: it would end the first before the last has begun. */
    const vtclone_options patient = { .size = sizeof(patient), .osd_timeout_ms = 240000 };
    pthread_t threads[LATE_MAX];
    void *code;

    (void)state;
    vtclone_free(handle);
    handle = handle_open(&patient);
    clone_ok(handle, decision, volume, 1, false);
    volume_remove(&lab, "volumes", volume);
    lab_do(&lab, "pause-osd");
    paused = true;
    for (int i = 0; i < LATE_MAX; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_nothing, (void *)(intptr_t)i), 0);
    for (int i = 0; i < LATE_MAX; i++) {
        pthread_join(threads[i], &code);
        assert_int_equal((intptr_t)code, VTCLONE_E_TIMEOUT);
    }
    int64_t began = now_ms();
    fails_with(VTCLONE_E_RADOS, "64 earlier clones still wait for the cluster", 60000);
    assert_true(now_ms() - began < 20000);
    resume();
    nothing_is_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_failure_at_each_step_is_told_and_undone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reply_of_the_directory_that_lies_about_its_length_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failing_close_ends_the_connection_but_not_the_clone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_image_of_the_name_that_cannot_be_read_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_volume_that_is_watched_is_removed_over_another_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_another_connection_the_old_one_removes_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_removed_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_looked_at_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_rbd_remove_does_not_see_is_removed_by_its_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_the_parents_pool_it_stays_and_that_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_has_lost_its_place_in_the_directory_is_removed_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_another_call_has_completed_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_could_not_be_removed_makes_room_for_the_direct_engine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_image_that_somebody_else_made_meanwhile_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_late_step_ends_the_call_before_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clone_that_is_done_after_its_deadline_is_undone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_its_pool_on_another_connection_the_old_one_removes_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_passes_is_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_pass_is_told_after_two_minutes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clone_that_could_not_be_undone_is_not_tried_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_second_try_has_begun_is_removed_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_has_lost_its_id_object_is_removed_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clone_that_is_done_late_stays_where_another_call_has_reported_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_volume_that_was_there_outlives_a_late_success, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_thread_a_clone_fails_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(beyond_64_that_still_wait_a_clone_fails_at_once, set_up, tear_down),
    };

    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, group_up, group_down);
}

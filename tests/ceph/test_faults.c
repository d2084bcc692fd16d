/*
 * test_faults.c - an OSD or a monitor that stops, dies or comes back during clones: every call returns within its
 * deadline, and when the cluster answers again every volume is there whole or not at all.
 */
#include "lab.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 8
#define SLACK_MS 1500 /* of a busy machine */

static struct lab lab;
static vtclone_site *site;
static vtclone_decision *decision;

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

/* ---- a number of clones at once, with a fault in the middle ---- */

struct storm {
    vtclone *handle;
    const char *prefix;
    int per_thread;
    atomic_int next, made, failed, odd;
    atomic_int_fast64_t slowest_ms;
    atomic_bool stop;
    char ok[400]; /* by number: 1 where the call said that the volume is there */
};

static void *storm_thread(void *argument)
{
    struct storm *storm = argument;

    while (!atomic_load(&storm->stop)) {
        int number = atomic_fetch_add(&storm->next, 1);
        vtclone_error error;
        char name[64];
        int64_t began = now_ms(), took, before;

        if (number >= (int)sizeof(storm->ok))
            break;
        snprintf(name, sizeof(name), "%s-%d", storm->prefix, number);
        if (clone_try(storm->handle, decision, VTCLONE_ENGINE_LIBRBD, name, 0, &error) == VTCLONE_OK) {
            storm->ok[number] = 1;
            atomic_fetch_add(&storm->made, 1);
        } else {
            if (atomic_fetch_add(&storm->failed, 1) == 0)
                print_message("# %s: %s %s\n", name, vtclone_code_name(error.code), error.message);
            if (error.code != VTCLONE_E_TIMEOUT && error.code != VTCLONE_E_RADOS)
                atomic_fetch_add(&storm->odd, 1);
        }
        took = now_ms() - began;
        before = atomic_load(&storm->slowest_ms);
        while (took > before && !atomic_compare_exchange_weak(&storm->slowest_ms, &before, took))
            ;
    }
    return NULL;
}

static void storm_start(struct storm *storm, pthread_t threads[THREADS])
{
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, storm_thread, storm), 0);
}

static void storm_join(struct storm *storm, pthread_t threads[THREADS])
{
    atomic_store(&storm->stop, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* Late clean-ups need the cluster's answer and, after a lost watch, the OSD's patience (see run). */
static void check_whole_or_gone(struct storm *storm)
{
    int64_t until = now_ms() + 60000;
    int count = atomic_load(&storm->next);

    for (int i = 0; i < count && i < (int)sizeof(storm->ok); i++) {
        char name[64];

        snprintf(name, sizeof(name), "%s-%d", storm->prefix, i);
        if (storm->ok[i]) {
            assert_int_equal(volume_size(&lab, "volumes", name), GIB);
            if (i % 8 == 0)
                volume_check_content(&lab, "volumes", name);
            continue;
        }
        while (volume_leftover(&lab, "volumes", name)) {
            if (now_ms() > until)
                fail_msg("%s was not made, but something of it is left", name);
            sleep_ms(200);
        }
    }
}

static void run_fault(const char *prefix, const char *fault, int fault_ms, const char *mend)
{
    /* The OSD's time-out is the default, longer than the faults: within it librbd's operations wait and nothing is left. See
     * osd_timeout_ms in vtclone.h. */
    const vtclone_options quick = {
        .size = sizeof(quick),
        .connect_timeout_ms = (uint32_t)slow_ms(3000),
        .mon_timeout_ms = (uint32_t)slow_ms(2000),
        .clone_timeout_ms = (uint32_t)slow_ms(6000),
    };
    struct storm storm = { .handle = handle_open(&quick), .prefix = prefix };
    pthread_t threads[THREADS];

    storm_start(&storm, threads);
    sleep_ms(slow_ms(1000));
    lab_do(&lab, "%s", fault);
    sleep_ms(fault_ms);
    lab_do(&lab, "%s", mend);
    sleep_ms(slow_ms(3000));
    storm_join(&storm, threads);
    print_message("# %s: %d made, %d failed, slowest call %lld ms\n", prefix, atomic_load(&storm.made),
                  atomic_load(&storm.failed), (long long)atomic_load(&storm.slowest_ms));
    assert_true(atomic_load(&storm.made) > 0);
    assert_int_equal(atomic_load(&storm.odd), 0);
    assert_true(atomic_load(&storm.slowest_ms) <= quick.clone_timeout_ms + slow_ms(SLACK_MS));
    check_whole_or_gone(&storm);
    /* The handle works as before. */
    clone_ok(storm.handle, decision, "after-fault", 1, false);
    vtclone_free(storm.handle);
    pool_empty(&lab, "volumes");
    pool_check_orphans(&lab, "volumes");
    assert_int_equal(lab_wait_sessions(&lab, "client.cinder", 0, 10), 0);
}

static void an_osd_that_stops_answering_costs_no_call_more_than_its_deadline(void **state)
{
    (void)state;
    run_fault("paused-osd", "pause-osd", 10000, "resume-osd");
}

static void a_killed_osd_that_comes_back_leaves_volumes_whole_or_gone(void **state)
{
    (void)state;
    run_fault("killed-osd", "kill-osd", 5000, "start-osd");
}

static void a_monitor_that_stops_answering_costs_no_call_more_than_its_deadline(void **state)
{
    (void)state;
    run_fault("paused-mon", "pause-mon", 8000, "resume-mon");
}

static void a_killed_monitor_that_comes_back_leaves_volumes_whole_or_gone(void **state)
{
    (void)state;
    run_fault("killed-mon", "kill-mon", 5000, "start-mon");
}

/* ---- one clone ---- */

/* Where it does not know a pool librados asks the monitors, without an end. The default for them is ten seconds. */
static void looking_a_pool_up_costs_a_clone_no_more_than_its_deadline(void **state)
{
    const int32_t engines[] = { VTCLONE_ENGINE_AUTO, VTCLONE_ENGINE_DIRECT };
    vtclone_site *other_site = site_make(&lab, (struct site_spec){ .pool = "nowhere" });
    vtclone_decision *other = decide_image(&lab, other_site);

    (void)state;
    for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
        vtclone *handle = handle_open(NULL);
        vtclone_error error = { 0 };
        int64_t began, took;
        int32_t code;

        handle_warm(&lab, handle, decision);
        lab_do(&lab, "pause-mon");
        began = now_ms();
        code = clone_try(handle, other, engines[i], "volume", (uint32_t)slow_ms(2000), &error);
        took = now_ms() - began;
        lab_do(&lab, "resume-mon");
        vtclone_free(handle);
        if (code != VTCLONE_E_TIMEOUT || strstr(error.message, "look up pool nowhere: the monitors do not answer") == NULL)
            fail_msg("%s: %s", vtclone_code_name(code), error.message);
        if (took >= slow_ms(5000))
            fail_msg("it took %lld ms", (long long)took);
    }
    vtclone_decision_free(other);
    vtclone_site_free(other_site);
    assert_int_equal(lab_wait_sessions(&lab, "client.cinder", 0, 10), 0); /* the late answer of the monitors was the last use */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_osd_that_stops_answering_costs_no_call_more_than_its_deadline),
        cmocka_unit_test(a_killed_osd_that_comes_back_leaves_volumes_whole_or_gone),
        cmocka_unit_test(a_monitor_that_stops_answering_costs_no_call_more_than_its_deadline),
        cmocka_unit_test(a_killed_monitor_that_comes_back_leaves_volumes_whole_or_gone),
        cmocka_unit_test(looking_a_pool_up_costs_a_clone_no_more_than_its_deadline),
    };

    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, group_up, group_down);
}

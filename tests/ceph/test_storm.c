/*
 * test_storm.c - many clones at once: nothing is lost, one monitor session serves them all, and the OSD's own counter
 * says what each costs.
 */
#include "lab.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 16
#define VOLUMES 500
#define OPS_MAX 80 /* per clone: rbd_clone3 37, open 26, resize 10, close 5, the look-up of the name */

static struct lab lab;
static vtclone *handle;
static vtclone_decision *decision;
static atomic_int next_volume, failures;

static void *clone_some(void *argument)
{
    const vtclone_clone_options options = { .size = sizeof(options), .engine = VTCLONE_ENGINE_LIBRBD };
    int number;

    (void)argument;
    while ((number = atomic_fetch_add(&next_volume, 1)) < VOLUMES) {
        vtclone_decision *made;
        vtclone_error error;
        char name[64];

        snprintf(name, sizeof(name), "storm-%d", number);
        if (vtclone_clone(handle, decision, name, 2, &options, &made, &error) == 0)
            vtclone_decision_free(made);
        else if (atomic_fetch_add(&failures, 1) == 0)
            print_error("%s\n", error.message);
    }
    return NULL;
}

static void run_threads(void)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, clone_some, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void sixteen_threads_make_500_volumes_over_one_session_with_80_operations_each(void **state)
{
    long before, operations, sessions;
    int64_t began;
    vtclone_stats stats;

    (void)state;
    assert_int_equal(lab_sessions(&lab, "client.cinder"), 0);
    before = lab_ops(&lab);
    began = now_ms();
    run_threads();
    operations = lab_ops(&lab) - before;
    sessions = lab_sessions(&lab, "client.cinder");
    stats = handle_stats(handle);
    print_message("# %d clones at %d threads: %lld ms, %.2f OSD operations each\n", VOLUMES, THREADS,
                  (long long)(now_ms() - began), (double)operations / VOLUMES);
    assert_int_equal(atomic_load(&failures), 0);
    assert_int_equal(sessions, 1);
    assert_int_equal(stats.connects, 1);
    assert_int_equal(stats.connect_failures, 0);
    assert_int_equal(stats.open_connections, 1);
    assert_int_equal(stats.clones, VOLUMES);
    assert_true(operations <= (long)VOLUMES * OPS_MAX);
    assert_true(operations > (long)VOLUMES * 10); /* the counter counts what we think it does */
}

static void each_of_them_is_whole(void **state)
{
    (void)state;
    assert_int_equal(pool_count(&lab, "volumes"), VOLUMES);
    for (int i = 0; i < VOLUMES; i += 7) {
        char name[64];

        snprintf(name, sizeof(name), "storm-%d", i);
        assert_int_equal(volume_size(&lab, "volumes", name), 2 * GIB);
    }
    volume_check_content(&lab, "volumes", "storm-499");
}

static void *clone_same(void *argument)
{
    int32_t *code = argument;
    vtclone_error error;

    *code = clone_try(handle, decision, VTCLONE_ENGINE_LIBRBD, "same", 0, &error);
    if (*code != VTCLONE_OK)
        print_error("%s\n", error.message);
    return NULL;
}

static void calls_for_one_name_at_once_make_one_volume_and_all_succeed(void **state)
{
    int32_t codes[THREADS];
    pthread_t threads[THREADS];
    size_t before = pool_count(&lab, "volumes");

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, clone_same, &codes[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(codes[i], VTCLONE_OK);
    }
    assert_int_equal(pool_count(&lab, "volumes"), before + 1);
}

static void the_last_handle_takes_the_session_with_it(void **state)
{
    (void)state;
    vtclone_free(handle);
    handle = NULL;
    assert_int_equal(lab_wait_sessions(&lab, "client.cinder", 0, 5), 0);
}

static int group_up(void **state)
{
    vtclone_site *site;

    (void)state;
    lab = lab_first();
    pool_empty(&lab, "volumes");
    parent_make(&lab, (struct parent_spec){ 0 });
    handle = handle_open(NULL);
    site = site_make(&lab, (struct site_spec){ 0 });
    decision = decide_image(&lab, site);
    vtclone_site_free(site);
    return 0;
}

static int group_down(void **state)
{
    (void)state;
    vtclone_decision_free(decision);
    pool_empty(&lab, "volumes");
    lab_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sixteen_threads_make_500_volumes_over_one_session_with_80_operations_each),
        cmocka_unit_test(each_of_them_is_whole),
        cmocka_unit_test(calls_for_one_name_at_once_make_one_volume_and_all_succeed),
        cmocka_unit_test(the_last_handle_takes_the_session_with_it),
    };

    return cmocka_run_group_tests(tests, group_up, group_down);
}

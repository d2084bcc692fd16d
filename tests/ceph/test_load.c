/*
 * test_load.c - 2,000 clones at 64 threads by each engine, while the monitor is killed and started again in their middle.
 * With the time-outs of a handle that says nothing no call may fail, and none takes longer than its deadline. In `make test`
 * with fewer clones; `make load` runs them all.
 */
#include "lab.h"
#include "librbd_image.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS 64
#define DEADLINE_MS 60000 /* the default of clone_timeout_ms */
#define SLACK_MS 1500     /* of a busy machine */
#define DOWN_MS 3000      /* between the monitor's death and its start */

static struct lab lab;
static vtclone_decision *decision;
static vtclone *handle;
static int volumes;

static struct {
    int32_t engine;
    const char *prefix;
    atomic_int next, done, failed;
    atomic_int_fast64_t slowest_ms;
} load;

static void *clone_some(void *argument)
{
    const vtclone_clone_options options = { .size = sizeof(options), .engine = load.engine };
    int number;

    (void)argument;
    while ((number = atomic_fetch_add(&load.next, 1)) < volumes) {
        int64_t began = now_ms(), took, slowest = atomic_load(&load.slowest_ms);
        vtclone_decision *made;
        vtclone_error error;
        char name[64];

        snprintf(name, sizeof(name), "%s-%d", load.prefix, number);
        if (vtclone_clone(handle, decision, name, 2, &options, &made, &error) == 0)
            vtclone_decision_free(made);
        else if (atomic_fetch_add(&load.failed, 1) < 5)
            print_error("%s: %s: %s\n", name, vtclone_code_name(error.code), error.message);
        took = now_ms() - began;
        while (took > slowest && !atomic_compare_exchange_weak(&load.slowest_ms, &slowest, took))
            ;
        atomic_fetch_add(&load.done, 1);
    }
    return NULL;
}

static int entries(const char *folder)
{
    DIR *dir = opendir(folder);
    int count = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

static void check_volumes(void)
{
    rbd_linked_image_spec_t parent;
    rbd_snap_spec_t snap;
    rbd_image_t image;

    assert_int_equal(pool_count(&lab, "volumes"), volumes);
    for (int i = 0; i < volumes; i++) {
        char name[64];
        uint64_t size;

        snprintf(name, sizeof(name), "%s-%d", load.prefix, i);
        if (rbd_open_read_only(lab_pool(&lab, "volumes"), name, &image, NULL) < 0)
            fail_msg("%s was made, but cannot be opened", name);
        assert_int_equal(rbd_get_size(image, &size), 0);
        assert_int_equal(size, 2 * GIB);
        assert_int_equal(rbd_get_parent(image, &parent, &snap), 0);
        if (strcmp(parent.image_name, IMAGE) != 0 || strcmp(parent.pool_name, "images") != 0 || strcmp(snap.name, "snap") != 0)
            fail_msg("%s is a clone of %s/%s@%s", name, parent.pool_name, parent.image_name, snap.name);
        rbd_linked_image_spec_cleanup(&parent);
        rbd_snap_spec_cleanup(&snap);
        assert_int_equal(image_close(lab_pool(&lab, "volumes"), image), 0);
        if (i % 100 == 0)
            volume_check_content(&lab, "volumes", name);
    }
}

static void run_load(int32_t engine, const char *prefix)
{
    pthread_t threads[THREADS];
    int descriptors, tasks;
    int64_t began;

    load.engine = engine;
    load.prefix = prefix;
    atomic_store(&load.next, 0);
    atomic_store(&load.done, 0);
    atomic_store(&load.failed, 0);
    atomic_store(&load.slowest_ms, 0);
    clone_ok(handle, decision, "warm-up", 1, false);
    volume_remove(&lab, "volumes", "warm-up");
    descriptors = entries("/proc/self/fd");
    tasks = entries("/proc/self/task");
    began = now_ms();
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, clone_some, NULL), 0);
    while (atomic_load(&load.done) < volumes / 3)
        sleep_ms(5);
    int killed_at = atomic_load(&load.done);
    lab_do(&lab, "kill-mon");
    sleep_ms(DOWN_MS);
    int started_at = atomic_load(&load.done);
    lab_do(&lab, "start-mon");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    print_message("# %s: %d clones at %d threads in %lld ms; the monitor died after %d, came back after %d; slowest call %lld ms\n",
                  prefix, volumes, THREADS, (long long)(now_ms() - began), killed_at, started_at, (long long)atomic_load(&load.slowest_ms));
    assert_true(killed_at < volumes);
    assert_int_equal(atomic_load(&load.failed), 0);
    assert_true(atomic_load(&load.slowest_ms) <= slow_ms(DEADLINE_MS + SLACK_MS));
    assert_int_equal(lab_wait_sessions(&lab, "client.cinder", 1, 20), 1);
    assert_int_equal(handle_stats(handle).open_connections, 1);
    /* A connection to the OSD or the monitor that librados has made anew may still close the old one. */
    for (int tries = 0; tries < 100 && (entries("/proc/self/fd") > descriptors || entries("/proc/self/task") > tasks); tries++)
        sleep_ms(100);
    print_message("# %s: %d descriptors before, %d after; %d threads before, %d after\n", prefix, descriptors, entries("/proc/self/fd"),
                  tasks, entries("/proc/self/task"));
    assert_true(entries("/proc/self/fd") <= descriptors);
    assert_true(entries("/proc/self/task") <= tasks);
    check_volumes();
    pool_empty(&lab, "volumes");
    pool_check_orphans(&lab, "volumes");
}

static void a_monitor_restart_under_librbds_load_fails_no_clone(void **state)
{
    (void)state;
    run_load(VTCLONE_ENGINE_LIBRBD, "librbd");
}

static void a_monitor_restart_under_the_direct_engines_load_fails_no_clone(void **state)
{
    (void)state;
    run_load(VTCLONE_ENGINE_DIRECT, "direct");
}

static int group_up(void **state)
{
    const vtclone_options patient = { .size = sizeof(patient), .clone_timeout_ms = (uint32_t)slow_ms(DEADLINE_MS) };
    const char *wanted = getenv("LOAD_VOLUMES");
    vtclone_site *site;

    (void)state;
    volumes = wanted != NULL ? (int)strtol(wanted, NULL, 10) : 128;
    lab = lab_first();
    pool_empty(&lab, "volumes");
    parent_make(&lab, (struct parent_spec){ 0 });
    site = site_make(&lab, (struct site_spec){ 0 });
    decision = decide_image(&lab, site);
    vtclone_site_free(site);
    handle = handle_open(slow_ms(1) == 1 ? NULL : &patient);
    return 0;
}

static int group_down(void **state)
{
    (void)state;
    vtclone_free(handle);
    vtclone_decision_free(decision);
    pool_empty(&lab, "volumes");
    lab_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_monitor_restart_under_librbds_load_fails_no_clone),
        cmocka_unit_test(a_monitor_restart_under_the_direct_engines_load_fails_no_clone),
    };

    return cmocka_run_group_tests(tests, group_up, group_down);
}

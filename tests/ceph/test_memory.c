/*
 * test_memory.c - fails the N-th allocation of the library (tests/alloc/failing.h), for every N, over the public calls that
 * need a cluster: each failure is VTCLONE_E_NOMEM or does without, leaks nothing, and leaves nothing in the cluster. Linked
 * from the library's objects.
 */
#include "../alloc/failing.h"
#include "lab.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VOLUME "memory"

static struct lab lab;
static vtclone_site *site;
static vtclone_decision *decision;
static vtclone *warm; /* with a connection that has made volumes by both engines */

static int group_up(void **state)
{
    (void)state;
    one_image_up(&lab, &site, &decision);
    warm = handle_open(NULL);
    handle_warm(&lab, warm, decision);
    return 0;
}

static int group_down(void **state)
{
    (void)state;
    vtclone_free(warm);
    one_image_down(site, decision);
    return 0;
}

/* After a failed call nothing is in the pool; after one that did without the memory its whole volume is. */
static void check_pool(const char *story)
{
    bool made = strstr(story, "VTCLONE_OK") != NULL && volume_exists(&lab, "volumes", VOLUME);

    if (made) {
        assert_int_equal(volume_size(&lab, "volumes", VOLUME), GIB);
        volume_check_content(&lab, "volumes", VOLUME);
        volume_remove(&lab, "volumes", VOLUME);
    }
    for (int tries = 0; volume_leftover(&lab, "volumes", VOLUME) && tries < 100; tries++)
        sleep_ms(100); /* undone by the engine's own thread */
    if (volume_leftover(&lab, "volumes", VOLUME) || pool_count(&lab, "volumes") != 0)
        fail_msg("%s: something is left in the pool", story);
}

static void check_all(call_under_test *call, const char *name)
{
    long count = fail_each(call, name, check_pool);

    print_message("# %s: %ld allocations\n", name, count);
    assert_true(count >= 3);
    pool_check_orphans(&lab, "volumes");
}

/* ---- a handle of its own for each call, so that all of the connection's allocations are among them ---- */

static int32_t open_and_clone(int32_t engine, vtclone_error *err)
{
    vtclone *handle = NULL;
    int32_t code = vtclone_open(NULL, &handle, err);

    assert_true((code == VTCLONE_OK) == (handle != NULL));
    if (code == VTCLONE_OK)
        code = clone_try(handle, decision, engine, VOLUME, 0, err);
    vtclone_free(handle);
    return code;
}

static int32_t a_first_clone_by_librbd(vtclone_error *err)
{
    return open_and_clone(VTCLONE_ENGINE_LIBRBD, err);
}

static int32_t a_first_direct_clone(vtclone_error *err)
{
    return open_and_clone(VTCLONE_ENGINE_DIRECT, err);
}

static int32_t a_first_clone_by_the_engine_that_is_chosen(vtclone_error *err)
{
    return open_and_clone(VTCLONE_ENGINE_AUTO, err);
}

static int32_t certify(vtclone_error *err)
{
    vtclone *handle = NULL;
    char *json = NULL;
    int32_t code = vtclone_open(NULL, &handle, err);

    if (code == VTCLONE_OK)
        code = vtclone_certify(handle, site, "node@ceph#volumes", "images", NULL, &json, err);
    assert_true((code == VTCLONE_OK) == (json != NULL));
    if (code == VTCLONE_OK && !allocation_failed() && strstr(json, "\"certified\":true") == NULL)
        fail_msg("%s", json);
    vtclone_string_free(json);
    vtclone_free(handle);
    return code;
}

/* ---- on the handle that is warm ---- */

static int32_t a_later_clone_by_librbd(vtclone_error *err)
{
    return clone_try(warm, decision, VTCLONE_ENGINE_LIBRBD, VOLUME, 0, err);
}

static int32_t a_later_direct_clone(vtclone_error *err)
{
    return clone_try(warm, decision, VTCLONE_ENGINE_DIRECT, VOLUME, 0, err);
}

int __real_rados_aio_write_op_operate(rados_write_op_t op, rados_ioctx_t io, rados_completion_t done, const char *oid, time_t *mtime,
                                      int flags);
int __wrap_rados_aio_write_op_operate(rados_write_op_t op, rados_ioctx_t io, rados_completion_t done, const char *oid, time_t *mtime,
                                      int flags);

static atomic_bool without_id; /* the id object cannot be written: the clone fails, and so does its undoing */

int __wrap_rados_aio_write_op_operate(rados_write_op_t op, rados_ioctx_t io, rados_completion_t done, const char *oid, time_t *mtime,
                                      int flags)
{
    if (atomic_load(&without_id) && strncmp(oid, "rbd_id.", 7) == 0)
        return -EIO;
    return __real_rados_aio_write_op_operate(op, io, done, oid, mtime, flags);
}

static int32_t a_direct_clone_that_cannot_be_undone(vtclone_error *err)
{
    atomic_store(&without_id, true);
    int32_t code = clone_try(warm, decision, VTCLONE_ENGINE_DIRECT, VOLUME, 0, err);
    atomic_store(&without_id, false);
    return code == VTCLONE_E_RADOS ? VTCLONE_OK : code; /* RADOS is what failed here, not memory */
}

static int told; /* how often an error said that something stays */

/* What is left is undone later; or, where there is no memory for that, the error says that it stays. */
static void check_undone(const char *story)
{
    if (strstr(story, "remove it with rbd rm") != NULL) {
        told++;
        volume_remove(&lab, "volumes", VOLUME);
    }
    check_pool(strstr(story, "VTCLONE_OK") == NULL ? story : "undone");
}

/* The handle that every first clone shares its connection with must go, or there would be no first one. */
static int without_warm(void **state)
{
    (void)state;
    vtclone_free(warm);
    warm = NULL;
    return 0;
}

#define EACH_ALLOCATION_OF(call)                       \
    static void each_allocation_of_##call(void **state) \
    {                                                  \
        (void)state;                                   \
        check_all(call, #call);                        \
    }

EACH_ALLOCATION_OF(a_later_clone_by_librbd)
EACH_ALLOCATION_OF(a_later_direct_clone)
EACH_ALLOCATION_OF(a_first_clone_by_librbd)
EACH_ALLOCATION_OF(a_first_direct_clone)
EACH_ALLOCATION_OF(a_first_clone_by_the_engine_that_is_chosen)
EACH_ALLOCATION_OF(certify)

static void each_allocation_of_a_direct_clone_that_cannot_be_undone(void **state)
{
    (void)state;
    print_message("# %ld allocations\n", fail_each(a_direct_clone_that_cannot_be_undone, "not undone", check_undone));
    assert_int_equal(told, 1);
    pool_check_orphans(&lab, "volumes");
}

static void counters_need_no_memory(void **state)
{
    vtclone_stats stats = { .size = sizeof(stats) };
    vtclone *handle = handle_open(NULL);
    long before = blocks_held();
    size_t bytes = bytes_allocated();

    (void)state;
    assert_int_equal(vtclone_get_stats(handle, &stats, NULL), VTCLONE_OK);
    assert_int_equal(bytes_allocated(), bytes);
    assert_int_equal(blocks_held(), before);
    vtclone_free(handle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_of_a_later_clone_by_librbd),
        cmocka_unit_test(each_allocation_of_a_later_direct_clone),
        cmocka_unit_test(each_allocation_of_a_direct_clone_that_cannot_be_undone),
        cmocka_unit_test_setup(each_allocation_of_a_first_clone_by_librbd, without_warm),
        cmocka_unit_test(each_allocation_of_a_first_direct_clone),
        cmocka_unit_test(each_allocation_of_a_first_clone_by_the_engine_that_is_chosen),
        cmocka_unit_test(each_allocation_of_certify),
        cmocka_unit_test(counters_need_no_memory),
    };

    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, group_up, group_down);
}

/*
 * test_calls.c - fails the N-th call to librados or librbd, for every N, over whole clones on a real cluster, by both engines:
 * each clone ends in an error or is made all the same, and what failed leaves nothing in the pool. The functions below stand
 * before the real ones for libvtclone.so too; they pass the call on unless it is the one that fails.
 */
#include "lab.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static atomic_int countdown = -1; /* calls until one fails; negative: none does */
static atomic_bool failed;
static const char *failed_name;

static bool fails(const char *name)
{
    if (atomic_load(&countdown) < 0 || atomic_fetch_sub(&countdown, 1) != 1)
        return false;
    failed_name = name;
    atomic_store(&failed, true);
    return true;
}

/* The call is not made. */
#define BEFORE(name, parameters, arguments)                      \
    __attribute__((visibility("default"))) int name parameters   \
    {                                                            \
        int(*real) parameters;                                   \
        *(void **)&real = dlsym(RTLD_NEXT, #name);               \
        return fails(#name) ? -EIO : real arguments;             \
    }

/* The call is made, but its answer is lost. */
#define AFTER(name, parameters, arguments)                       \
    __attribute__((visibility("default"))) int name parameters   \
    {                                                            \
        int(*real) parameters;                                   \
        *(void **)&real = dlsym(RTLD_NEXT, #name);               \
        if (fails(#name " before"))                              \
            return -EIO;                                         \
        int result = real arguments;                             \
        return fails(#name " after") ? -EIO : result;            \
    }

BEFORE(rados_create2, (rados_t *cluster, const char *name, const char *const user, uint64_t flags), (cluster, name, user, flags))
BEFORE(rados_connect, (rados_t cluster), (cluster))
BEFORE(rados_conf_read_file, (rados_t cluster, const char *path), (cluster, path))
BEFORE(rados_conf_set, (rados_t cluster, const char *option, const char *value), (cluster, option, value))
BEFORE(rados_conf_get, (rados_t cluster, const char *option, char *room, size_t size), (cluster, option, room, size))
BEFORE(rados_cluster_fsid, (rados_t cluster, char *room, size_t size), (cluster, room, size))
BEFORE(rados_get_min_compatible_client, (rados_t cluster, int8_t *is, int8_t *required), (cluster, is, required))
BEFORE(rados_ioctx_create, (rados_t cluster, const char *pool, rados_ioctx_t *out), (cluster, pool, out))
BEFORE(rados_ioctx_create2, (rados_t cluster, int64_t pool, rados_ioctx_t *out), (cluster, pool, out))
BEFORE(rados_aio_write_op_operate, (rados_write_op_t op, rados_ioctx_t io, rados_completion_t done, const char *oid, time_t *mtime, int flags),
       (op, io, done, oid, mtime, flags))
BEFORE(rados_aio_read_op_operate, (rados_read_op_t op, rados_ioctx_t io, rados_completion_t done, const char *oid, int flags),
       (op, io, done, oid, flags))
/* Not rados_aio_create_completion2: librados calls it itself and asserts that it succeeds. */
BEFORE(rbd_open, (rados_ioctx_t io, const char *name, rbd_image_t *image, const char *snap), (io, name, image, snap))
BEFORE(rbd_open_read_only, (rados_ioctx_t io, const char *name, rbd_image_t *image, const char *snap), (io, name, image, snap))
BEFORE(rbd_get_size, (rbd_image_t image, uint64_t *size), (image, size))
BEFORE(rbd_get_features, (rbd_image_t image, uint64_t *features), (image, features))
BEFORE(rbd_get_old_format, (rbd_image_t image, uint8_t *old), (image, old))
BEFORE(rbd_get_stripe_unit, (rbd_image_t image, uint64_t *unit), (image, unit))
BEFORE(rbd_get_id, (rbd_image_t image, char *id, size_t size), (image, id, size))
BEFORE(rbd_get_parent, (rbd_image_t image, rbd_linked_image_spec_t *parent, rbd_snap_spec_t *snap), (image, parent, snap))
BEFORE(rbd_get_create_timestamp, (rbd_image_t image, struct timespec *stamp), (image, stamp))
BEFORE(rbd_snap_get_id, (rbd_image_t image, const char *name, uint64_t *id), (image, name, id))
BEFORE(rbd_snap_is_protected, (rbd_image_t image, const char *name, int *is), (image, name, is))
BEFORE(rbd_image_options_set_uint64, (rbd_image_options_t options, int name, uint64_t value), (options, name, value))
AFTER(rbd_clone3, (rados_ioctx_t from, const char *image, const char *snap, rados_ioctx_t to, const char *name, rbd_image_options_t options),
      (from, image, snap, to, name, options))
AFTER(rbd_resize2, (rbd_image_t image, uint64_t size, bool shrink, librbd_progress_fn_t progress, void *context),
      (image, size, shrink, progress, context))
BEFORE(rbd_remove, (rados_ioctx_t io, const char *name), (io, name))

static struct lab lab;
static vtclone_site *site;
static vtclone_decision *decision;

static int group_up(void **state)
{
    (void)state;
    lab = lab_first();
    parent_make(&lab, (struct parent_spec){ 0 });
    site = site_make(&lab, (struct site_spec){ 0 });
    decision = decide_image(&lab, site);
    pool_empty(&lab, "volumes");
    /* The direct engine waits until librbd has made an image in the pool. */
    vtclone *handle = handle_open(NULL);
    clone_ok(handle, decision, "warm-up", 1, false);
    vtclone_free(handle);
    pool_empty(&lab, "volumes");
    return 0;
}

static int group_down(void **state)
{
    (void)state;
    vtclone_decision_free(decision);
    vtclone_site_free(site);
    lab_close();
    return 0;
}

/* What failed is gone, what was made is whole. */
static void check_outcome(const char *volume, int32_t code, const vtclone_error *err)
{
    if (code == VTCLONE_OK) {
        assert_int_equal(volume_size(&lab, "volumes", volume), GIB);
        volume_check_content(&lab, "volumes", volume);
        volume_remove(&lab, "volumes", volume);
        return;
    }
    if (code == VTCLONE_E_INTERNAL || code == VTCLONE_E_EXISTS || code == VTCLONE_E_INVALID)
        fail_msg("after %s failed: %s: %s", failed_name, vtclone_code_name(code), err->message);
    for (int tries = 0; volume_leftover(&lab, "volumes", volume) && tries < 50; tries++)
        sleep_ms(100); /* what could not be undone at once is undone by the engine's own thread */
    if (volume_leftover(&lab, "volumes", volume))
        fail_msg("after %s failed (%s), something of %s is left", failed_name, err->message, volume);
}

/* One clone with the n-th call failing; false where it made fewer. warm: on a connection that has made a volume. */
static bool clone_with_failure(int32_t engine, bool warm, int n)
{
    const vtclone_clone_options options = { .size = sizeof(options), .engine = engine };
    vtclone *handle = handle_open(NULL);
    vtclone_decision *made = NULL;
    vtclone_error err = { 0 };
    char volume[64];

    if (warm) {
        assert_int_equal(vtclone_clone(handle, decision, "warm-up", 1, &options, &made, &err), VTCLONE_OK);
        vtclone_decision_free(made);
        made = NULL;
        volume_remove(&lab, "volumes", "warm-up");
    }
    snprintf(volume, sizeof(volume), "call-%d", n);
    failed_name = "nothing";
    atomic_store(&failed, false);
    atomic_store(&countdown, n);
    int32_t code = vtclone_clone(handle, decision, volume, 1, &options, &made, &err);
    atomic_store(&countdown, -1);
    assert_true((code == VTCLONE_OK) == (made != NULL));
    if (!atomic_load(&failed) && code != VTCLONE_OK)
        fail_msg("nothing failed, but: %s", err.message);
    check_outcome(volume, code, &err);
    vtclone_decision_free(made);
    vtclone_free(handle);
    return atomic_load(&failed);
}

static void fail_each_call(int32_t engine, bool warm, const char *what)
{
    int n = 1;

    while (clone_with_failure(engine, warm, n))
        n++;
    print_message("# %s: %d calls, each failed once\n", what, n - 1);
    assert_true(n > 3);
    pool_empty(&lab, "volumes");
    pool_check_orphans(&lab, "volumes");
    assert_int_equal(lab_wait_sessions(&lab, "client.cinder", 0, 20), 0);
}

static void each_call_of_a_first_clone_by_librbd(void **state)
{
    (void)state;
    fail_each_call(VTCLONE_ENGINE_LIBRBD, false, "librbd, first clone");
}

static void each_call_of_a_later_clone_by_librbd(void **state)
{
    (void)state;
    fail_each_call(VTCLONE_ENGINE_LIBRBD, true, "librbd, later clone");
}

static void each_call_of_a_first_direct_clone(void **state)
{
    (void)state;
    fail_each_call(VTCLONE_ENGINE_DIRECT, false, "direct, first clone");
}

static void each_call_of_a_later_direct_clone(void **state)
{
    (void)state;
    fail_each_call(VTCLONE_ENGINE_DIRECT, true, "direct, later clone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_of_a_first_clone_by_librbd),
        cmocka_unit_test(each_call_of_a_later_clone_by_librbd),
        cmocka_unit_test(each_call_of_a_first_direct_clone),
        cmocka_unit_test(each_call_of_a_later_direct_clone),
    };
    return cmocka_run_group_tests(tests, group_up, group_down);
}

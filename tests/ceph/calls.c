/*
 * calls.c - see calls.h.
 */
#include "calls.h"

#include "lab.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* One for each function below: the linker puts them in a row. */
struct stand_in {
    const char *name;
    atomic_int failed; /* how often, ever */
    atomic_int seen;   /* calls since calls_fail() */
};
extern struct stand_in __start_stand_ins[], __stop_stand_ins[];

static atomic_int countdown = -1; /* calls until one fails; negative: none does */
static atomic_bool failed;
static const char *failed_name = "nothing";
static int failure, first_only;

static bool fails(struct stand_in *stand_in, const char *what, const void *caller)
{
    if (atomic_load(&countdown) < 0 || !called_by_library(caller) || atomic_fetch_add(&stand_in->seen, 1) >= first_only ||
        atomic_fetch_sub(&countdown, 1) != 1)
        return false;
    failed_name = what;
    atomic_fetch_add(&stand_in->failed, 1);
    atomic_store(&failed, true);
    return true;
}

#define CALLER __builtin_return_address(0)
#define STAND_IN(name) static struct stand_in name##_stands __attribute__((section("stand_ins"), used, aligned(16))) = { #name, 0, 0 };
#define REAL(type, name, parameters) \
    type(*real) parameters;          \
    *(void **)&real = dlsym(RTLD_NEXT, #name)

/* The call is not made. */
#define BEFORE(name, parameters, arguments)                                    \
    STAND_IN(name)                                                             \
    __attribute__((visibility("default"))) int name parameters                 \
    {                                                                          \
        REAL(int, name, parameters);                                           \
        return fails(&name##_stands, #name, CALLER) ? -failure : real arguments; \
    }

#define POINTER(name, type, parameters, arguments)                             \
    STAND_IN(name)                                                             \
    __attribute__((visibility("default"))) type name parameters                \
    {                                                                          \
        REAL(type, name, parameters);                                          \
        return fails(&name##_stands, #name, CALLER) ? NULL : real arguments;   \
    }

/* The call is made, but its answer is lost. */
#define AFTER(name, parameters, arguments)                                     \
    STAND_IN(name)                                                             \
    __attribute__((visibility("default"))) int name parameters                 \
    {                                                                          \
        REAL(int, name, parameters);                                           \
        int result = real arguments;                                           \
        return fails(&name##_stands, #name " after", CALLER) ? -failure : result; \
    }

/* An operation's answer: one that was refused was not done, one that was done may lose its answer, which is ETIMEDOUT. */
#define ANSWER(name, parameters, arguments)                                    \
    STAND_IN(name)                                                             \
    __attribute__((visibility("default"))) int name parameters                 \
    {                                                                          \
        REAL(int, name, parameters);                                           \
        int result = real arguments;                                           \
        return fails(&name##_stands, #name " after", CALLER) ? -ETIMEDOUT : result; \
    }

#define BOTH(name, parameters, arguments)                                      \
    STAND_IN(name)                                                             \
    __attribute__((visibility("default"))) int name parameters                 \
    {                                                                          \
        REAL(int, name, parameters);                                           \
        if (fails(&name##_stands, #name " before", CALLER))                    \
            return -failure;                                                   \
        int result = real arguments;                                           \
        return fails(&name##_stands, #name " after", CALLER) ? -failure : result; \
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
BEFORE(rados_aio_create_completion2, (void *argument, rados_callback_t done, rados_completion_t *out), (argument, done, out))
BEFORE(rados_aio_flush_async, (rados_ioctx_t io, rados_completion_t done), (io, done))
ANSWER(rados_aio_get_return_value, (rados_completion_t done), (done))
BEFORE(rados_exec, (rados_ioctx_t io, const char *oid, const char *type, const char *method, const char *in, size_t in_len, char *out, size_t room),
       (io, oid, type, method, in, in_len, out, room))
BEFORE(rados_mon_command, (rados_t cluster, const char **command, size_t parts, const char *in, size_t in_len, char **out, size_t *out_len,
                           char **status, size_t *status_len),
       (cluster, command, parts, in, in_len, out, out_len, status, status_len))
BEFORE(rados_getxattrs_next, (rados_xattrs_iter_t at, const char **name, const char **value, size_t *len), (at, name, value, len))
BEFORE(rados_omap_get_next2, (rados_omap_iter_t at, char **key, char **value, size_t *key_len, size_t *len), (at, key, value, key_len, len))
POINTER(rados_create_read_op, rados_read_op_t, (void), ())
POINTER(rados_create_write_op, rados_write_op_t, (void), ())
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
BOTH(rbd_clone3, (rados_ioctx_t from, const char *image, const char *snap, rados_ioctx_t to, const char *name, rbd_image_options_t options),
      (from, image, snap, to, name, options))
BOTH(rbd_resize2, (rbd_image_t image, uint64_t size, bool shrink, librbd_progress_fn_t progress, void *context),
      (image, size, shrink, progress, context))
AFTER(rbd_close, (rbd_image_t image), (image))
BEFORE(rbd_remove, (rados_ioctx_t io, const char *name), (io, name))

void calls_fail(int n, int code, int first)
{
    for (struct stand_in *each = __start_stand_ins; each < __stop_stand_ins; each++)
        atomic_store(&each->seen, 0);
    first_only = first;
    failed_name = "nothing";
    failure = code;
    atomic_store(&failed, false);
    atomic_store(&countdown, n);
}

bool calls_end(void)
{
    atomic_store(&countdown, -1);
    return atomic_load(&failed);
}

const char *calls_failed(void)
{
    return failed_name;
}

/* Functions that cannot report a failure; one that is only called after a passed deadline, where its answer is moot; and
 * one that is only called to settle what a process that died has left: tests/direct/test_leftovers.py. */
static bool reports_nothing(const char *name)
{
    static const char *const names[] = {
        "rados_aio_cancel", "rados_aio_release", "rados_buffer_free", "rados_get_instance_id", "rados_getxattrs_end", "rados_ioctx_create2",
        "rados_ioctx_destroy", "rados_ioctx_get_id", "rados_omap_get_end", "rados_release_read_op", "rados_release_write_op", "rados_shutdown",
        "rbd_image_options_create", "rbd_image_options_destroy", "rbd_linked_image_spec_cleanup", "rbd_snap_spec_cleanup",
        /* asked on clusters with clone v1 alone, for an unprotected snapshot; where it fails, rbd_clone3() judges */
        "rbd_config_pool_list", "rbd_config_pool_list_cleanup",
    };

    if (strncmp(name, "rados_read_op_", 14) == 0 || strncmp(name, "rados_write_op_", 15) == 0)
        return true; /* a step of an operation: what becomes of it is the answer of rados_aio_*_op_operate() */
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool has_failed(const char *name)
{
    for (struct stand_in *each = __start_stand_ins; each < __stop_stand_ins; each++)
        if (strcmp(each->name, name) == 0)
            return atomic_load(&each->failed) > 0;
    return false;
}

void calls_check_all_failed(void)
{
    char command[600], name[128], missing[2000] = "";
    Dl_info library;
    int count = 0;

    *(void **)&library.dli_saddr = dlsym(RTLD_DEFAULT, "vtclone_abi");
    assert_true(dladdr(library.dli_saddr, &library) != 0);
    snprintf(command, sizeof(command), "nm -D --undefined-only '%s' | grep -oE '(rados|rbd)_[a-z0-9_]+'", library.dli_fname);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    while (fscanf(pipe, "%127s", name) == 1) {
        count++;
        if (!reports_nothing(name) && !has_failed(name))
            snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), " %s", name);
    }
    pclose(pipe);
    assert_true(count > 40);
    if (missing[0] != '\0')
        fail_msg("never failed:%s", missing);
}

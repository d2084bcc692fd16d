/*
 * acts.c - see acts.h.
 */
#include "acts.h"

#include "lab.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
struct act acts[ACTS];

static atomic_int clock_ahead_s;

void acts_clear(void)
{
    pthread_mutex_lock(&lock);
    memset(acts, 0, sizeof(acts));
    pthread_mutex_unlock(&lock);
    acts_clock_ahead(0);
}

void acts_clock_ahead(int seconds)
{
    atomic_store(&clock_ahead_s, seconds);
}

/* Whether it is the turn of an act with this name; *result is then what it says. */
static bool acted(const char *name, int *result)
{
    struct act found = { 0 };

    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]) && found.name == NULL; i++)
        if (acts[i].name != NULL && strcmp(acts[i].name, name) == 0 && acts[i].times > 0) {
            if (acts[i].skip > 0) {
                acts[i].skip--;
                break;
            }
            acts[i].times--;
            found = acts[i];
        }
    pthread_mutex_unlock(&lock);
    if (found.name == NULL)
        return false;
    if (found.delay_ms != 0)
        sleep_ms(found.delay_ms);
    if (found.hook != NULL)
        found.hook();
    *result = found.result;
    return true;
}

/* These stand before the real ones for libvtclone.so too. */
#define CALL(name, parameters, arguments)                                          \
    __attribute__((visibility("default"))) int name parameters                     \
    {                                                                              \
        int(*real) parameters, result;                                             \
        *(void **)&real = dlsym(RTLD_NEXT, #name);                                 \
        return acted(#name, &result) && result != REAL ? result : real arguments;  \
    }

CALL(rados_connect, (rados_t cluster), (cluster))
CALL(rados_ioctx_create, (rados_t cluster, const char *pool, rados_ioctx_t *out), (cluster, pool, out))
CALL(rados_aio_read_op_operate, (rados_read_op_t op, rados_ioctx_t io, rados_completion_t done, const char *oid, int flags),
     (op, io, done, oid, flags))
CALL(rados_aio_get_return_value, (rados_completion_t done), (done))
CALL(rbd_open, (rados_ioctx_t io, const char *name, rbd_image_t *image, const char *snap), (io, name, image, snap))
CALL(rbd_open_read_only, (rados_ioctx_t io, const char *name, rbd_image_t *image, const char *snap), (io, name, image, snap))
CALL(rbd_snap_is_protected, (rbd_image_t image, const char *name, int *is), (image, name, is))
CALL(rbd_clone3, (rados_ioctx_t from, const char *image, const char *snap, rados_ioctx_t to, const char *name, rbd_image_options_t options),
     (from, image, snap, to, name, options))
CALL(rbd_resize2, (rbd_image_t image, uint64_t size, bool shrink, librbd_progress_fn_t progress, void *context),
     (image, size, shrink, progress, context))
CALL(rbd_remove, (rados_ioctx_t io, const char *name), (io, name))

/* librbd calls this too, and asserts that it succeeds. */
__attribute__((visibility("default"))) int rados_aio_create_completion2(void *argument, rados_callback_t complete, rados_completion_t *out)
{
    int (*real)(void *, rados_callback_t, rados_completion_t *), result;
    *(void **)&real = dlsym(RTLD_NEXT, "rados_aio_create_completion2");
    if (called_by_library(__builtin_return_address(0)) && acted("rados_aio_create_completion2", &result))
        return result;
    return real(argument, complete, out);
}

__attribute__((visibility("default"))) int rados_aio_write_op_operate(rados_write_op_t op, rados_ioctx_t io, rados_completion_t done,
                                                                      const char *oid, time_t *mtime, int flags)
{
    int (*real)(rados_write_op_t, rados_ioctx_t, rados_completion_t, const char *, time_t *, int), result;
    char name[64];
    *(void **)&real = dlsym(RTLD_NEXT, "rados_aio_write_op_operate");
    snprintf(name, sizeof(name), "write %.*s", (int)strcspn(oid, "."), oid);
    return acted(name, &result) && result != REAL ? result : real(op, io, done, oid, mtime, flags);
}

/* A positive errno value, as it has them. */
__attribute__((visibility("default"))) int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                                                          void *argument)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *), result;
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    if (called_by_library(__builtin_return_address(0)) && acted("pthread_create", &result))
        return result;
    return real(thread, attributes, run, argument);
}

/* Everybody asks for the time, and most of them often. */
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*_Atomic known)(clockid_t, struct timespec *);
    int (*real)(clockid_t, struct timespec *) = atomic_load(&known);
    int ahead = atomic_load(&clock_ahead_s);
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
        atomic_store(&known, real);
    }
    int result = real(clock, now);
    if (ahead != 0 && clock == CLOCK_MONOTONIC && called_by_library(__builtin_return_address(0)))
        now->tv_sec += ahead;
    return result;
}

/* The answer is another one. */
__attribute__((visibility("default"))) int rbd_get_size(rbd_image_t image, uint64_t *size)
{
    int (*real)(rbd_image_t, uint64_t *), other;
    *(void **)&real = dlsym(RTLD_NEXT, "rbd_get_size");
    int result = real(image, size);
    if (acted("rbd_get_size", &other))
        *size += 2 * GIB;
    return result;
}

__attribute__((visibility("default"))) int rbd_get_parent(rbd_image_t image, rbd_linked_image_spec_t *parent, rbd_snap_spec_t *snap)
{
    int (*real)(rbd_image_t, rbd_linked_image_spec_t *, rbd_snap_spec_t *), other;
    *(void **)&real = dlsym(RTLD_NEXT, "rbd_get_parent");
    int result = real(image, parent, snap);
    if (acted("rbd_get_parent", &other))
        snap->id++;
    return result;
}

__attribute__((visibility("default"))) int rbd_close(rbd_image_t image)
{
    int (*real)(rbd_image_t), other;
    *(void **)&real = dlsym(RTLD_NEXT, "rbd_close");
    int result = real(image);
    return acted("rbd_close", &other) ? other : result;
}

__attribute__((visibility("default"))) void rbd_image_options_create(rbd_image_options_t *options)
{
    void (*real)(rbd_image_options_t *);
    int other;
    *(void **)&real = dlsym(RTLD_NEXT, "rbd_image_options_create");
    if (acted("rbd_image_options_create", &other))
        *options = NULL;
    else
        real(options);
}

__attribute__((visibility("default"))) int rados_exec(rados_ioctx_t io, const char *oid, const char *cls, const char *method, const char *in,
                                                      size_t in_len, char *out, size_t out_len)
{
    int (*real)(rados_ioctx_t, const char *, const char *, const char *, const char *, size_t, char *, size_t), other;
    *(void **)&real = dlsym(RTLD_NEXT, "rados_exec");
    int result = real(io, oid, cls, method, in, in_len, out, out_len);
    if (!acted("rados_exec", &other))
        return result;
    if (other == 4) /* a length beyond the reply */
        memset(out, 0xff, 4);
    return other == REAL ? result : other;
}

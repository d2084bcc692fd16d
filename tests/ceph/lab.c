/*
 * lab.c - see lab.h: the clusters, images and volumes of the tests.
 */
#include "lab.h"

#include "librbd_image.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONTENT_BYTES 65536 /* at the beginning and at 33 MiB of every parent */

static struct lab lab_from(const char *prefix)
{
    const char *const names[] = { "STATE", "CONF", "FSID", "CLUSTER", "PORT" };
    const char *values[5];

    for (int i = 0; i < 5; i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s%s", prefix, names[i]);
        values[i] = getenv(name);
        if (values[i] == NULL)
            fail_msg("%s is not set: run this through tests/ceph/run", name);
    }
    return (struct lab){ values[0], values[1], values[2], values[3], (int)strtol(values[4], NULL, 10) };
}

struct lab lab_first(void)
{
    return lab_from("VTCLONE_LAB_");
}

struct lab lab_second(void)
{
    return lab_from("VTCLONE_LAB2_");
}

bool called_by_library(const void *caller)
{
    Dl_info at;

    return dladdr(caller, &at) != 0 && strstr(at.dli_fname, "libvtclone.so") != NULL;
}

int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int slow_ms(int ms)
{
    const char *slowness = getenv("VTCLONE_TEST_SLOWNESS");

    return slowness != NULL ? ms * (int)strtol(slowness, NULL, 10) : ms;
}

void sleep_ms(int ms)
{
    const struct timespec pause = { ms / 1000, ms % 1000 * 1000000L };

    nanosleep(&pause, NULL);
}

long lab_do(const struct lab *lab, const char *format, ...)
{
    char command[600], output[4096];
    size_t len, used = 0;
    va_list args;
    FILE *pipe;

    used += (size_t)snprintf(command, sizeof(command), "lab/ceph ");
    va_start(args, format);
    used += (size_t)vsnprintf(command + used, sizeof(command) - used, format, args);
    va_end(args);
    snprintf(command + used, sizeof(command) - used, " --state '%s'", lab->state);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    len = fread(output, 1, sizeof(output) - 1, pipe);
    output[len] = '\0';
    if (pclose(pipe) != 0)
        fail_msg("%s: %s", command, output);
    return strtol(output, NULL, 10);
}

long lab_ops(const struct lab *lab)
{
    return lab_do(lab, "ops");
}

long lab_sessions(const struct lab *lab, const char *entity)
{
    return lab_do(lab, "sessions --entity %s", entity);
}

long lab_wait_sessions(const struct lab *lab, const char *entity, long wanted, int seconds)
{
    int64_t until = now_ms() + seconds * 1000;
    long seen;

    while ((seen = lab_sessions(lab, entity)) != wanted && now_ms() < until)
        sleep_ms(100);
    return seen;
}

/* ---- the administrator ---- */

static struct admin {
    const char *conf;
    rados_t rados;
    char pools[8][32];
    rados_ioctx_t ioctx[8];
    size_t count;
} admins[2];

static void must(int result, const char *what)
{
    char room[128];

    if (result < 0)
        fail_msg("%s: %s", what, strerror_r(-result, room, sizeof(room)));
}

static struct admin *admin_of(const struct lab *lab)
{
    struct admin *admin = &admins[0];

    while (admin->conf != NULL && strcmp(admin->conf, lab->conf) != 0)
        admin++;
    if (admin->conf == NULL) {
        admin->conf = lab->conf;
        must(rados_create2(&admin->rados, lab->cluster, "client.admin", 0), "rados_create2");
        must(rados_conf_read_file(admin->rados, lab->conf), "rados_conf_read_file");
        must(rados_conf_set(admin->rados, "err_to_stderr", "false"), "rados_conf_set");
        must(rados_connect(admin->rados), "rados_connect");
    }
    return admin;
}

rados_ioctx_t lab_pool(const struct lab *lab, const char *pool)
{
    struct admin *admin = admin_of(lab);
    size_t i = 0;

    while (i < admin->count && strcmp(admin->pools[i], pool) != 0)
        i++;
    if (i == admin->count) {
        assert_true(i < 8);
        must(rados_ioctx_create(admin->rados, pool, &admin->ioctx[i]), pool);
        snprintf(admin->pools[i], sizeof(admin->pools[i]), "%s", pool);
        admin->count++;
    }
    return admin->ioctx[i];
}

void lab_make_pool(const struct lab *lab, const char *pool)
{
    int result = rados_pool_create(admin_of(lab)->rados, pool);

    if (result != -EEXIST)
        must(result, "rados_pool_create");
}

void lab_close(void)
{
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < admins[i].count; j++)
            rados_ioctx_destroy(admins[i].ioctx[j]);
        if (admins[i].conf != NULL)
            rados_shutdown(admins[i].rados);
        admins[i] = (struct admin){ 0 };
    }
}

/* ---- images ---- */

static void fill(char *bytes, uint64_t offset)
{
    for (size_t i = 0; i < CONTENT_BYTES; i++)
        bytes[i] = (char)((offset + i) * 2654435761u >> 13);
}

static const uint64_t content_at[] = { 0, 33 * MIB };

static void image_create(rados_ioctx_t ioctx, const struct parent_spec *spec)
{
    rbd_image_options_t options;

    rbd_image_options_create(&options);
    must(rbd_image_options_set_uint64(options, RBD_IMAGE_OPTION_ORDER, (uint64_t)spec->order), "order");
    must(rbd_image_options_set_uint64(options, RBD_IMAGE_OPTION_FORMAT, spec->old_format ? 1 : 2), "format");
    if (!spec->old_format)
        must(rbd_image_options_set_uint64(options, RBD_IMAGE_OPTION_FEATURES, spec->features), "features");
    if (spec->stripe_unit != 0) {
        must(rbd_image_options_set_uint64(options, RBD_IMAGE_OPTION_STRIPE_UNIT, spec->stripe_unit), "stripe unit");
        must(rbd_image_options_set_uint64(options, RBD_IMAGE_OPTION_STRIPE_COUNT, spec->stripe_count), "stripe count");
    }
    must(rbd_create4(ioctx, spec->id, spec->size, options), "rbd_create4");
    rbd_image_options_destroy(options);
}

void parent_make(const struct lab *lab, struct parent_spec spec)
{
    char bytes[CONTENT_BYTES];
    rados_ioctx_t ioctx;
    rbd_image_t image;

    spec.pool = spec.pool != NULL ? spec.pool : "images";
    spec.id = spec.id != NULL ? spec.id : IMAGE;
    spec.snap = spec.snap != NULL ? spec.snap : "snap";
    spec.size = spec.size != 0 ? spec.size : 64 * MIB;
    spec.features = spec.features != 0 ? spec.features : FEATURES_DEFAULT;
    spec.order = spec.order != 0 ? spec.order : 23;
    ioctx = lab_pool(lab, spec.pool);
    parent_remove(lab, spec.pool, spec.id);
    image_create(ioctx, &spec);
    must(rbd_open(ioctx, spec.id, &image, NULL), "rbd_open");
    for (size_t i = 0; i < 2; i++) {
        fill(bytes, content_at[i]);
        must((int)rbd_write(image, content_at[i], sizeof(bytes), bytes), "rbd_write");
    }
    must(rbd_snap_create(image, spec.snap), "rbd_snap_create");
    if (!spec.unprotected && !spec.old_format)
        must(rbd_snap_protect(image, spec.snap), "rbd_snap_protect");
    must(image_close(ioctx, image), "rbd_close");
}

/* All snapshots of an image, so that it can be removed. */
static int purge_snapshots(rados_ioctx_t ioctx, const char *id)
{
    rbd_snap_info_t snaps[8];
    int max = 8, count, result = 0;
    rbd_image_t image;

    if (rbd_open(ioctx, id, &image, NULL) < 0)
        return 0;
    count = rbd_snap_list(image, snaps, &max);
    for (int i = 0; i < count && result == 0; i++) {
        int is_protected = 0;
        if (rbd_snap_is_protected(image, snaps[i].name, &is_protected) == 0 && is_protected)
            result = rbd_snap_unprotect(image, snaps[i].name);
        if (result == 0)
            result = rbd_snap_remove(image, snaps[i].name);
    }
    if (count > 0)
        rbd_snap_list_end(snaps);
    (void)image_close(ioctx, image);
    return result;
}

void parent_remove(const struct lab *lab, const char *pool, const char *id)
{
    int result;

    must(purge_snapshots(lab_pool(lab, pool), id), "remove the snapshots of a parent");
    result = rbd_remove(lab_pool(lab, pool), id);
    if (result != -ENOENT)
        must(result, "rbd_remove of a parent");
}

static void check_bytes(rbd_image_t image, uint64_t offset, bool zero)
{
    char expected[CONTENT_BYTES] = { 0 }, found[CONTENT_BYTES];

    if (!zero)
        fill(expected, offset);
    assert_int_equal(rbd_read(image, offset, sizeof(found), found), sizeof(found));
    assert_memory_equal(expected, found, sizeof(found));
}

void volume_check_content(const struct lab *lab, const char *pool, const char *name)
{
    rbd_image_t image;
    uint64_t size;

    must(rbd_open_read_only(lab_pool(lab, pool), name, &image, NULL), "rbd_open_read_only");
    must(rbd_get_size(image, &size), "rbd_get_size");
    for (size_t i = 0; i < 2; i++)
        check_bytes(image, content_at[i], false);
    check_bytes(image, 40 * MIB, true);
    check_bytes(image, size - CONTENT_BYTES, true);
    must(image_close(lab_pool(lab, pool), image), "rbd_close");
}

uint64_t volume_size(const struct lab *lab, const char *pool, const char *name)
{
    rbd_image_t image;
    uint64_t size;

    must(rbd_open_read_only(lab_pool(lab, pool), name, &image, NULL), "rbd_open_read_only");
    must(rbd_get_size(image, &size), "rbd_get_size");
    must(image_close(lab_pool(lab, pool), image), "rbd_close");
    return size;
}

bool volume_exists(const struct lab *lab, const char *pool, const char *name)
{
    rbd_image_t image;
    int result = rbd_open_read_only(lab_pool(lab, pool), name, &image, NULL);

    if (result == 0)
        must(image_close(lab_pool(lab, pool), image), "rbd_close");
    else
        assert_int_equal(result, -ENOENT);
    return result == 0;
}

/* The names in the pool's directory; freed by rbd_image_spec_list_cleanup() and free(). */
static rbd_image_spec_t *pool_list(const struct lab *lab, const char *pool, size_t *count)
{
    rbd_image_spec_t *specs = NULL;
    int result;

    *count = 256;
    do {
        specs = realloc(specs, *count * sizeof(*specs));
        assert_non_null(specs);
        result = rbd_list2(lab_pool(lab, pool), specs, count);
    } while (result == -ERANGE);
    must(result, "rbd_list2");
    return specs;
}

bool volume_leftover(const struct lab *lab, const char *pool, const char *name)
{
    char object[300];
    rbd_image_spec_t *specs;
    uint64_t size;
    time_t time;
    size_t count;
    bool found = false;

    snprintf(object, sizeof(object), "rbd_id.%s", name);
    if (rados_stat(lab_pool(lab, pool), object, &size, &time) == 0)
        return true;
    specs = pool_list(lab, pool, &count);
    for (size_t i = 0; i < count; i++)
        found = found || strcmp(specs[i].name, name) == 0;
    rbd_image_spec_list_cleanup(specs, count);
    free(specs);
    return found;
}

void volume_remove(const struct lab *lab, const char *pool, const char *name)
{
    must(rbd_remove(lab_pool(lab, pool), name), "rbd_remove");
}

struct removal {
    rados_ioctx_t ioctx;
    rbd_image_spec_t *specs;
    size_t count;
    atomic_size_t next;
    atomic_int result; /* of the first that could not be removed */
};

static void *remove_some(void *argument)
{
    struct removal *removal = argument;
    size_t i;

    while ((i = atomic_fetch_add(&removal->next, 1)) < removal->count) {
        int expected = 0, result = purge_snapshots(removal->ioctx, removal->specs[i].name);

        if (result == 0)
            result = rbd_remove(removal->ioctx, removal->specs[i].name);
        if (result != 0 && result != -ENOENT)
            atomic_compare_exchange_strong(&removal->result, &expected, result);
    }
    return NULL;
}

/* One pass over the pool, some at a time; 0 or what stopped one of them. */
static int remove_all(const struct lab *lab, const char *pool)
{
    struct removal removal = { .ioctx = lab_pool(lab, pool) };
    pthread_t threads[8];

    removal.specs = pool_list(lab, pool, &removal.count);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, remove_some, &removal), 0);
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    rbd_image_spec_list_cleanup(removal.specs, removal.count);
    free(removal.specs);
    return removal.result;
}

void pool_empty(const struct lab *lab, const char *pool)
{
    /* Twice: what has clones in the same pool goes after them. */
    if (remove_all(lab, pool) != 0)
        must(remove_all(lab, pool), pool);
}

void pool_check_orphans(const struct lab *lab, const char *pool)
{
    static const char *const prefixes[] = { "rbd_header.", "rbd_id.", "rbd_object_map." };
    rados_list_ctx_t list;
    const char *name;

    must(rados_nobjects_list_open(lab_pool(lab, pool), &list), "rados_nobjects_list_open");
    while (rados_nobjects_list_next(list, &name, NULL, NULL) == 0)
        for (size_t i = 0; i < 3; i++)
            if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
                fail_msg("%s has an orphan: %s", pool, name);
    rados_nobjects_list_close(list);
}

size_t pool_count(const struct lab *lab, const char *pool)
{
    size_t count;
    rbd_image_spec_t *specs = pool_list(lab, pool, &count);

    rbd_image_spec_list_cleanup(specs, count);
    free(specs);
    return count;
}

/*
 * floor.c - the floor of `make bench`: a hand-written loop of the six operations that a clone is made of, on bare librados
 * and in the same three round trips, with no check, no cache, no message and nothing undone. What the direct engine is
 * compared with, not something to use.
 *
 *   floor CONF CLUSTER USER POOL PARENT_POOL PARENT_ID SNAP_ID OVERLAP_BYTES ORDER COUNT CONCURRENCY GIB PREFIX
 *
 * PARENT_ID is the image's internal id. Prints JSON as vtclone-bench does.
 */
#include <endian.h>
#include <pthread.h>
#include <rados/librados.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define FEATURES 61

struct text {
    unsigned char data[512];
    size_t len;
};

static struct {
    rados_ioctx_t target, source;
    int64_t target_id, source_id;
    const char *parent_id, *prefix;
    uint64_t snap_id, overlap, size, instance;
    uint8_t order;
    long count, concurrency;
    atomic_long next, failed;
    double *took_ms;
} run;

static void put(struct text *text, const void *bytes, size_t len)
{
    if (len > sizeof(text->data) - text->len)
        abort();
    memcpy(text->data + text->len, bytes, len);
    text->len += len;
}

static void put_u8(struct text *text, uint8_t value)
{
    put(text, &value, 1);
}

static void put_u32(struct text *text, uint32_t value)
{
    value = htole32(value);
    put(text, &value, 4);
}

static void put_u64(struct text *text, uint64_t value)
{
    value = htole64(value);
    put(text, &value, 8);
}

static void put_string(struct text *text, const char *string)
{
    put_u32(text, (uint32_t)strlen(string));
    put(text, string, strlen(string));
}

static void put_struct(struct text *text, uint8_t version, const struct text *body)
{
    put_u8(text, version);
    put_u8(text, 1);
    put_u32(text, (uint32_t)body->len);
    put(text, body->data, body->len);
}

static void call(rados_write_op_t op, const char *method, const struct text *argument)
{
    rados_write_op_exec(op, "rbd", method, (const char *)argument->data, argument->len, NULL);
}

struct sent {
    rados_write_op_t op;
    rados_completion_t completion;
};

static struct sent send_op(rados_ioctx_t ioctx, rados_write_op_t op, const char *prefix, const char *name)
{
    struct sent sent = { op, NULL };
    char oid[300];

    snprintf(oid, sizeof(oid), "%s%s", prefix, name);
    rados_aio_create_completion2(NULL, NULL, &sent.completion);
    rados_aio_write_op_operate(op, ioctx, sent.completion, oid, NULL, 0);
    return sent;
}

static int wait_op(struct sent sent)
{
    int result;

    rados_aio_wait_for_complete(sent.completion);
    result = rados_aio_get_return_value(sent.completion);
    rados_aio_release(sent.completion);
    rados_release_write_op(sent.op);
    return result;
}

static struct sent add_to_directory(const char *name, const char *id)
{
    struct text argument = { .len = 0 };
    rados_write_op_t op = rados_create_write_op();

    put_string(&argument, name);
    put_string(&argument, id);
    call(op, "dir_add_image", &argument);
    return send_op(run.target, op, "rbd_directory", "");
}

static struct sent create_header(const char *id)
{
    struct text argument = { .len = 0 };
    rados_write_op_t op = rados_create_write_op();
    char prefix[64];

    snprintf(prefix, sizeof(prefix), "rbd_data.%s", id);
    put_u64(&argument, run.size);
    put_u8(&argument, run.order);
    put_u64(&argument, FEATURES);
    put_string(&argument, prefix);
    put_u64(&argument, UINT64_MAX);
    rados_write_op_create(op, LIBRADOS_CREATE_EXCLUSIVE, NULL);
    call(op, "create", &argument);
    return send_op(run.target, op, "rbd_header.", id);
}

static struct sent create_map(const char *id)
{
    struct text argument = { .len = 0 };
    rados_write_op_t op = rados_create_write_op();

    put_u64(&argument, run.size >> run.order);
    put_u8(&argument, 0);
    call(op, "object_map_resize", &argument);
    return send_op(run.target, op, "rbd_object_map.", id);
}

static struct sent attach_parent(const char *id)
{
    struct text spec = { .len = 0 }, argument = { .len = 0 }, flags = { .len = 0 };
    rados_write_op_t op = rados_create_write_op();

    put_u64(&spec, (uint64_t)run.source_id);
    put_string(&spec, "");
    put_string(&spec, run.parent_id);
    put_u64(&spec, run.snap_id);
    put_struct(&argument, 1, &spec);
    put_u64(&argument, run.overlap);
    put_u8(&argument, 0);
    put_u64(&flags, 2);
    put_u64(&flags, 2);
    call(op, "parent_attach", &argument);
    call(op, "op_features_set", &flags);
    return send_op(run.target, op, "rbd_header.", id);
}

static struct sent create_id(const char *name, const char *id)
{
    struct text argument = { .len = 0 };
    rados_write_op_t op = rados_create_write_op();

    put_string(&argument, id);
    rados_write_op_create(op, LIBRADOS_CREATE_EXCLUSIVE, NULL);
    call(op, "set_id", &argument);
    return send_op(run.target, op, "rbd_id.", name);
}

static struct sent attach_child(const char *id)
{
    struct text spec = { .len = 0 }, argument = { .len = 0 };
    rados_write_op_t op = rados_create_write_op();

    put_u64(&spec, (uint64_t)run.target_id);
    put_string(&spec, id);
    put_string(&spec, "");
    put_u64(&argument, run.snap_id);
    put_struct(&argument, 2, &spec);
    call(op, "child_attach", &argument);
    return send_op(run.source, op, "rbd_header.", run.parent_id);
}

static int clone_one(long number)
{
    char name[128], id[32];
    struct sent sent[3];
    int result = 0;

    snprintf(name, sizeof(name), "%s-%ld", run.prefix, number);
    snprintf(id, sizeof(id), "%llx%06lx", (unsigned long long)run.instance, number);
    sent[0] = add_to_directory(name, id);
    sent[1] = create_header(id);
    sent[2] = create_map(id);
    for (int i = 0; i < 3; i++)
        result |= wait_op(sent[i]);
    result |= wait_op(attach_parent(id));
    sent[0] = create_id(name, id);
    sent[1] = attach_child(id);
    for (int i = 0; i < 2; i++)
        result |= wait_op(sent[i]);
    return result;
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_s(long *peak_kib)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    *peak_kib = used.ru_maxrss;
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void *worker(void *unused)
{
    long number;

    (void)unused;
    while ((number = atomic_fetch_add(&run.next, 1)) < run.count) {
        double before = now_s();
        if (clone_one(number) != 0)
            atomic_fetch_add(&run.failed, 1);
        run.took_ms[number] = (now_s() - before) * 1e3;
    }
    return NULL;
}

static int by_time(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;

    return a < b ? -1 : a > b;
}

int main(int argc, char **argv)
{
    pthread_t threads[1024];
    rados_t rados;
    char user[128];
    double wall, cpu;
    long peak;

    if (argc != 14)
        return 2;
    snprintf(user, sizeof(user), "client.%s", argv[3]);
    if (rados_create2(&rados, argv[2], user, 0) < 0 || rados_conf_read_file(rados, argv[1]) < 0 ||
        rados_connect(rados) < 0 || rados_ioctx_create(rados, argv[4], &run.target) < 0 ||
        rados_ioctx_create(rados, argv[5], &run.source) < 0) {
        fprintf(stderr, "floor: cannot connect\n");
        return 4;
    }
    run.target_id = rados_ioctx_get_id(run.target);
    run.source_id = rados_ioctx_get_id(run.source);
    run.instance = rados_get_instance_id(rados);
    run.parent_id = argv[6];
    run.snap_id = strtoull(argv[7], NULL, 10);
    run.overlap = strtoull(argv[8], NULL, 10);
    run.order = (uint8_t)strtoul(argv[9], NULL, 10);
    run.count = strtol(argv[10], NULL, 10);
    run.concurrency = strtol(argv[11], NULL, 10);
    run.size = strtoull(argv[12], NULL, 10) << 30;
    run.prefix = argv[13];
    run.took_ms = calloc((size_t)run.count, sizeof(double));
    if (run.took_ms == NULL || run.concurrency > 1024 || clone_one(run.count) != 0) {
        fprintf(stderr, "floor: the first clone failed\n");
        return 4;
    }
    cpu = cpu_s(&peak);
    wall = now_s();
    for (long i = 0; i < run.concurrency; i++)
        if (pthread_create(&threads[i], NULL, worker, NULL) != 0)
            return 4;
    for (long i = 0; i < run.concurrency; i++)
        pthread_join(threads[i], NULL);
    wall = now_s() - wall;
    cpu = cpu_s(&peak) - cpu;
    qsort(run.took_ms, (size_t)run.count, sizeof(double), by_time);
    printf("{\"engine\": \"floor\", \"count\": %ld, \"concurrency\": %ld, \"failed\": %ld, \"p50_ms\": %.3f, "
           "\"p99_ms\": %.3f, \"per_second\": %.1f, \"cpu_s\": %.3f, \"peak_kib\": %ld}\n",
           run.count, run.concurrency, atomic_load(&run.failed), run.took_ms[(run.count - 1) / 2],
           run.took_ms[(run.count - 1) * 99 / 100], (double)(run.count - atomic_load(&run.failed)) / wall, cpu, peak);
    rados_ioctx_destroy(run.target);
    rados_ioctx_destroy(run.source);
    rados_shutdown(rados);
    return atomic_load(&run.failed) == 0 ? 0 : 4;
}

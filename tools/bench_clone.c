/*
 * bench_clone.c - vtclone-bench clone: N clones of one snapshot, C at a time, each timed; one more before them, untimed,
 * makes the connection (and, with engine auto, the certificate). The volumes that it made are removed afterwards unless
 * --keep; their names hold a random part, so that none of them can have been there before.
 */
#include "bench.h"
#include "cli_each.h"

#include <pthread.h>
#include <rbd/librbd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define COUNT_MAX 1000000

static const char usage[] =
    "usage: vtclone-bench clone --site FILE --backend HOST --parent POOL/IMAGE@SNAP --engine auto|librbd|direct\n"
    "                           --count N --concurrency C --size GIB [--prefix P] [--keep] [--format table|json]\n"
    "Makes N volumes named P (default: bench-TIME), a random part and a number, C at a time; removes them unless --keep.\n"
    "Exit status: 0 done, 2 usage or bad input, 3 the parent cannot be cloned there, 4 a clone failed.\n";

struct bench {
    const char *site_path, *backend, *parent, *prefix;
    int32_t engine;
    int64_t count, concurrency, size_gib;
    bool keep, json, printed; /* printed: the result, beside which an error is text on standard error */
    char prefix_room[256]; /* with the random part */
    vtclone *handle;
    vtclone_decision *decision;
    vtclone_backend_info info;
    atomic_int_fast64_t failed, left; /* left: made, and not removed */
    double *took_ms;
    int64_t started; /* threads of the last phase */
    bool *made; /* by number + 1: the one before the timed ones is number -1 */
    pthread_mutex_t lock; /* of first_error */
    vtclone_error first_error;
    rados_ioctx_t ioctx; /* for the removal */
};

enum { OPT_PARENT = CLI_OPT_FIRST_OWN, OPT_ENGINE, OPT_COUNT, OPT_CONCURRENCY, OPT_PREFIX, OPT_KEEP };

/* ---- options ---- */

static int32_t take(void *context, int option, const char *value, vtclone_error *err)
{
    struct bench *bench = context;

    switch (option) {
    case CLI_OPT_SITE:
        bench->site_path = value;
        return 0;
    case CLI_OPT_BACKEND:
        bench->backend = value;
        return 0;
    case CLI_OPT_SIZE:
        return cli_number(value, "size", 1, VTCLONE_MAX_SIZE_GIB, &bench->size_gib, err);
    case OPT_PARENT:
        bench->parent = value;
        return 0;
    case OPT_ENGINE:
        return cli_engine(value, &bench->engine, err);
    case OPT_COUNT:
        return cli_number(value, "count", 1, COUNT_MAX, &bench->count, err);
    case OPT_CONCURRENCY:
        return cli_number(value, "concurrency", 1, CLI_EACH_THREADS_MAX, &bench->concurrency, err);
    case OPT_PREFIX:
        bench->prefix = value;
        return 0;
    case OPT_KEEP:
        bench->keep = true;
        return 0;
    default:
        return cli_format(value, &bench->json, err);
    }
}

/* A clone of an image that is there already counts as made: the names must be new. */
static int32_t name_prefix(struct bench *bench, vtclone_error *err)
{
    uint64_t noise;

    if (getrandom(&noise, sizeof(noise), 0) != (ssize_t)sizeof(noise))
        return cli_fail(err, "getrandom failed");
    if (bench->prefix != NULL)
        snprintf(bench->prefix_room, sizeof(bench->prefix_room), "%s-%016llx", bench->prefix, (unsigned long long)noise);
    else
        snprintf(bench->prefix_room, sizeof(bench->prefix_room), "bench-%lld-%016llx", (long long)time(NULL),
                 (unsigned long long)noise);
    bench->prefix = bench->prefix_room;
    return 0;
}

static int32_t check_options(struct bench *bench, vtclone_error *err)
{
    if (bench->site_path == NULL || bench->backend == NULL || bench->parent == NULL || bench->count == 0 ||
        bench->concurrency == 0 || bench->size_gib == 0)
        return cli_fail(err, "--site, --backend, --parent, --count, --concurrency and --size are needed");
    if (bench->prefix != NULL && strlen(bench->prefix) >= 200)
        return cli_fail(err, "--prefix: more than 199 bytes");
    return name_prefix(bench, err);
}

/* ---- the decision ---- */

/* POOL/IMAGE@SNAP as Glance would describe it. */
static int32_t describe_parent(const struct bench *bench, char *json, size_t size, vtclone_error *err)
{
    const char *image = strchr(bench->parent, '/');
    const char *snap = image != NULL ? strrchr(image, '@') : NULL;
    int wrote;

    if (snap == NULL || strpbrk(bench->parent, "\"\\%") != NULL)
        return cli_fail(err, "--parent: %s is not POOL/IMAGE@SNAP", bench->parent);
    if (bench->info.fsid == NULL)
        return cli_fail(err, "--backend: %s is not an rbd backend", bench->backend);
    wrote = snprintf(json, size,
                     "{\"id\": \"%.*s\", \"status\": \"active\", \"disk_format\": \"raw\", \"container_format\": \"bare\", "
                     "\"size\": 1, \"locations\": [{\"url\": \"rbd://%s/%.*s/%.*s/%s\", \"metadata\": {}}]}",
                     (int)(snap - image - 1), image + 1, bench->info.fsid, (int)(image - bench->parent), bench->parent,
                     (int)(snap - image - 1), image + 1, snap + 1);
    return wrote > 0 && (size_t)wrote < size ? 0 : cli_fail(err, "--parent: too long");
}

static int32_t find_backend(struct bench *bench, const vtclone_site *site, vtclone_error *err)
{
    for (size_t i = 0; i < vtclone_site_backend_count(site); i++) {
        bench->info = (vtclone_backend_info){ .size = sizeof(bench->info) };
        int32_t code = vtclone_site_backend(site, i, &bench->info, err);
        if (code != 0)
            return code;
        if (strcmp(bench->info.host, bench->backend) == 0)
            return 0;
    }
    return cli_fail(err, "--backend: the site has no %s", bench->backend);
}

static int32_t decide(struct bench *bench, const vtclone_site *site, vtclone_error *err)
{
    const vtclone_resolve_options options = { .size = sizeof(options), .backend = bench->backend };
    char json[4096];
    int32_t code = find_backend(bench, site, err);

    if (code == 0)
        code = describe_parent(bench, json, sizeof(json), err);
    if (code == 0)
        code = vtclone_resolve(site, json, strlen(json), &options, &bench->decision, err);
    if (code == 0 && strcmp(vtclone_decision_method(bench->decision), "rbd-clone") != 0) {
        cli_fail(err, "%s cannot be cloned for %s: %s", bench->parent, bench->backend,
                 vtclone_reason_name(vtclone_decision_reason(bench->decision)));
        err->code = code = VTCLONE_E_MISS;
    }
    return code;
}

/* ---- the clones ---- */

static int32_t clone_one(struct bench *bench, int64_t number, double *took_ms, vtclone_error *err)
{
    const vtclone_clone_options options = { .size = sizeof(options), .engine = bench->engine };
    struct timespec before, after;
    vtclone_decision *made;
    char name[256];
    int32_t code;

    snprintf(name, sizeof(name), "%s-%lld", bench->prefix, (long long)number);
    clock_gettime(CLOCK_MONOTONIC, &before);
    code = vtclone_clone(bench->handle, bench->decision, name, bench->size_gib, &options, &made, err);
    clock_gettime(CLOCK_MONOTONIC, &after);
    *took_ms = (double)(after.tv_sec - before.tv_sec) * 1e3 + (double)(after.tv_nsec - before.tv_nsec) / 1e6;
    if (code == 0) {
        bench->made[number + 1] = true;
        vtclone_decision_free(made);
    }
    return code;
}

static void clone_number(void *context, int64_t number)
{
    struct bench *bench = context;
    vtclone_error error;

    if (clone_one(bench, number, &bench->took_ms[number], &error) == 0)
        return;
    atomic_fetch_add(&bench->failed, 1);
    pthread_mutex_lock(&bench->lock);
    if (bench->first_error.code == 0)
        bench->first_error = error;
    pthread_mutex_unlock(&bench->lock);
}

static void remove_number(void *context, int64_t number)
{
    struct bench *bench = context;
    char name[256];

    if (!bench->made[number + 1])
        return;
    snprintf(name, sizeof(name), "%s-%lld", bench->prefix, (long long)number);
    if (rbd_remove(bench->ioctx, name) < 0)
        atomic_fetch_add(&bench->left, 1);
}

static int32_t run_workers(struct bench *bench, const char *what, int64_t first, void (*work)(void *, int64_t),
                           vtclone_error *err)
{
    struct cli_each each = {
        .what = what, .first = first, .end = bench->count, .threads = bench->concurrency, .work = work, .context = bench,
    };

    int32_t code = cli_each_run(&each, err);
    bench->started = each.started;
    return code;
}

static int32_t remove_all(struct bench *bench, vtclone_error *err)
{
    char user[300];
    rados_t rados;
    int32_t code = 0;

    snprintf(user, sizeof(user), "client.%s", bench->info.user);
    if (rados_create2(&rados, bench->info.cluster, user, 0) < 0)
        return cli_fail(err, "remove the volumes: rados_create2");
    if (rados_conf_read_file(rados, bench->info.ceph_conf) < 0 || rados_connect(rados) < 0) {
        code = cli_fail(err, "remove the volumes: cannot connect");
    } else if (rados_ioctx_create(rados, bench->info.pool, &bench->ioctx) < 0) {
        code = cli_fail(err, "remove the volumes: cannot open pool %s", bench->info.pool);
    } else {
        code = run_workers(bench, "removing", -1, remove_number, err); /* -1: the one before the timed ones */
        rados_ioctx_destroy(bench->ioctx);
        if (code == 0 && atomic_load(&bench->left) > 0) {
            cli_fail(err, "%lld volumes %s-N could not be removed", (long long)atomic_load(&bench->left), bench->prefix);
            err->code = code = VTCLONE_E_RADOS;
        }
    }
    rados_shutdown(rados);
    return code;
}

/* ---- the result ---- */

static int by_time(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;

    return a < b ? -1 : a > b;
}

/* The time that so many percent of the made ones did not exceed; 0 where none was made. */
static double percentile(const double *sorted_ms, int64_t made, int percent)
{
    return made > 0 ? sorted_ms[(made * percent + 99) / 100 - 1] : 0;
}

static void print(struct bench *bench, const struct bench_cost *cost, double warm_up_ms, uint64_t connects)
{
    int64_t made = 0;
    double p50, p99, per_second;

    for (int64_t i = 0; i < bench->count; i++)
        if (bench->made[i + 1])
            bench->took_ms[made++] = bench->took_ms[i];
    qsort(bench->took_ms, (size_t)made, sizeof(double), by_time);
    p50 = percentile(bench->took_ms, made, 50);
    p99 = percentile(bench->took_ms, made, 99);
    per_second = (double)made / cost->wall_s;
    if (bench->json)
        printf("{\"engine\": \"%s\", \"count\": %lld, \"concurrency\": %lld, \"failed\": %lld, \"p50_ms\": %.3f, "
               "\"p99_ms\": %.3f, \"per_second\": %.1f, \"connects\": %llu, \"warm_up_ms\": %.1f, \"cpu_s\": %.3f, "
               "\"peak_kib\": %ld}\n",
               cli_engine_names[bench->engine], (long long)bench->count, (long long)bench->started,
               (long long)atomic_load(&bench->failed), p50, p99, per_second, (unsigned long long)connects, warm_up_ms,
               cost->cpu_s, cost->peak_kib);
    else
        printf("engine       %s\nclones       %lld, %lld at a time, %lld failed\np50          %.3f ms\n"
               "p99          %.3f ms\nper second   %.1f\nconnects     %llu (before them: one, and %.1f ms)\n"
               "CPU          %.3f s\npeak memory  %ld KiB\n",
               cli_engine_names[bench->engine], (long long)bench->count, (long long)bench->started,
               (long long)atomic_load(&bench->failed), p50, p99, per_second, (unsigned long long)connects, warm_up_ms,
               cost->cpu_s, cost->peak_kib);
}

static int32_t measure(struct bench *bench, vtclone_error *err)
{
    vtclone_stats before = { .size = sizeof(before) }, after = { .size = sizeof(after) };
    vtclone_options options;
    struct bench_cost cost;
    double warm_up_ms;
    int32_t code;

    cli_handle_options(&options);
    if ((code = vtclone_open(&options, &bench->handle, err)) != 0 ||
        (code = clone_one(bench, -1, &warm_up_ms, err)) != 0 ||
        (code = vtclone_get_stats(bench->handle, &before, err)) != 0)
        return code;
    bench_begin(&cost);
    code = run_workers(bench, "cloning", 0, clone_number, err);
    bench_end(&cost);
    if (code == 0 && (code = vtclone_get_stats(bench->handle, &after, err)) == 0)
        print(bench, &cost, warm_up_ms, after.connects - before.connects);
    bench->printed = code == 0;
    if (code == 0 && atomic_load(&bench->failed) != 0) {
        *err = bench->first_error;
        code = err->code;
    }
    return code;
}

/* Whatever went wrong: what was made goes. The first error is the one that is told. */
static int32_t clean_up(struct bench *bench, int32_t code, vtclone_error *err)
{
    vtclone_error failure = { 0 };
    int32_t removed = 0;

    if (memchr(bench->made, 1, (size_t)bench->count + 1) != NULL)
        removed = remove_all(bench, &failure);
    if (code == 0 && removed != 0) {
        *err = failure;
        return removed;
    }
    if (removed != 0)
        fprintf(stderr, "vtclone-bench clone: %s\n", failure.message);
    return code;
}

int bench_clone(int argc, char **argv)
{
    static const struct option options[] = {
        { "site", required_argument, NULL, CLI_OPT_SITE },
        { "backend", required_argument, NULL, CLI_OPT_BACKEND },
        { "size", required_argument, NULL, CLI_OPT_SIZE },
        { "format", required_argument, NULL, CLI_OPT_FORMAT },
        { "parent", required_argument, NULL, OPT_PARENT },
        { "engine", required_argument, NULL, OPT_ENGINE },
        { "count", required_argument, NULL, OPT_COUNT },
        { "concurrency", required_argument, NULL, OPT_CONCURRENCY },
        { "prefix", required_argument, NULL, OPT_PREFIX },
        { "keep", no_argument, NULL, OPT_KEEP },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    static const struct cli_command command = { "vtclone-bench clone", usage, options, take };
    struct bench bench = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct cli_text text = { 0 };
    vtclone_site *site = NULL;
    vtclone_error err = { 0 };
    int status = cli_parse(&command, argc, argv, &bench);

    if (status >= 0)
        return status;
    int32_t code = check_options(&bench, &err);
    if (code == 0)
        code = cli_read_file(bench.site_path, "site", &text, &err);
    if (code == 0)
        code = vtclone_site_parse(text.data, text.len, &site, &err);
    if (code == 0)
        code = decide(&bench, site, &err);
    if (code == 0 && ((bench.took_ms = calloc((size_t)bench.count, sizeof(double))) == NULL ||
                      (bench.made = calloc((size_t)bench.count + 1, sizeof(bool))) == NULL))
        code = cli_fail(&err, "out of memory");
    if (code == 0)
        code = measure(&bench, &err);
    if (bench.made != NULL && !bench.keep)
        code = clean_up(&bench, code, &err);
    vtclone_free(bench.handle);
    vtclone_decision_free(bench.decision);
    vtclone_site_free(site);
    free(bench.took_ms);
    free(bench.made);
    free(text.data);
    return code == 0 ? CLI_OK : cli_report_error(command.name, &err, bench.json && !bench.printed);
}

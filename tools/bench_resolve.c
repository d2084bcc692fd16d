/*
 * bench_resolve.c - vtclone-bench resolve: the time of one resolution (parsing of the image included, of the site not),
 * and how fast JSON is read.
 */
#include "bench.h"
#include "cli_progress.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: vtclone-bench resolve --site FILE --image FILE --volume-type NAME --count N [--format table|json]\n"
    "Exit status: 0 done, 2 usage or bad input.\n";

enum { OPT_COUNT = CLI_OPT_FIRST_OWN };

struct bench {
    struct cli_request request;
    int64_t count;
    struct cli_text site_text, image;
    vtclone_site *site;
    atomic_int_fast64_t done; /* resolutions, then site documents */
};

static int32_t take(void *context, int option, const char *value, vtclone_error *err)
{
    struct bench *bench = context;

    if (option == OPT_COUNT)
        return cli_number(value, "count", 1, INT64_C(1) << 40, &bench->count, err);
    return cli_request_option(&bench->request, option, value, err);
}

static void look(const void *context, struct cli_progress_state *state)
{
    const struct bench *bench = context;

    state->done = atomic_load_explicit(&bench->done, memory_order_relaxed);
    state->total = 2 * bench->count;
    state->unit = "documents";
}

/* Resolves `count` times. */
static int32_t resolve_many(struct bench *bench, vtclone_error *err)
{
    const vtclone_resolve_options options = { .size = sizeof(options),
                                              .volume_type = bench->request.volume_type,
                                              .backend = bench->request.backend,
                                              .size_gib = bench->request.size_gib };
    for (int64_t i = 0; i < bench->count; i++) {
        vtclone_decision *decision;
        int32_t code = vtclone_resolve(bench->site, bench->image.data, bench->image.len, &options, &decision, err);
        if (code != 0)
            return code;
        vtclone_decision_free(decision);
        atomic_fetch_add_explicit(&bench->done, 1, memory_order_relaxed);
    }
    return 0;
}

/* Reads the site document for as long as it takes to say something: bytes per second. */
static int32_t parse_many(struct bench *bench, double *bytes_per_second, vtclone_error *err)
{
    struct bench_cost cost = { 0 };
    double bytes = 0;

    bench_begin(&cost);
    for (int64_t i = 0; i < bench->count; i++) {
        vtclone_site *site;
        int32_t code = vtclone_site_parse(bench->site_text.data, bench->site_text.len, &site, err);
        if (code != 0)
            return code;
        vtclone_site_free(site);
        atomic_fetch_add_explicit(&bench->done, 1, memory_order_relaxed);
        bytes += (double)bench->site_text.len;
    }
    bench_end(&cost);
    *bytes_per_second = bytes / cost.wall_s;
    return 0;
}

static int32_t measure(struct bench *bench, vtclone_error *err)
{
    struct bench_cost cost;
    struct cli_progress progress;
    double bytes_per_second = 0, ns;
    int32_t code;

    cli_progress_begin(&progress, "resolving", look, bench);
    bench_begin(&cost);
    code = resolve_many(bench, err);
    bench_end(&cost);
    if (code == 0)
        code = parse_many(bench, &bytes_per_second, err);
    cli_progress_end(&progress);
    if (code != 0)
        return code;
    ns = cost.wall_s * 1e9 / (double)bench->count;
    printf(bench->request.json ? "{\"count\": %lld, \"ns_per_call\": %.0f, \"parse_mb_per_s\": %.1f, \"peak_kib\": %ld}\n"
                               : "resolutions  %lld\nns per call  %.0f\nJSON         %.1f MB/s\npeak memory  %ld KiB\n",
           (long long)bench->count, ns, bytes_per_second / 1e6, cost.peak_kib);
    return 0;
}

int bench_resolve(int argc, char **argv)
{
    static const struct option options[] = {
        CLI_REQUEST_OPTIONS,
        { "count", required_argument, NULL, OPT_COUNT },
        { 0 },
    };
    static const struct cli_command command = { "vtclone-bench resolve", usage, options, take };
    struct bench bench = { .count = 0 };
    vtclone_error err = { 0 };
    int32_t code = VTCLONE_OK;
    int status = cli_parse(&command, argc, argv, &bench);

    if (status >= 0)
        return status;
    if (bench.request.site == NULL || bench.request.image == NULL || bench.count == 0)
        code = cli_fail(&err, "--site, --image and --count are needed");
    if (code == 0)
        code = cli_read_file(bench.request.site, "site", &bench.site_text, &err);
    if (code == 0)
        code = cli_read_file(bench.request.image, "image", &bench.image, &err);
    if (code == 0)
        code = vtclone_site_parse(bench.site_text.data, bench.site_text.len, &bench.site, &err);
    if (code == 0)
        code = measure(&bench, &err);
    vtclone_site_free(bench.site);
    free(bench.site_text.data);
    free(bench.image.data);
    return code == 0 ? CLI_OK : cli_report_error(command.name, &err, bench.request.json);
}

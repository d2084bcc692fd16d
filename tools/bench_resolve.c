/*
 * bench_resolve.c - vtclone-bench resolve: the time of one resolution (parsing of the image included, of the site not),
 * and how fast JSON is read.
 */
#include "bench.h"

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
};

static int32_t parse(struct bench *bench, int argc, char **argv, bool *help, vtclone_error *err)
{
    static const struct option options[] = {
        CLI_REQUEST_OPTIONS,
        { "count", required_argument, NULL, OPT_COUNT },
        { NULL, 0, NULL, 0 },
    };
    int32_t code = 0;
    int option;

    opterr = 0;
    while (code == 0 && (option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h')
            *help = true;
        else if (option == OPT_COUNT)
            code = cli_number(optarg, "count", 1, INT64_C(1) << 40, &bench->count, err);
        else if (option == '?')
            code = cli_fail(err, "an option is not known or lacks its value");
        else
            code = cli_request_option(&bench->request, option, optarg, err);
        if (code == 1)
            code = cli_fail(err, "an option is not known");
    }
    if (code == 0 && !*help &&
        (optind != argc || bench->request.site == NULL || bench->request.image == NULL || bench->count == 0))
        code = cli_fail(err, "--site, --image and --count are needed");
    return code;
}

/* Resolves `count` times. */
static int32_t resolve_many(const struct bench *bench, vtclone_error *err)
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
    }
    return 0;
}

/* Reads the site document for as long as it takes to say something: bytes per second. */
static int32_t parse_many(const struct bench *bench, double *bytes_per_second, vtclone_error *err)
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
        bytes += (double)bench->site_text.len;
    }
    bench_end(&cost);
    *bytes_per_second = bytes / cost.wall_s;
    return 0;
}

static int32_t measure(struct bench *bench, vtclone_error *err)
{
    struct bench_cost cost;
    double bytes_per_second = 0, ns;
    int32_t code;

    bench_begin(&cost);
    code = resolve_many(bench, err);
    bench_end(&cost);
    if (code == 0)
        code = parse_many(bench, &bytes_per_second, err);
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
    struct bench bench = { .count = 0 };
    vtclone_error err = { 0 };
    bool help = false;
    int32_t code = parse(&bench, argc, argv, &help, &err);

    if (help) {
        fputs(usage, stdout);
        return CLI_OK;
    }
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
    return code == 0 ? CLI_OK : cli_report_error("vtclone-bench resolve", &err, bench.request.json);
}

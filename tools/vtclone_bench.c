/*
 * vtclone_bench.c - measures the installed library through its public header: clones on a real cluster, and resolution.
 * `make bench` compares what it says with stock Cinder and with a hand-written loop (lab/bench).
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const char usage[] = "usage: vtclone-bench clone|resolve [OPTION...]   (vtclone-bench clone --help)\n"
                            "       vtclone-bench --version\n";

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void look(struct bench_cost *now)
{
    struct timespec wall;
    struct rusage used;

    clock_gettime(CLOCK_MONOTONIC, &wall);
    getrusage(RUSAGE_SELF, &used);
    now->wall_s = (double)wall.tv_sec + (double)wall.tv_nsec / 1e9;
    now->cpu_s = seconds(used.ru_utime) + seconds(used.ru_stime);
    now->peak_kib = used.ru_maxrss;
}

void bench_begin(struct bench_cost *cost)
{
    look(cost);
}

void bench_end(struct bench_cost *cost)
{
    struct bench_cost now;

    look(&now);
    cost->wall_s = now.wall_s - cost->wall_s;
    cost->cpu_s = now.cpu_s - cost->cpu_s;
    cost->peak_kib = now.peak_kib;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        fputs(usage, stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(usage, stdout);
        return CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("vtclone-bench %s (library ABI %u)\n", vtclone_version(), vtclone_abi());
        return CLI_OK;
    }
    if (strcmp(argv[1], "clone") == 0)
        return bench_clone(argc - 1, argv + 1);
    if (strcmp(argv[1], "resolve") == 0)
        return bench_resolve(argc - 1, argv + 1);
    fprintf(stderr, "vtclone-bench: %s is no command\n%s", argv[1], usage);
    return CLI_USAGE;
}

int main(int argc, char **argv)
{
    return cli_end("vtclone-bench", run(argc, argv));
}

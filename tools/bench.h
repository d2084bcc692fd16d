/*
 * bench.h - what the subcommands of vtclone-bench share.
 */
#ifndef VTCLONE_BENCH_H
#define VTCLONE_BENCH_H

#include "cli_common.h"

/* Each returns the exit status; argv[0] is the subcommand's name. */
int bench_clone(int argc, char **argv);
int bench_resolve(int argc, char **argv);

/* What a phase cost this process. */
struct bench_cost {
    double wall_s;
    double cpu_s;    /* user and system */
    long peak_kib;   /* since the process began */
};

void bench_begin(struct bench_cost *cost);
void bench_end(struct bench_cost *cost);

#endif

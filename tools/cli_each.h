/*
 * cli_each.h - the same work for each of many numbers, by several threads, with a progress line. Used by clones of many
 * volumes and by the benchmark.
 */
#ifndef VTCLONE_CLI_EACH_H
#define VTCLONE_CLI_EACH_H

#include "vtclone.h"

#include <stdatomic.h>
#include <stdint.h>

#define CLI_EACH_THREADS_MAX 1024

struct cli_each {
    const char *what;     /* for the progress line: "cloning" */
    int64_t first, end;   /* the numbers: first, first + 1, ... end - 1 */
    int64_t threads;      /* at most CLI_EACH_THREADS_MAX */
    void (*work)(void *context, int64_t number);
    void *context;
    int stop_fd;          /* 0: none; once it is readable, no further number is begun */
    int64_t started;      /* of the threads */
    atomic_int_fast64_t next, done;
};

/* Returns when every number that was begun is done; each->done says how many. Where not all threads could be started,
 * the others do the work, and a line on standard error says so; an error where there was none. */
int32_t cli_each_run(struct cli_each *each, vtclone_error *err);

#endif

/*
 * cli_progress.h - a line on standard error that shows how far a long step is, redrawn by a thread of its own. Only on a
 * terminal, and only once the step takes longer than a second; in a pipe nothing is written and no thread is started.
 */
#ifndef VTCLONE_CLI_PROGRESS_H
#define VTCLONE_CLI_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* How far a step is. total 0: not known, only the seconds so far are shown. */
struct cli_progress_state {
    int64_t done, total;
    const char *unit; /* what is counted: "MiB", "volumes" */
    const char *note; /* NULL: none */
};

/* Fills *state; called by the drawing thread. */
typedef void (*cli_progress_look)(const void *context, struct cli_progress_state *state);

struct cli_progress {
    const char *what; /* "copying the image" */
    cli_progress_look look;
    const void *context;
    int64_t began_ms;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool running, end;
};

/* what and context stay valid until cli_progress_end(), which wipes the line. look NULL: the end is not known. Begin and
 * end are called by the thread that does the step, or waits for it. */
void cli_progress_begin(struct cli_progress *progress, const char *what, cli_progress_look look, const void *context);
void cli_progress_end(struct cli_progress *progress);

/* Milliseconds of the monotonic clock. */
int64_t cli_now_ms(void);

#endif

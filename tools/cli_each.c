/*
 * cli_each.c - the same work for each of many numbers, by several threads, with a progress line.
 */
#include "cli_each.h"

#include "cli_common.h"
#include "cli_progress.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static bool stopped(const struct cli_each *each)
{
    struct pollfd fd = { .fd = each->stop_fd, .events = POLLIN };

    return each->stop_fd > 0 && poll(&fd, 1, 0) > 0;
}

static void *worker(void *context)
{
    struct cli_each *each = context;

    while (!stopped(each)) {
        const int64_t number = atomic_fetch_add(&each->next, 1);
        if (number >= each->end)
            break;
        each->work(each->context, number);
        atomic_fetch_add(&each->done, 1);
    }
    return NULL;
}

static void look(const void *context, struct cli_progress_state *state)
{
    const struct cli_each *each = context;

    state->done = atomic_load(&each->done);
    state->total = each->end - each->first;
    state->unit = "volumes";
}

int32_t cli_each_run(struct cli_each *each, vtclone_error *err)
{
    struct cli_progress progress;
    char text[128];
    pthread_t threads[CLI_EACH_THREADS_MAX];
    int64_t started = 0;
    int problem = 0;

    atomic_store(&each->next, each->first);
    atomic_store(&each->done, 0);
    cli_progress_begin(&progress, each->what, look, each);
    while (started < each->threads && (problem = pthread_create(&threads[started], NULL, worker, each)) == 0)
        started++;
    for (int64_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    cli_progress_end(&progress);
    each->started = started;
    if (started > 0 && problem != 0)
        fprintf(stderr, "vtclone: warning: %s: only %lld of %lld threads could be started (%s)\n", each->what, (long long)started,
                (long long)each->threads, strerror_r(problem, text, sizeof(text)));
    if (started > 0)
        return VTCLONE_OK;
    cli_fail(err, "%s: no thread could be started (%s)", each->what, strerror_r(problem, text, sizeof(text)));
    return err->code = VTCLONE_E_NOMEM;
}

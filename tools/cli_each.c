/*
 * cli_each.c - the same work for each of many numbers, by several threads, with a progress line.
 */
#include "cli_each.h"

#include "cli_common.h"
#include "cli_progress.h"

#include <poll.h>
#include <pthread.h>

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
    pthread_t threads[CLI_EACH_THREADS_MAX];
    int64_t started = 0;

    atomic_store(&each->next, each->first);
    atomic_store(&each->done, 0);
    cli_progress_begin(&progress, each->what, look, each);
    while (started < each->threads && pthread_create(&threads[started], NULL, worker, each) == 0)
        started++;
    for (int64_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    cli_progress_end(&progress);
    if (started == each->threads)
        return VTCLONE_OK;
    return cli_fail(err, "only %lld of %lld threads could be started", (long long)started, (long long)each->threads);
}

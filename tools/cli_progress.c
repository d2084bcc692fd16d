/*
 * cli_progress.c - a line on standard error that shows how far a long step is.
 */
#include "cli_progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR_WIDTH 30
#define FIRST_DRAW_MS 1000
#define REDRAW_MS 200

int64_t cli_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void draw(const struct cli_progress *progress)
{
    struct cli_progress_state state = { 0 };
    const long long seconds = (long long)(cli_now_ms() - progress->began_ms) / 1000;
    char bar[BAR_WIDTH + 1];

    if (progress->look != NULL)
        progress->look(progress->context, &state);
    const char *between = state.note != NULL ? ", " : "", *note = state.note != NULL ? state.note : "";
    if (state.total <= 0) {
        fprintf(stderr, "\r%s: %lld s%s%s\033[K", progress->what, seconds, between, note);
        return;
    }
    const int64_t full = state.done >= state.total ? BAR_WIDTH : state.done * BAR_WIDTH / state.total;
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', (size_t)full);
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr, "\r%s [%s] %lld of %lld %s, %lld s%s%s\033[K", progress->what, bar, (long long)state.done,
            (long long)state.total, state.unit, seconds, between, note);
}

/* Until the step ends, or so long. */
static bool wait_for_end(struct cli_progress *progress, long ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (!progress->end && pthread_cond_timedwait(&progress->ended, &progress->lock, &until) == 0)
        ;
    return progress->end;
}

static void *run(void *context)
{
    struct cli_progress *progress = context;
    bool drawn = false;

    pthread_mutex_lock(&progress->lock);
    while (!wait_for_end(progress, drawn ? REDRAW_MS : FIRST_DRAW_MS)) {
        draw(progress);
        drawn = true;
    }
    pthread_mutex_unlock(&progress->lock);
    if (drawn)
        fputs("\r\033[K", stderr);
    return NULL;
}

void cli_progress_begin(struct cli_progress *progress, const char *what, cli_progress_look look, const void *context)
{
    pthread_condattr_t clock;

    *progress = (struct cli_progress){ .what = what, .look = look, .context = context, .began_ms = cli_now_ms() };
    if (!isatty(STDERR_FILENO))
        return;
    pthread_mutex_init(&progress->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&progress->ended, &clock);
    pthread_condattr_destroy(&clock);
    progress->running = pthread_create(&progress->thread, NULL, run, progress) == 0;
}

void cli_progress_end(struct cli_progress *progress)
{
    if (!progress->running)
        return;
    pthread_mutex_lock(&progress->lock);
    progress->end = true;
    pthread_cond_signal(&progress->ended);
    pthread_mutex_unlock(&progress->lock);
    pthread_join(progress->thread, NULL);
    pthread_cond_destroy(&progress->ended);
    pthread_mutex_destroy(&progress->lock);
    progress->running = false;
}

/*
 * job.h - a blocking call that must not hold its caller beyond a deadline.
 *
 * librados and librbd have calls that no time-out of theirs ends (a watch on an OSD that stopped, the look-up of a pool
 * while the monitors are away). Such a call runs in a thread of its own. If it does not end in time the caller goes on
 * without it and the job belongs to its thread, which cleans up and frees it whenever the call ends.
 *
 * Embed struct job as the first member of what the call needs and produces.
 */
#ifndef VTCLONE_JOB_H
#define VTCLONE_JOB_H

#include "deadline.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct job {
    void (*run)(struct job *job);     /* in the thread; job_abandoned() tells it that nobody waits any more */
    void (*late)(struct job *job);    /* in the thread, after run, where nobody took the result; may be NULL */
    void (*release)(struct job *job); /* frees everything of the job; called once */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
    atomic_bool abandoned;
};

void job_init(struct job *job, void (*run)(struct job *), void (*late)(struct job *), void (*release)(struct job *));

/* 0: it ran; the results are the caller's, who calls job_release(). ETIMEDOUT: it still runs and belongs to its thread
 * now; the caller must not touch it. Another errno value: no thread could be started; the caller calls job_release(). */
int job_run(struct job *job, struct deadline deadline);
void job_release(struct job *job);

static inline bool job_abandoned(const struct job *job)
{
    return atomic_load(&job->abandoned);
}

/* A thread in which no signal of the host program is delivered. 0 or an errno value. */
int thread_start(pthread_t *thread, void *(*run)(void *), void *argument);
/* A condition whose time-outs are on CLOCK_MONOTONIC, and waiting on it: false when the deadline passed. */
void monotonic_cond_init(pthread_cond_t *cond);
bool monotonic_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, struct deadline deadline);

#endif

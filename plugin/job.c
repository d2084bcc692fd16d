/*
 * job.c - see job.h.
 */
#include "job.h"

#include <errno.h>
#include <signal.h>

int thread_start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    sigset_t all, before;
    int result;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

void monotonic_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

bool monotonic_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, struct deadline deadline)
{
    struct timespec until = {
        .tv_sec = deadline.at_ns / 1000000000,
        .tv_nsec = deadline.at_ns % 1000000000,
    };

    return pthread_cond_timedwait(cond, lock, &until) != ETIMEDOUT;
}

void job_init(struct job *job, void (*run)(struct job *), void (*late)(struct job *), void (*release)(struct job *))
{
    job->run = run;
    job->late = late;
    job->release = release;
    job->done = false;
    atomic_init(&job->abandoned, false);
    pthread_mutex_init(&job->lock, NULL);
    monotonic_cond_init(&job->ended);
}

void job_release(struct job *job)
{
    pthread_mutex_destroy(&job->lock);
    pthread_cond_destroy(&job->ended);
    job->release(job);
}

static void *job_thread(void *argument)
{
    struct job *job = argument;
    bool mine;

    job->run(job);
    pthread_mutex_lock(&job->lock);
    mine = job_abandoned(job);
    job->done = true;
    /* Signalled with the lock held: the waiter may free the job as soon as it gets the lock. */
    pthread_cond_signal(&job->ended);
    pthread_mutex_unlock(&job->lock);
    if (mine) {
        if (job->late != NULL)
            job->late(job);
        job_release(job);
    }
    return NULL;
}

int job_run(struct job *job, struct deadline deadline)
{
    pthread_t thread;
    bool done;
    int result = thread_start(&thread, job_thread, job);

    if (result != 0)
        return result;
    pthread_mutex_lock(&job->lock);
    while (!job->done && monotonic_cond_wait(&job->ended, &job->lock, deadline))
        ;
    done = job->done;
    atomic_store(&job->abandoned, !done);
    pthread_mutex_unlock(&job->lock);
    if (!done) {
        pthread_detach(thread);
        return ETIMEDOUT;
    }
    /* The thread is past its last use of the job or about to leave the lock; joining makes sure that it has. */
    pthread_join(thread, NULL);
    return 0;
}

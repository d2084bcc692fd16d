/*
 * pool.c - see pool.h.
 */
#include "pool.h"

#include "error.h"
#include "job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct pool {
    struct pool *next;
    rados_ioctx_t ioctx;
    char name[];
};

/* librados asks for the newest map when it does not know a pool, without a time-out. */
struct lookup {
    struct job job;
    rados_t rados;
    void (*drop)(void *owner);
    void *owner;
    rados_ioctx_t ioctx; /* NULL until made, and after it was taken */
    int result;
    char name[];
};

void pools_init(struct pools *pools)
{
    pools->first = NULL;
    pthread_mutex_init(&pools->lock, NULL);
}

void pools_release(struct pools *pools)
{
    struct pool *pool = pools->first;

    while (pool != NULL) {
        struct pool *next = pool->next;
        rados_ioctx_destroy(pool->ioctx);
        free(pool);
        pool = next;
    }
    pthread_mutex_destroy(&pools->lock);
}

static void lookup_run(struct job *job)
{
    struct lookup *lookup = (struct lookup *)job;

    lookup->result = rados_ioctx_create(lookup->rados, lookup->name, &lookup->ioctx);
    if (lookup->result != 0)
        lookup->ioctx = NULL;
}

static void lookup_release(struct job *job)
{
    struct lookup *lookup = (struct lookup *)job;

    if (lookup->ioctx != NULL)
        rados_ioctx_destroy(lookup->ioctx);
    lookup->drop(lookup->owner);
    free(lookup);
}

static rados_ioctx_t find(struct pools *pools, const char *name)
{
    for (const struct pool *pool = pools->first; pool != NULL; pool = pool->next)
        if (strcmp(pool->name, name) == 0)
            return pool->ioctx;
    return NULL;
}

/* Keeps ioctx under the name unless another thread was first; returns the one that is kept, or NULL: no memory. */
static rados_ioctx_t keep(struct pools *pools, const char *name, rados_ioctx_t *ioctx)
{
    size_t size = strlen(name) + 1;
    struct pool *pool = malloc(sizeof(*pool) + size);
    rados_ioctx_t kept;

    if (pool == NULL)
        return NULL;
    memcpy(pool->name, name, size);
    pthread_mutex_lock(&pools->lock);
    kept = find(pools, name);
    if (kept == NULL) {
        pool->ioctx = kept = *ioctx;
        pool->next = pools->first;
        pools->first = pool;
        *ioctx = NULL;
        pool = NULL;
    }
    pthread_mutex_unlock(&pools->lock);
    free(pool);
    return kept;
}

int32_t pools_get(struct pools *pools, rados_t rados, const char *name, struct deadline deadline, void (*hold)(void *),
                  void (*drop)(void *), void *owner, rados_ioctx_t *out, vtclone_error *err)
{
    struct lookup *lookup;
    rados_ioctx_t found;
    size_t size = strlen(name) + 1;
    int result;

    pthread_mutex_lock(&pools->lock);
    found = find(pools, name);
    pthread_mutex_unlock(&pools->lock);
    if (found != NULL) {
        *out = found;
        return 0;
    }
    lookup = calloc(1, sizeof(*lookup) + size);
    if (lookup == NULL)
        return error_nomem(err, "a pool handle");
    job_init(&lookup->job, lookup_run, NULL, lookup_release);
    lookup->rados = rados;
    lookup->drop = drop;
    lookup->owner = owner;
    memcpy(lookup->name, name, size);
    hold(owner);
    result = job_run(&lookup->job, deadline);
    if (result == ETIMEDOUT)
        return error_set_errno(err, VTCLONE_E_TIMEOUT, ETIMEDOUT, "look up pool %s: the monitors do not answer", name);
    if (result == 0)
        result = -lookup->result;
    found = result == 0 ? keep(pools, name, &lookup->ioctx) : NULL;
    job_release(&lookup->job);
    if (result != 0)
        return error_set_errno(err, result == ETIMEDOUT ? VTCLONE_E_TIMEOUT : VTCLONE_E_RADOS, result,
                               "look up pool %s", name);
    if (found == NULL)
        return error_nomem(err, "a pool handle");
    *out = found;
    return 0;
}

/*
 * pool.h - the pool handles of one connection, by name: made on first use, shared by all threads, freed together.
 */
#ifndef VTCLONE_POOL_H
#define VTCLONE_POOL_H

#include "deadline.h"
#include "vtclone.h"

#include <pthread.h>
#include <rados/librados.h>

struct pool;

struct pools {
    pthread_mutex_t lock;
    struct pool *first;
};

void pools_init(struct pools *pools);
void pools_release(struct pools *pools); /* nobody uses a handle any more */

/* Making a handle may ask the monitors, for which nobody waits beyond the deadline. hold() and drop() keep the
 * connection of rados alive for a question that is still open then. */
int32_t pools_get(struct pools *pools, rados_t rados, const char *name, struct deadline deadline, void (*hold)(void *),
                  void (*drop)(void *), void *owner, rados_ioctx_t *out, vtclone_error *err);

#endif

/*
 * batch.h - a few operations on RADOS objects that travel together: one round trip, one wait, one deadline.
 *
 * Fill it with batch_write() and batch_read(), run it, look at the results. A batch takes over the operations it is
 * given. It is used by one thread and can be filled again after batch_end().
 */
#ifndef VTCLONE_BATCH_H
#define VTCLONE_BATCH_H

#include "deadline.h"

#include <pthread.h>
#include <rados/librados.h>
#include <stdbool.h>

#define BATCH_MAX 8

struct batch_item {
    const char *step; /* static; names the operation in messages and fault injection */
    rados_ioctx_t ioctx;
    rados_write_op_t write; /* one of the two */
    rados_read_op_t read;
    rados_completion_t completion;
    char oid[320];
    bool given_up;
    int result; /* 0 or a negative errno value; -ETIMEDOUT: no answer, it may have been done or be done later */
};

struct batch {
    struct batch_item items[BATCH_MAX];
    unsigned count;
    unsigned pending;
    pthread_mutex_t lock;
    pthread_cond_t ended;
};

void batch_init(struct batch *batch);
/* Adds an operation on the object PREFIX NAME and returns its number. A NULL operation (no memory) ends as -ENOMEM. */
unsigned batch_write(struct batch *batch, const char *step, rados_ioctx_t ioctx, const char *prefix, const char *name,
                     rados_write_op_t op);
unsigned batch_read(struct batch *batch, const char *step, rados_ioctx_t ioctx, const char *prefix, const char *name,
                    rados_read_op_t op);
/* Sends all and waits for the answers. What has none at the deadline is cancelled here and ends as -ETIMEDOUT; an OSD
 * may still do it. The first failure, or 0. */
int batch_run(struct batch *batch, struct deadline deadline);
/* Frees the operations. Results stay readable until the batch is filled again. */
void batch_end(struct batch *batch);

#endif

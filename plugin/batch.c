/*
 * batch.c - see batch.h. The completion of the last operation wakes the waiting thread; the others only count down.
 */
#include "batch.h"

#include "fault.h"
#include "job.h"

#include <errno.h>

void batch_init(struct batch *batch)
{
    batch->count = 0;
    batch->pending = 0;
}

static unsigned add(struct batch *batch, const char *step, rados_ioctx_t ioctx, const char *prefix, const char *name)
{
    struct batch_item *item;

    if (batch->count == BATCH_MAX)
        abort(); /* a batch is filled by code, never by input */
    item = &batch->items[batch->count];
    *item = (struct batch_item){ .step = step, .ioctx = ioctx };
    if ((size_t)snprintf(item->oid, sizeof(item->oid), "%s%s", prefix, name) >= sizeof(item->oid))
        item->result = -ENAMETOOLONG;
    return batch->count++;
}

unsigned batch_write(struct batch *batch, const char *step, rados_ioctx_t ioctx, const char *prefix, const char *name,
                     rados_write_op_t op)
{
    unsigned number = add(batch, step, ioctx, prefix, name);

    batch->items[number].write = op;
    if (op == NULL)
        batch->items[number].result = -ENOMEM;
    return number;
}

unsigned batch_read(struct batch *batch, const char *step, rados_ioctx_t ioctx, const char *prefix, const char *name,
                    rados_read_op_t op)
{
    unsigned number = add(batch, step, ioctx, prefix, name);

    batch->items[number].read = op;
    if (op == NULL)
        batch->items[number].result = -ENOMEM;
    return number;
}

static void on_complete(rados_completion_t completion, void *argument)
{
    struct batch *batch = argument;

    (void)completion;
    pthread_mutex_lock(&batch->lock);
    if (--batch->pending == 0)
        pthread_cond_signal(&batch->ended);
    pthread_mutex_unlock(&batch->lock);
}

static void submit(struct batch *batch, struct batch_item *item)
{
    int result = rados_aio_create_completion2(batch, on_complete, &item->completion);

    if (result < 0) {
        item->completion = NULL;
        item->result = result;
        return;
    }
    pthread_mutex_lock(&batch->lock);
    batch->pending++;
    pthread_mutex_unlock(&batch->lock);
    if (item->write != NULL)
        result = rados_aio_write_op_operate(item->write, item->ioctx, item->completion, item->oid, NULL, 0);
    else
        result = rados_aio_read_op_operate(item->read, item->ioctx, item->completion, item->oid, 0);
    if (result < 0) {
        rados_aio_release(item->completion);
        item->completion = NULL;
        item->result = result;
        pthread_mutex_lock(&batch->lock);
        batch->pending--;
        pthread_mutex_unlock(&batch->lock);
    }
}

/* Waits for the answers; gives up what has none at the deadline, which librados then completes as cancelled. */
static void wait_all(struct batch *batch, struct deadline deadline)
{
    bool in_time = true;

    pthread_mutex_lock(&batch->lock);
    while (batch->pending != 0 && in_time)
        in_time = monotonic_cond_wait(&batch->ended, &batch->lock, deadline);
    pthread_mutex_unlock(&batch->lock);
    if (in_time)
        return;
    for (unsigned i = 0; i < batch->count; i++)
        if (batch->items[i].completion != NULL) {
            batch->items[i].given_up = true;
            rados_aio_cancel(batch->items[i].ioctx, batch->items[i].completion);
        }
    pthread_mutex_lock(&batch->lock);
    while (batch->pending != 0)
        pthread_cond_wait(&batch->ended, &batch->lock);
    pthread_mutex_unlock(&batch->lock);
}

int batch_run(struct batch *batch, struct deadline deadline)
{
    int first = 0;

    pthread_mutex_init(&batch->lock, NULL);
    monotonic_cond_init(&batch->ended);
    for (unsigned i = 0; i < batch->count; i++) {
        struct batch_item *item = &batch->items[i];
        if (item->result == 0 && deadline_passed(deadline))
            item->result = -ETIMEDOUT;
        if (item->result == 0 && !fault_skips(batch, item))
            submit(batch, item);
    }
    wait_all(batch, deadline);
    for (unsigned i = 0; i < batch->count; i++) {
        struct batch_item *item = &batch->items[i];
        if (item->completion != NULL) {
            /* An answer beyond 0 is a count of bytes. */
            int result = rados_aio_get_return_value(item->completion);
            item->result = result > 0 ? 0 : result == -ECANCELED && item->given_up ? -ETIMEDOUT : result;
            rados_aio_release(item->completion);
            item->completion = NULL;
        }
        fault_answer(item);
        if (first == 0)
            first = item->result;
    }
    fault_after(batch);
    pthread_cond_destroy(&batch->ended);
    pthread_mutex_destroy(&batch->lock);
    return first;
}

void batch_end(struct batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++) {
        struct batch_item *item = &batch->items[i];
        if (item->write != NULL)
            rados_release_write_op(item->write);
        if (item->read != NULL)
            rados_release_read_op(item->read);
        item->write = NULL;
        item->read = NULL;
    }
    batch->count = 0;
}

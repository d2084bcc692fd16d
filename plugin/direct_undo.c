/*
 * direct_undo.c - see direct_undo.h.
 */
#include "direct_undo.h"

#include "batch.h"
#include "job.h"

#include <errno.h>
#include <stdatomic.h>

#define LATER_MAX 64          /* threads that still clean up */
#define LATER_PATIENCE_MS 120000
#define LATER_TRY_MS 20000
#define LATER_PAUSE_MS 500

/* One operation; where the thing is not there, or is not ours, is success. */
static int run_one(const char *step, rados_ioctx_t ioctx, const char *prefix, const char *name, rados_write_op_t op,
                   struct deadline deadline)
{
    struct batch batch;
    int result;

    batch_init(&batch);
    batch_write(&batch, step, ioctx, prefix, name, op);
    result = batch_run(&batch, deadline);
    batch_end(&batch);
    return result == -ENOENT || result == -ECANCELED || result == -ENODATA || cls_is_other_id(result) ? 0 : result;
}

static int on_id_object(const struct direct_undo *undo, rados_write_op_t op, struct deadline deadline)
{
    struct batch batch;
    int result;

    batch_init(&batch);
    batch_write(&batch, "undo-mark", undo->target, CLS_ID_PREFIX, undo->volume, op);
    result = batch_run(&batch, deadline);
    batch_end(&batch);
    return result;
}

int direct_undo_mark(struct direct_undo *undo, struct deadline deadline)
{
    int result = -EEXIST;

    if (!(undo->begun & BEGUN_ID))
        result = on_id_object(undo, cls_id_create(undo->id, CLS_MARK_UNDO), deadline);
    if (result == -EEXIST) /* it is another's, or its creation had no answer, or this is a second try */
        result = on_id_object(undo, cls_id_mark_undo(undo->id, undo->begun & BEGUN_ADOPTED), deadline);
    if (result == 0)
        undo->begun |= BEGUN_MARK;
    if (result == -ECANCELED)
        return DIRECT_UNDO_ADOPTED;
    return result == -ENOENT || cls_is_other_id(result) ? 0 : result;
}

static int remove_objects(const struct direct_undo *undo, struct deadline deadline)
{
    struct batch batch;
    int result = 0;

    batch_init(&batch);
    if (undo->begun & BEGUN_HEADER)
        batch_write(&batch, "undo-header", undo->target, CLS_HEADER_PREFIX, undo->id, cls_object_remove());
    if (undo->begun & BEGUN_MAP)
        batch_write(&batch, "undo-map", undo->target, CLS_OBJECT_MAP_PREFIX, undo->id, cls_object_remove());
    batch_run(&batch, deadline);
    for (unsigned i = 0; i < batch.count && result == 0; i++)
        result = batch.items[i].result == -ENOENT ? 0 : batch.items[i].result;
    batch_end(&batch);
    return result;
}

int direct_undo(struct direct_undo *undo, struct deadline deadline)
{
    int result = 0;

    if ((undo->begun & BEGUN_PARENT) && !(undo->begun & BEGUN_MARK))
        result = direct_undo_mark(undo, deadline);
    if (result == 0 && (undo->begun & BEGUN_CHILD))
        result = run_one("undo-child", undo->parent_pool, CLS_HEADER_PREFIX, undo->parent.image_id,
                         cls_child_detach(undo->parent.snap_id, rados_ioctx_get_id(undo->target), undo->id), deadline);
    if (result == 0)
        result = remove_objects(undo, deadline);
    if (result == 0 && (undo->begun & BEGUN_DIRECTORY))
        result = run_one("undo-directory", undo->target, CLS_DIRECTORY, "", cls_dir_remove(undo->volume, undo->id),
                         deadline);
    if (result == 0 && (undo->begun & BEGUN_MARK))
        result = run_one("undo-id", undo->target, CLS_ID_PREFIX, undo->volume, cls_id_remove_marked(undo->id), deadline);
    return result;
}

/* ---- later ---- */

struct later {
    struct direct_undo undo;
    struct connection *connection;
    struct claim *claim;
    char volume[VTCLONE_MAX_NAME_BYTES + 1];
};

static void later_free(struct later *later)
{
    if (later->claim != NULL)
        claim_drop(later->claim);
    atomic_fetch_sub(connection_late_threads(later->connection), 1);
    connection_put(later->connection, false);
    free(later);
}

static void *later_run(void *argument)
{
    struct later *later = argument;
    struct deadline until = deadline_in_ms(LATER_PATIENCE_MS);
    const struct timespec pause = { .tv_nsec = LATER_PAUSE_MS * 1000000L };

    while (direct_undo(&later->undo, deadline_in_ms(LATER_TRY_MS)) < 0 && !deadline_passed(until))
        nanosleep(&pause, NULL);
    later_free(later);
    return NULL;
}

bool direct_undo_later(const struct direct_undo *undo, struct connection *connection,
                       const struct clone_request *request)
{
    atomic_int *late = connection_late_threads(connection);
    struct later *later;
    pthread_t thread;

    if (atomic_fetch_add(late, 1) >= LATER_MAX || (later = calloc(1, sizeof(*later))) == NULL) {
        atomic_fetch_sub(late, 1);
        return false;
    }
    later->undo = *undo;
    snprintf(later->volume, sizeof(later->volume), "%s", undo->volume);
    later->undo.volume = later->volume;
    later->connection = connection_ref(connection);
    later->claim = request->claim != NULL ? claim_ref(request->claim) : NULL;
    if (thread_start(&thread, later_run, later) != 0) {
        later_free(later);
        return false;
    }
    pthread_detach(thread);
    return true;
}

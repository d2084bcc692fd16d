/*
 * engine_librbd.c - the clone as librbd makes it: rbd_clone3(), one open of the child that serves the check of its
 * parent and the growth, and rbd_remove() of what was begun when anything fails.
 *
 * The work runs as a job (job.h): some waits inside librbd have no time-out. If the deadline passes, the call returns
 * and the job, which keeps its connection and its claim on the volume's name, undoes what it has begun as soon as the
 * cluster answers.
 *
 * What was begun: the name is looked up in the pool's directory before rbd_clone3(), which writes the directory first.
 * So after a failure a name in the directory is this call's, if moreover its image id begins with the number of this
 * librados client, as the ids that librbd makes do. Nothing else is ever removed.
 */
#include "engine.h"

#include "arena.h"
#include "child_entry.h"
#include "cls_rbd.h"
#include "direct_undo.h"
#include "error.h"
#include "job.h"
#include "librbd_image.h"
#include "parent.h"
#include "strbuf.h"

#include <errno.h>
#include <rbd/librbd.h>
#include <stdlib.h>
#include <string.h>

#define LATE_MAX 64               /* jobs whose callers have gone; beyond it new clones fail at once */
#define UNDO_PATIENCE_MS 120000   /* how long after the deadline a clean-up is tried again */
#define UNDO_TRY_MS 20000         /* one look, or one removal by id */
#define UNDO_PAUSE_MS 500
#define UNDO_SHARE 4              /* this part of a call's time, and not more than ... */
#define UNDO_SHARE_MAX_MS 10000   /* ... this, is kept for the clean-up */

struct librbd_job {
    struct job job;
    struct arena arena; /* of the request's strings */
    struct connection *connection;
    struct clone_request request; /* backend is not valid here */
    const char *pool;
    rados_ioctx_t target; /* of that pool, on the connection that the job began with */
    int64_t chunk_size_mib;
    struct deadline work_until; /* later only clean-up is done */
    struct parent_facts parent;
    bool parent_was_cached;
    bool moved; /* the connection is another one than at the beginning */
    char own_id[IMAGE_ID_SIZE]; /* of the image that this call has begun, once that is known */
    struct clone_outcome outcome;
    int32_t code; /* the failure; 0: none */
    int sys_errno;
    char text[560];
    char left[160];
};

/* ---- failing ---- */

static int32_t fail(struct librbd_job *job, enum vtclone_reason reason, int sys_errno, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Notes the first failure; the message says what was tried on which objects. */
static int32_t fail(struct librbd_job *job, enum vtclone_reason reason, int sys_errno, const char *format, ...)
{
    const struct clone_request *request = &job->request;
    struct strbuf text;
    char room[128];
    va_list args;

    if (job->code != 0)
        return job->code;
    sys_errno = abs(sys_errno);
    job->code = reason == VTCLONE_REASON_VOLUME_EXISTS                         ? VTCLONE_E_EXISTS
                : reason == VTCLONE_REASON_SNAPSHOT_MISSING                    ? VTCLONE_E_MISS
                : reason == VTCLONE_REASON_TOO_SMALL                           ? VTCLONE_E_MISS
                : sys_errno == ETIMEDOUT                                       ? VTCLONE_E_TIMEOUT
                                                                               : VTCLONE_E_RADOS;
    job->sys_errno = sys_errno;
    job->outcome.reason = reason;
    job->outcome.connection_broken = connection_errno_breaks(sys_errno);
    strbuf_init(&text, job->text, sizeof(job->text));
    strbuf_printf(&text, "clone %s/%s@%s to %s/%s: ", request->parent_pool, request->parent_image,
                  request->parent_snap, job->pool, request->volume);
    va_start(args, format);
    strbuf_vprintf(&text, format, args);
    va_end(args);
    if (sys_errno != 0)
        strbuf_printf(&text, ": %s", strerror_r(sys_errno, room, sizeof(room)));
    return job->code;
}

/* Between two steps: whether the caller has gone or only the time for clean-up is left. */
static int32_t check_time(struct librbd_job *job, const char *step)
{
    if (job_abandoned(&job->job) || deadline_passed(job->work_until))
        return fail(job, VTCLONE_REASON_RADOS_ERROR, ETIMEDOUT, "before %s", step);
    return 0;
}

/* ---- the parent ---- */

static void forget_parent(struct librbd_job *job)
{
    parent_cache_forget(connection_parents(job->connection), job->request.parent_pool, job->request.parent_image,
                        job->request.parent_snap);
}

static bool find_parent(struct librbd_job *job)
{
    return parent_cache_find(connection_parents(job->connection), job->request.parent_pool, job->request.parent_image,
                             job->request.parent_snap, job->work_until, &job->parent);
}

static int32_t read_parent(struct librbd_job *job, rados_ioctx_t ioctx)
{
    const struct clone_request *request = &job->request;
    const char *what = "";
    int result;

    job->parent_was_cached = find_parent(job);
    if (job->parent_was_cached && image_may_want_protection(connection_cluster(job->connection))) {
        forget_parent(job); /* check_protection() must not go by an image that was there before */
        job->parent_was_cached = find_parent(job);
    }
    if (job->parent_was_cached)
        return 0;
    result = image_read_parent(ioctx, request->parent_image, request->parent_snap, &job->parent, &what);
    if (result < 0)
        forget_parent(job);
    if (result == -ENOENT)
        return fail(job, VTCLONE_REASON_SNAPSHOT_MISSING, ENOENT, "the image or its snapshot is not there: %s", what);
    if (result == -ENOSYS)
        return fail(job, VTCLONE_REASON_RADOS_ERROR, 0, "the parent cannot have clones: %s", what);
    if (result < 0)
        return fail(job, VTCLONE_REASON_RADOS_ERROR, result, "read the parent: %s", what);
    parent_cache_store(connection_parents(job->connection), request->parent_pool, request->parent_image,
                       request->parent_snap, &job->parent);
    return 0;
}

static int32_t check_size(struct librbd_job *job)
{
    if (job->parent.size <= job->request.size_bytes)
        return 0;
    return fail(job, VTCLONE_REASON_TOO_SMALL, 0, "the parent has %llu bytes, more than the %llu asked for",
                (unsigned long long)job->parent.size, (unsigned long long)job->request.size_bytes);
}

/* Before rbd_clone3(), whose own refusal can crash the process (librbd 16.2: docs/reliability.md). */
static int32_t check_protection(struct librbd_job *job, rados_ioctx_t pool)
{
    if (job->parent.is_protected || !image_wants_protection(connection_cluster(job->connection), pool))
        return 0;
    return fail(job, VTCLONE_REASON_RADOS_ERROR, EINVAL, "the snapshot is not protected, which a cluster without clone v2 wants");
}

static bool is_the_parent(const struct parent_facts *parent, const struct child_facts *child)
{
    return child->has_parent && child->parent_pool_id == parent->pool_id && child->parent_snap_id == parent->snap_id &&
           strcmp(child->parent_image_id, parent->image_id) == 0;
}

/* ---- an image that has the name already ---- */

static int32_t adopt(struct librbd_job *job, rados_ioctx_t parent_pool, rados_ioctx_t ioctx)
{
    struct header_facts header;
    char id[IMAGE_ID_SIZE];
    int result = image_find_id(ioctx, job->request.volume, id, sizeof(id));

    if (result == 0)
        result = cls_read_header(ioctx, id, job->work_until, &header);
    if (result == -ENOENT || (result == 0 && (!header.has_parent || header.parent.snap_id != job->parent.snap_id ||
                                              header.size != job->request.size_bytes))) /* since it was looked at */
        result = -ESTALE;
    if (result == 0)
        result = child_entry_adopt(ioctx, parent_pool, job->request.volume, id, &header, job->work_until);
    if (result == -ENOENT)
        return fail(job, VTCLONE_REASON_SNAPSHOT_MISSING, ENOENT, "the volume is a clone, but its parent is gone");
    if (result == -ESTALE || result == -ECANCELED)
        return fail(job, VTCLONE_REASON_VOLUME_EXISTS, EEXIST, "the volume is being removed");
    return result < 0 ? fail(job, VTCLONE_REASON_RADOS_ERROR, result, "see to the parent's entry of the volume") : 0;
}

static int32_t judge_existing(struct librbd_job *job, rados_ioctx_t parent_pool, rados_ioctx_t ioctx)
{
    struct child_facts child;
    const char *what = "";
    int result;

    if (check_time(job, "reading the image that has the volume's name") != 0)
        return job->code;
    result = image_read_child(ioctx, job->request.volume, &child, &what);
    if (result == -ENOENT)
        return fail(job, VTCLONE_REASON_VOLUME_EXISTS, EEXIST,
                    "the name is taken by what an interrupted creation or removal left (rbd rm clears it)");
    if (connection_errno_breaks(result))
        return fail(job, VTCLONE_REASON_RADOS_ERROR, result, "read the image that has the volume's name: %s", what);
    if (result < 0) /* a parent that this user may not read, a feature that this librbd does not know, ... */
        return fail(job, VTCLONE_REASON_VOLUME_EXISTS, result, "another image, which cannot be read: %s", what);
    if (!is_the_parent(&job->parent, &child))
        return fail(job, VTCLONE_REASON_VOLUME_EXISTS, EEXIST, "another image, not a clone of this snapshot");
    if (child.size != job->request.size_bytes)
        return fail(job, VTCLONE_REASON_VOLUME_EXISTS, EEXIST,
                    "a clone of this snapshot with %llu bytes instead of %llu", (unsigned long long)child.size,
                    (unsigned long long)job->request.size_bytes);
    if (adopt(job, parent_pool, ioctx) != 0)
        return job->code;
    job->outcome.existed = true;
    return 0;
}

/* ---- making and undoing ---- */

static bool is_own(struct librbd_job *job, const char *id)
{
    if (job->own_id[0] == '\0' && image_id_is_of(id, connection_instance(job->connection)))
        snprintf(job->own_id, sizeof(job->own_id), "%s", id);
    return id[0] != '\0' && strcmp(job->own_id, id) == 0;
}

/* What of this call has the volume's name; -ENOENT: nothing (any more). */
static int find_own(struct librbd_job *job, struct direct_undo *own)
{
    struct name_facts name;
    bool listed, named;
    int result = cls_read_name(own->target, job->request.volume, deadline_in_ms(UNDO_TRY_MS), &name);

    if (result < 0)
        return result;
    listed = is_own(job, name.dir_id);
    named = is_own(job, name.id);
    if ((!listed && !named) || name.adopted)
        return -ENOENT;
    snprintf(own->id, sizeof(own->id), "%s", job->own_id);
    own->begun = BEGUN_DIRECTORY | BEGUN_HEADER | BEGUN_MAP | BEGUN_CHILD | (named ? BEGUN_PARENT | BEGUN_ID : 0);
    return 0;
}

/* rbd_remove() does not see what has lost its header, or its place in the directory, to a removal that stopped half-way. */
static int remove_rest(struct librbd_job *job, struct direct_undo *rest)
{
    struct deadline until = deadline_in_ms(UNDO_TRY_MS);
    vtclone_error error = { 0 };

    rest->parent.pool_id = job->parent.pool_id;
    rest->parent.snap_id = job->parent.snap_id;
    snprintf(rest->parent.image_id, sizeof(rest->parent.image_id), "%s", job->parent.image_id);
    if (connection_pool(job->connection, job->request.parent_pool, until, &rest->parent_pool, &error) != 0)
        return -error.sys_errno;
    return direct_undo(rest, until);
}

/* One try: 0 where nothing of this call is left, or another call has reported it. */
static int remove_own(struct librbd_job *job, rados_ioctx_t ioctx)
{
    struct direct_undo own = { .target = ioctx, .volume = job->request.volume };
    int result = find_own(job, &own);

    if (result == 0)
        result = direct_undo_mark(&own, deadline_in_ms(UNDO_TRY_MS));
    if (result == DIRECT_UNDO_ADOPTED)
        return 0;
    if (result == 0 && (own.begun & BEGUN_MARK))
        result = rbd_remove(ioctx, job->request.volume);
    if (result != 0 && result != -ENOENT)
        return result;
    result = find_own(job, &own);
    if (result == 0)
        result = remove_rest(job, &own);
    return result == -ENOENT || result == DIRECT_UNDO_ADOPTED ? 0 : result;
}

/* A time-out in mid-clone can leave librbd's watch on the image with the connection, which renews it for as long as it
 * lives, and an image that is watched cannot be removed. So leave the connection to be closed, as nobody begins to use it
 * any more; half a minute after that the OSD forgets the watch. */
static void leave_connection(struct librbd_job *job, rados_ioctx_t *ioctx)
{
    struct connection *fresh = connection_ref(job->connection);
    struct deadline until = deadline_in_ms(UNDO_PATIENCE_MS);
    vtclone_error error = { 0 };
    rados_ioctx_t pool;

    if (connection_replace(&fresh, until, &error) != 0 || connection_pool(fresh, job->pool, until, &pool, &error) != 0) {
        connection_put(fresh, false);
        return;
    }
    connection_put(job->connection, true);
    job->connection = fresh;
    job->outcome.connection_broken = false;
    job->moved = true;
    *ioctx = pool;
}

/* Removes what this call has begun, and tries again while something is in the way that passes. */
static void undo(struct librbd_job *job, rados_ioctx_t ioctx)
{
    struct deadline until = { job->request.deadline.at_ns + (int64_t)UNDO_PATIENCE_MS * 1000000 };
    const struct timespec pause = { .tv_nsec = UNDO_PAUSE_MS * 1000000L };
    char room[128];
    int result;

    for (;;) {
        result = remove_own(job, ioctx);
        if (result == 0)
            return;
        if ((result != -ETIMEDOUT && result != -EBUSY && result != -EAGAIN) || deadline_passed(until))
            break;
        if (result == -EBUSY && !job->moved)
            leave_connection(job, &ioctx);
        nanosleep(&pause, NULL);
    }
    job->outcome.left_behind = true;
    snprintf(job->left, sizeof(job->left), "; what was begun could not be removed (%s): remove it with rbd rm",
             strerror_r(-result, room, sizeof(room)));
}

/* The child is there: is it what was asked for? Then it gets its size. */
static int32_t check_and_grow(struct librbd_job *job, rados_ioctx_t ioctx)
{
    struct child_facts child;
    const char *what = "";
    rbd_image_t image;
    int result;

    if (check_time(job, "rbd_open of the volume") != 0)
        return job->code;
    result = rbd_open(ioctx, job->request.volume, &image, NULL);
    if (result < 0)
        return fail(job, VTCLONE_REASON_RADOS_ERROR, result, "rbd_open of the volume");
    result = image_child_facts(image, &child, &what);
    if (result < 0)
        fail(job, VTCLONE_REASON_RADOS_ERROR, result, "read the volume: %s", what);
    else if (!is_the_parent(&job->parent, &child))
        fail(job, VTCLONE_REASON_RADOS_ERROR, ESTALE, "the parent was replaced meanwhile");
    else if (child.size > job->request.size_bytes)
        fail(job, VTCLONE_REASON_RADOS_ERROR, EIO, "the volume has %llu bytes, more than the %llu asked for",
             (unsigned long long)child.size, (unsigned long long)job->request.size_bytes);
    else if (child.size < job->request.size_bytes && check_time(job, "rbd_resize2") == 0) {
        /* Its success is the check of the size: reading it again would cost a refresh of six operations. */
        result = rbd_resize2(image, job->request.size_bytes, false, NULL, NULL);
        if (result < 0)
            fail(job, VTCLONE_REASON_RADOS_ERROR, result, "rbd_resize2");
    }
    /* Nothing was written through this handle, so a failing close loses nothing; its watch expires by itself. */
    if (image_close(ioctx, image) < 0)
        job->outcome.connection_broken = true;
    return job->code;
}

/* One try with the parent as known. */
static int32_t make(struct librbd_job *job, rados_ioctx_t parent_pool, rados_ioctx_t pool)
{
    const struct clone_request *request = &job->request;
    char id[IMAGE_ID_SIZE];
    int result;

    if (check_time(job, "reading the parent") != 0 || read_parent(job, parent_pool) != 0 || check_size(job) != 0 ||
        check_time(job, "looking the name up") != 0)
        return job->code;
    result = image_find_id(pool, request->volume, id, sizeof(id));
    if (result == 0)
        return judge_existing(job, parent_pool, pool);
    if (result != -ENOENT)
        return fail(job, VTCLONE_REASON_RADOS_ERROR, result, "look the name up");
    if (check_protection(job, pool) != 0 || check_time(job, "rbd_clone3") != 0)
        return job->code;
    result = image_clone(connection_cluster(job->connection), parent_pool, request->parent_image, request->parent_snap,
                         pool, request->volume, image_order(job->parent.stripe_unit, job->chunk_size_mib));
    if (result == -EEXIST)
        return judge_existing(job, parent_pool, pool);
    if (result < 0)
        fail(job, VTCLONE_REASON_RADOS_ERROR, result, "rbd_clone3");
    if (result < 0 || check_and_grow(job, pool) != 0)
        undo(job, pool);
    return job->code;
}

static void librbd_run(struct job *base)
{
    struct librbd_job *job = (struct librbd_job *)base;
    struct deadline deadline = job->request.deadline;
    rados_ioctx_t parent_pool;
    vtclone_error error = { 0 };

    if (connection_pool(job->connection, job->request.parent_pool, deadline, &parent_pool, &error) != 0 ||
        connection_pool(job->connection, job->pool, deadline, &job->target, &error) != 0) {
        fail(job, VTCLONE_REASON_RADOS_ERROR, 0, "%s", error.message);
        job->code = error.code;
        job->sys_errno = error.sys_errno;
        job->outcome.connection_broken = connection_errno_breaks(error.sys_errno);
        return;
    }
    make(job, parent_pool, job->target);
    /* With facts of some seconds ago every failure may be theirs: the parent may have been made again since. */
    if (job->code != 0 && job->parent_was_cached && !job->outcome.connection_broken && !job->outcome.left_behind &&
        !job->moved) {
        forget_parent(job);
        job->code = 0;
        job->outcome = (struct clone_outcome){ 0 };
        job->own_id[0] = '\0'; /* that image is gone; the next one has another id */
        make(job, parent_pool, job->target);
    }
    if (job->code != 0)
        forget_parent(job);
}

/* The caller has been told that it failed, so it must not have succeeded. */
static void librbd_late(struct job *base)
{
    struct librbd_job *job = (struct librbd_job *)base;

    if (job->code == 0 && !job->outcome.existed)
        undo(job, job->target);
    atomic_fetch_sub(connection_late_threads(job->connection), 1);
}

static void librbd_release(struct job *base)
{
    struct librbd_job *job = (struct librbd_job *)base;

    if (job->request.claim != NULL)
        claim_drop(job->request.claim);
    connection_put(job->connection, job->outcome.connection_broken);
    arena_release(&job->arena);
    free(job);
}

static struct librbd_job *job_new(struct connection *connection, const struct clone_request *request)
{
    struct librbd_job *job = calloc(1, sizeof(*job));
    uint32_t left = deadline_left_ms(request->deadline);
    uint32_t kept = left / UNDO_SHARE < UNDO_SHARE_MAX_MS ? left / UNDO_SHARE : UNDO_SHARE_MAX_MS;

    if (job == NULL)
        return NULL;
    arena_init(&job->arena, 1024, 64 * 1024);
    job->request = (struct clone_request){
        .parent_pool = arena_strdup(&job->arena, request->parent_pool),
        .parent_image = arena_strdup(&job->arena, request->parent_image),
        .parent_snap = arena_strdup(&job->arena, request->parent_snap),
        .volume = arena_strdup(&job->arena, request->volume),
        .size_bytes = request->size_bytes,
        .deadline = request->deadline,
    };
    job->pool = arena_strdup(&job->arena, request->backend->pool);
    if (job->request.parent_pool == NULL || job->request.parent_image == NULL || job->request.parent_snap == NULL ||
        job->request.volume == NULL || job->pool == NULL) {
        arena_release(&job->arena);
        free(job);
        return NULL;
    }
    job->chunk_size_mib = request->backend->chunk_size_mib;
    job->work_until.at_ns = request->deadline.at_ns - (int64_t)kept * 1000000;
    job->request.claim = request->claim != NULL ? claim_ref(request->claim) : NULL;
    job->connection = connection_ref(connection);
    job_init(&job->job, librbd_run, librbd_late, librbd_release);
    return job;
}

static int32_t timed_out(const struct clone_request *request, struct clone_outcome *outcome, vtclone_error *err)
{
    outcome->reason = VTCLONE_REASON_RADOS_ERROR;
    outcome->left_behind = true;
    outcome->connection_broken = true;
    return error_set_errno(err, VTCLONE_E_TIMEOUT, ETIMEDOUT,
                           "clone %s/%s@%s to %s/%s: the cluster did not answer before the deadline; what was begun is "
                           "removed as soon as it does",
                           request->parent_pool, request->parent_image, request->parent_snap, request->backend->pool,
                           request->volume);
}

int32_t engine_librbd_clone(struct connection *connection, const struct clone_request *request,
                            struct clone_outcome *outcome, vtclone_error *err)
{
    struct librbd_job *job;
    int result;

    *outcome = (struct clone_outcome){ .reason = VTCLONE_REASON_RADOS_ERROR };
    if (atomic_load(connection_late_threads(connection)) >= LATE_MAX)
        return error_set_errno(err, VTCLONE_E_RADOS, EBUSY, "clone to %s/%s: %d earlier clones still wait for the cluster",
                               request->backend->pool, request->volume, LATE_MAX);
    job = job_new(connection, request);
    if (job == NULL)
        return error_nomem(err, "a clone");
    result = job_run(&job->job, request->deadline);
    if (result == ETIMEDOUT) {
        atomic_fetch_add(connection_late_threads(connection), 1);
        return timed_out(request, outcome, err);
    }
    if (result != 0) {
        error_set_errno(err, VTCLONE_E_NOMEM, result, "clone to %s/%s: start a thread", job->pool, request->volume);
    } else {
        *outcome = job->outcome;
        if (job->code != 0) {
            error_set(err, job->code, "%s%s", job->text, job->left);
            err->sys_errno = job->sys_errno;
        }
    }
    job_release(&job->job);
    return err->code;
}

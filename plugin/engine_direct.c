/*
 * engine_direct.c - the clone in six operations and three round trips.
 *
 *   1  at once:  the name in the directory; the header, with its final size and marked unfinished; the object map, with
 *                its final count of objects
 *   2            the parent attached to the header, the op feature, the parent's metadata, the mark taken off: one
 *                operation
 *   3  at once:  the id object, by which the image is opened; the child attached to the parent's header
 *
 * Why in this order, and what is left where the process dies:
 *
 * - The directory comes first because what it lists plain `rbd rm` removes, whatever else of the image is there, the
 *   child's entry at the parent included. The header and the map go with it because their names are random: alone they
 *   are two small objects that nothing refers to. (librbd lists an image from its first write on, too.)
 * - The id object comes last because librbd opens an image by it. librbd writes it second, so that for several round
 *   trips a client that opens its clone finds an empty image; here there is nothing to open until the parent is attached.
 *   It is also what decides: it is created exclusively, so of all that complete or undo an image of the name one wins;
 *   and whoever finds the image whole marks it there before saying so, which an undoing then respects, or the other way
 *   round.
 * - The parent learns of its child when the child's header has its parent, never before: an entry at the parent can
 *   always be followed to a child that `rbd rm` removes together with the entry. Between steps 2 and 3 a removal of the
 *   snapshot may slip in; then the child's entry is refused, and the clone fails and is undone. That is librbd's own
 *   window, from its parent_attach to its child_attach, and shorter.
 *
 *   died in 1    the name alone or with header or map: `rbd rm` or the next creation removes it; header or map without the
 *                name: never seen again
 *   died in 2    the same, the header finished or not: `rbd rm`, or the next creation completes it
 *   died in 3    without id object: the same; without the entry at the parent: the next creation makes it, as direct_settle.c
 *                does for every clone of that name that it finds
 *
 * A failure is undone in the order: mark the id object (made for that where it is not there), so that nobody completes the
 * image any more; the child's entry; header and map; the name; the marked id object. A process that dies there leaves what
 * the next creation goes on to remove, and what is listed until then `rbd rm` removes.
 *
 * Another process may be at work on the same name, or stand still in the middle of it. It is given two seconds without a
 * change (DIRECT_GRACE_MS) before its work is taken over; a call that took longer than that itself looks at the end
 * whether its image is still whole. Within the process the claim on the name (claim.h) lets one call in at a time.
 */
#include "engine_direct.h"

#include "batch.h"
#include "direct.h"
#include "error.h"
#include "librbd_image.h"
#include "strbuf.h"

#include <errno.h>
#include <rbd/features.h>
#include <stdarg.h>
#include <sys/random.h>

#define ID_MAX 14                 /* librbd's own longest image id */
#define AGAIN_MAX 4               /* times that a name becomes free or a parent changes under one call */
#define CLEAN_UP_SHARE 4          /* this part of a call's time, and not more than ... */
#define CLEAN_UP_SHARE_MAX_MS 10000 /* ... this, is kept for the clean-up */

/* ---- failing ---- */

int32_t direct_fail(struct direct *direct, enum vtclone_reason reason, int sys_errno, const char *format, ...)
{
    const struct clone_request *request = direct->request;
    char room[sizeof(direct->err->message)];
    struct strbuf text;
    va_list args;
    int32_t code;

    if (direct->err->code != 0)
        return direct->err->code;
    sys_errno = abs(sys_errno);
    switch (reason) {
    case VTCLONE_REASON_VOLUME_EXISTS:
        code = VTCLONE_E_EXISTS;
        break;
    case VTCLONE_REASON_SNAPSHOT_MISSING:
    case VTCLONE_REASON_TOO_SMALL:
        code = VTCLONE_E_MISS;
        break;
    default:
        code = sys_errno == ETIMEDOUT ? VTCLONE_E_TIMEOUT : sys_errno == ENOMEM ? VTCLONE_E_NOMEM : VTCLONE_E_RADOS;
    }
    direct->outcome->reason = reason;
    direct->outcome->connection_broken = connection_errno_breaks(sys_errno);
    strbuf_init(&text, room, sizeof(room));
    strbuf_printf(&text, "clone %s/%s@%s to %s/%s: ", request->parent_pool, request->parent_image,
                  request->parent_snap, request->backend->pool, request->volume);
    va_start(args, format);
    strbuf_vprintf(&text, format, args);
    va_end(args);
    if (sys_errno == 0)
        return error_set(direct->err, code, "%s", room);
    return error_set_errno(direct->err, code, sys_errno, "%s", room);
}

int direct_clean_up(struct direct *direct)
{
    int result = direct_undo(&direct->undo, direct->request->deadline);
    char room[128], failure[sizeof(direct->err->message)];
    struct strbuf message;

    if (result == 0 || (result == DIRECT_UNDO_ADOPTED && direct->err->code == 0))
        return result;
    direct->outcome->left_behind = true;
    direct_fail(direct, VTCLONE_REASON_RADOS_ERROR, result, "clean up");
    /* What failed, and behind it what became of what was begun. */
    memcpy(failure, direct->err->message, sizeof(failure));
    strbuf_init(&message, direct->err->message, sizeof(direct->err->message));
    strbuf_add_str(&message, failure);
    if (result == DIRECT_UNDO_ADOPTED)
        strbuf_add_str(&message, "; another process has completed the volume meanwhile");
    else if (direct_undo_later(&direct->undo, direct->connection, direct->request))
        strbuf_printf(&message, "; what was begun is removed as soon as the cluster lets it (%s)",
                      strerror_r(-result, room, sizeof(room)));
    else
        strbuf_printf(&message, "; what was begun could not be removed (%s): remove it with rbd rm",
                      strerror_r(-result, room, sizeof(room)));
    return result;
}

/* ---- before anything is changed ---- */

static int32_t read_parent(struct direct *direct, bool may_be_cached)
{
    const struct clone_request *request = direct->request;
    struct direct_parent *parent;
    const char *what = "";
    int result;

    direct->parent_cached = may_be_cached;
    result = direct_parent_get(connection_direct(direct->connection), direct->source, request->parent_pool,
                               request->parent_image, request->parent_snap, direct->work_until, &direct->parent_cached,
                               &parent, &what);
    if (result == -ENOENT)
        return direct_fail(direct, VTCLONE_REASON_SNAPSHOT_MISSING, ENOENT,
                           "the image or its snapshot is not there: %s", what);
    if (result < 0)
        return direct_fail(direct, VTCLONE_REASON_RADOS_ERROR, result, "read %s", what);
    direct_parent_drop(direct->parent);
    direct->parent = parent;
    return 0;
}

int32_t direct_refresh_parent(struct direct *direct, bool *fresh)
{
    *fresh = direct->parent_cached;
    return *fresh ? read_parent(direct, false) : 0;
}

static int32_t unsupported(struct direct *direct, const char *why)
{
    direct->outcome->reason = VTCLONE_REASON_RADOS_ERROR;
    return error_set(direct->err, VTCLONE_E_UNSUPPORTED, "%s", why);
}

/* What the parent asks of the child. */
static int32_t plan(struct direct *direct)
{
    const struct clone_request *request = direct->request;
    const struct direct_parent *parent = direct->parent;

    if (parent->unsupported[0] != '\0')
        return unsupported(direct, parent->unsupported);
    if (parent->size > request->size_bytes)
        return direct_fail(direct, VTCLONE_REASON_TOO_SMALL, 0, "the parent has %llu bytes, more than the %llu asked for",
                           (unsigned long long)parent->size, (unsigned long long)request->size_bytes);
    if (parent->size == 0)
        return unsupported(direct, "the parent is empty");
    direct->order = (uint8_t)image_order(parent->stripe_unit, request->backend->chunk_size_mib);
    if (direct->order > 25) /* at least 20 it is, by the chunk size */
        return unsupported(direct, "an object size that librbd does not make");
    /* librbd keeps the parent's stripe unit, which in larger objects is fancy striping. */
    if ((UINT64_C(1) << direct->order) != parent->stripe_unit)
        return unsupported(direct, "the clone's objects are larger than the parent's, which librbd then stripes");
    /* Whole objects: the size is one in GiB. */
    direct->map_objects = direct->pool.features & RBD_FEATURE_OBJECT_MAP ? request->size_bytes >> direct->order : 0;
    if (direct->map_objects > CLS_OBJECT_MAP_MAX)
        return unsupported(direct, "too many objects for an object map");
    return 0;
}

static int32_t prepare(struct direct *direct, struct connection *connection, const struct clone_request *request,
                       struct clone_outcome *outcome, vtclone_error *err)
{
    uint32_t left = deadline_left_ms(request->deadline);
    uint32_t kept = left / CLEAN_UP_SHARE < CLEAN_UP_SHARE_MAX_MS ? left / CLEAN_UP_SHARE : CLEAN_UP_SHARE_MAX_MS;
    const char *what = "";
    int32_t code;
    int result;

    *direct = (struct direct){ .connection = connection, .request = request, .outcome = outcome, .err = err };
    *outcome = (struct clone_outcome){ .reason = VTCLONE_REASON_RADOS_ERROR };
    direct->work_until.at_ns = request->deadline.at_ns - (int64_t)kept * 1000000;
    if ((code = connection_pool(connection, request->parent_pool, direct->work_until, &direct->source, err)) != 0 ||
        (code = connection_pool(connection, request->backend->pool, direct->work_until, &direct->target, err)) != 0) {
        outcome->connection_broken = connection_errno_breaks(err->sys_errno);
        return code;
    }
    result = direct_pool_get(connection_direct(connection), connection_cluster(connection), direct->source,
                             direct->target, direct->work_until, &direct->pool, &what);
    if (result < 0)
        return direct_fail(direct, VTCLONE_REASON_RADOS_ERROR, result, "read %s", what);
    if (direct->pool.unsupported[0] != '\0')
        return unsupported(direct, direct->pool.unsupported);
    code = read_parent(direct, true);
    return code != 0 ? code : plan(direct);
}

/* ---- making ---- */

/* As librbd makes it: the number of this librados client in hex and random hex behind it, of which the last 14 count. */
static int32_t choose_id(struct direct *direct)
{
    char text[40];
    uint32_t random;
    size_t len;

    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return direct_fail(direct, VTCLONE_REASON_RADOS_ERROR, errno, "getrandom");
    snprintf(text, sizeof(text), "%llx%08x", (unsigned long long)connection_instance(direct->connection), random);
    len = strlen(text);
    snprintf(direct->undo.id, sizeof(direct->undo.id), "%s", text + (len > ID_MAX ? len - ID_MAX : 0));
    return 0;
}

/* Notes that what an operation does may be there, unless its answer says that it is not. */
static void note(struct direct *direct, const struct batch_item *item, unsigned begun)
{
    if (item->result == 0 || item->result == -ETIMEDOUT)
        direct->undo.begun |= begun;
}

/* Step 1. *taken: another image or leftover has the name; nothing of this call is left but what undo says. */
static int32_t begin(struct direct *direct, bool *taken)
{
    const struct clone_request *request = direct->request;
    const char *id = direct->undo.id;
    unsigned directory, header, map = 0;
    struct batch batch;
    int result;

    batch_init(&batch);
    directory = batch_write(&batch, "directory", direct->target, CLS_DIRECTORY, "", cls_dir_add(request->volume, id));
    header = batch_write(&batch, "header", direct->target, CLS_HEADER_PREFIX, id,
                         cls_header_create(request->size_bytes, direct->order, direct->pool.features, id));
    if (direct->map_objects != 0)
        map = batch_write(&batch, "map", direct->target, CLS_OBJECT_MAP_PREFIX, id,
                          cls_object_map_create(direct->map_objects));
    batch_run(&batch, direct->work_until);
    note(direct, &batch.items[directory], BEGUN_DIRECTORY);
    note(direct, &batch.items[header], BEGUN_HEADER);
    if (direct->map_objects != 0)
        note(direct, &batch.items[map], BEGUN_MAP);
    *taken = batch.items[directory].result == -EEXIST;
    for (unsigned i = 0; i < batch.count && !*taken; i++)
        if ((result = batch.items[i].result) < 0) {
            direct_fail(direct, VTCLONE_REASON_RADOS_ERROR, result, "create the volume's %s", batch.items[i].step);
            break;
        }
    batch_end(&batch);
    return direct->err->code;
}

/* Step 2. */
static int32_t attach_parent(struct direct *direct)
{
    const struct direct_parent *parent = direct->parent;
    struct batch batch;
    int result;

    batch_init(&batch);
    batch_write(&batch, "parent", direct->target, CLS_HEADER_PREFIX, direct->undo.id,
                cls_parent_attach(&parent->spec, parent->size, parent->metadata, parent->metadata_len));
    result = batch_run(&batch, direct->work_until);
    note(direct, &batch.items[0], BEGUN_PARENT);
    batch_end(&batch);
    if (result < 0)
        return direct_fail(direct, VTCLONE_REASON_RADOS_ERROR, result, "attach the parent");
    return 0;
}

/* Whether somebody took the image for a dead one's leftover while this call was slow. */
static int32_t check_whole(struct direct *direct)
{
    struct header_facts header = { 0 };
    struct name_facts name;
    int result;

    if (monotonic_ns() - direct->began_ns < (int64_t)DIRECT_GRACE_MS * 1000000)
        return 0;
    result = cls_read_name(direct->target, direct->request->volume, direct->work_until, &name);
    if (result == 0)
        result = cls_read_header(direct->target, direct->undo.id, direct->work_until, &header);
    if (result == 0 && (strcmp(name.dir_id, direct->undo.id) != 0 || strcmp(name.id, direct->undo.id) != 0 ||
                        name.undo[0] != '\0' || !header.has_parent))
        result = -ESTALE;
    if (result < 0)
        return direct_fail(direct, VTCLONE_REASON_RADOS_ERROR, result,
                           "after %d ms, in which another process may have removed the volume", DIRECT_GRACE_MS);
    return 0;
}

int32_t direct_finish(struct direct *direct, const char *mark, bool *again)
{
    const struct parent_spec *parent = &direct->parent->spec;
    unsigned id, child;
    struct batch batch;
    int id_result, child_result;

    direct->undo.parent_pool = direct->source;
    direct->undo.parent = *parent;
    batch_init(&batch);
    id = batch_write(&batch, "id", direct->target, CLS_ID_PREFIX, direct->request->volume,
                     cls_id_create(direct->undo.id, mark));
    child = batch_write(&batch, "child", direct->source, CLS_HEADER_PREFIX, parent->image_id,
                        cls_child_attach(parent->snap_id, direct->pool.id, direct->undo.id));
    batch_run(&batch, direct->work_until);
    id_result = batch.items[id].result;
    child_result = batch.items[child].result == -EEXIST ? 0 : batch.items[child].result;
    if (id_result == 0)
        direct->undo.begun |= BEGUN_ID;
    if (child_result == 0 || child_result == -ETIMEDOUT)
        direct->undo.begun |= BEGUN_CHILD;
    batch_end(&batch);
    if (id_result == -EEXIST) {
        *again = true;
        return 0;
    }
    if (id_result < 0)
        return direct_fail(direct, VTCLONE_REASON_RADOS_ERROR, id_result, "create the volume's id object");
    if (child_result == -ENOENT)
        return direct_fail(direct, VTCLONE_REASON_SNAPSHOT_MISSING, ENOENT, "attach the volume to its parent");
    if (child_result < 0)
        return direct_fail(direct, VTCLONE_REASON_RADOS_ERROR, child_result, "attach the volume to its parent");
    return check_whole(direct);
}

/* One try. *again: nothing is left of it, and another may do better. */
static int32_t make(struct direct *direct, bool *again)
{
    bool taken, fresh;

    *again = false;
    direct->undo = (struct direct_undo){ .target = direct->target, .volume = direct->request->volume };
    if (choose_id(direct) != 0)
        return direct->err->code;
    direct->began_ns = monotonic_ns();
    if (begin(direct, &taken) == 0 && !taken && attach_parent(direct) == 0)
        direct_finish(direct, NULL, &taken);
    if (direct->err->code == 0 && !taken)
        return 0;
    direct_clean_up(direct); /* where another process has completed the image it stays, and is this very clone */
    if (direct->outcome->left_behind)
        return direct->err->code;
    if (taken)
        return direct_settle(direct, again);
    if (direct->err->code == VTCLONE_E_MISS && direct->parent_cached) {
        error_clear(direct->err);
        if (direct_refresh_parent(direct, &fresh) == 0 && plan(direct) == 0)
            *again = true;
    }
    return direct->err->code;
}

int32_t engine_direct_check(struct connection *connection, const struct clone_request *request, uint64_t *features,
                            struct clone_outcome *outcome, vtclone_error *err)
{
    struct direct direct;
    int32_t code = prepare(&direct, connection, request, outcome, err);

    *features = direct.pool.features;
    direct_parent_drop(direct.parent);
    return code;
}

int32_t engine_direct_clone(struct connection *connection, const struct clone_request *request,
                            struct clone_outcome *outcome, vtclone_error *err)
{
    struct direct direct;
    bool again = true;

    if (prepare(&direct, connection, request, outcome, err) == 0)
        for (int i = 0; i < AGAIN_MAX && again && err->code == 0; i++)
            make(&direct, &again);
    if (again && err->code == 0)
        direct_fail(&direct, VTCLONE_REASON_RADOS_ERROR, EBUSY, "the name came and went %d times", AGAIN_MAX);
    direct_parent_drop(direct.parent);
    return err->code;
}

/*
 * direct_settle.c - what a name that is taken is: this very clone (success, its entry at the parent made where a crash has
 * left it out), somebody's work in progress (wait), the leftover of a process that died (complete or remove it), or
 * another image (leave it alone).
 *
 * What is removed carries a mark of the direct engine, or is a name without id object and header, which no image is.
 * What is completed has no id object and the very parent and size that are asked for.
 */
#include "direct.h"

#include "batch.h"
#include "child_entry.h"

#include <errno.h>

#define LOOK_FIRST_MS 2
#define LOOK_MAX_MS 100

static int32_t exists(struct direct *direct, const char *what)
{
    return direct_fail(direct, VTCLONE_REASON_VOLUME_EXISTS, EEXIST, "%s", what);
}

static int32_t rados_failed(struct direct *direct, int result, const char *what)
{
    return direct_fail(direct, VTCLONE_REASON_RADOS_ERROR, result, "%s", what);
}

static int run_one(struct direct *direct, const char *step, rados_ioctx_t ioctx, const char *prefix, const char *name,
                   rados_write_op_t op)
{
    struct batch batch;
    int result;

    batch_init(&batch);
    batch_write(&batch, step, ioctx, prefix, name, op);
    result = batch_run(&batch, direct->work_until);
    batch_end(&batch);
    return result;
}

static bool is_child(const struct direct *direct, const struct header_facts *header)
{
    const struct parent_spec *wanted = &direct->parent->spec;

    return header->has_parent && !header->other_namespace && header->parent.pool_id == wanted->pool_id &&
           header->parent.snap_id == wanted->snap_id && strcmp(header->parent.image_id, wanted->image_id) == 0;
}

/* ---- a finished image ---- */

/* *gone: its id object says that it is being removed. */
static int32_t report(struct direct *direct, const char *id, const struct header_facts *header, bool *gone)
{
    int result = child_entry_adopt(direct->target, direct->source, direct->request->volume, id, header,
                                   direct->work_until);

    if (result == -ENOENT)
        return direct_fail(direct, VTCLONE_REASON_SNAPSHOT_MISSING, ENOENT, "the volume is a clone, but its parent is gone");
    if (result == -ESTALE)
        return exists(direct, "the volume is being removed");
    *gone = result == -ECANCELED;
    if (result < 0 && !*gone)
        return rados_failed(direct, result, "see to the parent's entry of the volume");
    direct->outcome->existed = result == 0;
    return 0;
}

/* *gone: it is being removed, look again. */
static int32_t judge_image(struct direct *direct, const struct name_facts *name, bool *gone)
{
    struct header_facts header = { 0 };
    bool fresh = false;
    int result;

    if (strcmp(name->dir_id, name->id) != 0)
        return exists(direct, "the name is taken by an image that is not, or otherwise, in the pool's directory");
    result = cls_read_header(direct->target, name->id, direct->work_until, &header);
    if (result == -ENOENT)
        return exists(direct, "the name is taken by what an interrupted creation or removal left (rbd rm clears it)");
    if (result < 0)
        return rados_failed(direct, result, "read the header of the image that has the volume's name");
    if (!is_child(direct, &header) && direct_refresh_parent(direct, &fresh) != 0)
        return direct->err->code;
    if (!is_child(direct, &header))
        return exists(direct, "another image, not a clone of this snapshot");
    if (header.size != direct->request->size_bytes)
        return direct_fail(direct, VTCLONE_REASON_VOLUME_EXISTS, EEXIST,
                           "a clone of this snapshot with %llu bytes instead of %llu", (unsigned long long)header.size,
                           (unsigned long long)direct->request->size_bytes);
    return report(direct, name->id, &header, gone);
}

/* ---- leftovers ---- */

/* Somebody died while undoing: the rest of it. */
static int32_t undo_rest(struct direct *direct, const struct name_facts *name, bool *again)
{
    struct direct_undo undo = { .target = direct->target, .volume = direct->request->volume,
                                .begun = BEGUN_DIRECTORY | BEGUN_HEADER | BEGUN_MAP | BEGUN_MARK };
    rados_ioctx_t parent_pool = NULL;
    struct header_facts header = { 0 };
    bool ours = strcmp(name->id, name->undo) == 0;
    int result = 0;

    memcpy(undo.id, name->id, sizeof(undo.id));
    if (ours) {
        result = cls_read_header(direct->target, undo.id, direct->work_until, &header);
        ours = result != 0 || !header.other_namespace;
    }
    if (!ours)
        return exists(direct, "the name is taken by an image with a strange mark");
    if (result == 0 && header.has_parent) {
        result = rados_ioctx_create2(connection_cluster(direct->connection), header.parent.pool_id, &parent_pool);
        if (result == 0) {
            undo.parent_pool = parent_pool;
            undo.parent = header.parent;
            undo.begun |= BEGUN_CHILD;
        }
    }
    if (result == 0 || result == -ENOENT)
        result = direct_undo(&undo, direct->work_until);
    if (parent_pool != NULL)
        rados_ioctx_destroy(parent_pool);
    if (result < 0)
        return rados_failed(direct, result, "remove what an interrupted clean-up left of the volume");
    *again = true;
    return 0;
}

/* Header and map of the id are gone or unfinished: the name becomes free. */
static int32_t remove_beginning(struct direct *direct, const char *id, bool *again)
{
    struct direct_undo undo = { .target = direct->target, .volume = direct->request->volume,
                                .begun = BEGUN_DIRECTORY | BEGUN_MAP };
    int result = run_one(direct, "scrap-header", direct->target, CLS_HEADER_PREFIX, id, cls_header_remove_unfinished());

    if (result == -ECANCELED)
        return 0; /* finished just now: look again */
    if (result < 0 && result != -ENOENT)
        return rados_failed(direct, result, "remove the unfinished header of the volume");
    snprintf(undo.id, sizeof(undo.id), "%s", id);
    result = direct_undo(&undo, direct->work_until);
    if (result < 0)
        return rados_failed(direct, result, "remove what an interrupted creation left of the volume");
    *again = true;
    return 0;
}

/* The image is whole but for its id object and perhaps the parent's entry. *done: it is whole now. */
static int32_t adopt(struct direct *direct, const char *id, bool *done)
{
    bool taken = false;

    direct->undo = (struct direct_undo){ .target = direct->target, .volume = direct->request->volume,
                                         .begun = BEGUN_DIRECTORY | BEGUN_HEADER | BEGUN_PARENT | BEGUN_ADOPTED |
                                                  (direct->map_objects != 0 ? BEGUN_MAP : 0) };
    snprintf(direct->undo.id, sizeof(direct->undo.id), "%s", id);
    direct->began_ns = 0; /* always look at the end: it may not be a leftover after all */
    if (direct_finish(direct, CLS_MARK_ADOPTED, &taken) != 0) {
        /* Only what this call completed is its to remove. */
        if (direct->undo.begun & BEGUN_ID)
            direct_clean_up(direct);
        return direct->err->code;
    }
    *done = !taken;
    return 0;
}

/* A name without an id object, unchanged for so long that nobody is at work on it. */
static int32_t take_over(struct direct *direct, const char *id, bool *done, bool *again)
{
    struct header_facts header = { 0 };
    int result = cls_in_trash(direct->target, id, direct->work_until);

    if (result == 1)
        return exists(direct, "the name is that of an image that is being moved to the trash");
    if (result == 0)
        result = cls_read_header(direct->target, id, direct->work_until, &header);
    if (result == -ENOENT || (result == 0 && header.unfinished))
        return remove_beginning(direct, id, again);
    if (result < 0)
        return rados_failed(direct, result, "read what an interrupted creation left of the volume");
    if (!is_child(direct, &header) || header.size != direct->request->size_bytes || header.snap_count != 0)
        return exists(direct, "the name is taken by what an interrupted creation or removal left (rbd rm clears it)");
    return adopt(direct, id, done);
}

/* ---- looking ---- */

static bool same_name(const struct name_facts *one, const struct name_facts *other)
{
    return strcmp(one->dir_id, other->dir_id) == 0 && strcmp(one->id, other->id) == 0 &&
           strcmp(one->undo, other->undo) == 0;
}

static void wait_a_little(uint32_t *wait_ms)
{
    const struct timespec pause = { .tv_nsec = (long)*wait_ms * 1000000 };

    nanosleep(&pause, NULL);
    *wait_ms = *wait_ms * 2 < LOOK_MAX_MS ? *wait_ms * 2 : LOOK_MAX_MS;
}

int32_t direct_settle(struct direct *direct, bool *again)
{
    struct name_facts before = { 0 }, name;
    struct deadline grace = deadline_in_ms(DIRECT_GRACE_MS);
    uint32_t wait_ms = LOOK_FIRST_MS;
    bool done = false;

    while (!done && !*again && direct->err->code == 0) {
        bool gone = false;
        int result = cls_read_name(direct->target, direct->request->volume, direct->work_until, &name);

        if (result < 0)
            return rados_failed(direct, result, "look the volume's name up");
        if (name.dir_id[0] == '\0' && name.id[0] == '\0') {
            *again = true;
        } else if (name.id[0] != '\0' && name.undo[0] == '\0') {
            judge_image(direct, &name, &gone);
            done = !gone;
            if (gone)
                wait_a_little(&wait_ms);
        } else if (!same_name(&name, &before)) {
            before = name;
            grace = deadline_in_ms(DIRECT_GRACE_MS);
        } else if (!deadline_passed(grace)) {
            wait_a_little(&wait_ms);
        } else if (name.id[0] != '\0') {
            undo_rest(direct, &name, again);
        } else {
            take_over(direct, name.dir_id, &done, again);
        }
        if (!done && !*again && deadline_passed(direct->work_until))
            return rados_failed(direct, ETIMEDOUT, "wait for who else is at work on the volume's name");
    }
    return direct->err->code;
}

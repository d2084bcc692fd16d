/*
 * child_entry.c - see child_entry.h.
 */
#include "child_entry.h"

#include "batch.h"
#include "cls_encode.h"

#include <errno.h>

#define V1_CHILDREN_MAX (1u << 20) /* bytes of the list of version 1 */

static int run_one(const char *step, rados_ioctx_t ioctx, const char *prefix, const char *name, rados_write_op_t op,
                   struct deadline deadline)
{
    struct batch batch;
    int result;

    batch_init(&batch);
    batch_write(&batch, step, ioctx, prefix, name, op);
    result = batch_run(&batch, deadline);
    batch_end(&batch);
    return result;
}

/* Whether the pool's list of version 1 has the child: 0 or 1. */
static int is_version_1(rados_ioctx_t target, const char *id, const struct parent_spec *parent, struct deadline deadline)
{
    unsigned char room[IMAGE_ID_SIZE + 32];
    char *reply = malloc(V1_CHILDREN_MAX), child[IMAGE_ID_SIZE];
    rados_read_op_t op = rados_create_read_op();
    struct cls_writer argument;
    struct cls_reader reader;
    struct batch batch;
    size_t len = 0;
    int result, found = 0;

    cls_writer_init(&argument, room, sizeof(room));
    cls_put_u64(&argument, (uint64_t)parent->pool_id);
    cls_put_string(&argument, parent->image_id);
    cls_put_u64(&argument, parent->snap_id);
    if (op != NULL && reply != NULL)
        rados_read_op_exec_user_buf(op, "rbd", "get_children", (const char *)room, argument.len, reply, V1_CHILDREN_MAX,
                                    &len, NULL);
    batch_init(&batch);
    batch_read(&batch, "read-children-1", target, "rbd_children", "", op);
    result = reply == NULL ? -ENOMEM : batch_run(&batch, deadline);
    batch_end(&batch);
    cls_reader_init(&reader, reply, result == 0 ? len : 0);
    if (result == 0)
        for (uint32_t i = cls_get_u32(&reader); i > 0 && !reader.bad && !found; i--) {
            cls_get_string(&reader, child, sizeof(child));
            found = !reader.bad && strcmp(child, id) == 0;
        }
    free(reply);
    return result == 0 ? found : result == -ENOENT ? 0 : result;
}

static bool same_parent(const struct header_facts *one, const struct header_facts *other)
{
    return one->has_parent && one->parent.pool_id == other->parent.pool_id &&
           one->parent.snap_id == other->parent.snap_id &&
           strcmp(one->parent.image_id, other->parent.image_id) == 0;
}

/* *made: the entry is new. */
static int ensure(rados_ioctx_t target, rados_ioctx_t source, const char *id, const struct header_facts *header,
                  struct deadline deadline, bool *made)
{
    const struct parent_spec *parent = &header->parent;
    struct header_facts now = { 0 };
    int result;

    if (!(header->op_features & CLS_OP_FEATURE_CLONE_CHILD)) {
        result = is_version_1(target, id, parent, deadline);
        if (result != 0)
            return result > 0 ? 0 : result;
        result = run_one("child-feature", target, CLS_HEADER_PREFIX, id, cls_clone_child_set(), deadline);
        if (result < 0)
            return result == -ENOENT ? -ESTALE : result;
    }
    result = run_one("child-again", source, CLS_HEADER_PREFIX, parent->image_id,
                     cls_child_attach(parent->snap_id, rados_ioctx_get_id(target), id), deadline);
    if (result == -EEXIST)
        return 0;
    if (result < 0)
        return result;
    *made = true;
    /* Somebody may be removing the image at this moment, the entry first: then the new one must not stay. */
    result = cls_read_header(target, id, deadline, &now);
    return result == -ENOENT || (result == 0 && !same_parent(&now, header)) ? -ESTALE : result;
}

int child_entry_adopt(rados_ioctx_t target, rados_ioctx_t source, const char *volume, const char *id,
                      const struct header_facts *header, struct deadline deadline)
{
    const struct parent_spec *parent = &header->parent;
    bool made = false;
    int result = ensure(target, source, id, header, deadline, &made);

    if (result == 0) {
        result = run_one("adopt", target, CLS_ID_PREFIX, volume, cls_id_adopt(id), deadline);
        if (result == -ENOENT || cls_is_other_id(result))
            result = -ECANCELED;
    }
    if ((result == -ESTALE || result == -ECANCELED) && made)
        run_one("child-back", source, CLS_HEADER_PREFIX, parent->image_id,
                cls_child_detach(parent->snap_id, rados_ioctx_get_id(target), id), deadline);
    return result;
}

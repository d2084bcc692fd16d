/*
 * cls_rbd.c - see cls_rbd.h for what is made; cls_rbd_read.c reads.
 */
#include "cls_rbd.h"

#include "cls_encode.h"

#include <errno.h>

#define ARGUMENT_MAX 1024 /* bytes of one method's argument, metadata apart */
#define ADOPTED_FOR_GOOD "kept" /* no image's id */

/* An operation and the argument of the class method that it will call. */
struct method_call {
    rados_write_op_t op;
    struct cls_writer argument;
    unsigned char room[ARGUMENT_MAX];
};

/* False: no memory. */
static bool begin(struct method_call *call)
{
    call->op = rados_create_write_op();
    cls_writer_init(&call->argument, call->room, sizeof(call->room));
    return call->op != NULL;
}

/* The operation, for its caller; NULL where the argument did not fit. */
static rados_write_op_t finish(struct method_call *call, const char *method)
{
    if (call->argument.overflow) {
        rados_release_write_op(call->op);
        return NULL;
    }
    rados_write_op_exec(call->op, "rbd", method, (const char *)call->argument.data, call->argument.len, NULL);
    return call->op;
}

static void put_parent_spec(struct cls_writer *writer, const struct parent_spec *parent)
{
    size_t begin = cls_begin_struct(writer, 1, 1);

    cls_put_u64(writer, (uint64_t)parent->pool_id);
    cls_put_string(writer, ""); /* namespace */
    cls_put_string(writer, parent->image_id);
    cls_put_u64(writer, parent->snap_id);
    cls_end_struct(writer, begin);
}

/* Image id, then namespace: the other way round than in a parent's spec. */
static void put_child_spec(struct cls_writer *writer, int64_t pool_id, const char *id)
{
    size_t begin = cls_begin_struct(writer, 2, 1);

    cls_put_u64(writer, (uint64_t)pool_id);
    cls_put_string(writer, id);
    cls_put_string(writer, ""); /* namespace */
    cls_end_struct(writer, begin);
}

static rados_write_op_t name_and_id(const char *method, const char *name, const char *id)
{
    struct method_call call;

    if (!begin(&call))
        return NULL;
    cls_put_string(&call.argument, name);
    cls_put_string(&call.argument, id);
    return finish(&call, method);
}

rados_write_op_t cls_dir_add(const char *name, const char *id)
{
    return name_and_id("dir_add_image", name, id);
}

rados_write_op_t cls_dir_remove(const char *name, const char *id)
{
    return name_and_id("dir_remove_image", name, id);
}

rados_write_op_t cls_header_create(uint64_t size, uint8_t order, uint64_t features, const char *id)
{
    char prefix[sizeof(CLS_DATA_PREFIX) + IMAGE_ID_SIZE];
    struct method_call call;

    if (!begin(&call))
        return NULL;
    snprintf(prefix, sizeof(prefix), "%s%s", CLS_DATA_PREFIX, id);
    cls_put_u64(&call.argument, size);
    cls_put_u8(&call.argument, order);
    cls_put_u64(&call.argument, features);
    cls_put_string(&call.argument, prefix);
    cls_put_u64(&call.argument, UINT64_MAX); /* data pool -1: none */
    rados_write_op_create(call.op, LIBRADOS_CREATE_EXCLUSIVE, NULL);
    rados_write_op_setxattr(call.op, CLS_MARK_UNFINISHED, "1", 1);
    return finish(&call, "create");
}

rados_write_op_t cls_object_map_create(uint64_t count)
{
    struct method_call call;

    if (!begin(&call))
        return NULL;
    cls_put_u64(&call.argument, count);
    cls_put_u8(&call.argument, 0); /* OBJECT_NONEXISTENT */
    rados_write_op_create(call.op, LIBRADOS_CREATE_EXCLUSIVE, NULL);
    return finish(&call, "object_map_resize");
}

static rados_write_op_t set_clone_child(struct method_call *call)
{
    cls_writer_init(&call->argument, call->room, sizeof(call->room));
    cls_put_u64(&call->argument, CLS_OP_FEATURE_CLONE_CHILD); /* the bits, and which bits are meant */
    cls_put_u64(&call->argument, CLS_OP_FEATURE_CLONE_CHILD);
    return finish(call, "op_features_set");
}

rados_write_op_t cls_clone_child_set(void)
{
    struct method_call call;

    if (!begin(&call))
        return NULL;
    rados_write_op_assert_exists(call.op);
    return set_clone_child(&call);
}

rados_write_op_t cls_parent_attach(const struct parent_spec *parent, uint64_t overlap, const void *metadata,
                                   size_t metadata_len)
{
    struct method_call call;

    if (!begin(&call))
        return NULL;
    put_parent_spec(&call.argument, parent);
    cls_put_u64(&call.argument, overlap);
    cls_put_u8(&call.argument, 0); /* not a reattachment */
    rados_write_op_assert_exists(call.op);
    rados_write_op_cmpxattr(call.op, CLS_MARK_UNFINISHED, LIBRADOS_CMPXATTR_OP_EQ, "1", 1);
    rados_write_op_rmxattr(call.op, CLS_MARK_UNFINISHED);
    if (finish(&call, "parent_attach") == NULL)
        return NULL;
    rados_write_op_t op = set_clone_child(&call);
    if (op != NULL && metadata != NULL)
        rados_write_op_exec(op, "rbd", "metadata_set", metadata, metadata_len, NULL);
    return op;
}

rados_write_op_t cls_id_create(const char *id, const char *mark)
{
    struct method_call call;

    if (!begin(&call))
        return NULL;
    cls_put_string(&call.argument, id);
    rados_write_op_create(call.op, LIBRADOS_CREATE_EXCLUSIVE, NULL);
    if (mark != NULL)
        rados_write_op_setxattr(call.op, mark, id, strlen(id));
    return finish(&call, "set_id");
}

static rados_write_op_t child(const char *method, uint64_t snap_id, int64_t child_pool_id, const char *child_id)
{
    struct method_call call;

    if (!begin(&call))
        return NULL;
    cls_put_u64(&call.argument, snap_id);
    put_child_spec(&call.argument, child_pool_id, child_id);
    /* Nothing else may be in it: on a pool that it only reads, Cinder's user may call these two methods and no more. */
    return finish(&call, method);
}

rados_write_op_t cls_child_attach(uint64_t snap_id, int64_t child_pool_id, const char *child_id)
{
    return child("child_attach", snap_id, child_pool_id, child_id);
}

rados_write_op_t cls_child_detach(uint64_t snap_id, int64_t child_pool_id, const char *child_id)
{
    return child("child_detach", snap_id, child_pool_id, child_id);
}

/* An operation on the id object that is there and, as set_id writes it, is the image's of that id. */
static rados_write_op_t with_id(const char *id)
{
    struct method_call call;

    if (!begin(&call))
        return NULL;
    cls_put_string(&call.argument, id);
    rados_write_op_assert_exists(call.op);
    rados_write_op_cmpext(call.op, (const char *)call.argument.data, call.argument.len, 0, NULL);
    return call.op;
}

/* A mark that is not there compares as an empty one. */
rados_write_op_t cls_id_adopt(const char *id)
{
    rados_write_op_t op = with_id(id);

    if (op != NULL) {
        rados_write_op_cmpxattr(op, CLS_MARK_UNDO, LIBRADOS_CMPXATTR_OP_EQ, "", 0);
        rados_write_op_setxattr(op, CLS_MARK_ADOPTED, ADOPTED_FOR_GOOD, strlen(ADOPTED_FOR_GOOD));
    }
    return op;
}

rados_write_op_t cls_id_mark_undo(const char *id, bool own_adoption)
{
    rados_write_op_t op = with_id(id);

    if (op != NULL) {
        /* cls_id_create() has given it the id. */
        rados_write_op_cmpxattr(op, CLS_MARK_ADOPTED, LIBRADOS_CMPXATTR_OP_EQ, own_adoption ? id : "",
                                own_adoption ? strlen(id) : 0);
        rados_write_op_setxattr(op, CLS_MARK_UNDO, id, strlen(id));
    }
    return op;
}

rados_write_op_t cls_id_remove_marked(const char *id)
{
    rados_write_op_t op = with_id(id);

    if (op != NULL) {
        rados_write_op_cmpxattr(op, CLS_MARK_UNDO, LIBRADOS_CMPXATTR_OP_EQ, id, strlen(id));
        rados_write_op_remove(op);
    }
    return op;
}

rados_write_op_t cls_header_remove_unfinished(void)
{
    rados_write_op_t op = rados_create_write_op();

    if (op != NULL) {
        rados_write_op_assert_exists(op);
        rados_write_op_cmpxattr(op, CLS_MARK_UNFINISHED, LIBRADOS_CMPXATTR_OP_EQ, "1", 1);
        rados_write_op_remove(op);
    }
    return op;
}

rados_write_op_t cls_object_remove(void)
{
    rados_write_op_t op = rados_create_write_op();

    if (op != NULL)
        rados_write_op_remove(op);
    return op;
}

/*
 * cls_rbd.c - see cls_rbd.h for what is made; cls_rbd_read.c reads.
 */
#include "cls_rbd.h"

#include "cls_encode.h"

#include <errno.h>

#define ARGUMENT_MAX 1024 /* bytes of one method's argument, metadata apart */

/* Adds a class call; an argument that did not fit frees the operation and makes it NULL. */
static void call(rados_write_op_t *op, const char *method, const struct cls_writer *argument)
{
    if (*op == NULL)
        return;
    if (argument->overflow) {
        rados_release_write_op(*op);
        *op = NULL;
        return;
    }
    rados_write_op_exec(*op, "rbd", method, (const char *)argument->data, argument->len, NULL);
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
    unsigned char room[ARGUMENT_MAX];
    struct cls_writer argument;
    rados_write_op_t op = rados_create_write_op();

    cls_writer_init(&argument, room, sizeof(room));
    cls_put_string(&argument, name);
    cls_put_string(&argument, id);
    call(&op, method, &argument);
    return op;
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
    unsigned char room[ARGUMENT_MAX];
    char prefix[sizeof(CLS_DATA_PREFIX) + IMAGE_ID_SIZE];
    struct cls_writer argument;
    rados_write_op_t op = rados_create_write_op();

    if (op == NULL)
        return NULL;
    snprintf(prefix, sizeof(prefix), "%s%s", CLS_DATA_PREFIX, id);
    cls_writer_init(&argument, room, sizeof(room));
    cls_put_u64(&argument, size);
    cls_put_u8(&argument, order);
    cls_put_u64(&argument, features);
    cls_put_string(&argument, prefix);
    cls_put_u64(&argument, UINT64_MAX); /* data pool -1: none */
    rados_write_op_create(op, LIBRADOS_CREATE_EXCLUSIVE, NULL);
    rados_write_op_setxattr(op, CLS_MARK_UNFINISHED, "1", 1);
    call(&op, "create", &argument);
    return op;
}

rados_write_op_t cls_object_map_create(uint64_t count)
{
    unsigned char room[16];
    struct cls_writer argument;
    rados_write_op_t op = rados_create_write_op();

    if (op == NULL)
        return NULL;
    cls_writer_init(&argument, room, sizeof(room));
    cls_put_u64(&argument, count);
    cls_put_u8(&argument, 0); /* OBJECT_NONEXISTENT */
    rados_write_op_create(op, LIBRADOS_CREATE_EXCLUSIVE, NULL);
    call(&op, "object_map_resize", &argument);
    return op;
}

static void set_clone_child(rados_write_op_t *op)
{
    unsigned char room[16];
    struct cls_writer argument;

    cls_writer_init(&argument, room, sizeof(room));
    cls_put_u64(&argument, CLS_OP_FEATURE_CLONE_CHILD); /* the bits, and which bits are meant */
    cls_put_u64(&argument, CLS_OP_FEATURE_CLONE_CHILD);
    call(op, "op_features_set", &argument);
}

rados_write_op_t cls_clone_child_set(void)
{
    rados_write_op_t op = rados_create_write_op();

    if (op == NULL)
        return NULL;
    rados_write_op_assert_exists(op);
    set_clone_child(&op);
    return op;
}

rados_write_op_t cls_parent_attach(const struct parent_spec *parent, uint64_t overlap, const void *metadata,
                                   size_t metadata_len)
{
    unsigned char room[ARGUMENT_MAX];
    struct cls_writer argument;
    rados_write_op_t op = rados_create_write_op();

    if (op == NULL)
        return NULL;
    cls_writer_init(&argument, room, sizeof(room));
    put_parent_spec(&argument, parent);
    cls_put_u64(&argument, overlap);
    cls_put_u8(&argument, 0); /* not a reattachment */
    rados_write_op_assert_exists(op);
    rados_write_op_cmpxattr(op, CLS_MARK_UNFINISHED, LIBRADOS_CMPXATTR_OP_EQ, "1", 1);
    rados_write_op_rmxattr(op, CLS_MARK_UNFINISHED);
    call(&op, "parent_attach", &argument);
    set_clone_child(&op);
    if (op != NULL && metadata != NULL)
        rados_write_op_exec(op, "rbd", "metadata_set", metadata, metadata_len, NULL);
    return op;
}

rados_write_op_t cls_id_create(const char *id, const char *mark)
{
    unsigned char room[ARGUMENT_MAX];
    struct cls_writer argument;
    rados_write_op_t op = rados_create_write_op();

    if (op == NULL)
        return NULL;
    cls_writer_init(&argument, room, sizeof(room));
    cls_put_string(&argument, id);
    rados_write_op_create(op, LIBRADOS_CREATE_EXCLUSIVE, NULL);
    if (mark != NULL)
        rados_write_op_setxattr(op, mark, id, strlen(id));
    call(&op, "set_id", &argument);
    return op;
}

static rados_write_op_t child(const char *method, uint64_t snap_id, int64_t child_pool_id, const char *child_id)
{
    unsigned char room[ARGUMENT_MAX];
    struct cls_writer argument;
    rados_write_op_t op = rados_create_write_op();

    if (op == NULL)
        return NULL;
    cls_writer_init(&argument, room, sizeof(room));
    cls_put_u64(&argument, snap_id);
    put_child_spec(&argument, child_pool_id, child_id);
    /* Nothing else may be in it: on a pool that it only reads, Cinder's user may call these two methods and no more. */
    call(&op, method, &argument);
    return op;
}

rados_write_op_t cls_child_attach(uint64_t snap_id, int64_t child_pool_id, const char *child_id)
{
    return child("child_attach", snap_id, child_pool_id, child_id);
}

rados_write_op_t cls_child_detach(uint64_t snap_id, int64_t child_pool_id, const char *child_id)
{
    return child("child_detach", snap_id, child_pool_id, child_id);
}

rados_write_op_t cls_id_mark_undo(const char *id)
{
    rados_write_op_t op = rados_create_write_op();

    if (op != NULL) {
        rados_write_op_assert_exists(op);
        rados_write_op_setxattr(op, CLS_MARK_UNDO, id, strlen(id));
    }
    return op;
}

rados_write_op_t cls_id_remove_marked(const char *id)
{
    rados_write_op_t op = rados_create_write_op();

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

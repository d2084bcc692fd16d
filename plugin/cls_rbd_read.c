/*
 * cls_rbd_read.c - the readers of cls_rbd.h. Rare: only where a volume's name is taken or something is undone.
 */
#include "cls_rbd.h"

#include "batch.h"
#include "cls_encode.h"

#include <errno.h>

#define REPLY_MAX 512

/* One class call of a read operation and its reply. */
struct reply {
    char data[REPLY_MAX];
    size_t len;
    int result;
};

static void ask(rados_read_op_t op, const char *method, const void *argument, size_t len, struct reply *reply)
{
    if (op != NULL)
        rados_read_op_exec_user_buf(op, "rbd", method, argument, len, reply->data, sizeof(reply->data), &reply->len,
                                    &reply->result);
}

/* Asks for an extended attribute, whose absence is no failure. */
struct mark {
    rados_xattrs_iter_t iter;
    int result;
};

struct wanted_mark {
    const char *name;
    char value[IMAGE_ID_SIZE]; /* "": it is not there */
};

static void ask_marks(rados_read_op_t op, struct mark *mark)
{
    if (op != NULL)
        rados_read_op_getxattrs(op, &mark->iter, &mark->result);
}

/* Copies the value of the attribute `wanted`; ends the iteration, which librados begins when it is asked for. */
static void take_marks(struct mark *mark, bool answered, struct wanted_mark *wanted, size_t count)
{
    const char *name, *value;
    size_t len;

    if (mark->iter == NULL)
        return;
    while (answered && rados_getxattrs_next(mark->iter, &name, &value, &len) == 0 && name != NULL)
        for (size_t i = 0; i < count; i++)
            if (strcmp(name, wanted[i].name) == 0 && len < sizeof(wanted[i].value) &&
                memchr(value, '\0', len) == NULL) {
                memcpy(wanted[i].value, value, len);
                wanted[i].value[len] = '\0';
            }
    rados_getxattrs_end(mark->iter);
}

static struct reply *replies_new(size_t count)
{
    return calloc(count, sizeof(struct reply));
}

enum { SIZE, FEATURES, OP_FEATURES, SNAPS, PARENT, HEADER_REPLIES };

static int decode_header(const struct reply *replies, struct header_facts *out)
{
    struct cls_reader reader, spec;

    cls_reader_init(&reader, replies[SIZE].data, replies[SIZE].len);
    out->order = cls_get_u8(&reader);
    out->size = cls_get_u64(&reader);
    if (reader.bad)
        return -EBADMSG;
    cls_reader_init(&reader, replies[FEATURES].data, replies[FEATURES].len);
    out->features = cls_get_u64(&reader);
    if (reader.bad)
        return -EBADMSG;
    cls_reader_init(&reader, replies[OP_FEATURES].data, replies[OP_FEATURES].len);
    out->op_features = cls_get_u64(&reader);
    if (reader.bad)
        return -EBADMSG;
    cls_reader_init(&reader, replies[SNAPS].data, replies[SNAPS].len);
    cls_get_u64(&reader);
    out->snap_count = cls_get_u32(&reader);
    if (reader.bad)
        return -EBADMSG;
    cls_reader_init(&reader, replies[PARENT].data, replies[PARENT].len);
    spec = cls_get_struct(&reader, 1);
    out->parent.pool_id = (int64_t)cls_get_u64(&spec);
    out->has_parent = out->parent.pool_id >= 0;
    if (out->has_parent) {
        size_t namespace_len;
        cls_get_blob(&spec, &namespace_len);
        out->other_namespace = namespace_len != 0;
        cls_get_string(&spec, out->parent.image_id, sizeof(out->parent.image_id));
        out->parent.snap_id = cls_get_u64(&spec);
    }
    return spec.bad || reader.bad ? -EBADMSG : 0;
}

int cls_read_header(rados_ioctx_t ioctx, const char *id, struct deadline deadline, struct header_facts *out)
{
    struct reply *replies = replies_new(HEADER_REPLIES);
    struct mark mark = { 0 };
    unsigned char head[16];
    struct cls_writer argument;
    struct batch batch;
    rados_read_op_t op;
    struct wanted_mark unfinished = { .name = CLS_MARK_UNFINISHED };
    int result;

    *out = (struct header_facts){ 0 };
    if (replies == NULL)
        return -ENOMEM;
    cls_writer_init(&argument, head, sizeof(head));
    cls_put_u64(&argument, CLS_HEAD);
    cls_put_u8(&argument, 1); /* for get_features: read-only */
    op = rados_create_read_op();
    ask(op, "get_size", head, sizeof(uint64_t), &replies[SIZE]);
    ask(op, "get_features", head, argument.len, &replies[FEATURES]);
    ask(op, "op_features_get", NULL, 0, &replies[OP_FEATURES]);
    ask(op, "get_snapcontext", NULL, 0, &replies[SNAPS]);
    ask(op, "parent_get", NULL, 0, &replies[PARENT]);
    ask_marks(op, &mark);
    batch_init(&batch);
    batch_read(&batch, "read-header", ioctx, CLS_HEADER_PREFIX, id, op);
    result = batch_run(&batch, deadline);
    take_marks(&mark, result == 0, &unfinished, 1);
    if (result == 0)
        result = decode_header(replies, out);
    out->unfinished = unfinished.value[0] != '\0';
    batch_end(&batch);
    free(replies);
    return result;
}

static int decode_id(const struct reply *reply, char id[IMAGE_ID_SIZE])
{
    struct cls_reader reader;

    cls_reader_init(&reader, reply->data, reply->len);
    cls_get_string(&reader, id, IMAGE_ID_SIZE);
    return reader.bad || id[0] == '\0' ? -EBADMSG : 0;
}

int cls_read_name(rados_ioctx_t ioctx, const char *name, struct deadline deadline, struct name_facts *out)
{
    struct reply *replies = replies_new(2);
    unsigned char room[VTCLONE_MAX_NAME_BYTES + 8];
    struct mark mark = { 0 };
    struct cls_writer argument;
    struct batch batch;
    rados_read_op_t in_directory, of_object;
    struct wanted_mark marks[2] = { { .name = CLS_MARK_UNDO }, { .name = CLS_MARK_ADOPTED } };
    unsigned directory, object;
    int result = 0;

    *out = (struct name_facts){ 0 };
    if (replies == NULL)
        return -ENOMEM;
    cls_writer_init(&argument, room, sizeof(room));
    cls_put_string(&argument, name);
    in_directory = rados_create_read_op();
    ask(in_directory, "dir_get_id", room, argument.len, &replies[0]);
    of_object = rados_create_read_op();
    ask(of_object, "get_id", NULL, 0, &replies[1]);
    ask_marks(of_object, &mark);
    batch_init(&batch);
    directory = batch_read(&batch, "read-directory", ioctx, CLS_DIRECTORY, "", in_directory);
    object = batch_read(&batch, "read-id", ioctx, CLS_ID_PREFIX, name, of_object);
    batch_run(&batch, deadline);
    if (batch.items[directory].result == 0)
        result = decode_id(&replies[0], out->dir_id);
    else if (batch.items[directory].result != -ENOENT)
        result = batch.items[directory].result;
    take_marks(&mark, batch.items[object].result == 0, marks, 2);
    memcpy(out->undo, marks[0].value, sizeof(out->undo));
    out->adopted = marks[1].value[0] != '\0';
    if (batch.items[object].result == 0) {
        int decoded = decode_id(&replies[1], out->id);
        result = result != 0 ? result : decoded;
    } else if (batch.items[object].result != -ENOENT && result == 0) {
        result = batch.items[object].result;
    }
    batch_end(&batch);
    free(replies);
    return argument.overflow ? -ENAMETOOLONG : result;
}

int cls_in_trash(rados_ioctx_t ioctx, const char *id, struct deadline deadline)
{
    struct reply *reply = replies_new(1);
    unsigned char room[IMAGE_ID_SIZE + 8];
    struct cls_writer argument;
    struct batch batch;
    rados_read_op_t op;
    int result;

    if (reply == NULL)
        return -ENOMEM;
    cls_writer_init(&argument, room, sizeof(room));
    cls_put_string(&argument, id);
    op = rados_create_read_op();
    ask(op, "trash_get", room, argument.len, reply);
    batch_init(&batch);
    batch_read(&batch, "read-trash", ioctx, "rbd_trash", "", op);
    result = batch_run(&batch, deadline);
    batch_end(&batch);
    free(reply);
    return result == 0 ? 1 : result == -ENOENT ? 0 : result;
}

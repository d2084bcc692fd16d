/*
 * direct_read.c - see direct_read.h. A parent costs three round trips (its id, its header, its snapshots), a pool one.
 */
#include "direct_read.h"

#include "batch.h"
#include "cls_encode.h"
#include "librbd_image.h"

#include <errno.h>
#include <rbd/features.h>
#include <stdarg.h>

#define SNAPS_MAX 512      /* snapshots of a parent among which the one is looked for */
#define SNAPS_AT_ONCE 16
#define METADATA_MAX 64    /* pairs */
#define METADATA_BYTES 16384

/* What a parent may have. MIGRATING and what comes later is librbd's. */
#define PARENT_FEATURES                                                                                              \
    (RBD_FEATURE_LAYERING | RBD_FEATURE_EXCLUSIVE_LOCK | RBD_FEATURE_OBJECT_MAP | RBD_FEATURE_FAST_DIFF |            \
     RBD_FEATURE_DEEP_FLATTEN | RBD_FEATURE_JOURNALING | RBD_FEATURE_DATA_POOL | RBD_FEATURE_OPERATIONS)
#define CHILD_FEATURES                                                                                               \
    (RBD_FEATURE_LAYERING | RBD_FEATURE_EXCLUSIVE_LOCK | RBD_FEATURE_OBJECT_MAP | RBD_FEATURE_FAST_DIFF |            \
     RBD_FEATURE_DEEP_FLATTEN)

struct answer {
    char *data;
    size_t room;
    size_t len;
    int result;
};

static void ask(rados_read_op_t op, const char *method, const void *argument, size_t len, struct answer *answer)
{
    if (op != NULL)
        rados_read_op_exec_user_buf(op, "rbd", method, argument, len, answer->data, answer->room, &answer->len,
                                    &answer->result);
}

/* Runs one read operation on the object PREFIX NAME. */
static int run_one(rados_ioctx_t ioctx, const char *step, const char *prefix, const char *name, rados_read_op_t op,
                   struct deadline deadline)
{
    struct batch batch;
    int result;

    batch_init(&batch);
    batch_read(&batch, step, ioctx, prefix, name, op);
    result = batch_run(&batch, deadline);
    batch_end(&batch);
    return result;
}

/* ---- a parent ---- */

static int read_id(rados_ioctx_t ioctx, const char *image, struct deadline deadline, char id[IMAGE_ID_SIZE])
{
    char data[IMAGE_ID_SIZE + 8];
    struct answer answer = { data, sizeof(data), 0, 0 };
    struct cls_reader reader;
    rados_read_op_t op = rados_create_read_op();
    int result;

    ask(op, "get_id", NULL, 0, &answer);
    result = run_one(ioctx, "read-parent-id", CLS_ID_PREFIX, image, op, deadline);
    if (result < 0)
        return result;
    cls_reader_init(&reader, data, answer.len);
    cls_get_string(&reader, id, IMAGE_ID_SIZE);
    return reader.bad || id[0] == '\0' ? -EBADMSG : 0;
}

/* Whether an image of the old format has the name: it has no id. */
static bool is_old_format(rados_ioctx_t ioctx, const char *image, struct deadline deadline)
{
    rados_read_op_t op = rados_create_read_op();
    char oid[VTCLONE_MAX_NAME_BYTES + 8];

    snprintf(oid, sizeof(oid), "%s.rbd", image);
    if (op != NULL)
        rados_read_op_stat(op, NULL, NULL, NULL);
    return run_one(ioctx, "read-old-format", oid, "", op, deadline) == 0;
}

struct header_answers {
    char size[16], features[24], snaps[16 + 8 * SNAPS_MAX], metadata[METADATA_BYTES];
};

static int take_metadata(const struct answer *answer, struct direct_parent *out)
{
    struct cls_reader reader;
    uint32_t count;

    if (answer->result == -ERANGE) {
        snprintf(out->unsupported, sizeof(out->unsupported), "the parent has more than %d bytes of metadata",
                 METADATA_BYTES);
        return 0;
    }
    cls_reader_init(&reader, answer->data, answer->len);
    count = cls_get_u32(&reader);
    for (uint32_t i = 0; i < count && !reader.bad; i++) {
        size_t len;
        cls_get_blob(&reader, &len);
        cls_get_blob(&reader, &len);
    }
    if (reader.bad || reader.left != 0)
        return -EBADMSG;
    if (count > METADATA_MAX)
        snprintf(out->unsupported, sizeof(out->unsupported), "the parent has more than %d metadata keys", METADATA_MAX);
    if (count == 0 || count > METADATA_MAX)
        return 0;
    /* The reply of metadata_list is the argument of metadata_set. */
    out->metadata = malloc(answer->len + 1);
    if (out->metadata == NULL)
        return -ENOMEM;
    memcpy(out->metadata, answer->data, answer->len);
    out->metadata_len = answer->len;
    return 0;
}

static int take_header(const struct answer *size, const struct answer *features, struct direct_parent *out)
{
    struct cls_reader reader;
    uint64_t bits;
    uint8_t order;

    cls_reader_init(&reader, size->data, size->len);
    order = cls_get_u8(&reader);
    if (reader.bad || order > 62)
        return -EBADMSG;
    cls_reader_init(&reader, features->data, features->len);
    bits = cls_get_u64(&reader);
    if (reader.bad)
        return -EBADMSG;
    out->stripe_unit = UINT64_C(1) << order;
    if (!(bits & RBD_FEATURE_LAYERING))
        snprintf(out->unsupported, sizeof(out->unsupported), "the parent has no feature layering");
    else if (bits & RBD_FEATURE_STRIPINGV2)
        snprintf(out->unsupported, sizeof(out->unsupported), "the parent has fancy striping");
    else if (bits & ~(uint64_t)PARENT_FEATURES)
        snprintf(out->unsupported, sizeof(out->unsupported), "the parent has features that only librbd knows (0x%llx)",
                 (unsigned long long)(bits & ~(uint64_t)PARENT_FEATURES));
    return 0;
}

/* The ids in a snapshot context, newest first. */
static int take_snaps(const struct answer *answer, uint64_t *ids, size_t *count)
{
    struct cls_reader reader;

    cls_reader_init(&reader, answer->data, answer->len);
    cls_get_u64(&reader);
    *count = cls_get_u32(&reader);
    if (*count > SNAPS_MAX)
        return -E2BIG;
    for (size_t i = 0; i < *count; i++)
        ids[i] = cls_get_u64(&reader);
    return reader.bad ? -EBADMSG : 0;
}

static int read_header(rados_ioctx_t ioctx, struct deadline deadline, struct direct_parent *out, uint64_t *snaps,
                       size_t *snap_count)
{
    struct header_answers *room = malloc(sizeof(*room));
    unsigned char head[16], start[16];
    struct cls_writer head_argument, start_argument;
    rados_read_op_t op;
    int result;

    if (room == NULL)
        return -ENOMEM;
    struct answer size = { room->size, sizeof(room->size), 0, 0 };
    struct answer features = { room->features, sizeof(room->features), 0, 0 };
    struct answer context = { room->snaps, sizeof(room->snaps), 0, 0 };
    struct answer metadata = { room->metadata, sizeof(room->metadata), 0, 0 };

    cls_writer_init(&head_argument, head, sizeof(head));
    cls_put_u64(&head_argument, CLS_HEAD);
    cls_put_u8(&head_argument, 1); /* for get_features: read-only */
    cls_writer_init(&start_argument, start, sizeof(start));
    cls_put_string(&start_argument, "");
    cls_put_u64(&start_argument, METADATA_MAX + 1);
    op = rados_create_read_op();
    ask(op, "get_size", head, sizeof(uint64_t), &size);
    ask(op, "get_features", head, head_argument.len, &features);
    ask(op, "get_snapcontext", NULL, 0, &context);
    ask(op, "metadata_list", start, start_argument.len, &metadata);
    result = run_one(ioctx, "read-parent-header", CLS_HEADER_PREFIX, out->spec.image_id, op, deadline);
    if (result == 0)
        result = take_header(&size, &features, out);
    if (result == 0)
        result = context.result == -ERANGE ? -E2BIG : take_snaps(&context, snaps, snap_count);
    if (result == 0)
        result = take_metadata(&metadata, out);
    free(room);
    return result;
}

/* Whether the encoded snapshot is a user's of that name; its size. */
static bool is_wanted(const struct answer *answer, const char *snap, uint64_t *size)
{
    char name[VTCLONE_MAX_NAME_BYTES + 1];
    struct cls_reader outer, info, kind;
    uint32_t type;

    cls_reader_init(&outer, answer->data, answer->len);
    info = cls_get_struct(&outer, 1);
    cls_get_u64(&info);
    kind = cls_get_struct(&info, 1);
    type = cls_get_u32(&kind);
    if (info.bad || kind.bad || type != 0) /* 0: a user's; in the trash, of a group or of a mirror otherwise */
        return false;
    cls_get_string(&info, name, sizeof(name));
    *size = cls_get_u64(&info);
    return !info.bad && strcmp(name, snap) == 0;
}

/* Looks for the name among count snapshots. 0, -ENOENT or another errno value. */
static int search_snaps(rados_ioctx_t ioctx, const char *snap, const uint64_t *ids, size_t count,
                        struct deadline deadline, struct direct_parent *out)
{
    char data[SNAPS_AT_ONCE][VTCLONE_MAX_NAME_BYTES + 128];
    struct answer answers[SNAPS_AT_ONCE];
    rados_read_op_t op = rados_create_read_op();
    int result;

    for (size_t i = 0; i < count; i++) {
        unsigned char argument[8];
        struct cls_writer writer;

        cls_writer_init(&writer, argument, sizeof(argument));
        cls_put_u64(&writer, ids[i]);
        answers[i] = (struct answer){ data[i], sizeof(data[i]), 0, 0 };
        ask(op, "snapshot_get", argument, writer.len, &answers[i]);
        if (op != NULL) /* one that is being removed must not hide the others */
            rados_read_op_set_flags(op, LIBRADOS_OP_FLAG_FAILOK);
    }
    result = run_one(ioctx, "read-parent-snaps", CLS_HEADER_PREFIX, out->spec.image_id, op, deadline);
    if (result < 0)
        return result;
    for (size_t i = 0; i < count; i++)
        if (answers[i].result >= 0 && is_wanted(&answers[i], snap, &out->size)) {
            out->spec.snap_id = ids[i];
            return 0;
        }
    return -ENOENT;
}

int direct_read_parent(rados_ioctx_t ioctx, const char *image, const char *snap, struct deadline deadline,
                       struct direct_parent *out, const char **what)
{
    uint64_t snaps[SNAPS_MAX];
    size_t count = 0;
    int result;

    *what = "the parent's id";
    out->spec.pool_id = rados_ioctx_get_id(ioctx);
    result = read_id(ioctx, image, deadline, out->spec.image_id);
    if (result == -ENOENT && is_old_format(ioctx, image, deadline)) {
        snprintf(out->unsupported, sizeof(out->unsupported), "the parent is an image of the old format");
        return 0;
    }
    if (result < 0)
        return result;
    *what = "the parent's header";
    result = read_header(ioctx, deadline, out, snaps, &count);
    if (result == -E2BIG) {
        snprintf(out->unsupported, sizeof(out->unsupported), "the parent has more than %d snapshots", SNAPS_MAX);
        return 0;
    }
    if (result < 0)
        return result;
    *what = "the parent's snapshot";
    for (size_t i = 0; i < count; i += SNAPS_AT_ONCE) {
        result = search_snaps(ioctx, snap, snaps + i, count - i < SNAPS_AT_ONCE ? count - i : SNAPS_AT_ONCE, deadline,
                              out);
        if (result != -ENOENT)
            return result;
    }
    return -ENOENT;
}

/* ---- pools ---- */

static void refuse(struct direct_pool *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The first reason counts. */
static void refuse(struct direct_pool *out, const char *format, ...)
{
    va_list args;

    if (out->unsupported[0] != '\0')
        return;
    va_start(args, format);
    vsnprintf(out->unsupported, sizeof(out->unsupported), format, args);
    va_end(args);
}

/* What the client's configuration has to say about new images. */
static void judge_configuration(rados_t rados, struct direct_pool *out)
{
    static const struct {
        const char *option, *plain[3];
    } options[] = {
        { "rbd_default_data_pool", { "", NULL, NULL } },
        { "rbd_default_stripe_unit", { "0", NULL, NULL } },
        { "rbd_default_stripe_count", { "0", "1", NULL } },
        { "rbd_default_clone_format", { "auto", "2", NULL } },
        { "rbd_default_format", { "2", NULL, NULL } },
    };
    char value[256];

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        bool plain = false;
        if (rados_conf_get(rados, options[i].option, value, sizeof(value)) != 0)
            continue; /* not an option of this librados */
        for (size_t j = 0; j < 3 && options[i].plain[j] != NULL; j++)
            plain = plain || strcmp(value, options[i].plain[j]) == 0;
        if (!plain)
            refuse(out, "%s is '%s'", options[i].option, value);
    }
    if (!image_default_features(rados, &out->features))
        refuse(out, "rbd_default_features is no number");
    else if (out->features & RBD_FEATURE_JOURNALING)
        refuse(out, "new images have the feature journaling");
    else if ((out->features & ~(uint64_t)CHILD_FEATURES) || !(out->features & RBD_FEATURE_LAYERING))
        refuse(out, "new images have features (%llu) that only librbd makes", (unsigned long long)out->features);
    else if (((out->features & RBD_FEATURE_OBJECT_MAP) && !(out->features & RBD_FEATURE_EXCLUSIVE_LOCK)) ||
             !!(out->features & RBD_FEATURE_FAST_DIFF) != !!(out->features & RBD_FEATURE_OBJECT_MAP))
        refuse(out, "features %llu of new images need others beside them", (unsigned long long)out->features);
    if (image_may_want_protection(rados))
        refuse(out, "the cluster makes clones of version 1 (require-min-compat-client is older than mimic)");
}

/* Settings of the pool itself, which librbd puts before the configuration. */
static void judge_overrides(const struct answer *answer, struct direct_pool *out)
{
    static const char prefix[] = "conf_rbd_";
    struct cls_reader reader;
    uint32_t count;

    cls_reader_init(&reader, answer->data, answer->len);
    count = cls_get_u32(&reader);
    for (uint32_t i = 0; i < count && !reader.bad; i++) {
        size_t len, value_len;
        const char *key = cls_get_blob(&reader, &len);
        cls_get_blob(&reader, &value_len);
        if (!reader.bad && len >= sizeof(prefix) - 1 && memcmp(key, prefix, sizeof(prefix) - 1) == 0)
            refuse(out, "the pool has a setting of its own (%.*s)", (int)(len < 100 ? len : 100), key);
    }
    if (reader.bad || count > METADATA_MAX)
        refuse(out, "the pool has settings of its own");
}

static void judge_mirroring(int result, const struct answer *answer, const char *which, struct direct_pool *out)
{
    struct cls_reader reader;

    if (result == -ENOENT)
        return;
    cls_reader_init(&reader, answer->data, answer->len);
    if (cls_get_u32(&reader) != 0 || reader.bad)
        refuse(out, "the %s pool is mirrored", which);
}

static rados_read_op_t ask_mirroring(struct answer *answer)
{
    rados_read_op_t op = rados_create_read_op();

    ask(op, "mirror_mode_get", NULL, 0, answer);
    return op;
}

int direct_read_pool(rados_t rados, rados_ioctx_t source, rados_ioctx_t target, struct deadline deadline,
                     struct direct_pool *out, const char **what)
{
    static const char validated[] = "overwrite validated"; /* what librbd's first image leaves in the pool's rbd_info */
    char target_mode[16], source_mode[16], info[64] = "", *overrides_room = malloc(METADATA_BYTES);
    unsigned char start[16];
    struct answer target_answer = { target_mode, sizeof(target_mode), 0, 0 };
    struct answer source_answer = { source_mode, sizeof(source_mode), 0, 0 };
    struct answer overrides = { overrides_room, METADATA_BYTES, 0, 0 };
    struct cls_writer argument;
    rados_read_op_t op;
    uint64_t directory_size = 0;
    size_t info_len = 0;
    unsigned mirror, source_mirror, settings, directory;
    struct batch batch;
    int results[4], info_result = 0;

    *what = "the pools' settings";
    if (overrides_room == NULL)
        return -ENOMEM;
    batch_init(&batch);
    mirror = batch_read(&batch, "read-mirroring", target, "rbd_mirroring", "", ask_mirroring(&target_answer));
    source_mirror = batch_read(&batch, "read-mirroring", source, "rbd_mirroring", "", ask_mirroring(&source_answer));
    cls_writer_init(&argument, start, sizeof(start));
    cls_put_string(&argument, "");
    cls_put_u64(&argument, METADATA_MAX + 1);
    op = rados_create_read_op();
    if (op != NULL)
        rados_read_op_read(op, 0, sizeof(info), info, &info_len, &info_result);
    ask(op, "metadata_list", start, argument.len, &overrides);
    settings = batch_read(&batch, "read-info", target, "rbd_info", "", op);
    op = rados_create_read_op();
    if (op != NULL)
        rados_read_op_stat(op, &directory_size, NULL, NULL);
    directory = batch_read(&batch, "read-directory", target, CLS_DIRECTORY, "", op);
    batch_run(&batch, deadline);
    for (unsigned i = 0; i < 4; i++)
        results[i] = batch.items[i].result;
    batch_end(&batch);
    for (unsigned i = 0; i < 4; i++)
        if (results[i] < 0 && results[i] != -ENOENT && results[i] != -ERANGE) {
            free(overrides_room);
            return results[i];
        }
    judge_configuration(rados, out);
    judge_mirroring(results[mirror], &target_answer, "target", out);
    judge_mirroring(results[source_mirror], &source_answer, "source", out);
    if (results[settings] == 0)
        judge_overrides(&overrides, out);
    /* An old-format image NAME.rbd would be one more look for each clone; pools with such images list them here. */
    if (results[directory] == 0 && directory_size != 0)
        refuse(out, "the pool has images of the old format");
    if (results[settings] != 0 || info_len != sizeof(validated) - 1 || memcmp(info, validated, info_len) != 0)
        refuse(out, "librbd has not made an image in the pool yet, which checks what the pool can do");
    free(overrides_room);
    return 0;
}

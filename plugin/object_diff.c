/*
 * object_diff.c - see object_diff.h.
 */
#include "object_diff.h"

#include "batch.h"
#include "cls_encode.h"

#include <endian.h>
#include <errno.h>

/* ---- reading ---- */

static struct object_pair *pair_new(struct arena *arena, const char *key, size_t key_len, const char *value, size_t len)
{
    struct object_pair *pair = arena_alloc(arena, 1, sizeof(*pair));
    unsigned char *copy = arena_alloc(arena, len != 0 ? len : 1, 1);

    if (pair == NULL || copy == NULL)
        return NULL;
    if (len != 0)
        memcpy(copy, value, len);
    *pair = (struct object_pair){ .key = arena_strndup(arena, key, key_len), .value = copy, .len = len };
    return pair->key != NULL ? pair : NULL;
}

/* librados hands both out sorted by key. */
static int take_xattrs(struct arena *arena, rados_xattrs_iter_t iter, struct object_pair **list)
{
    const char *name, *value;
    size_t len;

    for (;;) {
        if (rados_getxattrs_next(iter, &name, &value, &len) != 0)
            return -EIO;
        if (name == NULL)
            return 0;
        *list = pair_new(arena, name, strlen(name), value, len);
        if (*list == NULL)
            return -ENOMEM;
        list = &(*list)->next;
    }
}

static int take_omap(struct arena *arena, rados_omap_iter_t iter, struct object_pair **list)
{
    char *key, *value;
    size_t key_len, len;

    for (;;) {
        if (rados_omap_get_next2(iter, &key, &value, &key_len, &len) != 0)
            return -EIO;
        if (key == NULL)
            return 0;
        *list = pair_new(arena, key, key_len, value, len);
        if (*list == NULL)
            return -ENOMEM;
        list = &(*list)->next;
    }
}

int object_read(struct arena *arena, rados_ioctx_t ioctx, const char *prefix, const char *name,
                struct deadline deadline, struct object_copy *out)
{
    rados_read_op_t op = rados_create_read_op();
    rados_xattrs_iter_t xattrs = NULL;
    rados_omap_iter_t omap = NULL;
    char *data = malloc(OBJECT_DATA_MAX);
    int xattrs_result = 0, omap_result = 0, data_result = 0, result;
    unsigned char more = 0;
    struct batch batch;

    *out = (struct object_copy){ .exists = false };
    if (op != NULL && data != NULL) {
        rados_read_op_read(op, 0, OBJECT_DATA_MAX, data, &out->len, &data_result);
        rados_read_op_getxattrs(op, &xattrs, &xattrs_result);
        rados_read_op_omap_get_vals2(op, "", "", OBJECT_PAIRS_MAX, &omap, &more, &omap_result);
    }
    batch_init(&batch);
    batch_read(&batch, "read-object", ioctx, prefix, name, op);
    result = data == NULL ? -ENOMEM : batch_run(&batch, deadline);
    batch_end(&batch);
    if (result == 0 && (more || out->len == OBJECT_DATA_MAX))
        result = -EFBIG;
    if (result == 0)
        result = take_xattrs(arena, xattrs, &out->xattrs);
    if (result == 0)
        result = take_omap(arena, omap, &out->omap);
    if (result == 0) {
        struct object_pair *pair = pair_new(arena, "", 0, data, out->len);
        out->exists = true;
        out->data = pair != NULL ? pair->value : NULL;
        result = pair != NULL ? 0 : -ENOMEM;
    }
    if (xattrs != NULL)
        rados_getxattrs_end(xattrs);
    if (omap != NULL)
        rados_omap_get_end(omap);
    free(data);
    return result == -ENOENT ? 0 : result;
}

/* ---- comparing ---- */

/* A copy of value in which every encoded string "ID" or "rbd_data.ID" has another length and text, the same for every id.
 * Ids may differ in length, and only a string with its length in front can stand for one. */
static const unsigned char *without_id(struct arena *arena, const unsigned char *value, size_t len, const char *id,
                                       size_t *out_len)
{
    static const char *const prefixes[] = { "", "rbd_data." };
    unsigned char *copy = arena_alloc(arena, len + 16, 1);
    size_t at = 0, id_len = strlen(id);

    *out_len = 0;
    if (copy == NULL)
        return NULL;
    while (at < len) {
        bool replaced = false;
        for (size_t i = 0; i < 2 && !replaced; i++) {
            size_t prefix_len = strlen(prefixes[i]), text_len = prefix_len + id_len;
            uint32_t wire = htole32((uint32_t)text_len);
            if (len - at < sizeof(wire) + text_len || memcmp(value + at, &wire, sizeof(wire)) != 0 ||
                memcmp(value + at + sizeof(wire), prefixes[i], prefix_len) != 0 ||
                memcmp(value + at + sizeof(wire) + prefix_len, id, id_len) != 0)
                continue;
            memset(copy + *out_len, 0xff, sizeof(wire)); /* no string is so long */
            memcpy(copy + *out_len + sizeof(wire), prefixes[i], prefix_len);
            *out_len += sizeof(wire) + prefix_len;
            at += sizeof(wire) + text_len;
            replaced = true;
        }
        if (!replaced)
            copy[(*out_len)++] = value[at++];
    }
    return copy;
}

static bool is_time(const char *key)
{
    return strcmp(key, "create_timestamp") == 0 || strcmp(key, "access_timestamp") == 0 ||
           strcmp(key, "modify_timestamp") == 0;
}

/* What librbd leaves when it has held the exclusive lock, which it takes to grow the clone. A fresh image has none. */
static bool is_lock(const char *key)
{
    return strcmp(key, "lock.rbd_lock") == 0;
}

static bool same_value(struct arena *arena, const unsigned char *one, size_t one_len, const char *one_id,
                       const unsigned char *other, size_t other_len, const char *other_id)
{
    size_t one_plain_len, other_plain_len;
    const unsigned char *one_plain = without_id(arena, one, one_len, one_id, &one_plain_len);
    const unsigned char *other_plain = without_id(arena, other, other_len, other_id, &other_plain_len);

    return one_plain != NULL && other_plain != NULL && one_plain_len == other_plain_len &&
           memcmp(one_plain, other_plain, one_plain_len) == 0;
}

static bool same_pairs(struct arena *arena, const char *what, const char *kind, const struct object_pair *librbd,
                       const char *librbd_id, const struct object_pair *direct, const char *direct_id, char *room,
                       size_t size)
{
    while (librbd != NULL || direct != NULL) {
        int order = librbd == NULL ? 1 : direct == NULL ? -1 : strcmp(librbd->key, direct->key);
        if (order < 0 && is_lock(librbd->key)) {
            librbd = librbd->next;
            continue;
        }
        if (order != 0) {
            snprintf(room, size, "%s: only %s has the %s %.80s", what, order < 0 ? "librbd's" : "the direct engine's",
                     kind, order < 0 ? librbd->key : direct->key);
            return false;
        }
        if (is_time(librbd->key) ? librbd->len != direct->len
                                 : !same_value(arena, librbd->value, librbd->len, librbd_id, direct->value, direct->len,
                                               direct_id)) {
            snprintf(room, size, "%s: the %s %.80s differs", what, kind, librbd->key);
            return false;
        }
        librbd = librbd->next;
        direct = direct->next;
    }
    return true;
}

bool object_same(struct arena *arena, const char *what, const struct object_copy *librbd, const char *librbd_id,
                 const struct object_copy *direct, const char *direct_id, char *room, size_t size)
{
    if (librbd->exists != direct->exists) {
        snprintf(room, size, "%s: only %s exists", what, librbd->exists ? "librbd's" : "the direct engine's");
        return false;
    }
    if (!librbd->exists)
        return true;
    if (!same_value(arena, librbd->data, librbd->len, librbd_id, direct->data, direct->len, direct_id)) {
        snprintf(room, size, "%s: the data differs", what);
        return false;
    }
    return same_pairs(arena, what, "attribute", librbd->xattrs, librbd_id, direct->xattrs, direct_id, room, size) &&
           same_pairs(arena, what, "omap key", librbd->omap, librbd_id, direct->omap, direct_id, room, size);
}

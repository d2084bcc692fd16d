/*
 * object_diff.h - one RADOS object as a whole (data, extended attributes, omap), and whether two of them are the same
 * but for what must differ between two images: the image id and the times.
 */
#ifndef VTCLONE_OBJECT_DIFF_H
#define VTCLONE_OBJECT_DIFF_H

#include "arena.h"
#include "deadline.h"

#include <rados/librados.h>
#include <stddef.h>

/* Ceilings; an object beyond them is -EFBIG. */
#define OBJECT_DATA_MAX (8u << 20)
#define OBJECT_PAIRS_MAX 4096

struct object_pair {
    struct object_pair *next; /* in the order of the keys */
    const char *key;
    const unsigned char *value;
    size_t len;
};

struct object_copy {
    bool exists;
    const unsigned char *data;
    size_t len;
    struct object_pair *xattrs;
    struct object_pair *omap;
};

/* An object that is not there is success with exists false. Everything is in arena. 0 or a negative errno value. */
int object_read(struct arena *arena, rados_ioctx_t ioctx, const char *prefix, const char *name,
                struct deadline deadline, struct object_copy *out);

/* Compares the object of an image that librbd made with that of one that the direct engine made. false: *room says what
 * differs. arena: for copies in which the ids are replaced. */
bool object_same(struct arena *arena, const char *what, const struct object_copy *librbd, const char *librbd_id,
                 const struct object_copy *direct, const char *direct_id, char *room, size_t size);

#endif

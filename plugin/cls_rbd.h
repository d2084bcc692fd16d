/*
 * cls_rbd.h - the operations that the direct engine makes an image of, each on one object, in the forms of Ceph's class
 * `rbd`; and the reading of an image's objects.
 *
 * Operations are returned for a batch (batch.h), which frees them; NULL means no memory, or an argument that is too long
 * for any image. Readers return 0 or a negative errno value; -EBADMSG: a reply that is not understood.
 *
 * Marks of our own, extended attributes, tell our leftovers from images of others. CLS_MARK_UNFINISHED is on a header from
 * its creation until its parent is attached, CLS_MARK_UNDO on an id object while its image is being removed, and
 * CLS_MARK_ADOPTED stays on the id object of an image that another call than the one that began it has completed, or has
 * found whole and reported. An id object gets one of the last two only where it has not the other: what is being removed
 * is not reported, and what was reported is not removed.
 */
#ifndef VTCLONE_CLS_RBD_H
#define VTCLONE_CLS_RBD_H

#include "deadline.h"
#include "parent.h"

#include <rados/librados.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLS_DIRECTORY "rbd_directory"
#define CLS_ID_PREFIX "rbd_id."
#define CLS_HEADER_PREFIX "rbd_header."
#define CLS_OBJECT_MAP_PREFIX "rbd_object_map."
#define CLS_DATA_PREFIX "rbd_data."

#define CLS_MARK_UNFINISHED "vtclone.unfinished"
#define CLS_MARK_UNDO "vtclone.undo"
#define CLS_MARK_ADOPTED "vtclone.adopted"

#define CLS_HEAD UINT64_C(0xfffffffffffffffe)          /* "no snapshot" (CEPH_NOSNAP) */
#define CLS_OP_FEATURE_CLONE_CHILD (UINT64_C(1) << 1)  /* RBD_OPERATION_FEATURE_CLONE_CHILD */
#define CLS_OBJECT_MAP_MAX UINT64_C(256000000)         /* objects; librbd makes no larger map */

/* A snapshot in the pool's default namespace. */
struct parent_spec {
    int64_t pool_id;
    char image_id[IMAGE_ID_SIZE];
    uint64_t snap_id;
};

/* ---- making ---- */

rados_write_op_t cls_dir_add(const char *name, const char *id);
/* Creates the header, marked unfinished. */
rados_write_op_t cls_header_create(uint64_t size, uint8_t order, uint64_t features, const char *id);
/* Creates the object map for so many objects, none of which exists. */
rados_write_op_t cls_object_map_create(uint64_t count);
/* Attaches the parent, says so in the op features, copies the parent's metadata (an encoded map, or NULL) and takes the
 * mark off: one operation, all or nothing. -ECANCELED where the mark is not there. */
rados_write_op_t cls_parent_attach(const struct parent_spec *parent, uint64_t overlap, const void *metadata,
                                   size_t metadata_len);
/* mark: NULL, CLS_MARK_UNDO or CLS_MARK_ADOPTED. */
rados_write_op_t cls_id_create(const char *id, const char *mark);
/* Marks an id object as adopted for good. -ECANCELED where its image is being removed, else as those for undoing. */
rados_write_op_t cls_id_adopt(const char *id);
/* Says on a header that it is a clone's. */
rados_write_op_t cls_clone_child_set(void);
/* On the parent's header. */
rados_write_op_t cls_child_attach(uint64_t snap_id, int64_t child_pool_id, const char *child_id);

/* ---- undoing ---- */

rados_write_op_t cls_child_detach(uint64_t snap_id, int64_t child_pool_id, const char *child_id);
rados_write_op_t cls_dir_remove(const char *name, const char *id); /* -ENOENT where the pair is not there */
/* On the id object: -ENOENT where there is none, cls_is_other_id() where it is another image's, and -ECANCELED where it is
 * adopted (own_adoption: by another call than that which created it so), or where it does not carry the mark to be removed. */
rados_write_op_t cls_id_mark_undo(const char *id, bool own_adoption);
rados_write_op_t cls_id_remove_marked(const char *id);
rados_write_op_t cls_header_remove_unfinished(void);               /* -ECANCELED where it is finished */
rados_write_op_t cls_object_remove(void);

/* A comparison of an object's bytes that fails answers with MAX_ERRNO (4095) and the place where they differ. */
static inline bool cls_is_other_id(int result)
{
    return result <= -4095;
}

/* ---- reading ---- */

struct header_facts {
    uint64_t size;
    uint8_t order;
    uint64_t features;
    uint64_t op_features;
    uint64_t snap_count;
    bool unfinished; /* our mark is on it */
    bool has_parent;
    bool other_namespace; /* the parent is in a namespace; parent is not valid */
    struct parent_spec parent;
};

struct name_facts {
    char dir_id[IMAGE_ID_SIZE]; /* in the directory; "": the name is not listed */
    char id[IMAGE_ID_SIZE];     /* in the id object; "": there is none */
    char undo[IMAGE_ID_SIZE];   /* CLS_MARK_UNDO on the id object; "": none */
    bool adopted;               /* CLS_MARK_ADOPTED is on it */
};

int cls_read_header(rados_ioctx_t ioctx, const char *id, struct deadline deadline, struct header_facts *out);
int cls_read_name(rados_ioctx_t ioctx, const char *name, struct deadline deadline, struct name_facts *out);
/* Whether the image of that id is in the pool's trash: 0 or 1. */
int cls_in_trash(rados_ioctx_t ioctx, const char *id, struct deadline deadline);

#endif

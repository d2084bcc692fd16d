/*
 * direct_undo.h - removes what the direct engine has begun of one image, by its id: nothing with another id is touched.
 *
 * It can be repeated, by anybody, from any point: each operation says what it removes, and finding nothing is success.
 * The order is in the head of engine_direct.c.
 */
#ifndef VTCLONE_DIRECT_UNDO_H
#define VTCLONE_DIRECT_UNDO_H

#include "cls_rbd.h"
#include "engine.h"

/* What may be there. */
enum {
    BEGUN_DIRECTORY = 1,
    BEGUN_HEADER = 2,
    BEGUN_MAP = 4,
    BEGUN_PARENT = 8, /* the header may have its parent: somebody else may complete the image */
    BEGUN_CHILD = 16, /* the parent may have the child */
    BEGUN_ID = 32,    /* the id object is this image's */
    BEGUN_MARK = 64,  /* the id object is this image's and carries the mark */
    BEGUN_ADOPTED = 128, /* with BEGUN_ID: this call has created it as adopted */
};

struct direct_undo {
    rados_ioctx_t target;
    rados_ioctx_t parent_pool; /* with BEGUN_CHILD */
    const char *volume;
    char id[IMAGE_ID_SIZE];
    struct parent_spec parent; /* with BEGUN_CHILD */
    unsigned begun;
};

/* 0: nothing is left. DIRECT_UNDO_ADOPTED: another process has completed the image meanwhile, or found it whole and
 * reported it; it stays. A negative errno value: not (all) done. */
#define DIRECT_UNDO_ADOPTED 1
int direct_undo(struct direct_undo *undo, struct deadline deadline);

/* Its first step: says on the id object, which is made where there is none, that the image is being removed, so that nobody
 * completes or reports it any more. The same results; 0 without BEGUN_MARK: the id object is gone or another image's. */
int direct_undo_mark(struct direct_undo *undo, struct deadline deadline);

/* Goes on in a thread of its own until the cluster answers, for two minutes at most, holding the connection and the claim
 * of the request. false: that cannot be; nothing more is done. */
bool direct_undo_later(const struct direct_undo *undo, struct connection *connection,
                       const struct clone_request *request);

#endif

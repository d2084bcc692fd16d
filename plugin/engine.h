/*
 * engine.h - what an engine is: it makes one rbd clone of a given parent on a given connection, and leaves nothing
 * behind when it fails. clone.c decides which engine, which candidate and which connection.
 */
#ifndef VTCLONE_ENGINE_H
#define VTCLONE_ENGINE_H

#include "claim.h"
#include "connection.h"
#include "deadline.h"
#include "site.h"
#include "vtclone.h"

struct clone_request {
    const struct backend *backend; /* the target pool is backend->pool */
    const char *parent_pool;
    const char *parent_image;
    const char *parent_snap;
    const char *volume;  /* name of the new image */
    uint64_t size_bytes; /* final size */
    struct deadline deadline;
    struct claim *claim; /* on the volume's name; an engine whose work outlives the call takes a reference */
};

struct clone_outcome {
    enum vtclone_reason reason; /* on failure: SNAPSHOT_MISSING, VOLUME_EXISTS, TOO_SMALL, RADOS_ERROR, ... */
    bool existed;               /* the volume already was this very clone with this size */
    bool connection_broken;     /* for connection_put() */
    bool left_behind;           /* on failure: what was begun could not be removed (yet); err says so */
};

/* Strings of the request are copied where they are needed after the return. VTCLONE_E_TIMEOUT at the deadline at the
 * latest, whatever the cluster does. */
int32_t engine_librbd_clone(struct connection *connection, const struct clone_request *request,
                            struct clone_outcome *outcome, vtclone_error *err);

#endif

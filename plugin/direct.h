/*
 * direct.h - one clone of the direct engine, as its files share it. engine_direct.c makes; direct_settle.c deals with a
 * name that is taken.
 */
#ifndef VTCLONE_DIRECT_H
#define VTCLONE_DIRECT_H

#include "direct_facts.h"
#include "direct_undo.h"
#include "engine.h"

/* What was begun by a process that has died, or stands still, is taken over after so long without a change; and a call
 * that took longer looks whether that happened to it. */
#define DIRECT_GRACE_MS 2000

struct direct {
    struct connection *connection;
    const struct clone_request *request;
    struct clone_outcome *outcome;
    vtclone_error *err;
    rados_ioctx_t source, target;
    struct direct_pool pool;
    struct direct_parent *parent; /* a reference */
    bool parent_cached;
    uint8_t order;
    uint64_t map_objects; /* 0: the child has no object map */
    struct deadline work_until; /* later only clean-up is done */
    int64_t began_ns;           /* before the name was entered in the directory */
    struct direct_undo undo;    /* of the image that this call has begun; its id */
};

/* Notes the first failure: the code that belongs to the reason, and what was tried. */
int32_t direct_fail(struct direct *direct, enum vtclone_reason reason, int sys_errno, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Reads the parent again where what is known of it was cached. *fresh: it was. */
int32_t direct_refresh_parent(struct direct *direct, bool *fresh);

/* The last round trip: the name becomes the image's, the parent learns of its child. again: see direct_settle(). */
int32_t direct_finish(struct direct *direct, const char *mark, bool *again);

/* Removes what undo says. Where it could not, the failure says so; DIRECT_UNDO_ADOPTED without a failure: the image is
 * complete by another process's work. */
int direct_clean_up(struct direct *direct);

/* The name is taken. Success: it is this very clone, finished by this call where nobody else did. *again: the name is free
 * now. */
int32_t direct_settle(struct direct *direct, bool *again);

#endif

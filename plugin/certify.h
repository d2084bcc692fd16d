/*
 * certify.h - whether the direct engine may be used: once per process and (cluster, parent's pool, target pool, features
 * of the clone) one scratch clone is made with each engine, every object of the two is compared byte for byte, and both
 * are removed. Any difference means librbd, for as long as the process lives.
 *
 * Scratch clones have names that Cinder does not use (CERTIFY_PREFIX). What a process that died left of them is removed
 * by a later certification of the pool.
 */
#ifndef VTCLONE_CERTIFY_H
#define VTCLONE_CERTIFY_H

#include "engine.h"

#define CERTIFY_PREFIX "vtclone-certify-"
#define CERTIFY_TEXT 360

struct certificates;

struct certificates *certificates_new(void); /* NULL: no memory */
void certificates_free(struct certificates *certificates);

struct verdict {
    bool certified;
    char reason[CERTIFY_TEXT];   /* why, or why not; names the OSDs' release */
    char releases[CERTIFY_TEXT]; /* of the OSDs, "16.2.15" or "16.2.15, 18.2.7"; "": they could not be asked */
    bool known_release;          /* the tests have run on all of them */
};

/* Of the parent and the target of the request; its volume is not used. Makes the certificate, or waits for the call that
 * does, up to the request's deadline. Where the cluster fails on the way the verdict is "no" for half a minute. */
void certify(struct certificates *certificates, struct connection *connection, const struct clone_request *request,
             uint64_t features, struct verdict *out);

#endif

/*
 * claim.h - the volumes that are being made in this process. One at a time may be at work on a name: a second call for
 * the same name waits until the first one's work is over, also where the first call has returned because its deadline
 * passed and its clean-up is still waiting for the cluster. Without that a late clean-up could remove what the second
 * call has made.
 */
#ifndef VTCLONE_CLAIM_H
#define VTCLONE_CLAIM_H

#include "deadline.h"
#include "vtclone.h"

struct claims;
struct claim;

struct claims *claims_new(void); /* NULL: no memory */
void claims_free(struct claims *claims);

/* Waits for the name (fsid, pool, volume) up to the deadline. */
int32_t claim_take(struct claims *claims, const char *fsid, const char *pool, const char *volume,
                   struct deadline deadline, struct claim **out, vtclone_error *err);
/* A claim ends when its last holder drops it. */
struct claim *claim_ref(struct claim *claim);
void claim_drop(struct claim *claim);

#endif

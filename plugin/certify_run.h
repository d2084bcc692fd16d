/*
 * certify_run.h - one certification: makes, compares and removes the two scratch clones.
 */
#ifndef VTCLONE_CERTIFY_RUN_H
#define VTCLONE_CERTIFY_RUN_H

#include "certify.h"

/* true: the verdict holds for good. false: the cluster failed on the way, and another time may tell more. */
bool certify_run(struct connection *connection, const struct clone_request *request, rados_ioctx_t source,
                 rados_ioctx_t target, struct verdict *out);

#endif

/*
 * certify_release.h - the releases that the cluster's OSDs run.
 */
#ifndef VTCLONE_CERTIFY_RELEASE_H
#define VTCLONE_CERTIFY_RELEASE_H

#include "certify.h"

/* Fills releases and known_release. */
void certify_releases(rados_t rados, struct verdict *out);

#endif

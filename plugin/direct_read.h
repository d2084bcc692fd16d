/*
 * direct_read.h - asks the cluster for what direct_facts.h keeps. Blocks up to the deadline; 0 or a negative errno value
 * with *what, static, saying what failed.
 */
#ifndef VTCLONE_DIRECT_READ_H
#define VTCLONE_DIRECT_READ_H

#include "direct_facts.h"

int direct_read_parent(rados_ioctx_t ioctx, const char *image, const char *snap, struct deadline deadline,
                       struct direct_parent *out, const char **what);
/* out->id is set by the caller. */
int direct_read_pool(rados_t rados, rados_ioctx_t source, rados_ioctx_t target, struct deadline deadline,
                     struct direct_pool *out, const char **what);

#endif

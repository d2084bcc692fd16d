/*
 * child_entry.h - the parent's entry of a finished clone, which is what keeps the parent's snapshot from being removed. A
 * creation that died, librbd's or ours, may have left a clone without it.
 */
#ifndef VTCLONE_CHILD_ENTRY_H
#define VTCLONE_CHILD_ENTRY_H

#include "cls_rbd.h"

/* Sees to it that the parent in header, an image of pool source, has an entry of the image of that id in pool target. 0; or
 * -ENOENT: the parent or its snapshot is gone; -ESTALE: the image is being removed, and nothing was left of a new entry;
 * another errno value. A clone of version 1 has its entry elsewhere and is left as it is. */
int child_entry_ensure(rados_ioctx_t target, rados_ioctx_t source, const char *id, const struct header_facts *header,
                       struct deadline deadline);

#endif

/*
 * child_entry.h - what a clone that was there before needs to be reported as the volume: the parent's entry of it, which is
 * what keeps the parent's snapshot from being removed (a creation that died, librbd's or ours, may have left a clone without
 * it), and the mark by which whoever began it does not undo it any more.
 */
#ifndef VTCLONE_CHILD_ENTRY_H
#define VTCLONE_CHILD_ENTRY_H

#include "cls_rbd.h"

/* Sees to it that the parent in header, an image of pool source, has an entry of the volume, the image of that id in pool
 * target, and that the volume is marked as adopted. 0; or -ENOENT: the parent or its snapshot is gone; -ESTALE: the image is
 * being removed; -ECANCELED: its id object says so, or is gone. Nothing is left of a new entry then. Or another errno value. A
 * clone of version 1 has its entry elsewhere. */
int child_entry_adopt(rados_ioctx_t target, rados_ioctx_t source, const char *volume, const char *id,
                      const struct header_facts *header, struct deadline deadline);

#endif

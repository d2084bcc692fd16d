/*
 * copy_target.h - which store's copy serves a backend, and whether one there would turn a miss into a hit. The one place
 * that knows: the resolver, copy on demand, the command line and Cinder's manager all ask here.
 */
#ifndef VTCLONE_COPY_TARGET_H
#define VTCLONE_COPY_TARGET_H

#include "site.h"

/* The backend's own store, else the type's, else what the stores say: the cinder store whose image volumes are of the type, or
 * the rbd store on the backend's cluster. type NULL: none. NULL: nothing says. */
const char *copy_target(const vtclone_site *site, const struct backend *backend, const struct volume_type *type);

#endif

/*
 * location.h - one location URL of an image, taken apart. The owner of an image may write any URL, so this is a
 * boundary: what does not have exactly the form that Glance's rbd and cinder stores write is BAD_LOCATION.
 *
 *   rbd://FSID/POOL/IMAGE/SNAP    four non-empty parts, split on '/' first, then percent-decoded
 *   cinder://STORE/VOLUME         VOLUME a UUID
 *   cinder://VOLUME               the form of a Glance with one store
 */
#ifndef VTCLONE_LOCATION_H
#define VTCLONE_LOCATION_H

#include "arena.h"
#include "vtclone.h"

enum location_kind { LOCATION_OTHER, LOCATION_RBD, LOCATION_CINDER };

struct location {
    enum location_kind kind;
    enum vtclone_reason reason; /* OK, BAD_LOCATION or UNKNOWN_SCHEME */
    const char *detail;         /* what is wrong with it; NULL where nothing is */
    const char *fsid;           /* rbd: decoded parts */
    const char *pool;
    const char *image;
    const char *snap;
    const char *store;          /* cinder: NULL in the form with one store */
    const char *volume;
};

/* Takes url[0..len) apart; what is wrong with it is in *out, not an error. VTCLONE_E_NOMEM is the only failure. Strings
 * are in arena or static. */
int32_t location_parse(struct arena *arena, const char *url, size_t len, struct location *out, vtclone_error *err);

/* The URL as it may be shown: what stands before an '@' in its authority (user and key) is replaced by three stars, and
 * control characters are escaped. NULL: no memory. */
const char *location_shown(struct arena *arena, const char *url, size_t len);

#endif

/*
 * live_site.h - the site as the services tell it: stores from Glance, backends from Cinder's scheduler, volume types with
 * their extra specs. Kept for a time; entries of a site document win over live ones of the same id, host or name.
 *
 * What a backend is, is derived so:
 *  - its own store: capability glance_store_id, else image_service:store_id of the types that name the backend, where
 *    those agree;
 *  - rbd: storage_protocol ceph and a location_info (cluster:conf:fsid:user:pool), unless its own store is a cinder
 *    store: then its images are volumes, and Cinder clones them;
 *  - cinder: every other.
 */
#ifndef VTCLONE_LIVE_SITE_H
#define VTCLONE_LIVE_SITE_H

#include "cinder.h"
#include "flight.h"
#include "glance.h"
#include "site.h"

struct live_site {
    struct glance *glance;
    struct cinder *cinder;
    char *override;         /* the caller's document, or NULL */
    size_t override_len;
    int64_t ttl_ns;
    pthread_mutex_t lock;   /* of what follows; never held across the network */
    struct flight refresh;
    vtclone_site *site;     /* NULL: none yet */
    char *document;         /* its text */
    size_t document_len;
    int64_t stale_at_ns;
};

/* Checks the caller's document. */
int32_t live_site_init(struct live_site *live, struct glance *glance, struct cinder *cinder, const char *override,
                       size_t override_len, uint32_t ttl_ms, vtclone_error *err);
void live_site_destroy(struct live_site *live);

/* A reference to the site, asked for again where it is too old. */
int32_t live_site_get(struct live_site *live, const struct call *call, vtclone_site **out, vtclone_error *err);
/* A copy of its document; the caller frees it. */
int32_t live_site_text(struct live_site *live, const struct call *call, char **out, size_t *len, vtclone_error *err);

/* Asks the services and writes the document (live_facts.c). The caller frees *out. */
int32_t live_facts(struct live_site *live, const struct call *call, char **out, size_t *len, vtclone_error *err);

#endif

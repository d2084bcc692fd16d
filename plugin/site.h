/*
 * site.h - what the resolver knows of a deployment: stores, backends, volume types. Immutable once made; shared by
 * reference count between its owner and the decisions made from it.
 */
#ifndef VTCLONE_SITE_H
#define VTCLONE_SITE_H

#include "arena.h"
#include "json.h"
#include "vtclone.h"

#include <stdatomic.h>
#include <stdbool.h>

enum store_type { STORE_OTHER, STORE_RBD, STORE_CINDER };

struct store {
    const char *id;
    enum store_type type;
    const char *type_name;   /* as written ("swift") */
    const char *volume_type; /* cinder: the type of its image volumes, or NULL */
    const char *fsid;        /* rbd; NULL where Glance does not say (before 2025.1): any cluster of the site */
    const char *pool;        /* rbd */
    const char *derived_from; /* where a live site has it from, or NULL */
};

enum backend_type { BACKEND_RBD, BACKEND_CINDER };

struct backend {
    const char *host; /* host@backend#pool */
    const char *name; /* volume_backend_name */
    enum backend_type type;
    const char *fsid;         /* rbd: required; NULL for cinder */
    const char *pool;         /* rbd: required */
    const char *user;         /* rbd: "admin" where the site says nothing, as librados has it */
    const char *ceph_conf;    /* rbd: NULL for librados' default search */
    const char *cluster;      /* rbd: "ceph" where the site says nothing */
    const char *store;        /* the Glance store beside it, or NULL */
    const char *cluster_name; /* Cinder's active/active cluster, or NULL */
    bool clone_across_pools;
    int64_t chunk_size_mib;   /* rbd: rbd_store_chunk_size in MiB; 4 where the site says nothing, as in Cinder */
    const char *derived_from; /* where a live site has it from, or NULL */
};

struct volume_type {
    const char *name;
    const char *backend_name; /* extra spec volume_backend_name, or NULL: every backend serves the type */
    const char *store_id;     /* extra spec image_service:store_id, or NULL */
    const char *derived_from; /* where a live site has it from, or NULL */
};

struct vtclone_site {
    atomic_uint references;
    struct arena arena;
    struct store *stores;
    size_t store_count;
    struct backend *backends;
    size_t backend_count;
    struct volume_type *types;
    size_t type_count;
};

vtclone_site *site_ref(vtclone_site *site);

const struct store *site_find_store(const vtclone_site *site, const char *id);
const struct volume_type *site_find_type(const vtclone_site *site, const char *name);

/* Whether the backend serves the type: the extra spec against the backend's name, with the operators of Cinder's
 * extra_specs_ops that make sense for a name ("s==", "<in>", "<or> a <or> b"). type NULL: yes. */
bool site_serves(const struct backend *backend, const struct volume_type *type);
/* Whether wanted ("host@backend#pool", "host@backend" for all its pools, or NULL for any) names the backend. */
bool site_host_matches(const struct backend *backend, const char *wanted);

#endif

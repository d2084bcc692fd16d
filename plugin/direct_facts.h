/*
 * direct_facts.h - what the direct engine must know before it can make a clone, kept with the connection for a few
 * seconds so that a storm of clones asks once: the parent snapshot, and whether pools and configuration have anything
 * that the direct engine leaves to librbd.
 *
 * Nothing of it is trusted for the attachment: the parent's OSD refuses a child of a snapshot that is gone.
 */
#ifndef VTCLONE_DIRECT_FACTS_H
#define VTCLONE_DIRECT_FACTS_H

#include "cls_rbd.h"
#include "deadline.h"

#include <stdatomic.h>

#define DIRECT_TEXT 200

/* Immutable once made; counted. */
struct direct_parent {
    atomic_uint references;
    struct parent_spec spec;
    uint64_t size; /* of the snapshot */
    uint64_t stripe_unit;
    unsigned char *metadata; /* an encoded map for metadata_set; NULL: the parent has none */
    size_t metadata_len;
    char unsupported[DIRECT_TEXT]; /* why librbd must make its clones; "": nothing */
};

/* What holds for every clone into a pool. */
struct direct_pool {
    int64_t id;
    uint64_t features;             /* of new images */
    char unsupported[DIRECT_TEXT]; /* why librbd must make its images; "": nothing */
};

struct direct_cache;

struct direct_cache *direct_cache_new(void); /* NULL: no memory */
void direct_cache_free(struct direct_cache *cache);

/* ioctx: of the pool. *cached: the answer is up to a few seconds old (in: false asks for a fresh one). 0, or a negative
 * errno value with *what, static, saying what failed; -ENOENT: there is no such image or snapshot. The caller drops *out. */
int direct_parent_get(struct direct_cache *cache, rados_ioctx_t ioctx, const char *pool, const char *image,
                      const char *snap, struct deadline deadline, bool *cached, struct direct_parent **out,
                      const char **what);
void direct_parent_drop(struct direct_parent *parent);

/* source: the parent's pool, whose mirroring matters too. */
int direct_pool_get(struct direct_cache *cache, rados_t rados, rados_ioctx_t source, rados_ioctx_t target,
                    struct deadline deadline, struct direct_pool *out, const char **what);

#endif

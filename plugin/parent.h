/*
 * parent.h - what the librbd engine knows of a parent snapshot, kept with the connection for half a minute: a storm of
 * clones from one image asks for it once. Never trusted for the clone itself: librbd reads the parent again, the engine
 * compares what the child is attached to with these facts, and a failure is tried again with fresh ones.
 */
#ifndef VTCLONE_PARENT_H
#define VTCLONE_PARENT_H

#include "deadline.h"
#include "vtclone.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_ID_SIZE 64

struct parent_facts {
    int64_t pool_id;
    char image_id[IMAGE_ID_SIZE];
    uint64_t snap_id;
    uint64_t size; /* bytes, at the snapshot */
    uint64_t stripe_unit;
    bool is_protected;
};

/* Writes what a cache finds a parent by into key, of room bytes: pool, image and snapshot, each with its NUL. Returns its
 * length; 0: too long to keep. */
size_t parent_key(char *key, size_t room, const char *pool, const char *image, const char *snap);

struct parent_cache;

struct parent_cache *parent_cache_new(void); /* NULL: no memory */
void parent_cache_free(struct parent_cache *cache);

/* true: *out is known. false: the caller reads it, and then calls store or forget, for which others who want the same
 * parent wait, up to their own deadlines (then they read it too). */
bool parent_cache_find(struct parent_cache *cache, const char *pool, const char *image, const char *snap,
                       struct deadline deadline, struct parent_facts *out);
/* The oldest of a fixed number makes room. A name too long to keep is not kept. */
void parent_cache_store(struct parent_cache *cache, const char *pool, const char *image, const char *snap,
                        const struct parent_facts *facts);
void parent_cache_forget(struct parent_cache *cache, const char *pool, const char *image, const char *snap);

#endif

/*
 * direct_facts.c - the cache of direct_facts.h: two small fixed tables under a lock. direct_read.c asks the cluster.
 */
#include "direct_facts.h"

#include "direct_read.h"
#include "parent.h"

#include <errno.h>
#include <pthread.h>

#define PARENT_SLOTS 64
#define PARENT_KEEP_MS 5000
#define POOL_SLOTS 32
#define POOL_KEEP_MS 10000
#define KEY_SIZE 640

struct parent_slot {
    char key[KEY_SIZE]; /* pool, image and snapshot, each with its NUL */
    size_t key_len;     /* 0: free */
    struct deadline until;
    struct direct_parent *parent; /* a reference */
};

struct pool_slot {
    int64_t source, target;
    struct deadline until; /* 0: free */
    struct direct_pool pool;
};

struct direct_cache {
    pthread_mutex_t lock;
    struct parent_slot parents[PARENT_SLOTS];
    struct pool_slot pools[POOL_SLOTS];
};

struct direct_cache *direct_cache_new(void)
{
    struct direct_cache *cache = calloc(1, sizeof(*cache));

    if (cache != NULL)
        pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void direct_cache_free(struct direct_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < PARENT_SLOTS; i++)
        direct_parent_drop(cache->parents[i].parent);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

void direct_parent_drop(struct direct_parent *parent)
{
    if (parent == NULL || atomic_fetch_sub(&parent->references, 1) != 1)
        return;
    free(parent->metadata);
    free(parent);
}

/* ---- parents ---- */

static struct direct_parent *find_parent(struct direct_cache *cache, const char *key, size_t len)
{
    struct direct_parent *found = NULL;

    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < PARENT_SLOTS && found == NULL; i++) {
        struct parent_slot *slot = &cache->parents[i];
        if (slot->key_len == len && memcmp(slot->key, key, len) == 0 && !deadline_passed(slot->until)) {
            found = slot->parent;
            atomic_fetch_add(&found->references, 1);
        }
    }
    pthread_mutex_unlock(&cache->lock);
    return found;
}

/* In place of what is known of the same parent, else in a free slot, else instead of the oldest. */
static void keep_parent(struct direct_cache *cache, const char *key, size_t len, struct direct_parent *parent)
{
    struct parent_slot *chosen = &cache->parents[0];
    struct direct_parent *before;

    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < PARENT_SLOTS; i++) {
        struct parent_slot *slot = &cache->parents[i];
        if (slot->key_len == len && memcmp(slot->key, key, len) == 0) {
            chosen = slot;
            break;
        }
        if (slot->until.at_ns < chosen->until.at_ns)
            chosen = slot;
    }
    before = chosen->parent;
    memcpy(chosen->key, key, len);
    chosen->key_len = len;
    chosen->until = deadline_in_ms(PARENT_KEEP_MS);
    chosen->parent = parent;
    atomic_fetch_add(&parent->references, 1);
    pthread_mutex_unlock(&cache->lock);
    direct_parent_drop(before);
}

int direct_parent_get(struct direct_cache *cache, rados_ioctx_t ioctx, const char *pool, const char *image,
                      const char *snap, struct deadline deadline, bool *cached, struct direct_parent **out,
                      const char **what)
{
    char key[KEY_SIZE];
    size_t len = parent_key(key, sizeof(key), pool, image, snap);
    struct direct_parent *parent = *cached && len != 0 ? find_parent(cache, key, len) : NULL;
    int result;

    *cached = parent != NULL;
    if (parent == NULL) {
        parent = calloc(1, sizeof(*parent));
        if (parent == NULL)
            return -ENOMEM;
        atomic_init(&parent->references, 1);
        result = direct_read_parent(ioctx, image, snap, deadline, parent, what);
        if (result < 0) {
            direct_parent_drop(parent);
            return result;
        }
        if (len != 0)
            keep_parent(cache, key, len, parent);
    }
    *out = parent;
    return 0;
}

/* ---- pools ---- */

static bool find_pool(struct direct_cache *cache, int64_t source, int64_t target, struct direct_pool *out)
{
    bool found = false;

    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < POOL_SLOTS && !found; i++) {
        struct pool_slot *slot = &cache->pools[i];
        found = slot->source == source && slot->target == target && !deadline_passed(slot->until);
        if (found)
            *out = slot->pool;
    }
    pthread_mutex_unlock(&cache->lock);
    return found;
}

static void keep_pool(struct direct_cache *cache, int64_t source, int64_t target, const struct direct_pool *pool)
{
    struct pool_slot *chosen = &cache->pools[0];

    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < POOL_SLOTS; i++) {
        struct pool_slot *slot = &cache->pools[i];
        if (slot->until.at_ns != 0 && slot->source == source && slot->target == target) {
            chosen = slot;
            break;
        }
        if (slot->until.at_ns < chosen->until.at_ns)
            chosen = slot;
    }
    *chosen = (struct pool_slot){ source, target, deadline_in_ms(POOL_KEEP_MS), *pool };
    pthread_mutex_unlock(&cache->lock);
}

int direct_pool_get(struct direct_cache *cache, rados_t rados, rados_ioctx_t source, rados_ioctx_t target,
                    struct deadline deadline, struct direct_pool *out, const char **what)
{
    int64_t source_id = rados_ioctx_get_id(source), target_id = rados_ioctx_get_id(target);
    int result;

    if (find_pool(cache, source_id, target_id, out))
        return 0;
    *out = (struct direct_pool){ .id = target_id };
    result = direct_read_pool(rados, source, target, deadline, out, what);
    /* A pool that librbd has to serve first may be fine a moment later. */
    if (result == 0 && out->unsupported[0] == '\0')
        keep_pool(cache, source_id, target_id, out);
    return result;
}

/*
 * parent.c - see parent.h. A small fixed table under a lock: a process clones from few images at a time.
 */
#include "parent.h"

#include "deadline.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 64
#define KEEP_MS 5000
#define KEY_SIZE 512

struct slot {
    char key[KEY_SIZE]; /* pool, image and snapshot, each with its NUL; zero beyond */
    size_t key_len;     /* 0: free */
    struct deadline until;
    struct parent_facts facts;
};

struct parent_cache {
    pthread_mutex_t lock;
    struct slot slots[SLOTS];
};

struct parent_cache *parent_cache_new(void)
{
    struct parent_cache *cache = calloc(1, sizeof(*cache));

    if (cache != NULL)
        pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void parent_cache_free(struct parent_cache *cache)
{
    if (cache == NULL)
        return;
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* 0: too long to keep. */
static size_t make_key(char key[KEY_SIZE], const char *pool, const char *image, const char *snap)
{
    const char *const parts[] = { pool, image, snap };
    size_t len = 0;

    for (size_t i = 0; i < 3; i++) {
        size_t size = strlen(parts[i]) + 1;
        if (size > KEY_SIZE - len)
            return 0;
        memcpy(key + len, parts[i], size);
        len += size;
    }
    return len;
}

static struct slot *find(struct parent_cache *cache, const char *key, size_t len)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (cache->slots[i].key_len == len && memcmp(cache->slots[i].key, key, len) == 0)
            return &cache->slots[i];
    return NULL;
}

bool parent_cache_find(struct parent_cache *cache, const char *pool, const char *image, const char *snap,
                       struct parent_facts *out)
{
    char key[KEY_SIZE];
    size_t len = make_key(key, pool, image, snap);
    struct slot *slot = NULL;

    if (len == 0)
        return false;
    pthread_mutex_lock(&cache->lock);
    slot = find(cache, key, len);
    if (slot != NULL && deadline_passed(slot->until))
        slot = NULL;
    if (slot != NULL)
        *out = slot->facts;
    pthread_mutex_unlock(&cache->lock);
    return slot != NULL;
}

void parent_cache_store(struct parent_cache *cache, const char *pool, const char *image, const char *snap,
                        const struct parent_facts *facts)
{
    char key[KEY_SIZE];
    size_t len = make_key(key, pool, image, snap);
    struct slot *slot;

    if (len == 0)
        return;
    pthread_mutex_lock(&cache->lock);
    slot = find(cache, key, len);
    if (slot == NULL) {
        slot = &cache->slots[0]; /* a free one has until 0, the oldest of all */
        for (size_t i = 1; i < SLOTS; i++)
            if (cache->slots[i].until.at_ns < slot->until.at_ns)
                slot = &cache->slots[i];
    }
    memcpy(slot->key, key, len);
    slot->key_len = len;
    slot->until = deadline_in_ms(KEEP_MS);
    slot->facts = *facts;
    pthread_mutex_unlock(&cache->lock);
}

void parent_cache_forget(struct parent_cache *cache, const char *pool, const char *image, const char *snap)
{
    char key[KEY_SIZE];
    size_t len = make_key(key, pool, image, snap);
    struct slot *slot;

    if (len == 0)
        return;
    pthread_mutex_lock(&cache->lock);
    slot = find(cache, key, len);
    if (slot != NULL)
        *slot = (struct slot){ 0 };
    pthread_mutex_unlock(&cache->lock);
}

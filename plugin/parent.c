/*
 * parent.c - see parent.h. A small fixed table under a lock: a process clones from few images at a time.
 */
#include "parent.h"

#include "job.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 64
#define KEEP_MS 30000
#define KEY_SIZE 512

struct slot {
    char key[KEY_SIZE]; /* pool, image and snapshot, each with its NUL; zero beyond */
    size_t key_len;     /* 0: free */
    bool known, reading;
    struct deadline until; /* the facts are not asked for again before */
    struct parent_facts facts;
};

struct parent_cache {
    pthread_mutex_t lock;
    pthread_cond_t read; /* somebody who was reading has ended */
    struct slot slots[SLOTS];
};

struct parent_cache *parent_cache_new(void)
{
    struct parent_cache *cache = calloc(1, sizeof(*cache));

    if (cache == NULL)
        return NULL;
    pthread_mutex_init(&cache->lock, NULL);
    monotonic_cond_init(&cache->read);
    return cache;
}

void parent_cache_free(struct parent_cache *cache)
{
    if (cache == NULL)
        return;
    pthread_cond_destroy(&cache->read);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

size_t parent_key(char *key, size_t room, const char *pool, const char *image, const char *snap)
{
    const char *const parts[] = { pool, image, snap };
    size_t len = 0;

    for (size_t i = 0; i < 3; i++) {
        size_t size = strlen(parts[i]) + 1;
        if (size > room - len)
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

/* A slot for the key: the one it has, a free one, or the one that is out of date for longest; NULL: all are being read. */
static struct slot *take(struct parent_cache *cache, const char *key, size_t len)
{
    struct slot *slot = find(cache, key, len);

    if (slot != NULL)
        return slot;
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *other = &cache->slots[i];
        if (!other->reading && (slot == NULL || other->until.at_ns < slot->until.at_ns))
            slot = other;
    }
    if (slot == NULL)
        return NULL;
    *slot = (struct slot){ .key_len = len };
    memcpy(slot->key, key, len);
    return slot;
}

bool parent_cache_find(struct parent_cache *cache, const char *pool, const char *image, const char *snap,
                       struct deadline deadline, struct parent_facts *out)
{
    char key[KEY_SIZE];
    size_t len = parent_key(key, sizeof(key), pool, image, snap);
    struct slot *slot;
    bool known = false, in_time = true;

    if (len == 0)
        return false;
    pthread_mutex_lock(&cache->lock);
    for (;;) {
        /* After each wait again, a vain one too: the slot may be another's by now. */
        slot = take(cache, key, len);
        known = slot != NULL && slot->known && !deadline_passed(slot->until);
        if (known || slot == NULL || !slot->reading || !in_time)
            break;
        in_time = monotonic_cond_wait(&cache->read, &cache->lock, deadline);
    }
    if (known)
        *out = slot->facts;
    else if (slot != NULL)
        slot->reading = true;
    pthread_mutex_unlock(&cache->lock);
    return known;
}

void parent_cache_store(struct parent_cache *cache, const char *pool, const char *image, const char *snap,
                        const struct parent_facts *facts)
{
    char key[KEY_SIZE];
    size_t len = parent_key(key, sizeof(key), pool, image, snap);
    struct slot *slot;

    if (len == 0)
        return;
    pthread_mutex_lock(&cache->lock);
    slot = take(cache, key, len);
    if (slot != NULL) {
        slot->known = true;
        slot->reading = false;
        slot->until = deadline_in_ms(KEEP_MS);
        slot->facts = *facts;
    }
    pthread_cond_broadcast(&cache->read);
    pthread_mutex_unlock(&cache->lock);
}

void parent_cache_forget(struct parent_cache *cache, const char *pool, const char *image, const char *snap)
{
    char key[KEY_SIZE];
    size_t len = parent_key(key, sizeof(key), pool, image, snap);
    struct slot *slot;

    if (len == 0)
        return;
    pthread_mutex_lock(&cache->lock);
    slot = find(cache, key, len);
    if (slot != NULL)
        *slot = (struct slot){ 0 };
    pthread_cond_broadcast(&cache->read);
    pthread_mutex_unlock(&cache->lock);
}

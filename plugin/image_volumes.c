/*
 * image_volumes.c - Cinder's volumes that hold an image, asked for once and kept for a short time.
 *
 * One list request (by the metadata that Glance gives such volumes) finds all of an image's; what that did not bring is
 * asked for by its id, so that a location which names somebody else's volume is told from one that names none. What is kept
 * is keyed by the image and the very ids.
 */
#include "cloud.h"

#include "error.h"
#include "json.h"
#include "strbuf.h"

#include <stdlib.h>
#include <string.h>

#define KEPT 64            /* images whose volumes are kept */
#define KEY_BYTES 1024     /* image and ids; more ids than fit are not kept */
#define VOLUMES_ARENA (64u * 1024 * 1024)

struct kept {
    char key[KEY_BYTES];
    char *text;
    size_t len;
    int64_t until_ns;
};

struct volume_cache {
    int64_t ttl_ns;
    pthread_mutex_t lock;
    struct kept kept[KEPT];
};

struct volume_cache *volume_cache_new(int64_t ttl_ns)
{
    struct volume_cache *cache = calloc(1, sizeof(*cache));

    if (cache != NULL) {
        cache->ttl_ns = ttl_ns;
        pthread_mutex_init(&cache->lock, NULL);
    }
    return cache;
}

void volume_cache_free(struct volume_cache *cache)
{
    if (cache == NULL)
        return;
    for (int i = 0; i < KEPT; i++)
        free(cache->kept[i].text);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static bool make_key(char key[KEY_BYTES], const char *image_id, const char *const *ids, size_t count)
{
    struct strbuf text;

    strbuf_init(&text, key, KEY_BYTES);
    strbuf_add_str(&text, image_id);
    for (size_t i = 0; i < count; i++)
        strbuf_printf(&text, " %s", ids[i]);
    return !text.cut;
}

/* A copy of what is kept under the key; NULL: nothing, or it is too old. */
static char *look_up(struct volume_cache *cache, const char *key, size_t *len)
{
    char *copy = NULL;

    pthread_mutex_lock(&cache->lock);
    for (int i = 0; i < KEPT && copy == NULL; i++) {
        const struct kept *kept = &cache->kept[i];
        if (kept->text != NULL && monotonic_ns() < kept->until_ns && strcmp(kept->key, key) == 0) {
            copy = strndup(kept->text, kept->len);
            *len = kept->len;
        }
    }
    pthread_mutex_unlock(&cache->lock);
    return copy;
}

/* Keeps a copy in the place of the same key, else of the oldest. */
static void keep(struct volume_cache *cache, const char *key, const char *text, size_t len)
{
    char *copy = strndup(text, len);

    if (copy == NULL)
        return; /* it is asked for again, that is all */
    pthread_mutex_lock(&cache->lock);
    struct kept *place = &cache->kept[0];
    for (int i = 0; i < KEPT; i++) {
        struct kept *kept = &cache->kept[i];
        if (kept->text != NULL && strcmp(kept->key, key) == 0) {
            place = kept;
            break;
        }
        if (kept->until_ns < place->until_ns)
            place = kept;
    }
    free(place->text);
    memcpy(place->key, key, KEY_BYTES);
    place->text = copy;
    place->len = len;
    place->until_ns = monotonic_ns() + cache->ttl_ns;
    pthread_mutex_unlock(&cache->lock);
}

static const struct json *find(const struct json *volumes, const char *id)
{
    for (const struct json *volume = volumes != NULL ? volumes->first : NULL; volume != NULL; volume = volume->next) {
        const struct json *found = json_get(volume, "id");
        if (found != NULL && found->type == JSON_STRING && strcasecmp(found->text, id) == 0)
            return volume;
    }
    return NULL;
}

static int32_t ask(struct cinder *cinder, const struct call *call, const char *image_id, const char *const *ids,
                   size_t count, struct json_writer *writer, struct arena *arena, vtclone_error *err)
{
    const struct json *listed = NULL;
    /* Of one volume the list would be no quicker than the volume itself. */
    int32_t rc = count > 1 ? cinder_image_volumes(cinder, call, arena, image_id, &listed, err) : VTCLONE_OK;

    json_begin_object(writer);
    json_key(writer, "volumes");
    json_begin_array(writer);
    for (size_t i = 0; i < count && rc == VTCLONE_OK; i++) {
        const struct json *volume = find(listed, ids[i]);
        if (volume == NULL)
            rc = cinder_volume(cinder, call, arena, ids[i], &volume, err);
        if (rc == VTCLONE_OK && volume != NULL)
            json_value(writer, volume);
    }
    json_end_array(writer);
    json_end_object(writer);
    return rc;
}

int32_t volume_cache_get(struct volume_cache *cache, struct cinder *cinder, const struct call *call,
                         const char *image_id, const char *const *ids, size_t count, char **out, size_t *len,
                         vtclone_error *err)
{
    __attribute__((cleanup(arena_release))) struct arena arena = { 0 };
    char key[KEY_BYTES];
    const bool keyed = make_key(key, image_id, ids, count) && cache->ttl_ns != 0;

    if (keyed && (*out = look_up(cache, key, len)) != NULL)
        return VTCLONE_OK;
    arena_init(&arena, 16384, VOLUMES_ARENA);
    struct json_writer *writer = json_writer_new(VOLUMES_ARENA);
    if (writer == NULL)
        return error_nomem(err, "the image volumes");
    int32_t rc = ask(cinder, call, image_id, ids, count, writer, &arena, err);
    if (rc == VTCLONE_OK)
        rc = json_writer_finish(writer, out, len, err);
    json_writer_free(writer);
    if (rc == VTCLONE_OK && keyed)
        keep(cache, key, *out, *len);
    return rc;
}

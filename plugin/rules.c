/*
 * rules.c - the rules a candidate must pass. The pairing rules come first, whatever the backend: a location that is
 * not this image's own copy must be seen as such even where the backend could not have cloned it.
 */
#include "rules.h"

#include <inttypes.h>
#include <string.h>

#define GIB ((int64_t)1 << 30)
#define SNAPSHOT "snap" /* what Glance's rbd store calls it; source: glance_store/_drivers/rbd.py */

static bool same(const char *one, const char *other)
{
    return one != NULL && other != NULL && strcmp(one, other) == 0;
}

static const char *or_none(const char *text)
{
    return text == NULL ? "none" : text;
}

/* ---- rule 1 ---- */

int64_t rule_min_size_gib(const struct image *image)
{
    int64_t bytes = image->size > image->virtual_size ? image->size : image->virtual_size;
    int64_t gib = bytes <= 0 ? 0 : (bytes - 1) / GIB + 1;

    return gib > image->min_disk ? gib : image->min_disk;
}

enum vtclone_reason rule_image(struct arena *arena, const struct request *request, const char **detail)
{
    const struct image *image = request->image;
    int64_t least = rule_min_size_gib(image);

    if (!same(image->status, "active")) {
        *detail = arena_printf(arena, "the image is %s, not active", or_none(image->status));
        return VTCLONE_REASON_IMAGE_NOT_ACTIVE;
    }
    if (!same(image->disk_format, "raw")) {
        *detail = arena_printf(arena, "the disk format is %s; only raw can be cloned: convert the image to raw",
                               or_none(image->disk_format));
        return VTCLONE_REASON_NOT_RAW;
    }
    if (!same(image->container_format, "bare")) {
        *detail = arena_printf(arena, "the container format is %s; only bare can be cloned",
                               or_none(image->container_format));
        return VTCLONE_REASON_NOT_BARE;
    }
    if (image->encrypted) {
        *detail = "the image is encrypted: its volume needs a key of its own, so Cinder downloads it";
        return VTCLONE_REASON_ENCRYPTED;
    }
    if (image->is_signed && !request->allow_signed) {
        *detail = "the image is signed, and a clone is not verified: allow it with signed_images = allow";
        return VTCLONE_REASON_SIGNED_IMAGE;
    }
    if (request->size_gib > 0 && request->size_gib < least) {
        *detail = arena_printf(arena, "the volume would have %" PRId64 " GiB, the image needs %" PRId64 " GiB",
                               request->size_gib, least);
        return VTCLONE_REASON_TOO_SMALL;
    }
    return VTCLONE_REASON_OK;
}

/* ---- rule 3: rbd ---- */

/* The rbd store that has this pool on this cluster, or NULL. A store without fsid is on any cluster of the site. */
static const struct store *store_of_pool(const vtclone_site *site, const char *fsid, const char *pool)
{
    for (size_t i = 0; i < site->store_count; i++) {
        const struct store *store = &site->stores[i];
        if (store->type == STORE_RBD && same(store->pool, pool) && (store->fsid == NULL || same(store->fsid, fsid)))
            return store;
    }
    return NULL;
}

static bool cluster_known(const vtclone_site *site, const char *fsid)
{
    for (size_t i = 0; i < site->store_count; i++)
        if (same(site->stores[i].fsid, fsid))
            return true;
    for (size_t i = 0; i < site->backend_count; i++)
        if (same(site->backends[i].fsid, fsid))
            return true;
    return false;
}

/* What stands before an '@' where the fsid should be is a user and a key, which no message may hold. */
static const char *without_user(const char *fsid)
{
    const char *at = strrchr(fsid, '@');

    return at == NULL ? fsid : at + 1;
}

static enum vtclone_reason rule_rbd(struct arena *arena, const struct request *request,
                                    const struct backend *backend, struct candidate *candidate)
{
    const struct location *at = &candidate->location;
    const struct store *store = store_of_pool(request->site, at->fsid, at->pool);

    if (store != NULL)
        candidate->store = store->id;
    if (!same(at->image, request->image->id)) {
        candidate->detail = arena_printf(arena, "it names image %.100s, not the image's own copy", at->image);
        return VTCLONE_REASON_NOT_PAIRED;
    }
    if (!same(at->snap, SNAPSHOT)) {
        candidate->detail = arena_printf(arena, "it names snapshot %.100s, not " SNAPSHOT, at->snap);
        return VTCLONE_REASON_NOT_PAIRED;
    }
    if (store == NULL && cluster_known(request->site, at->fsid)) {
        candidate->detail = arena_printf(arena, "pool %.100s belongs to no rbd store of the site", at->pool);
        return VTCLONE_REASON_POOL_NOT_ALLOWED;
    }
    if (backend->type != BACKEND_RBD) {
        candidate->detail = arena_printf(arena, "backend %s cannot clone an rbd location", backend->name);
        return VTCLONE_REASON_STORE_NOT_FOR_BACKEND;
    }
    if (!same(at->fsid, backend->fsid)) {
        candidate->detail = arena_printf(arena, "it is on cluster %.100s, the backend on %s", without_user(at->fsid),
                                         backend->fsid);
        return VTCLONE_REASON_OTHER_CLUSTER;
    }
    candidate->detail = arena_printf(arena, "same cluster as %s, pool %s", backend->name, at->pool);
    return VTCLONE_REASON_OK;
}

/* ---- rule 4: cinder ---- */

/* Whether two "host@backend#pool" are the same but for the pool. */
static bool same_but_pool(const char *one, const char *other)
{
    size_t len = strcspn(one, "#");

    return len == strcspn(other, "#") && memcmp(one, other, len) == 0;
}

static bool reaches(const struct backend *backend, const struct image_volume *volume)
{
    if (same(volume->cluster_name, backend->cluster_name))
        return true;
    if (volume->host == NULL)
        return false;
    return same(volume->host, backend->host) ||
           (backend->clone_across_pools && same_but_pool(volume->host, backend->host));
}

/* Whether the image volumes of a cinder store can be on the backend, as far as the site tells without looking at one: the
 * store's volume type says where they are made, else the backend says which store is its own. */
static bool may_stand_beside(const vtclone_site *site, const struct store *store, const struct backend *backend)
{
    const struct volume_type *type = store->volume_type == NULL ? NULL : site_find_type(site, store->volume_type);

    if (type != NULL)
        return site_serves(backend, type);
    return backend->store == NULL || same(backend->store, store->id);
}

static enum vtclone_reason rule_image_volume(struct arena *arena, const struct request *request,
                                             const struct backend *backend, const struct image_volume *volume,
                                             struct candidate *candidate)
{
    const struct image *image = request->image;

    if (!reaches(backend, volume)) {
        candidate->detail = arena_printf(arena, "image volume is on %.200s, backend %s cannot reach it",
                                         or_none(volume->host), backend->name);
        return VTCLONE_REASON_STORE_NOT_FOR_BACKEND;
    }
    if (!same(volume->status, "available") && !same(volume->status, "in-use")) {
        candidate->detail = arena_printf(arena, "image volume is %.60s, not available or in-use",
                                         or_none(volume->status));
        return VTCLONE_REASON_VOLUME_NOT_READY;
    }
    if (!request->owner_paired && !same(image->owner, request->project_id) &&
        !same(image->owner, volume->image_owner)) {
        candidate->detail = arena_printf(arena,
                                         "image owner %.64s is neither the volume's project %.64s nor the image "
                                         "volume's image_owner %.64s (copied by another project?)",
                                         or_none(image->owner), or_none(request->project_id),
                                         or_none(volume->image_owner));
        return VTCLONE_REASON_OWNER_MISMATCH;
    }
    candidate->detail = arena_printf(arena, "image volume on %.200s", volume->host);
    return VTCLONE_REASON_OK;
}

static enum vtclone_reason rule_cinder(struct arena *arena, const struct request *request,
                                       const struct backend *backend, struct candidate *candidate)
{
    const struct location *at = &candidate->location;
    const struct image_volume *volume = image_volumes_find(request->volumes, at->volume);
    const struct store *store = at->store == NULL ? NULL : site_find_store(request->site, at->store);

    if (volume != NULL && !same(volume->glance_image_id, request->image->id)) {
        candidate->detail = arena_printf(arena, "volume %s holds image %.64s, not this one", at->volume,
                                         or_none(volume->glance_image_id));
        return VTCLONE_REASON_NOT_PAIRED;
    }
    if (at->store != NULL && (store == NULL || store->type != STORE_CINDER)) {
        candidate->detail = arena_printf(arena, "%.100s is not a cinder store of the site", at->store);
        return VTCLONE_REASON_UNKNOWN_STORE;
    }
    if (volume == NULL) {
        if (store != NULL && !may_stand_beside(request->site, store, backend)) {
            candidate->detail = arena_printf(arena, "store %s is not beside backend %s", store->id, backend->name);
            return VTCLONE_REASON_STORE_NOT_FOR_BACKEND;
        }
        candidate->detail = arena_printf(arena, "image volume %s is not among the volumes given", at->volume);
        return VTCLONE_REASON_VOLUME_NOT_FOUND;
    }
    return rule_image_volume(arena, request, backend, volume, candidate);
}

/* ---- rule 5: the order of those that pass ---- */

static uint32_t score(const struct request *request, const struct backend *backend, const struct candidate *candidate)
{
    const char *type_store = request->type == NULL ? NULL : request->type->store_id;
    uint32_t score = 0;

    if (same(candidate->store, backend->store))
        score += 16;
    if (same(candidate->store, type_store))
        score += 8;
    if (candidate->location.kind == LOCATION_RBD)
        return score + (same(candidate->location.pool, backend->pool) ? 4 : 2);
    const struct image_volume *volume = image_volumes_find(request->volumes, candidate->location.volume);
    return score + (same(volume->host, backend->host) ? 1 : 0); /* it is there: rule_cinder() has let it pass */
}

void rule_candidate(struct arena *arena, const struct request *request, const struct backend *backend,
                    struct candidate *candidate)
{
    const struct location *at = &candidate->location;

    candidate->reason = at->reason;
    candidate->detail = at->detail;
    if (at->reason != VTCLONE_REASON_OK)
        return;
    candidate->reason = at->kind == LOCATION_RBD ? rule_rbd(arena, request, backend, candidate)
                                                 : rule_cinder(arena, request, backend, candidate);
    if (candidate->reason == VTCLONE_REASON_OK)
        candidate->score = score(request, backend, candidate);
}

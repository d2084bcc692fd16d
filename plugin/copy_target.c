/*
 * copy_target.c - which store's copy serves a backend, and whether one there would turn a miss into a hit.
 */
#include "copy_target.h"

#include "decision.h"

#include <string.h>

/* Of several that would do, the first by name: the order in which a site lists its stores decides nothing. */
static const char *first_by_name(const char *one, const char *other)
{
    return one == NULL || strcmp(other, one) < 0 ? other : one;
}

static const char *store_of_type(const vtclone_site *site, const char *type_name)
{
    const char *found = NULL;

    for (size_t i = 0; i < site->store_count; i++) {
        const struct store *store = &site->stores[i];
        if (store->type == STORE_CINDER && store->volume_type != NULL && strcmp(store->volume_type, type_name) == 0)
            found = first_by_name(found, store->id);
    }
    return found;
}

/* A store that does not tell its cluster (Glance before 2025.1) counts only where it is the only one that could be meant. */
static const char *store_on_cluster(const vtclone_site *site, const char *fsid)
{
    const char *found = NULL, *silent = NULL;
    size_t silent_count = 0;

    for (size_t i = 0; i < site->store_count; i++) {
        const struct store *store = &site->stores[i];
        if (store->type != STORE_RBD)
            continue;
        if (store->fsid == NULL) {
            silent = store->id;
            silent_count++;
        } else if (strcmp(store->fsid, fsid) == 0) {
            found = first_by_name(found, store->id);
        }
    }
    return found != NULL || silent_count != 1 ? found : silent;
}

const char *copy_target(const vtclone_site *site, const struct backend *backend, const struct volume_type *type)
{
    if (backend->store != NULL)
        return backend->store;
    if (type != NULL && type->store_id != NULL)
        return type->store_id;
    const char *store = type != NULL ? store_of_type(site, type->name) : NULL;
    return store == NULL && backend->type == BACKEND_RBD ? store_on_cluster(site, backend->fsid) : store;
}

/* What is wrong with the image stays wrong in every copy, and an image with a location that is not its own is not to be
 * spread. */
static bool copy_mends(enum vtclone_reason reason)
{
    switch (reason) {
    case VTCLONE_REASON_OTHER_CLUSTER:
    case VTCLONE_REASON_STORE_NOT_FOR_BACKEND:
    case VTCLONE_REASON_UNKNOWN_STORE:
    case VTCLONE_REASON_UNKNOWN_SCHEME:
    case VTCLONE_REASON_VOLUME_NOT_FOUND:
    case VTCLONE_REASON_VOLUME_NOT_READY:
    case VTCLONE_REASON_SNAPSHOT_MISSING:
    case VTCLONE_REASON_COPY_IN_PROGRESS:
    case VTCLONE_REASON_COPY_FAILED:
        return true;
    default:
        return false;
    }
}

/* Whether a location of the image is in the store already: then a copy there changes nothing. */
static bool is_in(const vtclone_decision *decision, const char *store)
{
    const struct backend_result *result = &decision->backends[0];

    for (size_t i = 0; i < decision->location_count; i++)
        if (result->candidates[i].store != NULL && strcmp(result->candidates[i].store, store) == 0)
            return true;
    return false;
}

const char *vtclone_decision_wanted_store(const vtclone_decision *decision)
{
    if (decision == NULL)
        return NULL;
    const struct volume_type *type =
        decision->volume_type == NULL ? NULL : site_find_type(decision->site, decision->volume_type);
    if (decision->chosen != NULL)
        return copy_target(decision->site, decision->chosen->backend, type);
    const char *store = NULL;
    for (size_t i = 0; i < decision->backend_count && store == NULL; i++)
        store = copy_target(decision->site, decision->backends[i].backend, type);
    return store;
}

const char *vtclone_decision_copy_store(const vtclone_decision *decision)
{
    const char *store = vtclone_decision_wanted_store(decision);

    if (store == NULL || decision->chosen != NULL || decision->unpaired || !copy_mends(decision->reason))
        return NULL;
    return is_in(decision, store) ? NULL : store;
}

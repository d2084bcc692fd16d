/*
 * doctor_site.c - stores, backends and volume types against each other: what has no counterpart, and what stands beside
 * the wrong one.
 */
#include "doctor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(...) arena_printf(&report->arena, __VA_ARGS__)

static const char *backend_label(struct report *report, const struct backend_fact *backend)
{
    return TEXT("backend %.200s", backend->host != NULL ? backend->host : backend->name);
}

static const struct backend_fact *backend_beside(const struct facts *facts, const struct store_fact *store)
{
    for (size_t i = 0; i < facts->backend_count; i++)
        if (store_beside(facts, store, &facts->backends[i]))
            return &facts->backends[i];
    return NULL;
}

static const struct store_fact *store_for(const struct facts *facts, const struct backend_fact *backend)
{
    for (size_t i = 0; i < facts->store_count; i++)
        if (store_beside(facts, &facts->stores[i], backend))
            return &facts->stores[i];
    return NULL;
}

static void check_store(struct report *report, const struct facts *facts, const struct store_fact *store)
{
    const char *subject = TEXT("store %.100s", store->id);

    if (!same_text(store->type, "rbd") && !same_text(store->type, "cinder")) {
        report_add(report, DOCTOR_NOTE, "STORE_NOT_CLONABLE", subject,
                   TEXT("it is of type %.50s: nothing can be cloned from it", store->type == NULL ? "?" : store->type),
                   "nothing, if images have copies in other stores too");
        return;
    }
    if (facts->has_site && same_text(store->type, "cinder") && store->volume_type == NULL)
        report_add(report, DOCTOR_WARNING, "STORE_TYPE_UNSET", subject,
                   "it names no volume type: nothing says on which backend its image volumes are",
                   "set cinder_volume_type of the store in glance-api.conf");
    else if (facts->has_site && same_text(store->type, "cinder") && find_type(facts, store->volume_type) == NULL)
        report_add(report, DOCTOR_ERROR, "STORE_TYPE_UNKNOWN", subject,
                   TEXT("its volume type %.100s does not exist: nothing can be uploaded or copied to it",
                        store->volume_type),
                   TEXT("create the volume type %.100s, or correct cinder_volume_type", store->volume_type));
    else if (backend_beside(facts, store) == NULL)
        report_add(report, DOCTOR_WARNING, "STORE_WITHOUT_BACKEND", subject,
                   same_text(store->type, "rbd") ? "no rbd backend is on its cluster: its copies are never cloned"
                                                 : "no backend serves its volume type: its copies are never cloned",
                   "add the backend to enabled_backends, or take the store out of Glance's");
}

static void check_backend(struct report *report, const struct facts *facts, const struct backend_fact *backend)
{
    const char *subject = backend_label(report, backend);

    if (facts->store_count > 0 && store_for(facts, backend) == NULL)
        report_add(report, DOCTOR_ERROR, "BACKEND_WITHOUT_STORE", subject,
                   "no Glance store is beside it: every volume from an image is downloaded",
                   same_text(backend->type, "rbd")
                       ? "add an rbd store on its cluster to Glance's enabled_backends"
                       : "add a cinder store whose cinder_volume_type is served by this backend to Glance's "
                         "enabled_backends");
    if (backend->store == NULL || facts->store_count == 0)
        return;
    const struct store_fact *store = find_store(facts, backend->store);
    if (store == NULL)
        report_add(report, DOCTOR_ERROR, "BACKEND_STORE_UNKNOWN", subject,
                   TEXT("it names the store %.100s, which Glance does not have", backend->store),
                   "correct glance_store_id in extra_capabilities of the backend (or store in the site file)");
    else if (!store_beside(facts, store, backend))
        report_add(report, DOCTOR_ERROR, "BACKEND_STORE_ELSEWHERE", subject,
                   TEXT("it names the store %.100s, whose copies it cannot clone", backend->store),
                   "name the store beside it in glance_store_id of extra_capabilities (or store in the site file)");
}

/* ---- volume types ---- */

static void check_type_store(struct report *report, const struct facts *facts, const struct type_fact *type)
{
    const struct store_fact *store = find_store(facts, type->store_id);
    const char *subject = TEXT("volume type %.100s", type->name);

    if (type->store_id == NULL || facts->store_count == 0)
        return;
    if (store == NULL) {
        report_add(report, DOCTOR_ERROR, "TYPE_STORE_UNKNOWN", subject,
                   TEXT("image_service:store_id is %.100s, which Glance does not have", type->store_id),
                   TEXT("openstack volume type set --property image_service:store_id=STORE %.100s", type->name));
        return;
    }
    for (size_t i = 0; i < facts->backend_count; i++)
        if (type_on_backend(type, &facts->backends[i]) && store_beside(facts, store, &facts->backends[i]))
            return;
    report_add(report, DOCTOR_WARNING, "TYPE_STORE_ELSEWHERE", subject,
               TEXT("image_service:store_id is %.100s, which is not beside a backend of this type: images made from "
                    "its volumes cannot be cloned for it",
                    type->store_id),
               TEXT("openstack volume type set --property image_service:store_id=STORE %.100s", type->name));
}

static void check_type(struct report *report, const struct facts *facts, const struct type_fact *type)
{
    const char *subject = TEXT("volume type %.100s", type->name);
    size_t served = 0, with_store = 0;

    for (size_t i = 0; i < facts->backend_count; i++)
        if (type_on_backend(type, &facts->backends[i])) {
            served++;
            with_store += store_for(facts, &facts->backends[i]) != NULL;
        }
    if (served == 0) {
        if (type->backend_name != NULL)
            report_add(report, DOCTOR_ERROR, "TYPE_WITHOUT_BACKEND", subject,
                       TEXT("no backend is called %.100s: its volumes cannot be scheduled", type->backend_name),
                       TEXT("openstack volume type set --property volume_backend_name=NAME %.100s", type->name));
        return;
    }
    if (facts->store_count > 0 && with_store == 0)
        report_add(report, DOCTOR_ERROR, "TYPE_WITHOUT_STORE", subject,
                   "no Glance store is beside any of its backends: every volume from an image is downloaded",
                   "add a store beside one of its backends");
    else if (facts->store_count > 0 && with_store < served && type->backend_name != NULL)
        report_add(report, DOCTOR_WARNING, "TYPE_PARTLY_STORED", subject,
                   TEXT("%zu of its %zu backends have no Glance store beside them", served - with_store, served),
                   "add the stores, or let the scheduler prefer the others (ImageLocalityFilter)");
    check_type_store(report, facts, type);
}

/* ---- what cinder.conf and the site say of the same backends ---- */

static bool site_has_backend(const struct facts *facts, const char *section, size_t len)
{
    for (size_t i = 0; i < facts->backend_count; i++) {
        const char *at = facts->backends[i].host == NULL ? NULL : strchr(facts->backends[i].host, '@');
        if (at != NULL && strncmp(at + 1, section, len) == 0 && (at[1 + len] == '#' || at[1 + len] == '\0'))
            return true;
    }
    return false;
}

static void check_enabled(struct report *report, const struct facts *facts, const struct ini *cinder)
{
    const char *rest = ini_get(cinder, "DEFAULT", "enabled_backends"), *item;
    size_t len;

    while (list_next(&rest, &item, &len))
        if (!site_has_backend(facts, item, len))
            report_add(report, DOCTOR_WARNING, "BACKEND_NOT_IN_SITE", TEXT("backend %.*s", (int)len, item),
                       "enabled_backends names it, but the site has no backend of it",
                       "see whether its cinder-volume is up (openstack volume service list), or add it to the site "
                       "file");
}

/* A clone gets the larger of the two object sizes; one larger than its parent's is beyond the direct engine. */
static void check_size(struct report *report, const char *section, int64_t own, const struct store_fact *store)
{
    if (store->chunk_mib == 0 || store->chunk_mib == own)
        return;
    report_add(report, DOCTOR_NOTE, "OBJECT_SIZE", TEXT("[%.100s] rbd_store_chunk_size", section),
               own < store->chunk_mib
                   ? TEXT("it is %" PRId64 " MiB, that of store %.100s %" PRId64 " MiB: volumes cloned from it have its "
                          "object size, not the backend's", own, store->id, store->chunk_mib)
                   : TEXT("it is %" PRId64 " MiB, that of store %.100s %" PRId64 " MiB: the direct engine leaves clones "
                          "with larger objects than their image's to librbd", own, store->id, store->chunk_mib),
               own < store->chunk_mib ? "nothing, or set both to the same size" : "set both to the same size");
}

static void check_object_size(struct report *report, const struct facts *facts, const struct ini *cinder)
{
    const char *rest = ini_get(cinder, "DEFAULT", "enabled_backends"), *item;
    size_t len;

    while (list_next(&rest, &item, &len)) {
        const char *section = arena_strndup(&report->arena, item, len);
        if (section == NULL || !backend_is_rbd(cinder, section))
            continue;
        const char *chunk = backend_option(cinder, section, "rbd_store_chunk_size");
        for (size_t i = 0; i < facts->store_count; i++)
            check_size(report, section, chunk == NULL ? 4 : strtoll(chunk, NULL, 10), &facts->stores[i]);
    }
}

void check_facts(struct report *report, const struct facts *facts, const struct ini *cinder)
{
    for (size_t i = 0; i < facts->store_count && facts->backend_count > 0; i++)
        check_store(report, facts, &facts->stores[i]);
    for (size_t i = 0; i < facts->backend_count; i++)
        check_backend(report, facts, &facts->backends[i]);
    for (size_t i = 0; i < facts->type_count && facts->backend_count > 0; i++)
        check_type(report, facts, &facts->types[i]);
    if (facts->has_site && facts->store_count == 0)
        report_add(report, DOCTOR_ERROR, "NO_STORES", "site", "it has no stores: every location is UNKNOWN_STORE",
                   "list Glance's stores in it");
    if (cinder != NULL && facts->has_site && facts->backend_count > 0)
        check_enabled(report, facts, cinder);
    if (cinder != NULL)
        check_object_size(report, facts, cinder);
}

/*
 * site_facts.c - what a site says of its stores and volume types, for callers of the library.
 */
#include "site.h"

#include "error.h"
#include "sized.h"

size_t vtclone_site_store_count(const vtclone_site *site)
{
    return site == NULL ? 0 : site->store_count;
}

int32_t vtclone_site_store(const vtclone_site *site, size_t index, vtclone_store_info *out, vtclone_error *err)
{
    ERR_OR_LOCAL(err);
    if (site == NULL || out == NULL || out->size < sizeof(out->size))
        return error_set(err, VTCLONE_E_INVALID, "site store: no site, or no place for the result");
    if (index >= site->store_count)
        return error_set(err, VTCLONE_E_INVALID, "site store: index %zu of %zu stores", index, site->store_count);
    const struct store *store = &site->stores[index];
    const vtclone_store_info info = {
        .size = out->size,
        .id = store->id,
        .type = store->type_name,
        .volume_type = store->volume_type,
        .fsid = store->fsid,
        .pool = store->pool,
        .derived_from = store->derived_from,
    };
    sized_write(out, out->size, &info, sizeof(info));
    return VTCLONE_OK;
}

size_t vtclone_site_type_count(const vtclone_site *site)
{
    return site == NULL ? 0 : site->type_count;
}

int32_t vtclone_site_type(const vtclone_site *site, size_t index, vtclone_type_info *out, vtclone_error *err)
{
    ERR_OR_LOCAL(err);
    if (site == NULL || out == NULL || out->size < sizeof(out->size))
        return error_set(err, VTCLONE_E_INVALID, "site type: no site, or no place for the result");
    if (index >= site->type_count)
        return error_set(err, VTCLONE_E_INVALID, "site type: index %zu of %zu types", index, site->type_count);
    const struct volume_type *type = &site->types[index];
    const vtclone_type_info info = {
        .size = out->size,
        .name = type->name,
        .backend_name = type->backend_name,
        .store_id = type->store_id,
        .derived_from = type->derived_from,
    };
    sized_write(out, out->size, &info, sizeof(info));
    return VTCLONE_OK;
}

int32_t vtclone_site_serves(const vtclone_site *site, size_t backend, size_t type)
{
    if (site == NULL || backend >= site->backend_count || type >= site->type_count)
        return 0;
    return site_serves(&site->backends[backend], &site->types[type]) ? 1 : 0;
}

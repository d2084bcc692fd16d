/*
 * image_volume.c - the Cinder volumes that hold images, read from Cinder's JSON.
 */
#include "image_volume.h"

#include "error.h"
#include "json.h"

#include <string.h>

#define WHAT "image volumes"

static int32_t read_metadata(const struct json *entry, struct image_volume *out, vtclone_error *err)
{
    const struct json *metadata = NULL;
    int32_t code = json_opt_list(entry, "metadata", JSON_OBJECT, VTCLONE_MAX_VALUES, "VTCLONE_MAX_VALUES", &metadata,
                                 WHAT, err);

    if (code != VTCLONE_OK || metadata == NULL)
        return code;
    code = json_opt_string(metadata, "glance_image_id", VTCLONE_MAX_NAME_BYTES, &out->glance_image_id, WHAT, err);
    if (code == VTCLONE_OK)
        code = json_opt_string(metadata, "image_owner", VTCLONE_MAX_NAME_BYTES, &out->image_owner, WHAT, err);
    return code;
}

static int32_t read_volume(const struct json *entry, struct image_volume *out, vtclone_error *err)
{
    int32_t code = json_expect(entry, JSON_OBJECT, WHAT, err);

    if (code == VTCLONE_OK)
        code = json_need_string(entry, "id", VTCLONE_MAX_NAME_BYTES, &out->id, WHAT, err);
    if (code == VTCLONE_OK)
        code = json_opt_string(entry, "status", VTCLONE_MAX_NAME_BYTES, &out->status, WHAT, err);
    if (code == VTCLONE_OK)
        code = json_opt_string(entry, "host", VTCLONE_MAX_NAME_BYTES * 2, &out->host, WHAT, err);
    if (code == VTCLONE_OK)
        code = json_opt_string(entry, "os-vol-host-attr:host", VTCLONE_MAX_NAME_BYTES * 2, &out->host, WHAT, err);
    if (code == VTCLONE_OK)
        code = json_opt_string(entry, "cluster_name", VTCLONE_MAX_NAME_BYTES, &out->cluster_name, WHAT, err);
    if (code == VTCLONE_OK)
        code = read_metadata(entry, out, err);
    return code;
}

int32_t image_volumes_parse(struct arena *arena, const char *json, size_t len, struct image_volumes *out,
                            vtclone_error *err)
{
    struct json *root;
    const struct json *list;
    struct image_volumes volumes = { 0 };

    *out = volumes;
    if (json == NULL && len == 0)
        return VTCLONE_OK;
    int32_t code = json_parse(arena, WHAT, json, len, &root, err);
    if (code != VTCLONE_OK)
        return code;
    list = root;
    if (root->type == JSON_OBJECT) {
        list = json_get(root, "volumes");
        if (list == NULL)
            return error_set(err, VTCLONE_E_DOCUMENT, WHAT ": volumes: missing");
    }
    code = json_expect(list, JSON_ARRAY, WHAT, err);
    if (code != VTCLONE_OK)
        return code;
    if (list->count > VTCLONE_MAX_IMAGE_VOLUMES)
        return error_set(err, VTCLONE_E_LIMIT, WHAT ": %u volumes exceed VTCLONE_MAX_IMAGE_VOLUMES (%u)", list->count,
                         VTCLONE_MAX_IMAGE_VOLUMES);
    volumes.list = arena_alloc(arena, list->count + (size_t)1, sizeof(*volumes.list));
    if (volumes.list == NULL)
        return error_nomem(err, WHAT);
    for (const struct json *entry = list->first; entry != NULL; entry = entry->next) {
        code = read_volume(entry, &volumes.list[volumes.count++], err);
        if (code != VTCLONE_OK)
            return code;
    }
    *out = volumes;
    return VTCLONE_OK;
}

const struct image_volume *image_volumes_find(const struct image_volumes *volumes, const char *id)
{
    for (size_t i = volumes->count; i > 0; i--)
        if (strcasecmp(volumes->list[i - 1].id, id) == 0)
            return &volumes->list[i - 1];
    return NULL;
}

/*
 * image.c - what the resolver needs of a Glance image, read from Glance's JSON of one image.
 */
#include "image.h"

#include "error.h"

#include <string.h>

#define WHAT "image"
#define TEXT_MAX 4096

/* A property's member of the document: at the top, else in "properties". */
static const struct json *property_home(const struct json *root, const char *key)
{
    return json_get(root, key) != NULL ? root : json_get(root, "properties");
}

static bool has_value(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);

    return value != NULL && value->type != JSON_NULL && !(value->type == JSON_STRING && value->len == 0);
}

/* A property that forbids a clone counts in either place: null in one does not outweigh a value in the other. */
static bool has_property(const struct json *root, const char *key)
{
    return has_value(root, key) || has_value(json_get(root, "properties"), key);
}

static bool has_any(const struct json *root, const char *const *keys)
{
    for (; *keys != NULL; keys++)
        if (has_property(root, *keys))
            return true;
    return false;
}

bool image_is_encrypted(const struct json *root)
{
    /* Source: cinder.volume.flows.manager.create_volume (key id), Glance's image encryption specification. */
    static const char *const encryption[] = { "cinder_encryption_key_id", "os_encrypt_key_id", "os_encrypt_format",
                                              NULL };

    return has_any(root, encryption);
}

bool image_is_signed(const struct json *root)
{
    /* Source: cursive.signature_utils, the four properties of a signed image. */
    static const char *const signature[] = { "img_signature", "img_signature_hash_method", "img_signature_key_type",
                                             "img_signature_certificate_uuid", NULL };

    return has_any(root, signature);
}

static int32_t read_url(const struct json *holder, const char *key, struct image_location *out, vtclone_error *err)
{
    const struct json *url = json_get(holder, key);
    char path[200];

    if (url == NULL) {
        json_path(holder, path, sizeof(path));
        return error_set(err, VTCLONE_E_DOCUMENT, WHAT ": %s.%s: missing", path, key);
    }
    int32_t code = json_expect(url, JSON_STRING, WHAT, err);
    if (code != VTCLONE_OK)
        return code;
    if (url->len > VTCLONE_MAX_URL_BYTES)
        return error_set(err, VTCLONE_E_LIMIT, WHAT ": %s: %zu bytes exceed VTCLONE_MAX_URL_BYTES (%u)",
                         json_path(url, path, sizeof(path)), url->len, VTCLONE_MAX_URL_BYTES);
    out->url = url->text;
    out->url_len = url->len;
    return VTCLONE_OK;
}

static int32_t read_location(const struct json *entry, struct image_location *out, vtclone_error *err)
{
    const struct json *metadata = NULL;
    int32_t code = json_expect(entry, JSON_OBJECT, WHAT, err);

    if (code == VTCLONE_OK)
        code = read_url(entry, "url", out, err);
    if (code == VTCLONE_OK)
        code = json_opt_list(entry, "metadata", JSON_OBJECT, VTCLONE_MAX_VALUES, "VTCLONE_MAX_VALUES", &metadata,
                             WHAT, err);
    if (code == VTCLONE_OK && metadata != NULL)
        code = json_opt_string(metadata, "store", VTCLONE_MAX_NAME_BYTES, &out->store, WHAT, err);
    return code;
}

/* "locations" where it is there, else "direct_url" as the only one. */
static int32_t read_locations(struct arena *arena, const struct json *root, struct image *out, vtclone_error *err)
{
    const struct json *list = NULL;
    const struct json *direct = json_get(root, "direct_url");
    int32_t code = json_opt_list(root, "locations", JSON_ARRAY, VTCLONE_MAX_LOCATIONS, "VTCLONE_MAX_LOCATIONS", &list,
                                 WHAT, err);
    bool has_direct = direct != NULL && direct->type != JSON_NULL;

    if (code != VTCLONE_OK || (list == NULL && !has_direct))
        return code;
    out->shows_locations = true;
    size_t count = list != NULL ? list->count : 1;
    out->locations = arena_alloc(arena, count > 0 ? count : 1, sizeof(*out->locations));
    if (out->locations == NULL)
        return error_nomem(err, WHAT);
    out->location_count = count;
    if (list == NULL)
        return read_url(root, "direct_url", &out->locations[0], err);
    struct image_location *to = out->locations;
    for (const struct json *entry = list->first; entry != NULL && code == VTCLONE_OK; entry = entry->next)
        code = read_location(entry, to++, err);
    return code;
}

static int32_t read_texts(const struct json *root, struct image *out, vtclone_error *err)
{
    const struct {
        const char *key;
        const char **to;
    } texts[] = {
        { "status", &out->status },
        { "owner", &out->owner },
        { "disk_format", &out->disk_format },
        { "container_format", &out->container_format },
    };
    int32_t code = json_need_string(root, "id", VTCLONE_MAX_NAME_BYTES, &out->id, WHAT, err);

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && code == VTCLONE_OK; i++)
        code = json_opt_string(root, texts[i].key, VTCLONE_MAX_NAME_BYTES, texts[i].to, WHAT, err);
    if (code == VTCLONE_OK)
        code = json_opt_string(property_home(root, "os_glance_importing_to_stores"), "os_glance_importing_to_stores",
                               TEXT_MAX, &out->importing, WHAT, err);
    if (code == VTCLONE_OK)
        code = json_opt_string(property_home(root, "os_glance_failed_import"), "os_glance_failed_import", TEXT_MAX,
                               &out->failed, WHAT, err);
    return code;
}

static int32_t read_sizes(const struct json *root, struct image *out, vtclone_error *err)
{
    int32_t code = json_opt_int(root, "size", &out->size, WHAT, err);

    if (code == VTCLONE_OK)
        code = json_opt_int(root, "virtual_size", &out->virtual_size, WHAT, err);
    if (code == VTCLONE_OK)
        code = json_opt_int(root, "min_disk", &out->min_disk, WHAT, err);
    if (code == VTCLONE_OK && (out->size < -1 || out->virtual_size < -1 || out->min_disk < 0))
        code = error_set(err, VTCLONE_E_DOCUMENT, WHAT ": a negative size, virtual_size or min_disk");
    return code;
}

int32_t image_parse(struct arena *arena, const char *json, size_t len, struct image *out, vtclone_error *err)
{
    struct json *root;
    struct image image = { .size = -1, .virtual_size = -1 };
    int32_t code = json_parse(arena, WHAT, json, len, &root, err);

    if (code == VTCLONE_OK)
        code = json_expect(root, JSON_OBJECT, WHAT, err);
    if (code == VTCLONE_OK)
        code = read_texts(root, &image, err);
    if (code == VTCLONE_OK)
        code = read_sizes(root, &image, err);
    if (code == VTCLONE_OK)
        code = read_locations(arena, root, &image, err);
    if (code != VTCLONE_OK)
        return code;
    image.encrypted = image_is_encrypted(root);
    image.is_signed = image_is_signed(root);
    *out = image;
    return VTCLONE_OK;
}

bool comma_list_has(const char *list, const char *member)
{
    size_t want = strlen(member);

    while (list != NULL && *list != '\0') {
        list += strspn(list, ", ");
        size_t len = strcspn(list, ",");
        size_t end = len;
        while (end > 0 && list[end - 1] == ' ')
            end--;
        if (end == want && want > 0 && memcmp(list, member, want) == 0)
            return true;
        list += len;
    }
    return false;
}

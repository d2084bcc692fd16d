/*
 * doctor_images.c - the images of a deployment: those that can never be cloned and how many volumes came from them, and
 * those that lack a copy beside the backends of a volume type, with the command that makes it.
 */
#include "doctor.h"
#include "error.h"
#include "image.h"

#include <stdlib.h>
#include <string.h>

#define TEXT(...) arena_printf(&report->arena, __VA_ARGS__)

static const char *text_of(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);

    return value != NULL && value->type == JSON_STRING ? value->text : NULL;
}

/* {"KEY": [...]}, a list, or one object: the first of them. All have an id, and those of Glance a status; another document
 * would be found to be well only because nothing in it was looked at. */
static int32_t list_of(const struct json *root, const char *key, const char *what, bool with_status, const struct json **out,
                       vtclone_error *err)
{
    const struct json *list = json_get(root, key);
    size_t number = 1;

    *out = NULL;
    if (list != NULL && list->type == JSON_ARRAY)
        *out = list->first;
    else if (list == NULL && root->type == JSON_ARRAY)
        *out = root->first;
    else if (list == NULL && json_get(root, "id") != NULL)
        *out = root;
    else
        return error_set(err, VTCLONE_E_DOCUMENT, "%s: neither {\"%s\": [...]} nor a list nor one of them", what, key);
    for (const struct json *entry = *out; entry != NULL; entry = entry->next, number++)
        if (text_of(entry, "id") == NULL || (with_status && text_of(entry, "status") == NULL))
            return error_set(err, VTCLONE_E_DOCUMENT, "%s: number %zu has no \"id\"%s: this is not the service's own JSON", what,
                             number, with_status ? " or no \"status\"" : "");
    return VTCLONE_OK;
}

/* The image a volume was made from. */
static const char *image_of_volume(const struct json *volume)
{
    return text_of(json_get(volume, "volume_image_metadata"), "image_id");
}

/* ---- images that can never be cloned ---- */

static const char *never_clonable(struct report *report, const struct facts *facts, const struct json *image,
                                  const char **change)
{
    const char *disk = text_of(image, "disk_format"), *container = text_of(image, "container_format");

    if (!same_text(disk, "raw")) {
        *change = "upload it as raw (qemu-img convert -O raw), or let Glance convert on import (image_conversion)";
        return TEXT("its disk format is %.40s", disk == NULL ? "none" : disk);
    }
    if (!same_text(container, "bare")) {
        *change = "upload it with container format bare";
        return TEXT("its container format is %.40s", container == NULL ? "none" : container);
    }
    if (image_is_encrypted(image)) {
        *change = "nothing: a volume of an encrypted image needs a key of its own";
        return "it is encrypted, and a clone gets no key";
    }
    if (image_is_signed(image) && !facts->allow_signed) {
        *change = "set [vtclone] signed_images = allow if the stores are trusted";
        return "it is signed, and a clone is not verified";
    }
    return NULL;
}

/* volumes_by_image is sorted, so that many images times many volumes stay cheap. */
struct volume_images {
    const char **ids;
    size_t count;
};

static int compare_ids(const void *one, const void *other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static size_t volumes_of(const struct volume_images *volumes, const char *image_id)
{
    size_t low = 0, high = volumes->count, count = 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(volumes->ids[middle], image_id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + count < volumes->count && strcmp(volumes->ids[low + count], image_id) == 0)
        count++;
    return count;
}

static int32_t read_volumes(struct report *report, const struct cli_text *text, struct volume_images *out,
                            vtclone_error *err)
{
    struct json *root;
    const struct json *first;
    size_t room = 0;
    int32_t code = json_parse(&report->arena, "volumes", text->data, text->len, &root, err);

    if (code == VTCLONE_OK)
        code = list_of(root, "volumes", "volumes", false, &first, err);
    if (code != VTCLONE_OK)
        return code;
    for (const struct json *volume = first; volume != NULL; volume = volume->next)
        room++;
    out->ids = room == 0 ? NULL : arena_alloc(&report->arena, room, sizeof(*out->ids));
    if (room > 0 && out->ids == NULL)
        return error_nomem(err, "volumes");
    for (const struct json *volume = first; volume != NULL; volume = volume->next)
        if (image_of_volume(volume) != NULL)
            out->ids[out->count++] = image_of_volume(volume);
    if (out->count > 0)
        qsort(out->ids, out->count, sizeof(*out->ids), compare_ids);
    return VTCLONE_OK;
}

/* ---- images without a copy where a type needs one ---- */

/* Whether one of the image's stores is beside a backend of the type; the store to copy to where none is. */
static bool has_copy(const struct facts *facts, const struct type_fact *type, const char *stores, const char **copy_to)
{
    *copy_to = NULL;
    for (size_t i = 0; i < facts->backend_count; i++) {
        if (!type_on_backend(type, &facts->backends[i]))
            continue;
        for (size_t k = 0; k < facts->store_count; k++) {
            const struct store_fact *store = &facts->stores[k];
            if (!store_beside(facts, store, &facts->backends[i]))
                continue;
            if (list_has(stores, store->id))
                return true;
            if (*copy_to == NULL || same_text(store->id, type->store_id) ||
                same_text(store->id, facts->backends[i].store))
                *copy_to = store->id;
        }
    }
    return *copy_to == NULL; /* no store could help: other checks say so */
}

static void check_copies(struct report *report, const struct facts *facts, const struct json *image, const char *label)
{
    const char *stores = text_of(image, "stores"), *copy_to, *id = text_of(image, "id");

    if (stores == NULL)
        return;
    for (size_t i = 0; i < facts->type_count; i++)
        if (!has_copy(facts, &facts->types[i], stores, &copy_to))
            report_add(report, DOCTOR_WARNING, "IMAGE_NOT_IN_STORE", label,
                       TEXT("volumes of type %.100s download it: its copies are in %.200s only", facts->types[i].name,
                            *stores == '\0' ? "no store" : stores),
                       TEXT("vtclone copy --image-id %.40s --store %.100s --wait", id, copy_to));
}

static void check_image(struct report *report, const struct facts *facts, const struct volume_images *volumes,
                        const struct json *image)
{
    const char *id = text_of(image, "id"), *name = text_of(image, "name"), *change = NULL;

    if (id == NULL || !same_text(text_of(image, "status"), "active"))
        return;
    const char *label = name == NULL ? TEXT("image %.40s", id) : TEXT("image %.40s (%.100s)", id, name);
    const char *why = never_clonable(report, facts, image, &change);
    size_t made = volumes_of(volumes, id);
    if (why == NULL)
        check_copies(report, facts, image, label);
    else
        report_add(report, made > 0 ? DOCTOR_WARNING : DOCTOR_NOTE, "IMAGE_NOT_CLONABLE", label,
                   made > 0 ? TEXT("%s: it is always downloaded; %zu volumes came from it", why, made)
                            : TEXT("%s: it is always downloaded", why),
                   change);
}

int32_t check_images(struct report *report, const struct facts *facts, const char *path, const struct cli_text *images,
                     const struct cli_text *volumes, vtclone_error *err)
{
    const char *what = path == NULL ? "images" : TEXT("images: %.300s", path);
    const struct json *image;
    struct json *root;
    struct volume_images made = { 0 };
    size_t count = 0;

    if (what == NULL)
        return error_nomem(err, "images");
    int32_t code = json_parse(&report->arena, what, images->data, images->len, &root, err);
    if (code == VTCLONE_OK)
        code = list_of(root, "images", what, true, &image, err);
    if (code == VTCLONE_OK && volumes != NULL && volumes->data != NULL)
        code = read_volumes(report, volumes, &made, err);
    if (code != VTCLONE_OK)
        return code;
    if (image == root) {
        check_image(report, facts, &made, root);
        count = 1;
    } else {
        for (; image != NULL; image = image->next, count++)
            check_image(report, facts, &made, image);
    }
    report_checked(report, TEXT("%zu images against %zu volume types", count, facts->type_count));
    return VTCLONE_OK;
}

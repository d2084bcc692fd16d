/*
 * image.h - what the resolver needs of a Glance image, read from Glance's JSON of one image. Properties are found at the
 * top, as the API has them, and in "properties", as Cinder's image service hands them on.
 */
#ifndef VTCLONE_IMAGE_H
#define VTCLONE_IMAGE_H

#include "arena.h"
#include "json.h"
#include "vtclone.h"

#include <stdbool.h>

struct image_location {
    const char *url;
    size_t url_len;    /* may hold NULs, so that the location parser sees them */
    const char *store; /* metadata.store, or NULL */
};

struct image {
    const char *id;
    const char *status;
    const char *owner;
    const char *disk_format;
    const char *container_format;
    int64_t size;         /* bytes; -1: unknown */
    int64_t virtual_size; /* bytes; -1: unknown */
    int64_t min_disk;     /* GiB */
    bool encrypted;
    bool is_signed;
    bool shows_locations; /* "locations" or "direct_url" is there */
    struct image_location *locations;
    size_t location_count;
    const char *importing; /* os_glance_importing_to_stores: comma list, or NULL */
    const char *failed;    /* os_glance_failed_import: comma list, or NULL */
};

/* Strings belong to arena, which must outlive *out. */
int32_t image_parse(struct arena *arena, const char *json, size_t len, struct image *out, vtclone_error *err);

/* Whether Glance's JSON of one image has a property that says so; doctor asks too, of whole lists of images. */
bool image_is_encrypted(const struct json *root);
bool image_is_signed(const struct json *root);

/* Whether a comma list ("netapp, ceph") has this very member; list may be NULL. */
bool comma_list_has(const char *list, const char *member);

#endif

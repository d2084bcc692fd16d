/*
 * image_volume.h - the Cinder volumes that hold images, read from Cinder's JSON ({"volumes": [...]} or a list): what the
 * pairing and owner rules need of each.
 */
#ifndef VTCLONE_IMAGE_VOLUME_H
#define VTCLONE_IMAGE_VOLUME_H

#include "arena.h"
#include "vtclone.h"

struct image_volume {
    const char *id;
    const char *status;
    const char *host;            /* os-vol-host-attr:host, or host; NULL: not told */
    const char *cluster_name;    /* or NULL */
    const char *glance_image_id; /* of its metadata, or NULL */
    const char *image_owner;     /* of its metadata, or NULL */
};

struct image_volumes {
    struct image_volume *list;
    size_t count;
};

/* json NULL with len 0: none. Strings belong to arena. */
int32_t image_volumes_parse(struct arena *arena, const char *json, size_t len, struct image_volumes *out,
                            vtclone_error *err);
/* The last volume of that id, or NULL. The case of letters does not count: Cinder's database finds a volume by its id in
 * capitals, too, so a location written that way must be judged, not missed. */
const struct image_volume *image_volumes_find(const struct image_volumes *volumes, const char *id);

#endif

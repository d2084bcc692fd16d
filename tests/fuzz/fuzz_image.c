/*
 * fuzz_image.c - Glance's JSON of one image, a part of which (properties, locations) its owner writes.
 */
#include "fuzz.h"

#include "image.h"

static void check_image(const struct image *image)
{
    ALWAYS(image->id != NULL && image->id[0] != '\0' && strlen(image->id) <= VTCLONE_MAX_NAME_BYTES);
    ALWAYS(image->size >= -1 && image->virtual_size >= -1 && image->min_disk >= 0);
    ALWAYS(image->location_count <= VTCLONE_MAX_LOCATIONS);
    ALWAYS(image->shows_locations || image->location_count == 0);
    for (size_t i = 0; i < image->location_count; i++) {
        const struct image_location *at = &image->locations[i];
        ALWAYS(at->url != NULL && at->url_len <= VTCLONE_MAX_URL_BYTES);
        ALWAYS(at->store == NULL || strlen(at->store) <= VTCLONE_MAX_NAME_BYTES);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct image image;
    vtclone_error err = { 0 };

    arena_init(&arena, 4096, 64u << 20);
    int32_t code = image_parse(&arena, "", 0, &image, &err);
    ALWAYS(code == VTCLONE_E_DOCUMENT);
    err = (vtclone_error){ 0 };
    code = image_parse(&arena, (const char *)data, size, &image, &err);
    fuzz_check_error(code, &err);
    if (code == VTCLONE_OK)
        check_image(&image);
    arena_release(&arena);
    return 0;
}

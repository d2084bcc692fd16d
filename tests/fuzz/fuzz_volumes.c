/*
 * fuzz_volumes.c - Cinder's JSON of image volumes, whose metadata their owners write.
 */
#include "fuzz.h"

#include "image_volume.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct image_volumes volumes;
    vtclone_error err = { 0 };

    arena_init(&arena, 4096, 64u << 20);
    int32_t code = image_volumes_parse(&arena, (const char *)data, size, &volumes, &err);
    fuzz_check_error(code, &err);
    ALWAYS(code == VTCLONE_OK || volumes.count == 0);
    for (size_t i = 0; i < volumes.count; i++) {
        const struct image_volume *found = image_volumes_find(&volumes, volumes.list[i].id);
        ALWAYS(volumes.list[i].id[0] != '\0');
        ALWAYS(found != NULL && found >= &volumes.list[i] && strcasecmp(found->id, volumes.list[i].id) == 0);
    }
    arena_release(&arena);
    return 0;
}

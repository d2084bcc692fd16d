/*
 * sized.c - structs of the public header that begin with their size, read and written across versions.
 */
#include "sized.h"

#include <string.h>

#define LARGEST 4096 /* no struct of ours comes near: a size beyond it was never set */

int32_t sized_read(void *to, size_t to_size, const void *from, const char *what, vtclone_error *err)
{
    size_t size;

    memset(to, 0, to_size);
    if (from == NULL)
        return VTCLONE_OK;
    memcpy(&size, from, sizeof(size));
    if (size < sizeof(size) || size > LARGEST)
        return error_set(err, VTCLONE_E_INVALID, "%s: its first member must be its size, found %zu", what, size);
    const unsigned char *bytes = from;
    for (size_t i = to_size; i < size; i++)
        if (bytes[i] != 0)
            return error_set(err, VTCLONE_E_INVALID, "%s: a member that version %s does not know is set", what,
                             VTCLONE_VERSION);
    memcpy(to, from, size < to_size ? size : to_size);
    return VTCLONE_OK;
}

void sized_write(void *to, size_t to_size, const void *from, size_t from_size)
{
    unsigned char *bytes = to;

    if (to_size > from_size)
        memset(bytes + from_size, 0, to_size - from_size);
    memcpy(bytes, from, to_size < from_size ? to_size : from_size);
}

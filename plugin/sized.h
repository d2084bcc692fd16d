/*
 * sized.h - structs of the public header that begin with their size: a caller built against an older header has a
 * shorter one, against a newer header a longer one. What the caller does not have is 0; what we do not know must be 0.
 */
#ifndef VTCLONE_SIZED_H
#define VTCLONE_SIZED_H

#include "error.h"

#include <stddef.h>

/* Reads the caller's options (from; NULL: all 0) into to, of to_size bytes. VTCLONE_E_INVALID where its size is
 * impossible or a member that this library does not know is set. what names the struct. */
int32_t sized_read(void *to, size_t to_size, const void *from, const char *what, vtclone_error *err);
/* Writes as much of from as the caller's struct of to_size bytes has room for; the rest of it becomes 0. */
void sized_write(void *to, size_t to_size, const void *from, size_t from_size);

#endif

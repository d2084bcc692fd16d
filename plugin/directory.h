/*
 * directory.h - the images that a pool's rbd_directory lists: one page of them, by name.
 */
#ifndef VTCLONE_DIRECTORY_H
#define VTCLONE_DIRECTORY_H

#include "cls_encode.h"
#include "cls_rbd.h"
#include "deadline.h"
#include "vtclone.h"

#include <rados/librados.h>

#define DIRECTORY_PAGE_MAX 128 /* images of one page */

struct directory_page {
    char *reply;
    struct cls_reader reader;
    uint32_t left;
    char name[VTCLONE_MAX_NAME_BYTES + 1], id[IMAGE_ID_SIZE]; /* of the image that directory_next() came to */
};

/* Reads the first images whose names come after that one ("": the first of all), at most `most` of them. 0 or -errno;
 * directory_end() belongs to it either way. */
int directory_read(struct directory_page *page, rados_ioctx_t ioctx, const char *after, uint32_t most,
                   struct deadline deadline);
/* The next image of the page; false at its end, and where the reply is not understood. */
bool directory_next(struct directory_page *page);
void directory_end(struct directory_page *page);

#endif

/*
 * directory.c - the images that a pool's rbd_directory lists: one page of them, by name.
 */
#include "directory.h"

#include "batch.h"

#include <errno.h>
#include <stdlib.h>

/* A name, an id and their two lengths, each. */
#define REPLY_MAX (64 + DIRECTORY_PAGE_MAX * (VTCLONE_MAX_NAME_BYTES + IMAGE_ID_SIZE + 8))

int directory_read(struct directory_page *page, rados_ioctx_t ioctx, const char *after, uint32_t most,
                   struct deadline deadline)
{
    unsigned char room[VTCLONE_MAX_NAME_BYTES + 16];
    struct cls_writer argument;
    struct batch batch;
    size_t len = 0;
    rados_read_op_t op = rados_create_read_op();

    *page = (struct directory_page){ .reply = malloc(REPLY_MAX) };
    cls_writer_init(&argument, room, sizeof(room));
    cls_put_string(&argument, after);
    cls_put_u64(&argument, most < DIRECTORY_PAGE_MAX ? most : DIRECTORY_PAGE_MAX);
    if (op != NULL && page->reply != NULL)
        rados_read_op_exec_user_buf(op, "rbd", "dir_list", (const char *)room, argument.len, page->reply, REPLY_MAX, &len,
                                    NULL);
    batch_init(&batch);
    batch_read(&batch, "read-directory", ioctx, CLS_DIRECTORY, "", op);
    const int result = page->reply == NULL ? -ENOMEM : batch_run(&batch, deadline);
    batch_end(&batch);
    cls_reader_init(&page->reader, page->reply, result == 0 ? len : 0);
    if (result == 0)
        page->left = cls_get_u32(&page->reader);
    return result;
}

bool directory_next(struct directory_page *page)
{
    if (page->left == 0)
        return false;
    page->left--;
    cls_get_string(&page->reader, page->name, sizeof(page->name));
    cls_get_string(&page->reader, page->id, sizeof(page->id));
    return !page->reader.bad;
}

void directory_end(struct directory_page *page)
{
    free(page->reply);
    page->reply = NULL;
}

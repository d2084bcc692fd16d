/*
 * copy.h - copies under way: copy.c leads one, copy_join.c lets callers of the same image meet.
 */
#ifndef VTCLONE_COPY_H
#define VTCLONE_COPY_H

#include "cloud.h"

struct copy_request {
    const char *image_id;
    const char *const *stores;
    size_t store_count;       /* at least 1, at most VTCLONE_MAX_STORES */
    bool no_wait;
    vtclone_copy_progress *progress;
};

/* Brings the image into the stores; nobody else of this cloud does it for this image meanwhile. */
int32_t copy_lead(vtclone_cloud *cloud, const struct call *call, const struct copy_request *request,
                  vtclone_copy_result *result, vtclone_error *err);
/* The same for any number of callers. */
int32_t copy_join(vtclone_cloud *cloud, const struct call *call, const struct copy_request *request,
                  vtclone_copy_result *result, vtclone_error *err);
void copy_count_accepted(struct copy_table *table);

#endif

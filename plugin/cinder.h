/*
 * cinder.h - what is asked of Cinder: types, pools, services, image volumes; making a volume from an image volume.
 */
#ifndef VTCLONE_CINDER_H
#define VTCLONE_CINDER_H

#include "service.h"

#include <pthread.h>

struct cinder {
    struct service service;
    pthread_mutex_t lock; /* of what follows; never held across the network */
    char *base;           /* endpoint with /v3 and, where it is there, the project; set once */
    char version[24];     /* "volume 3.70": the newest that both sides know; "" where Cinder has no microversions */
};

struct volume_request {
    const char *name;
    int64_t size_gib;
    const char *source_volume;
    const char *volume_type;       /* NULL: the source's */
    const char *availability_zone; /* NULL: Cinder chooses */
    const char *mark;              /* goes into the volume's metadata ("vtclone_request"), so that it can be found again */
};

void cinder_init(struct cinder *cinder, struct http_pool *http, struct keystone *keystone);
void cinder_destroy(struct cinder *cinder);

/* Lists, in arena. *out NULL: this credential may not see it (403), or this Cinder has none (404). */
int32_t cinder_pools(struct cinder *cinder, const struct call *call, struct arena *arena, const struct json **out,
                     vtclone_error *err);
int32_t cinder_services(struct cinder *cinder, const struct call *call, struct arena *arena, const struct json **out,
                        vtclone_error *err);
/* All types, page by page; each page's list is one of pages[0..*count). */
int32_t cinder_types(struct cinder *cinder, const struct call *call, struct arena *arena, const struct json **pages,
                     size_t max, size_t *count, vtclone_error *err);
/* The volumes, of any project, whose metadata says that they hold the image. */
int32_t cinder_image_volumes(struct cinder *cinder, const struct call *call, struct arena *arena,
                             const char *image_id, const struct json **out, vtclone_error *err);
/* One volume of any project. *out NULL: there is none of that id, or not for this credential. */
int32_t cinder_volume(struct cinder *cinder, const struct call *call, struct arena *arena, const char *id,
                      const struct json **out, vtclone_error *err);

/* Makes a volume from another one; id (in arena) names it as soon as Cinder took the request. After an answer that was lost
 * the volume is looked for, beyond the call's deadline and its cancellation if need be: *id may be set with a failure, too,
 * and then that volume is there. */
int32_t cinder_create(struct cinder *cinder, const struct call *call, struct arena *arena,
                      const struct volume_request *wanted, const char **id, vtclone_error *err);
/* POSTs body to the volume's action. */
int32_t cinder_action(struct cinder *cinder, const struct call *call, const char *id, const char *name,
                      const char *body, size_t len, vtclone_error *err);
/* Deletes it; one that is gone already is success. */
int32_t cinder_delete(struct cinder *cinder, const struct call *call, const char *id, vtclone_error *err);

#endif

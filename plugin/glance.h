/*
 * glance.h - what is asked of Glance: one image, its locations, the stores, a copy, how the copy gets on.
 */
#ifndef VTCLONE_GLANCE_H
#define VTCLONE_GLANCE_H

#include "service.h"

#include <pthread.h>

struct glance {
    struct service service;
    pthread_mutex_t lock;       /* of what follows; never held across the network */
    bool discovered;
    int minor;                  /* v2.minor is the newest API version that it speaks */
    char *base;                 /* endpoint without /v2; set once */
    int64_t no_locations_until; /* CLOCK_MONOTONIC: the locations API refused this credential; not asked until then */
};

enum copy_answer {
    COPY_ACCEPTED,
    COPY_PRESENT, /* it is there already, or nothing was left to do */
    COPY_BUSY,    /* another import of the image holds Glance's lock */
    COPY_BROKE,   /* an error: HTTP 500, which Glance 25 also answers where imports of one image begin at once */
    COPY_REFUSED, /* any other error */
};

/* State of the newest task of a kind that an image has. */
struct glance_task {
    const char *id;
    const char *status;  /* pending, processing, success, failure */
    const char *message; /* "Copied 15 MiB", or why it failed */
    int64_t copied_mib;  /* -1: the message does not say */
};

void glance_init(struct glance *glance, struct http_pool *http, struct keystone *keystone);
void glance_destroy(struct glance *glance);

/* The image's document, NUL-terminated, as Glance sent it; the caller frees it. 403 and 404 are refusals. */
int32_t glance_image(struct glance *glance, const struct call *call, const char *image_id, const char *user_token,
                     char **out, size_t *len, vtclone_error *err);
/* The answer of the locations API. *out NULL: this Glance has none, or does not give it to this credential. */
int32_t glance_locations(struct glance *glance, const struct call *call, struct arena *arena, const char *image_id,
                         int64_t refusal_ttl_ns, struct json **out, vtclone_error *err);
/* The list of stores. *detailed: with type and properties (else this credential only may see their names). *out NULL:
 * this Glance has one store only. */
int32_t glance_stores(struct glance *glance, const struct call *call, struct arena *arena, const struct json **out,
                      bool *detailed, vtclone_error *err);
/* The names of the stores, which every user may see. *out NULL: this Glance has one store only. */
int32_t glance_store_names(struct glance *glance, const struct call *call, struct arena *arena,
                           const struct json **out, vtclone_error *err);
/* Asks for copies of the image in those stores. *out is set in any case; after an error it says of which kind. */
int32_t glance_copy(struct glance *glance, const struct call *call, const char *image_id, const char *const *stores,
                    size_t count, enum copy_answer *out, vtclone_error *err);
/* The newest import task that names the store. out->id NULL: there is none, or Glance does not tell. */
int32_t glance_copy_task(struct glance *glance, const struct call *call, struct arena *arena, const char *image_id,
                         const char *store, struct glance_task *out, vtclone_error *err);

#endif

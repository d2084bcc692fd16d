/*
 * keystone_private.h - between keystone.c (token and its life) and keystone_auth.c (what goes over the wire).
 */
#ifndef VTCLONE_KEYSTONE_PRIVATE_H
#define VTCLONE_KEYSTONE_PRIVATE_H

#include "arena.h"
#include "flight.h"
#include "keystone.h"

#define KEYSTONE_PROJECT_BYTES 256

struct keystone {
    struct http_pool *http;
    struct arena secrets;          /* of the strings of options; wiped */
    vtclone_cloud_options options; /* our copies */
    char *auth_url;                /* checked; NULL: Keystone is never asked */

    pthread_mutex_t lock;          /* of all that follows; never held across the network */
    struct flight renewal;
    struct token *token;           /* NULL: none yet */
    uint64_t serial;
    char *v3_url;                  /* auth_url with /v3, discovered */
    char *endpoints[SERVICE_COUNT]; /* set once */
    char project_id[KEYSTONE_PROJECT_BYTES];
    atomic_uint_fast64_t fetched;
};

/* What an authentication brings. */
struct authentication {
    char *token; /* NULL where the caller's own token was only looked up */
    int64_t life_ns;
    char *endpoints[SERVICE_COUNT];          /* NULL: not in the catalogue */
    char project_id[KEYSTONE_PROJECT_BYTES];
};

/* Asks Keystone: for a token with its catalogue, or for the catalogue of the caller's token. v3_url: where. */
int32_t keystone_authenticate(struct keystone *keystone, const char *v3_url, const struct call *call,
                              struct authentication *out, vtclone_error *err);
/* Finds the v3 API below auth_url. The caller frees *out. */
int32_t keystone_discover(struct keystone *keystone, const struct call *call, char **out, vtclone_error *err);
void authentication_release(struct authentication *authentication);

extern const char *const keystone_service_names[SERVICE_COUNT];

#endif

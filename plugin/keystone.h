/*
 * keystone.h - the token of one credential, kept until it is about to expire, and the endpoints of its catalogue.
 *
 * Threads that need a token while one is being fetched wait for that one. A token that a service refuses (401) is
 * replaced once, by asking with its serial number; one that was handed in by the caller cannot be replaced.
 */
#ifndef VTCLONE_KEYSTONE_H
#define VTCLONE_KEYSTONE_H

#include "http.h"

enum cloud_service { SERVICE_IMAGE, SERVICE_VOLUME, SERVICE_COUNT };

struct keystone;

struct token {
    atomic_uint references;
    uint64_t serial;       /* counts the tokens of this credential, from 1 */
    int64_t renew_at_ns;   /* CLOCK_MONOTONIC */
    int64_t expires_at_ns;
    char *text;            /* wiped with the last reference */
};

int32_t keystone_new(struct http_pool *http, const vtclone_cloud_options *options, struct keystone **out,
                     vtclone_error *err);
void keystone_free(struct keystone *keystone);
/* Wipes the secrets and touches nothing else: all that a child after fork may do. */
void keystone_wipe(struct keystone *keystone);

/* A reference to a token; refused: the serial of one that a service refused, else 0. token_put() gives it back. */
int32_t keystone_token(struct keystone *keystone, const struct call *call, uint64_t refused, struct token **out,
                       vtclone_error *err);
void token_put(struct token *token);

/* The endpoint of a service, without a slash at its end. It belongs to keystone and never changes. */
int32_t keystone_endpoint(struct keystone *keystone, const struct call *call, enum cloud_service service,
                          const char **out, vtclone_error *err);
/* The project that the token is for, copied into room; "" where it is not known (yet). */
void keystone_project(struct keystone *keystone, char *room, size_t size);
uint64_t keystone_tokens_fetched(struct keystone *keystone);

#endif

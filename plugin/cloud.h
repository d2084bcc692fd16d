/*
 * cloud.h - inside of a cloud: its clients and caches. The public entry points are in cloud.c (opening, facts),
 * cloud_resolve.c, copy.c and cloud_volume.c; each checks the handle with cloud_enter() and keeps to one call's deadline.
 */
#ifndef VTCLONE_CLOUD_H
#define VTCLONE_CLOUD_H

#include "cinder.h"
#include "glance.h"
#include "keystone.h"
#include "live_site.h"

#include <sys/types.h>

struct volume_cache;
struct copy_table;

struct vtclone_cloud {
    pid_t owner;
    uint32_t timeout_ms;
    int64_t volume_ttl_ns; /* 0: image volumes are not kept */
    struct http_pool *http;
    struct keystone *keystone;
    struct glance glance;
    struct cinder cinder;
    struct live_site live;
    struct volume_cache *volumes;
    struct copy_table *copies;
};

/* At the top of an entry point: the handle is there and is this process's. */
int32_t cloud_enter(const vtclone_cloud *cloud, const char *function, vtclone_error *err);
/* The same for a call about an image that has a result: its id and the user's token (NULL is fine) are as they must be, and
 * out is there. */
int32_t cloud_enter_image(const vtclone_cloud *cloud, const char *function, const void *out, const char *image_id,
                          const char *user_token, vtclone_error *err);
/* The call's deadline; timeout_ms 0: the cloud's own. */
struct call cloud_call(const vtclone_cloud *cloud, uint32_t timeout_ms, int32_t cancel_fd);
/* Image and volume ids go into paths: they must be UUIDs. */
int32_t cloud_check_uuid(const char *id, const char *what, vtclone_error *err);
/* A token that a caller hands in; NULL is fine. */
int32_t cloud_check_token(const char *token, vtclone_error *err);

/* The image with its locations (cloud_resolve.c). The caller frees *out. */
int32_t cloud_image(vtclone_cloud *cloud, const struct call *call, const char *image_id, const char *user_token,
                    char **out, size_t *len, vtclone_error *err);
/* The inner part of vtclone_cloud_resolve(). */
int32_t cloud_resolve(vtclone_cloud *cloud, const struct call *call, const vtclone_site *site, const char *image_id,
                      const char *user_token, const vtclone_resolve_options *options, vtclone_decision **out,
                      vtclone_error *err);

/* The image volumes of those ids as Cinder's JSON ({"volumes": [...]}), from Cinder or kept (image_volumes.c). The caller
 * frees *out. */
struct volume_cache *volume_cache_new(int64_t ttl_ns);
void volume_cache_free(struct volume_cache *cache);
int32_t volume_cache_get(struct volume_cache *cache, struct cinder *cinder, const struct call *call,
                         const char *image_id, const char *const *ids, size_t count, char **out, size_t *len,
                         vtclone_error *err);

/* Copies under way (copy.c). */
struct copy_table *copy_table_new(void);
void copy_table_free(struct copy_table *table);
uint64_t copy_table_accepted(struct copy_table *table);

#endif

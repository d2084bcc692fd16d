/*
 * connection.h - connections to Ceph clusters: one for each (ceph_conf, cluster, user, time-outs) of the process, made
 * on first use, shared by all threads, made again after it failed, closed when idle.
 *
 * A connection is used between connection_get() and connection_put(). No lock is held while a connection is being
 * made or used; a second caller for the same key waits for the first one's result up to its own deadline.
 */
#ifndef VTCLONE_CONNECTION_H
#define VTCLONE_CONNECTION_H

#include "deadline.h"
#include "site.h"
#include "vtclone.h"

#include <rados/librados.h>

struct connection;      /* one cluster, counted */
struct connection_cache; /* all of the process; counted by handles */

/* The cache of this process; made on first call. NULL + err on want of memory or after fork. */
int32_t connection_cache_get(struct connection_cache **out, vtclone_error *err);
void connection_cache_put(struct connection_cache *cache);

/* A connected cluster for the backend. */
int32_t connection_get(struct connection_cache *cache, const vtclone_options *options, const struct backend *backend,
                       struct deadline deadline, struct connection **out, vtclone_error *err);
/* broken: an operation on it failed in a way that only a new connection mends (the next get makes one). */
void connection_put(struct connection *connection, bool broken);

rados_t connection_cluster(const struct connection *connection);
/* A handle on a pool, kept with the connection and shared by threads (librados allows that); do not destroy it. */
int32_t connection_pool(struct connection *connection, const char *pool, rados_ioctx_t *out, vtclone_error *err);
/* Whether the errno value (positive) means that the connection, not the request, is at fault. */
bool connection_errno_breaks(int sys_errno);

void connection_cache_stats(struct connection_cache *cache, vtclone_stats *out);

#endif

/*
 * connection.h - connections to Ceph clusters: one for each (ceph_conf, cluster, user, time-outs) of the process, made
 * on first use, shared by all threads, made again after it failed, closed when idle.
 *
 * A connection is used between connection_get() and connection_put(). No lock is held while a connection is being
 * made, used or closed: a thread of its own makes it while all callers for the same key wait, each up to its own
 * deadline, and a reaper thread (from the first connection until the last handle is gone) closes it. A connection that
 * is still in use when the last handle goes (a job that the cluster does not answer) is closed by its last user's put.
 *
 * fork: the child begins with no cache. The parent's connections are not touched in the child: their threads are not
 * there, and shutting them down would end the parent's sessions.
 */
#ifndef VTCLONE_CONNECTION_H
#define VTCLONE_CONNECTION_H

#include "deadline.h"
#include "site.h"
#include "vtclone.h"

#include <rados/librados.h>
#include <stdatomic.h>

struct certificates;     /* certify.h */
struct claims;           /* claim.h */
struct parent_cache;     /* parent.h */
struct direct_cache;     /* direct_facts.h */
struct connection;       /* one cluster, counted */
struct connection_cache; /* all of the process; counted by handles */

/* The cache of this process; made on first call. NULL + err on want of memory. */
int32_t connection_cache_get(struct connection_cache **out, vtclone_error *err);
/* The last put closes every connection and waits (a few seconds at most) until that is done. */
void connection_cache_put(struct connection_cache *cache);
/* The names of volumes that are being made in this process. */
struct claims *connection_cache_claims(struct connection_cache *cache);
/* What was found out about the direct engine in this process. */
struct certificates *connection_cache_certificates(struct connection_cache *cache);

/* A connected cluster for the backend. options: with every default filled in. */
int32_t connection_get(struct connection_cache *cache, const vtclone_options *options, const struct backend *backend,
                       struct deadline deadline, struct connection **out, vtclone_error *err);
/* One more user of a connection that the caller uses; ended by a put of its own. */
struct connection *connection_ref(struct connection *connection);
/* Gives the caller a new connection with the same key in exchange for one that no new caller shall find. On failure it
 * keeps the old one. */
int32_t connection_replace(struct connection **connection, struct deadline deadline, vtclone_error *err);
/* broken: an operation on it failed in a way that only a new connection mends (the next get makes one). */
void connection_put(struct connection *connection, bool broken);

rados_t connection_cluster(const struct connection *connection);
/* The fsid of the cluster behind it. */
const char *connection_fsid(const struct connection *connection);
/* librados' number of this client; the ids of images that librbd makes on this connection begin with it in hex. */
uint64_t connection_instance(const struct connection *connection);
/* The facts of parents that librbd clones were lately made from. */
struct parent_cache *connection_parents(struct connection *connection);
/* What the direct engine knows of parents and pools. */
struct direct_cache *connection_direct(struct connection *connection);
/* How many threads of this process work on after their callers have gone; whoever starts one counts it and has a limit.
 * In the cache, so that a forked child, which has none of them, counts anew. */
atomic_int *connection_late_threads(struct connection *connection);
/* A handle on a pool, kept with the connection and shared by threads (librados allows that); do not destroy it. The
 * first call for a pool may ask the monitors, up to the deadline or, if that is earlier, the connection's monitor time-out. */
int32_t connection_pool(struct connection *connection, const char *pool, struct deadline deadline, rados_ioctx_t *out,
                        vtclone_error *err);
/* Whether the errno value (either sign) means that the connection, not the request, is at fault. */
bool connection_errno_breaks(int sys_errno);

/* Counters of the process. */
void connection_stats(vtclone_stats *out);

#endif

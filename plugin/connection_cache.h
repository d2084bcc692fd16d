/*
 * connection_cache.h - the insides of the connection cache, shared by connection.c (finding, making and using a
 * connection) and connection_cache.c (its life, the reaper, fork). Nobody else includes it.
 *
 * A connection is CONNECTING, then READY or FAILED for good. It is listed while new callers may find it, counted by its
 * users (those between get and put, those that wait for it, the thread that makes it), and handed to the reaper when
 * neither is left. All of that is under the cache's lock.
 */
#ifndef VTCLONE_CONNECTION_CACHE_H
#define VTCLONE_CONNECTION_CACHE_H

#include "cluster.h"
#include "connection.h"
#include "job.h"
#include "pool.h"

enum state { CONNECTING, READY, FAILED };

struct connection {
    struct connection *next; /* in the table or in the list of those to be closed */
    struct connection_cache *cache;
    struct cluster_key key; /* strings are this connection's own */
    enum state state;
    bool listed;
    uint32_t users;
    uint32_t idle_close_ms;
    int64_t idle_since_ns; /* where there are no users */
    struct cluster cluster; /* READY */
    vtclone_error error;    /* FAILED */
    struct pools pools;
    struct parent_cache *parents;
    struct direct_cache *direct;
};

struct connection_cache {
    uint32_t handles; /* under current_lock */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct connection *table;
    struct connection *to_close;
    size_t alive; /* connections that exist: listed, in use, or to be closed */
    bool closing; /* the last handle is gone */
    bool reaper_runs, reaper_ended, reaper_owns; /* owns: nobody joins the reaper; it frees the cache */
    pthread_t reaper;
    atomic_int late_threads;
    struct claims *claims;
    struct certificates *certificates;
};

extern struct connection_counters {
    atomic_uint_fast64_t made, failed, open;
} connection_counters; /* of the process */

/* Ends the session, if there is one, and frees it. Blocks; not under the lock. */
void connection_destroy(struct connection *connection);

/* With the lock held: */

/* Takes it out of the table; new callers make another. */
void connection_unlist(struct connection *connection);
/* One user less; what nobody holds any more goes to the reaper. */
void connection_drop_user(struct connection *connection);
/* Starts the reaper unless it runs. 0 or an errno value. */
int connection_cache_need_reaper(struct connection_cache *cache);

#endif

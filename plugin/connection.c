/*
 * connection.c - see connection.h.
 *
 * A connection is CONNECTING, then READY or FAILED for good. It is listed while new callers may find it, counted by its
 * users (those between get and put, those that wait for it, the thread that makes it), and handed to the reaper when
 * neither is left. All of that is
 * under the cache's lock.
 */
#include "connection.h"

#include "certify.h"
#include "claim.h"
#include "cluster.h"
#include "direct_facts.h"
#include "error.h"
#include "job.h"
#include "parent.h"
#include "pool.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CLOSE_WAIT_MS 5000 /* how long the last handle waits for connections to be closed */

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
    struct claims *claims;
    struct certificates *certificates;
};

static pthread_mutex_t current_lock = PTHREAD_MUTEX_INITIALIZER;
static struct connection_cache *current;
static atomic_uint_fast64_t connects, connect_failures, open_connections;

/* ---- fork ---- */

static void before_fork(void)
{
    pthread_mutex_lock(&current_lock);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&current_lock);
}

static void after_fork_in_child(void)
{
    pthread_mutex_init(&current_lock, NULL);
    current = NULL;
    atomic_store(&open_connections, 0);
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* ---- closing ---- */

static void connection_destroy(struct connection *connection)
{
    pools_release(&connection->pools);
    if (connection->cluster.rados != NULL) {
        rados_shutdown(connection->cluster.rados);
        atomic_fetch_sub(&open_connections, 1);
    }
    parent_cache_free(connection->parents);
    direct_cache_free(connection->direct);
    free((void *)(uintptr_t)connection->key.ceph_conf);
    free((void *)(uintptr_t)connection->key.cluster);
    free((void *)(uintptr_t)connection->key.user);
    free(connection);
}

/* Takes it out of the table; new callers make another. */
static void unlist(struct connection *connection)
{
    struct connection_cache *cache = connection->cache;

    if (!connection->listed)
        return;
    for (struct connection **at = &cache->table; *at != NULL; at = &(*at)->next)
        if (*at == connection) {
            *at = connection->next;
            break;
        }
    connection->listed = false;
}

/* Where neither users nor the table hold it any more. */
static void hand_to_reaper(struct connection *connection)
{
    connection->next = connection->cache->to_close;
    connection->cache->to_close = connection;
    pthread_cond_broadcast(&connection->cache->changed);
}

static void drop_user(struct connection *connection)
{
    if (--connection->users != 0)
        return;
    connection->idle_since_ns = monotonic_ns();
    if (connection->cache->closing)
        unlist(connection);
    if (!connection->listed)
        hand_to_reaper(connection);
    else if (connection->idle_close_ms != UINT32_MAX)
        pthread_cond_broadcast(&connection->cache->changed); /* the reaper has something to wait for */
}

/* Moves idle connections to the list of those to be closed; returns when the next one will be idle for long enough. */
static struct deadline collect_idle(struct connection_cache *cache)
{
    struct deadline next = deadline_in_ms(3600 * 1000);
    int64_t now = monotonic_ns();

    for (struct connection *connection = cache->table, *after; connection != NULL; connection = after) {
        int64_t due = connection->idle_since_ns + (int64_t)connection->idle_close_ms * 1000000;

        after = connection->next;
        if (connection->users != 0 || (!cache->closing && connection->idle_close_ms == UINT32_MAX))
            continue;
        if (cache->closing || due <= now) {
            unlist(connection);
            connection->next = cache->to_close;
            cache->to_close = connection;
        } else if (due < next.at_ns) {
            next.at_ns = due;
        }
    }
    return next;
}

static void cache_free(struct connection_cache *cache)
{
    claims_free(cache->claims);
    certificates_free(cache->certificates);
    pthread_cond_destroy(&cache->changed);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static void *reaper_thread(void *argument)
{
    struct connection_cache *cache = argument;
    bool own;

    pthread_mutex_lock(&cache->lock);
    for (;;) {
        struct deadline next = collect_idle(cache);
        struct connection *connection = cache->to_close;

        if (connection != NULL) {
            cache->to_close = connection->next;
            pthread_mutex_unlock(&cache->lock);
            connection_destroy(connection);
            pthread_mutex_lock(&cache->lock);
            cache->alive--;
            continue;
        }
        if (cache->closing && cache->alive == 0)
            break;
        monotonic_cond_wait(&cache->changed, &cache->lock, next);
    }
    cache->reaper_ended = true;
    own = cache->reaper_owns;
    pthread_cond_broadcast(&cache->changed);
    pthread_mutex_unlock(&cache->lock);
    if (own)
        cache_free(cache);
    return NULL;
}

/* ---- the cache ---- */

static struct connection_cache *cache_new(void)
{
    struct connection_cache *cache = calloc(1, sizeof(*cache));

    if (cache == NULL)
        return NULL;
    cache->claims = claims_new();
    cache->certificates = certificates_new();
    if (cache->claims == NULL || cache->certificates == NULL) {
        if (cache->claims != NULL)
            claims_free(cache->claims);
        certificates_free(cache->certificates);
        free(cache);
        return NULL;
    }
    pthread_mutex_init(&cache->lock, NULL);
    monotonic_cond_init(&cache->changed);
    return cache;
}

int32_t connection_cache_get(struct connection_cache **out, vtclone_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, watch_forks);
    pthread_mutex_lock(&current_lock);
    if (current == NULL)
        current = cache_new();
    if (current != NULL)
        current->handles++;
    *out = current;
    pthread_mutex_unlock(&current_lock);
    return *out != NULL ? 0 : error_nomem(err, "the connection cache");
}

/* Asks the reaper to close everything, and leaves the cache to it if that takes long. */
static void cache_close(struct connection_cache *cache)
{
    struct deadline deadline = deadline_in_ms(CLOSE_WAIT_MS);
    bool join;

    pthread_mutex_lock(&cache->lock);
    cache->closing = true;
    pthread_cond_broadcast(&cache->changed);
    while (cache->reaper_runs && !cache->reaper_ended &&
           monotonic_cond_wait(&cache->changed, &cache->lock, deadline))
        ;
    join = cache->reaper_runs && cache->reaper_ended;
    cache->reaper_owns = cache->reaper_runs && !cache->reaper_ended;
    if (cache->reaper_owns)
        pthread_detach(cache->reaper);
    pthread_mutex_unlock(&cache->lock);
    if (join)
        pthread_join(cache->reaper, NULL);
    if (join || !cache->reaper_runs)
        cache_free(cache);
}

void connection_cache_put(struct connection_cache *cache)
{
    bool last;

    pthread_mutex_lock(&current_lock);
    last = --cache->handles == 0;
    if (last)
        current = NULL;
    pthread_mutex_unlock(&current_lock);
    if (last)
        cache_close(cache);
}

struct claims *connection_cache_claims(struct connection_cache *cache)
{
    return cache->claims;
}

struct certificates *connection_cache_certificates(struct connection_cache *cache)
{
    return cache->certificates;
}

void connection_stats(vtclone_stats *out)
{
    out->connects = atomic_load(&connects);
    out->connect_failures = atomic_load(&connect_failures);
    out->open_connections = atomic_load(&open_connections);
}

/* ---- connecting ---- */

static void *connect_thread(void *argument)
{
    struct connection *connection = argument;
    struct connection_cache *cache = connection->cache;
    struct cluster cluster = { 0 };
    vtclone_error error = { 0 };
    int32_t code = cluster_connect(&connection->key, &cluster, &error);

    atomic_fetch_add(code == 0 ? &connects : &connect_failures, 1);
    pthread_mutex_lock(&cache->lock);
    if (code == 0) {
        atomic_fetch_add(&open_connections, 1);
        connection->cluster = cluster;
        connection->state = READY;
    } else {
        connection->error = error;
        connection->state = FAILED;
        unlist(connection);
    }
    pthread_cond_broadcast(&cache->changed);
    drop_user(connection);
    pthread_mutex_unlock(&cache->lock);
    return NULL;
}

static bool same(const char *one, const char *other)
{
    return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

static bool key_equal(const struct cluster_key *one, const struct cluster_key *other)
{
    return same(one->ceph_conf, other->ceph_conf) && same(one->cluster, other->cluster) &&
           same(one->user, other->user) && one->connect_timeout_ms == other->connect_timeout_ms &&
           one->mon_timeout_ms == other->mon_timeout_ms && one->osd_timeout_ms == other->osd_timeout_ms;
}

static struct connection *connection_new(struct connection_cache *cache, const struct cluster_key *key)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL)
        return NULL;
    pools_init(&connection->pools);
    connection->cache = cache;
    connection->key = *key;
    connection->key.ceph_conf = key->ceph_conf != NULL ? strdup(key->ceph_conf) : NULL;
    connection->key.cluster = strdup(key->cluster);
    connection->key.user = strdup(key->user);
    connection->parents = parent_cache_new();
    connection->direct = direct_cache_new();
    if ((key->ceph_conf != NULL && connection->key.ceph_conf == NULL) || connection->key.cluster == NULL ||
        connection->key.user == NULL || connection->parents == NULL ||
        connection->direct == NULL) {
        connection_destroy(connection);
        return NULL;
    }
    return connection;
}

/* Lists a new connection and starts the thread that makes it; the caller becomes a user. NULL + err: it could not. */
static struct connection *begin(struct connection_cache *cache, const struct cluster_key *key, vtclone_error *err)
{
    struct connection *connection;
    pthread_t thread;
    int result = 0;

    if (!cache->reaper_runs)
        result = thread_start(&cache->reaper, reaper_thread, cache);
    if (result != 0) {
        error_set_errno(err, VTCLONE_E_NOMEM, result, "start the thread that closes connections");
        return NULL;
    }
    cache->reaper_runs = true;
    connection = connection_new(cache, key);
    if (connection == NULL) {
        error_nomem(err, "a connection");
        return NULL;
    }
    connection->users = 2; /* the thread and the caller */
    result = thread_start(&thread, connect_thread, connection);
    if (result != 0) {
        connection_destroy(connection);
        error_set_errno(err, VTCLONE_E_NOMEM, result, "start the thread that connects to a cluster");
        return NULL;
    }
    pthread_detach(thread);
    connection->listed = true;
    connection->next = cache->table;
    cache->table = connection;
    cache->alive++;
    return connection;
}

/* Waits until it is READY; anything else fills err. */
static int32_t await(struct connection *connection, struct deadline deadline, vtclone_error *err)
{
    struct deadline patience = deadline_in_ms(connection->key.connect_timeout_ms);
    char shown[600];

    if (deadline.at_ns < patience.at_ns)
        patience = deadline;
    while (connection->state == CONNECTING &&
           monotonic_cond_wait(&connection->cache->changed, &connection->cache->lock, patience))
        ;
    if (connection->state == READY)
        return 0;
    if (connection->state == FAILED) {
        *err = connection->error;
        return err->code;
    }
    return error_set_errno(err, VTCLONE_E_TIMEOUT, ETIMEDOUT, "connect to %s: no monitor answered",
                           cluster_shown(&connection->key, shown, sizeof(shown)));
}

/* The connection with that key, listed or begun now, READY, with the caller as a user; with the lock held. */
static int32_t find_or_make(struct connection_cache *cache, const struct cluster_key *key, struct deadline deadline,
                            struct connection **out, vtclone_error *err)
{
    struct connection *connection = cache->table;
    int32_t code;

    while (connection != NULL && !key_equal(&connection->key, key))
        connection = connection->next;
    if (connection != NULL)
        connection->users++;
    else
        connection = begin(cache, key, err);
    if (connection == NULL)
        return err->code;
    code = await(connection, deadline, err);
    if (code != 0)
        drop_user(connection);
    else
        *out = connection;
    return code;
}

int32_t connection_get(struct connection_cache *cache, const vtclone_options *options, const struct backend *backend,
                       struct deadline deadline, struct connection **out, vtclone_error *err)
{
    struct cluster_key key = {
        .ceph_conf = backend->ceph_conf,
        .cluster = backend->cluster != NULL ? backend->cluster : "ceph",
        .user = backend->user != NULL ? backend->user : "admin",
        .connect_timeout_ms = options->connect_timeout_ms,
        .mon_timeout_ms = options->mon_timeout_ms,
        .osd_timeout_ms = options->osd_timeout_ms,
    };
    struct connection *connection;
    char shown[600];
    int32_t code;

    pthread_mutex_lock(&cache->lock);
    code = find_or_make(cache, &key, deadline, &connection, err);
    if (code == 0) {
        connection->idle_close_ms = options->idle_close_ms;
        if (backend->fsid != NULL && strcasecmp(backend->fsid, connection->cluster.fsid) != 0) {
            code = error_set(err, VTCLONE_E_RADOS,
                             "connect to %s: it is the cluster %s, but the site says that %s is %s",
                             cluster_shown(&key, shown, sizeof(shown)), connection->cluster.fsid, backend->host,
                             backend->fsid);
            drop_user(connection);
        }
    }
    pthread_mutex_unlock(&cache->lock);
    if (code == 0)
        *out = connection;
    return code;
}

int32_t connection_replace(struct connection **connection, struct deadline deadline, vtclone_error *err)
{
    struct connection *old = *connection, *fresh;
    struct connection_cache *cache = old->cache;
    int32_t code;

    pthread_mutex_lock(&cache->lock);
    unlist(old);
    code = find_or_make(cache, &old->key, deadline, &fresh, err);
    if (code == 0) {
        fresh->idle_close_ms = old->idle_close_ms;
        drop_user(old);
        *connection = fresh;
    }
    pthread_mutex_unlock(&cache->lock);
    return code;
}

struct connection *connection_ref(struct connection *connection)
{
    pthread_mutex_lock(&connection->cache->lock);
    connection->users++;
    pthread_mutex_unlock(&connection->cache->lock);
    return connection;
}

void connection_put(struct connection *connection, bool broken)
{
    struct connection_cache *cache = connection->cache;

    pthread_mutex_lock(&cache->lock);
    if (broken)
        unlist(connection);
    drop_user(connection);
    pthread_mutex_unlock(&cache->lock);
}

rados_t connection_cluster(const struct connection *connection)
{
    return connection->cluster.rados;
}

const char *connection_fsid(const struct connection *connection)
{
    return connection->cluster.fsid;
}

uint64_t connection_instance(const struct connection *connection)
{
    return connection->cluster.instance;
}

struct parent_cache *connection_parents(struct connection *connection)
{
    return connection->parents;
}

struct direct_cache *connection_direct(struct connection *connection)
{
    return connection->direct;
}

static void hold(void *owner)
{
    connection_ref(owner);
}

static void drop(void *owner)
{
    connection_put(owner, false);
}

int32_t connection_pool(struct connection *connection, const char *pool, rados_ioctx_t *out, vtclone_error *err)
{
    return pools_get(&connection->pools, connection->cluster.rados, pool, connection->key.mon_timeout_ms, hold, drop,
                     connection, out, err);
}

bool connection_errno_breaks(int sys_errno)
{
    /* A key that is no longer accepted looks like ETIMEDOUT, because the OSDs do not answer; ESHUTDOWN: blocklisted. */
    static const int breaking[] = { ETIMEDOUT, ESHUTDOWN, ENOTCONN, ECONNRESET, EPIPE };

    for (size_t i = 0; i < sizeof(breaking) / sizeof(breaking[0]); i++)
        if (abs(sys_errno) == breaking[i])
            return true;
    return false;
}

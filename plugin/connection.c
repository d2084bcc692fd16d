/*
 * connection.c - finding, making, using and leaving a connection; see connection.h, and connection_cache.h for the rules
 * that its states follow.
 */
#include "connection_cache.h"

#include "direct_facts.h"
#include "error.h"
#include "parent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void *connect_thread(void *argument)
{
    struct connection *connection = argument;
    struct connection_cache *cache = connection->cache;
    struct cluster cluster = { 0 };
    vtclone_error error = { 0 };
    int32_t code = cluster_connect(&connection->key, &cluster, &error);

    atomic_fetch_add(code == 0 ? &connection_counters.made : &connection_counters.failed, 1);
    pthread_mutex_lock(&cache->lock);
    if (code == 0) {
        atomic_fetch_add(&connection_counters.open, 1);
        connection->cluster = cluster;
        connection->state = READY;
    } else {
        connection->error = error;
        connection->state = FAILED;
        connection_unlist(connection);
    }
    pthread_cond_broadcast(&cache->changed);
    connection_drop_user(connection);
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

/* Lists a new connection and starts the thread that makes it; the caller becomes a user. NULL + err:
 * there was no memory or no thread for it, VTCLONE_E_NOMEM. */
static struct connection *begin(struct connection_cache *cache, const struct cluster_key *key, vtclone_error *err)
{
    struct connection *connection;
    pthread_t thread;
    int result = connection_cache_need_reaper(cache);

    if (result != 0) {
        error_set_errno(err, VTCLONE_E_NOMEM, result, "start the thread that closes connections");
        return NULL;
    }
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

/* So many milliseconds from now, or the deadline if that is earlier. */
static struct deadline within(struct deadline deadline, uint32_t ms)
{
    struct deadline patience = deadline_in_ms(ms);

    return deadline.at_ns < patience.at_ns ? deadline : patience;
}

/* Waits until it is READY; anything else fills err. */
static int32_t await(struct connection *connection, struct deadline deadline, vtclone_error *err)
{
    struct deadline patience = within(deadline, connection->key.connect_timeout_ms);
    char shown[600];

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
        return VTCLONE_E_NOMEM;
    code = await(connection, deadline, err);
    if (code != 0)
        connection_drop_user(connection);
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
            connection_drop_user(connection);
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
    connection_unlist(old);
    code = find_or_make(cache, &old->key, deadline, &fresh, err);
    if (code == 0) {
        fresh->idle_close_ms = old->idle_close_ms;
        connection_drop_user(old);
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
        connection_unlist(connection);
    connection_drop_user(connection);
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

atomic_int *connection_late_threads(struct connection *connection)
{
    return &connection->cache->late_threads;
}

static void hold(void *owner)
{
    connection_ref(owner);
}

static void drop(void *owner)
{
    connection_put(owner, false);
}

int32_t connection_pool(struct connection *connection, const char *pool, struct deadline deadline, rados_ioctx_t *out,
                        vtclone_error *err)
{
    return pools_get(&connection->pools, connection->cluster.rados, pool, within(deadline, connection->key.mon_timeout_ms),
                     hold, drop, connection, out, err);
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

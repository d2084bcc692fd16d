/*
 * connection_cache.c - the life of the connection cache: made with the first handle, closed with the last; the reaper that
 * ends connections; and what a fork does to it. See connection.h.
 */
#include "connection_cache.h"

#include "certify.h"
#include "claim.h"
#include "direct_facts.h"
#include "error.h"
#include "parent.h"

#include <stdlib.h>

#define CLOSE_WAIT_MS 5000 /* how long the last handle waits for connections to be closed */

static pthread_mutex_t current_lock = PTHREAD_MUTEX_INITIALIZER;
static struct connection_cache *current;
struct connection_counters connection_counters;

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
    atomic_store(&connection_counters.open, 0);
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* ---- closing ---- */

void connection_destroy(struct connection *connection)
{
    pools_release(&connection->pools);
    if (connection->cluster.rados != NULL) {
        rados_shutdown(connection->cluster.rados);
        atomic_fetch_sub(&connection_counters.open, 1);
    }
    parent_cache_free(connection->parents);
    direct_cache_free(connection->direct);
    free((void *)(uintptr_t)connection->key.ceph_conf);
    free((void *)(uintptr_t)connection->key.cluster);
    free((void *)(uintptr_t)connection->key.user);
    free(connection);
}

void connection_unlist(struct connection *connection)
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

void connection_drop_user(struct connection *connection)
{
    if (--connection->users != 0)
        return;
    connection->idle_since_ns = monotonic_ns();
    if (connection->cache->closing)
        connection_unlist(connection);
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
            connection_unlist(connection);
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

int connection_cache_need_reaper(struct connection_cache *cache)
{
    int result;

    if (cache->reaper_runs)
        return 0;
    result = thread_start(&cache->reaper, reaper_thread, cache);
    cache->reaper_runs = result == 0;
    return result;
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
    bool join, mine;

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
    mine = !cache->reaper_owns; /* where it is not, the cache may be gone from here on */
    pthread_mutex_unlock(&cache->lock);
    if (join)
        pthread_join(cache->reaper, NULL);
    if (mine)
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
    out->connects = atomic_load(&connection_counters.made);
    out->connect_failures = atomic_load(&connection_counters.failed);
    out->open_connections = atomic_load(&connection_counters.open);
}

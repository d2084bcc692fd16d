/*
 * http_pool.c - the handles of a pool: made on demand up to a number, lent to one thread at a time, last in first out.
 */
#include "http_pool.h"

#include "error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

static void global_init(void)
{
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void share_lock(CURL *curl, curl_lock_data data, curl_lock_access access, void *context)
{
    struct http_pool *pool = context;

    (void)curl, (void)access;
    pthread_mutex_lock(&pool->share_locks[data]);
}

static void share_unlock(CURL *curl, curl_lock_data data, void *context)
{
    struct http_pool *pool = context;

    (void)curl;
    pthread_mutex_unlock(&pool->share_locks[data]);
}

static void init_locks(struct http_pool *pool)
{
    pthread_condattr_t monotonic;

    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->put, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&pool->lock, NULL);
    for (int i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_init(&pool->share_locks[i], NULL);
}

int32_t http_pool_new(const struct http_options *options, struct http_pool **out, vtclone_error *err)
{
    pthread_once(&global_once, global_init);
    if (global_result != CURLE_OK)
        return error_set(err, VTCLONE_E_INTERNAL, "start libcurl: %s", curl_easy_strerror(global_result));
    struct http_pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL)
        return error_nomem(err, "the HTTP pool");
    init_locks(pool);
    pool->insecure = options->insecure;
    pool->connect_timeout_ms = options->connect_timeout_ms;
    pool->call_timeout_ms = options->call_timeout_ms;
    pool->debug_fd = options->debug_fd;
    pool->ca_file = options->ca_file != NULL ? strdup(options->ca_file) : NULL;
    pool->share = curl_share_init();
    if (pool->share == NULL || (options->ca_file != NULL && pool->ca_file == NULL)) {
        http_pool_free(pool);
        return error_nomem(err, "the HTTP pool");
    }
    if (curl_share_setopt(pool->share, CURLSHOPT_USERDATA, pool) != CURLSHE_OK ||
        curl_share_setopt(pool->share, CURLSHOPT_LOCKFUNC, share_lock) != CURLSHE_OK ||
        curl_share_setopt(pool->share, CURLSHOPT_UNLOCKFUNC, share_unlock) != CURLSHE_OK ||
        curl_share_setopt(pool->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) != CURLSHE_OK ||
        curl_share_setopt(pool->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK) {
        http_pool_free(pool); /* a build of curl without one of them does not exist */
        return error_nomem(err, "the HTTP pool");
    }
    *out = pool;
    return VTCLONE_OK;
}

void http_pool_free(struct http_pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->idle != NULL) {
        struct http_handle *handle = pool->idle;
        pool->idle = handle->next;
        curl_easy_cleanup(handle->curl);
        free(handle);
    }
    if (pool->share != NULL)
        curl_share_cleanup(pool->share);
    for (int i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_destroy(&pool->share_locks[i]);
    pthread_cond_destroy(&pool->put);
    pthread_mutex_destroy(&pool->lock);
    free(pool->ca_file);
    free(pool);
}

void http_pool_stats(struct http_pool *pool, struct http_stats *out)
{
    out->requests = atomic_load(&pool->requests);
    out->connects = atomic_load(&pool->connects);
    out->retries = atomic_load(&pool->retries);
}

void http_count_retry(struct http_pool *pool)
{
    atomic_fetch_add(&pool->retries, 1);
}

static struct http_handle *new_handle(void)
{
    struct http_handle *handle = calloc(1, sizeof(*handle));

    if (handle != NULL && (handle->curl = curl_easy_init()) == NULL) {
        free(handle);
        return NULL;
    }
    return handle;
}

int32_t http_handle_get(struct http_pool *pool, const struct call *call, const struct http_request *request,
                        struct http_handle **out, vtclone_error *err)
{
    struct timespec until = { .tv_sec = call->deadline.at_ns / 1000000000, .tv_nsec = call->deadline.at_ns % 1000000000 };
    struct http_handle *handle = NULL;
    bool make = false, waiting = true;

    pthread_mutex_lock(&pool->lock);
    while (waiting && pool->idle == NULL && pool->made >= HTTP_POOL_HANDLES)
        waiting = pthread_cond_timedwait(&pool->put, &pool->lock, &until) != ETIMEDOUT;
    if (pool->idle != NULL) {
        handle = pool->idle;
        pool->idle = handle->next;
    } else if (pool->made < HTTP_POOL_HANDLES) {
        pool->made++;
        make = true;
    }
    pthread_mutex_unlock(&pool->lock);

    if (make && (handle = new_handle()) == NULL) {
        pthread_mutex_lock(&pool->lock);
        pool->made--;
        pthread_cond_signal(&pool->put);
        pthread_mutex_unlock(&pool->lock);
        return error_nomem(err, request->what);
    }
    if (handle == NULL)
        return error_set(err, VTCLONE_E_TIMEOUT, "%s: %d other requests were under way until the deadline", request->what,
                         HTTP_POOL_HANDLES);
    *out = handle;
    return VTCLONE_OK;
}

void http_handle_put(struct http_pool *pool, struct http_handle *handle)
{
    curl_easy_reset(handle->curl); /* drops the pointers to the request; connections stay */
    pthread_mutex_lock(&pool->lock);
    handle->next = pool->idle;
    pool->idle = handle;
    pthread_cond_signal(&pool->put);
    pthread_mutex_unlock(&pool->lock);
}

CURLcode http_handle_prepare(struct http_pool *pool, struct http_handle *handle, uint32_t timeout_ms)
{
    CURL *curl = handle->curl;
    const uint32_t timeout = MAX(timeout_ms, 1u); /* 0 would mean for ever */
    CURLcode code = CURLE_OK;

    HTTP_SET(code, curl, CURLOPT_SHARE, pool->share);
    HTTP_SET(code, curl, CURLOPT_NOSIGNAL, 1L);
    HTTP_SET(code, curl, CURLOPT_NOPROGRESS, 0L);
    HTTP_SET(code, curl, CURLOPT_FOLLOWLOCATION, 0L);
#if LIBCURL_VERSION_NUM >= 0x075500
    HTTP_SET(code, curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    HTTP_SET(code, curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    HTTP_SET(code, curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    HTTP_SET(code, curl, CURLOPT_HTTP09_ALLOWED, 0L);
    HTTP_SET(code, curl, CURLOPT_TCP_KEEPALIVE, 1L);
    HTTP_SET(code, curl, CURLOPT_USERAGENT, "vtclone/" VTCLONE_VERSION);
    HTTP_SET(code, curl, CURLOPT_CONNECTTIMEOUT_MS, (long)MIN(pool->connect_timeout_ms, timeout));
    HTTP_SET(code, curl, CURLOPT_TIMEOUT_MS, (long)timeout);
    if (pool->ca_file != NULL)
        HTTP_SET(code, curl, CURLOPT_CAINFO, pool->ca_file);
    if (pool->insecure) {
        HTTP_SET(code, curl, CURLOPT_SSL_VERIFYPEER, 0L);
        HTTP_SET(code, curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    return code;
}

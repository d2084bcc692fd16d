/*
 * http_pool.h - inside of the pool, for http.c and http_pool.c only: curl's handles and what they share.
 */
#ifndef VTCLONE_HTTP_POOL_H
#define VTCLONE_HTTP_POOL_H

#include "http.h"

#include <curl/curl.h>
#include <pthread.h>

#define HTTP_POOL_HANDLES 16 /* requests of one pool under way at the same time; others wait */

struct http_handle {
    CURL *curl;
    struct http_handle *next;
};

struct http_pool {
    pthread_mutex_t lock;     /* of idle and made; never held across the network */
    pthread_cond_t put;       /* a handle came back */
    struct http_handle *idle; /* the one that came back last is first */
    unsigned made;
    CURLSH *share;            /* DNS answers and TLS sessions */
    pthread_mutex_t share_locks[CURL_LOCK_DATA_LAST];
    char *ca_file;
    bool insecure;
    uint32_t connect_timeout_ms;
    uint32_t call_timeout_ms;
    int32_t debug_fd;
    atomic_uint_fast64_t requests, connects, retries;
};

/* curl_easy_setopt() unless an earlier one has failed. */
#define HTTP_SET(code, curl, option, value)                  \
    do {                                                     \
        if ((code) == CURLE_OK)                              \
            (code) = curl_easy_setopt(curl, option, value);  \
    } while (0)

/* A handle for this thread alone; waits for one up to the deadline. */
int32_t http_handle_get(struct http_pool *pool, const struct call *call, const struct http_request *request,
                        struct http_handle **out, vtclone_error *err);
void http_handle_put(struct http_pool *pool, struct http_handle *handle);
/* Sets everything that is the same for all requests. What cannot be set must not be done without: curl's defaults follow
 * other protocols, trust other certificates, wait for ever. */
CURLcode http_handle_prepare(struct http_pool *pool, struct http_handle *handle, uint32_t timeout_ms);

#endif

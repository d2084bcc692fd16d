/*
 * http.h - HTTP to the services of a cloud: a pool of curl's easy handles, one request with its deadline, its caps and
 * its retries.
 *
 * A handle is owned by one thread between taking it from the pool and giving it back, connections stay with their
 * handle, and the handle given back last is taken first, so that one request after the other uses one connection. DNS
 * answers and TLS sessions are shared. Redirects are never followed (the token would go along), nothing compressed is
 * asked for or accepted, and only http and https are spoken.
 *
 * An answer of any status is a success of http_request(); its caller judges the status, and http_refusal() words it.
 */
#ifndef VTCLONE_HTTP_H
#define VTCLONE_HTTP_H

#include "deadline.h"
#include "vtclone.h"

#include <stdatomic.h>
#include <stdbool.h>

#define HTTP_MAX_TOKEN_BYTES 16384 /* one token; it goes into a header */

struct http_pool;

struct http_options {
    const char *ca_file;         /* NULL: the system's */
    bool insecure;               /* do not verify TLS */
    uint32_t connect_timeout_ms; /* to reach a server, TLS included */
    uint32_t call_timeout_ms;    /* one attempt of one request */
    int32_t debug_fd;            /* 0: none */
};

struct http_stats {
    uint64_t requests; /* sent, repetitions included */
    uint64_t connects;
    uint64_t retries;
};

/* What every request of one operation keeps to. */
struct call {
    struct deadline deadline;
    int cancel_fd; /* 0: none; readable: the operation is cancelled */
};

struct http_request {
    const char *method;
    const char *url;
    const char *what;          /* for messages: "get image X from Glance"; it names the service */
    int32_t code;              /* VTCLONE_E_GLANCE, ... of that service */
    bool repeatable;           /* sending it twice does what sending it once does */
    bool quiet;                /* what the service says in an error may echo a secret: never show it */
    const char *token;         /* X-Auth-Token, or NULL */
    const char *service_token; /* X-Service-Token, or NULL */
    const char *subject_token; /* X-Subject-Token, or NULL */
    const char *version;       /* OpenStack-API-Version ("volume 3.70"), or NULL */
    const char *body;          /* JSON, or NULL */
    size_t body_len;
    size_t cap;                /* bytes of the answer's body */
};

struct http_response {
    long status;
    char *body; /* NUL-terminated; NULL where there is none */
    size_t len;
    char content_type[64];     /* lower case, without parameters; "" where the server does not say */
    char *subject_token;       /* X-Subject-Token, or NULL; wiped by http_response_release() */
    uint32_t retry_after_ms;
    uint32_t attempts;
    bool sent;                 /* the server may have seen the request, whatever became of the answer */
};

int32_t http_pool_new(const struct http_options *options, struct http_pool **out, vtclone_error *err);
/* No request may be under way. */
void http_pool_free(struct http_pool *pool);
void http_pool_stats(struct http_pool *pool, struct http_stats *out);

/* Sends the request, repeats it where that is safe (http_retry.c), and fills response, which the caller releases
 * in any case. Fails with VTCLONE_E_TIMEOUT, VTCLONE_E_CANCELLED, or the service's code. */
int32_t http_request(struct http_pool *pool, const struct http_request *request, const struct call *call,
                     struct http_response *response, vtclone_error *err);
void http_response_release(struct http_response *response);

/* Fails with the service's code and a line that holds the status and what the service said, cleaned. */
int32_t http_refusal(const struct http_request *request, const struct http_response *response, vtclone_error *err);

/* Whether a text can be sent as a header's value: printable ASCII without blanks, not empty, not too long. */
bool http_token_is_sendable(const char *token);
/* Takes an endpoint apart and puts a clean one together: http or https, a host, no user info, no query; no slash at
 * the end. The caller frees *out. what names it in messages ("OS_AUTH_URL"). */
int32_t http_endpoint(const char *url, const char *what, char **out, vtclone_error *err);

/* Waits, but not past the deadline. Fails with VTCLONE_E_CANCELLED or, where the deadline is nearer than ms, with
 * VTCLONE_E_TIMEOUT at once. */
int32_t call_sleep(const struct call *call, uint32_t ms, const char *what, vtclone_error *err);
bool call_is_cancelled(const struct call *call);
/* A formatted text that the caller frees; NULL: no memory. */
char *format_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* ms changed by up to a fifth either way, so that many clients do not come back together. */
uint32_t jittered(uint32_t ms);

/* ---- between http.c and http_retry.c ---- */

/* One attempt. *retry: the failure is one that a repetition may mend. */
int32_t http_attempt(struct http_pool *pool, const struct http_request *request, const struct call *call,
                     struct http_response *response, bool *retry, bool *unsent, vtclone_error *err);
void http_count_retry(struct http_pool *pool);

#endif

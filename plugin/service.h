/*
 * service.h - requests to Glance and Cinder with a token: the endpoint from the catalogue, one more try with a new token
 * after a 401, answers read as JSON, their faults put down to the service.
 */
#ifndef VTCLONE_SERVICE_H
#define VTCLONE_SERVICE_H

#include "arena.h"
#include "http.h"
#include "json.h"
#include "keystone.h"

struct service {
    struct http_pool *http;
    struct keystone *keystone;
    enum cloud_service kind;
    int32_t code;     /* VTCLONE_E_GLANCE or VTCLONE_E_CINDER */
    const char *base; /* checked endpoint; set by the service once it is known, else NULL: keystone's as it is */
};

struct service_request {
    const char *method;        /* NULL: GET */
    const char *path;          /* after the base, with its leading slash */
    const char *what;          /* "get image X from Glance" */
    bool repeatable;           /* a GET always is */
    const char *user_token;    /* instead of the cloud's own; never renewed */
    bool as_service;           /* send the cloud's own token as X-Service-Token too */
    const char *version;       /* OpenStack-API-Version, or NULL */
    const char *body;
    size_t body_len;
    size_t cap;                /* bytes of the answer; 0: 4 MiB */
};

/* Sends it. Any status but 401 is a success, and of a request as_service that one, too; the caller releases response in any case. */
int32_t service_send(const struct service *service, const struct service_request *request, const struct call *call,
                     struct http_response *response, vtclone_error *err);
/* The refusal of an answer, as http_refusal(). */
int32_t service_refusal(const struct service *service, const struct service_request *request,
                        const struct http_response *response, vtclone_error *err);
/* GETs a document: status 200 and JSON, or a failure. Strings of *out belong to arena. */
int32_t service_get(const struct service *service, const struct service_request *request, const struct call *call,
                    struct arena *arena, struct json **out, vtclone_error *err);
/* Reads an answer; what is wrong with it is the service's failure. */
int32_t service_parse(const struct http_request *request, const struct http_response *response, struct arena *arena,
                      struct json **out, vtclone_error *err);
int32_t service_read(const struct service *service, const struct service_request *request,
                     const struct http_response *response, struct arena *arena, struct json **out, vtclone_error *err);

/* The pieces of text that go into a URL's path or query, percent-encoded, in arena; NULL: no memory. */
const char *url_escaped(struct arena *arena, const char *text);

#endif

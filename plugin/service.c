/*
 * service.c - requests with a token, and reading what comes back.
 */
#include "service.h"

#include "error.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define USUAL_CAP (4u * 1024 * 1024)

static struct http_request http_form(const struct service *service, const struct service_request *request)
{
    return (struct http_request){
        .method = request->method != NULL ? request->method : "GET",
        .what = request->what,
        .code = service->code,
        .repeatable = request->repeatable || request->method == NULL,
        .version = request->version,
        .body = request->body,
        .body_len = request->body_len,
        .cap = request->cap != 0 ? request->cap : USUAL_CAP,
    };
}

static bool holds(const struct http_response *response, const char *token)
{
    return token != NULL && response->body != NULL && memmem(response->body, response->len, token, strlen(token)) != NULL;
}

/* One token, one request. *serial: of the cloud's token that was sent; 0: it was the user's. */
static int32_t send_once(const struct service *service, const struct service_request *request, const char *url,
                         const struct call *call, uint64_t refused, uint64_t *serial, struct http_response *response,
                         vtclone_error *err)
{
    struct http_request form = http_form(service, request);
    struct token *token = NULL;
    int32_t rc = VTCLONE_OK;

    *serial = 0;
    if (request->user_token == NULL || request->as_service)
        rc = keystone_token(service->keystone, call, refused, &token, err);
    if (rc != VTCLONE_OK)
        return rc;
    if (request->user_token == NULL)
        *serial = token->serial;
    form.url = url;
    form.token = request->user_token != NULL ? request->user_token : token->text;
    form.service_token = request->as_service ? token->text : NULL;
    rc = http_request(service->http, &form, call, response, err);
    if (rc == VTCLONE_OK && (holds(response, form.token) || holds(response, form.service_token))) {
        /* What echoes a token is not worth showing, nor reading: a member of it could get into a message. */
        explicit_bzero(response->body, response->len);
        response->len = 0;
    }
    token_put(token);
    return rc;
}

int32_t service_send(const struct service *service, const struct service_request *request, const struct call *call,
                     struct http_response *response, vtclone_error *err)
{
    const char *base = service->base;
    uint64_t serial = 0;
    char *url;

    *response = (struct http_response){ 0 };
    int32_t rc = base != NULL ? VTCLONE_OK : keystone_endpoint(service->keystone, call, service->kind, &base, err);
    if (rc != VTCLONE_OK)
        return rc;
    if ((url = format_text("%s%s", base, request->path)) == NULL)
        return error_nomem(err, request->what);
    rc = send_once(service, request, url, call, 0, &serial, response, err);
    if (rc == VTCLONE_OK && response->status == 401 && serial != 0) {
        http_response_release(response);
        rc = send_once(service, request, url, call, serial, &serial, response, err);
    }
    free(url);
    /* A service token of a user without the service role is refused with 401, too: the token is good all the same. */
    if (rc == VTCLONE_OK && response->status == 401 && !request->as_service)
        rc = error_set(err, VTCLONE_E_KEYSTONE, "%s: HTTP 401: %s", request->what,
                       request->user_token != NULL ? "the user's token was refused" : "a new token was refused too");
    return rc;
}

int32_t service_refusal(const struct service *service, const struct service_request *request,
                        const struct http_response *response, vtclone_error *err)
{
    struct http_request form = http_form(service, request);

    return http_refusal(&form, response, err);
}

int32_t service_parse(const struct http_request *request, const struct http_response *response, struct arena *arena,
                      struct json **out, vtclone_error *err)
{
    vtclone_error wrong = { 0 };
    int32_t rc;

    if (response->len == 0)
        return error_set(err, request->code, "%s: the answer is empty", request->what);
    rc = json_parse(arena, "the answer", response->body, response->len, out, &wrong);
    if (rc == VTCLONE_E_NOMEM)
        return error_nomem(err, request->what);
    if (rc == VTCLONE_OK && (*out)->type != JSON_OBJECT && (*out)->type != JSON_ARRAY)
        rc = error_set(&wrong, VTCLONE_E_DOCUMENT, "the answer: neither an object nor a list");
    return rc == VTCLONE_OK ? rc : error_set(err, request->code, "%s: %s", request->what, wrong.message);
}

int32_t service_read(const struct service *service, const struct service_request *request,
                     const struct http_response *response, struct arena *arena, struct json **out, vtclone_error *err)
{
    struct http_request form = http_form(service, request);

    return service_parse(&form, response, arena, out, err);
}

int32_t service_get(const struct service *service, const struct service_request *request, const struct call *call,
                    struct arena *arena, struct json **out, vtclone_error *err)
{
    struct http_response response;
    int32_t rc = service_send(service, request, call, &response, err);

    if (rc == VTCLONE_OK && response.status != 200)
        rc = service_refusal(service, request, &response, err);
    if (rc == VTCLONE_OK)
        rc = service_read(service, request, &response, arena, out, err);
    http_response_release(&response);
    return rc;
}

const char *url_escaped(struct arena *arena, const char *text)
{
    char *escaped = curl_easy_escape(NULL, text, (int)strnlen(text, 4096));
    const char *copy = arena_strdup(arena, escaped);

    curl_free(escaped);
    return copy;
}

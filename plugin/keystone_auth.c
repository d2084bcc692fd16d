/*
 * keystone_auth.c - Keystone's v3 API: finding it, asking for a token, reading the token's facts and its catalogue.
 */
#include "keystone_private.h"

#include "error.h"
#include "json.h"
#include "service.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#define ANSWER_BYTES (4u * 1024 * 1024)   /* a token with a large catalogue */
#define ANSWER_ARENA (64u * 1024 * 1024)
#define REQUEST_ARENA (512u * 1024)
#define SECOND_NS ((int64_t)1000000000)
#define SHORTEST_LIFE_NS (60 * SECOND_NS) /* a clock that stands still must not make us ask without end */
#define LONGEST_LIFE_NS (7 * 24 * 3600 * SECOND_NS)

const char *const keystone_service_names[SERVICE_COUNT] = {
    [SERVICE_IMAGE] = "image (Glance)",
    [SERVICE_VOLUME] = "block-storage (Cinder)",
};

/* Names of a service's type in catalogues, best first. */
static const char *const service_types[SERVICE_COUNT][4] = {
    [SERVICE_IMAGE] = { "image" },
    [SERVICE_VOLUME] = { "block-storage", "volumev3", "block-store", "volume" },
};

void authentication_release(struct authentication *authentication)
{
    if (authentication->token != NULL)
        explicit_bzero(authentication->token, strlen(authentication->token));
    free(authentication->token);
    for (int i = 0; i < SERVICE_COUNT; i++)
        free(authentication->endpoints[i]);
    *authentication = (struct authentication){ 0 };
}

/* ---- the request ---- */

/* "domain": by id or by name; the default domain where neither is known, as OpenStack's own clients have it. */
static void write_domain(struct json_writer *writer, const char *id, const char *name)
{
    json_key(writer, "domain");
    json_begin_object(writer);
    if (id == NULL && name != NULL)
        json_pair(writer, "name", name);
    else
        json_pair(writer, "id", id != NULL ? id : "default");
    json_end_object(writer);
}

static void write_user(struct json_writer *writer, const vtclone_cloud_options *options, bool with_password)
{
    json_key(writer, "user");
    json_begin_object(writer);
    if (options->user_id != NULL) {
        json_pair(writer, "id", options->user_id);
    } else {
        json_pair(writer, "name", options->username);
        write_domain(writer, options->user_domain_id, options->user_domain_name);
    }
    if (with_password)
        json_pair(writer, "password", options->password);
    json_end_object(writer);
}

static void write_application_credential(struct json_writer *writer, const vtclone_cloud_options *options)
{
    json_key(writer, "application_credential");
    json_begin_object(writer);
    if (options->application_credential_id != NULL) {
        json_pair(writer, "id", options->application_credential_id);
    } else {
        json_pair(writer, "name", options->application_credential_name);
        write_user(writer, options, false);
    }
    json_pair(writer, "secret", options->application_credential_secret);
    json_end_object(writer);
}

static void write_scope(struct json_writer *writer, const vtclone_cloud_options *options)
{
    json_key(writer, "scope");
    json_begin_object(writer);
    json_key(writer, "project");
    json_begin_object(writer);
    if (options->project_id != NULL) {
        json_pair(writer, "id", options->project_id);
    } else {
        json_pair(writer, "name", options->project_name);
        write_domain(writer, options->project_domain_id, options->project_domain_name);
    }
    json_end_object(writer);
    json_end_object(writer);
}

/* The body of POST /v3/auth/tokens. The caller wipes and frees it. */
static int32_t auth_body(const vtclone_cloud_options *options, char **out, size_t *len, vtclone_error *err)
{
    struct json_writer *writer = json_writer_new(REQUEST_ARENA);
    const bool application =
        options->application_credential_id != NULL || options->application_credential_name != NULL;

    if (writer == NULL)
        return error_nomem(err, "the request to Keystone");
    json_writer_is_secret(writer);
    json_begin_object(writer);
    json_key(writer, "auth");
    json_begin_object(writer);
    json_key(writer, "identity");
    json_begin_object(writer);
    json_key(writer, "methods");
    json_begin_array(writer);
    json_string(writer, application ? "application_credential" : "password");
    json_end_array(writer);
    if (application) {
        write_application_credential(writer, options);
    } else {
        json_key(writer, "password");
        json_begin_object(writer);
        write_user(writer, options, true);
        json_end_object(writer);
    }
    json_end_object(writer);
    if (!application) /* an application credential has its scope */
        write_scope(writer, options);
    json_end_object(writer);
    json_end_object(writer);
    int32_t rc = json_writer_finish(writer, out, len, err);
    json_writer_free(writer);
    return rc;
}

/* ---- the answer ---- */

/* Seconds since the epoch of "2026-11-23T17:00:00.000000Z"; -1 where it is not such a time. */
static time_t read_time(const char *text)
{
    struct tm parts = { 0 };

    return text != NULL && strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) != NULL ? timegm(&parts) : -1;
}

/* How long the token lives: by Keystone's own clock, so that ours may be wrong. */
static int64_t read_life(const char *issued, const char *expires)
{
    time_t from = read_time(issued), to = read_time(expires);

    if (from == -1 || to == -1 || to <= from)
        return SHORTEST_LIFE_NS;
    return MAX(MIN((int64_t)(to - from), LONGEST_LIFE_NS / SECOND_NS) * SECOND_NS, SHORTEST_LIFE_NS);
}

static bool endpoint_fits(const vtclone_cloud_options *options, const struct json *endpoint, const char **url)
{
    vtclone_error ignored = { 0 };
    const char *interface = NULL, *region = NULL, *region_id = NULL;

    *url = NULL;
    /* A strange entry of somebody else's service is no reason to fail: it just does not fit. */
    if (json_opt_string(endpoint, "interface", 64, &interface, "catalogue", &ignored) != VTCLONE_OK ||
        json_opt_string(endpoint, "region", 255, &region, "catalogue", &ignored) != VTCLONE_OK ||
        json_opt_string(endpoint, "region_id", 255, &region_id, "catalogue", &ignored) != VTCLONE_OK ||
        json_opt_string(endpoint, "url", VTCLONE_MAX_URL_BYTES, url, "catalogue", &ignored) != VTCLONE_OK)
        return false;
    if (*url == NULL || interface == NULL || strcmp(interface, options->interface_name) != 0)
        return false;
    return options->region == NULL || (region != NULL && strcmp(region, options->region) == 0) ||
           (region_id != NULL && strcmp(region_id, options->region) == 0);
}

static const char *find_endpoint(const vtclone_cloud_options *options, const struct json *catalogue, const char *type)
{
    for (const struct json *service = catalogue != NULL ? catalogue->first : NULL; service; service = service->next) {
        const struct json *named = json_get(service, "type"), *endpoints = json_get(service, "endpoints");
        const char *url;

        if (named == NULL || named->type != JSON_STRING || strcmp(named->text, type) != 0 || endpoints == NULL)
            continue;
        for (const struct json *endpoint = endpoints->first; endpoint != NULL; endpoint = endpoint->next)
            if (endpoint_fits(options, endpoint, &url))
                return url;
    }
    return NULL;
}

static int32_t read_catalogue(const vtclone_cloud_options *options, const struct json *catalogue,
                              struct authentication *out, vtclone_error *err)
{
    for (int i = 0; i < SERVICE_COUNT; i++) {
        const char *url = NULL;
        vtclone_error wrong = { 0 };

        for (size_t n = 0; n < 4 && service_types[i][n] != NULL && url == NULL; n++)
            url = find_endpoint(options, catalogue, service_types[i][n]);
        if (url == NULL)
            continue;
        if (http_endpoint(url, "the catalogue's endpoint", &out->endpoints[i], &wrong) != VTCLONE_OK)
            return wrong.code == VTCLONE_E_NOMEM
                       ? error_nomem(err, "the catalogue")
                       : error_set(err, VTCLONE_E_KEYSTONE, "service %s: %s", keystone_service_names[i], wrong.message);
    }
    return VTCLONE_OK;
}

static int32_t read_answer(const vtclone_cloud_options *options, const struct http_request *request,
                           const struct http_response *response, struct authentication *out, vtclone_error *err)
{
    __attribute__((cleanup(arena_release))) struct arena arena = { 0 };
    struct json *root;
    const char *issued = NULL, *expires = NULL, *project_id = NULL;
    const struct json *catalogue = NULL;

    arena_init(&arena, 16384, ANSWER_ARENA);
    int32_t rc = service_parse(request, response, &arena, &root, err);
    if (rc != VTCLONE_OK)
        return rc;
    const struct json *token = json_get(root, "token");
    vtclone_error wrong = { 0 };
    if (json_opt_string(token, "issued_at", 64, &issued, "token", &wrong) != VTCLONE_OK ||
        json_opt_string(token, "expires_at", 64, &expires, "token", &wrong) != VTCLONE_OK ||
        json_opt_string(json_get(token, "project"), "id", KEYSTONE_PROJECT_BYTES - 1, &project_id, "token", &wrong) !=
            VTCLONE_OK ||
        json_opt_list(token, "catalog", JSON_ARRAY, VTCLONE_MAX_VALUES, "VTCLONE_MAX_VALUES", &catalogue, "token",
                      &wrong) != VTCLONE_OK)
        return error_set(err, VTCLONE_E_KEYSTONE, "%s: %s", request->what, wrong.message);
    if (token == NULL)
        return error_set(err, VTCLONE_E_KEYSTONE, "%s: the answer holds no token", request->what);
    out->life_ns = read_life(issued, expires);
    if (project_id != NULL)
        memcpy(out->project_id, project_id, strlen(project_id) + 1);
    return read_catalogue(options, catalogue, out, err);
}

static int32_t take_token(struct http_response *response, const struct http_request *request,
                          struct authentication *out, vtclone_error *err)
{
    if (response->subject_token == NULL || !http_token_is_sendable(response->subject_token))
        return error_set(err, VTCLONE_E_KEYSTONE, "%s: the answer has no usable X-Subject-Token", request->what);
    out->token = response->subject_token;
    response->subject_token = NULL;
    return VTCLONE_OK;
}

static int32_t refused(const struct http_request *request, const struct http_response *response, bool given,
                       vtclone_error *err)
{
    if (response->status == 401)
        return error_set(err, VTCLONE_E_KEYSTONE, "%s: HTTP 401: %s", request->what,
                         given ? "the token that was handed in was refused" :
                                 "Keystone refused the credential (wrong user, password, project or domain)");
    return http_refusal(request, response, err);
}

int32_t keystone_authenticate(struct keystone *keystone, const char *v3_url, const struct call *call,
                              struct authentication *out, vtclone_error *err)
{
    const vtclone_cloud_options *options = &keystone->options;
    const bool given = options->token != NULL;
    struct http_response response;
    char *url = NULL, *body = NULL;
    size_t body_len = 0;
    int32_t rc = VTCLONE_OK;

    if ((url = format_text("%s/auth/tokens", v3_url)) == NULL)
        return error_nomem(err, "the request to Keystone");
    if (!given)
        rc = auth_body(options, &body, &body_len, err);
    if (rc == VTCLONE_OK) {
        const struct http_request request = {
            .method = given ? "GET" : "POST", .url = url, .code = VTCLONE_E_KEYSTONE, .repeatable = true, .quiet = true,
            .what = given ? "look up the token at Keystone" : "get a token from Keystone",
            .token = options->token, .subject_token = options->token, .body = body, .body_len = body_len,
            .cap = ANSWER_BYTES,
        };
        rc = http_request(keystone->http, &request, call, &response, err);
        if (rc == VTCLONE_OK && response.status != (given ? 200 : 201))
            rc = refused(&request, &response, given, err);
        if (rc == VTCLONE_OK)
            rc = read_answer(options, &request, &response, out, err);
        if (rc == VTCLONE_OK && !given)
            rc = take_token(&response, &request, out, err);
        http_response_release(&response);
    }
    if (body != NULL)
        explicit_bzero(body, body_len);
    free(body);
    free(url);
    return rc;
}

/* ---- finding v3 ---- */

static bool ends_with(const char *text, size_t len, const char *end)
{
    size_t end_len = strlen(end);

    return len >= end_len && memcmp(text + len - end_len, end, end_len) == 0;
}

/* The path of the v3 entry of Keystone's version list, or NULL. */
static const char *find_v3(const struct json *root)
{
    const struct json *values = json_get(json_get(root, "versions"), "values");

    for (const struct json *version = values != NULL ? values->first : NULL; version != NULL; version = version->next) {
        const struct json *id = json_get(version, "id"), *links = json_get(version, "links");
        if (id == NULL || id->type != JSON_STRING || strncmp(id->text, "v3", 2) != 0 || links == NULL)
            continue;
        for (const struct json *link = links->first; link != NULL; link = link->next) {
            const struct json *rel = json_get(link, "rel"), *href = json_get(link, "href");
            if (rel != NULL && href != NULL && rel->type == JSON_STRING && href->type == JSON_STRING &&
                strcmp(rel->text, "self") == 0)
                return href->text;
        }
    }
    return NULL;
}

/* The host that was asked with the path that it names: behind a proxy the host of the list is often an inner one. */
static int32_t rebase(const char *base, const char *href, char **out, vtclone_error *err)
{
    CURLU *to = curl_url(), *from = curl_url();
    char *path = NULL, *text = NULL;
    CURLUcode code = CURLUE_OUT_OF_MEMORY;
    int32_t rc = VTCLONE_OK;

    if (to == NULL || from == NULL || (code = curl_url_set(to, CURLUPART_URL, base, 0)) != CURLUE_OK ||
        (code = curl_url_set(from, CURLUPART_URL, href, 0)) != CURLUE_OK ||
        (code = curl_url_get(from, CURLUPART_PATH, &path, 0)) != CURLUE_OK ||
        (code = curl_url_set(to, CURLUPART_PATH, path, 0)) != CURLUE_OK ||
        (code = curl_url_get(to, CURLUPART_URL, &text, 0)) != CURLUE_OK)
        rc = code == CURLUE_OUT_OF_MEMORY ? error_nomem(err, "Keystone's v3 address") :
             error_set(err, VTCLONE_E_KEYSTONE, "the version list of Keystone names an address that is no URL");
    else
        rc = http_endpoint(text, "Keystone's v3 address", out, err);
    curl_free(path);
    curl_free(text);
    curl_url_cleanup(to);
    curl_url_cleanup(from);
    return rc;
}

int32_t keystone_discover(struct keystone *keystone, const struct call *call, char **out, vtclone_error *err)
{
    __attribute__((cleanup(arena_release))) struct arena arena = { 0 };
    struct http_response response = { 0 };
    const char *base = keystone->auth_url;
    size_t len = strlen(base);
    struct json *root;
    char *url;

    arena_init(&arena, 4096, ANSWER_ARENA);
    if (ends_with(base, len, "/v3"))
        return (*out = strdup(base)) != NULL ? VTCLONE_OK : error_nomem(err, "Keystone's address");
    if (ends_with(base, len, "/v2.0"))
        len -= strlen("/v2.0");
    if ((url = format_text("%.*s/", (int)len, base)) == NULL)
        return error_nomem(err, "Keystone's address");
    const struct http_request request = {
        .method = "GET", .url = url, .what = "find Keystone's v3 API", .code = VTCLONE_E_KEYSTONE,
        .repeatable = true, .quiet = true, .cap = ANSWER_BYTES,
    };
    int32_t rc = http_request(keystone->http, &request, call, &response, err);
    const char *href = NULL;
    if (rc == VTCLONE_OK && (response.status == 200 || response.status == 300)) {
        rc = service_parse(&request, &response, &arena, &root, err);
        href = rc == VTCLONE_OK ? find_v3(root) : NULL;
        if (rc == VTCLONE_OK && href == NULL)
            rc = error_set(err, VTCLONE_E_KEYSTONE, "%s: the version list at %s has no v3", request.what, url);
    } else if (rc == VTCLONE_OK && response.status >= 500) {
        rc = http_refusal(&request, &response, err);
    }
    if (rc == VTCLONE_OK && href != NULL)
        rc = rebase(url, href, out, err);
    else if (rc == VTCLONE_OK && (*out = format_text("%.*s/v3", (int)len, base)) == NULL) /* no list to be had */
        rc = error_nomem(err, "Keystone's address");
    http_response_release(&response);
    free(url);
    return rc;
}

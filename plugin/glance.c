/*
 * glance.c - the Image API v2. The endpoint and the newest minor version are found once and kept.
 */
#include "glance.h"

#include "error.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define LOCATIONS_API_MINOR 17
#define IMAGE_CAP (4u * 1024 * 1024)
#define DISCOVERY_ARENA (8u * 1024 * 1024)
#define WHAT_BYTES 200

void glance_init(struct glance *glance, struct http_pool *http, struct keystone *keystone)
{
    *glance = (struct glance){
        .service = { .http = http, .keystone = keystone, .kind = SERVICE_IMAGE, .code = VTCLONE_E_GLANCE },
        .minor = -1,
    };
    pthread_mutex_init(&glance->lock, NULL);
}

void glance_destroy(struct glance *glance)
{
    free(glance->base);
    pthread_mutex_destroy(&glance->lock);
}

/* The endpoint without a version at its end: catalogues have it with and without. */
static char *without_version(const char *endpoint)
{
    size_t len = strlen(endpoint), at = len;

    while (at > 0 && (isdigit((unsigned char)endpoint[at - 1]) || endpoint[at - 1] == '.'))
        at--;
    if (at < len && at >= 2 && endpoint[at - 1] == 'v' && endpoint[at - 2] == '/')
        len = at - 2;
    return strndup(endpoint, len);
}

/* The service with its base set; the first call finds the endpoint. */
static int32_t based(struct glance *glance, const struct call *call, struct service *out, vtclone_error *err)
{
    const char *endpoint;
    int32_t rc = VTCLONE_OK;

    *out = glance->service;
    pthread_mutex_lock(&glance->lock);
    out->base = glance->base;
    pthread_mutex_unlock(&glance->lock);
    if (out->base != NULL)
        return VTCLONE_OK;
    rc = keystone_endpoint(glance->service.keystone, call, SERVICE_IMAGE, &endpoint, err);
    if (rc != VTCLONE_OK)
        return rc;
    pthread_mutex_lock(&glance->lock);
    if (glance->base == NULL)
        glance->base = without_version(endpoint);
    out->base = glance->base;
    pthread_mutex_unlock(&glance->lock);
    return out->base != NULL ? VTCLONE_OK : error_nomem(err, "Glance's address");
}

/* ---- one image ---- */

int32_t glance_image(struct glance *glance, const struct call *call, const char *image_id, const char *user_token,
                     char **out, size_t *len, vtclone_error *err)
{
    char path[WHAT_BYTES], what[WHAT_BYTES];
    struct http_response response = { 0 };
    struct service service;

    snprintf(path, sizeof(path), "/v2/images/%s", image_id);
    snprintf(what, sizeof(what), "get image %s from Glance", image_id);
    const struct service_request request = { .path = path, .what = what, .user_token = user_token, .cap = IMAGE_CAP };
    int32_t rc = based(glance, call, &service, err);
    if (rc == VTCLONE_OK)
        rc = service_send(&service, &request, call, &response, err);
    if (rc == VTCLONE_OK && (response.status == 403 || response.status == 404))
        rc = error_set(err, VTCLONE_E_GLANCE, "%s: HTTP %ld: there is no such image, or this user may not see it", what,
                       response.status);
    else if (rc == VTCLONE_OK && response.status != 200)
        rc = service_refusal(&service, &request, &response, err);
    else if (rc == VTCLONE_OK && response.len == 0)
        rc = error_set(err, VTCLONE_E_GLANCE, "%s: the answer is empty", what);
    if (rc == VTCLONE_OK) {
        *out = response.body;
        *len = response.len;
        response.body = NULL;
    }
    http_response_release(&response);
    return rc;
}

/* ---- the locations API (v2.17, 2024.2) ---- */

/* The newest minor version of v2 in Glance's version list; -1 where there is no list to be had. */
static int newest_minor(const struct json *root)
{
    const struct json *versions = json_get(root, "versions");
    int newest = -1;

    for (const struct json *entry = versions != NULL ? versions->first : NULL; entry != NULL; entry = entry->next) {
        const struct json *id = json_get(entry, "id"), *status = json_get(entry, "status");
        if (id == NULL || id->type != JSON_STRING || strncmp(id->text, "v2.", 3) != 0)
            continue;
        if (status != NULL && status->type == JSON_STRING && strcmp(status->text, "EXPERIMENTAL") == 0)
            continue;
        long minor = strtol(id->text + 3, NULL, 10);
        if (minor > newest && minor < 10000)
            newest = (int)minor;
    }
    return newest;
}

static int32_t discover(struct glance *glance, const struct service *service, const struct call *call, int *minor,
                        vtclone_error *err)
{
    __attribute__((cleanup(arena_release))) struct arena arena = { 0 };
    struct http_response response = { 0 };
    struct json *root;

    pthread_mutex_lock(&glance->lock);
    bool known = glance->discovered;
    *minor = glance->minor;
    pthread_mutex_unlock(&glance->lock);
    if (known)
        return VTCLONE_OK;
    arena_init(&arena, 4096, DISCOVERY_ARENA);
    const struct service_request request = { .path = "/versions", .what = "list Glance's API versions" };
    int32_t rc = service_send(service, &request, call, &response, err);
    if (rc == VTCLONE_OK && (response.status == 200 || response.status == 300)) {
        rc = service_read(service, &request, &response, &arena, &root, err);
        *minor = rc == VTCLONE_OK ? newest_minor(root) : -1;
    } else if (rc == VTCLONE_OK && response.status >= 500) {
        rc = service_refusal(service, &request, &response, err);
    }
    http_response_release(&response);
    if (rc != VTCLONE_OK)
        return rc;
    pthread_mutex_lock(&glance->lock);
    glance->discovered = true;
    glance->minor = *minor;
    pthread_mutex_unlock(&glance->lock);
    return VTCLONE_OK;
}

int32_t glance_locations(struct glance *glance, const struct call *call, struct arena *arena, const char *image_id,
                         int64_t refusal_ttl_ns, struct json **out, vtclone_error *err)
{
    char path[WHAT_BYTES], what[WHAT_BYTES];
    struct http_response response = { 0 };
    struct service service;
    int minor;

    *out = NULL;
    pthread_mutex_lock(&glance->lock);
    bool refused = monotonic_ns() < glance->no_locations_until;
    pthread_mutex_unlock(&glance->lock);
    if (refused)
        return VTCLONE_OK;
    int32_t rc = based(glance, call, &service, err);
    if (rc == VTCLONE_OK)
        rc = discover(glance, &service, call, &minor, err);
    if (rc != VTCLONE_OK || minor < LOCATIONS_API_MINOR)
        return rc;
    snprintf(path, sizeof(path), "/v2/images/%s/locations", image_id);
    snprintf(what, sizeof(what), "get the locations of image %s from Glance", image_id);
    const struct service_request request = { .path = path, .what = what, .as_service = true };
    rc = service_send(&service, &request, call, &response, err);
    if (rc == VTCLONE_OK && (response.status == 401 || response.status == 403 || response.status == 501)) {
        pthread_mutex_lock(&glance->lock);
        glance->no_locations_until = monotonic_ns() + refusal_ttl_ns;
        pthread_mutex_unlock(&glance->lock);
    } else if (rc == VTCLONE_OK && response.status == 200) {
        rc = service_read(&service, &request, &response, arena, out, err);
    } else if (rc == VTCLONE_OK && response.status != 404) {
        rc = service_refusal(&service, &request, &response, err);
    }
    http_response_release(&response);
    return rc;
}

/* ---- stores ---- */

static int32_t store_list(const struct service_request *request, const struct json *root, const struct json **out,
                          vtclone_error *err)
{
    *out = json_get(root, "stores");
    if (*out == NULL || (*out)->type != JSON_ARRAY)
        return error_set(err, VTCLONE_E_GLANCE, "%s: the answer has no list of stores", request->what);
    return VTCLONE_OK;
}

/* status: 200; 404, where Glance has one store only; 403, where forbidden is not NULL. */
static int32_t get_stores(struct glance *glance, const struct call *call, const struct service_request *request,
                          struct arena *arena, const struct json **out, bool *forbidden, vtclone_error *err)
{
    __attribute__((cleanup(http_response_release))) struct http_response response = { 0 };
    struct service service;
    struct json *root;

    *out = NULL;
    int32_t rc = based(glance, call, &service, err);
    if (rc == VTCLONE_OK)
        rc = service_send(&service, request, call, &response, err);
    if (rc != VTCLONE_OK || response.status == 404)
        return rc;
    if (forbidden != NULL && response.status == 403) {
        *forbidden = true;
        return VTCLONE_OK;
    }
    if (response.status != 200)
        return service_refusal(&service, request, &response, err);
    rc = service_read(&service, request, &response, arena, &root, err);
    return rc == VTCLONE_OK ? store_list(request, root, out, err) : rc;
}

int32_t glance_store_names(struct glance *glance, const struct call *call, struct arena *arena,
                           const struct json **out, vtclone_error *err)
{
    const struct service_request request = { .path = "/v2/info/stores", .what = "list the names of Glance's stores" };

    return get_stores(glance, call, &request, arena, out, NULL, err);
}

int32_t glance_stores(struct glance *glance, const struct call *call, struct arena *arena, const struct json **out,
                      bool *detailed, vtclone_error *err)
{
    const struct service_request request = { .path = "/v2/info/stores/detail", .what = "list Glance's stores" };
    bool forbidden = false;
    int32_t rc = get_stores(glance, call, &request, arena, out, &forbidden, err);

    *detailed = !forbidden;
    return rc == VTCLONE_OK && forbidden ? glance_store_names(glance, call, arena, out, err) : rc;
}

/* ---- copies ---- */

static int32_t copy_body(const char *const *stores, size_t count, char **out, size_t *len, vtclone_error *err)
{
    struct json_writer *writer = json_writer_new(65536);

    if (writer == NULL)
        return error_nomem(err, "the request to copy an image");
    json_begin_object(writer);
    json_key(writer, "method");
    json_begin_object(writer);
    json_pair(writer, "name", "copy-image");
    json_end_object(writer);
    json_key(writer, "stores");
    json_begin_array(writer);
    for (size_t i = 0; i < count; i++)
        json_string(writer, stores[i]);
    json_end_array(writer);
    json_key(writer, "all_stores_must_succeed");
    json_boolean(writer, false);
    json_end_object(writer);
    int32_t rc = json_writer_finish(writer, out, len, err);
    json_writer_free(writer);
    return rc;
}

int32_t glance_copy(struct glance *glance, const struct call *call, const char *image_id, const char *const *stores,
                    size_t count, enum copy_answer *out, vtclone_error *err)
{
    char path[WHAT_BYTES], what[2 * WHAT_BYTES];
    __attribute__((cleanup(http_response_release))) struct http_response response = { 0 };
    struct service service;
    char *body = NULL;
    size_t len;

    *out = COPY_REFUSED;
    snprintf(path, sizeof(path), "/v2/images/%s/import", image_id);
    snprintf(what, sizeof(what), "ask Glance to copy image %s to %zu store%s (%.100s%s)", image_id, count,
             count == 1 ? "" : "s", stores[0], count == 1 ? "" : ", ...");
    int32_t rc = based(glance, call, &service, err);
    if (rc == VTCLONE_OK)
        rc = copy_body(stores, count, &body, &len, err);
    if (rc != VTCLONE_OK)
        return rc;
    /* Sent twice it is answered with 400 or 409 the second time, which are no failures: repeatable. */
    const struct service_request request = {
        .method = "POST", .path = path, .what = what, .repeatable = true, .body = body, .body_len = len,
    };
    rc = service_send(&service, &request, call, &response, err);
    free(body);
    if (rc != VTCLONE_OK)
        return rc;
    const bool says_present = response.body != NULL && strstr(response.body, "already present") != NULL;
    if (response.status == 202 || response.status == 200)
        *out = COPY_ACCEPTED;
    else if (response.status == 400 && says_present)
        *out = COPY_PRESENT;
    else if (response.status == 409)
        *out = COPY_BUSY;
    else if (response.status == 500)
        *out = COPY_BROKE;
    return *out < COPY_BROKE ? VTCLONE_OK : service_refusal(&service, &request, &response, err);
}

/* "Copied 15 MiB", in any language: its one number. */
static int64_t number_in(const char *message)
{
    const char *at = message != NULL ? strpbrk(message, "0123456789") : NULL;

    return at == NULL ? -1 : strtoll(at, NULL, 10);
}

/* Whether the task is an import whose request names the store. */
static bool names_store(const struct json *task, const char *store)
{
    const struct json *input = json_get(task, "input");
    const struct json *stores = json_get(json_get(input, "import_req"), "stores");

    if (stores == NULL)
        stores = json_get(input, "backend");
    for (const struct json *entry = stores != NULL ? stores->first : NULL; entry != NULL; entry = entry->next)
        if (entry->type == JSON_STRING && strcmp(entry->text, store) == 0)
            return true;
    return false;
}

int32_t glance_copy_task(struct glance *glance, const struct call *call, struct arena *arena, const char *image_id,
                         const char *store, struct glance_task *out, vtclone_error *err)
{
    char path[WHAT_BYTES], what[WHAT_BYTES];
    __attribute__((cleanup(http_response_release))) struct http_response response = { 0 };
    struct service service;
    struct json *root;
    const char *newest = "";

    *out = (struct glance_task){ .copied_mib = -1 };
    snprintf(path, sizeof(path), "/v2/images/%s/tasks", image_id);
    snprintf(what, sizeof(what), "list the tasks of image %s", image_id);
    const struct service_request request = { .path = path, .what = what };
    int32_t rc = based(glance, call, &service, err);
    if (rc == VTCLONE_OK)
        rc = service_send(&service, &request, call, &response, err);
    if (rc == VTCLONE_OK && response.status != 200)
        return response.status == 403 || response.status == 404 ? VTCLONE_OK :
                                                                  service_refusal(&service, &request, &response, err);
    if (rc == VTCLONE_OK)
        rc = service_read(&service, &request, &response, arena, &root, err);
    const struct json *tasks = rc == VTCLONE_OK ? json_get(root, "tasks") : NULL;
    for (const struct json *task = tasks != NULL ? tasks->first : NULL; task != NULL; task = task->next) {
        struct glance_task found = { .copied_mib = -1 };
        const char *created = "";
        vtclone_error ignored = { 0 };

        json_opt_string(task, "id", 64, &found.id, what, &ignored);
        json_opt_string(task, "status", 64, &found.status, what, &ignored);
        json_opt_string(task, "message", 4096, &found.message, what, &ignored);
        json_opt_string(task, "created_at", 64, &created, what, &ignored);
        if (ignored.code != VTCLONE_OK || !names_store(task, store) || strcmp(created, newest) < 0)
            continue;
        found.copied_mib = number_in(found.message);
        *out = found;
        newest = created;
    }
    return rc;
}

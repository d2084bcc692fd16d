/*
 * cinder.c - the Block Storage API v3: finding it, lists, and one volume at a time.
 */
#include "cinder.h"

#include "error.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#define NEWEST_MINOR 70 /* of the microversions whose answers are known here */
#define LIST_CAP (16u * 1024 * 1024)
#define DISCOVERY_ARENA (8u * 1024 * 1024)
#define WHAT_BYTES 400
#define TYPES_PER_PAGE 1000
#define FIND_MS 60000 /* for finding what may have been begun, after the call's own deadline if need be */
#define FIND_FIRST_MS 250
#define FIND_TRIES 5

void cinder_init(struct cinder *cinder, struct http_pool *http, struct keystone *keystone)
{
    *cinder = (struct cinder){
        .service = { .http = http, .keystone = keystone, .kind = SERVICE_VOLUME, .code = VTCLONE_E_CINDER },
    };
    pthread_mutex_init(&cinder->lock, NULL);
}

void cinder_destroy(struct cinder *cinder)
{
    free(cinder->base);
    pthread_mutex_destroy(&cinder->lock);
}

/* ---- finding it ---- */

/* Where "/v3" ends in the endpoint; NULL: it has none. */
static const char *after_v3(const char *endpoint)
{
    for (const char *at = strstr(endpoint, "/v3"); at != NULL; at = strstr(at + 1, "/v3"))
        if (at[3] == '\0' || at[3] == '/')
            return at + 3;
    return NULL;
}

/* "volume 3.MINOR" of the newest microversion that both sides know. */
static void choose_version(const struct json *root, char *room, size_t size)
{
    const struct json *versions = json_get(root, "versions");

    room[0] = '\0';
    for (const struct json *entry = versions != NULL ? versions->first : NULL; entry != NULL; entry = entry->next) {
        const struct json *id = json_get(entry, "id"), *newest = json_get(entry, "version");
        if (id == NULL || newest == NULL || id->type != JSON_STRING || newest->type != JSON_STRING ||
            strncmp(id->text, "v3", 2) != 0 || strncmp(newest->text, "3.", 2) != 0)
            continue;
        long minor = strtol(newest->text + 2, NULL, 10);
        snprintf(room, size, "volume 3.%ld", MAX(0L, MIN(minor, (long)NEWEST_MINOR)));
    }
}

/* Asks the root of v3 for its versions, without the project in the path. */
static int32_t ask_versions(const struct service *service, size_t root_len, const struct call *call, char *version,
                            size_t size, vtclone_error *err)
{
    __attribute__((cleanup(arena_release))) struct arena arena = { 0 };
    struct http_response response = { 0 };
    const struct service_request request = { .path = "/", .what = "list Cinder's API versions" };
    struct service root_service = *service;
    struct json *root;
    char *root_url = strndup(service->base, root_len);

    if (root_url == NULL)
        return error_nomem(err, request.what);
    arena_init(&arena, 4096, DISCOVERY_ARENA);
    root_service.base = root_url;
    version[0] = '\0';
    int32_t rc = service_send(&root_service, &request, call, &response, err);
    if (rc == VTCLONE_OK && (response.status == 200 || response.status == 300)) {
        rc = service_read(&root_service, &request, &response, &arena, &root, err);
        if (rc == VTCLONE_OK)
            choose_version(root, version, size);
    } else if (rc == VTCLONE_OK && response.status >= 500) {
        rc = service_refusal(&root_service, &request, &response, err);
    }
    http_response_release(&response);
    free(root_url);
    return rc;
}

static int32_t find(struct cinder *cinder, const struct call *call, struct service *out, char *version, size_t size,
                    vtclone_error *err)
{
    const char *endpoint, *end;
    char *base = NULL;
    int32_t rc = keystone_endpoint(cinder->service.keystone, call, SERVICE_VOLUME, &endpoint, err);

    if (rc != VTCLONE_OK)
        return rc;
    end = after_v3(endpoint);
    if ((base = format_text("%s%s", endpoint, end == NULL ? "/v3" : "")) == NULL)
        return error_nomem(err, "Cinder's address");
    out->base = base;
    rc = ask_versions(out, (size_t)(after_v3(base) - base), call, version, size, err);
    pthread_mutex_lock(&cinder->lock);
    if (rc == VTCLONE_OK && cinder->base == NULL) {
        cinder->base = base;
        memcpy(cinder->version, version, sizeof(cinder->version));
        base = NULL;
    }
    out->base = cinder->base;
    pthread_mutex_unlock(&cinder->lock);
    free(base);
    return rc;
}

/* The service with its base and version set; the first call finds them. */
static int32_t based(struct cinder *cinder, const struct call *call, struct service *out, char version[24],
                     vtclone_error *err)
{
    *out = cinder->service;
    pthread_mutex_lock(&cinder->lock);
    out->base = cinder->base;
    memcpy(version, cinder->version, sizeof(cinder->version));
    pthread_mutex_unlock(&cinder->lock);
    return out->base != NULL ? VTCLONE_OK : find(cinder, call, out, version, sizeof(cinder->version), err);
}

static int32_t send_to(struct cinder *cinder, const struct call *call, struct service_request *request,
                       struct service *service, struct http_response *response, vtclone_error *err)
{
    char version[24];

    int32_t rc = based(cinder, call, service, version, err);
    if (rc != VTCLONE_OK)
        return rc;
    request->version = version[0] != '\0' ? version : NULL;
    rc = service_send(service, request, call, response, err);
    request->version = NULL;
    return rc;
}

/* ---- reading ---- */

/* The member of the answer's object. *out NULL: 404, or 403 where that is a possible answer. */
static int32_t get_member(struct cinder *cinder, const struct call *call, struct service_request *request,
                          const char *member, enum json_type type, bool may_be_forbidden, struct arena *arena,
                          const struct json **out, struct json **root, vtclone_error *err)
{
    __attribute__((cleanup(http_response_release))) struct http_response response = { 0 };
    struct service service;

    *out = NULL;
    *root = NULL;
    request->cap = LIST_CAP;
    int32_t rc = send_to(cinder, call, request, &service, &response, err);
    if (rc != VTCLONE_OK)
        return rc;
    if (response.status == 404 || (may_be_forbidden && response.status == 403))
        return VTCLONE_OK;
    if (response.status != 200)
        return service_refusal(&service, request, &response, err);
    rc = service_read(&service, request, &response, arena, root, err);
    if (rc != VTCLONE_OK)
        return rc;
    *out = json_get(*root, member);
    if (*out == NULL || (*out)->type != type)
        return error_set(err, VTCLONE_E_CINDER, "%s: the answer has no %s", request->what, member);
    return VTCLONE_OK;
}

int32_t cinder_pools(struct cinder *cinder, const struct call *call, struct arena *arena, const struct json **out,
                     vtclone_error *err)
{
    struct service_request request = { .path = "/scheduler-stats/get_pools?detail=true", .what = "list Cinder's pools" };
    struct json *root;

    return get_member(cinder, call, &request, "pools", JSON_ARRAY, true, arena, out, &root, err);
}

int32_t cinder_services(struct cinder *cinder, const struct call *call, struct arena *arena, const struct json **out,
                        vtclone_error *err)
{
    struct service_request request = { .path = "/os-services?binary=cinder-volume", .what = "list Cinder's services" };
    struct json *root;

    return get_member(cinder, call, &request, "services", JSON_ARRAY, true, arena, out, &root, err);
}

/* Whether the answer says that there is another page. */
static bool has_next(const struct json *root, const char *links)
{
    const struct json *list = json_get(root, links);

    for (const struct json *link = list != NULL ? list->first : NULL; link != NULL; link = link->next) {
        const struct json *rel = json_get(link, "rel");
        if (rel != NULL && rel->type == JSON_STRING && strcmp(rel->text, "next") == 0)
            return true;
    }
    return false;
}

int32_t cinder_types(struct cinder *cinder, const struct call *call, struct arena *arena, const struct json **pages,
                     size_t max, size_t *count, vtclone_error *err)
{
    const char *marker = NULL;

    for (*count = 0; *count < max;) {
        char path[WHAT_BYTES];
        struct service_request request = { .path = path, .what = "list Cinder's volume types" };
        struct json *root;

        snprintf(path, sizeof(path), "/types?is_public=None&limit=%d%s%s", TYPES_PER_PAGE,
                 marker != NULL ? "&marker=" : "", marker != NULL ? marker : "");
        int32_t rc = get_member(cinder, call, &request, "volume_types", JSON_ARRAY, true, arena, &pages[*count], &root,
                                err);
        if (rc == VTCLONE_OK && pages[*count] == NULL && *count > 0)
            rc = error_set(err, VTCLONE_E_CINDER, "%s: page %zu was refused", request.what, *count + 1);
        if (rc != VTCLONE_OK || pages[*count] == NULL)
            return rc;
        const struct json *page = pages[(*count)++];
        /* A Cinder whose osapi_max_limit is smaller cuts the page there and links the next one. */
        const struct json *last = json_get(page->last, "id");
        if (last == NULL || last->type != JSON_STRING)
            return VTCLONE_OK;
        if (page->count < TYPES_PER_PAGE && !has_next(root, "volume_type_links"))
            return VTCLONE_OK;
        if (marker != NULL && strcmp(marker, last->text) == 0)
            return error_set(err, VTCLONE_E_CINDER, "%s: the same page came twice", request.what);
        marker = last->text;
    }
    return error_set(err, VTCLONE_E_CINDER, "list Cinder's volume types: more than %zu pages", max);
}

int32_t cinder_image_volumes(struct cinder *cinder, const struct call *call, struct arena *arena,
                             const char *image_id, const struct json **out, vtclone_error *err)
{
    char path[WHAT_BYTES], what[WHAT_BYTES];
    struct service_request request = { .path = path, .what = what };
    struct json *root;

    snprintf(path, sizeof(path), "/volumes/detail?all_tenants=1&limit=100&metadata=%%7B%%22glance_image_id%%22%%3A%%22%s%%22%%7D",
             image_id);
    snprintf(what, sizeof(what), "list the volumes that hold image %s", image_id);
    return get_member(cinder, call, &request, "volumes", JSON_ARRAY, true, arena, out, &root, err);
}

int32_t cinder_volume(struct cinder *cinder, const struct call *call, struct arena *arena, const char *id,
                      const struct json **out, vtclone_error *err)
{
    char path[WHAT_BYTES], what[WHAT_BYTES];
    struct service_request request = { .path = path, .what = what };
    struct json *root;

    snprintf(path, sizeof(path), "/volumes/%.64s", id);
    snprintf(what, sizeof(what), "get volume %.64s from Cinder", id);
    return get_member(cinder, call, &request, "volume", JSON_OBJECT, false, arena, out, &root, err);
}

/* ---- writing ---- */

static int32_t create_body(const struct volume_request *wanted, char **out, size_t *len, vtclone_error *err)
{
    struct json_writer *writer = json_writer_new(65536);

    if (writer == NULL)
        return error_nomem(err, "the request to make a volume");
    json_begin_object(writer);
    json_key(writer, "volume");
    json_begin_object(writer);
    json_pair(writer, "name", wanted->name);
    json_pair_int(writer, "size", wanted->size_gib);
    json_pair(writer, "source_volid", wanted->source_volume);
    if (wanted->volume_type != NULL)
        json_pair(writer, "volume_type", wanted->volume_type);
    if (wanted->availability_zone != NULL)
        json_pair(writer, "availability_zone", wanted->availability_zone);
    json_key(writer, "metadata");
    json_begin_object(writer);
    json_pair(writer, "vtclone_request", wanted->mark);
    json_end_object(writer);
    json_end_object(writer);
    json_end_object(writer);
    int32_t rc = json_writer_finish(writer, out, len, err);
    json_writer_free(writer);
    return rc;
}

/* After an answer that got lost: the volume that carries the mark, if Cinder made it. *id NULL: there is none. */
static int32_t find_marked(struct cinder *cinder, const struct call *call, struct arena *arena, const char *mark,
                           const char **id, vtclone_error *err)
{
    char path[WHAT_BYTES];
    struct service_request request = { .path = path, .what = "look for the volume whose creation was not answered" };
    const struct json *volumes;
    struct json *root;

    *id = NULL;
    snprintf(path, sizeof(path), "/volumes/detail?limit=100&metadata=%%7B%%22vtclone_request%%22%%3A%%22%s%%22%%7D", mark);
    int32_t rc = get_member(cinder, call, &request, "volumes", JSON_ARRAY, true, arena, &volumes, &root, err);
    for (const struct json *volume = volumes != NULL ? volumes->first : NULL; volume != NULL; volume = volume->next) {
        const struct json *marked = json_get(json_get(volume, "metadata"), "vtclone_request");
        const struct json *found = json_get(volume, "id");
        if (marked != NULL && found != NULL && marked->type == JSON_STRING && found->type == JSON_STRING &&
            strcmp(marked->text, mark) == 0)
            *id = found->text;
    }
    return rc;
}

/* Cinder may still be at work on the request (unless it answered), so it is asked for a while. err, which says why the answer
 * was lost, also says where a volume may be left. */
static void find_begun(struct cinder *cinder, struct arena *arena, const char *mark, bool answered, const char **id,
                       vtclone_error *err)
{
    const struct call call = { .deadline = deadline_in_ms(FIND_MS) }; /* no cancel_fd */
    const vtclone_error lost = *err;
    vtclone_error wrong = { 0 };
    uint32_t wait = FIND_FIRST_MS;
    int32_t rc = find_marked(cinder, &call, arena, mark, id, &wrong);

    for (int tries = 1; rc == VTCLONE_OK && *id == NULL && !answered && tries < FIND_TRIES; tries++, wait *= 2) {
        rc = call_sleep(&call, jittered(wait), "look for the volume", &wrong);
        if (rc == VTCLONE_OK)
            rc = find_marked(cinder, &call, arena, mark, id, &wrong);
    }
    if (*id != NULL || (rc == VTCLONE_OK && answered))
        return;
    error_clear(err);
    error_set(err, lost.code, "%.400s; a volume with the metadata vtclone_request=%s may be left behind (%.200s)", lost.message,
              mark, rc == VTCLONE_OK ? "none was found" : wrong.message);
    err->sys_errno = lost.sys_errno;
}

static int32_t read_created(const struct service *service, const struct service_request *request,
                            const struct http_response *response, struct arena *arena, const char **id,
                            vtclone_error *err)
{
    vtclone_error wrong = { 0 };
    struct json *root;

    if (response->status != 202 && response->status != 200)
        return service_refusal(service, request, response, err);
    int32_t rc = service_read(service, request, response, arena, &root, err);
    if (rc == VTCLONE_OK && json_need_string(json_get(root, "volume"), "id", 64, id, "the answer", &wrong) != VTCLONE_OK)
        rc = error_set(err, VTCLONE_E_CINDER, "%s: %s", request->what, wrong.message);
    return rc;
}

int32_t cinder_create(struct cinder *cinder, const struct call *call, struct arena *arena,
                      const struct volume_request *wanted, const char **id, vtclone_error *err)
{
    __attribute__((cleanup(http_response_release))) struct http_response response = { 0 };
    char what[WHAT_BYTES];
    struct service service;
    vtclone_error lost = { 0 };
    char *body;
    size_t len;

    *id = NULL;
    snprintf(what, sizeof(what), "make volume %.100s from volume %.64s", wanted->name, wanted->source_volume);
    int32_t rc = create_body(wanted, &body, &len, err);
    if (rc != VTCLONE_OK)
        return rc;
    struct service_request request = { .method = "POST", .path = "/volumes", .what = what, .body = body, .body_len = len };
    rc = send_to(cinder, call, &request, &service, &response, &lost);
    free(body);
    if (rc == VTCLONE_OK)
        rc = read_created(&service, &request, &response, arena, id, &lost);
    if (rc == VTCLONE_OK)
        return rc;
    *err = lost;
    /* No clear refusal: Cinder may have begun. What carries our mark is ours, to go on with or to be deleted. */
    if (!response.sent || (response.status >= 400 && response.status < 500))
        return rc;
    find_begun(cinder, arena, wanted->mark, response.status == 500, id, err);
    if (*id == NULL || call_is_cancelled(call) || deadline_passed(call->deadline))
        return rc;
    error_clear(err);
    return VTCLONE_OK;
}

int32_t cinder_action(struct cinder *cinder, const struct call *call, const char *id, const char *name,
                      const char *body, size_t len, vtclone_error *err)
{
    __attribute__((cleanup(http_response_release))) struct http_response response = { 0 };
    char path[WHAT_BYTES], what[WHAT_BYTES];
    struct service service;

    snprintf(path, sizeof(path), "/volumes/%.64s/action", id);
    snprintf(what, sizeof(what), "%s of volume %.64s", name, id);
    struct service_request request = { /* what is set here is set the same by a repetition */
        .method = "POST", .path = path, .what = what, .repeatable = true, .body = body, .body_len = len,
    };
    int32_t rc = send_to(cinder, call, &request, &service, &response, err);
    if (rc == VTCLONE_OK && response.status != 200 && response.status != 202)
        rc = service_refusal(&service, &request, &response, err);
    return rc;
}

int32_t cinder_delete(struct cinder *cinder, const struct call *call, const char *id, vtclone_error *err)
{
    __attribute__((cleanup(http_response_release))) struct http_response response = { 0 };
    char path[WHAT_BYTES], what[WHAT_BYTES];
    struct service_request request = { .method = "DELETE", .path = path, .what = what, .repeatable = true };
    struct service service;

    snprintf(path, sizeof(path), "/volumes/%.64s", id);
    snprintf(what, sizeof(what), "delete volume %.64s", id);
    int32_t rc = send_to(cinder, call, &request, &service, &response, err);
    if (rc == VTCLONE_OK && response.status != 202 && response.status != 404)
        rc = service_refusal(&service, &request, &response, err);
    return rc;
}

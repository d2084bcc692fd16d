/*
 * certify_api.c - vtclone_certify(): what engine auto does on a backend, for an operator who asks.
 */
#include "direct_facts.h"
#include "directory.h"
#include "engine_choose.h"
#include "error.h"
#include "handle.h"
#include "json.h"

#include <errno.h>

#define GIB (UINT64_C(1) << 30)
#define SNAPSHOT "snap"          /* Glance's name for it */
#define WRITER_CEILING (64u << 10)

struct question {
    vtclone *handle;
    const struct backend *backend;
    const char *parent_pool;
    char image[VTCLONE_MAX_NAME_BYTES + 1];
    uint64_t parent_size;
    struct connection *connection;
    struct deadline deadline;
    int64_t began_ns;
};

static int32_t find_backend(const vtclone_site *site, const char *host, const struct backend **out, vtclone_error *err)
{
    for (size_t i = 0; i < site->backend_count; i++)
        if (strcmp(site->backends[i].host, host) == 0) {
            *out = &site->backends[i];
            if ((*out)->type == BACKEND_RBD)
                return 0;
            return error_set(err, VTCLONE_E_UNSUPPORTED, "backend %s is not an rbd backend", host);
        }
    return error_set(err, VTCLONE_E_INVALID, "the site has no backend %s", host);
}

/* 0: the image has the snapshot. */
static int look_at(struct question *question, rados_ioctx_t ioctx, const char *image)
{
    struct direct_parent *parent;
    const char *what;
    bool cached = true;
    int result = direct_parent_get(connection_direct(question->connection), ioctx, question->parent_pool, image,
                                   SNAPSHOT, question->deadline, &cached, &parent, &what);

    if (result < 0)
        return result;
    question->parent_size = parent->size;
    direct_parent_drop(parent);
    snprintf(question->image, sizeof(question->image), "%s", image);
    return 0;
}

/* The first images of the pool's directory, of which one may do. */
static int find_image(struct question *question, rados_ioctx_t ioctx)
{
    struct directory_page page;
    int result = directory_read(&page, ioctx, "", DIRECTORY_PAGE_MAX, question->deadline);

    if (result == 0) {
        result = -ENOENT;
        while (result == -ENOENT && directory_next(&page))
            result = look_at(question, ioctx, page.name);
    }
    directory_end(&page);
    return result;
}

static int32_t answer(const struct question *question, const struct choice *choice, char **out, vtclone_error *err)
{
    struct json_writer *json = json_writer_new(WRITER_CEILING);
    char parent[3 * VTCLONE_MAX_NAME_BYTES], elapsed[32];
    int32_t code;

    if (json == NULL)
        return error_nomem(err, "the answer");
    snprintf(parent, sizeof(parent), "%s/%s@%s", question->parent_pool, question->image, SNAPSHOT);
    snprintf(elapsed, sizeof(elapsed), "%.3f", (double)(monotonic_ns() - question->began_ns) / 1e6);
    json_begin_object(json);
    json_pair(json, "backend", question->backend->host);
    json_pair(json, "parent", parent);
    json_pair(json, "target_pool", question->backend->pool);
    json_pair(json, "engine", choice->engine);
    json_pair(json, "reason", choice->reason);
    json_key(json, "certified");
    json_boolean(json, choice->verdict.certified);
    json_pair(json, "osd_releases", choice->verdict.releases[0] != '\0' ? choice->verdict.releases : NULL);
    json_key(json, "tested_release");
    json_boolean(json, choice->verdict.known_release);
    json_key(json, "elapsed_ms");
    json_number_text(json, elapsed);
    json_end_object(json);
    code = json_writer_finish(json, out, NULL, err);
    json_writer_free(json);
    return code;
}

static int32_t ask(struct question *question, const char *image, bool *broken, char **out, vtclone_error *err)
{
    struct clone_outcome outcome = { 0 };
    struct choice choice;
    rados_ioctx_t ioctx;
    int32_t code = connection_pool(question->connection, question->parent_pool, question->deadline, &ioctx, err);
    int result;

    if (code != 0) {
        *broken = connection_errno_breaks(err->sys_errno);
        return code;
    }
    result = image != NULL ? look_at(question, ioctx, image) : find_image(question, ioctx);
    if (result == -ENOENT)
        return error_set(err, VTCLONE_E_MISS, "pool %s has no image%s%s with a snapshot '" SNAPSHOT "' to try it on",
                         question->parent_pool, image != NULL ? " " : "", image != NULL ? image : "");
    if (result < 0) {
        *broken = connection_errno_breaks(result);
        return error_set_errno(err, result == -ETIMEDOUT ? VTCLONE_E_TIMEOUT : result == -ENOMEM ? VTCLONE_E_NOMEM : VTCLONE_E_RADOS,
                               result, "look for an image in pool %s", question->parent_pool);
    }
    struct clone_request request = {
        .backend = question->backend,
        .parent_pool = question->parent_pool,
        .parent_image = question->image,
        .parent_snap = SNAPSHOT,
        .volume = "",
        .size_bytes = question->parent_size / GIB * GIB + GIB,
        .deadline = question->deadline,
    };
    code = engine_choose(connection_cache_certificates(question->handle->cache), question->connection, &request,
                         &choice, &outcome, err);
    *broken = outcome.connection_broken;
    return code != 0 ? code : answer(question, &choice, out, err);
}

int32_t vtclone_certify(vtclone *handle, const vtclone_site *site, const char *backend, const char *parent_pool,
                        const char *image, char **json, vtclone_error *err)
{
    struct question question = { .handle = handle, .parent_pool = parent_pool, .began_ns = monotonic_ns() };
    bool broken = false;
    int32_t code;

    ERR_OR_LOCAL(err);
    if ((code = handle_check(handle, err)) != 0)
        return code;
    if (site == NULL || backend == NULL || parent_pool == NULL || json == NULL)
        return error_set(err, VTCLONE_E_INVALID, "vtclone_certify: an argument is NULL");
    if (parent_pool[0] == '\0' || strnlen(parent_pool, VTCLONE_MAX_NAME_BYTES + 1) > VTCLONE_MAX_NAME_BYTES ||
        (image != NULL && strnlen(image, VTCLONE_MAX_NAME_BYTES + 1) > VTCLONE_MAX_NAME_BYTES))
        return error_set(err, VTCLONE_E_INVALID, "vtclone_certify: a name is empty or too long");
    if ((code = find_backend(site, backend, &question.backend, err)) != 0)
        return code;
    question.deadline = deadline_in_ms(handle->options.clone_timeout_ms);
    code = connection_get(handle->cache, &handle->options, question.backend, question.deadline, &question.connection,
                          err);
    if (code != 0)
        return code;
    code = ask(&question, image, &broken, json, err);
    connection_put(question.connection, broken);
    return code;
}

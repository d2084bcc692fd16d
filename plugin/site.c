/*
 * site.c - the site document: stores, backends and volume types of a deployment, checked and kept in one arena.
 */
#include "site.h"

#include "error.h"
#include "sized.h"

#include <stdlib.h>
#include <string.h>

#define WHAT "site"
#define PATH_MAX_BYTES 4096
#define ARENA_CEILING (128u * 1024 * 1024) /* a document of the largest size fits, at about four times its bytes */

/* One optional text member of an object and where it goes. */
struct text_member {
    const char *key;
    const char **to;
    size_t max;
};

static int32_t read_texts(const struct json *object, const struct text_member *members, size_t count,
                          vtclone_error *err)
{
    int32_t code = VTCLONE_OK;

    for (size_t i = 0; i < count && code == VTCLONE_OK; i++)
        code = json_opt_string(object, members[i].key, members[i].max, members[i].to, WHAT, err);
    return code;
}

static int32_t missing(const struct json *object, const char *key, const char *because, vtclone_error *err)
{
    char path[200];

    return error_set(err, VTCLONE_E_DOCUMENT, WHAT ": %s.%s: missing, %s", json_path(object, path, sizeof(path)), key,
                     because);
}

/* A second entry of the same name would make the answer depend on which of them is looked at. */
static int32_t refuse_twin(const struct json *object, const char *key, const char *name, bool twin,
                           vtclone_error *err)
{
    char path[200];

    if (!twin)
        return VTCLONE_OK;
    return error_set(err, VTCLONE_E_DOCUMENT, WHAT ": %s.%s: \"%s\" is there twice",
                     json_path(object, path, sizeof(path)), key, name);
}

static int32_t read_store(vtclone_site *site, const struct json *entry, vtclone_error *err)
{
    struct store store = { 0 };
    const struct text_member texts[] = {
        { "volume_type", &store.volume_type, VTCLONE_MAX_NAME_BYTES },
        { "fsid", &store.fsid, VTCLONE_MAX_NAME_BYTES },
        { "pool", &store.pool, VTCLONE_MAX_NAME_BYTES },
        { "derived_from", &store.derived_from, VTCLONE_MAX_NAME_BYTES },
    };
    int32_t code = json_expect(entry, JSON_OBJECT, WHAT, err);

    if (code == VTCLONE_OK)
        code = json_need_string(entry, "id", VTCLONE_MAX_NAME_BYTES, &store.id, WHAT, err);
    if (code == VTCLONE_OK)
        code = json_need_string(entry, "type", VTCLONE_MAX_NAME_BYTES, &store.type_name, WHAT, err);
    if (code == VTCLONE_OK)
        code = read_texts(entry, texts, sizeof(texts) / sizeof(texts[0]), err);
    if (code == VTCLONE_OK)
        code = refuse_twin(entry, "id", store.id, site_find_store(site, store.id) != NULL, err);
    if (code != VTCLONE_OK)
        return code;
    store.type = strcmp(store.type_name, "rbd") == 0      ? STORE_RBD
                 : strcmp(store.type_name, "cinder") == 0 ? STORE_CINDER
                                                          : STORE_OTHER;
    if (store.type == STORE_RBD && store.pool == NULL)
        return missing(entry, "pool", "an rbd store has one", err);
    site->stores[site->store_count++] = store;
    return VTCLONE_OK;
}

static int32_t read_backend_type(const struct json *entry, struct backend *backend, vtclone_error *err)
{
    const char *type = NULL;
    char path[200];
    int32_t code = json_need_string(entry, "type", VTCLONE_MAX_NAME_BYTES, &type, WHAT, err);

    if (code != VTCLONE_OK)
        return code;
    if (strcmp(type, "rbd") == 0)
        backend->type = BACKEND_RBD;
    else if (strcmp(type, "cinder") == 0)
        backend->type = BACKEND_CINDER;
    else
        return error_set(err, VTCLONE_E_DOCUMENT, WHAT ": %s.type: \"%s\" is neither \"rbd\" nor \"cinder\"",
                         json_path(entry, path, sizeof(path)), type);
    return VTCLONE_OK;
}

static int32_t check_rbd_backend(const struct json *entry, struct backend *backend, vtclone_error *err)
{
    if (backend->fsid == NULL)
        return missing(entry, "fsid", "an rbd backend has one", err);
    if (backend->pool == NULL)
        return missing(entry, "pool", "an rbd backend has one", err);
    if (backend->user == NULL)
        backend->user = "admin";
    if (backend->cluster == NULL)
        backend->cluster = "ceph";
    if (backend->chunk_size_mib < 1 || backend->chunk_size_mib > 32) {
        char path[200];
        return error_set(err, VTCLONE_E_DOCUMENT, WHAT ": %s.chunk_size: %lld MiB are not within 1 and 32",
                         json_path(entry, path, sizeof(path)), (long long)backend->chunk_size_mib);
    }
    return VTCLONE_OK;
}

static bool has_backend(const vtclone_site *site, const char *host)
{
    for (size_t i = 0; i < site->backend_count; i++)
        if (strcmp(site->backends[i].host, host) == 0)
            return true;
    return false;
}

static int32_t read_backend(vtclone_site *site, const struct json *entry, vtclone_error *err)
{
    struct backend backend = { .chunk_size_mib = 4 };
    const struct text_member texts[] = {
        { "fsid", &backend.fsid, VTCLONE_MAX_NAME_BYTES },
        { "pool", &backend.pool, VTCLONE_MAX_NAME_BYTES },
        { "user", &backend.user, VTCLONE_MAX_NAME_BYTES },
        { "ceph_conf", &backend.ceph_conf, PATH_MAX_BYTES },
        { "cluster", &backend.cluster, VTCLONE_MAX_NAME_BYTES },
        { "store", &backend.store, VTCLONE_MAX_NAME_BYTES },
        { "cluster_name", &backend.cluster_name, VTCLONE_MAX_NAME_BYTES },
        { "derived_from", &backend.derived_from, VTCLONE_MAX_NAME_BYTES },
    };
    int32_t code = json_expect(entry, JSON_OBJECT, WHAT, err);

    if (code == VTCLONE_OK)
        code = json_need_string(entry, "host", VTCLONE_MAX_NAME_BYTES, &backend.host, WHAT, err);
    if (code == VTCLONE_OK)
        code = json_need_string(entry, "name", VTCLONE_MAX_NAME_BYTES, &backend.name, WHAT, err);
    if (code == VTCLONE_OK)
        code = read_backend_type(entry, &backend, err);
    if (code == VTCLONE_OK)
        code = read_texts(entry, texts, sizeof(texts) / sizeof(texts[0]), err);
    if (code == VTCLONE_OK)
        code = json_opt_bool(entry, "clone_across_pools", &backend.clone_across_pools, WHAT, err);
    if (code == VTCLONE_OK)
        code = json_opt_int(entry, "chunk_size", &backend.chunk_size_mib, WHAT, err);
    if (code == VTCLONE_OK)
        code = refuse_twin(entry, "host", backend.host, has_backend(site, backend.host), err);
    if (code == VTCLONE_OK && backend.type == BACKEND_RBD)
        code = check_rbd_backend(entry, &backend, err);
    if (code == VTCLONE_OK)
        site->backends[site->backend_count++] = backend;
    return code;
}

static int32_t read_type(vtclone_site *site, const struct json *entry, vtclone_error *err)
{
    struct volume_type type = { 0 };
    const struct json *specs = NULL;
    const struct text_member texts[] = {
        { "volume_backend_name", &type.backend_name, 4 * VTCLONE_MAX_NAME_BYTES },
        { "image_service:store_id", &type.store_id, VTCLONE_MAX_NAME_BYTES },
    };
    const struct text_member own[] = { { "derived_from", &type.derived_from, VTCLONE_MAX_NAME_BYTES } };
    int32_t code = json_expect(entry, JSON_OBJECT, WHAT, err);

    if (code == VTCLONE_OK)
        code = json_need_string(entry, "name", VTCLONE_MAX_NAME_BYTES, &type.name, WHAT, err);
    if (code == VTCLONE_OK)
        code = read_texts(entry, own, 1, err);
    if (code == VTCLONE_OK)
        code = json_opt_list(entry, "extra_specs", JSON_OBJECT, VTCLONE_MAX_VALUES, "VTCLONE_MAX_VALUES", &specs,
                             WHAT, err);
    if (code == VTCLONE_OK)
        code = read_texts(specs, texts, sizeof(texts) / sizeof(texts[0]), err);
    if (code == VTCLONE_OK)
        code = refuse_twin(entry, "name", type.name, site_find_type(site, type.name) != NULL, err);
    if (code == VTCLONE_OK)
        site->types[site->type_count++] = type;
    return code;
}

typedef int32_t read_entry(vtclone_site *site, const struct json *entry, vtclone_error *err);

/* Reads root[key], a list of at most max entries, with the array at *array made for them first. */
static int32_t read_list(vtclone_site *site, const struct json *root, const char *key, uint32_t max,
                         const char *limit, size_t entry_size, void *array, read_entry *read, vtclone_error *err)
{
    const struct json *list = NULL;
    int32_t code = json_opt_list(root, key, JSON_ARRAY, max, limit, &list, WHAT, err);

    if (code != VTCLONE_OK || list == NULL)
        return code;
    void *room = arena_alloc(&site->arena, list->count + (size_t)1, entry_size);
    if (room == NULL)
        return error_nomem(err, WHAT);
    memcpy(array, &room, sizeof(room));
    for (const struct json *entry = list->first; entry != NULL && code == VTCLONE_OK; entry = entry->next)
        code = read(site, entry, err);
    return code;
}

static int32_t read_site(vtclone_site *site, const char *json, size_t len, vtclone_error *err)
{
    struct json *root;
    int32_t code = json_parse(&site->arena, WHAT, json, len, &root, err);

    if (code == VTCLONE_OK)
        code = json_expect(root, JSON_OBJECT, WHAT, err);
    if (code == VTCLONE_OK)
        code = read_list(site, root, "stores", VTCLONE_MAX_STORES, "VTCLONE_MAX_STORES", sizeof(struct store),
                         &site->stores, read_store, err);
    if (code == VTCLONE_OK)
        code = read_list(site, root, "backends", VTCLONE_MAX_BACKENDS, "VTCLONE_MAX_BACKENDS",
                         sizeof(struct backend), &site->backends, read_backend, err);
    if (code == VTCLONE_OK)
        code = read_list(site, root, "volume_types", VTCLONE_MAX_VOLUME_TYPES, "VTCLONE_MAX_VOLUME_TYPES",
                         sizeof(struct volume_type), &site->types, read_type, err);
    return code;
}

int32_t vtclone_site_parse(const char *json, size_t len, vtclone_site **out, vtclone_error *err)
{
    ERR_OR_LOCAL(err);
    if (out == NULL)
        return error_set(err, VTCLONE_E_INVALID, WHAT ": no place for the result");
    vtclone_site *site = calloc(1, sizeof(*site));
    if (site == NULL)
        return error_nomem(err, WHAT);
    atomic_init(&site->references, 1);
    arena_init(&site->arena, 4096, ARENA_CEILING);
    int32_t code = read_site(site, json, len, err);
    if (code != VTCLONE_OK) {
        vtclone_site_free(site);
        return code;
    }
    *out = site;
    return VTCLONE_OK;
}

vtclone_site *site_ref(vtclone_site *site)
{
    atomic_fetch_add(&site->references, 1);
    return site;
}

void vtclone_site_free(vtclone_site *site)
{
    if (site == NULL || atomic_fetch_sub(&site->references, 1) != 1)
        return;
    arena_release(&site->arena);
    free(site);
}

const struct store *site_find_store(const vtclone_site *site, const char *id)
{
    for (size_t i = 0; i < site->store_count; i++)
        if (strcmp(site->stores[i].id, id) == 0)
            return &site->stores[i];
    return NULL;
}

const struct volume_type *site_find_type(const vtclone_site *site, const char *name)
{
    for (size_t i = 0; i < site->type_count; i++)
        if (strcmp(site->types[i].name, name) == 0)
            return &site->types[i];
    return NULL;
}

/* Whether one word of "<or> a <or> b" is the name. */
static bool or_list_has(const char *list, const char *name)
{
    static const char operator[] = "<or>";
    const size_t want = strlen(name);

    for (const char *at = strstr(list, operator); at != NULL; at = strstr(at, operator)) {
        at += strlen(operator);
        at += strspn(at, " ");
        const char *next = strstr(at, operator);
        size_t len = next == NULL ? strlen(at) : (size_t)(next - at);
        while (len > 0 && at[len - 1] == ' ')
            len--;
        if (len == want && memcmp(at, name, len) == 0)
            return true;
    }
    return false;
}

bool site_serves(const struct backend *backend, const struct volume_type *type)
{
    if (type == NULL || type->backend_name == NULL)
        return true;
    const char *wanted = type->backend_name;
    if (strncmp(wanted, "<or>", 4) == 0)
        return or_list_has(wanted, backend->name);
    if (strncmp(wanted, "<in> ", 5) == 0)
        return strstr(backend->name, wanted + 5) != NULL;
    if (strncmp(wanted, "s== ", 4) == 0)
        wanted += 4;
    return strcmp(backend->name, wanted) == 0;
}

bool site_host_matches(const struct backend *backend, const char *wanted)
{
    if (wanted == NULL || strcmp(backend->host, wanted) == 0)
        return true;
    size_t len = strlen(wanted);
    return strchr(wanted, '#') == NULL && strncmp(backend->host, wanted, len) == 0 && backend->host[len] == '#';
}

size_t vtclone_site_backend_count(const vtclone_site *site)
{
    return site == NULL ? 0 : site->backend_count;
}

int32_t vtclone_site_backend(const vtclone_site *site, size_t index, vtclone_backend_info *out, vtclone_error *err)
{
    ERR_OR_LOCAL(err);
    if (site == NULL || out == NULL || out->size < sizeof(out->size))
        return error_set(err, VTCLONE_E_INVALID, "site backend: no site, or no place for the result");
    if (index >= site->backend_count)
        return error_set(err, VTCLONE_E_INVALID, "site backend: index %zu of %zu backends", index,
                         site->backend_count);
    const struct backend *backend = &site->backends[index];
    const vtclone_backend_info info = {
        .size = out->size,
        .host = backend->host,
        .name = backend->name,
        .type = backend->type == BACKEND_RBD ? "rbd" : "cinder",
        .fsid = backend->fsid,
        .pool = backend->pool,
        .user = backend->user,
        .ceph_conf = backend->ceph_conf,
        .cluster = backend->cluster,
        .store = backend->store,
        .derived_from = backend->derived_from,
    };
    sized_write(out, out->size, &info, sizeof(info));
    return VTCLONE_OK;
}

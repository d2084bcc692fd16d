/*
 * doctor_facts.c - the stores, backends and volume types that the checks compare: from a site document (a file's, or
 * the live one), or, where there is none, from what cinder.conf and glance-api.conf say.
 */
#include "doctor.h"
#include "error.h"

#include <stdlib.h>
#include <string.h>

#define RBD_DRIVER "cinder.volume.drivers.rbd.RBDDriver"

bool same_text(const char *one, const char *other)
{
    return one != NULL && other != NULL && strcmp(one, other) == 0;
}

/* ---- from a site document ---- */

static int32_t new_list(struct report *report, const struct json *root, const char *key, size_t size, void **list,
                        size_t *count, vtclone_error *err)
{
    const struct json *array = json_get(root, key);

    *count = array == NULL || array->type != JSON_ARRAY ? 0 : array->count;
    *list = *count == 0 ? NULL : arena_alloc(&report->arena, *count, size);
    return *count > 0 && *list == NULL ? error_nomem(err, "site") : VTCLONE_OK;
}

/* vtclone_site_parse() has seen the document: every value has its type. */
static const char *text_of(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);

    return value != NULL && value->type == JSON_STRING ? value->text : NULL;
}

static void read_site(const struct json *root, struct facts *facts)
{
    const struct json *list = json_get(root, "stores"), *entry;
    size_t i = 0;

    for (entry = list == NULL ? NULL : list->first; entry != NULL; entry = entry->next)
        facts->stores[i++] = (struct store_fact){ .id = text_of(entry, "id"), .type = text_of(entry, "type"),
            .volume_type = text_of(entry, "volume_type"), .fsid = text_of(entry, "fsid"),
            .pool = text_of(entry, "pool") };
    list = json_get(root, "backends");
    i = 0;
    for (entry = list == NULL ? NULL : list->first; entry != NULL; entry = entry->next)
        facts->backends[i++] = (struct backend_fact){ .host = text_of(entry, "host"), .name = text_of(entry, "name"),
            .type = text_of(entry, "type"), .fsid = text_of(entry, "fsid"), .pool = text_of(entry, "pool"),
            .user = text_of(entry, "user"), .ceph_conf = text_of(entry, "ceph_conf"),
            .cluster = text_of(entry, "cluster"), .store = text_of(entry, "store") };
    list = json_get(root, "volume_types");
    i = 0;
    for (entry = list == NULL ? NULL : list->first; entry != NULL; entry = entry->next) {
        const struct json *specs = json_get(entry, "extra_specs");
        facts->types[i++] = (struct type_fact){ .name = text_of(entry, "name"),
            .backend_name = text_of(specs, "volume_backend_name"),
            .store_id = text_of(specs, "image_service:store_id") };
    }
}

int32_t facts_from_site(struct report *report, const char *text, size_t len, struct facts *facts, vtclone_error *err)
{
    struct json *root;
    int32_t code = vtclone_site_parse(text, len, &facts->site, err);

    if (code != VTCLONE_OK)
        return code;
    code = json_parse(&report->arena, "site", text, len, &root, err);
    if (code == VTCLONE_OK)
        code = new_list(report, root, "stores", sizeof(*facts->stores), (void **)&facts->stores, &facts->store_count,
                        err);
    if (code == VTCLONE_OK)
        code = new_list(report, root, "backends", sizeof(*facts->backends), (void **)&facts->backends,
                        &facts->backend_count, err);
    if (code == VTCLONE_OK)
        code = new_list(report, root, "volume_types", sizeof(*facts->types), (void **)&facts->types,
                        &facts->type_count, err);
    if (code != VTCLONE_OK)
        return code;
    read_site(root, facts);
    facts->has_site = true;
    return VTCLONE_OK;
}

/* ---- from the configuration files ---- */

const char *backend_option(const struct ini *cinder, const char *section, const char *key)
{
    const char *value = ini_get(cinder, section, key);

    return value != NULL ? value : ini_get(cinder, "backend_defaults", key);
}

bool backend_is_rbd(const struct ini *cinder, const char *section)
{
    return same_text(backend_option(cinder, section, "volume_driver"), RBD_DRIVER);
}

static size_t list_count(const char *list)
{
    const char *item;
    size_t len, count = 0;

    while (list_next(&list, &item, &len))
        count++;
    return count;
}

static const char *ceph_fsid(struct report *report, const char *conf)
{
    struct ini ini = { 0 };

    if (conf == NULL || ini_read(&report->arena, conf, &ini, &(vtclone_error){ 0 }) != VTCLONE_OK)
        return NULL;
    return ini_get(&ini, "global", "fsid");
}

/* extra_capabilities = {"glance_store_id": "ceph"} */
static const char *paired_store(struct report *report, const struct ini *cinder, const char *section)
{
    const char *text = backend_option(cinder, section, "extra_capabilities");
    struct json *root;

    if (text == NULL)
        return NULL;
    int32_t code = json_parse(&report->arena, "extra_capabilities", text, strlen(text), &root, &(vtclone_error){ 0 });
    return code != VTCLONE_OK ? NULL : text_of(root, "glance_store_id");
}

static void read_backends(struct report *report, const struct ini *cinder, struct facts *facts)
{
    const char *rest = ini_get(cinder, "DEFAULT", "enabled_backends"), *item;
    size_t len, room = list_count(rest);

    facts->backends = room == 0 ? NULL : arena_alloc(&report->arena, room, sizeof(*facts->backends));
    while (facts->backends != NULL && list_next(&rest, &item, &len)) {
        const char *section = arena_strndup(&report->arena, item, len);
        if (section == NULL || !ini_has_section(cinder, section))
            continue;
        struct backend_fact *backend = &facts->backends[facts->backend_count++];
        bool rbd = backend_is_rbd(cinder, section);
        const char *name = backend_option(cinder, section, "volume_backend_name");
        const char *conf = rbd ? backend_option(cinder, section, "rbd_ceph_conf") : NULL;
        const char *pool = rbd ? backend_option(cinder, section, "rbd_pool") : NULL;
        *backend = (struct backend_fact){ .name = name == NULL ? section : name, .type = rbd ? "rbd" : "cinder",
            .pool = rbd && pool == NULL ? "rbd" : pool, .ceph_conf = conf, .fsid = ceph_fsid(report, conf),
            .user = rbd ? backend_option(cinder, section, "rbd_user") : NULL,
            .cluster = rbd ? backend_option(cinder, section, "rbd_cluster_name") : NULL,
            .store = paired_store(report, cinder, section) };
    }
}

static void read_stores(struct report *report, const struct ini *glance, struct facts *facts)
{
    const char *rest = ini_get(glance, "DEFAULT", "enabled_backends"), *item;
    size_t len, room = list_count(rest);

    facts->stores = room == 0 ? NULL : arena_alloc(&report->arena, room, sizeof(*facts->stores));
    while (facts->stores != NULL && list_next(&rest, &item, &len)) {
        const char *colon = memchr(item, ':', len);
        const char *id = colon == NULL ? NULL : arena_strndup(&report->arena, item, (size_t)(colon - item));
        const char *type =
            colon == NULL ? NULL : arena_strndup(&report->arena, colon + 1, len - (size_t)(colon + 1 - item));
        if (id == NULL || type == NULL)
            continue;
        bool rbd = strcmp(type, "rbd") == 0;
        const char *pool = rbd ? ini_get(glance, id, "rbd_store_pool") : NULL;
        const char *chunk = rbd ? ini_get(glance, id, "rbd_store_chunk_size") : NULL;
        facts->stores[facts->store_count++] = (struct store_fact){ .id = id, .type = type,
            .volume_type = ini_get(glance, id, "cinder_volume_type"),
            .fsid = rbd ? ceph_fsid(report, ini_get(glance, id, "rbd_store_ceph_conf")) : NULL,
            .pool = rbd && pool == NULL ? "images" : pool,
            .chunk_mib = !rbd ? 0 : chunk == NULL ? 8 : strtoll(chunk, NULL, 10) };
    }
}

void facts_from_files(struct report *report, const struct ini *cinder, const struct ini *glance, struct facts *facts)
{
    facts->allow_signed = cinder != NULL && same_text(ini_get(cinder, "vtclone", "signed_images"), "allow");
    if (cinder != NULL && facts->backend_count == 0)
        read_backends(report, cinder, facts);
    if (glance != NULL && facts->store_count == 0)
        read_stores(report, glance, facts);
}

/* ---- relations ---- */

/* One extra spec against a name, with the operators of Cinder's extra_specs_ops that make sense for a name. */
static bool name_matches(const char *wanted, const char *name)
{
    const char *word = wanted;

    if (strncmp(wanted, "s== ", 4) == 0)
        return strcmp(wanted + 4, name) == 0;
    if (strncmp(wanted, "<in> ", 5) == 0)
        return strstr(name, wanted + 5) != NULL;
    if (strncmp(wanted, "<or> ", 5) != 0)
        return strcmp(wanted, name) == 0;
    while (word != NULL) {
        const char *next = strstr(word + 4, " <or> ");
        size_t len = next == NULL ? strlen(word + 5) : (size_t)(next - (word + 5));
        if (strlen(name) == len && memcmp(word + 5, name, len) == 0)
            return true;
        word = next == NULL ? NULL : next + 1;
    }
    return false;
}

bool type_on_backend(const struct type_fact *type, const struct backend_fact *backend)
{
    return type->backend_name == NULL || (backend->name != NULL && name_matches(type->backend_name, backend->name));
}

bool store_beside(const struct facts *facts, const struct store_fact *store, const struct backend_fact *backend)
{
    if (same_text(store->type, "rbd"))
        return same_text(backend->type, "rbd") &&
               (store->fsid == NULL || backend->fsid == NULL || strcmp(store->fsid, backend->fsid) == 0);
    if (!same_text(store->type, "cinder"))
        return false;
    const struct type_fact *type = find_type(facts, store->volume_type);
    if (type != NULL)
        return type_on_backend(type, backend);
    if (backend->store != NULL)
        return strcmp(backend->store, store->id) == 0;
    if (store->volume_type == NULL)
        return true; /* nothing says where its image volumes are made */
    /* From files alone the types are not known: types are commonly named after their backends. */
    return !facts->has_site && same_text(store->volume_type, backend->name);
}

const struct store_fact *find_store(const struct facts *facts, const char *id)
{
    for (size_t i = 0; i < facts->store_count; i++)
        if (same_text(facts->stores[i].id, id))
            return &facts->stores[i];
    return NULL;
}

const struct type_fact *find_type(const struct facts *facts, const char *name)
{
    for (size_t i = 0; i < facts->type_count; i++)
        if (same_text(facts->types[i].name, name))
            return &facts->types[i];
    return NULL;
}

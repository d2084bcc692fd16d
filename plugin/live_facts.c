/*
 * live_facts.c - asks Glance and Cinder what stores, pools and types there are and writes it as a site document, each
 * entry with "derived_from". The rules of derivation are in live_site.h.
 */
#include "live_site.h"

#include "error.h"
#include "json.h"
#include "strbuf.h"

#include <stdlib.h>
#include <string.h>

#define FACTS_ARENA (192u * 1024 * 1024)
#define DOCUMENT_ARENA (64u * 1024 * 1024)
#define TYPE_PAGES 64
#define DERIVED_BYTES 200

/* Everything that was asked, in one arena. */
struct facts {
    struct arena arena;
    const struct json *override;   /* the caller's document, or NULL */
    const struct json *stores;     /* NULL: none told */
    bool stores_detailed;
    const struct json *pools;      /* NULL: not for this credential */
    const struct json *services;   /* NULL: not for this credential */
    const struct json *types[TYPE_PAGES];
    size_t type_pages;             /* 0: not for this credential */
    bool incomplete;               /* for want of memory */
};

/* A text member of a live document, or NULL: what has another type is treated as not told. */
static const char *text_of(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);

    return value != NULL && value->type == JSON_STRING && value->len != 0 && strlen(value->text) == value->len ?
               value->text :
               NULL;
}

static bool same(const char *one, const char *other)
{
    return one != NULL && other != NULL && strcmp(one, other) == 0;
}

/* The entry of the caller's document in that list whose key has the value. */
static const struct json *overriding(const struct facts *facts, const char *list, const char *key, const char *value)
{
    const struct json *entries = json_get(facts->override, list);

    for (const struct json *entry = entries != NULL ? entries->first : NULL; entry != NULL; entry = entry->next)
        if (same(text_of(entry, key), value))
            return entry;
    return NULL;
}

static bool file_has(const struct facts *facts, const char *list)
{
    return json_get(facts->override, list) != NULL;
}

/* ---- asking ---- */

static int32_t refused(const char *what, int32_t code, vtclone_error *err)
{
    return error_set(err, code, "%s: this user may not see them (HTTP 403 or 404); give a site file that has them", what);
}

static int32_t ask_all(struct live_site *live, const struct call *call, struct facts *facts, vtclone_error *err)
{
    int32_t rc = glance_stores(live->glance, call, &facts->arena, &facts->stores, &facts->stores_detailed, err);

    if (rc == VTCLONE_OK && facts->stores != NULL && !facts->stores_detailed && !file_has(facts, "stores"))
        rc = refused("details of Glance's stores", VTCLONE_E_GLANCE, err);
    if (rc == VTCLONE_OK)
        rc = cinder_types(live->cinder, call, &facts->arena, facts->types, TYPE_PAGES, &facts->type_pages, err);
    if (rc == VTCLONE_OK)
        rc = cinder_pools(live->cinder, call, &facts->arena, &facts->pools, err);
    if (rc == VTCLONE_OK && facts->pools == NULL && !file_has(facts, "backends"))
        rc = refused("Cinder's pools", VTCLONE_E_CINDER, err);
    if (rc == VTCLONE_OK && facts->pools != NULL)
        rc = cinder_services(live->cinder, call, &facts->arena, &facts->services, err);
    return rc;
}

/* ---- writing ---- */

/* An entry of the caller's document as it is. */
static void write_given(struct json_writer *writer, const struct json *entry)
{
    json_begin_object(writer);
    for (const struct json *member = entry->first; member != NULL; member = member->next) {
        if (strlen(member->key) != member->key_len || strcmp(member->key, "derived_from") == 0)
            continue; /* a name with a NUL in it would come out as another one */
        json_key(writer, member->key);
        json_value(writer, member);
    }
    json_pair(writer, "derived_from", "site file");
    json_end_object(writer);
}

static void write_all_given(struct json_writer *writer, const struct facts *facts, const char *list)
{
    const struct json *entries = json_get(facts->override, list);

    for (const struct json *entry = entries != NULL ? entries->first : NULL; entry != NULL; entry = entry->next)
        write_given(writer, entry);
}

static void pair_if(struct json_writer *writer, const char *key, const char *value)
{
    if (value != NULL)
        json_pair(writer, key, value);
}

static void write_stores(struct json_writer *writer, const struct facts *facts)
{
    json_key(writer, "stores");
    json_begin_array(writer);
    write_all_given(writer, facts, "stores");
    for (const struct json *store = facts->stores != NULL ? facts->stores->first : NULL; store; store = store->next) {
        const char *id = text_of(store, "id"), *type = text_of(store, "type");
        const struct json *properties = json_get(store, "properties");

        if (id == NULL || type == NULL || overriding(facts, "stores", "id", id) != NULL)
            continue;
        if (strcmp(type, "rbd") == 0 && text_of(properties, "pool") == NULL)
            continue; /* of no use, and no valid entry of a site */
        json_begin_object(writer);
        json_pair(writer, "id", id);
        json_pair(writer, "type", type);
        pair_if(writer, "volume_type", text_of(properties, "volume_type"));
        pair_if(writer, "pool", text_of(properties, "pool"));
        pair_if(writer, "fsid", text_of(properties, "fsid"));
        if (text_of(store, "default") != NULL)
            json_pair(writer, "default", text_of(store, "default"));
        json_pair(writer, "derived_from", "Glance stores/detail");
        json_end_object(writer);
    }
    json_end_array(writer);
}

static void write_types(struct json_writer *writer, const struct facts *facts)
{
    json_key(writer, "volume_types");
    json_begin_array(writer);
    write_all_given(writer, facts, "volume_types");
    for (size_t page = 0; page < facts->type_pages; page++) {
        for (const struct json *type = facts->types[page]->first; type != NULL; type = type->next) {
            const struct json *specs = json_get(type, "extra_specs");
            const char *name = text_of(type, "name");

            if (name == NULL || overriding(facts, "volume_types", "name", name) != NULL)
                continue;
            json_begin_object(writer);
            json_pair(writer, "name", name);
            if (specs != NULL && specs->type == JSON_OBJECT) {
                json_key(writer, "extra_specs");
                json_value(writer, specs);
            }
            json_pair(writer, "derived_from", "Cinder types");
            json_end_object(writer);
        }
    }
    json_end_array(writer);
}

/* ---- backends ---- */

/* What becomes of one pool. */
struct derived {
    const char *host;
    const char *name;
    const char *store;
    const char *store_from; /* "glance_store_id", "type netapp"; NULL with store */
    bool rbd;
    const char *parts[5];   /* cluster, conf, fsid, user, pool */
    const char *cluster_name;
    const char *state;      /* of its service: "up", "down"; NULL: not told */
};

/* "ceph:/etc/ceph/ceph.conf:FSID:cinder:volumes": the name of the cluster first, three names last, the rest a path. */
static bool split_location(struct facts *facts, const char *info, const char *parts[5])
{
    char *text = arena_strdup(&facts->arena, info);

    facts->incomplete |= info != NULL && text == NULL;
    if (text == NULL)
        return false;
    for (int part = 4; part >= 2; part--) {
        char *colon = strrchr(text, ':');
        if (colon == NULL)
            return false;
        parts[part] = colon + 1;
        *colon = '\0';
    }
    char *colon = strchr(text, ':');
    if (colon == NULL)
        return false;
    *colon = '\0';
    parts[0] = text;
    parts[1] = colon + 1;
    for (int part = 0; part < 5; part++)
        if (parts[part][0] == '\0')
            return false;
    return true;
}

/* storage_protocol: a text, or (in some releases) a list whose first member counts. */
static const char *protocol_of(const struct json *capabilities)
{
    const struct json *value = json_get(capabilities, "storage_protocol");

    if (value != NULL && value->type == JSON_ARRAY)
        value = value->first;
    return value != NULL && value->type == JSON_STRING ? value->text : NULL;
}

/* Looks at one type: whether it names the backend, and a store. */
static void look_at_type(const struct json *type, struct derived *backend, const char **agreed, bool *disagree,
                         const char **from)
{
    const struct json *specs = json_get(type, "extra_specs");
    const char *store = text_of(specs, "image_service:store_id");

    if (store == NULL || !same(text_of(specs, "volume_backend_name"), backend->name))
        return;
    if (*agreed != NULL && strcmp(*agreed, store) != 0)
        *disagree = true;
    *agreed = store;
    *from = text_of(type, "name");
}

/* The store that all the types which name the backend agree on. */
static void store_of_types(struct facts *facts, struct derived *backend)
{
    const struct json *given = json_get(facts->override, "volume_types");
    const char *agreed = NULL, *from = NULL;
    bool disagree = false;

    for (const struct json *type = given != NULL ? given->first : NULL; type != NULL; type = type->next)
        look_at_type(type, backend, &agreed, &disagree, &from);
    for (size_t page = 0; page < facts->type_pages; page++)
        for (const struct json *type = facts->types[page]->first; type != NULL; type = type->next)
            if (overriding(facts, "volume_types", "name", text_of(type, "name")) == NULL)
                look_at_type(type, backend, &agreed, &disagree, &from);
    if (agreed == NULL || disagree)
        return;
    backend->store = agreed;
    backend->store_from = arena_printf(&facts->arena, "type %.100s", from != NULL ? from : "?");
    facts->incomplete |= backend->store_from == NULL;
}

/* The type of a store, of the caller's document or live. */
static const char *store_type(const struct facts *facts, const char *id)
{
    const struct json *given = overriding(facts, "stores", "id", id);

    if (given != NULL)
        return text_of(given, "type");
    for (const struct json *store = facts->stores != NULL ? facts->stores->first : NULL; store; store = store->next)
        if (same(text_of(store, "id"), id))
            return text_of(store, "type");
    return NULL;
}

/* The state and cluster of the cinder-volume that has the pool; of a clustered pool the host is its cluster. */
static void look_up_service(const struct facts *facts, struct derived *backend)
{
    const size_t len = strcspn(backend->host, "#");

    for (const struct json *service = facts->services != NULL ? facts->services->first : NULL; service != NULL;
         service = service->next) {
        const char *host = text_of(service, "host"), *cluster = text_of(service, "cluster");
        const bool by_host = host != NULL && strlen(host) == len && memcmp(host, backend->host, len) == 0;
        const bool by_cluster = cluster != NULL && strlen(cluster) == len && memcmp(cluster, backend->host, len) == 0;

        if (!by_host && !by_cluster)
            continue;
        if (backend->state == NULL || same(text_of(service, "state"), "up"))
            backend->state = text_of(service, "state");
        if (by_cluster)
            backend->cluster_name = backend->host; /* of the form cluster@backend#pool, as volumes carry it */
    }
}

/* Whether the pool gives a backend at all. */
static bool derive(struct facts *facts, const struct json *pool, struct derived *backend)
{
    const struct json *capabilities = json_get(pool, "capabilities");

    *backend = (struct derived){ .host = text_of(pool, "name"), .name = text_of(capabilities, "volume_backend_name") };
    if (backend->host == NULL || backend->name == NULL || overriding(facts, "backends", "host", backend->host) != NULL)
        return false;
    backend->store = text_of(capabilities, "glance_store_id");
    if (backend->store != NULL)
        backend->store_from = "glance_store_id";
    else
        store_of_types(facts, backend);
    look_up_service(facts, backend);
    const char *protocol = protocol_of(capabilities);
    backend->rbd = protocol != NULL && strcmp(protocol, "ceph") == 0 &&
                   !(backend->store != NULL && same(store_type(facts, backend->store), "cinder")) &&
                   split_location(facts, text_of(capabilities, "location_info"), backend->parts);
    return true;
}

static void write_backend(struct json_writer *writer, const struct json *pool, const struct derived *backend)
{
    const struct json *across = json_get(json_get(pool, "capabilities"), "clone_across_pools");
    char room[DERIVED_BYTES];
    struct strbuf from;

    strbuf_init(&from, room, sizeof(room));
    strbuf_add_str(&from, "Cinder pools");
    if (backend->rbd)
        strbuf_add_str(&from, ", location_info");
    if (backend->store_from != NULL)
        strbuf_printf(&from, ", store by %s", backend->store_from);
    json_begin_object(writer);
    json_pair(writer, "host", backend->host);
    json_pair(writer, "name", backend->name);
    json_pair(writer, "type", backend->rbd ? "rbd" : "cinder");
    if (backend->rbd) {
        json_pair(writer, "cluster", backend->parts[0]);
        json_pair(writer, "ceph_conf", backend->parts[1]);
        json_pair(writer, "fsid", backend->parts[2]);
        json_pair(writer, "user", backend->parts[3]);
        json_pair(writer, "pool", backend->parts[4]);
    }
    pair_if(writer, "store", backend->store);
    pair_if(writer, "cluster_name", backend->cluster_name);
    if (across != NULL && across->type == JSON_BOOL && across->boolean) {
        json_key(writer, "clone_across_pools");
        json_boolean(writer, true);
    }
    pair_if(writer, "state", backend->state);
    json_pair(writer, "derived_from", room);
    json_end_object(writer);
}

static void write_backends(struct json_writer *writer, struct facts *facts)
{
    struct derived backend;

    json_key(writer, "backends");
    json_begin_array(writer);
    write_all_given(writer, facts, "backends");
    for (const struct json *pool = facts->pools != NULL ? facts->pools->first : NULL; pool != NULL; pool = pool->next)
        if (derive(facts, pool, &backend))
            write_backend(writer, pool, &backend);
    json_end_array(writer);
}

int32_t live_facts(struct live_site *live, const struct call *call, char **out, size_t *len, vtclone_error *err)
{
    struct facts facts = { 0 };
    struct json *override = NULL;
    struct json_writer *writer = NULL;
    int32_t rc = VTCLONE_OK;

    arena_init(&facts.arena, 65536, FACTS_ARENA);
    if (live->override != NULL)
        rc = json_parse(&facts.arena, "site", live->override, live->override_len, &override, err);
    facts.override = override;
    if (rc == VTCLONE_OK)
        rc = ask_all(live, call, &facts, err);
    if (rc == VTCLONE_OK && (writer = json_writer_new(DOCUMENT_ARENA)) == NULL)
        rc = error_nomem(err, "the site document");
    if (rc == VTCLONE_OK) {
        json_begin_object(writer);
        write_stores(writer, &facts);
        write_backends(writer, &facts);
        write_types(writer, &facts);
        json_end_object(writer);
        rc = facts.incomplete ? error_nomem(err, "the site document") : json_writer_finish(writer, out, len, err);
    }
    json_writer_free(writer);
    arena_release(&facts.arena);
    return rc;
}

/*
 * request.c - see lab.h: sites, decisions and calls of the library under test.
 */
#include "lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *or(const char *value, const char *fallback)
{
    return value != NULL ? value : fallback;
}

vtclone_site *site_make(const struct lab *lab, struct site_spec spec)
{
    char json[4000], chunk[64] = "";
    const char *fsid = or(spec.fsid, lab->fsid), *pool = or(spec.pool, "volumes");
    vtclone_site *site;
    vtclone_error error;
    int len;

    if (spec.chunk_size_mib != 0)
        snprintf(chunk, sizeof(chunk), ", \"chunk_size\": %d", spec.chunk_size_mib);
    len = snprintf(json, sizeof(json),
                   "{\"stores\": [{\"id\": \"ceph\", \"type\": \"rbd\", \"fsid\": \"%s\", \"pool\": \"%s\"},"
                   " {\"id\": \"other\", \"type\": \"rbd\", \"fsid\": \"%s\", \"pool\": \"scratch\"}],"
                   " \"backends\": [{\"host\": \"node@ceph#%s\", \"name\": \"ceph\", \"type\": \"rbd\","
                   " \"fsid\": \"%s\", \"pool\": \"%s\", \"user\": \"%s\", \"ceph_conf\": \"%s\","
                   " \"cluster\": \"%s\", \"store\": \"ceph\"%s}],"
                   " \"volume_types\": [{\"name\": \"ceph\"}]}",
                   fsid, or(spec.store_pool, "images"), fsid, pool, fsid, pool, or(spec.user, "cinder"),
                   or(spec.conf, lab->conf), or(spec.cluster, lab->cluster), chunk);
    assert_true(len > 0 && (size_t)len < sizeof(json));
    if (vtclone_site_parse(json, (size_t)len, &site, &error) != 0)
        fail_msg("site: %s", error.message);
    return site;
}

vtclone_decision *decide(const vtclone_site *site, const char *id, ...)
{
    const vtclone_resolve_options options = { .size = sizeof(options), .volume_type = "ceph" };
    vtclone_decision *decision;
    vtclone_error error;
    char json[4000];
    size_t used;
    va_list urls;
    bool first = true;

    used = (size_t)snprintf(json, sizeof(json),
                            "{\"id\": \"%s\", \"status\": \"active\", \"disk_format\": \"raw\","
                            " \"container_format\": \"bare\", \"size\": 67108864, \"locations\": [",
                            id);
    va_start(urls, id);
    for (const char *url; (url = va_arg(urls, const char *)) != NULL; first = false)
        used += (size_t)snprintf(json + used, sizeof(json) - used, "%s{\"url\": \"%s\", \"metadata\": {}}",
                                 first ? "" : ", ", url);
    va_end(urls);
    used += (size_t)snprintf(json + used, sizeof(json) - used, "]}");
    assert_true(used < sizeof(json));
    if (vtclone_resolve(site, json, used, &options, &decision, &error) != 0)
        fail_msg("resolve: %s", error.message);
    return decision;
}

const char *url_of(const struct lab *lab, const char *pool, const char *id, const char *snap)
{
    static char ring[4][300];
    static unsigned at;
    char *room = ring[at++ % 4];

    snprintf(room, sizeof(ring[0]), "rbd://%s/%s/%s/%s", lab->fsid, pool, id, snap);
    return room;
}

vtclone_decision *decide_image(const struct lab *lab, const vtclone_site *site)
{
    return decide(site, IMAGE, url_of(lab, "images", IMAGE, "snap"), NULL);
}

void one_image_up(struct lab *lab, vtclone_site **site, vtclone_decision **decision)
{
    *lab = lab_first();
    pool_empty(lab, "volumes");
    parent_make(lab, (struct parent_spec){ 0 });
    *site = site_make(lab, (struct site_spec){ 0 });
    *decision = decide_image(lab, *site);
}

void one_image_down(vtclone_site *site, vtclone_decision *decision)
{
    vtclone_decision_free(decision);
    vtclone_site_free(site);
    lab_close();
}

int32_t clone_try(vtclone *handle, const vtclone_decision *decision, int32_t engine, const char *volume, uint32_t timeout_ms,
                  vtclone_error *err)
{
    const vtclone_clone_options options = { .size = sizeof(options), .engine = engine, .timeout_ms = timeout_ms };
    vtclone_decision *made = NULL;
    int32_t code = vtclone_clone(handle, decision, volume, 1, &options, &made, err);

    if ((code == VTCLONE_OK) != (made != NULL)) {
        print_error("%s: %s %s a report\n", volume, vtclone_code_name(code), made != NULL ? "with" : "without");
        abort(); /* a thread of the test's own may be here, which cannot fail a test */
    }
    vtclone_decision_free(made);
    return code;
}

void clone_ok(vtclone *handle, const vtclone_decision *decision, const char *volume, int64_t size_gib, bool existed)
{
    const vtclone_clone_options options = { .size = sizeof(options), .engine = VTCLONE_ENGINE_LIBRBD };
    vtclone_decision *made = NULL;
    vtclone_error error;
    char *json, expected[400];

    if (vtclone_clone(handle, decision, volume, size_gib, &options, &made, &error) != 0)
        fail_msg("clone %s: %s %s", volume, vtclone_code_name(error.code), error.message);
    assert_int_equal(error.code, 0);
    assert_int_equal(vtclone_decision_json(made, &json, NULL, &error), 0);
    snprintf(expected, sizeof(expected), "\"volume\":\"%s\",\"size_gib\":%lld,\"engine\":\"librbd\"", volume,
             (long long)size_gib);
    if (strstr(json, expected) == NULL || strstr(json, existed ? "\"existed\":true" : "\"existed\":false") == NULL)
        fail_msg("%s with existed %d is not in %s", expected, existed, json);
    vtclone_string_free(json);
    vtclone_decision_free(made);
}

void clone_fails(vtclone *handle, const vtclone_decision *decision, const char *volume, int64_t size_gib, int32_t code,
                 const char *text)
{
    const vtclone_clone_options options = { .size = sizeof(options), .engine = VTCLONE_ENGINE_LIBRBD };
    vtclone_decision *made = NULL;
    vtclone_error error;
    int32_t got = vtclone_clone(handle, decision, volume, size_gib, &options, &made, &error);

    if (got != code || error.code != got)
        fail_msg("clone %s: %s instead of %s: %s", volume, vtclone_code_name(got), vtclone_code_name(code),
                 error.message);
    if (strstr(error.message, text) == NULL || strchr(error.message, '\n') != NULL)
        fail_msg("'%s' is not in '%s'", text, error.message);
    assert_null(made);
}

vtclone *handle_open(const vtclone_options *options)
{
    vtclone *handle;
    vtclone_error error;

    if (vtclone_open(options, &handle, &error) != 0)
        fail_msg("open: %s", error.message);
    return handle;
}

vtclone_stats handle_stats(vtclone *handle)
{
    vtclone_stats stats = { .size = sizeof(stats) };

    assert_int_equal(vtclone_get_stats(handle, &stats, NULL), 0);
    return stats;
}

void handle_warm(const struct lab *lab, vtclone *handle, const vtclone_decision *decision)
{
    static const int32_t engines[] = { VTCLONE_ENGINE_LIBRBD, VTCLONE_ENGINE_DIRECT };

    for (size_t i = 0; i < 2; i++) {
        vtclone_error error;

        if (clone_try(handle, decision, engines[i], "warm-up", 0, &error) != VTCLONE_OK)
            fail_msg("warm-up: %s", error.message);
        volume_remove(lab, "volumes", "warm-up");
    }
}

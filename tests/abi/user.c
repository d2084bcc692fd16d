/*
 * user.c - a program of the first release: compiled against the header of a release that is kept in the tree, it runs with
 * the library of today. It uses the structs, whose sizes it knows from then.
 */
#include "vtclone.h"

#include <stdio.h>
#include <string.h>

static const char site_json[] =
    "{\"stores\":[{\"id\":\"ceph\",\"type\":\"rbd\",\"fsid\":\"F\",\"pool\":\"images\"}],"
    "\"backends\":[{\"host\":\"n@ceph#ceph\",\"name\":\"ceph\",\"type\":\"rbd\",\"fsid\":\"F\",\"pool\":\"volumes\"}],"
    "\"volume_types\":[{\"name\":\"ceph\",\"extra_specs\":{\"volume_backend_name\":\"ceph\"}}]}";
static const char image_json[] =
    "{\"id\":\"i\",\"status\":\"active\",\"disk_format\":\"raw\",\"container_format\":\"bare\","
    "\"locations\":[{\"url\":\"rbd://F/images/i/snap\",\"metadata\":{}}]}";

/* Structs as the program knows them, with a guard behind that the library must not touch. */
struct guarded {
    union {
        vtclone_backend_info backend;
        vtclone_candidate_info candidate;
        vtclone_stats stats;
    } u;
    unsigned char guard[64];
};

static int untouched(const struct guarded *room, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)room;

    for (size_t i = size; i < sizeof(*room); i++)
        if (bytes[i] != 0xa5)
            return 0;
    return 1;
}

#define CHECK(condition)                                              \
    do {                                                              \
        if (!(condition)) {                                           \
            fprintf(stderr, "%d: %s: %s\n", __LINE__, #condition, err.message); \
            return 1;                                                 \
        }                                                             \
    } while (0)

int main(void)
{
    vtclone_error err;
    vtclone_site *site = NULL;
    vtclone_decision *decision = NULL;
    vtclone_resolve_options options;
    vtclone_options how;
    vtclone *handle = NULL;
    struct guarded room;
    char *json = NULL;
    size_t len = 0;

    memset(&err, 0, sizeof(err));
    CHECK(vtclone_abi() == VTCLONE_ABI);
    CHECK(vtclone_site_parse(site_json, strlen(site_json), &site, &err) == 0);
    memset(&room, 0xa5, sizeof(room));
    room.u.backend.size = sizeof(room.u.backend);
    CHECK(vtclone_site_backend(site, 0, &room.u.backend, &err) == 0);
    CHECK(strcmp(room.u.backend.host, "n@ceph#ceph") == 0 && untouched(&room, sizeof(room.u.backend)));
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.volume_type = "ceph";
    CHECK(vtclone_resolve(site, image_json, strlen(image_json), &options, &decision, &err) == 0);
    CHECK(vtclone_decision_reason(decision) == VTCLONE_REASON_OK);
    CHECK(strcmp(vtclone_decision_method(decision), "rbd-clone") == 0);
    memset(&room, 0xa5, sizeof(room));
    room.u.candidate.size = sizeof(room.u.candidate);
    CHECK(vtclone_decision_candidate(decision, 0, &room.u.candidate, &err) == 0);
    CHECK(room.u.candidate.reason == VTCLONE_REASON_OK && untouched(&room, sizeof(room.u.candidate)));
    CHECK(vtclone_decision_json(decision, &json, &len, &err) == 0 && strlen(json) == len);
    memset(&how, 0, sizeof(how));
    how.size = sizeof(how);
    CHECK(vtclone_open(&how, &handle, &err) == 0);
    memset(&room, 0xa5, sizeof(room));
    room.u.stats.size = sizeof(room.u.stats);
    CHECK(vtclone_get_stats(handle, &room.u.stats, &err) == 0 && untouched(&room, sizeof(room.u.stats)));
    vtclone_free(handle);
    vtclone_string_free(json);
    vtclone_decision_free(decision);
    vtclone_site_free(site);
    return 0;
}

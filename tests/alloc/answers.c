/*
 * answers.c - see answers.h.
 */
#include "answers.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

const char site_json[] =
    "{\"stores\":[{\"id\":\"ceph\",\"type\":\"rbd\",\"fsid\":\"F\",\"pool\":\"images\"},"
    "{\"id\":\"netapp\",\"type\":\"cinder\",\"volume_type\":\"netapp\"}],"
    "\"backends\":[{\"host\":\"n@ceph#ceph\",\"name\":\"ceph\",\"type\":\"rbd\",\"fsid\":\"F\",\"pool\":\"volumes\"},"
    "{\"host\":\"n@netapp#p\",\"name\":\"netapp\",\"type\":\"cinder\"}],"
    "\"volume_types\":[{\"name\":\"any\",\"extra_specs\":{}}]}";
const char image_json[] =
    "{\"id\":\"" IMAGE "\",\"status\":\"active\",\"disk_format\":\"raw\",\"container_format\":\"bare\",\"owner\":\"p\",\"stores\":\"netapp,ceph\","
    "\"size\":1073741824,\"locations\":[{\"url\":\"rbd://F/images/" IMAGE "/snap\",\"metadata\":{\"store\":\"ceph\"}},"
    "{\"url\":\"cinder://netapp/" VOLUME "\",\"metadata\":{}},{\"url\":\"rbd://F/volumes/x/y\"}]}";
const char volumes_json[] =
    "{\"volumes\":[{\"id\":\"" VOLUME "\",\"status\":\"available\",\"os-vol-host-attr:host\":\"n@netapp#p\","
    "\"metadata\":{\"glance_image_id\":\"" IMAGE "\",\"image_owner\":\"p\"}}]}";

#define ITS_VOLUME "7b1c6e0a-1111-4222-8333-444455556667"
/* An image that has a copy in netapp, with what follows the list of its stores. */
#define UNCOPIED_JSON(stores, ceph)                                                                                     \
    "{\"id\":\"" UNCOPIED "\",\"status\":\"active\",\"disk_format\":\"raw\",\"container_format\":\"bare\",\"owner\":\"p\"," \
    "\"size\":1048576,\"stores\":\"" stores "\",\"os_glance_importing_to_stores\":\"\",\"locations\":[" ceph                     \
    "{\"url\":\"cinder://netapp/" ITS_VOLUME "\",\"metadata\":{\"store\":\"netapp\"}}]}"

/* Answers that never change. */
static const struct {
    const char *path; /* the first whose path is in the URL answers */
    long status;
    const char *body;
} steady[] = {
    { "/auth/tokens", 201,
      "{\"token\":{\"expires_at\":\"2099-01-01T00:00:00.000000Z\",\"issued_at\":\"2098-12-31T23:00:00.000000Z\",\"project\":{\"id\":\"p\"},"
      "\"catalog\":[{\"type\":\"image\",\"endpoints\":[{\"interface\":\"public\",\"url\":\"http://127.0.0.1:9292\"}]},"
      "{\"type\":\"block-storage\",\"endpoints\":[{\"interface\":\"public\",\"url\":\"http://127.0.0.1:8776/v3/p\"}]}]}}" },
    { "/locations", 200, "[{\"url\":\"rbd://F/images/" IMAGE "/snap\",\"metadata\":{\"store\":\"ceph\"}}]" },
    { "/tasks", 200, "{\"tasks\":[]}" },
    { "/images/" IMAGE, 200, image_json },
    { "/info/stores", 200,
      "{\"stores\":[{\"id\":\"ceph\",\"type\":\"rbd\",\"properties\":{\"fsid\":\"F\",\"pool\":\"images\"}},"
      "{\"id\":\"netapp\",\"type\":\"cinder\",\"properties\":{\"volume_type\":\"netapp\"}}]}" },
    { "/get_pools", 200,
      "{\"pools\":[{\"name\":\"n@ceph#ceph\",\"capabilities\":{\"volume_backend_name\":\"ceph\",\"storage_protocol\":\"ceph\","
      "\"location_info\":\"ceph:/etc/ceph/ceph.conf:F:cinder:volumes\"}},{\"name\":\"n@netapp#p\",\"capabilities\":{\"volume_backend_name\":\"netapp\"}}]}" },
    { "/os-services", 200, "{\"services\":[{\"host\":\"n@ceph\",\"binary\":\"cinder-volume\",\"state\":\"up\",\"status\":\"enabled\"}]}" },
    { "/types", 200, "{\"volume_types\":[{\"id\":\"1\",\"name\":\"any\",\"extra_specs\":{\"volume_backend_name\":\"ceph\"}}]}" },
    { "/volumes/" ITS_VOLUME, 200,
      "{\"volume\":{\"id\":\"" ITS_VOLUME "\",\"status\":\"available\",\"os-vol-host-attr:host\":\"n@netapp#p\","
      "\"metadata\":{\"glance_image_id\":\"" UNCOPIED "\"}}}" },
    { "/volumes/" VOLUME, 200,
      "{\"volume\":{\"id\":\"" VOLUME "\",\"status\":\"available\",\"os-vol-host-attr:host\":\"n@netapp#p\","
      "\"metadata\":{\"glance_image_id\":\"" IMAGE "\"}}}" },
    { "/volumes", 200, volumes_json },
    { ":9292/", 300, "{\"versions\":[{\"id\":\"v2.17\",\"status\":\"CURRENT\"}]}" },
    { ":8776/", 200, "{\"versions\":[{\"id\":\"v3.0\",\"version\":\"3.70\",\"min_version\":\"3.0\",\"status\":\"CURRENT\"}]}" },
};

static struct {
    pthread_mutex_t lock;
    bool imported, made, deleted;
    char mark[64]; /* of the request that made the volume */
    char list[400];
} services = { .lock = PTHREAD_MUTEX_INITIALIZER };

void services_reset(void)
{
    pthread_mutex_lock(&services.lock);
    services.imported = services.made = services.deleted = false;
    services.mark[0] = '\0';
    pthread_mutex_unlock(&services.lock);
}

bool services_have_the_volume(void)
{
    pthread_mutex_lock(&services.lock);
    bool have = services.made && !services.deleted;
    pthread_mutex_unlock(&services.lock);
    return have;
}

static struct answer make_volume(const char *body)
{
    const char *mark = strstr(body, "\"vtclone_request\"");

    services.made = true;
    services.deleted = false;
    if (mark == NULL || sscanf(mark, "\"vtclone_request\" : \"%63[0-9a-f]", services.mark) != 1)
        return (struct answer){ 400, "{\"badRequest\":{\"message\":\"no mark\"}}", false };
    return (struct answer){ 202, "{\"volume\":{\"id\":\"" MADE "\",\"status\":\"creating\"}}", false };
}

/* Those that depend on what was asked before. */
static struct answer changing(const char *method, const char *url, const char *body)
{
    if (strstr(url, "/images/" UNCOPIED "/import") != NULL) {
        services.imported = true;
        return (struct answer){ 202, "", false };
    }
    if (strstr(url, "/images/" UNCOPIED "/locations") != NULL)
        return (struct answer){ 404, "{}", false };
    if (strstr(url, "/images/" UNCOPIED) != NULL && strstr(url, "/tasks") == NULL)
        return (struct answer){ 200,
                                services.imported ? UNCOPIED_JSON("netapp,ceph", "{\"url\":\"rbd://F/images/" UNCOPIED "/snap\"},") :
                                                    UNCOPIED_JSON("netapp", ""),
                                false };
    if (strcmp(method, "POST") == 0 && strstr(url, "/volumes/" MADE "/action") != NULL)
        return (struct answer){ services.made && !services.deleted ? 200 : 404, "", false };
    if (strcmp(method, "DELETE") == 0 && strstr(url, "/volumes/" MADE) != NULL) {
        services.deleted = services.made;
        return (struct answer){ 202, "", false };
    }
    if (strstr(url, "/volumes/" MADE) != NULL)
        return services.made && !services.deleted ?
                   (struct answer){ 200, "{\"volume\":{\"id\":\"" MADE "\",\"status\":\"available\"}}", false } :
                   (struct answer){ 404, "{}", false };
    if (strcmp(method, "POST") == 0 && strstr(url, "/volumes") != NULL)
        return make_volume(body);
    if (strstr(url, "/volumes/detail") != NULL && services.made && !services.deleted) {
        snprintf(services.list, sizeof(services.list), "{\"volumes\":[{\"id\":\"" MADE "\",\"metadata\":{\"vtclone_request\":\"%s\"}}]}",
                 services.mark);
        return (struct answer){ 200, services.list, false };
    }
    return (struct answer){ 0, NULL, false };
}

struct answer services_answer(const char *method, const char *url, const char *body)
{
    pthread_mutex_lock(&services.lock);
    struct answer answer = changing(method, url, body);
    pthread_mutex_unlock(&services.lock);
    for (size_t i = 0; i < sizeof(steady) / sizeof(steady[0]) && answer.status == 0; i++)
        if (strstr(url, steady[i].path) != NULL)
            answer = (struct answer){ steady[i].status, steady[i].body, i == 0 };
    return answer;
}

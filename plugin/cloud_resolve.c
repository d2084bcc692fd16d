/*
 * cloud_resolve.c - an image and its locations from Glance, and the decision for it.
 *
 * Warm, a decision costs one request (the image, with the user's token), and a second one either for the locations, where
 * the image does not show them, or for the image volumes, where they are not kept any more.
 */
#include "cloud.h"

#include "decision.h"
#include "error.h"
#include "json.h"
#include "sized.h"

#include <stdlib.h>
#include <string.h>

#define IMAGE_ARENA (64u * 1024 * 1024)

/* ---- the image ---- */

/* The image's document with another list of locations in it. */
static int32_t with_locations(const struct json *image, const struct json *locations, char **out, size_t *len,
                              vtclone_error *err)
{
    struct json_writer *writer = json_writer_new(IMAGE_ARENA);

    if (writer == NULL)
        return error_nomem(err, "the image");
    json_begin_object(writer);
    for (const struct json *member = image->first; member != NULL; member = member->next) {
        if (strlen(member->key) != member->key_len || strcmp(member->key, "locations") == 0 ||
            strcmp(member->key, "direct_url") == 0)
            continue; /* a name with a NUL in it would come out as another one */
        json_key(writer, member->key);
        json_value(writer, member);
    }
    json_key(writer, "locations");
    json_value(writer, locations);
    json_end_object(writer);
    int32_t rc = json_writer_finish(writer, out, len, err);
    json_writer_free(writer);
    return rc;
}

/* The list in an answer of the locations API. */
static const struct json *location_list(const struct json *answer)
{
    const struct json *list = answer != NULL && answer->type == JSON_OBJECT ? json_get(answer, "locations") : answer;

    return list != NULL && list->type == JSON_ARRAY ? list : NULL;
}

/* Where the image shows no list of locations, the list that the locations API gives, if it gives one. */
static int32_t add_locations(vtclone_cloud *cloud, const struct call *call, const char *image_id, char **text,
                             size_t *len, vtclone_error *err)
{
    __attribute__((cleanup(arena_release))) struct arena arena = { 0 };
    struct json *image, *answer;
    vtclone_error wrong = { 0 };
    char *whole = NULL;

    arena_init(&arena, 16384, IMAGE_ARENA);
    int32_t rc = json_parse(&arena, "the answer", *text, *len, &image, &wrong);
    if (rc == VTCLONE_OK)
        rc = json_expect(image, JSON_OBJECT, "the answer", &wrong);
    if (rc != VTCLONE_OK)
        return error_set(err, rc == VTCLONE_E_NOMEM ? rc : VTCLONE_E_GLANCE, "get image %s from Glance: %s", image_id,
                         wrong.message);
    if (json_get(image, "locations") != NULL)
        return VTCLONE_OK;
    rc = glance_locations(&cloud->glance, call, &arena, image_id, cloud->live.ttl_ns, &answer, err);
    if (rc != VTCLONE_OK || location_list(answer) == NULL)
        return rc;
    rc = with_locations(image, location_list(answer), &whole, len, err);
    if (rc == VTCLONE_OK) {
        free(*text);
        *text = whole;
    }
    return rc;
}

int32_t cloud_image(vtclone_cloud *cloud, const struct call *call, const char *image_id, const char *user_token,
                    char **out, size_t *len, vtclone_error *err)
{
    char *text;
    int32_t rc = glance_image(&cloud->glance, call, image_id, user_token, &text, len, err);

    if (rc != VTCLONE_OK)
        return rc;
    rc = add_locations(cloud, call, image_id, &text, len, err);
    if (rc == VTCLONE_OK)
        *out = text;
    else
        free(text);
    return rc;
}

int32_t vtclone_cloud_image(vtclone_cloud *cloud, const char *image_id, const char *user_token, char **out,
                            size_t *len, vtclone_error *err)
{
    size_t ignored;

    ERR_OR_LOCAL(err);
    int32_t rc = cloud_enter_image(cloud, "vtclone_cloud_image", out, image_id, user_token, err);
    if (rc != VTCLONE_OK)
        return rc;
    struct call call = cloud_call(cloud, 0, 0);
    return cloud_image(cloud, &call, image_id, user_token, out, len != NULL ? len : &ignored, err);
}

/* ---- the decision ---- */

/* Ids of the image volumes that the decision lacks, each once; at most max. */
static size_t wanted_volumes(const vtclone_decision *decision, const char **ids, size_t max)
{
    size_t count = 0;

    for (size_t b = 0; b < decision->backend_count; b++) {
        for (size_t i = 0; i < decision->location_count; i++) {
            const struct candidate *candidate = &decision->backends[b].candidates[i];
            bool known = candidate->reason != VTCLONE_REASON_VOLUME_NOT_FOUND || candidate->location.volume == NULL;

            for (size_t n = 0; n < count && !known; n++)
                known = strcmp(ids[n], candidate->location.volume) == 0;
            if (!known && count < max)
                ids[count++] = candidate->location.volume;
        }
    }
    return count;
}

/* What is wrong with a document of Glance's is Glance's failure, not the caller's. */
static int32_t decide(const vtclone_site *site, const char *image_id, const char *image, size_t len,
                      const vtclone_resolve_options *options, vtclone_decision **out, vtclone_error *err)
{
    vtclone_error wrong = { 0 };
    int32_t rc = vtclone_resolve(site, image, len, options, out, &wrong);

    if (rc == VTCLONE_E_DOCUMENT || (rc == VTCLONE_E_LIMIT && strstr(wrong.message, "image") != NULL))
        return error_set(err, VTCLONE_E_GLANCE, "image %s as Glance gave it: %s", image_id, wrong.message);
    if (rc != VTCLONE_OK)
        *err = wrong;
    return rc;
}

/* The decision, and once more with the image volumes where it lacks some. */
static int32_t decide_with_volumes(vtclone_cloud *cloud, const struct call *call, const vtclone_site *site,
                                   const char *image_id, const char *image, size_t len,
                                   vtclone_resolve_options *options, vtclone_decision **out, vtclone_error *err)
{
    const char *ids[VTCLONE_MAX_LOCATIONS];
    vtclone_decision *first;
    char *volumes;

    int32_t rc = decide(site, image_id, image, len, options, &first, err);
    if (rc != VTCLONE_OK)
        return rc;
    size_t count = options->image_volumes == NULL ? wanted_volumes(first, ids, VTCLONE_MAX_LOCATIONS) : 0;
    if (count == 0) {
        *out = first;
        return VTCLONE_OK;
    }
    rc = volume_cache_get(cloud->volumes, &cloud->cinder, call, image_id, ids, count, &volumes,
                          &options->image_volumes_len, err);
    if (rc == VTCLONE_OK) {
        options->image_volumes = volumes;
        rc = decide(site, image_id, image, len, options, out, err);
        free(volumes);
    }
    vtclone_decision_free(first);
    return rc;
}

int32_t cloud_resolve(vtclone_cloud *cloud, const struct call *call, const vtclone_site *site, const char *image_id,
                      const char *user_token, const vtclone_resolve_options *options, vtclone_decision **out,
                      vtclone_error *err)
{
    vtclone_resolve_options wanted = *options;
    vtclone_site *live = NULL;
    char project[256];
    char *image;
    size_t len;

    /* First of all: may this user use the image? */
    int32_t rc = cloud_image(cloud, call, image_id, user_token, &image, &len, err);
    if (rc != VTCLONE_OK)
        return rc;
    keystone_project(cloud->keystone, project, sizeof(project));
    if (wanted.project_id == NULL && user_token == NULL && project[0] != '\0')
        wanted.project_id = project;
    if (site == NULL)
        rc = live_site_get(&cloud->live, call, &live, err);
    if (rc == VTCLONE_OK)
        rc = decide_with_volumes(cloud, call, site != NULL ? site : live, image_id, image, len, &wanted, out, err);
    vtclone_site_free(live);
    free(image);
    return rc;
}

int32_t vtclone_cloud_resolve(vtclone_cloud *cloud, const vtclone_site *site, const char *image_id,
                              const char *user_token, const vtclone_resolve_options *options, vtclone_decision **out,
                              vtclone_error *err)
{
    vtclone_resolve_options given;

    ERR_OR_LOCAL(err);
    int32_t rc = cloud_enter_image(cloud, "vtclone_cloud_resolve", out, image_id, user_token, err);
    if (rc == VTCLONE_OK)
        rc = sized_read(&given, sizeof(given), options, "vtclone_resolve_options", err);
    if (rc != VTCLONE_OK)
        return rc;
    given.size = sizeof(given); /* options may be NULL */
    struct call call = cloud_call(cloud, 0, 0);
    return cloud_resolve(cloud, &call, site, image_id, user_token, &given, out, err);
}

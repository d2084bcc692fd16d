/*
 * resolve.c - vtclone_resolve(): reads the documents, makes every location a candidate for every backend that serves
 * the type, lets the rules judge each (rules.c) and concludes. Pure: no network, no clock.
 */
#include "copy_target.h"
#include "decision.h"
#include "error.h"
#include "image.h"
#include "image_volume.h"
#include "reason.h"
#include "rules.h"
#include "sized.h"

#include <inttypes.h>
#include <string.h>

/* An image document of the largest size fits; the image volumes have as much again. */
#define DOCUMENTS_CEILING (256u * 1024 * 1024)

/* The documents of one request; their arena is freed when the decision is made. */
struct documents {
    struct arena arena;
    struct image image;
    struct image_volumes volumes;
};

static int32_t check_options(const vtclone_resolve_options *options, vtclone_error *err)
{
    if (options->size_gib < 0 || options->size_gib > VTCLONE_MAX_SIZE_GIB)
        return error_set(err, VTCLONE_E_INVALID, "resolve: size %" PRId64 " GiB is not within 0 and %d",
                         options->size_gib, VTCLONE_MAX_SIZE_GIB);
    if (options->signed_images != VTCLONE_SIGNED_DENY && options->signed_images != VTCLONE_SIGNED_ALLOW)
        return error_set(err, VTCLONE_E_INVALID, "resolve: signed_images is %d", options->signed_images);
    if (options->owner_rule != VTCLONE_OWNER_CINDER && options->owner_rule != VTCLONE_OWNER_PAIRED)
        return error_set(err, VTCLONE_E_INVALID, "resolve: owner_rule is %d", options->owner_rule);
    return VTCLONE_OK;
}

/* What the whole decision says where no candidate does: the type and the backends first, then the locations. */
static void judge_request(vtclone_decision *decision, const struct request *request,
                          const vtclone_resolve_options *options)
{
    struct arena *arena = &decision->arena;

    if (request->type == NULL && options->volume_type != NULL) {
        decision->reason = VTCLONE_REASON_UNKNOWN_VOLUME_TYPE;
        decision->detail = arena_printf(arena, "the site has no volume type %.255s", options->volume_type);
    } else if (decision->backend_count == 0) {
        decision->reason = VTCLONE_REASON_NO_BACKEND;
        decision->detail = options->backend == NULL
                               ? arena_printf(arena, "no backend of the site serves volume type %.255s",
                                              options->volume_type == NULL ? "(none)" : options->volume_type)
                               : arena_printf(arena, "backend %.255s is not in the site or does not serve volume type %.255s",
                                              options->backend,
                                              options->volume_type == NULL ? "(none)" : options->volume_type);
    } else if (!request->image->shows_locations) {
        decision->reason = VTCLONE_REASON_LOCATIONS_HIDDEN;
        decision->detail = "Glance shows neither locations nor direct_url to this caller";
    } else if (decision->location_count == 0) {
        decision->reason = VTCLONE_REASON_NO_LOCATIONS;
        decision->detail = "the image has no location";
    }
}

/* One candidate for each location, parsed once; the backends' candidates begin as copies of these. */
static int32_t parse_locations(vtclone_decision *decision, const struct image *image, struct candidate *parsed,
                               vtclone_error *err)
{
    for (size_t i = 0; i < image->location_count; i++) {
        const struct image_location *from = &image->locations[i];
        struct candidate *to = &parsed[i];
        int32_t code = location_parse(&decision->arena, from->url, from->url_len, &to->location, err);
        if (code != VTCLONE_OK)
            return code;
        to->index = (int32_t)i;
        to->url = location_shown(&decision->arena, from->url, from->url_len);
        const char *store = to->location.store != NULL ? to->location.store : from->store;
        to->store = store != NULL ? arena_printf(&decision->arena, "%s", store) : NULL; /* it is shown */
        if (to->url == NULL || (store != NULL && to->store == NULL))
            return error_nomem(err, "resolve");
        decision->unpaired |= to->location.reason == VTCLONE_REASON_BAD_LOCATION;
    }
    return VTCLONE_OK;
}

/* Judges every location for one backend. A reason of the image as a whole stands for every candidate of it, except
 * that one which broke a pairing rule keeps that. */
static int32_t judge_backend(vtclone_decision *decision, const struct request *request, struct backend_result *result,
                             const struct candidate *parsed, enum vtclone_reason image_reason,
                             const char *image_detail, vtclone_error *err)
{
    result->candidates = arena_alloc(&decision->arena, decision->location_count + 1, sizeof(*result->candidates));
    if (result->candidates == NULL)
        return error_nomem(err, "resolve");
    result->reason = image_reason != VTCLONE_REASON_OK ? image_reason : decision->reason; /* no locations, or hidden */
    for (size_t i = 0; i < decision->location_count; i++) {
        struct candidate *candidate = &result->candidates[i];
        *candidate = parsed[i];
        rule_candidate(&decision->arena, request, result->backend, candidate);
        if (vtclone_reason_is_unpaired((int32_t)candidate->reason)) {
            decision->unpaired = true;
        } else if (image_reason != VTCLONE_REASON_OK) {
            candidate->reason = image_reason;
            candidate->detail = image_detail;
        }
        if (candidate->detail == NULL)
            return error_nomem(err, "resolve");
    }
    return VTCLONE_OK;
}

/* Where nothing passes, a copy that Glance is making, or failed to make, says more than where the others are. */
static void judge_copies(const struct request *request, struct backend_result *result)
{
    const bool any = request->image->importing != NULL || request->image->failed != NULL;
    const char *store = any ? copy_target(request->site, result->backend, request->type) : NULL;

    if (store == NULL)
        return;
    if (comma_list_has(request->image->importing, store))
        result->reason = reason_more_telling(result->reason, VTCLONE_REASON_COPY_IN_PROGRESS);
    else if (comma_list_has(request->image->failed, store))
        result->reason = reason_more_telling(result->reason, VTCLONE_REASON_COPY_FAILED);
}

static int32_t find_backends(vtclone_decision *decision, const struct request *request,
                             const vtclone_resolve_options *options, vtclone_error *err)
{
    const vtclone_site *site = request->site;

    decision->backends = arena_alloc(&decision->arena, site->backend_count + 1, sizeof(*decision->backends));
    if (decision->backends == NULL)
        return error_nomem(err, "resolve");
    if (request->type == NULL && options->volume_type != NULL)
        return VTCLONE_OK;
    for (size_t i = 0; i < site->backend_count; i++)
        if (site_serves(&site->backends[i], request->type) &&
            site_host_matches(&site->backends[i], options->backend))
            decision->backends[decision->backend_count++].backend = &site->backends[i];
    if (decision->backend_count * decision->location_count > VTCLONE_MAX_CANDIDATES)
        return error_set(err, VTCLONE_E_LIMIT,
                         "resolve: %zu locations for %zu backends exceed VTCLONE_MAX_CANDIDATES (%d)",
                         decision->location_count, decision->backend_count, VTCLONE_MAX_CANDIDATES);
    return VTCLONE_OK;
}

/* A sentence for the whole: the chosen candidate's, or that of the first candidate with the reason of the whole. */
static void explain(vtclone_decision *decision)
{
    if (decision->chosen != NULL) {
        decision->detail = decision->chosen->best->detail;
        return;
    }
    for (size_t b = 0; b < decision->backend_count && decision->detail == NULL; b++)
        for (size_t i = 0; i < decision->location_count; i++)
            if (decision->backends[b].candidates[i].reason == decision->reason) {
                decision->detail = decision->backends[b].candidates[i].detail;
                break;
            }
    if (decision->detail == NULL && decision->reason == VTCLONE_REASON_COPY_IN_PROGRESS)
        decision->detail = "Glance is copying the image to the store that matches";
    if (decision->detail == NULL && decision->reason == VTCLONE_REASON_COPY_FAILED)
        decision->detail = "Glance failed to copy the image to the store that matches";
}

static int32_t decide(vtclone_decision *decision, const struct request *request,
                      const vtclone_resolve_options *options, vtclone_error *err)
{
    const struct image *image = request->image;
    const char *image_detail = NULL;

    decision->location_count = image->location_count;
    decision->image_id = arena_strdup(&decision->arena, image->id);
    decision->volume_type = arena_strdup(&decision->arena, options->volume_type);
    decision->min_size_gib = rule_min_size_gib(image);
    struct candidate *parsed = arena_alloc(&decision->arena, image->location_count + 1, sizeof(*parsed));
    if (decision->image_id == NULL || parsed == NULL || (options->volume_type != NULL && decision->volume_type == NULL))
        return error_nomem(err, "resolve");
    int32_t code = parse_locations(decision, image, parsed, err);
    if (code == VTCLONE_OK)
        code = find_backends(decision, request, options, err);
    if (code != VTCLONE_OK)
        return code;
    judge_request(decision, request, options);
    enum vtclone_reason image_reason = rule_image(&decision->arena, request, &image_detail);
    for (size_t i = 0; i < decision->backend_count && code == VTCLONE_OK; i++) {
        code = judge_backend(decision, request, &decision->backends[i], parsed, image_reason, image_detail, err);
        judge_copies(request, &decision->backends[i]);
    }
    if (code != VTCLONE_OK)
        return code;
    if (image_reason != VTCLONE_REASON_OK && decision->backend_count > 0) {
        decision->reason = image_reason;
        decision->detail = image_detail;
    }
    enum vtclone_reason told = decision->reason;
    decision_conclude(decision);
    if (decision->reason != told)
        decision->detail = NULL; /* a candidate or a copy tells more */
    explain(decision);
    return decision->detail != NULL ? VTCLONE_OK : error_nomem(err, "resolve");
}

static int32_t read_documents(struct documents *documents, const char *image_json, size_t image_len,
                              const vtclone_resolve_options *options, vtclone_error *err)
{
    arena_init(&documents->arena, 8192, DOCUMENTS_CEILING);
    int32_t code = image_parse(&documents->arena, image_json, image_len, &documents->image, err);
    if (code == VTCLONE_OK)
        code = image_volumes_parse(&documents->arena, options->image_volumes, options->image_volumes_len,
                                   &documents->volumes, err);
    return code;
}

int32_t vtclone_resolve(const vtclone_site *site, const char *image_json, size_t image_len,
                        const vtclone_resolve_options *options, vtclone_decision **out, vtclone_error *err)
{
    vtclone_resolve_options wanted;
    struct documents documents = { 0 };

    ERR_OR_LOCAL(err);
    if (site == NULL || image_json == NULL || out == NULL)
        return error_set(err, VTCLONE_E_INVALID, "resolve: no site, no image, or no place for the result");
    int32_t code = sized_read(&wanted, sizeof(wanted), options, "vtclone_resolve_options", err);
    if (code == VTCLONE_OK)
        code = check_options(&wanted, err);
    if (code == VTCLONE_OK)
        code = read_documents(&documents, image_json, image_len, &wanted, err);
    if (code == VTCLONE_OK) {
        vtclone_decision *decision = decision_new((vtclone_site *)(uintptr_t)site);
        const struct request request = {
            .site = site,
            .image = &documents.image,
            .volumes = &documents.volumes,
            .type = wanted.volume_type == NULL ? NULL : site_find_type(site, wanted.volume_type),
            .project_id = wanted.project_id,
            .size_gib = wanted.size_gib,
            .allow_signed = wanted.signed_images == VTCLONE_SIGNED_ALLOW,
            .owner_paired = wanted.owner_rule == VTCLONE_OWNER_PAIRED,
        };
        code = decision == NULL ? error_nomem(err, "resolve") : decide(decision, &request, &wanted, err);
        if (code == VTCLONE_OK)
            *out = decision;
        else
            vtclone_decision_free(decision);
    }
    arena_release(&documents.arena);
    return code;
}

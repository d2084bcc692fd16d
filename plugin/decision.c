/*
 * decision.c - the answer to one request: made, copied, concluded from its candidates, and looked at.
 */
#include "decision.h"

#include "error.h"
#include "reason.h"
#include "sized.h"

#include <stdlib.h>
#include <string.h>

/* VTCLONE_MAX_CANDIDATES of them with their texts fit several times. */
#define ARENA_CEILING (64u * 1024 * 1024)

const char *method_name(enum method method)
{
    switch (method) {
    case METHOD_RBD_CLONE:
        return "rbd-clone";
    case METHOD_CINDER_CLONE:
        return "cinder-clone";
    case METHOD_NONE:
        break;
    }
    return "none";
}

vtclone_decision *decision_new(vtclone_site *site)
{
    vtclone_decision *decision = calloc(1, sizeof(*decision));

    if (decision == NULL)
        return NULL;
    arena_init(&decision->arena, 4096, ARENA_CEILING);
    decision->site = site_ref(site);
    return decision;
}

void vtclone_decision_free(vtclone_decision *decision)
{
    if (decision == NULL)
        return;
    vtclone_site_free(decision->site);
    arena_release(&decision->arena);
    free(decision);
}

/* Copies a text into the arena; false for want of memory. */
static bool copy_text(struct arena *arena, const char **to, const char *from)
{
    *to = arena_strdup(arena, from);
    return from == NULL || *to != NULL;
}

static bool copy_candidate(struct arena *arena, struct candidate *to, const struct candidate *from)
{
    *to = *from;
    return copy_text(arena, &to->url, from->url) && copy_text(arena, &to->store, from->store) &&
           copy_text(arena, &to->detail, from->detail) &&
           copy_text(arena, &to->location.detail, from->location.detail) &&
           copy_text(arena, &to->location.fsid, from->location.fsid) &&
           copy_text(arena, &to->location.pool, from->location.pool) &&
           copy_text(arena, &to->location.image, from->location.image) &&
           copy_text(arena, &to->location.snap, from->location.snap) &&
           copy_text(arena, &to->location.store, from->location.store) &&
           copy_text(arena, &to->location.volume, from->location.volume);
}

static bool copy_backend(vtclone_decision *to, struct backend_result *result, const struct backend_result *from)
{
    *result = *from;
    result->best = NULL;
    result->candidates = arena_alloc(&to->arena, to->location_count + 1, sizeof(*result->candidates));
    if (result->candidates == NULL)
        return false;
    for (size_t i = 0; i < to->location_count; i++)
        if (!copy_candidate(&to->arena, &result->candidates[i], &from->candidates[i]))
            return false;
    if (from->best != NULL)
        result->best = &result->candidates[from->best - from->candidates];
    return true;
}

static bool copy_parts(vtclone_decision *to, const vtclone_decision *from)
{
    to->reason = from->reason;
    to->unpaired = from->unpaired;
    to->min_size_gib = from->min_size_gib;
    to->location_count = from->location_count;
    to->backend_count = from->backend_count;
    to->clone = from->clone;
    if (!copy_text(&to->arena, &to->image_id, from->image_id) ||
        !copy_text(&to->arena, &to->volume_type, from->volume_type) ||
        !copy_text(&to->arena, &to->detail, from->detail) ||
        !copy_text(&to->arena, &to->clone.volume, from->clone.volume) ||
        !copy_text(&to->arena, &to->clone.volume_id, from->clone.volume_id) ||
        !copy_text(&to->arena, &to->clone.engine, from->clone.engine) ||
        !copy_text(&to->arena, &to->clone.engine_reason, from->clone.engine_reason) ||
        !copy_text(&to->arena, &to->clone.parent, from->clone.parent))
        return false;
    to->backends = arena_alloc(&to->arena, to->backend_count + 1, sizeof(*to->backends));
    if (to->backends == NULL)
        return false;
    for (size_t i = 0; i < to->backend_count; i++)
        if (!copy_backend(to, &to->backends[i], &from->backends[i]))
            return false;
    if (from->chosen != NULL)
        to->chosen = &to->backends[from->chosen - from->backends];
    return true;
}

vtclone_decision *decision_copy(const vtclone_decision *decision)
{
    vtclone_decision *copy = decision_new(decision->site);

    if (copy != NULL && !copy_parts(copy, decision)) {
        vtclone_decision_free(copy);
        return NULL;
    }
    return copy;
}

/* Whether candidate one is tried before the other. */
static bool before(const struct candidate *one, const struct candidate *other)
{
    return one->score != other->score ? one->score > other->score : one->index < other->index;
}

struct candidate *decision_next_candidate(const vtclone_decision *decision, const struct backend_result *result,
                                          const struct candidate *after)
{
    struct candidate *next = NULL;

    for (size_t i = 0; i < decision->location_count; i++) {
        struct candidate *candidate = &result->candidates[i];
        if (candidate->reason != VTCLONE_REASON_OK || (after != NULL && !before(after, candidate)))
            continue;
        if (next == NULL || before(candidate, next))
            next = candidate;
    }
    return next;
}

static void conclude_backend(const vtclone_decision *decision, struct backend_result *result)
{
    result->best = decision_next_candidate(decision, result, NULL);
    if (result->best != NULL) {
        result->reason = VTCLONE_REASON_OK;
        result->method = result->best->location.kind == LOCATION_RBD ? METHOD_RBD_CLONE : METHOD_CINDER_CLONE;
        return;
    }
    result->method = METHOD_NONE;
    for (size_t i = 0; i < decision->location_count; i++)
        result->reason = reason_more_telling(result->reason, result->candidates[i].reason);
}

void decision_conclude(vtclone_decision *decision)
{
    enum vtclone_reason telling = VTCLONE_REASON_OK;

    decision->chosen = NULL;
    for (size_t i = 0; i < decision->backend_count; i++) {
        struct backend_result *result = &decision->backends[i];
        conclude_backend(decision, result);
        telling = reason_more_telling(telling, result->reason);
        if (result->best != NULL && (decision->chosen == NULL || result->best->score > decision->chosen->best->score))
            decision->chosen = result;
    }
    if (decision->chosen != NULL)
        decision->reason = VTCLONE_REASON_OK;
    else if (telling != VTCLONE_REASON_OK)
        decision->reason = reason_more_telling(decision->reason, telling);
}

int32_t vtclone_decision_reason(const vtclone_decision *decision)
{
    return decision == NULL ? VTCLONE_REASON_NO_LOCATIONS : (int32_t)decision->reason;
}

const char *vtclone_decision_method(const vtclone_decision *decision)
{
    return method_name(decision == NULL || decision->chosen == NULL ? METHOD_NONE : decision->chosen->method);
}

const char *vtclone_decision_backend(const vtclone_decision *decision)
{
    return decision == NULL || decision->chosen == NULL ? NULL : decision->chosen->backend->host;
}

const char *vtclone_decision_url(const vtclone_decision *decision)
{
    return decision == NULL || decision->chosen == NULL ? NULL : decision->chosen->best->url;
}

const char *vtclone_decision_store(const vtclone_decision *decision)
{
    return decision == NULL || decision->chosen == NULL ? NULL : decision->chosen->best->store;
}

int32_t vtclone_decision_location_index(const vtclone_decision *decision)
{
    return decision == NULL || decision->chosen == NULL ? -1 : decision->chosen->best->index;
}

int32_t vtclone_decision_unpaired(const vtclone_decision *decision)
{
    return decision != NULL && decision->unpaired;
}

const char *vtclone_decision_detail(const vtclone_decision *decision)
{
    return decision == NULL ? NULL : decision->detail;
}

const char *vtclone_decision_image_id(const vtclone_decision *decision)
{
    return decision == NULL ? NULL : decision->image_id;
}

const char *vtclone_decision_engine(const vtclone_decision *decision)
{
    return decision == NULL ? NULL : decision->clone.engine;
}

size_t vtclone_decision_candidate_count(const vtclone_decision *decision)
{
    return decision == NULL ? 0 : decision->backend_count * decision->location_count;
}

int32_t vtclone_decision_candidate(const vtclone_decision *decision, size_t n, vtclone_candidate_info *out,
                                   vtclone_error *err)
{
    ERR_OR_LOCAL(err);
    if (decision == NULL || out == NULL || out->size < sizeof(out->size))
        return error_set(err, VTCLONE_E_INVALID, "candidate: no decision, or no place for the result");
    if (n >= vtclone_decision_candidate_count(decision))
        return error_set(err, VTCLONE_E_INVALID, "candidate: number %zu of %zu", n,
                         vtclone_decision_candidate_count(decision));
    const struct backend_result *result = &decision->backends[n / decision->location_count];
    const struct candidate *candidate = &result->candidates[n % decision->location_count];
    const vtclone_candidate_info info = {
        .size = out->size,
        .host = result->backend->host,
        .index = candidate->index,
        .reason = (int32_t)candidate->reason,
        .url = candidate->url,
        .store = candidate->store,
        .detail = candidate->detail,
    };
    sized_write(out, out->size, &info, sizeof(info));
    return VTCLONE_OK;
}

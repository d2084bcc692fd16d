/*
 * clone.c - vtclone_clone(): takes the decision's candidates in their order, gives each to an engine until one makes
 * the volume, and writes what happened into a copy of the decision.
 */
#include "claim.h"
#include "decision.h"
#include "engine.h"
#include "engine_choose.h"
#include "engine_direct.h"
#include "error.h"
#include "handle.h"
#include "sized.h"

#include <string.h>

#define GIB (UINT64_C(1) << 30)

/* One call. */
struct attempt {
    vtclone *handle;
    vtclone_decision *decision; /* the copy that is handed out */
    struct backend_result *result;
    const char *volume;
    int64_t size_gib;
    int32_t engine; /* as asked for */
    struct deadline deadline;
    int64_t began_ns;
    struct claim *claim;
    bool unreachable; /* no connection: another location of the same backend fares no better */
};

static int32_t check_name(const char *volume, vtclone_error *err)
{
    size_t len = volume != NULL ? strnlen(volume, VTCLONE_MAX_NAME_BYTES + 1) : 0;

    if (len == 0)
        return error_set(err, VTCLONE_E_INVALID, "the volume's name is empty");
    if (len > VTCLONE_MAX_NAME_BYTES)
        return error_set(err, VTCLONE_E_LIMIT, "the volume's name has more than %d bytes (VTCLONE_MAX_NAME_BYTES)",
                         VTCLONE_MAX_NAME_BYTES);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)volume[i];
        if (c == '/' || c == '@' || c < 0x20 || c == 0x7f)
            return error_set(err, VTCLONE_E_INVALID, "the volume's name '%s' has a '/', a '@' or a control character",
                             volume);
    }
    return 0;
}

static int32_t check_arguments(const vtclone *handle, const vtclone_decision *decision, const char *volume,
                               int64_t size_gib, vtclone_decision **out, vtclone_error *err)
{
    int32_t code = handle_check(handle, err);

    if (code != 0)
        return code;
    if (decision == NULL || out == NULL)
        return error_set(err, VTCLONE_E_INVALID, "vtclone_clone: %s is NULL", decision == NULL ? "decision" : "out");
    if ((code = check_name(volume, err)) != 0)
        return code;
    if (size_gib < 1 || size_gib > VTCLONE_MAX_SIZE_GIB)
        return error_set(err, VTCLONE_E_INVALID, "the size of %s is %lld GiB; it must be 1 to %d", volume,
                         (long long)size_gib, VTCLONE_MAX_SIZE_GIB);
    if (decision->chosen == NULL)
        return error_set(err, VTCLONE_E_MISS, "clone to %s: no location of image %s can be cloned: %s%s%s", volume,
                         decision->image_id != NULL ? decision->image_id : "?",
                         vtclone_reason_name(decision->reason), decision->detail != NULL ? ": " : "",
                         decision->detail != NULL ? decision->detail : "");
    if (decision->chosen->method != METHOD_RBD_CLONE)
        return error_set(err, VTCLONE_E_UNSUPPORTED,
                         "clone to %s: backend %s clones an image volume (%s), which Cinder does, not this call", volume,
                         decision->chosen->backend->host, method_name(decision->chosen->method));
    return 0;
}

/* Runs the engine that was asked for, or the one that auto stands for, and notes which and why. */
static int32_t run_engine(struct attempt *attempt, struct connection *connection, const struct clone_request *request,
                          struct clone_outcome *outcome, vtclone_error *err)
{
    struct clone_report *report = &attempt->decision->clone;
    struct choice choice = { .engine = "librbd" };
    int32_t code;

    report->engine_reason = "asked for";
    if (attempt->engine == VTCLONE_ENGINE_DIRECT) {
        report->engine = "direct";
        code = engine_direct_clone(connection, request, outcome, err);
        if (code == VTCLONE_E_UNSUPPORTED) {
            vtclone_error why = *err;
            error_clear(err);
            error_set(err, code, "clone to %s/%s: the direct engine leaves this to librbd: %s", request->backend->pool,
                      request->volume, why.message);
        }
        return code;
    }
    if (attempt->engine == VTCLONE_ENGINE_LIBRBD) {
        report->engine = "librbd";
        return engine_librbd_clone(connection, request, outcome, err);
    }
    code = engine_auto_clone(connection_cache_certificates(attempt->handle->cache), connection, request, &choice,
                             outcome, err);
    DEBUG(attempt->handle, "clone to %s/%s: engine %s (%s)", request->backend->pool, request->volume, choice.engine,
          choice.reason);
    report->engine = choice.engine;
    report->engine_reason = arena_strdup(&attempt->decision->arena, choice.reason);
    return code;
}

/* What needs memory comes before the engine: a volume that is made is reported. */
static int32_t prepare_report(struct attempt *attempt, const struct candidate *candidate, vtclone_error *err)
{
    struct clone_report *report = &attempt->decision->clone;
    struct arena *arena = &attempt->decision->arena;

    report->volume = arena_strdup(arena, attempt->volume);
    report->parent = arena_printf(arena, "%s/%s@%s", candidate->location.pool, candidate->location.image,
                                  candidate->location.snap);
    return report->volume != NULL && report->parent != NULL ? 0 : error_nomem(err, "the report of a clone");
}

static int32_t try_candidate(struct attempt *attempt, const struct candidate *candidate, struct clone_outcome *outcome,
                             vtclone_error *err)
{
    const struct backend *backend = attempt->result->backend;
    struct connection *connection;
    int32_t code;
    struct clone_request request = {
        .backend = backend,
        .parent_pool = candidate->location.pool,
        .parent_image = candidate->location.image,
        .parent_snap = candidate->location.snap,
        .volume = attempt->volume,
        .size_bytes = (uint64_t)attempt->size_gib * GIB,
        .deadline = attempt->deadline,
    };

    *outcome = (struct clone_outcome){ .reason = VTCLONE_REASON_RADOS_ERROR };
    code = connection_get(attempt->handle->cache, &attempt->handle->options, backend, attempt->deadline, &connection,
                          err);
    attempt->unreachable = code != 0;
    if (code != 0)
        return code;
    if (attempt->claim == NULL)
        code = claim_take(connection_cache_claims(attempt->handle->cache), connection_fsid(connection), backend->pool,
                          attempt->volume, attempt->deadline, &attempt->claim, err);
    request.claim = attempt->claim;
    if (code == 0)
        code = prepare_report(attempt, candidate, err);
    if (code == 0)
        code = run_engine(attempt, connection, &request, outcome, err);
    connection_put(connection, outcome->connection_broken);
    return code;
}

/* Whether another location may do better. Where the name is taken it may be by a clone of that very location. */
static bool may_go_on(const struct attempt *attempt, int32_t code, const struct clone_outcome *outcome)
{
    return (code == VTCLONE_E_MISS || code == VTCLONE_E_RADOS || code == VTCLONE_E_EXISTS ||
            code == VTCLONE_E_TIMEOUT || code == VTCLONE_E_UNSUPPORTED) &&
           !attempt->unreachable && !outcome->left_behind && !deadline_passed(attempt->deadline);
}

static void report_success(struct attempt *attempt, struct candidate *candidate, const struct clone_outcome *outcome)
{
    vtclone_decision *decision = attempt->decision;
    struct clone_report *report = &decision->clone;

    report->size_gib = attempt->size_gib;
    report->elapsed_ms = (double)(monotonic_ns() - attempt->began_ns) / 1e6;
    report->existed = outcome->existed;
    /* The choice was made; what failed on the way shows in the candidates, not in another backend. */
    attempt->result->best = candidate;
    decision->chosen = attempt->result;
}

/* Of the candidates' errors the caller gets the first, unless a later one says that the name is taken. */
static int32_t try_all(struct attempt *attempt, vtclone_error *err)
{
    vtclone_decision *decision = attempt->decision;
    struct candidate *candidate = decision_next_candidate(decision, attempt->result, NULL), *next;
    vtclone_error first = { 0 };

    for (; candidate != NULL; candidate = next) {
        struct clone_outcome outcome;
        vtclone_error error = { 0 };
        int32_t code = try_candidate(attempt, candidate, &outcome, &error);

        DEBUG(attempt->handle, "clone %s to %s/%s: %s%s%s", candidate->url, attempt->result->backend->pool,
              attempt->volume, code == 0 ? "done" : vtclone_code_name(code), code == 0 ? "" : ": ", error.message);
        if (code == 0) {
            report_success(attempt, candidate, &outcome);
            return 0;
        }
        if (first.code == 0 || (code == VTCLONE_E_EXISTS && first.code != VTCLONE_E_EXISTS))
            first = error;
        next = decision_next_candidate(decision, attempt->result, candidate);
        if (!may_go_on(attempt, code, &outcome))
            break;
        candidate->reason = outcome.reason;
        candidate->detail = arena_strdup(&decision->arena, error.message);
        if (candidate->detail == NULL)
            return error_nomem(err, "the report of a clone");
    }
    *err = first;
    return err->code != 0 ? err->code : error_set(err, VTCLONE_E_INTERNAL, "a chosen backend without a candidate");
}

int32_t vtclone_clone(vtclone *handle, const vtclone_decision *decision, const char *volume, int64_t size_gib,
                      const vtclone_clone_options *options, vtclone_decision **out, vtclone_error *err)
{
    vtclone_clone_options own;
    struct attempt attempt = { .handle = handle, .volume = volume, .size_gib = size_gib, .began_ns = monotonic_ns() };
    int32_t code;

    ERR_OR_LOCAL(err);
    if ((code = check_arguments(handle, decision, volume, size_gib, out, err)) != 0 ||
        (code = sized_read(&own, sizeof(own), options, "vtclone_clone_options", err)) != 0)
        return code;
    if (own.engine < VTCLONE_ENGINE_AUTO || own.engine > VTCLONE_ENGINE_DIRECT)
        return error_set(err, VTCLONE_E_INVALID, "vtclone_clone_options: engine is %d", (int)own.engine);
    attempt.engine = own.engine;
    attempt.deadline = deadline_in_ms(own.timeout_ms != 0 ? own.timeout_ms : handle->options.clone_timeout_ms);
    attempt.decision = decision_copy(decision);
    if (attempt.decision == NULL)
        return error_nomem(err, "a decision");
    attempt.result = attempt.decision->chosen;
    code = try_all(&attempt, err);
    if (attempt.claim != NULL)
        claim_drop(attempt.claim);
    handle_count_clone(code != 0);
    if (code == 0)
        *out = attempt.decision;
    else
        vtclone_decision_free(attempt.decision);
    return code;
}

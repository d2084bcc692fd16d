/*
 * decision_json.c - a decision as JSON: the contract's members, and beside them "detail", "unpaired" and, for a clone,
 * what was made.
 */
#include "decision.h"
#include "error.h"

#include <stdio.h>
#include <stdlib.h>

#define WRITER_CEILING (128u * 1024 * 1024)

static void write_candidate(struct json_writer *json, const struct candidate *candidate)
{
    json_begin_object(json);
    json_pair_int(json, "index", candidate->index);
    json_pair(json, "url", candidate->url);
    json_pair(json, "store", candidate->store);
    json_pair(json, "reason", vtclone_reason_name((int32_t)candidate->reason));
    json_pair(json, "detail", candidate->detail);
    json_end_object(json);
}

/* "order": indexes of the candidates that pass, in the order they are tried. */
static void write_order(struct json_writer *json, const vtclone_decision *decision,
                        const struct backend_result *result)
{
    json_key(json, "order");
    json_begin_array(json);
    for (const struct candidate *at = decision_next_candidate(decision, result, NULL); at != NULL;
         at = decision_next_candidate(decision, result, at))
        json_integer(json, at->index);
    json_end_array(json);
}

static void write_backend(struct json_writer *json, const vtclone_decision *decision,
                          const struct backend_result *result)
{
    json_begin_object(json);
    json_pair(json, "host", result->backend->host);
    json_pair(json, "method", method_name(result->method));
    json_pair(json, "reason", vtclone_reason_name((int32_t)result->reason));
    json_key(json, "candidates");
    json_begin_array(json);
    for (size_t i = 0; i < decision->location_count; i++)
        write_candidate(json, &result->candidates[i]);
    json_end_array(json);
    write_order(json, decision, result);
    json_end_object(json);
}

static void write_choice(struct json_writer *json, const vtclone_decision *decision)
{
    json_pair(json, "backend", vtclone_decision_backend(decision));
    json_key(json, "location");
    if (decision->chosen == NULL) {
        json_null(json);
        return;
    }
    const struct candidate *best = decision->chosen->best;
    json_begin_object(json);
    json_pair_int(json, "index", best->index);
    json_pair(json, "url", best->url);
    json_pair(json, "store", best->store);
    json_end_object(json);
}

static void write_clone(struct json_writer *json, const struct clone_report *clone)
{
    char elapsed[32];

    json_pair(json, "volume", clone->volume);
    if (clone->volume_id != NULL)
        json_pair(json, "volume_id", clone->volume_id);
    json_pair_int(json, "size_gib", clone->size_gib);
    json_pair(json, "engine", clone->engine);
    json_pair(json, "engine_reason", clone->engine_reason);
    json_pair(json, "parent", clone->parent);
    json_key(json, "existed");
    json_boolean(json, clone->existed);
    snprintf(elapsed, sizeof(elapsed), "%.3f", clone->elapsed_ms);
    json_key(json, "elapsed_ms");
    json_number_text(json, elapsed);
}

static void write_decision(struct json_writer *json, const vtclone_decision *decision)
{
    json_begin_object(json);
    json_pair(json, "image_id", decision->image_id);
    json_pair(json, "volume_type", decision->volume_type);
    json_pair(json, "method", vtclone_decision_method(decision));
    json_pair(json, "reason", vtclone_reason_name((int32_t)decision->reason));
    json_pair(json, "detail", decision->detail);
    write_choice(json, decision);
    json_key(json, "unpaired");
    json_boolean(json, decision->unpaired);
    json_pair_int(json, "min_size_gib", decision->min_size_gib);
    json_pair(json, "copy_store", vtclone_decision_copy_store(decision));
    if (decision->clone.volume != NULL)
        write_clone(json, &decision->clone);
    json_key(json, "backends");
    json_begin_array(json);
    for (size_t i = 0; i < decision->backend_count; i++)
        write_backend(json, decision, &decision->backends[i]);
    json_end_array(json);
    json_end_object(json);
}

int32_t vtclone_decision_json(const vtclone_decision *decision, char **out, size_t *len, vtclone_error *err)
{
    ERR_OR_LOCAL(err);
    if (decision == NULL || out == NULL)
        return error_set(err, VTCLONE_E_INVALID, "decision as JSON: no decision, or no place for the result");
    struct json_writer *json = json_writer_new(WRITER_CEILING);
    if (json == NULL)
        return error_nomem(err, "decision as JSON");
    write_decision(json, decision);
    int32_t code = json_writer_finish(json, out, len, err);
    json_writer_free(json);
    return code;
}

void vtclone_string_free(char *string)
{
    free(string);
}

/*
 * cmd_clone_many.c - vtclone clone --count N --name-template NAME: many volumes of one decision, several at a time. A volume
 * that fails does not keep the others from being made; Ctrl-C lets those that were begun finish.
 */
#include "cmd_clone.h"

#include "cli_each.h"
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER "{n}"
#define JSON_CEILING (256u * 1024 * 1024)
#define FAILURES_SHOWN 20

/* What became of one volume. */
struct made {
    bool begun;
    int64_t elapsed_ms;
    vtclone_decision *decision; /* NULL: failed */
    vtclone_error *err;         /* of one that failed; NULL: no memory for it */
};

struct storm {
    const struct clone_command *command;
    const vtclone_decision *decision;
    struct clone_maker maker;
    struct made *volumes; /* command->count of them */
    int64_t threads, made, failed, elapsed_ms;
};

/* Volume number n; the names begin at 1. */
static int name_of(const char *template, int64_t n, char *room, size_t size)
{
    const char *mark = strstr(template, NUMBER);

    return snprintf(room, size, "%.*s%" PRId64 "%s", (int)(mark - template), template, n + 1, mark + strlen(NUMBER));
}

int32_t clone_check_template(const struct clone_command *command, vtclone_error *err)
{
    char name[VTCLONE_MAX_NAME_BYTES + 1];

    if (strstr(command->name_template, NUMBER) == NULL)
        return cli_fail(err, "--name-template: %.200s has no " NUMBER " for the number of the volume", command->name_template);
    if (name_of(command->name_template, command->count - 1, name, sizeof(name)) > VTCLONE_MAX_NAME_BYTES)
        return cli_fail(err, "--name-template: the names exceed %d bytes", VTCLONE_MAX_NAME_BYTES);
    return VTCLONE_OK;
}

static void make_number(void *context, int64_t number)
{
    const struct storm *storm = context;
    struct made *volume = &storm->volumes[number];
    char name[VTCLONE_MAX_NAME_BYTES + 1];
    vtclone_error err;
    const int64_t began = cli_now_ms();

    volume->begun = true;
    name_of(storm->command->name_template, number, name, sizeof(name));
    if (clone_make(&storm->maker, name, &volume->decision, &err) != VTCLONE_OK && (volume->err = malloc(sizeof(err))) != NULL)
        *volume->err = err;
    volume->elapsed_ms = cli_now_ms() - began;
}

/* ---- the result ---- */

static const char *message_of(const struct made *volume)
{
    if (!volume->begun)
        return "not begun: interrupted";
    return volume->err != NULL ? volume->err->message : "out of memory";
}

static int32_t code_of(const struct made *volume)
{
    if (!volume->begun)
        return VTCLONE_E_CANCELLED;
    return volume->err != NULL ? volume->err->code : VTCLONE_E_NOMEM;
}

static void count(struct storm *storm)
{
    for (int64_t i = 0; i < storm->command->count; i++)
        storm->made += storm->volumes[i].decision != NULL;
    storm->failed = storm->command->count - storm->made;
}

static double per_second(const struct storm *storm)
{
    return storm->elapsed_ms > 0 ? (double)storm->made * 1000 / (double)storm->elapsed_ms : 0;
}

static void write_volume(struct json_writer *json, const struct storm *storm, int64_t number)
{
    const struct made *volume = &storm->volumes[number];
    char name[VTCLONE_MAX_NAME_BYTES + 1];

    name_of(storm->command->name_template, number, name, sizeof(name));
    json_begin_object(json);
    json_pair(json, "volume", name);
    if (volume->decision != NULL) {
        if (vtclone_decision_volume_id(volume->decision) != NULL)
            json_pair(json, "volume_id", vtclone_decision_volume_id(volume->decision));
        json_pair(json, "engine", vtclone_decision_engine(volume->decision));
        json_pair_int(json, "elapsed_ms", volume->elapsed_ms);
    } else {
        json_key(json, "error");
        json_begin_object(json);
        json_pair(json, "code", vtclone_code_name(code_of(volume)));
        json_pair(json, "message", message_of(volume));
        json_end_object(json);
    }
    json_end_object(json);
}

static void write_location(struct json_writer *json, const vtclone_decision *decision)
{
    json_key(json, "location");
    json_begin_object(json);
    json_pair_int(json, "index", vtclone_decision_location_index(decision));
    json_pair(json, "url", vtclone_decision_url(decision));
    json_pair(json, "store", vtclone_decision_store(decision));
    json_end_object(json);
}

static int32_t print_json(const struct storm *storm, vtclone_error *err)
{
    const struct clone_command *command = storm->command;
    struct json_writer *json = json_writer_new(JSON_CEILING);
    char rate[32], *text;

    if (json == NULL)
        return cli_fail(err, "out of memory");
    json_begin_object(json);
    json_pair(json, "image_id", vtclone_decision_image_id(storm->decision));
    json_pair(json, "volume_type", command->request.volume_type);
    json_pair(json, "method", vtclone_decision_method(storm->decision));
    json_pair(json, "backend", vtclone_decision_backend(storm->decision));
    write_location(json, storm->decision);
    json_pair_int(json, "size_gib", command->request.size_gib);
    json_pair_int(json, "count", command->count);
    json_pair_int(json, "concurrency", storm->threads);
    json_pair_int(json, "made", storm->made);
    json_pair_int(json, "failed", storm->failed);
    json_pair_int(json, "elapsed_ms", storm->elapsed_ms);
    snprintf(rate, sizeof(rate), "%.1f", per_second(storm));
    json_key(json, "per_second");
    json_number_text(json, rate);
    json_key(json, "volumes");
    json_begin_array(json);
    for (int64_t i = 0; i < command->count; i++)
        write_volume(json, storm, i);
    json_end_array(json);
    json_end_object(json);
    int32_t code = json_writer_finish(json, &text, NULL, err);
    json_writer_free(json);
    if (code != VTCLONE_OK)
        return code;
    puts(text);
    free(text);
    return VTCLONE_OK;
}

static void print_table(const struct storm *storm)
{
    static const char *const engines[] = { "direct", "librbd", "cinder" };
    const struct clone_command *command = storm->command;
    int64_t made_by[3] = { 0 };

    for (int64_t i = 0; i < command->count; i++)
        for (size_t k = 0; k < 3 && storm->volumes[i].decision != NULL; k++)
            made_by[k] += strcmp(vtclone_decision_engine(storm->volumes[i].decision), engines[k]) == 0;
    printf("%" PRId64 " of %" PRId64 " volumes of %" PRId64 " GiB made in %.1f s, %.1f per second", storm->made, command->count,
           command->request.size_gib, (double)storm->elapsed_ms / 1e3, per_second(storm));
    for (size_t k = 0; k < 3; k++)
        if (made_by[k] > 0)
            printf(", %" PRId64 " by %s", made_by[k], engines[k]);
    printf("\n%s on %s\nfrom %s\n", vtclone_decision_method(storm->decision), vtclone_decision_backend(storm->decision),
           vtclone_decision_url(storm->decision));
}

/* The exit status of the first that failed; each failure, as far as they are shown, is one line. */
static int report_failures(const struct storm *storm)
{
    char name[VTCLONE_MAX_NAME_BYTES + 1];
    int64_t shown = 0;
    int status = CLI_OK;

    fflush(stdout);
    for (int64_t i = 0; i < storm->command->count; i++) {
        const struct made *volume = &storm->volumes[i];
        if (volume->decision != NULL)
            continue;
        if (status == CLI_OK)
            status = cli_status(code_of(volume));
        if (shown++ >= FAILURES_SHOWN)
            continue;
        name_of(storm->command->name_template, i, name, sizeof(name));
        fprintf(stderr, "vtclone clone: %s: %s\n", name, message_of(volume));
    }
    if (shown > FAILURES_SHOWN)
        fprintf(stderr, "vtclone clone: and %" PRId64 " more\n", shown - FAILURES_SHOWN);
    return status;
}

static int32_t run(struct storm *storm, vtclone_error *err)
{
    struct cli_each each = {
        .what = "cloning", .end = storm->command->count, .threads = storm->command->concurrency, .work = make_number,
        .context = storm,
    };
    int32_t code = clone_maker_open(&storm->maker, storm->command, storm->decision, err);

    if (code != VTCLONE_OK)
        return code;
    each.stop_fd = storm->maker.cancel_fd;
    const int64_t began = cli_now_ms();
    code = cli_each_run(&each, err);
    storm->elapsed_ms = cli_now_ms() - began;
    storm->threads = each.started;
    clone_maker_close(&storm->maker);
    return code;
}

int clone_many(const struct clone_command *command, const vtclone_decision *decision)
{
    struct storm storm = { .command = command, .decision = decision };
    vtclone_error err = { 0 };
    int32_t code;
    int status;

    storm.volumes = calloc((size_t)command->count, sizeof(*storm.volumes));
    if (storm.volumes == NULL) {
        cli_fail(&err, "out of memory");
        return cli_report_error("vtclone clone", &err, command->request.json);
    }
    code = run(&storm, &err);
    if (code == VTCLONE_OK) {
        count(&storm);
        if (!command->request.json)
            print_table(&storm);
        else
            code = print_json(&storm, &err);
    }
    status = code == VTCLONE_OK ? report_failures(&storm) : cli_report_error("vtclone clone", &err, command->request.json);
    for (int64_t i = 0; i < command->count; i++) {
        vtclone_decision_free(storm.volumes[i].decision);
        free(storm.volumes[i].err);
    }
    free(storm.volumes);
    return status;
}

/*
 * cmd_clone.c - vtclone clone: resolve, then make the volume.
 */
#include "cli_common.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: vtclone clone --site FILE --image FILE --volume-type NAME --volume NAME --size GIB [--backend HOST]\n"
    "                     [--project ID] [--image-volumes FILE] [--signed-images deny|allow]\n"
    "                     [--owner-rule cinder|paired] [--engine auto|librbd|direct] [--timeout SECONDS]\n"
    "                     [--format table|json]\n"
    "FILE may be - (standard input). Exit status: 0 made, 2 usage or bad input, 3 a miss, 4 a service failed.\n";

enum { OPT_VOLUME = CLI_OPT_FIRST_OWN, OPT_ENGINE, OPT_TIMEOUT };

struct clone_command {
    struct cli_request request;
    const char *volume;
    vtclone_clone_options options;
};

static int32_t engine_option(const char *text, int32_t *engine, vtclone_error *err)
{
    static const char *const names[] = { "auto", "librbd", "direct" }; /* by enum vtclone_engine */

    for (int32_t i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            *engine = i;
            return VTCLONE_OK;
        }
    return cli_fail(err, "--engine: %s is none of auto, librbd, direct", text);
}

static int32_t own_option(struct clone_command *command, int option, const char *value, vtclone_error *err)
{
    int64_t seconds = 0;
    int32_t code = VTCLONE_OK;

    switch (option) {
    case OPT_VOLUME:
        command->volume = value;
        break;
    case OPT_ENGINE:
        code = engine_option(value, &command->options.engine, err);
        break;
    case OPT_TIMEOUT:
        code = cli_number(value, "timeout", 1, 86400, &seconds, err);
        command->options.timeout_ms = (uint32_t)seconds * 1000;
        break;
    default:
        code = cli_request_option(&command->request, option, value, err);
    }
    return code;
}

/* Makes the volume on a handle of its own; *out replaces the decision. */
static int32_t make_volume(const struct clone_command *command, const vtclone_decision *decision,
                           vtclone_decision **out, vtclone_error *err)
{
    vtclone_options options;
    vtclone *handle;

    cli_handle_options(&options);
    int32_t code = vtclone_open(&options, &handle, err);
    if (code != VTCLONE_OK)
        return code;
    code = vtclone_clone(handle, decision, command->volume, command->request.size_gib, &command->options, out, err);
    vtclone_free(handle);
    return code;
}

static int32_t print(const struct clone_command *command, const vtclone_decision *decision, vtclone_error *err)
{
    if (command->request.json)
        return cli_print_json(decision, err);
    if (vtclone_decision_reason(decision) == VTCLONE_REASON_OK)
        printf("volume %s of %lld GiB: ", command->volume, (long long)command->request.size_gib);
    return cli_print_table(decision, err);
}

static int run(const struct clone_command *command)
{
    vtclone_error err = { 0 };
    vtclone_decision *decision = NULL, *made = NULL;
    int32_t code;

    if (command->volume == NULL || command->request.size_gib == 0)
        code = cli_fail(&err, "--volume NAME and --size GIB are needed");
    else
        code = cli_resolve(&command->request, &decision, &err);
    bool hit = code == VTCLONE_OK && vtclone_decision_reason(decision) == VTCLONE_REASON_OK;
    if (hit)
        code = make_volume(command, decision, &made, &err);
    if (code == VTCLONE_OK)
        code = print(command, made != NULL ? made : decision, &err);
    int status = code != VTCLONE_OK ? cli_report_error("vtclone clone", &err, command->request.json)
                 : hit              ? CLI_OK
                                    : CLI_MISS;
    vtclone_decision_free(decision);
    vtclone_decision_free(made);
    return status;
}

int cmd_clone(int argc, char **argv)
{
    static const struct option options[] = {
        CLI_REQUEST_OPTIONS,
        { "volume", required_argument, NULL, OPT_VOLUME },
        { "engine", required_argument, NULL, OPT_ENGINE },
        { "timeout", required_argument, NULL, OPT_TIMEOUT },
        { 0 },
    };
    struct clone_command command = { .options = { .size = sizeof(command.options) } };
    vtclone_error err = { 0 };
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h')
            return fputs(usage, stdout), CLI_OK;
        if (option == '?')
            return fputs(usage, stderr), CLI_USAGE;
        if (own_option(&command, option, optarg, &err) != VTCLONE_OK)
            return cli_report_error("vtclone clone", &err, command.request.json);
    }
    if (optind < argc) {
        cli_fail(&err, "unexpected argument %s", argv[optind]);
        return cli_report_error("vtclone clone", &err, command.request.json);
    }
    return run(&command);
}

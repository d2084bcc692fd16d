/*
 * cmd_clone.c - vtclone clone: resolve, then make the volume.
 */
#include "cli_cloud.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: vtclone clone --site FILE --image FILE --volume-type NAME --volume NAME --size GIB [--backend HOST]\n"
    "                     [--project ID] [--image-volumes FILE] [--signed-images deny|allow]\n"
    "                     [--owner-rule cinder|paired] [--engine auto|librbd|direct] [--timeout SECONDS]\n"
    "                     [--format table|json]\n"
    "       vtclone clone --image-id UUID --volume-type NAME --volume NAME --size GIB [--copy]\n"
    "                     [--availability-zone NAME] [--site FILE] [OPTION...]\n"
    "FILE may be - (standard input). With --image-id the services of the OS_* environment are asked, and entries of the\n"
    "site file win over what they say; --copy has Glance copy the image where it is missing. An image volume is cloned by\n"
    "Cinder's API (OS_* environment). Exit status: 0 made, 2 usage or bad input, 3 a miss, 4 a service failed.\n";

enum { OPT_VOLUME = CLI_OPT_FIRST_OWN, OPT_ENGINE, OPT_TIMEOUT, OPT_COPY, OPT_ZONE };

struct clone_command {
    struct cli_request request;
    const char *volume;
    bool copy;        /* have Glance copy the image where it is missing */
    const char *zone; /* of a volume that Cinder makes */
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
    case OPT_COPY:
        command->copy = true;
        break;
    case OPT_ZONE:
        command->zone = value;
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

/* Makes the volume by Cinder's API, with the cloud of the environment. */
static int32_t make_by_cinder(const struct clone_command *command, const vtclone_decision *decision,
                              vtclone_decision **out, vtclone_error *err)
{
    vtclone_cloud *cloud;
    const vtclone_volume_options options = {
        .size = sizeof(options),
        .availability_zone = command->zone,
        .timeout_ms = command->options.timeout_ms,
        .cancel_fd = cli_cancel_fd(),
    };
    int32_t code = cli_cloud_open(NULL, 0, &cloud, err);

    if (code != VTCLONE_OK)
        return code;
    code = vtclone_cloud_clone_volume(cloud, decision, command->volume, command->request.size_gib, &options, out, err);
    vtclone_cloud_free(cloud);
    return code;
}

static int32_t make(const struct clone_command *command, const vtclone_decision *decision, vtclone_decision **out,
                    vtclone_error *err)
{
    if (strcmp(vtclone_decision_method(decision), "cinder-clone") == 0)
        return make_by_cinder(command, decision, out, err);
    return make_volume(command, decision, out, err);
}

static int32_t print(const struct clone_command *command, const vtclone_decision *decision, vtclone_error *err)
{
    if (command->request.json)
        return cli_print_json(decision, err);
    if (vtclone_decision_reason(decision) == VTCLONE_REASON_OK)
        printf("volume %s of %lld GiB%s%s: ", command->volume, (long long)command->request.size_gib,
               vtclone_decision_volume_id(decision) != NULL ? ", id " : "",
               vtclone_decision_volume_id(decision) != NULL ? vtclone_decision_volume_id(decision) : "");
    return cli_print_table(decision, err);
}

static int run(const struct clone_command *command)
{
    vtclone_error err = { 0 };
    vtclone_decision *decision = NULL, *made = NULL;
    int32_t code;

    if (command->volume == NULL || command->request.size_gib == 0)
        code = cli_fail(&err, "--volume NAME and --size GIB are needed");
    else if (command->copy && command->request.image_id == NULL)
        code = cli_fail(&err, "--copy needs --image-id");
    else
        code = cli_resolve(&command->request, command->copy, &decision, &err);
    bool hit = code == VTCLONE_OK && vtclone_decision_reason(decision) == VTCLONE_REASON_OK;
    if (hit)
        code = make(command, decision, &made, &err);
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
        { "copy", no_argument, NULL, OPT_COPY },
        { "availability-zone", required_argument, NULL, OPT_ZONE },
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

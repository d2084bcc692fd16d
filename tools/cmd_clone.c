/*
 * cmd_clone.c - vtclone clone: resolve, then make the volume, or many of them (cmd_clone_many.c).
 */
#include "cmd_clone.h"

#include "cli_each.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: vtclone clone --site FILE --image FILE --volume-type NAME --volume NAME --size GIB [--backend HOST]\n"
    "                     [--project ID] [--image-volumes FILE] [--signed-images deny|allow]\n"
    "                     [--owner-rule cinder|paired] [--engine auto|librbd|direct] [--timeout SECONDS]\n"
    "                     [--format table|json]\n"
    "       vtclone clone --image-id UUID --volume-type NAME --volume NAME --size GIB [--copy]\n"
    "                     [--availability-zone NAME] [--site FILE] [OPTION...]\n"
    "       vtclone clone ... --count N --name-template NAME [--concurrency C] [OPTION...]\n"
    "FILE may be - (standard input). With --image-id the services of the OS_* environment are asked, and entries of the\n"
    "site file win over what they say; --copy has Glance copy the image where it is missing. An image volume is cloned by\n"
    "Cinder's API (OS_* environment). --count makes N volumes instead of one, C (default: 8) at a time; {n} in the template\n"
    "stands for their numbers, from 1. Exit status: 0 made, 2 usage or bad input, 3 a miss, 4 a service failed.\n";

#define CONCURRENCY 8

enum {
    OPT_VOLUME = CLI_OPT_FIRST_OWN, OPT_ENGINE, OPT_TIMEOUT, OPT_COPY, OPT_ZONE, OPT_COUNT, OPT_TEMPLATE, OPT_CONCURRENCY
};

static int32_t take(void *context, int option, const char *value, vtclone_error *err)
{
    struct clone_command *command = context;
    int64_t seconds = 0;
    int32_t code = VTCLONE_OK;

    switch (option) {
    case OPT_VOLUME:
        command->volume = value;
        break;
    case OPT_ENGINE:
        code = cli_engine(value, &command->options.engine, err);
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
    case OPT_COUNT:
        code = cli_number(value, "count", 1, CLONE_COUNT_MAX, &command->count, err);
        break;
    case OPT_TEMPLATE:
        command->name_template = value;
        break;
    case OPT_CONCURRENCY:
        code = cli_number(value, "concurrency", 1, CLI_EACH_THREADS_MAX, &command->concurrency, err);
        break;
    default:
        code = cli_request_option(&command->request, option, value, err);
    }
    return code;
}

static int32_t check(struct clone_command *command, vtclone_error *err)
{
    const bool many = command->count != 0 || command->name_template != NULL || command->concurrency != 0;

    if (many && (command->count == 0 || command->name_template == NULL || command->volume != NULL))
        return cli_fail(err, "for many volumes --count N and --name-template NAME are needed, and no --volume");
    if ((!many && command->volume == NULL) || command->request.size_gib == 0)
        return cli_fail(err, "--volume NAME and --size GIB are needed");
    if (command->copy && command->request.image_id == NULL)
        return cli_fail(err, "--copy needs --image-id");
    if (command->concurrency == 0)
        command->concurrency = CONCURRENCY;
    if (command->concurrency > command->count)
        command->concurrency = command->count;
    return many ? clone_check_template(command, err) : VTCLONE_OK;
}

/* ---- making ---- */

int32_t clone_maker_open(struct clone_maker *maker, const struct clone_command *command, const vtclone_decision *decision,
                         vtclone_error *err)
{
    vtclone_options options;

    *maker = (struct clone_maker){ .command = command, .decision = decision };
    if (strcmp(vtclone_decision_method(decision), "cinder-clone") == 0) {
        maker->cancel_fd = cli_cancel_fd();
        return cli_cloud_open(NULL, 0, &maker->cloud, err);
    }
    if (command->count > 0) /* one clone on Ceph is not interrupted by us: the next signal ends the program */
        maker->cancel_fd = cli_cancel_fd();
    cli_handle_options(&options);
    return vtclone_open(&options, &maker->handle, err);
}

void clone_maker_close(struct clone_maker *maker)
{
    vtclone_free(maker->handle);
    vtclone_cloud_free(maker->cloud);
}

int32_t clone_make(const struct clone_maker *maker, const char *name, vtclone_decision **out, vtclone_error *err)
{
    const struct clone_command *command = maker->command;
    const vtclone_volume_options options = {
        .size = sizeof(options),
        .availability_zone = command->zone,
        .timeout_ms = command->options.timeout_ms,
        .cancel_fd = command->count > 0 ? 0 : maker->cancel_fd, /* of many, those that were begun finish */
    };

    if (maker->cloud != NULL)
        return vtclone_cloud_clone_volume(maker->cloud, maker->decision, name, command->request.size_gib, &options, out, err);
    return vtclone_clone(maker->handle, maker->decision, name, command->request.size_gib, &command->options, out, err);
}

static int32_t make_one(const struct clone_command *command, const vtclone_decision *decision, vtclone_decision **out,
                        vtclone_error *err)
{
    struct cli_progress progress;
    struct clone_maker maker;
    int32_t code = clone_maker_open(&maker, command, decision, err);

    if (code == VTCLONE_OK) {
        cli_progress_begin(&progress, "cloning", NULL, NULL);
        code = clone_make(&maker, command->volume, out, err);
        cli_progress_end(&progress);
    }
    clone_maker_close(&maker);
    return code;
}

static int32_t print(const struct clone_command *command, const vtclone_decision *decision, vtclone_error *err)
{
    const char *id = vtclone_decision_volume_id(decision);

    if (command->request.json)
        return cli_print_json(decision, err);
    if (vtclone_decision_reason(decision) == VTCLONE_REASON_OK)
        printf("volume %s of %lld GiB%s%s: ", command->volume, (long long)command->request.size_gib, id != NULL ? ", id " : "",
               id != NULL ? id : "");
    return cli_print_table(decision, err);
}

static int run(struct clone_command *command)
{
    vtclone_error err = { 0 };
    vtclone_decision *decision = NULL, *made = NULL;
    int32_t code = check(command, &err);
    int status = CLI_OK;

    if (code == VTCLONE_OK)
        code = cli_resolve(&command->request, command->copy, &decision, &err);
    const bool hit = code == VTCLONE_OK && vtclone_decision_reason(decision) == VTCLONE_REASON_OK;
    if (hit && command->count > 0) {
        status = clone_many(command, decision);
    } else {
        if (hit)
            code = make_one(command, decision, &made, &err);
        if (code == VTCLONE_OK)
            code = print(command, made != NULL ? made : decision, &err);
        status = code != VTCLONE_OK ? cli_report_error("vtclone clone", &err, command->request.json) : hit ? CLI_OK : CLI_MISS;
    }
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
        { "count", required_argument, NULL, OPT_COUNT },
        { "name-template", required_argument, NULL, OPT_TEMPLATE },
        { "concurrency", required_argument, NULL, OPT_CONCURRENCY },
        { 0 },
    };
    static const struct cli_command command = { "vtclone clone", usage, options, take };
    struct clone_command wanted = { .options = { .size = sizeof(wanted.options) } };
    int status = cli_parse(&command, argc, argv, &wanted);

    return status >= 0 ? status : run(&wanted);
}

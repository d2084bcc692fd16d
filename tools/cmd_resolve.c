/*
 * cmd_resolve.c - vtclone resolve: which location of an image serves a volume type, and why the others do not.
 */
#include "cli_common.h"

#include <stdio.h>

static const char usage[] =
    "usage: vtclone resolve --site FILE --image FILE --volume-type NAME [--backend HOST] [--size GIB] [--project ID]\n"
    "                       [--image-volumes FILE] [--signed-images deny|allow] [--owner-rule cinder|paired]\n"
    "                       [--format table|json]\n"
    "       vtclone resolve --image-id UUID --volume-type NAME [--site FILE] [OPTION...]\n"
    "FILE may be - (standard input). With --image-id the services of the OS_* environment are asked, and entries of the\n"
    "site file win over what they say. Exit status: 0 found, 2 usage or bad input, 3 a miss, 4 a service failed.\n";

static int32_t take(void *context, int option, const char *value, vtclone_error *err)
{
    return cli_request_option(context, option, value, err);
}

int cmd_resolve(int argc, char **argv)
{
    static const struct option options[] = { CLI_REQUEST_OPTIONS, { 0 } };
    static const struct cli_command command = { "vtclone resolve", usage, options, take };
    struct cli_request request = { 0 };
    vtclone_error err = { 0 };
    vtclone_decision *decision = NULL;
    int status = cli_parse(&command, argc, argv, &request);

    if (status >= 0)
        return status;
    int32_t code = cli_resolve(&request, false, &decision, &err);
    if (code == VTCLONE_OK)
        code = request.json ? cli_print_json(decision, &err) : cli_print_table(decision, &err);
    if (code != VTCLONE_OK)
        status = cli_report_error(command.name, &err, request.json);
    else
        status = vtclone_decision_reason(decision) == VTCLONE_REASON_OK ? CLI_OK : CLI_MISS;
    vtclone_decision_free(decision);
    return status;
}

/*
 * cmd_copy.c - vtclone copy: has Glance copy an image into stores; with --wait it shows how far it is, on a terminal.
 */
#include "cli_cloud.h"

#include <stdio.h>
#include <string.h>
#include <yajl/yajl_gen.h>

static const char usage[] =
    "usage: vtclone copy --image-id UUID --store ID [--store ID]... [--wait] [--timeout SECONDS] [--format table|json]\n"
    "Asks Glance, with the OS_* environment, to copy the image; --wait returns when it is there (Ctrl-C stops waiting, not\n"
    "Glance). Exit status: 0 there, or accepted without --wait, 2 usage or bad input, 4 a service or the copy failed.\n";

#define MOST_STORES 64

struct copy_command {
    const char *image_id;
    const char *stores[MOST_STORES];
    size_t store_count;
    bool wait;
    bool json;
    int64_t timeout_s;
    vtclone_copy_result result;
    int64_t elapsed_ms;
};

static int32_t copy(struct copy_command *command, vtclone_cloud *cloud, vtclone_error *err)
{
    vtclone_copy_progress copied = { 0 };
    const int64_t began = cli_now_ms();
    struct cli_progress progress;
    const vtclone_copy_options options = {
        .size = sizeof(options),
        .timeout_ms = (uint32_t)command->timeout_s * 1000,
        .no_wait = !command->wait,
        .cancel_fd = cli_cancel_fd(),
        .progress = &copied,
    };

    command->result.size = sizeof(command->result);
    cli_progress_begin(&progress, "copying the image", cli_copy_look, &copied);
    int32_t code = vtclone_cloud_copy(cloud, command->image_id, command->stores, command->store_count, &options,
                                      &command->result, err);
    cli_progress_end(&progress);
    command->elapsed_ms = cli_now_ms() - began;
    return code;
}

/* ---- the result ---- */

static void put_text(yajl_gen gen, const char *text)
{
    yajl_gen_string(gen, (const unsigned char *)text, strlen(text));
}

static void print_json(const struct copy_command *command)
{
    yajl_gen gen = yajl_gen_alloc(NULL);
    const unsigned char *text;
    size_t len;

    if (gen == NULL)
        return;
    yajl_gen_map_open(gen);
    put_text(gen, "image_id");
    put_text(gen, command->image_id);
    put_text(gen, "stores");
    yajl_gen_array_open(gen);
    for (size_t i = 0; i < command->store_count; i++)
        put_text(gen, command->stores[i]);
    yajl_gen_array_close(gen);
    put_text(gen, "started");
    yajl_gen_bool(gen, command->result.started);
    put_text(gen, "complete");
    yajl_gen_bool(gen, command->result.complete);
    put_text(gen, "image_bytes");
    yajl_gen_integer(gen, command->result.image_bytes);
    put_text(gen, "elapsed_ms");
    yajl_gen_integer(gen, (long long)command->elapsed_ms);
    yajl_gen_map_close(gen);
    if (yajl_gen_get_buf(gen, &text, &len) == yajl_gen_status_ok)
        printf("%.*s\n", (int)len, (const char *)text);
    yajl_gen_free(gen);
}

static void print_table(const struct copy_command *command)
{
    const bool complete = command->result.complete != 0, started = command->result.started != 0;

    printf("image %s: ", command->image_id);
    if (complete && !started)
        printf("was already there, or another copied it:");
    else
        printf(complete ? "copied in %.1f s, it is in" : "Glance is copying it to", (double)command->elapsed_ms / 1e3);
    for (size_t i = 0; i < command->store_count; i++)
        printf(" %s", command->stores[i]);
    putchar('\n');
}

static int run(struct copy_command *command)
{
    vtclone_error err = { 0 };
    vtclone_cloud *cloud = NULL;
    int32_t code;

    if (command->image_id == NULL || command->store_count == 0)
        code = cli_fail(&err, "--image-id UUID and --store ID are needed");
    else
        code = cli_cloud_open(NULL, 0, &cloud, &err);
    if (code == VTCLONE_OK)
        code = copy(command, cloud, &err);
    vtclone_cloud_free(cloud);
    if (code != VTCLONE_OK)
        return cli_report_error("vtclone copy", &err, command->json);
    if (command->json)
        print_json(command);
    else
        print_table(command);
    return CLI_OK;
}

enum { OPT_STORE = CLI_OPT_FIRST_OWN, OPT_WAIT, OPT_TIMEOUT };

static int32_t take(void *context, int option, const char *value, vtclone_error *err)
{
    struct copy_command *command = context;

    switch (option) {
    case CLI_OPT_IMAGE_ID:
        command->image_id = value;
        return VTCLONE_OK;
    case OPT_STORE:
        if (command->store_count == MOST_STORES)
            return cli_fail(err, "--store: more than %d", MOST_STORES);
        command->stores[command->store_count++] = value;
        return VTCLONE_OK;
    case OPT_WAIT:
        command->wait = true;
        return VTCLONE_OK;
    case OPT_TIMEOUT:
        return cli_number(value, "timeout", 1, 86400, &command->timeout_s, err);
    default:
        return cli_format(value, &command->json, err);
    }
}

int cmd_copy(int argc, char **argv)
{
    static const struct option options[] = {
        { "image-id", required_argument, NULL, CLI_OPT_IMAGE_ID },
        { "store", required_argument, NULL, OPT_STORE },
        { "wait", no_argument, NULL, OPT_WAIT },
        { "timeout", required_argument, NULL, OPT_TIMEOUT },
        { "format", required_argument, NULL, CLI_OPT_FORMAT },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    static const struct cli_command command = { "vtclone copy", usage, options, take };
    struct copy_command wanted = { 0 };
    int status = cli_parse(&command, argc, argv, &wanted);

    return status >= 0 ? status : run(&wanted);
}

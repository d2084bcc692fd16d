/*
 * cmd_copy.c - vtclone copy: has Glance copy an image into stores; with --wait it shows how far it is, on a terminal.
 */
#include "cli_cloud.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <yajl/yajl_gen.h>

static const char usage[] =
    "usage: vtclone copy --image-id UUID --store ID [--store ID]... [--wait] [--timeout SECONDS] [--format table|json]\n"
    "Asks Glance, with the OS_* environment, to copy the image; --wait returns when it is there (Ctrl-C stops waiting, not\n"
    "Glance). Exit status: 0 there, or accepted without --wait, 2 usage or bad input, 4 a service or the copy failed.\n";

#define MOST_STORES 64
#define BAR_WIDTH 30

struct copy_command {
    const char *image_id;
    const char *stores[MOST_STORES];
    size_t store_count;
    bool wait;
    bool json;
    int64_t timeout_s;

    vtclone_cloud *cloud;
    vtclone_copy_progress progress;
    vtclone_copy_result result;
    int32_t code;
    vtclone_error err;
    double elapsed_ms;
    bool done; /* atomic */
    int cancel_fd;
};

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Runs in a thread of its own, so that the main one can draw. */
static void *run_copy(void *context)
{
    struct copy_command *command = context;
    const double began = now_ms();
    const vtclone_copy_options options = {
        .size = sizeof(options),
        .timeout_ms = (uint32_t)command->timeout_s * 1000,
        .no_wait = !command->wait,
        .cancel_fd = command->cancel_fd,
        .progress = &command->progress,
    };

    command->result.size = sizeof(command->result);
    command->code = vtclone_cloud_copy(command->cloud, command->image_id, command->stores, command->store_count, &options,
                                       &command->result, &command->err);
    command->elapsed_ms = now_ms() - began;
    __atomic_store_n(&command->done, true, __ATOMIC_RELEASE);
    return NULL;
}

/* ---- the bar ---- */

static void draw(const vtclone_copy_progress *progress)
{
    const int64_t copied = __atomic_load_n(&progress->copied_bytes, __ATOMIC_RELAXED);
    const int64_t total = __atomic_load_n(&progress->total_bytes, __ATOMIC_RELAXED);
    const int32_t state = __atomic_load_n(&progress->state, __ATOMIC_ACQUIRE);
    char bar[BAR_WIDTH + 1];
    const int full = total > 0 ? (int)((double)copied / (double)total * BAR_WIDTH) : 0;

    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', (size_t)(full > BAR_WIDTH ? BAR_WIDTH : full));
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr, "\r[%s] %lld of %lld MiB%s\033[K", bar, (long long)(copied >> 20), (long long)(total >> 20),
            state == VTCLONE_COPY_WAITING ? ", another import of the image has to end first" : "");
}

static void watch(const struct copy_command *command)
{
    const struct timespec pause = { .tv_nsec = 200000000 };
    const bool terminal = isatty(STDERR_FILENO) && command->wait;

    while (terminal && !__atomic_load_n(&command->done, __ATOMIC_ACQUIRE)) {
        draw(&command->progress);
        nanosleep(&pause, NULL);
    }
    if (terminal) {
        draw(&command->progress);
        fputc('\n', stderr);
    }
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
        printf(complete ? "copied in %.1f s, it is in" : "Glance is copying it to", command->elapsed_ms / 1e3);
    for (size_t i = 0; i < command->store_count; i++)
        printf(" %s", command->stores[i]);
    putchar('\n');
}

static int run(struct copy_command *command)
{
    pthread_t thread;

    if (command->image_id == NULL || command->store_count == 0)
        command->code = cli_fail(&command->err, "--image-id UUID and --store ID are needed");
    else
        command->code = cli_cloud_open(NULL, 0, &command->cloud, &command->err);
    if (command->code == VTCLONE_OK) {
        command->cancel_fd = cli_cancel_fd();
        if (pthread_create(&thread, NULL, run_copy, command) != 0) {
            run_copy(command);
        } else {
            watch(command);
            pthread_join(thread, NULL);
        }
    }
    vtclone_cloud_free(command->cloud);
    if (command->code != VTCLONE_OK)
        return cli_report_error("vtclone copy", &command->err, command->json);
    if (command->json)
        print_json(command);
    else
        print_table(command);
    return CLI_OK;
}

static int32_t take_option(struct copy_command *command, int option, const char *value)
{
    switch (option) {
    case 'i':
        command->image_id = value;
        return VTCLONE_OK;
    case 's':
        if (command->store_count == MOST_STORES)
            return cli_fail(&command->err, "--store: more than %d", MOST_STORES);
        command->stores[command->store_count++] = value;
        return VTCLONE_OK;
    case 'w':
        command->wait = true;
        return VTCLONE_OK;
    case 't':
        return cli_number(value, "timeout", 1, 86400, &command->timeout_s, &command->err);
    default:
        return cli_format(value, &command->json, &command->err);
    }
}

int cmd_copy(int argc, char **argv)
{
    static const struct option options[] = {
        { "image-id", required_argument, NULL, 'i' },
        { "store", required_argument, NULL, 's' },
        { "wait", no_argument, NULL, 'w' },
        { "timeout", required_argument, NULL, 't' },
        { "format", required_argument, NULL, 'f' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    struct copy_command command = { 0 };
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h')
            return fputs(usage, stdout), CLI_OK;
        if (option == '?')
            return fputs(usage, stderr), CLI_USAGE;
        if (take_option(&command, option, optarg) != VTCLONE_OK)
            return cli_report_error("vtclone copy", &command.err, command.json);
    }
    if (optind < argc) {
        cli_fail(&command.err, "unexpected argument %s", argv[optind]);
        return cli_report_error("vtclone copy", &command.err, command.json);
    }
    return run(&command);
}

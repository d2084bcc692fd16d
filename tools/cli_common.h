/*
 * cli_common.h - what the subcommands of vtclone share: options, documents from files, errors and exit statuses.
 */
#ifndef VTCLONE_CLI_COMMON_H
#define VTCLONE_CLI_COMMON_H

#include "vtclone.h"

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

/* Exit statuses of every subcommand. */
enum { CLI_OK = 0, CLI_USAGE = 2, CLI_MISS = 3, CLI_SERVICE = 4 };

/* Whole text of a file. */
struct cli_text {
    char *data;
    size_t len;
};

/* Options that resolve and clone share. */
struct cli_request {
    const char *site;          /* file, or "-" */
    const char *image;         /* file, or "-" */
    const char *image_id;      /* online instead of image */
    const char *image_volumes; /* file, or "-" */
    const char *volume_type;
    const char *backend;
    const char *project;
    int64_t size_gib;
    bool json;         /* --format json */
    bool allow_signed;
    bool owner_paired;
};

/* A subcommand as cli_parse() reads its arguments. */
struct cli_command {
    const char *name;             /* "vtclone clone", for messages */
    const char *usage;
    const struct option *options; /* "help" with value 'h' among them */
    /* Takes one option; value is NULL for one that has none. */
    int32_t (*take)(void *context, int option, const char *value, vtclone_error *err);
};

/* Reads the arguments. Returns -1 to go on, or the exit status to end with: help was asked for, or an option is wrong, which
 * is reported, as JSON too where --format json (CLI_OPT_FORMAT) is among the arguments. */
int cli_parse(const struct cli_command *command, int argc, char **argv, void *context);

/* "auto", "librbd" or "direct", by enum vtclone_engine; and the number of such a name. */
extern const char *const cli_engine_names[3];
int32_t cli_engine(const char *text, int32_t *engine, vtclone_error *err);

/* Reads a file, or standard input for "-"; refuses more than VTCLONE_MAX_DOCUMENT_BYTES. what names it in the message.
 * The caller frees out->data. */
int32_t cli_read_file(const char *path, const char *what, struct cli_text *out, vtclone_error *err);

/* A whole number within [least, most]; VTCLONE_E_INVALID with the option's name in the message. */
int32_t cli_number(const char *text, const char *option, int64_t least, int64_t most, int64_t *out,
                   vtclone_error *err);

/* "table" or "json". */
int32_t cli_format(const char *text, bool *json, vtclone_error *err);

/* An error of the caller's making, such as a missing option. */
int32_t cli_fail(vtclone_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One line on standard error, and with json {"error": {...}} on standard output; returns the exit status for it. */
int cli_report_error(const char *program, const vtclone_error *err, bool json);
/* At the end of main(): the status, or CLI_SERVICE where what was printed did not get out and the status would not tell. */
int cli_end(const char *program, int status);

/* The exit status for a code of the library. */
int cli_status(int32_t code);

/* Handle options from the environment: VTCLONE_DEBUG=1 sends debug lines to standard error. */
void cli_handle_options(vtclone_options *options);

/* Reads the value of a long option that resolve and clone share (val is one of CLI_OPT_*). Returns 0 where it was one of
 * them, 1 where not, a negative code for a bad value. */
int32_t cli_request_option(struct cli_request *request, int option, const char *value, vtclone_error *err);

enum {
    CLI_OPT_SITE = 1000, CLI_OPT_IMAGE, CLI_OPT_IMAGE_ID, CLI_OPT_IMAGE_VOLUMES, CLI_OPT_VOLUME_TYPE,
    CLI_OPT_BACKEND, CLI_OPT_PROJECT, CLI_OPT_SIZE, CLI_OPT_FORMAT, CLI_OPT_ALLOW_SIGNED, CLI_OPT_OWNER_RULE,
    CLI_OPT_FIRST_OWN /* a subcommand's own options begin here */
};

#define CLI_REQUEST_OPTIONS                                                   \
    { "site", required_argument, NULL, CLI_OPT_SITE },                        \
    { "image", required_argument, NULL, CLI_OPT_IMAGE },                      \
    { "image-id", required_argument, NULL, CLI_OPT_IMAGE_ID },                \
    { "image-volumes", required_argument, NULL, CLI_OPT_IMAGE_VOLUMES },      \
    { "volume-type", required_argument, NULL, CLI_OPT_VOLUME_TYPE },          \
    { "backend", required_argument, NULL, CLI_OPT_BACKEND },                  \
    { "project", required_argument, NULL, CLI_OPT_PROJECT },                  \
    { "size", required_argument, NULL, CLI_OPT_SIZE },                        \
    { "format", required_argument, NULL, CLI_OPT_FORMAT },                    \
    { "signed-images", required_argument, NULL, CLI_OPT_ALLOW_SIGNED },       \
    { "owner-rule", required_argument, NULL, CLI_OPT_OWNER_RULE },            \
    { "help", no_argument, NULL, 'h' }

/* Resolves the request from its files, or by the live services where it has an image id (copy: Glance
 * copies the image where it is missing). The caller frees *out. */
int32_t cli_resolve(const struct cli_request *request, bool copy, vtclone_decision **out, vtclone_error *err);

/* Prints a decision as JSON (one line). */
int32_t cli_print_json(const vtclone_decision *decision, vtclone_error *err);
/* Prints a decision for people. */
int32_t cli_print_table(const vtclone_decision *decision, vtclone_error *err);

/* The subcommands: argv[0] is the subcommand's name. Each returns the exit status. */
int cmd_resolve(int argc, char **argv);
int cmd_clone(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_stores(int argc, char **argv);
int cmd_copy(int argc, char **argv);

#endif

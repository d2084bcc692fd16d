/*
 * cli_common.c - what the subcommands of vtclone share: options, documents from files, errors and exit statuses.
 */
#include "cli_cloud.h"
#include "strbuf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

int32_t cli_fail(vtclone_error *err, const char *format, ...)
{
    char raw[sizeof(err->message)];
    struct strbuf text, clean;
    va_list args;

    err->code = VTCLONE_E_INVALID;
    err->sys_errno = 0;
    strbuf_init(&text, raw, sizeof(raw));
    va_start(args, format);
    strbuf_vprintf(&text, format, args);
    va_end(args);
    /* Arguments and file names may be anything: what is shown is UTF-8 without control characters. */
    strbuf_init(&clean, err->message, sizeof(err->message));
    strbuf_add_escaped(&clean, text.data, text.len);
    return err->code;
}

static int32_t read_stream(FILE *stream, const char *path, const char *what, struct cli_text *out, vtclone_error *err)
{
    size_t room = 0;
    char errno_text[128];

    for (;;) {
        if (out->len == room) {
            room = room == 0 ? 65536 : room * 2;
            char *more = realloc(out->data, room);
            if (more == NULL)
                return cli_fail(err, "%s: %s: out of memory", what, path);
            out->data = more;
        }
        size_t got = fread(out->data + out->len, 1, room - out->len, stream);
        out->len += got;
        if (out->len > VTCLONE_MAX_DOCUMENT_BYTES)
            return cli_fail(err, "%s: %s: more than VTCLONE_MAX_DOCUMENT_BYTES (%u)", what, path,
                            VTCLONE_MAX_DOCUMENT_BYTES);
        if (got == 0 && ferror(stream))
            return cli_fail(err, "%s: read %s: %s", what, path, strerror_r(errno, errno_text, sizeof(errno_text)));
        if (got == 0)
            return VTCLONE_OK;
    }
}

int32_t cli_read_file(const char *path, const char *what, struct cli_text *out, vtclone_error *err)
{
    char errno_text[128];
    bool standard = strcmp(path, "-") == 0;
    FILE *stream = standard ? stdin : fopen(path, "rb");

    *out = (struct cli_text){ 0 };
    if (stream == NULL)
        return cli_fail(err, "%s: open %s: %s", what, path, strerror_r(errno, errno_text, sizeof(errno_text)));
    int32_t code = read_stream(stream, standard ? "standard input" : path, what, out, err);
    if (!standard)
        fclose(stream);
    if (code != VTCLONE_OK) {
        free(out->data);
        *out = (struct cli_text){ 0 };
    }
    return code;
}

int32_t cli_number(const char *text, const char *option, int64_t least, int64_t most, int64_t *out,
                   vtclone_error *err)
{
    char *end;

    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < least || number > most)
        return cli_fail(err, "--%s: %s is not a whole number within %" PRId64 " and %" PRId64, option, text, least,
                        most);
    *out = number;
    return VTCLONE_OK;
}

int32_t cli_format(const char *text, bool *json, vtclone_error *err)
{
    *json = strcmp(text, "json") == 0;
    if (!*json && strcmp(text, "table") != 0)
        return cli_fail(err, "--format: %s is neither table nor json", text);
    return VTCLONE_OK;
}

const char *const cli_engine_names[3] = { "auto", "librbd", "direct" };

int32_t cli_engine(const char *text, int32_t *engine, vtclone_error *err)
{
    for (int32_t i = 0; i < 3; i++)
        if (strcmp(text, cli_engine_names[i]) == 0) {
            *engine = i;
            return VTCLONE_OK;
        }
    return cli_fail(err, "--engine: %s is none of auto, librbd, direct", text);
}

/* Whether the last --format says json, wherever it stands: what is wrong with an option before it is told in JSON, too. */
static bool wants_json(const struct cli_command *command, int argc, char **argv)
{
    bool json = false;
    int option;

    while ((option = getopt_long(argc, argv, ":h", command->options, NULL)) != -1)
        if (option == CLI_OPT_FORMAT)
            json = strcmp(optarg, "json") == 0;
    optind = 0; /* the next getopt_long() begins anew */
    return json;
}

/* What getopt_long() found wrong, with the option as it was written but without its value. */
static int32_t bad_option(const struct cli_command *command, int found, char **argv, vtclone_error *err)
{
    const char *written = argv[optind - 1], *what = "unrecognized option", *problem = "";
    bool is_letter = optopt != 0 && optopt != 'h' && optopt < CLI_OPT_SITE;
    int alike = 0;

    if (is_letter && (written[0] != '-' || written[1] != (char)optopt || written[2] != '\0')) {
        written = argv[optind]; /* more letters follow, so getopt_long() is not past the word */
    } else if (!is_letter && (found == ':' || optopt != 0)) {
        what = "option";
        problem = found == ':' ? " needs a value" : " takes no value";
    } else if (!is_letter) {
        for (const struct option *option = command->options; option->name != NULL; option++)
            alike += strncmp(option->name, written + 2, strcspn(written + 2, "=")) == 0;
        what = alike > 1 ? "ambiguous option" : what;
    }
    return cli_fail(err, "%s %.*s%s (--help lists the options)", what, (int)strcspn(written, "="), written, problem);
}

int cli_parse(const struct cli_command *command, int argc, char **argv, void *context)
{
    vtclone_error err = { 0 };
    int option;

    opterr = 0;
    bool json = wants_json(command, argc, argv);
    while ((option = getopt_long(argc, argv, ":h", command->options, NULL)) != -1) {
        if (option == 'h')
            return fputs(command->usage, stdout), CLI_OK;
        int32_t code = option == '?' || option == ':' ? bad_option(command, option, argv, &err)
                                                      : command->take(context, option, optarg, &err);
        if (code != VTCLONE_OK)
            return cli_report_error(command->name, &err, json);
    }
    if (optind == argc)
        return -1;
    cli_fail(&err, "unexpected argument %s", argv[optind]);
    return cli_report_error(command->name, &err, json);
}

/* One of two words. */
static int32_t either(const char *text, const char *option, const char *no, const char *yes, bool *out,
                      vtclone_error *err)
{
    *out = strcmp(text, yes) == 0;
    if (!*out && strcmp(text, no) != 0)
        return cli_fail(err, "--%s: %s is neither %s nor %s", option, text, no, yes);
    return VTCLONE_OK;
}

int32_t cli_request_option(struct cli_request *request, int option, const char *value, vtclone_error *err)
{
    switch (option) {
    case CLI_OPT_SITE:
        request->site = value;
        return VTCLONE_OK;
    case CLI_OPT_IMAGE:
        request->image = value;
        return VTCLONE_OK;
    case CLI_OPT_IMAGE_ID:
        request->image_id = value;
        return VTCLONE_OK;
    case CLI_OPT_IMAGE_VOLUMES:
        request->image_volumes = value;
        return VTCLONE_OK;
    case CLI_OPT_VOLUME_TYPE:
        request->volume_type = value;
        return VTCLONE_OK;
    case CLI_OPT_BACKEND:
        request->backend = value;
        return VTCLONE_OK;
    case CLI_OPT_PROJECT:
        request->project = value;
        return VTCLONE_OK;
    case CLI_OPT_SIZE:
        return cli_number(value, "size", 1, VTCLONE_MAX_SIZE_GIB, &request->size_gib, err);
    case CLI_OPT_FORMAT:
        return cli_format(value, &request->json, err);
    case CLI_OPT_ALLOW_SIGNED:
        return either(value, "signed-images", "deny", "allow", &request->allow_signed, err);
    case CLI_OPT_OWNER_RULE:
        return either(value, "owner-rule", "cinder", "paired", &request->owner_paired, err);
    default:
        return 1;
    }
}

int cli_status(int32_t code)
{
    switch (code) {
    case VTCLONE_OK:
        return CLI_OK;
    case VTCLONE_E_MISS:
        return CLI_MISS;
    case VTCLONE_E_INVALID:
    case VTCLONE_E_DOCUMENT:
    case VTCLONE_E_LIMIT:
    case VTCLONE_E_UNSUPPORTED:
    case VTCLONE_E_EXISTS:
        return CLI_USAGE;
    default:
        return CLI_SERVICE;
    }
}

static void print_error_json(const vtclone_error *err)
{
    yajl_gen gen = yajl_gen_alloc(NULL);
    const unsigned char *text;
    size_t len;
    const char *code = vtclone_code_name(err->code);

    if (gen == NULL)
        return;
    yajl_gen_map_open(gen);
    yajl_gen_string(gen, (const unsigned char *)"error", 5);
    yajl_gen_map_open(gen);
    yajl_gen_string(gen, (const unsigned char *)"code", 4);
    yajl_gen_string(gen, (const unsigned char *)code, strlen(code));
    yajl_gen_string(gen, (const unsigned char *)"message", 7);
    yajl_gen_string(gen, (const unsigned char *)err->message, strlen(err->message));
    yajl_gen_map_close(gen);
    yajl_gen_map_close(gen);
    if (yajl_gen_get_buf(gen, &text, &len) == yajl_gen_status_ok)
        printf("%.*s\n", (int)len, (const char *)text);
    yajl_gen_free(gen);
}

int cli_report_error(const char *program, const vtclone_error *err, bool json)
{
    if (json)
        print_error_json(err);
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", program, err->message);
    return cli_status(err->code);
}

int cli_end(const char *program, int status)
{
    char errno_text[128];

    if (fflush(stdout) != 0)
        fprintf(stderr, "%s: write to standard output: %s\n", program, strerror_r(errno, errno_text, sizeof(errno_text)));
    else if (ferror(stdout))
        fprintf(stderr, "%s: write to standard output: failed\n", program);
    else
        return status;
    return status == CLI_OK || status == CLI_MISS ? CLI_SERVICE : status;
}

void cli_handle_options(vtclone_options *options)
{
    const char *debug = getenv("VTCLONE_DEBUG");

    *options = (vtclone_options){ .size = sizeof(*options) };
    if (debug != NULL && debug[0] != '\0' && strcmp(debug, "0") != 0)
        options->debug_fd = 2;
}

static int32_t resolve_texts(const struct cli_request *request, const struct cli_text *site_text,
                             const struct cli_text *image, const struct cli_text *volumes, vtclone_decision **out,
                             vtclone_error *err)
{
    vtclone_site *site;
    const vtclone_resolve_options options = {
        .size = sizeof(options),
        .volume_type = request->volume_type,
        .backend = request->backend,
        .size_gib = request->size_gib,
        .project_id = request->project,
        .image_volumes = volumes->data,
        .image_volumes_len = volumes->len,
        .signed_images = request->allow_signed ? VTCLONE_SIGNED_ALLOW : VTCLONE_SIGNED_DENY,
        .owner_rule = request->owner_paired ? VTCLONE_OWNER_PAIRED : VTCLONE_OWNER_CINDER,
    };
    int32_t code = vtclone_site_parse(site_text->data, site_text->len, &site, err);

    if (code != VTCLONE_OK)
        return code;
    code = vtclone_resolve(site, image->data, image->len, &options, out, err);
    vtclone_site_free(site);
    return code;
}

static int32_t check_files(const struct cli_request *request, vtclone_error *err)
{
    const char *files[] = { request->site, request->image, request->image_volumes };
    int standard = 0;

    if (request->image_id != NULL && request->image != NULL)
        return cli_fail(err, "either --image or --image-id, not both");
    if (request->image_id == NULL && (request->site == NULL || request->image == NULL))
        return cli_fail(err, "--site FILE and --image FILE are needed, or --image-id UUID for live services");
    if (request->volume_type == NULL)
        return cli_fail(err, "--volume-type NAME is needed");
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        standard += files[i] != NULL && strcmp(files[i], "-") == 0;
    if (standard > 1)
        return cli_fail(err, "only one of --site, --image and --image-volumes can be standard input");
    return VTCLONE_OK;
}

/* With the live services of the environment. */
static int32_t resolve_once(const struct cli_request *request, bool copy, vtclone_decision **out, vtclone_error *err)
{
    vtclone_cloud *cloud;
    int32_t code = cli_cloud_open(request->site, 0, &cloud, err);

    if (code != VTCLONE_OK)
        return code;
    code = cli_resolve_live(request, cloud, copy, out, err);
    vtclone_cloud_free(cloud);
    return code;
}

int32_t cli_resolve(const struct cli_request *request, bool copy, vtclone_decision **out, vtclone_error *err)
{
    struct cli_text site = { 0 }, image = { 0 }, volumes = { 0 };
    int32_t code = check_files(request, err);

    if (code == VTCLONE_OK && request->image_id != NULL)
        return resolve_once(request, copy, out, err);
    if (code == VTCLONE_OK)
        code = cli_read_file(request->site, "site", &site, err);
    if (code == VTCLONE_OK)
        code = cli_read_file(request->image, "image", &image, err);
    if (code == VTCLONE_OK && request->image_volumes != NULL)
        code = cli_read_file(request->image_volumes, "image volumes", &volumes, err);
    if (code == VTCLONE_OK)
        code = resolve_texts(request, &site, &image, &volumes, out, err);
    free(site.data);
    free(image.data);
    free(volumes.data);
    return code;
}

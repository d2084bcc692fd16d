/*
 * cmd_doctor.c - vtclone doctor: what of a deployment works for cloning and what does not, each with what to change, from
 * configuration files, a site document, lists of images and volumes, and the Ceph clusters named there.
 */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: vtclone doctor [--cinder-conf FILE]... [--glance-conf FILE]... [--site FILE] [--images FILE]\n"
    "                      [--volumes FILE] [--no-ceph] [--format table|json]\n"
    "A configuration file is given as often as the service reads one. Images and volumes are Glance's and Cinder's JSON\n"
    "lists. The clusters of rbd backends are asked, unless --no-ceph. Exit status: 0 all well, 2 usage or bad input,\n"
    "3 something to mend, 4 a service that was asked did not answer.\n";

enum { OPT_CINDER = CLI_OPT_FIRST_OWN, OPT_GLANCE, OPT_SITE, OPT_IMAGES, OPT_VOLUMES, OPT_NO_CEPH, OPT_FORMAT };

struct doctor_command {
    const char *cinder[DOCTOR_MAX_FILES], *glance[DOCTOR_MAX_FILES];
    size_t cinder_count, glance_count;
    const char *site, *images, *volumes;
    bool no_ceph, json;
};

static int32_t add_file(const char **files, size_t *count, const char *path, vtclone_error *err)
{
    if (*count == DOCTOR_MAX_FILES)
        return cli_fail(err, "more than %d files of one kind", DOCTOR_MAX_FILES);
    files[(*count)++] = path;
    return VTCLONE_OK;
}

static int32_t own_option(struct doctor_command *command, int option, const char *value, vtclone_error *err)
{
    switch (option) {
    case OPT_CINDER:
        return add_file(command->cinder, &command->cinder_count, value, err);
    case OPT_GLANCE:
        return add_file(command->glance, &command->glance_count, value, err);
    case OPT_SITE:
        command->site = value;
        return VTCLONE_OK;
    case OPT_IMAGES:
        command->images = value;
        return VTCLONE_OK;
    case OPT_VOLUMES:
        command->volumes = value;
        return VTCLONE_OK;
    case OPT_NO_CEPH:
        command->no_ceph = true;
        return VTCLONE_OK;
    default:
        return cli_format(value, &command->json, err);
    }
}

static int32_t read_configuration(struct report *report, const char *const *files, size_t count, const char *what,
                                  struct ini *ini, vtclone_error *err)
{
    int32_t code = VTCLONE_OK;

    for (size_t i = 0; i < count && code == VTCLONE_OK; i++)
        code = ini_read(&report->arena, files[i], ini, err);
    if (count > 0 && code == VTCLONE_OK)
        report_checked(report, arena_printf(&report->arena, "%s: %s%s", what, files[0],
                                            count > 1 ? " and those after it" : ""));
    else if (count == 0)
        report_not_checked(report, arena_printf(&report->arena, "%s: no file was given", what));
    return code;
}

/* The site file given, or else the one that cinder.conf names. */
static int32_t read_site(struct report *report, const struct doctor_command *command, struct facts *facts,
                         vtclone_error *err)
{
    struct cli_text text;

    if (command->site == NULL) {
        report_not_checked(report, "volume types and live services: no site was given");
        return VTCLONE_OK;
    }
    int32_t code = cli_read_file(command->site, "site", &text, err);
    if (code == VTCLONE_OK)
        code = facts_from_site(report, text.data, text.len, facts, err);
    if (code == VTCLONE_OK)
        report_checked(report, arena_printf(&report->arena, "site: %zu stores, %zu backends, %zu volume types",
                                            facts->store_count, facts->backend_count, facts->type_count));
    free(text.data);
    return code;
}

static int32_t look_at_images(struct report *report, const struct doctor_command *command, const struct facts *facts,
                              vtclone_error *err)
{
    struct cli_text images = { 0 }, volumes = { 0 };

    if (command->images == NULL)
        return VTCLONE_OK;
    int32_t code = cli_read_file(command->images, "images", &images, err);
    if (code == VTCLONE_OK && command->volumes != NULL)
        code = cli_read_file(command->volumes, "volumes", &volumes, err);
    if (code == VTCLONE_OK)
        code = check_images(report, facts, &images, &volumes, err);
    free(images.data);
    free(volumes.data);
    return code;
}

static int32_t examine(struct report *report, const struct doctor_command *command, vtclone_error *err)
{
    struct ini cinder = { 0 }, glance = { 0 };
    struct facts facts = { 0 };

    check_library(report);
    int32_t code = read_configuration(report, command->cinder, command->cinder_count, "cinder.conf", &cinder, err);
    if (code == VTCLONE_OK)
        code = read_configuration(report, command->glance, command->glance_count, "glance-api.conf", &glance, err);
    if (code == VTCLONE_OK)
        code = read_site(report, command, &facts, err);
    if (code != VTCLONE_OK)
        return code;
    const struct ini *has_cinder = command->cinder_count > 0 ? &cinder : NULL;
    const struct ini *has_glance = command->glance_count > 0 ? &glance : NULL;
    facts_from_files(report, has_cinder, has_glance, &facts);
    if (has_cinder != NULL)
        check_cinder(report, has_cinder, has_glance);
    if (has_glance != NULL)
        check_glance(report, has_glance, has_cinder);
    check_facts(report, &facts, has_cinder);
    if (!command->no_ceph)
        check_ceph(report, &facts);
    return look_at_images(report, command, &facts, err);
}

static int conclude(const struct report *report)
{
    if (report->service_failed)
        return CLI_SERVICE;
    return report->count[DOCTOR_ERROR] + report->count[DOCTOR_WARNING] > 0 ? CLI_MISS : CLI_OK;
}

static int run(const struct doctor_command *command)
{
    struct report report = { 0 };
    vtclone_error err = { 0 };
    int32_t code;

    arena_init(&report.arena, 65536, DOCTOR_MEMORY);
    if (command->cinder_count + command->glance_count == 0 && command->site == NULL)
        code = cli_fail(&err, "at least one of --cinder-conf, --glance-conf and --site is needed");
    else if (command->volumes != NULL && command->images == NULL)
        code = cli_fail(&err, "--volumes needs --images");
    else
        code = examine(&report, command, &err);
    if (code == VTCLONE_OK && command->json)
        code = report_print_json(&report, &err);
    else if (code == VTCLONE_OK)
        report_print_table(&report);
    int status = code == VTCLONE_OK ? conclude(&report) : cli_report_error("vtclone doctor", &err, command->json);
    arena_release(&report.arena);
    return status;
}

int cmd_doctor(int argc, char **argv)
{
    static const struct option options[] = {
        { "cinder-conf", required_argument, NULL, OPT_CINDER },
        { "glance-conf", required_argument, NULL, OPT_GLANCE },
        { "site", required_argument, NULL, OPT_SITE },
        { "images", required_argument, NULL, OPT_IMAGES },
        { "volumes", required_argument, NULL, OPT_VOLUMES },
        { "no-ceph", no_argument, NULL, OPT_NO_CEPH },
        { "format", required_argument, NULL, OPT_FORMAT },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    struct doctor_command command = { 0 };
    vtclone_error err = { 0 };
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h')
            return fputs(usage, stdout), CLI_OK;
        if (option == '?')
            return fputs(usage, stderr), CLI_USAGE;
        if (own_option(&command, option, optarg, &err) != VTCLONE_OK)
            return cli_report_error("vtclone doctor", &err, command.json);
    }
    if (optind < argc) {
        cli_fail(&err, "unexpected argument %s", argv[optind]);
        return cli_report_error("vtclone doctor", &err, command.json);
    }
    return run(&command);
}

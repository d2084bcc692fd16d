/*
 * cmd_doctor.c - vtclone doctor: what of a deployment works for cloning and what does not, each with what to change,
 * from configuration files, a site document or the live services, images and volumes, and the Ceph clusters.
 */
#include "cli_progress.h"
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: vtclone doctor [--cinder-conf FILE]... [--glance-conf FILE]... [--site FILE] [--images FILE]\n"
    "                      [--volumes FILE] [--live] [--image-id UUID]... [--certify] [--no-ceph]\n"
    "                      [--format table|json]\n"
    "A configuration file is given as often as the service reads one. Images and volumes are Glance's and Cinder's JSON\n"
    "lists. --live asks Glance and Cinder for the site (OS_* environment). The clusters of rbd backends are asked, unless\n"
    "--no-ceph; --certify also tries which engine serves each, with scratch clones that are removed.\n"
    "Exit status: 0 all well, 2 usage or bad input, 3 something to mend, 4 a service that was asked did not answer.\n";

enum {
    OPT_CINDER = CLI_OPT_FIRST_OWN, OPT_GLANCE, OPT_IMAGES, OPT_VOLUMES, OPT_LIVE, OPT_CERTIFY, OPT_NO_CEPH
};

struct doctor_command {
    const char *cinder[DOCTOR_MAX_FILES], *glance[DOCTOR_MAX_FILES], *image_ids[DOCTOR_MAX_FILES];
    size_t cinder_count, glance_count, image_count;
    const char *site, *images, *volumes;
    bool live, certify, no_ceph, json;
};

static int32_t add_file(const char **files, size_t *count, const char *path, vtclone_error *err)
{
    if (*count == DOCTOR_MAX_FILES)
        return cli_fail(err, "more than %d files or images of one kind", DOCTOR_MAX_FILES);
    files[(*count)++] = path;
    return VTCLONE_OK;
}

static int32_t take(void *context, int option, const char *value, vtclone_error *err)
{
    struct doctor_command *command = context;

    switch (option) {
    case OPT_CINDER:
        return add_file(command->cinder, &command->cinder_count, value, err);
    case OPT_GLANCE:
        return add_file(command->glance, &command->glance_count, value, err);
    case CLI_OPT_IMAGE_ID:
        return add_file(command->image_ids, &command->image_count, value, err);
    case CLI_OPT_SITE:
        command->site = value;
        return VTCLONE_OK;
    case OPT_IMAGES:
        command->images = value;
        return VTCLONE_OK;
    case OPT_VOLUMES:
        command->volumes = value;
        return VTCLONE_OK;
    case OPT_LIVE:
        command->live = true;
        return VTCLONE_OK;
    case OPT_CERTIFY:
        command->certify = true;
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

/* The live site, or the site file, or nothing. */
static int32_t read_site(struct report *report, const struct doctor_command *command, vtclone_cloud **cloud,
                         struct facts *facts, vtclone_error *err)
{
    struct cli_text text = { 0 };
    int32_t code;

    if (command->live) {
        code = live_site(report, command->site, cloud, facts, err);
    } else if (command->site == NULL) {
        report_not_checked(report, "volume types and live services: neither --site nor --live was given");
        return VTCLONE_OK;
    } else {
        code = cli_read_file(command->site, "site", &text, err);
        if (code == VTCLONE_OK)
            code = facts_from_site(report, text.data, text.len, facts, err);
        free(text.data);
    }
    if (code == VTCLONE_OK && facts->has_site)
        report_checked(report, arena_printf(&report->arena, "%s: %zu stores, %zu backends, %zu volume types",
                                            command->live ? "live site" : "site", facts->store_count,
                                            facts->backend_count, facts->type_count));
    return code;
}

static int32_t look_at_images(struct report *report, const struct doctor_command *command, vtclone_cloud *cloud,
                              const struct facts *facts, vtclone_error *err)
{
    struct cli_text images = { 0 }, volumes = { 0 };
    int32_t code = VTCLONE_OK;

    if (command->volumes != NULL)
        code = cli_read_file(command->volumes, "volumes", &volumes, err);
    if (code == VTCLONE_OK && command->images != NULL)
        code = cli_read_file(command->images, "images", &images, err);
    if (code == VTCLONE_OK && command->images != NULL)
        code = check_images(report, facts, command->images, &images, &volumes, err);
    for (size_t i = 0; i < command->image_count && code == VTCLONE_OK; i++)
        code = live_image(report, cloud, command->image_ids[i], facts, &volumes, err);
    free(images.data);
    free(volumes.data);
    return code;
}

/* The checks, once everything is read. */
static int32_t check_all(struct report *report, const struct doctor_command *command, vtclone_cloud *cloud,
                         const struct ini *cinder, const struct ini *glance, struct facts *facts, vtclone_error *err)
{
    facts_from_files(report, cinder, glance, facts);
    check_library(report);
    if (cinder != NULL)
        check_cinder(report, cinder, glance);
    if (glance != NULL)
        check_glance(report, glance, cinder);
    check_facts(report, facts, cinder);
    if (!command->no_ceph)
        check_ceph(report, facts);
    if (command->certify) {
        int32_t code = check_engines(report, facts, err);
        if (code != VTCLONE_OK)
            return code;
    }
    return look_at_images(report, command, cloud, facts, err);
}

static int32_t examine(struct report *report, const struct doctor_command *command, vtclone_error *err)
{
    struct ini cinder = { 0 }, glance = { 0 };
    struct facts facts = { 0 };
    vtclone_cloud *cloud = NULL;
    int32_t code = read_configuration(report, command->cinder, command->cinder_count, "cinder.conf", &cinder, err);

    if (code == VTCLONE_OK)
        code = read_configuration(report, command->glance, command->glance_count, "glance-api.conf", &glance, err);
    if (code == VTCLONE_OK)
        code = read_site(report, command, &cloud, &facts, err);
    if (code == VTCLONE_OK)
        code = check_all(report, command, cloud, command->cinder_count > 0 ? &cinder : NULL,
                         command->glance_count > 0 ? &glance : NULL, &facts, err);
    vtclone_site_free(facts.site);
    vtclone_cloud_free(cloud);
    return code;
}

/* Clusters and services that do not answer take their time-outs, and a certification makes clones. */
static int32_t examine_visibly(struct report *report, const struct doctor_command *command, vtclone_error *err)
{
    struct cli_progress progress;

    cli_progress_begin(&progress, command->certify ? "looking, and trying the engines" : "looking", NULL, NULL);
    int32_t code = examine(report, command, err);
    cli_progress_end(&progress);
    return code;
}

static int conclude(const struct report *report)
{
    if (report->service_failed)
        return CLI_SERVICE;
    return report->count[DOCTOR_ERROR] + report->count[DOCTOR_WARNING] > 0 || report->full ? CLI_MISS : CLI_OK;
}

static int run(const struct doctor_command *command)
{
    struct report report = { 0 };
    vtclone_error err = { 0 };
    int32_t code;

    arena_init(&report.arena, 65536, DOCTOR_MEMORY);
    if (command->cinder_count + command->glance_count == 0 && command->site == NULL && !command->live)
        code = cli_fail(&err, "at least one of --cinder-conf, --glance-conf, --site and --live is needed");
    else if (command->volumes != NULL && command->images == NULL && command->image_count == 0)
        code = cli_fail(&err, "--volumes needs --images or --image-id");
    else if (command->image_count > 0 && !command->live)
        code = cli_fail(&err, "--image-id needs --live");
    else if (command->certify && command->site == NULL && !command->live)
        code = cli_fail(&err, "--certify needs --site or --live");
    else
        code = examine_visibly(&report, command, &err);
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
        { "site", required_argument, NULL, CLI_OPT_SITE },
        { "images", required_argument, NULL, OPT_IMAGES },
        { "volumes", required_argument, NULL, OPT_VOLUMES },
        { "live", no_argument, NULL, OPT_LIVE },
        { "image-id", required_argument, NULL, CLI_OPT_IMAGE_ID },
        { "certify", no_argument, NULL, OPT_CERTIFY },
        { "no-ceph", no_argument, NULL, OPT_NO_CEPH },
        { "format", required_argument, NULL, CLI_OPT_FORMAT },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    static const struct cli_command command = { "vtclone doctor", usage, options, take };
    struct doctor_command wanted = { 0 };
    int status = cli_parse(&command, argc, argv, &wanted);

    return status >= 0 ? status : run(&wanted);
}

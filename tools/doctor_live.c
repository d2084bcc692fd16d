/*
 * doctor_live.c - the parts of doctor that ask a service through the library: the live site and images from Glance and
 * Cinder, and which engine serves which backend.
 */
#include "cli_cloud.h"
#include "doctor.h"
#include "error.h"

#include <stdlib.h>
#include <string.h>

#define TEXT(...) arena_printf(&report->arena, __VA_ARGS__)

/* The error becomes a finding, and the examination goes on without it. */
static void service_failed(struct report *report, const char *subject, vtclone_error *err)
{
    report->service_failed = true;
    report_add(report, DOCTOR_ERROR, "SERVICE_FAILED", subject, TEXT("%s", err->message),
               "see that the service answers and that the OS_* environment names a user with the role admin");
    error_clear(err);
}

int32_t live_site(struct report *report, const char *file, vtclone_cloud **cloud, struct facts *facts,
                  vtclone_error *err)
{
    char *text = NULL;
    size_t len = 0;
    int32_t code = cli_cloud_open(file, 0, cloud, err);

    if (code != VTCLONE_OK)
        return code; /* the environment or the site file: bad input */
    code = vtclone_cloud_site_json(*cloud, &text, &len, err);
    if (code == VTCLONE_OK) {
        code = facts_from_site(report, text, len, facts, err);
        vtclone_string_free(text);
        return code;
    }
    if (cli_status(code) != CLI_SERVICE)
        return code;
    service_failed(report, "live services", err);
    return VTCLONE_OK;
}

int32_t live_image(struct report *report, vtclone_cloud *cloud, const char *image_id, const struct facts *facts,
                   const struct cli_text *volumes, vtclone_error *err)
{
    struct cli_text text = { 0 };
    int32_t code = vtclone_cloud_image(cloud, image_id, NULL, &text.data, &text.len, err);

    if (code == VTCLONE_OK) {
        code = check_images(report, facts, NULL, &text, volumes, err);
        vtclone_string_free(text.data);
        return code;
    }
    if (cli_status(code) != CLI_SERVICE)
        return code;
    service_failed(report, TEXT("image %.60s", image_id), err);
    return VTCLONE_OK;
}

/* ---- engines ---- */

static const char *text_of(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);

    return value != NULL && value->type == JSON_STRING ? value->text : NULL;
}

static bool is_true(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);

    return value != NULL && value->type == JSON_BOOL && value->boolean;
}

static void report_engine(struct report *report, const char *subject, const char *pool, const char *reply)
{
    struct json *root;

    if (json_parse(&report->arena, "certification", reply, strlen(reply), &root, &(vtclone_error){ 0 }) != VTCLONE_OK)
        return;
    const char *engine = text_of(root, "engine"), *reason = text_of(root, "reason");
    report_checked(report, TEXT("engine of %s for pool %.100s: %s (%.300s)", subject, pool, engine == NULL ? "?" : engine,
                                reason == NULL ? "" : reason));
    if (same_text(engine, "direct") && !is_true(root, "tested_release"))
        report_add(report, DOCTOR_NOTE, "ENGINE_RELEASE_UNTESTED", subject,
                   TEXT("the direct engine was certified on this cluster, but vtclone's tests have not run on its OSDs' "
                        "release (%.100s)", text_of(root, "osd_releases") == NULL ? "?" : text_of(root, "osd_releases")),
                   "nothing; set [vtclone] engine = librbd to go without");
    else if (!same_text(engine, "direct"))
        report_add(report, DOCTOR_NOTE, "ENGINE_LIBRBD", subject,
                   TEXT("clones from pool %.100s are made by librbd: %.300s", pool, reason == NULL ? "?" : reason),
                   "nothing, or mend what the reason names: the direct engine needs fewer operations");
}

static void certify(struct report *report, vtclone *handle, const struct facts *facts, const struct backend_fact *backend,
                    const struct store_fact *store)
{
    const char *subject = TEXT("backend %.200s", backend->host);
    vtclone_error err = { 0 };
    char *reply = NULL;
    int32_t code = vtclone_certify(handle, facts->site, backend->host, store->pool, NULL, &reply, &err);

    if (code == VTCLONE_OK)
        report_engine(report, subject, store->pool, reply);
    else if (code == VTCLONE_E_MISS)
        report_not_checked(report, TEXT("engine of %s for pool %.100s: no image in it to try", subject, store->pool));
    else {
        report->service_failed = true;
        report_add(report, DOCTOR_ERROR, "CERTIFICATION_FAILED", subject, TEXT("%s", err.message),
                   "see the other findings of this backend");
    }
    vtclone_string_free(reply);
}

int32_t check_engines(struct report *report, const struct facts *facts, vtclone_error *err)
{
    vtclone_options options;
    vtclone *handle = NULL;

    if (facts->site == NULL) {
        report_not_checked(report, "engines: without an answer of the live services there is no site");
        return VTCLONE_OK;
    }
    cli_handle_options(&options);
    int32_t code = vtclone_open(&options, &handle, err);
    for (size_t i = 0; i < facts->backend_count && code == VTCLONE_OK; i++)
        for (size_t k = 0; k < facts->store_count; k++)
            if (same_text(facts->backends[i].type, "rbd") && same_text(facts->stores[k].type, "rbd") &&
                store_beside(facts, &facts->stores[k], &facts->backends[i]))
                certify(report, handle, facts, &facts->backends[i], &facts->stores[k]);
    vtclone_free(handle);
    return code;
}

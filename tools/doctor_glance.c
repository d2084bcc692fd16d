/*
 * doctor_glance.c - what glance-api.conf says: the stores, copy-image, and who sees and writes locations.
 */
#include "doctor.h"

#include <string.h>

#define TEXT(...) arena_printf(&report->arena, __VA_ARGS__)

static void check_cinder_store(struct report *report, const struct ini *glance, const char *id)
{
    const char *subject = TEXT("store %.100s", id);

    if (ini_get(glance, id, "cinder_volume_type") == NULL)
        report_add(report, DOCTOR_ERROR, "STORE_TYPE_UNSET", subject,
                   "cinder_volume_type is not set: its image volumes are made on whichever backend the default type "
                   "has, not beside the one they are for",
                   TEXT("set cinder_volume_type in [%.100s] to the type of the backend beside it", id));
    if (ini_get(glance, id, "cinder_store_user_name") == NULL)
        report_add(report, DOCTOR_WARNING, "STORE_USER_UNSET", subject,
                   "cinder_store_user_name is not set: image volumes belong to whoever uploads, who can delete them",
                   TEXT("set cinder_store_auth_address, cinder_store_user_name, cinder_store_password and "
                        "cinder_store_project_name in [%.100s]", id));
}

static void check_rbd_store(struct report *report, const struct ini *glance, const char *id)
{
    if (ini_get(glance, id, "rbd_store_user") == NULL)
        report_add(report, DOCTOR_WARNING, "STORE_RBD_USER_UNSET", TEXT("store %.100s", id),
                   "rbd_store_user is not set: Glance connects as client.admin",
                   TEXT("set rbd_store_user in [%.100s]", id));
}

static void check_stores(struct report *report, const struct ini *glance)
{
    const char *rest = ini_get(glance, "DEFAULT", "enabled_backends"), *item;
    const char *preferred = ini_get(glance, "glance_store", "default_backend");
    size_t len;
    bool found = false;

    if (rest == NULL) {
        report_add(report, DOCTOR_ERROR, "NOT_MULTI_STORE", "[DEFAULT] enabled_backends",
                   "it is not set: Glance has one store only, and an image has one copy",
                   "set enabled_backends = STORE:TYPE, ... with one store beside each storage backend");
        return;
    }
    while (list_next(&rest, &item, &len)) {
        const char *colon = memchr(item, ':', len);
        const char *id = arena_strndup(&report->arena, item, colon == NULL ? len : (size_t)(colon - item));
        const char *type =
            colon == NULL ? "" : arena_strndup(&report->arena, colon + 1, len - (size_t)(colon + 1 - item));
        if (id == NULL || type == NULL)
            continue;
        found = found || same_text(id, preferred);
        if (!ini_has_section(glance, id))
            report_add(report, DOCTOR_ERROR, "STORE_SECTION_MISSING", TEXT("store %.100s", id),
                       "enabled_backends names it, but it has no section",
                       TEXT("add a section [%.100s], or take it out of enabled_backends", id));
        else if (strcmp(type, "cinder") == 0)
            check_cinder_store(report, glance, id);
        else if (strcmp(type, "rbd") == 0)
            check_rbd_store(report, glance, id);
    }
    if (preferred == NULL || !found)
        report_add(report, DOCTOR_ERROR, "DEFAULT_STORE_BAD", "[glance_store] default_backend",
                   preferred == NULL ? "it is not set: Glance does not start"
                                     : TEXT("%.100s is not among enabled_backends: Glance does not start", preferred),
                   "set it to one of the stores of enabled_backends");
}

static void check_copy_image(struct report *report, const struct ini *glance, const struct ini *cinder)
{
    const char *methods = ini_get(glance, "DEFAULT", "enabled_import_methods");
    bool needed = cinder != NULL && same_text(ini_get(cinder, "vtclone", "on_miss"), "copy");

    if (methods != NULL && !list_has(methods, "copy-image"))
        report_add(report, needed ? DOCTOR_ERROR : DOCTOR_WARNING, "COPY_IMAGE_DISABLED",
                   "[DEFAULT] enabled_import_methods",
                   needed ? "it lacks copy-image, but [vtclone] on_miss = copy needs it: every miss is downloaded"
                          : "it lacks copy-image: an image cannot be copied to the store beside a backend",
                   "add copy-image to enabled_import_methods and restart glance-api");
    if (ini_get(glance, "os_glance_staging_store", "filesystem_store_datadir") == NULL &&
        ini_get(glance, "DEFAULT", "enabled_backends") != NULL)
        report_add(report, DOCTOR_NOTE, "STAGING_DEFAULT", "[os_glance_staging_store]",
                   "filesystem_store_datadir is not set: copies pass through Glance's default staging directory",
                   "set it to a directory with room for the largest image times the copies at once");
}

static void check_locations_shown(struct report *report, const struct ini *glance)
{
    if (ini_bool(glance, "DEFAULT", "show_multiple_locations", false))
        report_add(report, DOCTOR_WARNING, "LOCATIONS_WRITABLE", "[DEFAULT] show_multiple_locations",
                   "owners of images see the locations, and by the default policies can write them (OSSN-0065): a "
                   "location can be pointed at another project's data",
                   "where this is the public API set it to false, and give vtclone service credentials (Glance 2024.2 "
                   "or newer) or a glance_endpoint of an internal Glance");
    else if (ini_bool(glance, "DEFAULT", "show_image_direct_url", false))
        report_add(report, DOCTOR_NOTE, "DIRECT_URL_SHOWN", "[DEFAULT] show_image_direct_url",
                   "users see where an image's first copy is", "set it to false once vtclone has service credentials");
}

void check_glance(struct report *report, const struct ini *glance, const struct ini *cinder)
{
    check_stores(report, glance);
    check_copy_image(report, glance, cinder);
    check_locations_shown(report, glance);
}

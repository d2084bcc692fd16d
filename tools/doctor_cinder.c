/*
 * doctor_cinder.c - what cinder.conf says: the volume manager and the scheduler's part, the backends, [vtclone].
 */
#include "doctor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANAGER "vtclone_cinder.manager.CloneVolumeManager"
#define FILTER "ImageLocalityFilter"
#define WEIGHER "ImageLocalityWeigher"
#define STOCK_FILTERS "AvailabilityZoneFilter,CapacityFilter,CapabilitiesFilter"
#define TEXT(...) arena_printf(&report->arena, __VA_ARGS__)

void check_library(struct report *report)
{
    if (vtclone_abi() != VTCLONE_ABI)
        report_add(report, DOCTOR_ERROR, "LIBRARY_ABI", "libvtclone.so.1",
                   TEXT("this program was built for ABI %u, the library that was loaded has %u", VTCLONE_ABI,
                        vtclone_abi()),
                   "install the packages vtclone and libvtclone1 of one version");
    else if (strcmp(vtclone_version(), VTCLONE_VERSION) != 0)
        report_add(report, DOCTOR_WARNING, "LIBRARY_VERSION", "libvtclone.so.1",
                   TEXT("this program is version " VTCLONE_VERSION ", the library that was loaded is %s",
                        vtclone_version()),
                   "install the packages vtclone and libvtclone1 of one version");
}

static void check_manager(struct report *report, const struct ini *cinder)
{
    const char *manager = ini_get(cinder, "DEFAULT", "volume_manager");
    const char *filters = ini_get(cinder, "DEFAULT", "scheduler_default_filters");
    const char *weighers = ini_get(cinder, "DEFAULT", "scheduler_default_weighers");

    if (manager == NULL)
        report_add(report, DOCTOR_ERROR, "VOLUME_MANAGER_STOCK", "[DEFAULT] volume_manager",
                   "it is not set: cinder-volume runs stock code, and vtclone makes no volume",
                   "set volume_manager = " MANAGER " in [DEFAULT] and restart cinder-volume");
    else if (strcmp(manager, MANAGER) != 0)
        report_add(report, DOCTOR_ERROR, "VOLUME_MANAGER_OTHER", "[DEFAULT] volume_manager",
                   TEXT("it is %.200s, which is not vtclone's", manager),
                   "set volume_manager = " MANAGER ", or derive the other class from it");
    if (!list_has(filters, FILTER) && !list_has(weighers, WEIGHER))
        report_add(report, DOCTOR_WARNING, "SCHEDULER_UNAWARE", "[DEFAULT] scheduler_default_filters",
                   "the scheduler does not know where image copies are: a type that several backends serve may land "
                   "on one without a copy",
                   TEXT("set scheduler_default_filters = %.300s," FILTER " and restart cinder-scheduler",
                        filters == NULL ? STOCK_FILTERS : filters));
}

/* ---- backends ---- */

static void check_rbd_backend(struct report *report, const struct ini *cinder, const char *section)
{
    const char *subject = TEXT("[%.100s]", section);
    const char *conf = backend_option(cinder, section, "rbd_ceph_conf");

    if (backend_option(cinder, section, "rbd_user") == NULL)
        report_add(report, DOCTOR_WARNING, "RBD_USER_UNSET", subject,
                   "rbd_user is not set: Cinder connects as client.admin, which may read and write every pool",
                   "set rbd_user to a user with the least caps (docs/configuration.md)");
    if (backend_option(cinder, section, "rbd_pool") == NULL)
        report_add(report, DOCTOR_WARNING, "RBD_POOL_UNSET", subject,
                   "rbd_pool is not set: volumes go to the pool called rbd", "set rbd_pool");
    if (conf != NULL && access(conf, R_OK) != 0)
        report_add(report, DOCTOR_NOTE, "CEPH_CONF_UNREADABLE", subject,
                   TEXT("%.200s cannot be read here, so nothing was asked of this cluster", conf),
                   "run vtclone doctor where cinder-volume runs, as its user");
}

static void check_concurrency(struct report *report, const struct ini *cinder, const char *section)
{
    const char *value = ini_get(cinder, "vtclone", "clone_concurrency");
    const char *pool = backend_option(cinder, section, "backend_native_threads_pool_size");
    long long clones = value == NULL ? 8 : strtoll(value, NULL, 10);
    long long threads = pool == NULL ? 20 : strtoll(pool, NULL, 10);

    if (clones >= threads)
        report_add(report, DOCTOR_WARNING, "CLONE_CONCURRENCY", TEXT("[%.100s] and [vtclone] clone_concurrency", section),
                   TEXT("%lld clones at once may take every native thread of the backend (%lld): other work of its "
                        "driver waits for them", clones, threads),
                   TEXT("set clone_concurrency below %lld, or raise backend_native_threads_pool_size", threads));
}

static void check_capabilities(struct report *report, const struct ini *cinder, const char *section)
{
    const char *text = backend_option(cinder, section, "extra_capabilities");
    struct json *root;

    if (text == NULL)
        return;
    int32_t code = json_parse(&report->arena, "extra_capabilities", text, strlen(text), &root, &(vtclone_error){ 0 });
    if (code != VTCLONE_OK || root->type != JSON_OBJECT)
        report_add(report, DOCTOR_ERROR, "EXTRA_CAPABILITIES_BAD", TEXT("[%.100s] extra_capabilities", section),
                   "it is not a JSON object: Cinder ignores it, and the backend names no store",
                   "write it like {\"glance_store_id\": \"STORE\"}");
}

static void check_backends(struct report *report, const struct ini *cinder)
{
    const char *rest = ini_get(cinder, "DEFAULT", "enabled_backends"), *item;
    size_t len;

    if (rest == NULL)
        report_add(report, DOCTOR_ERROR, "NO_ENABLED_BACKENDS", "[DEFAULT] enabled_backends",
                   "it is not set: cinder-volume serves no backend",
                   "list the backends' sections, and give every file that cinder-volume reads (--cinder-conf again)");
    while (list_next(&rest, &item, &len)) {
        const char *section = arena_strndup(&report->arena, item, len);
        if (section == NULL)
            continue;
        if (!ini_has_section(cinder, section)) {
            report_add(report, DOCTOR_ERROR, "BACKEND_SECTION_MISSING", TEXT("backend %.100s", section),
                       "enabled_backends names it, but it has no section: cinder-volume cannot start it",
                       TEXT("add a section [%.100s], or take it out of enabled_backends", section));
            continue;
        }
        if (backend_option(cinder, section, "volume_driver") == NULL)
            report_add(report, DOCTOR_WARNING, "VOLUME_DRIVER_UNSET", TEXT("[%.100s]", section),
                       "volume_driver is not set: Cinder takes its LVM driver", "set volume_driver");
        if (backend_option(cinder, section, "volume_backend_name") == NULL)
            report_add(report, DOCTOR_WARNING, "BACKEND_NAME_UNSET", TEXT("[%.100s]", section),
                       "volume_backend_name is not set: no volume type can ask for this backend by name",
                       TEXT("set volume_backend_name = %.100s", section));
        if (backend_is_rbd(cinder, section)) {
            check_rbd_backend(report, cinder, section);
            check_concurrency(report, cinder, section);
        }
        check_capabilities(report, cinder, section);
    }
}

/* ---- [vtclone] ---- */

/* The volume manager reads its options when it starts, the scheduler's filter and weigher read theirs for each volume. */
#define VOLUME_EFFECT "cinder-volume does not start"
#define SCHEDULER_EFFECT(what) \
    "cinder-scheduler starts, but " what " fails, and every volume that is scheduled with it ends in error"

static void add_bad_value(struct report *report, const char *key, const char *value, const char *effect, const char *change)
{
    report_add(report, DOCTOR_ERROR, "OPTION_BAD_VALUE", TEXT("[vtclone] %s", key),
               TEXT("%.100s is no value of it: %s", value, effect), change);
}

static void check_choices(struct report *report, const struct ini *cinder)
{
    static const struct {
        const char *key, *choices, *effect;
    } options[] = {
        { "on_miss", "download, copy, refuse", VOLUME_EFFECT },
        { "engine", "auto, librbd, direct", VOLUME_EFFECT },
        { "signed_images", "deny, allow", VOLUME_EFFECT },
        { "owner_rule", "cinder, paired", VOLUME_EFFECT },
        { "unpaired", "refuse, decline", VOLUME_EFFECT },
        { "locality_filter", "prefer, require, off", SCHEDULER_EFFECT(FILTER) },
    };

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        const char *value = ini_get(cinder, "vtclone", options[i].key);
        if (value != NULL && !list_has(options[i].choices, value))
            add_bad_value(report, options[i].key, value, options[i].effect, TEXT("set it to one of %s", options[i].choices));
    }
    const char *record = ini_get(cinder, "vtclone", "record_in_metadata");
    if (record != NULL && ini_bool(cinder, "vtclone", "record_in_metadata", true) &&
        !ini_bool(cinder, "vtclone", "record_in_metadata", false))
        add_bad_value(report, "record_in_metadata", record, VOLUME_EFFECT, "set it to true or false");
}

/* As oslo.config reads a number. */
static bool is_number(const char *text, bool whole, double least)
{
    char *end;
    double number = strtod(text, &end);

    return end != text && *end == '\0' && number >= least && strpbrk(text, whole ? ".eEnNxX" : "xX") == NULL;
}

static void check_numbers(struct report *report, const struct ini *cinder)
{
    static const struct {
        const char *key;
        bool whole;
        double least;
        const char *effect;
    } options[] = {
        { "clone_concurrency", true, 1, VOLUME_EFFECT },
        { "connect_timeout", false, 0, VOLUME_EFFECT },
        { "operation_timeout", false, 0, VOLUME_EFFECT },
        { "clone_timeout", false, 0, VOLUME_EFFECT },
        { "copy_timeout", false, 1, VOLUME_EFFECT },
        { "glance_timeout", false, 0.1, VOLUME_EFFECT },
        { "stores_ttl", true, 1, VOLUME_EFFECT },
        { "locality_ttl", true, 0, SCHEDULER_EFFECT(FILTER) },
        { "locality_weight_multiplier", false, -HUGE_VAL, SCHEDULER_EFFECT(WEIGHER) },
    };

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        const char *value = ini_get(cinder, "vtclone", options[i].key);
        if (value != NULL && !is_number(value, options[i].whole, options[i].least))
            add_bad_value(report, options[i].key, value, options[i].effect,
                          isinf(options[i].least) ? "set it to a number"
                                                  : TEXT("set it to a %snumber of at least %g", options[i].whole ? "whole " : "",
                                                         options[i].least));
    }
}

static void check_trust(struct report *report, const struct ini *cinder)
{
    if (same_text(ini_get(cinder, "vtclone", "unpaired"), "decline"))
        report_add(report, DOCTOR_WARNING, "UNPAIRED_DECLINED", "[vtclone] unpaired",
                   "a location that names something else than the image's own copy is downloaded from the same place",
                   "set unpaired = refuse, unless nobody but administrators can write locations");
    if (same_text(ini_get(cinder, "vtclone", "signed_images"), "allow") &&
        !same_text(ini_get(cinder, "DEFAULT", "verify_glance_signatures"), "disabled"))
        report_add(report, DOCTOR_NOTE, "SIGNED_IMAGES_ALLOWED", "[vtclone] signed_images",
                   "volumes cloned from signed images are not verified", "set signed_images = deny if they must be");
}

/* Every option of the group: vtclone's own, and keystoneauth's for credentials and sessions. */
static const char known_options[] =
    "clone_concurrency, clone_timeout, connect_timeout, copy_timeout, engine, glance_endpoint, glance_timeout, "
    "locality_filter, locality_ttl, locality_weight_multiplier, metrics_dir, on_miss, operation_timeout, owner_rule, "
    "record_in_metadata, region_name, signed_images, site_file, stores_ttl, unpaired, valid_interfaces, "
    "application_credential_id, application_credential_name, application_credential_secret, auth_plugin, auth_section, "
    "auth_type, auth_url, cafile, certfile, collect_timing, default_domain_id, default_domain_name, domain_id, "
    "domain_name, insecure, keyfile, password, project_domain_id, project_domain_name, project_id, project_name, "
    "split_loggers, system_scope, tenant_id, tenant_name, timeout, trust_id, user_domain_id, user_domain_name, "
    "user_id, user_name, username";

/* oslo.config passes over an option that nobody knows without a word. */
static void check_names(struct report *report, const struct ini *cinder)
{
    for (const struct ini_entry *entry = cinder->first; entry != NULL; entry = entry->next) {
        if (strcmp(entry->section, "vtclone") != 0)
            continue;
        char *name = arena_strdup(&report->arena, entry->key);
        for (char *at = name; at != NULL && *at != '\0'; at++)
            if (*at == '-')
                *at = '_';
        if (name != NULL && !list_has(known_options, name))
            report_add(report, DOCTOR_WARNING, "OPTION_UNKNOWN", TEXT("[vtclone] %.100s", entry->key),
                       "there is no such option: Cinder ignores it",
                       "correct its name (docs/configuration.md), or remove it");
    }
}

static void check_paths(struct report *report, const struct ini *cinder)
{
    const char *metrics = ini_get(cinder, "vtclone", "metrics_dir"), *site = ini_get(cinder, "vtclone", "site_file");
    struct stat info;

    if (metrics != NULL && (stat(metrics, &info) != 0 || !S_ISDIR(info.st_mode)))
        report_add(report, DOCTOR_WARNING, "METRICS_DIR_MISSING", "[vtclone] metrics_dir",
                   TEXT("%.200s is no directory here: no metrics are written", metrics),
                   "create it, writable by cinder-volume's user and readable by node_exporter");
    if (site != NULL && access(site, R_OK) != 0)
        report_add(report, DOCTOR_ERROR, "SITE_FILE_MISSING", "[vtclone] site_file",
                   TEXT("%.200s cannot be read here", site), "put it there, or unset site_file");
}

/* Who could show cinder-volume the locations of an image. */
static void check_locations_seen(struct report *report, const struct ini *cinder, const struct ini *glance)
{
    bool credentials = ini_get(cinder, "vtclone", "auth_type") != NULL ||
                       ini_get(cinder, "service_user", "auth_type") != NULL;

    if (credentials || glance == NULL || ini_bool(glance, "DEFAULT", "show_multiple_locations", false))
        return;
    if (ini_bool(glance, "DEFAULT", "show_image_direct_url", false))
        report_add(report, DOCTOR_WARNING, "LOCATIONS_PARTIAL", "[vtclone] and [service_user]",
                   "Glance shows one location of each image, and there are no service credentials to ask for the "
                   "others: only backends beside that one store clone",
                   "give [service_user] (or [vtclone]) an auth_type and credentials of a service user");
    else
        report_add(report, DOCTOR_ERROR, "LOCATIONS_HIDDEN", "[vtclone] and [service_user]",
                   "Glance shows no locations, and there are no service credentials to ask for them: every volume is "
                   "downloaded",
                   "give [service_user] (or [vtclone]) an auth_type and credentials of a service user that is also "
                   "admin; before Glance 2024.2 also a glance_endpoint that shows locations");
}

static void check_schemes(struct report *report, const struct ini *cinder)
{
    const char *rest = ini_get(cinder, "DEFAULT", "enabled_backends"), *item;
    bool ours = same_text(ini_get(cinder, "DEFAULT", "volume_manager"), MANAGER);
    size_t len, arrays = 0;

    while (list_next(&rest, &item, &len)) {
        const char *section = arena_strndup(&report->arena, item, len);
        arrays += section != NULL && ini_has_section(cinder, section) && !backend_is_rbd(cinder, section);
    }
    if (arrays == 0 || list_has(ini_get(cinder, "DEFAULT", "allowed_direct_url_schemes"), "cinder"))
        return;
    report_add(report, ours ? DOCTOR_NOTE : DOCTOR_WARNING, "DIRECT_URL_SCHEMES",
               "[DEFAULT] allowed_direct_url_schemes",
               ours ? "it lacks cinder: vtclone does not need it, but where it declines, stock Cinder downloads"
                    : "it lacks cinder: stock Cinder downloads every image to backends other than Ceph",
               "set allowed_direct_url_schemes = cinder");
}

void check_cinder(struct report *report, const struct ini *cinder, const struct ini *glance)
{
    check_manager(report, cinder);
    check_backends(report, cinder);
    check_choices(report, cinder);
    check_numbers(report, cinder);
    check_trust(report, cinder);
    check_names(report, cinder);
    check_paths(report, cinder);
    check_locations_seen(report, cinder, glance);
    check_schemes(report, cinder);
}

/*
 * cmd_stores.c - vtclone stores: which store stands beside which backend and serves which type, and what that was derived
 * from. Its JSON is a site document: vtclone stores --format json > site.json.
 */
#include "cli_cloud.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: vtclone stores [--site FILE] [--format table|json]\n"
    "Asks the services of the OS_* environment. Entries of the site file win over live ones; the JSON is a site file.\n"
    "Exit status: 0 done, 2 usage or bad input, 4 a service failed.\n";

static const char *or_dash(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : "-";
}

/* Names of the types that a backend serves because they name it, in one line. */
static void print_types(const vtclone_site *site, size_t backend)
{
    bool any = false;

    for (size_t i = 0; i < vtclone_site_type_count(site); i++) {
        vtclone_type_info type = { .size = sizeof(type) };
        if (vtclone_site_type(site, i, &type, NULL) != VTCLONE_OK || !vtclone_site_serves(site, backend, i))
            continue;
        printf("%s%s%s", any ? ", " : "", type.name, type.backend_name == NULL ? " (any backend)" : "");
        any = true;
    }
    printf("%s\n", any ? "" : "-");
}

static int wider(int width, const char *text)
{
    const int len = (int)strlen(text);

    return len > width ? len : width;
}

static void print_backends(const vtclone_site *site)
{
    int host_width = 7, store_width = 5;

    for (size_t i = 0; i < vtclone_site_backend_count(site); i++) {
        vtclone_backend_info backend = { .size = sizeof(backend) };
        if (vtclone_site_backend(site, i, &backend, NULL) != VTCLONE_OK)
            continue;
        host_width = wider(host_width, backend.host);
        store_width = wider(store_width, or_dash(backend.store));
    }
    printf("%-*s  %-6s  %-*s  VOLUME TYPES\n", host_width, "BACKEND", "KIND", store_width, "STORE");
    for (size_t i = 0; i < vtclone_site_backend_count(site); i++) {
        vtclone_backend_info backend = { .size = sizeof(backend) };
        if (vtclone_site_backend(site, i, &backend, NULL) != VTCLONE_OK)
            continue;
        printf("%-*s  %-6s  %-*s  ", host_width, backend.host, backend.type, store_width, or_dash(backend.store));
        print_types(site, i);
        printf("%*s  from %s\n", host_width, "", or_dash(backend.derived_from));
    }
}

/* Where a store keeps its images, in words. */
static void say_where(const vtclone_store_info *store, char *room, size_t size)
{
    if (store->pool != NULL)
        snprintf(room, size, "pool %s%s%s", store->pool, store->fsid != NULL ? " of " : "",
                 store->fsid != NULL ? store->fsid : "");
    else if (store->volume_type != NULL)
        snprintf(room, size, "volumes of type %s", store->volume_type);
    else
        snprintf(room, size, "-");
}

static void print_stores(const vtclone_site *site)
{
    char where[600];
    int id_width = 5, where_width = 5;

    for (size_t i = 0; i < vtclone_site_store_count(site); i++) {
        vtclone_store_info store = { .size = sizeof(store) };
        if (vtclone_site_store(site, i, &store, NULL) != VTCLONE_OK)
            continue;
        say_where(&store, where, sizeof(where));
        id_width = wider(id_width, store.id);
        where_width = wider(where_width, where);
    }
    printf("\n%-*s  %-8s  %-*s  FROM\n", id_width, "STORE", "TYPE", where_width, "WHERE");
    for (size_t i = 0; i < vtclone_site_store_count(site); i++) {
        vtclone_store_info store = { .size = sizeof(store) };
        if (vtclone_site_store(site, i, &store, NULL) != VTCLONE_OK)
            continue;
        say_where(&store, where, sizeof(where));
        printf("%-*s  %-8s  %-*s  %s\n", id_width, store.id, store.type, where_width, where,
               or_dash(store.derived_from));
    }
}

static int32_t print(vtclone_cloud *cloud, bool json, vtclone_error *err)
{
    vtclone_site *site;
    char *text;

    if (json) {
        int32_t code = vtclone_cloud_site_json(cloud, &text, NULL, err);
        if (code != VTCLONE_OK)
            return code;
        puts(text);
        vtclone_string_free(text);
        return VTCLONE_OK;
    }
    int32_t code = vtclone_cloud_site(cloud, &site, err);
    if (code != VTCLONE_OK)
        return code;
    print_backends(site);
    print_stores(site);
    vtclone_site_free(site);
    return VTCLONE_OK;
}

struct stores_command {
    const char *site;
    bool json;
};

static int32_t take(void *context, int option, const char *value, vtclone_error *err)
{
    struct stores_command *command = context;

    if (option != CLI_OPT_SITE)
        return cli_format(value, &command->json, err);
    command->site = value;
    return VTCLONE_OK;
}

int cmd_stores(int argc, char **argv)
{
    static const struct option options[] = {
        { "site", required_argument, NULL, CLI_OPT_SITE },
        { "format", required_argument, NULL, CLI_OPT_FORMAT },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    static const struct cli_command command = { "vtclone stores", usage, options, take };
    struct stores_command wanted = { 0 };
    vtclone_error err = { 0 };
    vtclone_cloud *cloud = NULL;
    int status = cli_parse(&command, argc, argv, &wanted);

    if (status >= 0)
        return status;
    int32_t code = cli_cloud_open(wanted.site, 0, &cloud, &err);
    if (code == VTCLONE_OK)
        code = print(cloud, wanted.json, &err);
    vtclone_cloud_free(cloud);
    return code == VTCLONE_OK ? CLI_OK : cli_report_error(command.name, &err, wanted.json);
}

/*
 * cloud.c - opening and closing a cloud, its options, its plain facts.
 */
#include "cloud.h"

#include "error.h"
#include "sized.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int32_t cloud_enter(const vtclone_cloud *cloud, const char *function, vtclone_error *err)
{
    if (cloud == NULL)
        return error_set(err, VTCLONE_E_INVALID, "%s: the cloud is NULL", function);
    if (cloud->owner != getpid())
        return error_set(err, VTCLONE_E_FORKED, "%s: the cloud was opened by process %d and this is its child %d; open another here",
                         function, (int)cloud->owner, (int)getpid());
    return VTCLONE_OK;
}

struct call cloud_call(const vtclone_cloud *cloud, uint32_t timeout_ms, int32_t cancel_fd)
{
    return (struct call){
        .deadline = deadline_in_ms(timeout_ms != 0 ? timeout_ms : cloud->timeout_ms),
        .cancel_fd = cancel_fd,
    };
}

int32_t cloud_check_uuid(const char *id, const char *what, vtclone_error *err)
{
    size_t i = 0;

    if (id == NULL)
        return error_set(err, VTCLONE_E_INVALID, "%s: NULL", what);
    for (; i <= 36 && id[i] != '\0'; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23 ? id[i] != '-' : !isxdigit((unsigned char)id[i]))
            break;
    if (i != 36 || id[36] != '\0')
        return error_set(err, VTCLONE_E_INVALID, "%s: \"%.60s\" is not a UUID", what, id);
    return VTCLONE_OK;
}

int32_t cloud_check_token(const char *token, vtclone_error *err)
{
    if (token != NULL && !http_token_is_sendable(token))
        return error_set(err, VTCLONE_E_INVALID,
                         "the user's token holds a character that cannot be sent in a header, is empty or too long");
    return VTCLONE_OK;
}

int32_t cloud_enter_image(const vtclone_cloud *cloud, const char *function, const void *out, const char *image_id,
                          const char *user_token, vtclone_error *err)
{
    int32_t rc = cloud_enter(cloud, function, err);

    if (rc == VTCLONE_OK && out == NULL)
        rc = error_set(err, VTCLONE_E_INVALID, "%s: no place for the result", function);
    if (rc == VTCLONE_OK)
        rc = cloud_check_uuid(image_id, "image id", err);
    return rc != VTCLONE_OK ? rc : cloud_check_token(user_token, err);
}

/* ---- options ---- */

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static const char *first_of(const char *one, const char *other)
{
    const char *value = environment(one);

    return value != NULL ? value : environment(other);
}

static bool is_true(const char *value)
{
    return value != NULL && (strcasecmp(value, "true") == 0 || strcasecmp(value, "yes") == 0 ||
                             strcasecmp(value, "on") == 0 || strcmp(value, "1") == 0);
}

static void credential_from_env(vtclone_cloud_options *options)
{
    const char *kind = environment("OS_AUTH_TYPE");

    options->auth_url = environment("OS_AUTH_URL");
    options->username = environment("OS_USERNAME");
    options->user_id = environment("OS_USER_ID");
    options->user_domain_name = environment("OS_USER_DOMAIN_NAME");
    options->user_domain_id = first_of("OS_USER_DOMAIN_ID", "OS_DEFAULT_DOMAIN_ID");
    options->password = environment("OS_PASSWORD");
    options->project_name = first_of("OS_PROJECT_NAME", "OS_TENANT_NAME");
    options->project_id = first_of("OS_PROJECT_ID", "OS_TENANT_ID");
    options->project_domain_name = environment("OS_PROJECT_DOMAIN_NAME");
    options->project_domain_id = first_of("OS_PROJECT_DOMAIN_ID", "OS_DEFAULT_DOMAIN_ID");
    options->application_credential_id = environment("OS_APPLICATION_CREDENTIAL_ID");
    options->application_credential_name = environment("OS_APPLICATION_CREDENTIAL_NAME");
    options->application_credential_secret = environment("OS_APPLICATION_CREDENTIAL_SECRET");
    options->token = first_of("OS_TOKEN", "OS_AUTH_TOKEN");
    if (kind == NULL)
        return;
    /* What was named counts, whatever else is in the environment. */
    if (strstr(kind, "applicationcredential") != NULL || strstr(kind, "password") != NULL)
        options->token = NULL;
    if (strstr(kind, "password") != NULL || strstr(kind, "token") != NULL)
        options->application_credential_id = options->application_credential_name = NULL;
}

int32_t vtclone_cloud_options_from_env(vtclone_cloud_options *options, vtclone_error *err)
{
    vtclone_cloud_options found = { .size = sizeof(found) };
    const char *kind = environment("OS_AUTH_TYPE");

    ERR_OR_LOCAL(err);
    if (options == NULL || options->size < sizeof(options->size))
        return error_set(err, VTCLONE_E_INVALID, "vtclone_cloud_options_from_env: no options, or their size is not set");
    if (kind != NULL && strstr(kind, "password") == NULL && strstr(kind, "token") == NULL &&
        strstr(kind, "applicationcredential") == NULL)
        return error_set(err, VTCLONE_E_UNSUPPORTED,
                         "OS_AUTH_TYPE %.40s: only password, token and v3applicationcredential are known", kind);
    credential_from_env(&found);
    found.region = environment("OS_REGION_NAME");
    found.interface_name = first_of("OS_INTERFACE", "OS_ENDPOINT_TYPE");
    found.image_endpoint = environment("OS_IMAGE_ENDPOINT_OVERRIDE");
    found.volume_endpoint = first_of("OS_VOLUME_ENDPOINT_OVERRIDE", "OS_BLOCK_STORAGE_ENDPOINT_OVERRIDE");
    found.ca_file = environment("OS_CACERT");
    found.insecure = is_true(environment("OS_INSECURE"));
    if (found.auth_url == NULL && found.token == NULL)
        return error_set(err, VTCLONE_E_INVALID, "OS_AUTH_URL is not set in the environment");
    size_t size = options->size;
    found.size = size;
    sized_write(options, size, &found, sizeof(found));
    return VTCLONE_OK;
}

static void default_to(uint32_t *value, uint32_t usual)
{
    if (*value == 0)
        *value = usual;
}

/* ---- the object ---- */

static int32_t make(vtclone_cloud *cloud, const vtclone_cloud_options *options, vtclone_error *err)
{
    const struct http_options http = {
        .ca_file = options->ca_file,
        .insecure = options->insecure != 0,
        .connect_timeout_ms = options->connect_timeout_ms,
        .call_timeout_ms = options->call_timeout_ms,
        .debug_fd = options->debug_fd,
    };
    int32_t rc = http_pool_new(&http, &cloud->http, err);

    if (rc == VTCLONE_OK)
        rc = keystone_new(cloud->http, options, &cloud->keystone, err);
    glance_init(&cloud->glance, cloud->http, cloud->keystone);
    cinder_init(&cloud->cinder, cloud->http, cloud->keystone);
    vtclone_error site_error = { 0 };
    int32_t site_rc = live_site_init(&cloud->live, &cloud->glance, &cloud->cinder, options->site, options->site_len,
                                     options->site_ttl_ms, &site_error);
    if (rc == VTCLONE_OK && site_rc != VTCLONE_OK) {
        *err = site_error;
        rc = site_rc;
    }
    cloud->volumes = volume_cache_new(cloud->volume_ttl_ns);
    cloud->copies = copy_table_new();
    if (rc == VTCLONE_OK && (cloud->volumes == NULL || cloud->copies == NULL))
        rc = error_nomem(err, "a cloud");
    return rc;
}

int32_t vtclone_cloud_open(const vtclone_cloud_options *options, vtclone_cloud **out, vtclone_error *err)
{
    vtclone_cloud_options given;

    ERR_OR_LOCAL(err);
    if (out == NULL || options == NULL)
        return error_set(err, VTCLONE_E_INVALID, "vtclone_cloud_open: no options, or no place for the result");
    int32_t rc = sized_read(&given, sizeof(given), options, "vtclone_cloud_options", err);
    if (rc == VTCLONE_OK && given.debug_fd < 0)
        rc = error_set(err, VTCLONE_E_INVALID, "vtclone_cloud_options: debug_fd is %d", (int)given.debug_fd);
    if (rc != VTCLONE_OK)
        return rc;
    vtclone_cloud *cloud = calloc(1, sizeof(*cloud));
    if (cloud == NULL)
        return error_nomem(err, "a cloud");
    default_to(&given.connect_timeout_ms, 10000);
    default_to(&given.call_timeout_ms, 60000);
    default_to(&given.timeout_ms, 120000);
    default_to(&given.site_ttl_ms, 60000);
    default_to(&given.volume_ttl_ms, 15000);
    cloud->owner = getpid();
    cloud->timeout_ms = given.timeout_ms;
    cloud->volume_ttl_ns = given.volume_ttl_ms == UINT32_MAX ? 0 : (int64_t)given.volume_ttl_ms * 1000000;
    rc = make(cloud, &given, err);
    if (rc != VTCLONE_OK) {
        vtclone_cloud_free(cloud);
        return rc;
    }
    *out = cloud;
    return VTCLONE_OK;
}

void vtclone_cloud_free(vtclone_cloud *cloud)
{
    if (cloud == NULL)
        return;
    if (cloud->owner != getpid()) {
        /* Closing would speak on the parent's connections, and a lock may be held by a thread that is not here. The
         * memory is given up; the secrets are not left in it. */
        keystone_wipe(cloud->keystone);
        return;
    }
    copy_table_free(cloud->copies);
    volume_cache_free(cloud->volumes);
    live_site_destroy(&cloud->live);
    cinder_destroy(&cloud->cinder);
    glance_destroy(&cloud->glance);
    keystone_free(cloud->keystone);
    http_pool_free(cloud->http);
    free(cloud);
}

int32_t vtclone_cloud_get_stats(vtclone_cloud *cloud, vtclone_cloud_stats *out, vtclone_error *err)
{
    struct http_stats http;

    ERR_OR_LOCAL(err);
    int32_t rc = cloud_enter(cloud, "vtclone_cloud_get_stats", err);
    if (rc != VTCLONE_OK)
        return rc;
    if (out == NULL || out->size < sizeof(out->size))
        return error_set(err, VTCLONE_E_INVALID, "vtclone_cloud_get_stats: no place for the result, or its size is not set");
    http_pool_stats(cloud->http, &http);
    const vtclone_cloud_stats stats = {
        .size = out->size,
        .requests = http.requests,
        .connects = http.connects,
        .retries = http.retries,
        .tokens = keystone_tokens_fetched(cloud->keystone),
        .copies = copy_table_accepted(cloud->copies),
    };
    sized_write(out, out->size, &stats, sizeof(stats));
    return VTCLONE_OK;
}

int32_t vtclone_cloud_site(vtclone_cloud *cloud, vtclone_site **out, vtclone_error *err)
{
    ERR_OR_LOCAL(err);
    int32_t rc = cloud_enter(cloud, "vtclone_cloud_site", err);
    if (rc != VTCLONE_OK)
        return rc;
    if (out == NULL)
        return error_set(err, VTCLONE_E_INVALID, "vtclone_cloud_site: no place for the result");
    struct call call = cloud_call(cloud, 0, 0);
    return live_site_get(&cloud->live, &call, out, err);
}

int32_t vtclone_cloud_site_json(vtclone_cloud *cloud, char **out, size_t *len, vtclone_error *err)
{
    ERR_OR_LOCAL(err);
    int32_t rc = cloud_enter(cloud, "vtclone_cloud_site_json", err);
    if (rc != VTCLONE_OK)
        return rc;
    if (out == NULL)
        return error_set(err, VTCLONE_E_INVALID, "vtclone_cloud_site_json: no place for the result");
    struct call call = cloud_call(cloud, 0, 0);
    return live_site_text(&cloud->live, &call, out, len, err);
}

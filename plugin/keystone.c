/*
 * keystone.c - the life of a token: fetched once for all threads, renewed before it expires, replaced when refused.
 */
#include "keystone_private.h"

#include "error.h"
#include "strbuf.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#define SECRETS_BYTES (256u * 1024)
#define EARLY_MS 3000                                 /* for a renewal that could as well be made later */
#define EARLY_AGAIN_NS (5 * (int64_t)1000000000)      /* after one that failed */
#define LONGEST_MARGIN_NS (120 * (int64_t)1000000000) /* renewed this long before it expires, or a quarter of its life */

/* ---- tokens ---- */

static struct token *token_new(const char *text, uint64_t serial, int64_t life_ns)
{
    struct token *token = calloc(1, sizeof(*token));

    if (token == NULL || (token->text = strdup(text)) == NULL) {
        free(token);
        return NULL;
    }
    atomic_init(&token->references, 1);
    token->serial = serial;
    token->expires_at_ns = life_ns == INT64_MAX ? INT64_MAX : monotonic_ns() + life_ns;
    token->renew_at_ns = life_ns == INT64_MAX ? INT64_MAX :
                                                token->expires_at_ns - MIN(LONGEST_MARGIN_NS, life_ns / 4);
    return token;
}

void token_put(struct token *token)
{
    if (token == NULL || atomic_fetch_sub(&token->references, 1) != 1)
        return;
    explicit_bzero(token->text, strlen(token->text));
    free(token->text);
    free(token);
}

static struct token *token_ref(struct token *token)
{
    atomic_fetch_add(&token->references, 1);
    return token;
}

/* ---- the credential ---- */

static int32_t copy_option(struct keystone *keystone, const char **member, bool *failed)
{
    if (*member != NULL && (*member = arena_strdup(&keystone->secrets, *member)) == NULL)
        *failed = true;
    return VTCLONE_OK;
}

static int32_t copy_options(struct keystone *keystone, const vtclone_cloud_options *options, vtclone_error *err)
{
    vtclone_cloud_options *copy = &keystone->options;
    bool failed = false;

    *copy = *options;
    const char **members[] = {
        &copy->auth_url, &copy->username, &copy->user_id, &copy->user_domain_name, &copy->user_domain_id,
        &copy->password, &copy->project_name, &copy->project_id, &copy->project_domain_name,
        &copy->project_domain_id, &copy->application_credential_id, &copy->application_credential_name,
        &copy->application_credential_secret, &copy->token, &copy->region, &copy->interface_name,
        &copy->image_endpoint, &copy->volume_endpoint,
    };
    copy->ca_file = copy->site = NULL; /* not ours */
    copy->site_len = 0;
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        copy_option(keystone, members[i], &failed);
    return failed ? error_nomem(err, "the credential") : VTCLONE_OK;
}

static int32_t check_interface(struct keystone *keystone, vtclone_error *err)
{
    static const char *const names[] = { "public", "internal", "admin" };
    const char *name = keystone->options.interface_name;

    if (name == NULL)
        name = "public";
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t len = strlen(names[i]);
        if (strncmp(name, names[i], len) == 0 && (name[len] == '\0' || strcmp(name + len, "URL") == 0)) {
            keystone->options.interface_name = names[i];
            return VTCLONE_OK;
        }
    }
    return error_set(err, VTCLONE_E_INVALID, "interface %.40s: not one of public, internal, admin", name);
}

/* Whether the credential can be used at all; the messages name the environment's variables, which everybody knows. */
static int32_t check_credential(const vtclone_cloud_options *options, vtclone_error *err)
{
    if (options->token != NULL) {
        if (!http_token_is_sendable(options->token))
            return error_set(err, VTCLONE_E_INVALID,
                             "the token holds a character that cannot be sent in a header, is empty or too long");
        if (options->auth_url == NULL && options->image_endpoint == NULL && options->volume_endpoint == NULL)
            return error_set(err, VTCLONE_E_INVALID, "a token without endpoints needs an authentication URL (OS_AUTH_URL)");
        return VTCLONE_OK;
    }
    if (options->auth_url == NULL)
        return error_set(err, VTCLONE_E_INVALID, "no authentication URL (OS_AUTH_URL) and no token");
    bool user = options->user_id != NULL || options->username != NULL;
    if (options->application_credential_id != NULL || options->application_credential_name != NULL) {
        if (options->application_credential_secret == NULL)
            return error_set(err, VTCLONE_E_INVALID,
                             "an application credential without its secret (OS_APPLICATION_CREDENTIAL_SECRET)");
        if (options->application_credential_id == NULL && !user)
            return error_set(err, VTCLONE_E_INVALID,
                             "an application credential's name needs its user (OS_USERNAME or OS_USER_ID)");
        return VTCLONE_OK;
    }
    if (!user)
        return error_set(err, VTCLONE_E_INVALID, "no user (OS_USERNAME or OS_USER_ID)");
    if (options->password == NULL)
        return error_set(err, VTCLONE_E_INVALID, "no password (OS_PASSWORD)");
    if (options->project_id == NULL && options->project_name == NULL)
        return error_set(err, VTCLONE_E_INVALID, "no project (OS_PROJECT_NAME or OS_PROJECT_ID)");
    return VTCLONE_OK;
}

static int32_t set_urls(struct keystone *keystone, vtclone_error *err)
{
    const vtclone_cloud_options *options = &keystone->options;
    const char *given[SERVICE_COUNT] = { options->image_endpoint, options->volume_endpoint };
    int32_t rc = VTCLONE_OK;

    if (options->auth_url != NULL)
        rc = http_endpoint(options->auth_url, "authentication URL", &keystone->auth_url, err);
    for (int i = 0; i < SERVICE_COUNT && rc == VTCLONE_OK; i++)
        if (given[i] != NULL)
            rc = http_endpoint(given[i], i == SERVICE_IMAGE ? "image endpoint" : "volume endpoint",
                               &keystone->endpoints[i], err);
    return rc;
}

int32_t keystone_new(struct http_pool *http, const vtclone_cloud_options *options, struct keystone **out,
                     vtclone_error *err)
{
    struct keystone *keystone = calloc(1, sizeof(*keystone));

    if (keystone == NULL)
        return error_nomem(err, "the credential");
    keystone->http = http;
    pthread_mutex_init(&keystone->lock, NULL);
    flight_init(&keystone->renewal);
    arena_init(&keystone->secrets, 1024, SECRETS_BYTES);
    keystone->secrets.secret = true;

    int32_t rc = copy_options(keystone, options, err);
    if (rc == VTCLONE_OK)
        rc = check_interface(keystone, err);
    if (rc == VTCLONE_OK)
        rc = check_credential(&keystone->options, err);
    if (rc == VTCLONE_OK)
        rc = set_urls(keystone, err);
    if (rc == VTCLONE_OK && keystone->options.token != NULL && keystone->auth_url == NULL) {
        /* Nothing to ask Keystone for: the token is there from the start. */
        keystone->token = token_new(keystone->options.token, ++keystone->serial, INT64_MAX);
        if (keystone->token == NULL)
            rc = error_nomem(err, "the token");
    }
    if (rc != VTCLONE_OK) {
        keystone_free(keystone);
        return rc;
    }
    *out = keystone;
    return VTCLONE_OK;
}

void keystone_wipe(struct keystone *keystone)
{
    if (keystone->token != NULL)
        explicit_bzero(keystone->token->text, strlen(keystone->token->text));
    arena_release(&keystone->secrets);
}

void keystone_free(struct keystone *keystone)
{
    if (keystone == NULL)
        return;
    token_put(keystone->token);
    arena_release(&keystone->secrets);
    flight_destroy(&keystone->renewal);
    pthread_mutex_destroy(&keystone->lock);
    for (int i = 0; i < SERVICE_COUNT; i++)
        free(keystone->endpoints[i]);
    free(keystone->v3_url);
    free(keystone->auth_url);
    free(keystone);
}

/* ---- fetching ---- */

/* Called without the lock by the one thread that leads. */
static int32_t fetch(struct keystone *keystone, const struct call *call, struct authentication *out,
                     char **v3_url, vtclone_error *err)
{
    if (*v3_url == NULL) {
        int32_t rc = keystone_discover(keystone, call, v3_url, err);
        if (rc != VTCLONE_OK)
            return rc;
    }
    return keystone_authenticate(keystone, *v3_url, call, out, err);
}

/* Called with the lock: what came in becomes what is used. */
static int32_t install(struct keystone *keystone, struct authentication *came, vtclone_error *err)
{
    const char *text = came->token != NULL ? came->token : keystone->options.token;
    struct token *token = token_new(text, keystone->serial + 1, came->life_ns);

    if (token == NULL)
        return error_nomem(err, "the token");
    keystone->serial++;
    token_put(keystone->token);
    keystone->token = token;
    memcpy(keystone->project_id, came->project_id, sizeof(keystone->project_id));
    for (int i = 0; i < SERVICE_COUNT; i++) {
        if (keystone->endpoints[i] == NULL) { /* pointers to it are handed out: set once */
            keystone->endpoints[i] = came->endpoints[i];
            came->endpoints[i] = NULL;
        }
    }
    return VTCLONE_OK;
}

/* Called with the lock, which it gives up meanwhile. */
static int32_t lead(struct keystone *keystone, const struct call *call, vtclone_error *err)
{
    struct authentication came = { 0 };
    char *v3_url = keystone->v3_url;

    pthread_mutex_unlock(&keystone->lock);
    int32_t rc = fetch(keystone, call, &came, &v3_url, err);
    pthread_mutex_lock(&keystone->lock);
    keystone->v3_url = v3_url;
    if (rc == VTCLONE_OK)
        rc = install(keystone, &came, err);
    if (rc == VTCLONE_OK && came.token != NULL)
        atomic_fetch_add(&keystone->fetched, 1);
    flight_leave(&keystone->renewal, rc, err);
    authentication_release(&came);
    return rc;
}

static bool usable(const struct token *token, uint64_t refused)
{
    return token != NULL && token->serial != refused && monotonic_ns() < token->expires_at_ns;
}

/* Called with the lock: leaves a token that can be used, or fails. */
static int32_t renew(struct keystone *keystone, const struct call *call, uint64_t refused, vtclone_error *err)
{
    vtclone_error failure;

    for (;;) {
        error_clear(&failure);
        int32_t rc = VTCLONE_OK;
        enum flight_role role = flight_enter(&keystone->renewal, &keystone->lock, call);
        if (role == FLIGHT_LEAD)
            rc = lead(keystone, call, &failure);
        if (usable(keystone->token, refused))
            return VTCLONE_OK; /* a new one, or the old one that is good for a little longer */
        if (role == FLIGHT_LATE)
            return error_set(err, call_is_cancelled(call) ? VTCLONE_E_CANCELLED : VTCLONE_E_TIMEOUT,
                             "wait for a token from Keystone: %s", call_is_cancelled(call) ? "cancelled" : "the deadline passed");
        if (role == FLIGHT_LANDED && !flight_failed_alone(&keystone->renewal)) {
            rc = keystone->renewal.rc;
            failure = keystone->renewal.error;
        }
        if (rc != VTCLONE_OK) {
            *err = failure;
            return rc;
        }
    }
}

/* Called with the lock, by a thread whose token is still good: a Keystone that hangs must not take the call's time. */
static void renew_early(struct keystone *keystone, const struct call *call, uint64_t refused)
{
    struct call brief = *call;
    const uint64_t serial = keystone->token->serial;
    vtclone_error ignored = { 0 };

    brief.deadline = deadline_in_ms(MIN(EARLY_MS, deadline_left_ms(call->deadline) / 4));
    renew(keystone, &brief, refused, &ignored);
    if (keystone->token->serial == serial)
        keystone->token->renew_at_ns = monotonic_ns() + EARLY_AGAIN_NS;
}

int32_t keystone_token(struct keystone *keystone, const struct call *call, uint64_t refused, struct token **out,
                       vtclone_error *err)
{
    int32_t rc = VTCLONE_OK;

    pthread_mutex_lock(&keystone->lock);
    bool given = keystone->options.token != NULL;
    if (given && refused != 0) {
        rc = error_set(err, VTCLONE_E_KEYSTONE, "the token that was handed in was refused (HTTP 401): expired or revoked?");
    } else {
        if (usable(keystone->token, refused) && monotonic_ns() >= keystone->token->renew_at_ns && !keystone->renewal.under_way)
            renew_early(keystone, call, refused);
        if (!usable(keystone->token, refused))
            rc = renew(keystone, call, refused, err);
    }
    if (rc == VTCLONE_OK)
        *out = token_ref(keystone->token);
    pthread_mutex_unlock(&keystone->lock);
    return rc;
}

int32_t keystone_endpoint(struct keystone *keystone, const struct call *call, enum cloud_service service,
                          const char **out, vtclone_error *err)
{
    struct token *token = NULL;
    int32_t rc = VTCLONE_OK;

    pthread_mutex_lock(&keystone->lock);
    *out = keystone->endpoints[service];
    bool asked = keystone->token != NULL;
    pthread_mutex_unlock(&keystone->lock);
    if (*out == NULL && !asked) {
        rc = keystone_token(keystone, call, 0, &token, err);
        token_put(token);
        pthread_mutex_lock(&keystone->lock);
        *out = keystone->endpoints[service];
        pthread_mutex_unlock(&keystone->lock);
    }
    if (rc == VTCLONE_OK && *out == NULL)
        rc = error_set(err, VTCLONE_E_KEYSTONE, "Keystone's catalogue has no %s endpoint (interface %s, region %s)",
                       keystone_service_names[service], keystone->options.interface_name,
                       keystone->options.region != NULL ? keystone->options.region : "any");
    return rc;
}

void keystone_project(struct keystone *keystone, char *room, size_t size)
{
    struct strbuf text;

    strbuf_init(&text, room, size);
    pthread_mutex_lock(&keystone->lock);
    strbuf_add_str(&text, keystone->project_id);
    pthread_mutex_unlock(&keystone->lock);
    if (text.cut)
        room[0] = '\0';
}

uint64_t keystone_tokens_fetched(struct keystone *keystone)
{
    return atomic_load(&keystone->fetched);
}

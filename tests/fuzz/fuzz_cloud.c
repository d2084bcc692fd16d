/*
 * fuzz_cloud.c - what Keystone, Glance and Cinder answer: the catalogue, versions, images, locations, stores, tasks, pools,
 * services, types, volumes. An input is, separated by the byte 0x1e: one letter that says which call is made, then the
 * answers in the order in which they are asked for, each its status in three digits and the body. When the answers are
 * used up, the network is broken. Linked with --wrap=http_attempt and --wrap=call_sleep, so that nothing is waited for.
 */
#include "fuzz.h"

#include "error.h"
#include "http.h"

#define PARTS 40
#define IMAGE_ID "5d1c6e0a-1111-4222-8333-444455556666"
#define PASSWORD "pass-7f3a"
#define TOKEN "token-91cd"

int32_t __wrap_http_attempt(struct http_pool *pool, const struct http_request *request, const struct call *call,
                            struct http_response *response, bool *retry, bool *unsent, vtclone_error *err);
int32_t __wrap_call_sleep(const struct call *call, uint32_t ms, const char *what, vtclone_error *err);

static struct fuzz_part parts[PARTS];
static size_t next_part;

int32_t __wrap_call_sleep(const struct call *call, uint32_t ms, const char *what, vtclone_error *err)
{
    (void)call, (void)ms, (void)what, (void)err;
    return VTCLONE_OK;
}

static void check_request(const struct http_request *request)
{
    ALWAYS(strncmp(request->url, "http://", 7) == 0 || strncmp(request->url, "https://", 8) == 0);
    for (const char *at = request->url; *at != '\0'; at++)
        ALWAYS((unsigned char)*at > 0x20 && *at != 0x7f);
    ALWAYS(request->cap > 0 && request->what != NULL);
    ALWAYS(request->token == NULL || http_token_is_sendable(request->token));
}

int32_t __wrap_http_attempt(struct http_pool *pool, const struct http_request *request, const struct call *call,
                            struct http_response *response, bool *retry, bool *unsent, vtclone_error *err)
{
    (void)pool, (void)call;
    *retry = *unsent = false;
    check_request(request);
    const struct fuzz_part *part = next_part < PARTS ? &parts[next_part++] : &(struct fuzz_part){ 0 };
    if (part->data == NULL || part->len < 3)
        return error_set(err, request->code, "%s: the server closed the connection", request->what);
    response->status = (part->data[0] - '0') * 100 + (part->data[1] - '0') * 10 + part->data[2] - '0';
    if (response->status == 429 || response->status >= 502)
        response->status = 500; /* would be waited for and repeated */
    size_t len = part->len - 3 < request->cap ? part->len - 3 : request->cap;
    response->body = malloc(len + 1);
    ALWAYS(response->body != NULL);
    memcpy(response->body, part->data + 3, len);
    response->body[len] = '\0';
    response->len = len;
    memcpy(response->content_type, "application/json", 17);
    if (strstr(request->url, "/auth/tokens") != NULL)
        response->subject_token = strdup(TOKEN);
    return VTCLONE_OK;
}

static void check(int32_t code, const vtclone_error *err)
{
    fuzz_check_error(code, err);
    ALWAYS(strstr(err->message, PASSWORD) == NULL && strstr(err->message, TOKEN) == NULL);
}

static void check_json(int32_t code, char *json, const vtclone_error *err)
{
    check(code, err);
    ALWAYS((code == VTCLONE_OK) == (json != NULL));
    ALWAYS(json == NULL || (strstr(json, PASSWORD) == NULL && strstr(json, TOKEN) == NULL));
    vtclone_string_free(json);
}

static void check_decision(int32_t code, vtclone_decision *decision, const vtclone_error *err)
{
    char *json = NULL;
    vtclone_error again;

    check(code, err);
    ALWAYS((code == VTCLONE_OK) == (decision != NULL));
    if (decision != NULL)
        check_json(vtclone_decision_json(decision, &json, NULL, &again), json, &again);
    vtclone_decision_free(decision);
}

static void call(vtclone_cloud *cloud, char which)
{
    const vtclone_resolve_options options = { .size = sizeof(options), .volume_type = "ceph", .size_gib = 2 };
    const vtclone_copy_options copy = { .size = sizeof(copy), .no_wait = which & 1 };
    const char *const stores[] = { "ceph", "netapp" };
    vtclone_decision *decision = NULL;
    vtclone_error err;
    char *json = NULL;
    int32_t code;

    switch (which % 5) {
    case 0:
        code = vtclone_cloud_site_json(cloud, &json, NULL, &err);
        check_json(code, json, &err);
        break;
    case 1:
        code = vtclone_cloud_image(cloud, IMAGE_ID, NULL, &json, NULL, &err);
        check_json(code, json, &err);
        break;
    case 2:
        code = vtclone_cloud_resolve(cloud, NULL, IMAGE_ID, which & 8 ? "user-token" : NULL, &options, &decision, &err);
        check_decision(code, decision, &err);
        break;
    case 3:
        code = vtclone_cloud_copy(cloud, IMAGE_ID, stores, 2, &copy, NULL, &err);
        check(code, &err);
        break;
    default:
        code = vtclone_cloud_resolve_or_copy(cloud, NULL, IMAGE_ID, NULL, &options, &copy, &decision, &err);
        check_decision(code, decision, &err);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const vtclone_cloud_options options = {
        .size = sizeof(options),
        .auth_url = "http://127.0.0.1:5000/v3",
        .username = "u", .user_domain_name = "Default", .password = PASSWORD,
        .project_name = "p", .project_domain_name = "Default",
    };
    vtclone_cloud *cloud = NULL;
    vtclone_error err;

    fuzz_split(data, size, parts, PARTS);
    next_part = 1;
    ALWAYS(vtclone_cloud_open(&options, &cloud, &err) == VTCLONE_OK);
    if (parts[0].len > 0)
        call(cloud, parts[0].data[0]);
    vtclone_cloud_free(cloud);
    return 0;
}

/*
 * http.c - the pool of curl handles and one attempt of one request. See http.h for the rules.
 */
#include "http.h"

#include "error.h"
#include "http_pool.h"
#include "strbuf.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/param.h>
#include <unistd.h>

#define TIMER_SLACK_MS 20 /* curl's clock may ring a little before ours */
#define HEADER_BYTES (HTTP_MAX_TOKEN_BYTES + 64)

/* One attempt under way: what the callbacks of curl work on. */
struct transfer {
    const struct http_request *request;
    const struct call *call;
    struct http_response *response;
    size_t room;    /* bytes of response->body */
    bool too_big;
    bool no_memory;
    bool encoded;   /* the server compressed what was not to be compressed */
    bool cancelled;
};

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    struct http_response *response = transfer->response;
    size_t len, need;

    if (__builtin_mul_overflow(size, count, &len) || len > transfer->request->cap - response->len) {
        transfer->too_big = true;
        return CURL_WRITEFUNC_ERROR;
    }
    need = response->len + len + 1;
    if (need > transfer->room) {
        size_t room = MAX(need, MIN(transfer->room * 2, transfer->request->cap + 1));
        char *body = realloc(response->body, MAX(room, 4096));
        if (body == NULL) {
            transfer->no_memory = true;
            return CURL_WRITEFUNC_ERROR;
        }
        response->body = body;
        transfer->room = MAX(room, 4096);
    }
    memcpy(response->body + response->len, bytes, len);
    response->len += len;
    response->body[response->len] = '\0';
    return len;
}

/* The value of the header line if it has that name, without blanks around it; NULL otherwise. */
static const char *header_value(const char *line, size_t len, const char *name, size_t *value_len)
{
    size_t name_len = strlen(name);

    if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0)
        return NULL;
    const char *from = line + name_len + 1, *to = line + len;
    while (from < to && isspace((unsigned char)*from))
        from++;
    while (to > from && isspace((unsigned char)to[-1]))
        to--;
    *value_len = (size_t)(to - from);
    return from;
}

static void take_content_type(struct http_response *response, const char *value, size_t len)
{
    size_t i;

    for (i = 0; i < len && i < sizeof(response->content_type) - 1 && value[i] != ';' && value[i] != ' '; i++)
        response->content_type[i] = (char)tolower((unsigned char)value[i]);
    response->content_type[i] = '\0';
}

/* Seconds, or a date. What is further away than a day is as good as a day. */
static uint32_t retry_after_ms(const char *value, size_t len)
{
    const long day = 24 * 3600;
    char text[64];
    char *end;

    if (len == 0 || len >= sizeof(text))
        return 0;
    memcpy(text, value, len);
    text[len] = '\0';
    errno = 0;
    long seconds = strtol(text, &end, 10);
    if (*end != '\0') {
        time_t when = curl_getdate(text, NULL);
        seconds = when == -1 ? 0 : (long)MIN(when - time(NULL), (time_t)day);
    }
    return seconds <= 0 ? 0 : (uint32_t)MIN(seconds, day) * 1000;
}

static void drop_secret(char **text)
{
    if (*text != NULL) {
        explicit_bzero(*text, strlen(*text));
        free(*text);
    }
    *text = NULL;
}

static size_t take_header(char *line, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    struct http_response *response = transfer->response;
    const char *value;
    size_t len = size * count, value_len;

    if (len > 5 && memcmp(line, "HTTP/", 5) == 0) { /* the next answer, after a 100 Continue */
        response->content_type[0] = '\0';
        response->retry_after_ms = 0;
        transfer->encoded = false;
        drop_secret(&response->subject_token);
    } else if ((value = header_value(line, len, "Content-Type", &value_len)) != NULL) {
        take_content_type(response, value, value_len);
    } else if ((value = header_value(line, len, "Retry-After", &value_len)) != NULL) {
        response->retry_after_ms = retry_after_ms(value, value_len);
    } else if ((value = header_value(line, len, "Content-Encoding", &value_len)) != NULL) {
        transfer->encoded = value_len != 0 && !(value_len == 8 && strncasecmp(value, "identity", 8) == 0);
    } else if ((value = header_value(line, len, "X-Subject-Token", &value_len)) != NULL) {
        drop_secret(&response->subject_token);
        if (value_len <= HTTP_MAX_TOKEN_BYTES) {
            response->subject_token = strndup(value, value_len);
            transfer->no_memory = response->subject_token == NULL;
        }
    }
    return transfer->encoded || transfer->no_memory ? 0 : len;
}

static int watch(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct transfer *transfer = context;

    (void)a, (void)b, (void)c, (void)d;
    transfer->cancelled = call_is_cancelled(transfer->call);
    return transfer->cancelled;
}

/* Adds "name: value" to the list; the copy is wiped by free_headers(). */
static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    char line[HEADER_BYTES];
    struct strbuf text;

    if (value == NULL)
        return true;
    strbuf_init(&text, line, sizeof(line));
    strbuf_printf(&text, "%s: %s", name, value);
    struct curl_slist *longer = text.cut ? NULL : curl_slist_append(*list, line);
    explicit_bzero(line, sizeof(line));
    if (longer == NULL)
        return false;
    *list = longer;
    return true;
}

static void free_headers(struct curl_slist *list)
{
    for (struct curl_slist *line = list; line != NULL; line = line->next)
        explicit_bzero(line->data, strlen(line->data));
    curl_slist_free_all(list);
}

static bool make_headers(const struct http_request *request, struct curl_slist **list)
{
    return add_header(list, "Accept", "application/json") &&
           add_header(list, "Content-Type", request->body != NULL ? "application/json" : NULL) &&
           add_header(list, "Expect", request->body != NULL ? "" : NULL) && /* no wait for a 100 Continue */
           add_header(list, "X-Auth-Token", request->token) &&
           add_header(list, "X-Service-Token", request->service_token) &&
           add_header(list, "X-Subject-Token", request->subject_token) &&
           add_header(list, "OpenStack-API-Version", request->version);
}

/* A failure of curl in the words of the service. */
static int32_t transport_error(struct http_pool *pool, const struct transfer *transfer, CURL *curl, CURLcode code,
                               const char *text, vtclone_error *err)
{
    const struct http_request *request = transfer->request;
    long sys_errno = 0;

    if (transfer->cancelled)
        return error_set(err, VTCLONE_E_CANCELLED, "%s: cancelled", request->what);
    if (transfer->no_memory || code == CURLE_OUT_OF_MEMORY)
        return error_nomem(err, request->what);
    if (transfer->too_big)
        return error_set(err, request->code, "%s: the answer is longer than %zu bytes", request->what, request->cap);
    if (transfer->encoded)
        return error_set(err, request->code, "%s: the answer is compressed, which was not asked for", request->what);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return error_set(err, VTCLONE_E_TIMEOUT, "%s: %s", request->what,
                         deadline_left_ms(transfer->call->deadline) < TIMER_SLACK_MS ? "no answer before the deadline" :
                         text[0] != '\0' ? text : "no answer in time");
    curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &sys_errno);
    error_set(err, request->code, "%s: %s%s%s", request->what, curl_easy_strerror(code), text[0] != '\0' ? ": " : "",
              text);
    err->sys_errno = (int32_t)sys_errno;
    (void)pool;
    return err->code;
}

/* Of failed transfers: may the next one fare better (retry), and did the server surely not see this one (unsent)? */
static void judge(CURLcode code, const struct transfer *transfer, bool *retry, bool *unsent)
{
    *unsent = code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST;
    *retry = *unsent || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING ||
             code == CURLE_PARTIAL_FILE || code == CURLE_OPERATION_TIMEDOUT;
    if (transfer->cancelled || transfer->no_memory || transfer->too_big || transfer->encoded)
        *retry = *unsent = false;
}

static void debug_line(const struct http_pool *pool, const struct http_request *request, CURL *curl, long status,
                       size_t len, CURLcode code)
{
    char room[1024];
    struct strbuf line;
    curl_off_t us = 0;

    if (pool->debug_fd == 0)
        return;
    curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &us);
    strbuf_init(&line, room, sizeof(room) - 1);
    strbuf_printf(&line, "vtclone http: %s ", request->method);
    strbuf_add_escaped(&line, request->url, strlen(request->url));
    strbuf_printf(&line, " -> %ld, %zu bytes, %ld us%s%s", status, len, (long)us, code != CURLE_OK ? ", " : "",
                  code != CURLE_OK ? curl_easy_strerror(code) : "");
    room[line.len] = '\n';
    /* A full or closed descriptor must not disturb the work; there is nobody to tell. */
    if (write(pool->debug_fd, room, line.len + 1) < 0)
        return;
}

/* Whether a body that is there calls itself JSON. An error's body may be anything. */
static int32_t check_type(const struct http_request *request, const struct http_response *response,
                          vtclone_error *err)
{
    if (response->status >= 300 || response->len == 0 || strcmp(response->content_type, "application/json") == 0)
        return VTCLONE_OK;
    return error_set(err, request->code, "%s: the answer is %s instead of application/json", request->what,
                     response->content_type[0] != '\0' ? response->content_type : "of no type");
}

int32_t http_attempt(struct http_pool *pool, const struct http_request *request, const struct call *call,
                     struct http_response *response, bool *retry, bool *unsent, vtclone_error *err)
{
    char text[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    struct transfer transfer = { .request = request, .call = call, .response = response };
    struct http_handle *handle;
    int32_t rc;

    *retry = *unsent = false;
    rc = http_handle_get(pool, call, request, &handle, err);
    if (rc != VTCLONE_OK)
        return rc;
    if (!make_headers(request, &headers)) {
        free_headers(headers);
        http_handle_put(pool, handle);
        return error_nomem(err, request->what);
    }
    CURL *curl = handle->curl;
    CURLcode code = http_handle_prepare(pool, handle, MIN(pool->call_timeout_ms, deadline_left_ms(call->deadline)));
    HTTP_SET(code, curl, CURLOPT_URL, request->url);
    HTTP_SET(code, curl, CURLOPT_HTTPHEADER, headers);
    HTTP_SET(code, curl, CURLOPT_ERRORBUFFER, text);
    HTTP_SET(code, curl, CURLOPT_WRITEFUNCTION, take_body);
    HTTP_SET(code, curl, CURLOPT_WRITEDATA, &transfer);
    HTTP_SET(code, curl, CURLOPT_HEADERFUNCTION, take_header);
    HTTP_SET(code, curl, CURLOPT_HEADERDATA, &transfer);
    HTTP_SET(code, curl, CURLOPT_XFERINFOFUNCTION, watch);
    HTTP_SET(code, curl, CURLOPT_XFERINFODATA, &transfer);
    if (request->body != NULL) {
        HTTP_SET(code, curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
        HTTP_SET(code, curl, CURLOPT_POSTFIELDS, request->body);
    }
    HTTP_SET(code, curl, CURLOPT_CUSTOMREQUEST, request->method);
    /* curl sends a request again by itself when a kept connection turns out to be dead; it cannot know that this one must
     * not be sent twice. A new connection is never repeated. */
    HTTP_SET(code, curl, CURLOPT_FRESH_CONNECT, request->repeatable ? 0L : 1L);

    if (code != CURLE_OK) { /* for want of memory; without one of them the request would be another */
        rc = transport_error(pool, &transfer, curl, code, text, err);
        http_handle_put(pool, handle);
        free_headers(headers);
        return rc;
    }
    code = curl_easy_perform(curl);
    long connects = 0;
    curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &connects);
    atomic_fetch_add(&pool->connects, (uint64_t)connects);
    atomic_fetch_add(&pool->requests, 1);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &response->status);
    debug_line(pool, request, curl, response->status, response->len, code);
    if (code != CURLE_OK) {
        judge(code, &transfer, retry, unsent);
        rc = transport_error(pool, &transfer, curl, code, text, err);
    } else {
        rc = check_type(request, response, err);
    }
    http_handle_put(pool, handle);
    free_headers(headers);
    return rc;
}

void http_response_release(struct http_response *response)
{
    drop_secret(&response->subject_token);
    free(response->body);
    *response = (struct http_response){ 0 };
}

bool http_token_is_sendable(const char *token)
{
    size_t len;

    for (len = 0; token[len] != '\0'; len++) {
        if (token[len] < 0x21 || token[len] > 0x7e || len >= HTTP_MAX_TOKEN_BYTES)
            return false;
    }
    return len > 0;
}

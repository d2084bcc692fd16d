/*
 * http_retry.c - repeats a request where that is safe and may help, words refusals, checks endpoints, waits.
 *
 * Repeated, at most ATTEMPTS times in all and never past the deadline: a repeatable request after a broken connection, a
 * time-out of one attempt, or a 429, 502, 503 or 504; any request that surely was not seen (no connection); any that
 * the server itself asks to send later (429, and 503 with Retry-After). The wait doubles, jittered, and is never
 * shorter than Retry-After.
 */
#include "error.h"
#include "http.h"
#include "strbuf.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/param.h>
#include <sys/random.h>

#define ATTEMPTS 4
#define FIRST_WAIT_MS 250
#define LONGEST_WAIT_MS 8000
#define REASON_BYTES 240 /* of what a service says about a refusal */

char *format_text(const char *format, ...)
{
    va_list args;
    char *text = NULL;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL; /* else it is undefined */
    va_end(args);
    return text;
}

uint32_t jittered(uint32_t ms)
{
    uint32_t noise = 0;

    if (getrandom(&noise, sizeof(noise), GRND_NONBLOCK) != (ssize_t)sizeof(noise))
        noise = (uint32_t)monotonic_ns();
    return ms - ms / 5 + (ms < 3 ? 0 : noise % (2 * (ms / 5) + 1));
}

bool call_is_cancelled(const struct call *call)
{
    struct pollfd cancel = { .fd = call->cancel_fd, .events = POLLIN };

    return call->cancel_fd > 0 && poll(&cancel, 1, 0) > 0 && (cancel.revents & (POLLIN | POLLHUP)) != 0;
}

int32_t call_sleep(const struct call *call, uint32_t ms, const char *what, vtclone_error *err)
{
    struct pollfd cancel = { .fd = call->cancel_fd, .events = POLLIN };
    struct deadline end = deadline_in_ms(ms);

    if (end.at_ns > call->deadline.at_ns)
        return error_set(err, VTCLONE_E_TIMEOUT, "%s: the deadline passed", what);
    for (;;) {
        if (call_is_cancelled(call))
            return error_set(err, VTCLONE_E_CANCELLED, "%s: cancelled", what);
        if (deadline_passed(end))
            return VTCLONE_OK;
        int left = (int)deadline_left_ms(end) + 1; /* rounded up: a wait is never shorter than was asked for */
        /* A descriptor that is no good any more must not make this a busy loop: then only the time counts. */
        int found = poll(&cancel, call->cancel_fd > 0 && (cancel.revents & POLLNVAL) == 0 ? 1 : 0, left);
        if (found < 0 && errno != EINTR)
            return error_set_errno(err, VTCLONE_E_INTERNAL, errno, "%s: wait", what);
    }
}

static bool status_is_passing(long status)
{
    return status == 429 || status == 502 || status == 503 || status == 504;
}

/* Whether the request may be sent again after this attempt. */
static bool may_repeat(const struct http_request *request, const struct http_response *response, int32_t rc,
                       bool retry, bool unsent)
{
    if (rc != VTCLONE_OK)
        return request->repeatable ? retry : unsent;
    if (!status_is_passing(response->status))
        return false;
    return request->repeatable || response->status == 429 || (response->status == 503 && response->retry_after_ms != 0);
}

int32_t http_request(struct http_pool *pool, const struct http_request *request, const struct call *call,
                     struct http_response *response, vtclone_error *err)
{
    uint32_t wait = FIRST_WAIT_MS;
    vtclone_error attempt_error;
    bool retry, unsent, sent = false;

    *response = (struct http_response){ 0 };
    for (uint32_t attempt = 1;; attempt++) {
        error_clear(&attempt_error);
        response->sent = sent;
        if (call_is_cancelled(call))
            return error_set(err, VTCLONE_E_CANCELLED, "%s: cancelled", request->what);
        if (deadline_passed(call->deadline))
            return error_set(err, VTCLONE_E_TIMEOUT, "%s: the deadline passed", request->what);
        int32_t rc = http_attempt(pool, request, call, response, &retry, &unsent, &attempt_error);
        response->attempts = attempt;
        response->sent = sent = sent || !unsent;

        uint32_t pause = MAX(jittered(wait), response->retry_after_ms);
        bool again = attempt < ATTEMPTS && may_repeat(request, response, rc, retry, unsent) &&
                     pause < deadline_left_ms(call->deadline);
        if (!again && rc != VTCLONE_OK) {
            error_set(err, rc, attempt == 1 ? "%s" : "%s (%u attempts)", attempt_error.message, attempt);
            err->sys_errno = attempt_error.sys_errno;
        }
        if (!again)
            return rc;
        http_response_release(response);
        response->sent = sent;
        rc = call_sleep(call, pause, request->what, err);
        if (rc != VTCLONE_OK)
            return rc;
        http_count_retry(pool);
        wait = MIN(wait * 2, LONGEST_WAIT_MS);
    }
}

/* ---- refusals ---- */

/* Finds "message": "..." of Keystone's, Cinder's and Nova's errors. Escapes stay as they are: it is only shown. */
static const char *json_message(const char *body, size_t *len)
{
    const char *at = strstr(body, "\"message\"");

    at = at != NULL ? strchr(at + 9, '"') : NULL;
    if (at == NULL)
        return NULL;
    const char *end = ++at;
    while (*end != '\0' && *end != '"')
        end += *end == '\\' && end[1] != '\0' ? 2 : 1;
    *len = (size_t)(end - at);
    return at;
}

/* The text of an HTML page (Glance's errors), its tags, head and line ends left out. */
static void html_text(struct strbuf *out, const char *body)
{
    const char *at = strstr(body, "</head>");
    bool tag = false, blank = true;

    for (at = at != NULL ? at : body; *at != '\0'; at++) {
        if (*at == '<')
            tag = true;
        if (!tag && (unsigned char)*at > ' ') {
            strbuf_add(out, at, 1);
            blank = false;
        } else if (!blank) {
            strbuf_add(out, " ", 1);
            blank = true;
        }
        if (*at == '>')
            tag = false;
    }
}

/* A service that echoes what it was sent must not carry a token into a message. */
static bool holds(const char *text, const char *secret)
{
    return secret != NULL && strstr(text, secret) != NULL;
}

static void service_words(const struct http_request *request, const struct http_response *response,
                          struct strbuf *words)
{
    size_t len;

    if (request->quiet || response->len == 0 || memchr(response->body, '\0', response->len) != NULL ||
        holds(response->body, request->token) || holds(response->body, request->service_token) ||
        holds(response->body, request->subject_token))
        return;
    const char *message = response->body[0] == '{' ? json_message(response->body, &len) : NULL;
    if (message != NULL)
        strbuf_add(words, message, len);
    else if (response->body[0] == '<' || response->body[0] == ' ')
        html_text(words, response->body);
}

int32_t http_refusal(const struct http_request *request, const struct http_response *response, vtclone_error *err)
{
    char room[REASON_BYTES];
    char tries[32] = "";
    struct strbuf words, count;

    strbuf_init(&words, room, sizeof(room));
    strbuf_init(&count, tries, sizeof(tries));
    service_words(request, response, &words);
    if (response->attempts > 1)
        strbuf_printf(&count, " (%u attempts)", response->attempts);
    if (response->status >= 300 && response->status < 400)
        return error_set(err, request->code, "%s: HTTP %ld, a redirect, which is not followed; check the endpoint%s",
                         request->what, response->status, tries);
    return error_set(err, request->code, "%s: HTTP %ld%s%s%s", request->what, response->status, tries,
                     words.len != 0 ? ": " : "", room);
}

/* ---- endpoints ---- */

/* 1: the URL has one, 0: it has none, -1: no memory. */
static int has_part(CURLU *parts, CURLUPart part)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(parts, part, &text, 0);

    if (text != NULL)
        explicit_bzero(text, strlen(text));
    curl_free(text);
    return code == CURLUE_OK ? 1 : code == CURLUE_OUT_OF_MEMORY ? -1 : 0;
}

static int32_t refuse_part(CURLU *parts, CURLUPart part, const char *what, const char *name, vtclone_error *err)
{
    int has = has_part(parts, part);

    if (has < 0)
        return error_nomem(err, what);
    return has == 0 ? VTCLONE_OK : error_set(err, VTCLONE_E_INVALID, "%s: %s in the URL is not accepted", what, name);
}

static int32_t check_parts(CURLU *parts, const char *what, vtclone_error *err)
{
    char *scheme = NULL;
    int32_t rc = VTCLONE_OK;

    if (curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        return error_nomem(err, what); /* a URL without a scheme was refused before */
    if (strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0)
        rc = error_set(err, VTCLONE_E_INVALID, "%s: neither http nor https", what);
    curl_free(scheme);
    if (rc == VTCLONE_OK)
        rc = refuse_part(parts, CURLUPART_USER, what, "a user or password", err);
    if (rc == VTCLONE_OK)
        rc = refuse_part(parts, CURLUPART_PASSWORD, what, "a user or password", err);
    if (rc == VTCLONE_OK)
        rc = refuse_part(parts, CURLUPART_QUERY, what, "a query or fragment", err);
    if (rc == VTCLONE_OK)
        rc = refuse_part(parts, CURLUPART_FRAGMENT, what, "a query or fragment", err);
    return rc;
}

int32_t http_endpoint(const char *url, const char *what, char **out, vtclone_error *err)
{
    CURLU *parts = curl_url();
    char *text = NULL;
    int32_t rc;

    if (parts == NULL)
        return error_nomem(err, what);
    CURLUcode code = strlen(url) > VTCLONE_MAX_URL_BYTES ? CURLUE_MALFORMED_INPUT :
                                                           curl_url_set(parts, CURLUPART_URL, url, 0);
    if (code == CURLUE_UNSUPPORTED_SCHEME)
        rc = error_set(err, VTCLONE_E_INVALID, "%s: neither http nor https", what);
    else if (code == CURLUE_OUT_OF_MEMORY)
        rc = error_nomem(err, what);
    else if (code != CURLUE_OK)
        rc = error_set(err, VTCLONE_E_INVALID, "%s: not a URL (%s)", what, curl_url_strerror(code));
    else
        rc = check_parts(parts, what, err);
    if (rc == VTCLONE_OK && curl_url_get(parts, CURLUPART_URL, &text, 0) != CURLUE_OK)
        rc = error_nomem(err, what);
    if (rc == VTCLONE_OK) {
        size_t len = strlen(text);
        while (len > 0 && text[len - 1] == '/')
            len--;
        *out = strndup(text, len);
        if (*out == NULL)
            rc = error_nomem(err, what);
    }
    curl_free(text);
    curl_url_cleanup(parts);
    return rc;
}

/*
 * test_curl.c - fails the N-th call of the library to libcurl, for every N, over every public call that speaks HTTP: real
 * libcurl, over loopback (web.h). What is not success is the error of the service that was spoken to, or want of memory where
 * that is what curl told; nothing leaks, and no volume is left. Linked with --wrap from the library's objects.
 */
#include "answers.h"
#include "public_calls.h"
#include "web.h"

#include "error.h"
#include "http.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_share_setopt

int32_t __wrap_call_sleep(const struct call *call, uint32_t ms, const char *what, vtclone_error *err);

static atomic_long countdown = -1; /* calls until one fails; negative: none does */
static atomic_bool failed;
static bool transfers_only; /* count no other call */
static const char *failed_name;
static CURLcode transport; /* what a transfer that fails ends with */
static bool sent;          /* and whether the server has seen it */
static char at_url[300];   /* of the last request */
static char failed_url[300];
static int port;

static bool fails(const char *name)
{
    long left = atomic_load(&countdown);

    if (left < 0 || (transfers_only && strcmp(name, "curl_easy_perform") != 0) || atomic_fetch_sub(&countdown, 1) != 1)
        return false;
    failed_name = name;
    snprintf(failed_url, sizeof(failed_url), "%s", at_url);
    atomic_store(&failed, true);
    return true;
}

#define WRAP(type, name, parameters, arguments, failure) \
    type __real_##name parameters;                       \
    type __wrap_##name parameters;                       \
    type __wrap_##name parameters                        \
    {                                                    \
        return fails(#name) ? failure : __real_##name arguments; \
    }

WRAP(CURLcode, curl_global_init, (long flags), (flags), CURLE_FAILED_INIT)
WRAP(CURL *, curl_easy_init, (void), (), NULL)
WRAP(char *, curl_easy_escape, (CURL *curl, const char *text, int len), (curl, text, len), NULL)
WRAP(struct curl_slist *, curl_slist_append, (struct curl_slist *list, const char *text), (list, text), NULL)
WRAP(CURLSH *, curl_share_init, (void), (), NULL)
WRAP(CURLU *, curl_url, (void), (), NULL)
WRAP(CURLUcode, curl_url_set, (CURLU *url, CURLUPart part, const char *text, unsigned flags), (url, part, text, flags), CURLUE_OUT_OF_MEMORY)
WRAP(CURLUcode, curl_url_get, (const CURLU *url, CURLUPart part, char **text, unsigned flags), (url, part, text, flags), CURLUE_OUT_OF_MEMORY)

CURLSHcode __real_curl_share_setopt(CURLSH *share, CURLSHoption option, ...);
CURLSHcode __wrap_curl_share_setopt(CURLSH *share, CURLSHoption option, ...);
CURLSHcode __wrap_curl_share_setopt(CURLSH *share, CURLSHoption option, ...)
{
    va_list args;
    CURLSHcode code;

    if (fails("curl_share_setopt"))
        return CURLSHE_NOMEM;
    va_start(args, option);
    code = option == CURLSHOPT_SHARE || option == CURLSHOPT_UNSHARE ? __real_curl_share_setopt(share, option, va_arg(args, int)) :
                                                                      __real_curl_share_setopt(share, option, va_arg(args, void *));
    va_end(args);
    return code;
}

CURLcode __real_curl_easy_setopt(CURL *curl, CURLoption option, ...);
CURLcode __wrap_curl_easy_setopt(CURL *curl, CURLoption option, ...);
CURLcode __wrap_curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
    static struct curl_slist to = { .next = NULL };
    static char where[40];
    va_list args;
    CURLcode code;

    va_start(args, option);
    if (option == CURLOPT_URL) { /* whatever the port of the URL: ours */
        va_list copy;
        va_copy(copy, args);
        snprintf(at_url, sizeof(at_url), "%s", va_arg(copy, const char *));
        va_end(copy);
        snprintf(where, sizeof(where), "::127.0.0.1:%d", port);
        to.data = where;
        __real_curl_easy_setopt(curl, CURLOPT_CONNECT_TO, &to);
    }
    if (fails("curl_easy_setopt"))
        code = CURLE_OUT_OF_MEMORY;
    else if (option < CURLOPTTYPE_OBJECTPOINT)
        code = __real_curl_easy_setopt(curl, option, va_arg(args, long));
    else if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB)
        code = __real_curl_easy_setopt(curl, option, va_arg(args, curl_off_t));
    else if (option >= CURLOPTTYPE_FUNCTIONPOINT && option < CURLOPTTYPE_OFF_T)
        code = __real_curl_easy_setopt(curl, option, va_arg(args, void (*)(void)));
    else
        code = __real_curl_easy_setopt(curl, option, va_arg(args, void *));
    va_end(args);
    return code;
}

CURLcode __real_curl_easy_getinfo(CURL *curl, CURLINFO info, ...);
CURLcode __wrap_curl_easy_getinfo(CURL *curl, CURLINFO info, ...);
CURLcode __wrap_curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
    va_list args;

    if (fails("curl_easy_getinfo"))
        return CURLE_UNKNOWN_OPTION;
    va_start(args, info);
    CURLcode code = __real_curl_easy_getinfo(curl, info, va_arg(args, void *));
    va_end(args);
    return code;
}

CURLcode __real_curl_easy_perform(CURL *curl);
CURLcode __wrap_curl_easy_perform(CURL *curl);
CURLcode __wrap_curl_easy_perform(CURL *curl)
{
    if (!fails("curl_easy_perform"))
        return __real_curl_easy_perform(curl);
    if (sent)
        __real_curl_easy_perform(curl);
    return transport;
}

int32_t __wrap_call_sleep(const struct call *call, uint32_t ms, const char *what, vtclone_error *err)
{
    (void)call, (void)ms, (void)what, (void)err;
    return VTCLONE_OK;
}

/* ---- what comes of it ---- */

static int32_t code_of_the_service(void)
{
    return strstr(failed_url, ":9292") != NULL ? VTCLONE_E_GLANCE :
           strstr(failed_url, ":8776") != NULL ? VTCLONE_E_CINDER :
                                                 VTCLONE_E_KEYSTONE;
}

/* What a call that ends in an error has to say. Of what is asked of a handle nothing can be made but an answer that is none. */
static int32_t wanted_code(void)
{
    if (strcmp(failed_name, "curl_easy_getinfo") == 0)
        return code_of_the_service();
    if (strcmp(failed_name, "curl_easy_perform") != 0 || transport == CURLE_OUT_OF_MEMORY)
        return VTCLONE_E_NOMEM;
    return transport == CURLE_OPERATION_TIMEDOUT ? VTCLONE_E_TIMEOUT : code_of_the_service();
}

static void check_error(const char *story, const vtclone_error *err)
{
    const int32_t wanted = wanted_code();

    if (err->code != wanted)
        fail_msg("%s; it should be %s", story, vtclone_code_name(wanted));
    if (strstr(err->message, wanted == VTCLONE_E_NOMEM ? "Cannot allocate memory" : ": ") == NULL)
        fail_msg("%s", story);
    if (strstr(err->message, "secret") != NULL || strstr(err->message, "token:") != NULL)
        fail_msg("a secret is in: %s", story);
}

static long fail_each_call(const struct public_call *call)
{
    for (long n = 1;; n++) {
        char story[1400];
        vtclone_error err = { 0 };
        long before = blocks_held();

        services_reset();
        failed_name = "nothing";
        atomic_store(&failed, false);
        atomic_store(&countdown, n);
        int32_t code = call->run(&err);
        atomic_store(&countdown, -1);
        snprintf(story, sizeof(story), "%s, call %ld, %s to %s fails (%d%s): %s: %s", call->name, n, failed_name, failed_url, (int)transport,
                 sent ? ", sent" : "", vtclone_code_name(code), err.message);
        if (code != VTCLONE_OK)
            check_error(story, &err);
        if (blocks_held() != before)
            fail_msg("%s: %ld blocks are still held", story, blocks_held() - before);
        if (!atomic_load(&failed))
            return n - 1;
    }
}

static void each_call_to_libcurl_fails_once(void **state)
{
    static const CURLcode codes[] = {
        CURLE_COULDNT_CONNECT, CURLE_OPERATION_TIMEDOUT, CURLE_RECV_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_OUT_OF_MEMORY,
    };
    const struct public_call *call = *state;
    vtclone_error err = { 0 };
    long count = 0, transfers = 0;

    services_reset();
    if (call->run(&err) != VTCLONE_OK) /* it has also started curl now, which happens once in a process */
        fail_msg("%s", err.message);

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        transport = codes[i];
        sent = i == 1 || i == 2;
        transfers_only = i != 0;
        *(transfers_only ? &transfers : &count) = fail_each_call(call);
    }
    print_message("# %s: %ld calls, each failed, %ld of them transfers, in %zu ways\n", call->name, count, transfers,
                  sizeof(codes) / sizeof(codes[0]));
    assert_true(count > 20 && transfers > 1);
}

/* curl starts once in a process, so this one is a child that fails for good. */
static void a_libcurl_that_does_not_start_is_told(void **state)
{
    const vtclone_cloud_options options = { .size = sizeof(options), .auth_url = AUTH_URL, .token = "t" };
    vtclone_cloud *cloud = NULL;
    vtclone_error err = { 0 };
    int status;

    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        atomic_store(&countdown, 1);
        int32_t code = vtclone_cloud_open(&options, &cloud, &err);
        _exit(code == VTCLONE_E_INTERNAL && cloud == NULL && strstr(err.message, "start libcurl: ") != NULL ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    struct CMUnitTest tests[40] = { cmocka_unit_test(a_libcurl_that_does_not_start_is_told) };
    struct public_call calls[40];
    size_t count = 1;

    port = web_start();
    for (size_t i = 0; i < public_call_count && count < 40; i++) {
        if (!public_calls[i].over_http)
            continue;
        calls[count] = public_calls[i];
        tests[count] = (struct CMUnitTest){ calls[count].name, each_call_to_libcurl_fails_once, NULL, NULL, &calls[count] };
        count++;
    }
    return _cmocka_run_group_tests("tests", tests, count, calls_set_up, calls_tear_down);
}

/*
 * fuzz_http.c - raw bytes that a server sends, through the real client: a thread answers each connection with the input and
 * closes it. The client keeps to its caps, never follows anywhere, and words a refusal in one line.
 */
#include "fuzz.h"

#include "http.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define CAP 2048

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const uint8_t *answer;
static size_t answer_len;
static unsigned connections;
static int listener = -1;
static char url[64];
static struct http_pool *pool;

/* Reads the request up to its empty line, so that the answer does not come before it. */
static void serve(int client)
{
    char request[4096];
    size_t got = 0;

    while (got < sizeof(request) - 1) {
        ssize_t more = recv(client, request + got, sizeof(request) - 1 - got, 0);
        if (more <= 0)
            break;
        got += (size_t)more;
        request[got] = '\0';
        if (strstr(request, "\r\n\r\n") != NULL)
            break;
    }
    pthread_mutex_lock(&lock);
    connections++;
    for (size_t sent = 0; sent < answer_len;) {
        ssize_t more = send(client, answer + sent, answer_len - sent, MSG_NOSIGNAL);
        if (more <= 0)
            break;
        sent += (size_t)more;
    }
    pthread_mutex_unlock(&lock);
    shutdown(client, SHUT_WR);
    close(client);
}

static void *server(void *arg)
{
    (void)arg;
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client >= 0)
            serve(client);
    }
    return NULL;
}

static void start(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    const struct http_options options = { .connect_timeout_ms = 2000, .call_timeout_ms = 2000 };
    socklen_t len = sizeof(at);
    pthread_t thread;
    vtclone_error err = { 0 };

    listener = socket(AF_INET, SOCK_STREAM, 0);
    ALWAYS(listener >= 0 && bind(listener, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(listener, 16) == 0);
    ALWAYS(getsockname(listener, (struct sockaddr *)&at, &len) == 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/v2/images", ntohs(at.sin_port));
    ALWAYS(pthread_create(&thread, NULL, server, NULL) == 0);
    ALWAYS(http_pool_new(&options, &pool, &err) == VTCLONE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct http_request request = {
        .method = "GET", .url = url, .what = "get the image from Glance", .code = VTCLONE_E_GLANCE, .token = "secret-token",
        .cap = CAP,
    };
    struct call call = { .deadline = deadline_in_ms(3000) };
    struct http_response response;
    vtclone_error err = { 0 };

    if (listener < 0)
        start();
    pthread_mutex_lock(&lock);
    answer = data;
    answer_len = size;
    connections = 0;
    pthread_mutex_unlock(&lock);
    bool *no = &(bool){ false }, *unsent = &(bool){ false };
    response = (struct http_response){ 0 };
    int32_t code = http_attempt(pool, &request, &call, &response, no, unsent, &err);
    fuzz_check_error(code, &err);
    ALWAYS(strstr(err.message, "secret-token") == NULL);
    if (code == VTCLONE_OK) {
        ALWAYS(response.status >= 100 && response.status <= 999);
        ALWAYS(response.len <= CAP && (response.body == NULL || response.body[response.len] == '\0'));
        ALWAYS(memchr(response.content_type, '\0', sizeof(response.content_type)) != NULL);
        /* Whether a token can be sent is for Keystone's client to look at; here it is only one text. */
        ALWAYS(response.subject_token == NULL || strpbrk(response.subject_token, "\n") == NULL);
        err = (vtclone_error){ 0 };
        fuzz_check_error(http_refusal(&request, &response, &err), &err);
    }
    http_response_release(&response);
    pthread_mutex_lock(&lock);
    ALWAYS(connections <= 1); /* it followed nowhere */
    answer_len = 0;
    pthread_mutex_unlock(&lock);
    return 0;
}

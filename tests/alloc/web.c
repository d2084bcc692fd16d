/*
 * web.c - see web.h. One thread for each connection, which it keeps open.
 */
#include "web.h"

#include "../unit/unit.h"
#include "answers.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_BYTES 65536

/* Reads one request, header and body; its length, or 0 at the end of the connection. */
static size_t read_request(int fd, char *room)
{
    size_t len = 0, whole = 0;

    while (whole == 0 || len < whole) {
        ssize_t got = read(fd, room + len, REQUEST_BYTES - 1 - len);
        if (got <= 0)
            return 0;
        len += (size_t)got;
        room[len] = '\0';
        char *end = strstr(room, "\r\n\r\n"), *length = strstr(room, "Content-Length: ");
        if (end != NULL && whole == 0)
            whole = (size_t)(end + 4 - room) + (length != NULL ? strtoul(length + 16, NULL, 10) : 0);
    }
    return len;
}

static void answer_one(int fd, const char *request)
{
    char method[16], path[2048], host[64], url[2200], header[300];
    const char *at = strstr(request, "\r\nHost: ");

    if (at == NULL || sscanf(request, "%15s %2047s", method, path) != 2 || sscanf(at, "\r\nHost: %63s", host) != 1)
        abort();
    snprintf(url, sizeof(url), "http://%s%s", host, path);
    struct answer answer = services_answer(method, url, strstr(request, "\r\n\r\n") + 4);
    size_t body = answer.body == NULL ? 0 : strlen(answer.body);
    int len = snprintf(header, sizeof(header), "HTTP/1.1 %ld x\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n",
                       answer.status == 0 ? 404 : answer.status, body, answer.has_token ? "X-Subject-Token: token\r\n" : "");
    /* more only where more comes: the kernel would wait for it for 200 ms */
    if (send(fd, header, (size_t)len, MSG_NOSIGNAL | (body != 0 ? MSG_MORE : 0)) < 0 ||
        (body != 0 && send(fd, answer.body, body, MSG_NOSIGNAL) < 0))
        return; /* the client gave up */
}

static void *serve(void *argument)
{
    int fd = (int)(intptr_t)argument, on = 1;
    static __thread char room[REQUEST_BYTES];

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    while (read_request(fd, room) != 0)
        answer_one(fd, room);
    close(fd);
    return NULL;
}

static void *accept_all(void *argument)
{
    int listener = (int)(intptr_t)argument, fd;
    pthread_t thread;

    while ((fd = accept(listener, NULL, NULL)) >= 0)
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) != 0 || pthread_detach(thread) != 0)
            abort();
    return NULL;
}

int web_start(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pthread_t thread;

    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(listener, 16), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(pthread_create(&thread, NULL, accept_all, (void *)(intptr_t)listener), 0);
    return ntohs(at.sin_port);
}

/*
 * strbuf.c - text in a caller's fixed room: always terminated, cut with "..." where it does not fit.
 */
#include "strbuf.h"

#include <stdio.h>
#include <string.h>

void strbuf_init(struct strbuf *buf, char *room, size_t size)
{
    *buf = (struct strbuf){ .data = room, .room = size };
    room[0] = '\0';
}

/* Marks the end of the text as cut. */
static void mark_cut(struct strbuf *buf)
{
    static const char dots[] = "...";

    buf->cut = true;
    if (buf->room < sizeof(dots))
        return;
    size_t at = buf->room - sizeof(dots);
    while (at > 0 && (buf->data[at] & 0xc0) == 0x80)
        at--; /* never inside a UTF-8 sequence */
    memcpy(buf->data + at, dots, sizeof(dots));
    buf->len = at + sizeof(dots) - 1;
}

void strbuf_add(struct strbuf *buf, const char *bytes, size_t len)
{
    if (buf->cut || len == 0)
        return;
    size_t left = buf->room - 1 - buf->len;
    size_t take = len < left ? len : left;

    memcpy(buf->data + buf->len, bytes, take);
    buf->len += take;
    buf->data[buf->len] = '\0';
    if (take < len)
        mark_cut(buf);
}

void strbuf_add_str(struct strbuf *buf, const char *string)
{
    strbuf_add(buf, string, strlen(string));
}

void strbuf_add_escaped(struct strbuf *buf, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len && !buf->cut; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c < 0x20 || c == 0x7f)
            strbuf_printf(buf, "\\x%02x", c);
        else
            strbuf_add(buf, bytes + i, 1);
    }
}

void strbuf_vprintf(struct strbuf *buf, const char *format, va_list args)
{
    if (buf->cut)
        return;
    size_t left = buf->room - buf->len;
    int need = vsnprintf(buf->data + buf->len, left, format, args);

    if (need < 0) {
        buf->data[buf->len] = '\0';
        buf->cut = true;
    } else if ((size_t)need >= left) {
        buf->len = buf->room - 1;
        mark_cut(buf);
    } else {
        buf->len += (size_t)need;
    }
}

void strbuf_printf(struct strbuf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    strbuf_vprintf(buf, format, args);
    va_end(args);
}

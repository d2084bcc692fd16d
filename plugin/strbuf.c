/*
 * strbuf.c - text in a caller's fixed room: always terminated, cut with "..." where it does not fit.
 */
#include "strbuf.h"

#include <stdint.h>
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

/* Bytes of the UTF-8 sequence at the start, 0 where there is none or where it is a control character. */
static size_t shown_as_it_is(const unsigned char *at, size_t left)
{
    static const uint32_t least[] = { 0, 0x20, 0xa0, 0x800, 0x10000 }; /* by length; a longer form of less is no UTF-8 */
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf8 ? 4 : 0;
    uint32_t point = len < 2 ? at[0] : at[0] & (0x7fu >> len);

    if (len > left)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (at[i] & 0x3fu);
    }
    return point < least[len] || point == 0x7f || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? 0 : len;
}

void strbuf_add_escaped(struct strbuf *buf, const char *bytes, size_t len)
{
    for (size_t i = 0, take; i < len && !buf->cut; i += take > 0 ? take : 1) {
        take = shown_as_it_is((const unsigned char *)bytes + i, len - i);
        if (take > 0)
            strbuf_add(buf, bytes + i, take);
        else
            strbuf_printf(buf, "\\x%02x", (unsigned char)bytes[i]);
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

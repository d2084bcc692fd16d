/*
 * strbuf.h - text in a caller's fixed room: always terminated, cut with "..." where it does not fit.
 *
 * Bytes that could drive a terminal (control characters, U+0080 to U+009F too, and what is not UTF-8) are written as \xNN
 * by strbuf_add_escaped(), which is what every text from outside goes through before it reaches a message.
 */
#ifndef VTCLONE_STRBUF_H
#define VTCLONE_STRBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct strbuf {
    char *data;
    size_t len;  /* without the terminating NUL */
    size_t room; /* bytes of data; at least 4 */
    bool cut;    /* something did not fit */
};

void strbuf_init(struct strbuf *buf, char *room, size_t size);
void strbuf_add(struct strbuf *buf, const char *bytes, size_t len);
void strbuf_add_str(struct strbuf *buf, const char *string);
void strbuf_add_escaped(struct strbuf *buf, const char *bytes, size_t len);
void strbuf_printf(struct strbuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vprintf(struct strbuf *buf, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

#endif

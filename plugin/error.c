/*
 * error.c - filling the caller's error struct, and the names of the codes.
 */
#include "error.h"

#include "strbuf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void error_clear(vtclone_error *err)
{
    err->code = VTCLONE_OK;
    err->sys_errno = 0;
    err->message[0] = '\0';
}

__attribute__((format(printf, 4, 0)))
static void fill(vtclone_error *err, int32_t code, int sys_errno, const char *format, va_list args)
{
    char raw[sizeof(err->message)];
    struct strbuf text, clean;

    strbuf_init(&text, raw, sizeof(raw));
    strbuf_vprintf(&text, format, args);
    if (sys_errno != 0) {
        char room[128];
        strbuf_printf(&text, ": %s", strerror_r(sys_errno, room, sizeof(room)));
    }
    err->code = code;
    err->sys_errno = sys_errno;
    strbuf_init(&clean, err->message, sizeof(err->message));
    strbuf_add_escaped(&clean, text.data, text.len);
}

int32_t error_set(vtclone_error *err, int32_t code, const char *format, ...)
{
    if (err->code == VTCLONE_OK) {
        va_list args;
        va_start(args, format);
        fill(err, code, 0, format, args);
        va_end(args);
    }
    return code;
}

int32_t error_set_errno(vtclone_error *err, int32_t code, int sys_errno, const char *format, ...)
{
    if (err->code == VTCLONE_OK) {
        va_list args;
        va_start(args, format);
        fill(err, code, abs(sys_errno), format, args);
        va_end(args);
    }
    return code;
}

const char *vtclone_code_name(int32_t code)
{
    static const char *const names[] = {
        "VTCLONE_OK",          "VTCLONE_E_INVALID",   "VTCLONE_E_DOCUMENT",    "VTCLONE_E_LIMIT",
        "VTCLONE_E_NOMEM",     "VTCLONE_E_FORKED",    "VTCLONE_E_MISS",        "VTCLONE_E_EXISTS",
        "VTCLONE_E_RADOS",     "VTCLONE_E_TIMEOUT",   "VTCLONE_E_UNSUPPORTED", "VTCLONE_E_GLANCE",
        "VTCLONE_E_CINDER",    "VTCLONE_E_KEYSTONE",  "VTCLONE_E_CANCELLED",   "VTCLONE_E_COPY_FAILED",
        "VTCLONE_E_INTERNAL",
    };
    const int32_t count = (int32_t)(sizeof(names) / sizeof(names[0]));

    return code <= 0 && code > -count ? names[-code] : "VTCLONE_E_UNKNOWN";
}

uint32_t vtclone_abi(void)
{
    return VTCLONE_ABI;
}

const char *vtclone_version(void)
{
    return VTCLONE_VERSION;
}

/*
 * location.c - one location URL of an image, taken apart; see the header for the forms. Anything that is not exactly one
 * of them is BAD_LOCATION: no folding of dots, no case folding, no query or fragment, no half percent sequences.
 */
#include "location.h"

#include "error.h"
#include "strbuf.h"

#include <string.h>

#define RBD_PREFIX "rbd://"
#define CINDER_PREFIX "cinder://"
#define RBD_PARTS 4

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool is_uuid(const char *text, size_t len)
{
    if (len != 36)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : hex_digit(text[i]) < 0)
            return false;
    }
    return true;
}

/* Percent-decodes part[0..len) into to, which has room for len + 1 bytes. Returns what is wrong with it, or NULL. */
static const char *decode(const char *part, size_t len, char *to)
{
    for (size_t i = 0; i < len; i++) {
        char c = part[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_digit(part[i + 1]) : -1;
            int low = i + 2 < len ? hex_digit(part[i + 2]) : -1;
            if (high < 0 || low < 0)
                return "a '%' without two hexadecimal digits";
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0')
            return "a NUL in a part";
        *to++ = c;
    }
    *to = '\0';
    return NULL;
}

static int32_t bad(struct location *out, const char *detail)
{
    out->reason = VTCLONE_REASON_BAD_LOCATION;
    out->detail = detail;
    return VTCLONE_OK;
}

static int32_t parse_rbd(struct arena *arena, const char *rest, size_t len, struct location *out, vtclone_error *err)
{
    char *parts[RBD_PARTS];
    size_t start = 0, count = 0;

    for (size_t i = 0; i <= len; i++) {
        if (i < len && rest[i] != '/')
            continue;
        if (count == RBD_PARTS)
            return bad(out, "more than the four parts rbd://FSID/POOL/IMAGE/SNAP");
        if (i == start)
            return bad(out, "an empty part in rbd://FSID/POOL/IMAGE/SNAP");
        if (i - start > VTCLONE_MAX_NAME_BYTES * 3)
            return bad(out, "a part longer than a name can be");
        parts[count] = arena_alloc(arena, i - start + 1, 1);
        if (parts[count] == NULL)
            return error_nomem(err, "location");
        const char *wrong = decode(rest + start, i - start, parts[count]);
        if (wrong != NULL)
            return bad(out, wrong);
        count++;
        start = i + 1;
    }
    if (count != RBD_PARTS)
        return bad(out, "fewer than the four parts rbd://FSID/POOL/IMAGE/SNAP");
    out->fsid = parts[0];
    out->pool = parts[1];
    out->image = parts[2];
    out->snap = parts[3];
    return VTCLONE_OK;
}

static int32_t parse_cinder(struct arena *arena, const char *rest, size_t len, struct location *out,
                            vtclone_error *err)
{
    const char *slash = memchr(rest, '/', len);
    size_t store_len = slash == NULL ? 0 : (size_t)(slash - rest);
    const char *volume = slash == NULL ? rest : slash + 1;
    size_t volume_len = len - (size_t)(volume - rest);

    if (slash != NULL && store_len == 0)
        return bad(out, "an empty store in cinder://STORE/VOLUME");
    if (store_len > VTCLONE_MAX_NAME_BYTES)
        return bad(out, "a store longer than a name can be");
    if (memchr(rest, '\0', len) != NULL)
        return bad(out, "a NUL in a part");
    if (!is_uuid(volume, volume_len))
        return bad(out, "the volume of cinder://STORE/VOLUME is not a UUID");
    if (slash != NULL)
        out->store = arena_strndup(arena, rest, store_len);
    out->volume = arena_strndup(arena, volume, volume_len);
    if (out->volume == NULL || (slash != NULL && out->store == NULL))
        return error_nomem(err, "location");
    return VTCLONE_OK;
}

/* Whether a lax reader would take the URL for one of that scheme: Python's urlsplit folds the case, and some versions of
 * it drop white space and control characters. Cinder and Glance would follow such a URL although we do not. */
static bool resembles(const char *url, size_t len, const char *scheme)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)url[i];
        if (c <= ' ')
            continue;
        if (*scheme == '\0')
            return c == ':';
        if ((c | 0x20) != (unsigned char)*scheme++)
            return false;
    }
    return false;
}

int32_t location_parse(struct arena *arena, const char *url, size_t len, struct location *out, vtclone_error *err)
{
    const size_t rbd = strlen(RBD_PREFIX), cinder = strlen(CINDER_PREFIX);

    *out = (struct location){ .reason = VTCLONE_REASON_OK };
    if (len >= rbd && memcmp(url, RBD_PREFIX, rbd) == 0) {
        out->kind = LOCATION_RBD;
        return parse_rbd(arena, url + rbd, len - rbd, out, err);
    }
    if (len >= cinder && memcmp(url, CINDER_PREFIX, cinder) == 0) {
        out->kind = LOCATION_CINDER;
        return parse_cinder(arena, url + cinder, len - cinder, out, err);
    }
    if (resembles(url, len, "rbd") || resembles(url, len, "cinder"))
        return bad(out, "not written exactly as rbd:// or cinder://");
    out->reason = VTCLONE_REASON_UNKNOWN_SCHEME;
    out->detail = "only rbd:// and cinder:// locations can be cloned";
    return VTCLONE_OK;
}

const char *location_shown(struct arena *arena, const char *url, size_t len)
{
    char room[VTCLONE_MAX_URL_BYTES * 4 + 8]; /* an escaped byte takes four */
    struct strbuf text;
    const char *authority = memmem(url, len, "://", 3);
    size_t start = authority == NULL ? 0 : (size_t)(authority - url) + 3;
    size_t end = start;

    while (end < len && url[end] != '/' && url[end] != '?' && url[end] != '#')
        end++;
    const char *at = memrchr(url + start, '@', end - start);
    strbuf_init(&text, room, sizeof(room));
    strbuf_add_escaped(&text, url, start);
    if (at != NULL) {
        strbuf_add_str(&text, "***");
        start = (size_t)(at - url);
    }
    strbuf_add_escaped(&text, url + start, len - start);
    return arena_strndup(arena, text.data, text.len);
}

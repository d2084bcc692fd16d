/*
 * json_text.c - strict UTF-8, and no half of a surrogate pair; see the header for why.
 */
#include "json_text.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of the UTF-8 sequence at `at`, which is not ASCII; 0: it is none. Source: the Unicode Standard, table 3-7. */
static size_t sequence(const unsigned char *at, size_t left)
{
    unsigned char least = 0x80, most = 0xbf;
    size_t len;

    if (at[0] >= 0xc2 && at[0] <= 0xdf) {
        len = 2;
    } else if ((at[0] & 0xf0) == 0xe0) {
        len = 3;
        least = at[0] == 0xe0 ? 0xa0 : 0x80;
        most = at[0] == 0xed ? 0x9f : 0xbf;
    } else if (at[0] >= 0xf0 && at[0] <= 0xf4) {
        len = 4;
        least = at[0] == 0xf0 ? 0x90 : 0x80;
        most = at[0] == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    if (left < len || at[1] < least || at[1] > most)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

/* The first byte that is no UTF-8, or NULL. */
static const char *find_no_utf8(const char *json, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t step = (unsigned char)json[i] < 0x80 ? 1 : sequence((const unsigned char *)json + i, len - i);
        if (step == 0)
            return json + i;
        i += step;
    }
    return NULL;
}

/* The four hexadecimal digits behind \u, or -1. */
static long escape_value(const char *at, const char *end)
{
    char digits[5] = "";

    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    memcpy(digits, at + 2, 4);
    return strspn(digits, "0123456789abcdefABCDEF") == 4 ? strtol(digits, NULL, 16) : -1;
}

/* Half of a surrogate pair, or NULL. A backslash is only valid in a string, so strings need not be told from the rest. */
static const char *find_half_pair(const char *json, size_t len)
{
    const char *const end = json + len;

    for (const char *at = memchr(json, '\\', len); at != NULL && at < end; at = memchr(at, '\\', (size_t)(end - at))) {
        long value = escape_value(at, end);
        if (value >= 0xd800 && value <= 0xdbff) {
            long low = escape_value(at + 6, end);
            if (low < 0xdc00 || low > 0xdfff)
                return at;
            at += 12;
        } else if (value >= 0xdc00 && value <= 0xdfff) {
            return at;
        } else {
            at += end - at < 2 ? 1 : 2;
        }
    }
    return NULL;
}

const char *json_text_check(const char *json, size_t len, size_t *at)
{
    const char *found = find_no_utf8(json, len);
    const char *wrong = "not UTF-8";

    if (found == NULL) {
        found = find_half_pair(json, len);
        wrong = "half of a surrogate pair";
    }
    if (found == NULL)
        return NULL;
    *at = (size_t)(found - json);
    return wrong;
}

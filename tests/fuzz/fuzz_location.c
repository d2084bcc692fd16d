/*
 * fuzz_location.c - the location parser: whatever bytes an image's owner writes as a URL, the parts of an accepted one
 * are exactly what it says, and what is shown of it holds no user info.
 */
#include "fuzz.h"

#include "location.h"

static void add_encoded(char *to, size_t *len, const char *part)
{
    for (; *part != '\0'; part++)
        *len += (size_t)snprintf(to + *len, 4, "%%%02X", (unsigned char)*part);
}

/* Every byte encoded, the parts must come back the same. */
static void check_round_trip(struct arena *arena, const struct location *at)
{
    static char url[VTCLONE_MAX_URL_BYTES * 4];
    size_t len = (size_t)snprintf(url, sizeof(url), "rbd://");
    const char *const parts[] = { at->fsid, at->pool, at->image, at->snap };
    struct location again;
    vtclone_error err = { 0 };

    for (size_t i = 0; i < 4; i++) {
        ALWAYS(parts[i] != NULL && parts[i][0] != '\0');
        if (strlen(parts[i]) > VTCLONE_MAX_NAME_BYTES)
            return; /* its encoded form is longer than a part may be */
    }
    for (size_t i = 0; i < 4; i++) {
        if (i > 0)
            url[len++] = '/';
        add_encoded(url, &len, parts[i]);
    }
    ALWAYS(location_parse(arena, url, len, &again, &err) == VTCLONE_OK);
    ALWAYS(again.reason == VTCLONE_REASON_OK && again.kind == LOCATION_RBD);
    ALWAYS(strcmp(again.fsid, at->fsid) == 0 && strcmp(again.pool, at->pool) == 0);
    ALWAYS(strcmp(again.image, at->image) == 0 && strcmp(again.snap, at->snap) == 0);
}

/* Nothing of the user info in front of the host is shown. */
static void check_shown(const char *shown)
{
    const char *authority = strstr(shown, "://");

    for (const char *at = shown; *at != '\0'; at++)
        ALWAYS((unsigned char)*at >= 0x20 && *at != 0x7f);
    authority = authority == NULL ? shown : authority + 3;
    const char *at = memrchr(authority, '@', strcspn(authority, "/?#"));
    ALWAYS(at == NULL || (at - authority == 3 && memcmp(authority, "***", 3) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct location at;
    vtclone_error err = { 0 };

    if (size > VTCLONE_MAX_URL_BYTES)
        return 0;
    arena_init(&arena, 1024, 1 << 20);
    ALWAYS(location_parse(&arena, (const char *)data, size, &at, &err) == VTCLONE_OK);
    ALWAYS(at.reason == VTCLONE_REASON_OK || at.reason == VTCLONE_REASON_BAD_LOCATION ||
           at.reason == VTCLONE_REASON_UNKNOWN_SCHEME);
    ALWAYS((at.reason == VTCLONE_REASON_OK) == (at.detail == NULL));
    ALWAYS((at.kind == LOCATION_OTHER) == (size < 6 || (memcmp(data, "rbd://", 6) != 0 &&
                                                        (size < 9 || memcmp(data, "cinder://", 9) != 0))));
    if (at.reason == VTCLONE_REASON_OK && at.kind == LOCATION_RBD)
        check_round_trip(&arena, &at);
    if (at.reason == VTCLONE_REASON_OK && at.kind == LOCATION_CINDER)
        ALWAYS(strlen(at.volume) == 36 && (at.store == NULL || (at.store[0] != '\0' && strchr(at.store, '/') == NULL)));
    const char *shown = location_shown(&arena, (const char *)data, size);
    ALWAYS(shown != NULL);
    check_shown(shown);
    arena_release(&arena);
    return 0;
}

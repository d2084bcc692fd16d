/*
 * certify_release.c - see certify_release.h. The monitor's `versions` counts daemons by their version's text.
 */
#include "certify_release.h"

#include "json.h"
#include "strbuf.h"

#define ANSWER_MAX (1u << 20)

/* The tests run on the OSDs of these releases (docs/performance.md). */
static const char *const tested[] = { "16.", "18." };

/* "ceph version 16.2.15 (hash) pacific (stable)" -> "16.2.15" */
static void add_release(const struct json *member, struct strbuf *releases, bool *known)
{
    static const char before[] = "ceph version ";
    const char *at = strstr(member->key, before);
    size_t len;
    bool is_tested = false;

    at = at != NULL ? at + sizeof(before) - 1 : member->key;
    len = strcspn(at, " -");
    for (size_t i = 0; i < sizeof(tested) / sizeof(tested[0]); i++)
        is_tested = is_tested || strncmp(at, tested[i], strlen(tested[i])) == 0;
    *known = *known && is_tested;
    if (releases->len != 0)
        strbuf_add_str(releases, ", ");
    strbuf_add_escaped(releases, at, len < 40 ? len : 40);
}

void certify_releases(rados_t rados, struct verdict *out)
{
    const char *command[] = { "{\"prefix\": \"versions\", \"format\": \"json\"}" };
    char *answer = NULL, *status = NULL;
    size_t answer_len = 0, status_len = 0;
    struct json *document;
    const struct json *osds;
    vtclone_error ignored = { 0 };
    struct strbuf releases;
    struct arena arena;

    strbuf_init(&releases, out->releases, sizeof(out->releases));
    if (rados_mon_command(rados, command, 1, "", 0, &answer, &answer_len, &status, &status_len) != 0)
        return;
    arena_init(&arena, 4096, ANSWER_MAX);
    if (json_parse(&arena, "the versions of the cluster's daemons", answer, answer_len, &document, &ignored) == 0) {
        osds = json_get(document, "osd");
        out->known_release = osds != NULL && osds->type == JSON_OBJECT && osds->count != 0;
        for (const struct json *member = out->known_release ? osds->first : NULL; member != NULL; member = member->next)
            add_release(member, &releases, &out->known_release);
    }
    arena_release(&arena);
    rados_buffer_free(answer);
    rados_buffer_free(status);
}

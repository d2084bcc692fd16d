/*
 * location.c - the location parser and the JSON reader for a test that compares them with Python's: reads lines of hex
 * from standard input, writes one line for each: for a URL ("U" and its bytes) its kind, reason and parts in hex, for
 * a document ("J") whether it is read and, if so, the document written again.
 */
#include "json.h"
#include "location.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_hex(const char *text)
{
    if (text == NULL)
        fputs(" -", stdout);
    else
        fputs(" =", stdout);
    for (; text != NULL && *text != '\0'; text++)
        printf("%02x", (unsigned char)*text);
}

static void answer_url(struct arena *arena, const char *url, size_t len)
{
    static const char *const kinds[] = { "other", "rbd", "cinder" };
    struct location at;
    vtclone_error err = { 0 };

    if (location_parse(arena, url, len, &at, &err) != VTCLONE_OK)
        exit(2);
    printf("%s %s", kinds[at.kind], vtclone_reason_name((int32_t)at.reason));
    const char *const parts[] = { at.fsid, at.pool, at.image, at.snap, at.store, at.volume };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        put_hex(parts[i]);
    putchar('\n');
}

static void answer_json(struct arena *arena, const char *text, size_t len)
{
    struct json *root;
    vtclone_error err = { 0 };
    char *again = NULL;
    size_t again_len = 0;

    if (json_parse(arena, "document", text, len, &root, &err) != VTCLONE_OK) {
        printf("refused %s\n", vtclone_code_name(err.code));
        return;
    }
    struct json_writer *writer = json_writer_new(64u << 20);
    if (writer == NULL)
        exit(2);
    json_value(writer, root);
    if (json_writer_finish(writer, &again, &again_len, &err) != VTCLONE_OK) {
        printf("unwritable %s\n", err.message);
    } else {
        printf("read ");
        for (size_t i = 0; i < again_len; i++)
            printf("%02x", (unsigned char)again[i]);
        putchar('\n');
    }
    free(again);
    json_writer_free(writer);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;

    while (getline(&line, &room, stdin) > 0) {
        struct arena arena;
        size_t len = 0;
        char *bytes = malloc(room);
        if (bytes == NULL)
            return 2;
        for (const char *at = line + 1; sscanf(at, "%2hhx", (unsigned char *)&bytes[len]) == 1; at += 2)
            len++;
        arena_init(&arena, 4096, 64u << 20);
        if (line[0] == 'U')
            answer_url(&arena, bytes, len);
        else
            answer_json(&arena, bytes, len);
        fflush(stdout);
        arena_release(&arena);
        free(bytes);
    }
    free(line);
    return 0;
}

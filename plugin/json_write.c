/*
 * json_write.c - writing JSON by yajl's generator, its memory out of a bounded arena.
 *
 * yajl_gen jumps out on want of memory (yajl_arena.h), so every call of it goes through WRITE, which sets the landing.
 */
#include "error.h"
#include "json.h"
#include "yajl_arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

struct json_writer {
    struct arena arena;
    struct yajl_arena memory;
    yajl_gen gen;
    bool no_memory;
    yajl_gen_status status; /* the first that was not ok */
};

#define WRITE(writer, call)                                             \
    do {                                                                \
        if ((writer)->no_memory || (writer)->status != yajl_gen_status_ok) \
            return;                                                     \
        if (setjmp((writer)->memory.escape) != 0)                       \
            (writer)->no_memory = true;                                 \
        else                                                            \
            (writer)->status = (call);                                  \
    } while (0)

static bool make_generator(struct json_writer *writer)
{
    if (setjmp(writer->memory.escape) != 0)
        return false;
    writer->gen = yajl_gen_alloc(&writer->memory.functions);
    yajl_gen_config(writer->gen, yajl_gen_validate_utf8, 1);
    return true;
}

struct json_writer *json_writer_new(size_t ceiling)
{
    struct json_writer *writer = calloc(1, sizeof(*writer));

    if (writer == NULL)
        return NULL;
    arena_init(&writer->arena, 4096, ceiling);
    yajl_arena_init(&writer->memory, &writer->arena);
    if (!make_generator(writer)) {
        json_writer_free(writer);
        return NULL;
    }
    return writer;
}

void json_writer_free(struct json_writer *writer)
{
    if (writer == NULL)
        return;
    arena_release(&writer->arena);
    free(writer);
}

void json_writer_is_secret(struct json_writer *writer)
{
    writer->arena.secret = true;
}

void json_begin_object(struct json_writer *writer)
{
    WRITE(writer, yajl_gen_map_open(writer->gen));
}

void json_end_object(struct json_writer *writer)
{
    WRITE(writer, yajl_gen_map_close(writer->gen));
}

void json_begin_array(struct json_writer *writer)
{
    WRITE(writer, yajl_gen_array_open(writer->gen));
}

void json_end_array(struct json_writer *writer)
{
    WRITE(writer, yajl_gen_array_close(writer->gen));
}

void json_null(struct json_writer *writer)
{
    WRITE(writer, yajl_gen_null(writer->gen));
}

void json_boolean(struct json_writer *writer, bool value)
{
    WRITE(writer, yajl_gen_bool(writer->gen, value));
}

void json_integer(struct json_writer *writer, int64_t value)
{
    WRITE(writer, yajl_gen_integer(writer->gen, value));
}

void json_number_text(struct json_writer *writer, const char *text)
{
    WRITE(writer, yajl_gen_number(writer->gen, text, strlen(text)));
}

/* A string that is not UTF-8 (it did not come out of a document) is written with '?' for each byte above 0x7f. */
static yajl_gen_status gen_bytes(struct json_writer *writer, const char *bytes, size_t len)
{
    yajl_gen_status status = yajl_gen_string(writer->gen, (const unsigned char *)bytes, len);

    if (status != yajl_gen_invalid_string)
        return status;
    char *clean = arena_strndup(&writer->arena, bytes, len);
    if (clean == NULL)
        longjmp(writer->memory.escape, 1);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)clean[i] > 0x7f)
            clean[i] = '?';
    return yajl_gen_string(writer->gen, (const unsigned char *)clean, len);
}

void json_key(struct json_writer *writer, const char *key)
{
    WRITE(writer, gen_bytes(writer, key, strlen(key)));
}

void json_string(struct json_writer *writer, const char *value)
{
    if (value == NULL)
        json_null(writer);
    else
        WRITE(writer, gen_bytes(writer, value, strlen(value)));
}

static void write_text(struct json_writer *writer, const char *text, size_t len)
{
    WRITE(writer, gen_bytes(writer, text, len));
}

static void write_members(struct json_writer *writer, const struct json *value)
{
    for (const struct json *member = value->first; member != NULL; member = member->next) {
        if (member->key != NULL)
            write_text(writer, member->key, member->key_len);
        json_value(writer, member); /* at most VTCLONE_MAX_NESTING deep */
    }
}

void json_value(struct json_writer *writer, const struct json *value)
{
    switch (value->type) {
    case JSON_NULL:
        json_null(writer);
        break;
    case JSON_BOOL:
        json_boolean(writer, value->boolean);
        break;
    case JSON_NUMBER:
        json_number_text(writer, value->text);
        break;
    case JSON_STRING:
        write_text(writer, value->text, value->len);
        break;
    case JSON_ARRAY:
        json_begin_array(writer);
        write_members(writer, value);
        json_end_array(writer);
        break;
    case JSON_OBJECT:
        json_begin_object(writer);
        write_members(writer, value);
        json_end_object(writer);
        break;
    }
}

void json_pair(struct json_writer *writer, const char *key, const char *value)
{
    json_key(writer, key);
    json_string(writer, value);
}

void json_pair_int(struct json_writer *writer, const char *key, int64_t value)
{
    json_key(writer, key);
    json_integer(writer, value);
}

int32_t json_writer_finish(struct json_writer *writer, char **out, size_t *len, vtclone_error *err)
{
    const unsigned char *text;
    size_t size;

    if (writer->no_memory)
        return error_nomem(err, "writing JSON");
    if (writer->status != yajl_gen_status_ok || yajl_gen_get_buf(writer->gen, &text, &size) != yajl_gen_status_ok)
        return error_set(err, VTCLONE_E_INTERNAL, "writing JSON: generator status %d", (int)writer->status);
    char *copy = malloc(size + 1);
    if (copy == NULL)
        return error_nomem(err, "writing JSON");
    memcpy(copy, text, size);
    copy[size] = '\0';
    *out = copy;
    if (len != NULL)
        *len = size;
    return VTCLONE_OK;
}

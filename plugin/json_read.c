/*
 * json_read.c - one JSON document into plain structs in an arena, by yajl's streaming callbacks, with caps.
 */
#include "error.h"
#include "json.h"
#include "json_text.h"
#include "strbuf.h"
#include "yajl_arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

struct reader {
    struct yajl_arena memory;
    struct json *root;
    struct json *open; /* the innermost array or object that is being read */
    const char *key;   /* the name of the next member */
    size_t key_len;
    yajl_handle yajl;
    size_t end;        /* bytes up to the end of the document's value */
    bool finishing;    /* the whole text is read: a number may end only now */
    uint32_t values;
    uint32_t depth;
    const char *limit; /* the limit that was exceeded, or NULL */
    uint32_t limit_value;
    bool no_memory;
};

static int exceed(struct reader *reader, const char *limit, uint32_t value)
{
    reader->limit = limit;
    reader->limit_value = value;
    return 0;
}

/* A new value at the place the reader has reached; NULL ends the reading. */
static struct json *append(struct reader *reader, enum json_type type)
{
    if (++reader->values > VTCLONE_MAX_VALUES) {
        exceed(reader, "VTCLONE_MAX_VALUES", VTCLONE_MAX_VALUES);
        return NULL;
    }
    struct json *value = arena_alloc(reader->memory.arena, 1, sizeof(*value));
    if (value == NULL) {
        reader->no_memory = true;
        return NULL;
    }
    value->type = type;
    value->key = reader->key;
    value->key_len = reader->key_len;
    value->parent = reader->open;
    reader->key = NULL;
    reader->key_len = 0;
    if (reader->open == NULL) {
        reader->root = value;
        reader->end = reader->finishing ? SIZE_MAX : yajl_get_bytes_consumed(reader->yajl);
        return value;
    }
    if (reader->open->last == NULL)
        reader->open->first = value;
    else
        reader->open->last->next = value;
    reader->open->last = value;
    reader->open->count++;
    return value;
}

static int on_null(void *ctx)
{
    return append(ctx, JSON_NULL) != NULL;
}

static int on_boolean(void *ctx, int boolean)
{
    struct json *value = append(ctx, JSON_BOOL);

    if (value == NULL)
        return 0;
    value->boolean = boolean != 0;
    return 1;
}

static int add_text(struct reader *reader, enum json_type type, const char *text, size_t len)
{
    struct json *value = append(reader, type);

    if (value == NULL)
        return 0;
    value->text = arena_strndup(reader->memory.arena, text, len);
    value->len = len;
    reader->no_memory = value->text == NULL;
    return value->text != NULL;
}

static int on_number(void *ctx, const char *text, size_t len)
{
    return add_text(ctx, JSON_NUMBER, text, len);
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
    return add_text(ctx, JSON_STRING, (const char *)text, len);
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
    struct reader *reader = ctx;

    reader->key = arena_strndup(reader->memory.arena, (const char *)text, len);
    reader->key_len = len;
    reader->no_memory = reader->key == NULL;
    return reader->key != NULL;
}

static int begin(struct reader *reader, enum json_type type)
{
    if (++reader->depth > VTCLONE_MAX_NESTING)
        return exceed(reader, "VTCLONE_MAX_NESTING", VTCLONE_MAX_NESTING);
    struct json *value = append(reader, type);
    if (value == NULL)
        return 0;
    reader->open = value;
    return 1;
}

static int on_begin_object(void *ctx)
{
    return begin(ctx, JSON_OBJECT);
}

static int on_begin_array(void *ctx)
{
    return begin(ctx, JSON_ARRAY);
}

static int on_end(void *ctx)
{
    struct reader *reader = ctx;

    reader->depth--;
    reader->open = reader->open->parent;
    reader->end = yajl_get_bytes_consumed(reader->yajl);
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_begin_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_begin_array,
    .yajl_end_array = on_end,
};

/* yajl takes the beginning of a string behind the value for white space. */
static bool ends_there(const struct reader *reader, const char *json, size_t len, size_t *stopped, const char **why)
{
    for (size_t i = reader->end; reader->root != NULL && i < len; i++)
        if (memchr(" \t\r\n", json[i], 4) == NULL) {
            *stopped = i;
            *why = "trailing garbage";
            return false;
        }
    return true;
}

/* Runs yajl over the document. It is a function of its own so that no local of the caller lives across the jump. The
 * position yajl stopped at goes to *stopped, a short text of what it disliked (its own, without the input) to *why. */
static bool run_yajl(struct reader *reader, const char *json, size_t len, size_t *stopped, const char **why)
{
    if (setjmp(reader->memory.escape) != 0) {
        reader->no_memory = true;
        return false;
    }
    yajl_handle yajl = reader->yajl = yajl_alloc(&callbacks, &reader->memory.functions, reader);
    const unsigned char *bytes = (const unsigned char *)json;
    bool read = yajl_parse(yajl, bytes, len) == yajl_status_ok;
    reader->finishing = true;
    if (!read)
        *stopped = yajl_get_bytes_consumed(yajl);
    else if (yajl_complete_parse(yajl) != yajl_status_ok)
        *stopped = len;
    else
        return ends_there(reader, json, len, stopped, why);
    *why = (const char *)yajl_get_error(yajl, 0, bytes, len); /* the arena owns it */
    return false;
}

static int32_t read_failed(const struct reader *reader, const char *what, size_t len, size_t stopped,
                           const char *why, vtclone_error *err)
{
    if (reader->no_memory && reader->memory.arena->full)
        return error_set(err, VTCLONE_E_LIMIT, "%s: more than %zu bytes of memory for %zu bytes of JSON", what,
                         reader->memory.arena->ceiling, len);
    if (reader->no_memory)
        return error_nomem(err, what);
    if (reader->limit != NULL)
        return error_set(err, VTCLONE_E_LIMIT, "%s: exceeds %s (%u) at byte %zu", what, reader->limit,
                         reader->limit_value, stopped);
    if (why == NULL)
        why = "unknown error";
    return error_set(err, VTCLONE_E_DOCUMENT, "%s: not valid JSON at byte %zu: %.*s", what, stopped,
                     (int)strcspn(why, "\r\n"), why);
}

int32_t json_parse(struct arena *arena, const char *what, const char *json, size_t len, struct json **out,
                   vtclone_error *err)
{
    struct reader reader = { 0 };
    size_t stopped = 0;
    const char *why = NULL;

    if (json == NULL)
        return error_set(err, VTCLONE_E_INVALID, "%s: no document", what);
    if (len > VTCLONE_MAX_DOCUMENT_BYTES)
        return error_set(err, VTCLONE_E_LIMIT, "%s: %zu bytes exceed VTCLONE_MAX_DOCUMENT_BYTES (%u)", what, len,
                         VTCLONE_MAX_DOCUMENT_BYTES);
    const char *wrong = json_text_check(json, len, &stopped);
    if (wrong != NULL)
        return error_set(err, VTCLONE_E_DOCUMENT, "%s: not valid JSON at byte %zu: %s", what, stopped, wrong);
    yajl_arena_init(&reader.memory, arena);
    if (!run_yajl(&reader, json, len, &stopped, &why))
        return read_failed(&reader, what, len, stopped, why, err);
    if (reader.root == NULL)
        return error_set(err, VTCLONE_E_DOCUMENT, "%s: empty document", what);
    *out = reader.root;
    return VTCLONE_OK;
}

/* ---- look-ups ---- */

struct json *json_get(const struct json *object, const char *key)
{
    struct json *found = NULL;

    if (object == NULL || object->type != JSON_OBJECT)
        return NULL;
    size_t len = strlen(key);
    for (struct json *member = object->first; member != NULL; member = member->next)
        if (member->key_len == len && memcmp(member->key, key, len) == 0)
            found = member;
    return found;
}

static void add_path(struct strbuf *text, const struct json *value)
{
    if (value->parent == NULL)
        return;
    add_path(text, value->parent); /* at most VTCLONE_MAX_NESTING deep */
    if (value->key != NULL) {
        if (text->len > 0)
            strbuf_add(text, ".", 1);
        strbuf_add_escaped(text, value->key, value->key_len);
        return;
    }
    size_t index = 0;
    for (const struct json *member = value->parent->first; member != value; member = member->next)
        index++;
    strbuf_printf(text, "[%zu]", index);
}

const char *json_path(const struct json *value, char *room, size_t size)
{
    struct strbuf text;

    strbuf_init(&text, room, size);
    add_path(&text, value);
    return room;
}

int32_t json_expect(const struct json *value, enum json_type type, const char *what, vtclone_error *err)
{
    static const char *const names[] = { "null", "a boolean", "a number", "a string", "a list", "an object" };
    char path[200];

    if (value->type == type)
        return VTCLONE_OK;
    json_path(value, path, sizeof(path));
    return error_set(err, VTCLONE_E_DOCUMENT, "%s: %s%sexpected %s, found %s", what, path, path[0] ? ": " : "",
                     names[type], names[value->type]);
}

/* The member if it is there and not null, checked to be of the type. */
static int32_t find(const struct json *object, const char *key, enum json_type type, const struct json **out,
                    const char *what, vtclone_error *err)
{
    const struct json *member = json_get(object, key);

    *out = NULL;
    if (member == NULL || member->type == JSON_NULL)
        return VTCLONE_OK;
    int32_t code = json_expect(member, type, what, err);
    if (code == VTCLONE_OK)
        *out = member;
    return code;
}

int32_t json_opt_string(const struct json *object, const char *key, size_t max, const char **out, const char *what,
                        vtclone_error *err)
{
    const struct json *member;
    char path[200];
    int32_t code = find(object, key, JSON_STRING, &member, what, err);

    if (code != VTCLONE_OK || member == NULL)
        return code;
    if (member->len > max)
        return error_set(err, VTCLONE_E_LIMIT, "%s: %s: %zu bytes are more than %zu", what,
                         json_path(member, path, sizeof(path)), member->len, max);
    if (memchr(member->text, '\0', member->len) != NULL)
        return error_set(err, VTCLONE_E_DOCUMENT, "%s: %s: a NUL inside the string", what,
                         json_path(member, path, sizeof(path)));
    *out = member->text;
    return VTCLONE_OK;
}

int32_t json_need_string(const struct json *object, const char *key, size_t max, const char **out, const char *what,
                         vtclone_error *err)
{
    const char *found = NULL;
    char path[200];
    int32_t code = json_opt_string(object, key, max, &found, what, err);

    if (code != VTCLONE_OK)
        return code;
    if (found == NULL || found[0] == '\0') {
        json_path(object, path, sizeof(path));
        return error_set(err, VTCLONE_E_DOCUMENT, "%s: %s%s%s: %s", what, path, path[0] ? "." : "", key,
                         found == NULL ? "missing" : "empty");
    }
    *out = found;
    return VTCLONE_OK;
}

int32_t json_opt_bool(const struct json *object, const char *key, bool *out, const char *what, vtclone_error *err)
{
    const struct json *member;
    int32_t code = find(object, key, JSON_BOOL, &member, what, err);

    if (code == VTCLONE_OK && member != NULL)
        *out = member->boolean;
    return code;
}

int32_t json_opt_int(const struct json *object, const char *key, int64_t *out, const char *what, vtclone_error *err)
{
    const struct json *member;
    char path[200];
    int32_t code = find(object, key, JSON_NUMBER, &member, what, err);

    if (code != VTCLONE_OK || member == NULL)
        return code;
    char *end;
    errno = 0;
    long long number = strtoll(member->text, &end, 10);
    if (errno != 0 || *end != '\0')
        return error_set(err, VTCLONE_E_DOCUMENT, "%s: %s: not a whole number of 64 bits: %.40s", what,
                         json_path(member, path, sizeof(path)), member->text);
    *out = number;
    return VTCLONE_OK;
}

int32_t json_opt_list(const struct json *object, const char *key, enum json_type type, uint32_t max,
                      const char *limit, const struct json **out, const char *what, vtclone_error *err)
{
    const struct json *member;
    char path[200];
    int32_t code = find(object, key, type, &member, what, err);

    if (code != VTCLONE_OK || member == NULL)
        return code;
    if (member->count > max)
        return error_set(err, VTCLONE_E_LIMIT, "%s: %s: %u members exceed %s (%u)", what,
                         json_path(member, path, sizeof(path)), member->count, limit, max);
    *out = member;
    return VTCLONE_OK;
}

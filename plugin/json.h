/*
 * json.h - a bounded reader and writer of JSON over yajl's streaming parser and generator.
 *
 * The reader turns one document into plain structs in an arena, with caps on bytes, nesting and number of values. It
 * keeps embedded NULs (by length), and of two equal keys the LAST counts, as in Python. Accessors name the path of
 * a value of the wrong type ("stores[1].id: expected a string, found a number").
 *
 * yajl does not check its allocations, so it gets its memory from the arena, and a failing one leaves yajl by longjmp;
 * nothing leaks because the arena owns all of it.
 */
#ifndef VTCLONE_JSON_H
#define VTCLONE_JSON_H

#include "arena.h"
#include "vtclone.h"

#include <stdbool.h>
#include <stdint.h>

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_type type;
    bool boolean;
    uint32_t count;       /* members of an array or object */
    const char *text;     /* a string's bytes (NUL-terminated, may hold NULs) or a number as written */
    size_t len;           /* bytes of text */
    const char *key;      /* name in the object around it, or NULL */
    size_t key_len;
    struct json *first;   /* members, in the order of the document */
    struct json *last;
    struct json *next;    /* the next member of what is around it */
    struct json *parent;  /* NULL for the document itself */
};

/* Reads json[0..len) into arena. what names the document in messages ("image"). */
int32_t json_parse(struct arena *arena, const char *what, const char *json, size_t len, struct json **out,
                   vtclone_error *err);

/* The last member of that name, or NULL; also NULL where object is NULL or no object. */
struct json *json_get(const struct json *object, const char *key);

/* Writes the path of a value ("stores[1].id") into room and returns room. */
const char *json_path(const struct json *value, char *room, size_t size);

/* Typed look-ups of object[key]. A missing or null member leaves *out as it was and is success (json_need_string: an
 * error). A member of another type, a string with an embedded NUL or longer than max, is VTCLONE_E_DOCUMENT or
 * VTCLONE_E_LIMIT with the path. Strings belong to the arena. what: as in json_parse. */
int32_t json_opt_string(const struct json *object, const char *key, size_t max, const char **out, const char *what,
                        vtclone_error *err);
int32_t json_need_string(const struct json *object, const char *key, size_t max, const char **out, const char *what,
                         vtclone_error *err);
int32_t json_opt_bool(const struct json *object, const char *key, bool *out, const char *what, vtclone_error *err);
int32_t json_opt_int(const struct json *object, const char *key, int64_t *out, const char *what, vtclone_error *err);
/* The member as an array or object of at most max members; limit names the limit in the message. */
int32_t json_opt_list(const struct json *object, const char *key, enum json_type type, uint32_t max,
                      const char *limit, const struct json **out, const char *what, vtclone_error *err);
/* VTCLONE_E_DOCUMENT where value is not of that type. */
int32_t json_expect(const struct json *value, enum json_type type, const char *what, vtclone_error *err);

/* ---- writing ---- */

struct json_writer;

/* A writer whose memory comes from a bounded arena of its own. NULL: no memory. ceiling: bytes of it. */
struct json_writer *json_writer_new(size_t ceiling);
void json_writer_free(struct json_writer *writer);
/* What will be written holds a password: the writer wipes its memory when it is freed. */
void json_writer_is_secret(struct json_writer *writer);

/* Each is a no-op after the first failure, which json_writer_finish() reports. A NULL string is written as null. */
void json_begin_object(struct json_writer *writer);
void json_end_object(struct json_writer *writer);
void json_begin_array(struct json_writer *writer);
void json_end_array(struct json_writer *writer);
void json_key(struct json_writer *writer, const char *key);
void json_string(struct json_writer *writer, const char *value);
void json_integer(struct json_writer *writer, int64_t value);
void json_boolean(struct json_writer *writer, bool value);
void json_null(struct json_writer *writer);
void json_number_text(struct json_writer *writer, const char *text); /* a number as already formatted */
void json_value(struct json_writer *writer, const struct json *value); /* a value that was read */
/* Short for json_key and json_string (or json_integer). */
void json_pair(struct json_writer *writer, const char *key, const char *value);
void json_pair_int(struct json_writer *writer, const char *key, int64_t value);

/* A malloc'ed copy of what was written, NUL-terminated; the caller frees it. *len may be NULL. */
int32_t json_writer_finish(struct json_writer *writer, char **out, size_t *len, vtclone_error *err);

#endif

/*
 * arena.h - memory of one document or one decision: many small pieces, freed together, with a ceiling.
 *
 * Not thread-safe: an arena belongs to one object while that is being made. arena_alloc() answers NULL when the
 * ceiling or the machine's memory is reached; arena_is_full() tells which of the two it was.
 */
#ifndef VTCLONE_ARENA_H
#define VTCLONE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *head; /* the block that is being filled */
    size_t total;             /* bytes of all blocks */
    size_t ceiling;           /* total never exceeds it */
    size_t next_block;        /* size of the next block, doubled up to a bound */
    bool full;                /* an allocation failed at the ceiling, not for want of memory */
    bool secret;              /* set by the user of an arena that holds a password: its memory is wiped when released */
};

/* first_block: bytes of the first block (made on first use); ceiling: bytes of all blocks together. */
void arena_init(struct arena *arena, size_t first_block, size_t ceiling);
void arena_release(struct arena *arena); /* frees everything; the arena can be used again */

/* Zeroed memory aligned for any type, or NULL. count * size is checked for overflow. */
void *arena_alloc(struct arena *arena, size_t count, size_t size);
/* NUL-terminated copies; a NULL string gives NULL, and so does want of memory. */
char *arena_strdup(struct arena *arena, const char *string);
char *arena_strndup(struct arena *arena, const char *string, size_t len);
/* Formatted text to be shown: escaped (strbuf_add_escaped()) and cut (with "...") at 1,000 bytes. NULL for want of memory. */
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

/*
 * arena.c - memory of one document or one decision: blocks that double in size, freed together.
 */
#include "arena.h"

#include "strbuf.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_BLOCK (1024u * 1024)
#define FORMAT_BYTES 1000

struct arena_block {
    struct arena_block *previous;
    size_t size; /* bytes of data[] */
    size_t used;
    alignas(max_align_t) unsigned char data[];
};

void arena_init(struct arena *arena, size_t first_block, size_t ceiling)
{
    *arena = (struct arena){ .ceiling = ceiling, .next_block = first_block };
}

void arena_release(struct arena *arena)
{
    struct arena_block *block = arena->head;

    while (block != NULL) {
        struct arena_block *previous = block->previous;
        if (arena->secret)
            explicit_bzero(block->data, block->used);
        free(block);
        block = previous;
    }
    arena->head = NULL;
    arena->total = 0;
}

/* A new block with room for at least need bytes becomes the head. */
static bool grow(struct arena *arena, size_t need)
{
    size_t size = arena->next_block > need ? arena->next_block : need;
    size_t whole;

    if (__builtin_add_overflow(size, sizeof(struct arena_block), &whole) || whole > arena->ceiling - arena->total) {
        size = need; /* near the ceiling: no more than is needed */
        if (__builtin_add_overflow(size, sizeof(struct arena_block), &whole) ||
            whole > arena->ceiling - arena->total) {
            arena->full = true;
            return false;
        }
    }
    struct arena_block *block = malloc(whole);
    if (block == NULL)
        return false;
    block->previous = arena->head;
    block->size = size;
    block->used = 0;
    arena->head = block;
    arena->total += whole;
    if (arena->next_block < LARGEST_BLOCK)
        arena->next_block *= 2;
    return true;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
    size_t need;
    const size_t align = alignof(max_align_t);

    if (__builtin_mul_overflow(count, size, &need) || __builtin_add_overflow(need, align - 1, &need)) {
        arena->full = true;
        return NULL;
    }
    need &= ~(align - 1);
    if ((arena->head == NULL || arena->head->size - arena->head->used < need) && !grow(arena, need))
        return NULL;
    void *memory = arena->head->data + arena->head->used;
    arena->head->used += need;
    return memset(memory, 0, need);
}

char *arena_strndup(struct arena *arena, const char *string, size_t len)
{
    size_t need;

    if (string == NULL || __builtin_add_overflow(len, 1, &need))
        return NULL;
    char *copy = arena_alloc(arena, need, 1);
    if (copy != NULL)
        memcpy(copy, string, len);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *string)
{
    return string == NULL ? NULL : arena_strndup(arena, string, strlen(string));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    char room[FORMAT_BYTES], clean[FORMAT_BYTES];
    struct strbuf text, shown;
    va_list args;

    strbuf_init(&text, room, sizeof(room));
    va_start(args, format);
    strbuf_vprintf(&text, format, args);
    va_end(args);
    strbuf_init(&shown, clean, sizeof(clean));
    strbuf_add_escaped(&shown, text.data, text.len);
    return arena_strndup(arena, shown.data, shown.len);
}

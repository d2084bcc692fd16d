/*
 * yajl_arena.c - memory for yajl out of an arena; see the header for why a failing allocation jumps.
 */
#include "yajl_arena.h"

#include <stdalign.h>
#include <stddef.h>
#include <string.h>

struct piece {
    size_t size;
    alignas(max_align_t) unsigned char data[];
};

static void *piece_malloc(void *ctx, size_t size)
{
    struct yajl_arena *memory = ctx;
    struct piece *piece = NULL;
    size_t whole;

    if (!__builtin_add_overflow(size, sizeof(*piece), &whole))
        piece = arena_alloc(memory->arena, 1, whole);
    if (piece == NULL)
        longjmp(memory->escape, 1);
    piece->size = size;
    return piece->data;
}

static void piece_free(void *ctx, void *data)
{
    (void)ctx; /* the arena frees it */
    (void)data;
}

static void *piece_realloc(void *ctx, void *data, size_t size)
{
    if (data == NULL)
        return piece_malloc(ctx, size);
    struct piece *old = (struct piece *)((unsigned char *)data - offsetof(struct piece, data));
    if (size <= old->size)
        return data;
    return memcpy(piece_malloc(ctx, size), data, old->size);
}

void yajl_arena_init(struct yajl_arena *memory, struct arena *arena)
{
    memory->arena = arena;
    memory->functions = (yajl_alloc_funcs){
        .malloc = piece_malloc, .realloc = piece_realloc, .free = piece_free, .ctx = memory
    };
}

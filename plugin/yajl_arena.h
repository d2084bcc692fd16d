/*
 * yajl_arena.h - memory for yajl out of an arena. yajl uses what its allocator returns without looking, so a failing
 * allocation must not return: it leaves yajl by longjmp to escape, which the caller has set before calling yajl.
 */
#ifndef VTCLONE_YAJL_ARENA_H
#define VTCLONE_YAJL_ARENA_H

#include "arena.h"

#include <setjmp.h>
#include <yajl/yajl_common.h>

struct yajl_arena {
    struct arena *arena;
    jmp_buf escape;
    yajl_alloc_funcs functions; /* for yajl_alloc() and yajl_gen_alloc() */
};

void yajl_arena_init(struct yajl_arena *memory, struct arena *arena);

#endif

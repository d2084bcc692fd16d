/*
 * pieces.c - the pieces of an arena fail one by one, too (failing.h): most of them fit into a block that is there already, and
 * never ask malloc.
 */
#include "failing.h"

#include "arena.h"

void *__real_arena_alloc(struct arena *arena, size_t count, size_t size);
char *__real_arena_strdup(struct arena *arena, const char *string);
char *__real_arena_strndup(struct arena *arena, const char *string, size_t len);
char *__real_arena_printf(struct arena *arena, const char *format, ...);
void *__wrap_arena_alloc(struct arena *arena, size_t count, size_t size);
char *__wrap_arena_strdup(struct arena *arena, const char *string);
char *__wrap_arena_strndup(struct arena *arena, const char *string, size_t len);
char *__wrap_arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

void *__wrap_arena_alloc(struct arena *arena, size_t count, size_t size)
{
    return allocation_fails() ? NULL : __real_arena_alloc(arena, count, size);
}

char *__wrap_arena_strdup(struct arena *arena, const char *string)
{
    return allocation_fails() ? NULL : __real_arena_strdup(arena, string);
}

char *__wrap_arena_strndup(struct arena *arena, const char *string, size_t len)
{
    return allocation_fails() ? NULL : __real_arena_strndup(arena, string, len);
}

char *__wrap_arena_printf(struct arena *arena, const char *format, ...)
{
    char text[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return allocation_fails() ? NULL : __real_arena_printf(arena, "%s", text);
}

/*
 * failing.c - see failing.h.
 */
#include "failing.h"

#include <stdatomic.h>
#include <time.h>

char *__real_strdup(const char *text);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strndup(const char *text, size_t len);
int __real_vasprintf(char **out, const char *format, va_list args);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);
int __wrap_vasprintf(char **out, const char *format, va_list args);
int __wrap___vasprintf_chk(char **out, int flag, const char *format, va_list args);
void __wrap_free(void *block);

#define LATE_MS 20000 /* what a thread of the library's own may still hold for that long: it removes a volume */

static atomic_long countdown = -1; /* allocations until one fails; negative: none does */
static atomic_bool failed;
static atomic_size_t allocated;
static atomic_long held;

bool allocation_fails(void)
{
    long left = atomic_load(&countdown);

    if (left < 0 || atomic_fetch_sub(&countdown, 1) != 1)
        return false;
    atomic_store(&failed, true);
    return true;
}

static void *counted(void *block, size_t size)
{
    if (block != NULL) {
        atomic_fetch_add(&allocated, size);
        atomic_fetch_add(&held, 1);
    }
    return block;
}

void *__wrap_malloc(size_t size)
{
    return allocation_fails() ? NULL : counted(__real_malloc(size), size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return allocation_fails() ? NULL : counted(__real_calloc(count, size), count * size);
}

void *__wrap_realloc(void *old, size_t size)
{
    if (allocation_fails())
        return NULL;
    void *block = __real_realloc(old, size);
    if (old == NULL)
        return counted(block, size);
    atomic_fetch_add(&allocated, size);
    return block;
}

char *__wrap_strdup(const char *text)
{
    return allocation_fails() ? NULL : counted(__real_strdup(text), strlen(text) + 1);
}

char *unfailing_strdup(const char *text)
{
    return counted(__real_strdup(text), strlen(text) + 1);
}

char *__wrap_strndup(const char *text, size_t len)
{
    return allocation_fails() ? NULL : counted(__real_strndup(text, len), strnlen(text, len) + 1);
}

int __wrap_vasprintf(char **out, const char *format, va_list args)
{
    *out = (char *)-1; /* the standard leaves it undefined where it fails */
    if (allocation_fails())
        return -1;
    int len = __real_vasprintf(out, format, args);
    counted(len < 0 ? NULL : *out, (size_t)len + 1);
    return len;
}

int __wrap___vasprintf_chk(char **out, int flag, const char *format, va_list args)
{
    (void)flag;
    return __wrap_vasprintf(out, format, args);
}

void __wrap_free(void *block)
{
    if (block != NULL)
        atomic_fetch_sub(&held, 1);
    __real_free(block);
}

size_t bytes_allocated(void)
{
    return atomic_load(&allocated);
}

long blocks_held(void)
{
    return atomic_load(&held);
}

bool allocation_failed(void)
{
    return atomic_load(&failed);
}

/* Blocks that are held more than before, once the library's threads have come to rest. */
static long grown_since(long before)
{
    const struct timespec pause = { 0, 10 * 1000000L };

    for (int waited = 0; atomic_load(&held) > before && waited < LATE_MS; waited += 10)
        nanosleep(&pause, NULL);
    return atomic_load(&held) - before;
}

long fail_each(call_under_test *call, const char *name, void (*after)(const char *story))
{
    for (long n = 1;; n++) {
        char story[1000];
        vtclone_error err = { 0 };
        long before = atomic_load(&held);

        atomic_store(&failed, false);
        atomic_store(&countdown, n);
        int32_t code = call(&err);
        atomic_store(&countdown, -1);
        snprintf(story, sizeof(story), "%s, allocation %ld: %s: %s", name, n, vtclone_code_name(code), err.message);
        if (code != VTCLONE_OK && (code != VTCLONE_E_NOMEM || !atomic_load(&failed)))
            fail_msg("%s", story);
        if (code != VTCLONE_OK)
            assert_error(err, VTCLONE_E_NOMEM, "Cannot allocate memory");
        if (after != NULL)
            after(story);
        if (grown_since(before) > 0)
            fail_msg("%s: %ld blocks are still held", story, grown_since(before));
        if (!atomic_load(&failed))
            return n - 1;
    }
}

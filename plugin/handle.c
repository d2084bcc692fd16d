/*
 * handle.c - vtclone_open() and its relatives; debug lines.
 */
#include "handle.h"

#include "error.h"
#include "sized.h"
#include "strbuf.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_uint_fast64_t clones, clone_failures;

int32_t handle_check(const vtclone *handle, vtclone_error *err)
{
    if (handle == NULL)
        return error_set(err, VTCLONE_E_INVALID, "the handle is NULL");
    if (handle->owner != getpid())
        return error_set(err, VTCLONE_E_FORKED,
                         "the handle was opened by process %d and this is its child %d; open another here",
                         (int)handle->owner, (int)getpid());
    return 0;
}

static void set_default(uint32_t *option, uint32_t value)
{
    if (*option == 0)
        *option = value;
}

int32_t vtclone_open(const vtclone_options *options, vtclone **out, vtclone_error *err)
{
    vtclone *handle;
    int32_t code;

    ERR_OR_LOCAL(err);
    if (out == NULL)
        return error_set(err, VTCLONE_E_INVALID, "vtclone_open: out is NULL");
    handle = calloc(1, sizeof(*handle));
    if (handle == NULL)
        return error_nomem(err, "a handle");
    code = sized_read(&handle->options, sizeof(handle->options), options, "vtclone_options", err);
    if (code == 0 && handle->options.debug_fd < 0)
        code = error_set(err, VTCLONE_E_INVALID, "vtclone_options: debug_fd is %d", (int)handle->options.debug_fd);
    if (code == 0)
        code = connection_cache_get(&handle->cache, err);
    if (code != 0) {
        free(handle);
        return code;
    }
    set_default(&handle->options.connect_timeout_ms, 10000);
    set_default(&handle->options.mon_timeout_ms, 10000);
    set_default(&handle->options.osd_timeout_ms, 15000);
    set_default(&handle->options.clone_timeout_ms, 60000);
    set_default(&handle->options.idle_close_ms, 300000);
    handle->owner = getpid();
    *out = handle;
    return 0;
}

void vtclone_free(vtclone *handle)
{
    if (handle == NULL)
        return;
    /* In a child the parent's connections, and the locks they are under, are not to be touched. */
    if (handle->owner == getpid())
        connection_cache_put(handle->cache);
    free(handle);
}

void handle_count_clone(bool failed)
{
    atomic_fetch_add(failed ? &clone_failures : &clones, 1);
}

int32_t vtclone_get_stats(vtclone *handle, vtclone_stats *out, vtclone_error *err)
{
    vtclone_stats stats = { 0 };
    int32_t code;

    ERR_OR_LOCAL(err);
    if ((code = handle_check(handle, err)) != 0)
        return code;
    if (out == NULL || out->size < sizeof(size_t))
        return error_set(err, VTCLONE_E_INVALID, "vtclone_get_stats: out is NULL or its size is not set");
    connection_stats(&stats);
    stats.clones = atomic_load(&clones);
    stats.clone_failures = atomic_load(&clone_failures);
    stats.size = out->size;
    sized_write(out, out->size, &stats, sizeof(stats));
    return 0;
}

void debug_line(int32_t fd, const char *format, ...)
{
    char raw[1000], clean[1100];
    struct strbuf text, line;
    va_list args;
    ssize_t written;

    strbuf_init(&text, raw, sizeof(raw));
    strbuf_printf(&text, "vtclone[%d]: ", (int)getpid());
    va_start(args, format);
    strbuf_vprintf(&text, format, args);
    va_end(args);
    strbuf_init(&line, clean, sizeof(clean) - 1);
    strbuf_add_escaped(&line, text.data, text.len);
    clean[line.len] = '\n';
    /* One write, so that lines of several threads do not mix. Nothing can be done about a full disk here. */
    do
        written = write(fd, clean, line.len + 1);
    while (written < 0 && errno == EINTR);
}

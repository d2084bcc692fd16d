/*
 * handle.h - what a handle is: options with their defaults filled in, the process it belongs to, and its count in the
 * connection cache.
 */
#ifndef VTCLONE_HANDLE_H
#define VTCLONE_HANDLE_H

#include "connection.h"
#include "vtclone.h"

#include <sys/types.h>

struct vtclone {
    vtclone_options options;
    struct connection_cache *cache;
    pid_t owner;
};

/* VTCLONE_E_INVALID for NULL, VTCLONE_E_FORKED in a child of the process that opened it. */
int32_t handle_check(const vtclone *handle, vtclone_error *err);

/* A line for options.debug_fd; formatted only where there is one. */
#define DEBUG(handle, ...)                              \
    do {                                                \
        if ((handle)->options.debug_fd > 0)             \
            debug_line((handle)->options.debug_fd, __VA_ARGS__); \
    } while (0)
void debug_line(int32_t fd, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For vtclone_get_stats(). */
void handle_count_clone(bool failed);

#endif

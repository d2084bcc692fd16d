/*
 * error.h - filling the caller's error struct. Inside the library err is never NULL: entry points pass a struct of
 * their own where the caller gave none (ERR_OR_LOCAL). The first error wins: a second one is not written.
 */
#ifndef VTCLONE_ERROR_H
#define VTCLONE_ERROR_H

#include <errno.h>

#include "vtclone.h"

/* At the top of an entry point: err is the caller's struct, cleared, or a local one. */
#define ERR_OR_LOCAL(err)                \
    vtclone_error local_error_;          \
    if ((err) == NULL)                   \
        (err) = &local_error_;           \
    error_clear(err)

void error_clear(vtclone_error *err);

/* Fill err and return code. error_set_errno appends ": " and the text of the errno value (positive or negative). Control
 * characters in the text are written as \xNN. */
int32_t error_set(vtclone_error *err, int32_t code, const char *format, ...) __attribute__((format(printf, 3, 4)));
int32_t error_set_errno(vtclone_error *err, int32_t code, int sys_errno, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* VTCLONE_E_NOMEM with the name of what was being made. Here, so that an analyser sees that it never answers OK. */
static inline int32_t error_nomem(vtclone_error *err, const char *what)
{
    error_set_errno(err, VTCLONE_E_NOMEM, ENOMEM, "%s", what);
    return VTCLONE_E_NOMEM;
}

#endif

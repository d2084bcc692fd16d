/*
 * fuzz.h - what the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput(); linked with libFuzzer it
 * searches (make fuzz), linked with replay.c it runs the kept corpus (make check-fuzz).
 */
#ifndef VTCLONE_FUZZ_H
#define VTCLONE_FUZZ_H

#include "arena.h"
#include "vtclone.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever the input is: a violation ends the program, which the fuzzer keeps as a crash. */
#define ALWAYS(condition)                                                                 \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                      \
        }                                                                                 \
    } while (0)

/* A code and its error struct agree, and the message is one line of text. */
static inline void fuzz_check_error(int32_t code, const vtclone_error *err)
{
    ALWAYS(code <= 0 && code == err->code);
    ALWAYS((code == VTCLONE_OK) == (err->message[0] == '\0'));
    ALWAYS(code != VTCLONE_E_INTERNAL);
    ALWAYS(strcmp(vtclone_code_name(code), "VTCLONE_E_UNKNOWN") != 0);
    for (const char *at = err->message; *at != '\0'; at++)
        ALWAYS((unsigned char)*at >= 0x20 && *at != 0x7f);
}

/* One part of an input whose parts are separated by the byte 0x1e (which no JSON text holds). */
struct fuzz_part {
    const char *data;
    size_t len;
};

/* Cuts the input into at most max parts; the last takes the rest. Parts that are not there are NULL. */
static inline void fuzz_split(const uint8_t *data, size_t size, struct fuzz_part *parts, size_t max)
{
    const char *at = (const char *)data;
    size_t left = size;

    for (size_t i = 0; i < max; i++) {
        parts[i] = (struct fuzz_part){ 0 };
        if (at == NULL)
            continue;
        const char *end = i + 1 == max ? NULL : memchr(at, 0x1e, left);
        parts[i].data = at;
        parts[i].len = end == NULL ? left : (size_t)(end - at);
        left -= parts[i].len + (end != NULL);
        at = end == NULL ? NULL : end + 1;
    }
}

/* A NUL-terminated copy of a part, cut to what a name can be; NULL for a part that is empty or not there. */
static inline const char *fuzz_text(struct arena *arena, const struct fuzz_part *part)
{
    return part->len == 0 ? NULL : arena_strndup(arena, part->data, part->len < 600 ? part->len : 600);
}

#endif

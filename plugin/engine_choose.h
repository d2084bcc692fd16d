/*
 * engine_choose.h - engine `auto`: the direct engine where it can make the clone and is certified, else librbd.
 */
#ifndef VTCLONE_ENGINE_CHOOSE_H
#define VTCLONE_ENGINE_CHOOSE_H

#include "certify.h"
#include "engine.h"

struct choice {
    const char *engine;        /* static */
    char reason[CERTIFY_TEXT]; /* why that one */
    struct verdict verdict;    /* zero where certification was not asked for */
};

/* Decides, which may take one certification. 0, or a failure that any engine would have (no such snapshot, no answer). */
int32_t engine_choose(struct certificates *certificates, struct connection *connection,
                      const struct clone_request *request, struct choice *out, struct clone_outcome *outcome,
                      vtclone_error *err);

/* Decides and clones. Where the direct engine finds that it cannot make the clone after all, librbd does. */
int32_t engine_auto_clone(struct certificates *certificates, struct connection *connection,
                          const struct clone_request *request, struct choice *choice, struct clone_outcome *outcome,
                          vtclone_error *err);

#endif

/*
 * engine_direct.h - the engine that makes a clone out of the class methods that librbd's clone is made of, all at once
 * where librbd goes one by one: six operations on the OSDs, in three round trips. See engine_direct.c.
 */
#ifndef VTCLONE_ENGINE_DIRECT_H
#define VTCLONE_ENGINE_DIRECT_H

#include "direct_facts.h"
#include "engine.h"

/* Semantics of engine_librbd_clone(). VTCLONE_E_UNSUPPORTED: this clone is librbd's to make; nothing was changed, and the
 * message says no more than why. */
int32_t engine_direct_clone(struct connection *connection, const struct clone_request *request,
                            struct clone_outcome *outcome, vtclone_error *err);

/* Whether the engine could make it: 0, or the failure of engine_direct_clone() before it changes anything. *features are
 * those that the clone gets. */
int32_t engine_direct_check(struct connection *connection, const struct clone_request *request, uint64_t *features,
                            struct clone_outcome *outcome, vtclone_error *err);

#endif

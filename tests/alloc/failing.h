/*
 * failing.h - the library's allocations, counted and made to fail. A program is linked from the library's objects with
 * --wrap for the allocating functions (alloc.mk), so only the library's own calls fail, not librados' or curl's; those of
 * the test are counted, too, so it makes none that outlast fail_each().
 */
#ifndef TESTS_ALLOC_FAILING_H
#define TESTS_ALLOC_FAILING_H

#include "../unit/unit.h"

#include <stdbool.h>

/* A call under test; it frees what it makes. */
typedef int32_t call_under_test(vtclone_error *err);

/* Fails the first, the second, ... allocation of the call, until it makes fewer. Each failure is VTCLONE_E_NOMEM or does
 * without, and nothing that was allocated stays; after (or NULL) is called behind each. Number of allocations. */
long fail_each(call_under_test *call, const char *name, void (*after)(const char *story));

/* Bytes asked for since the program began; what is freed is not taken off. */
size_t bytes_allocated(void);
/* Allocations that are not freed. */
long blocks_held(void);
/* Whether an allocation has failed in the call that runs. */
bool allocation_failed(void);
/* For other things that are to fail like one, each in its turn. */
bool allocation_fails(void);

/* Counted as the library's, which frees it, but it does not fail. */
char *unfailing_strdup(const char *text);

#endif

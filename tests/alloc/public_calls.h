/*
 * public_calls.h - every public call that needs no cluster, as something that can be made again and again while it is made to
 * fail: with what answers.h answers, each ends in success.
 */
#ifndef TESTS_ALLOC_PUBLIC_CALLS_H
#define TESTS_ALLOC_PUBLIC_CALLS_H

#include "failing.h"

struct public_call {
    const char *name;
    call_under_test *run;
    bool over_http;
};

extern const struct public_call public_calls[];
extern const size_t public_call_count;

/* Of a group of cmocka. */
int calls_set_up(void **state);
int calls_tear_down(void **state);

#endif

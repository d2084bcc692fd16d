/*
 * calls.h - functions that stand before those of librados and librbd for libvtclone.so, and fail one call of it. Calls by
 * librbd, librados or the test itself are never counted.
 */
#ifndef TESTS_CEPH_CALLS_H
#define TESTS_CEPH_CALLS_H

#include <stdbool.h>

/* The n-th call from now on answers -code, and is not made or, of those that change something, made in vain. Only the first
 * calls of each function count: a certification makes the same ones again and again. */
#define ALL_CALLS 1000000
void calls_fail(int n, int code, int first);
/* No call fails any more; whether one did. */
bool calls_end(void);
/* Its name; "nothing" where none did. */
const char *calls_failed(void);
/* Fails the running test where libvtclone.so uses a function of theirs that reports failures and none of those made it
 * report one since the program began. */
void calls_check_all_failed(void);

#endif

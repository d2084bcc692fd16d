/*
 * acts.h - chosen calls of libvtclone.so to librados, librbd and libc answer as they do at a bad moment: late, busy, with
 * another errno value, or with what somebody else did meanwhile. A program that links acts.c has functions that stand
 * before the real ones; without an act they only pass their calls on.
 */
#ifndef TESTS_CEPH_ACTS_H
#define TESTS_CEPH_ACTS_H

#define REAL 1 /* the call is made; what is done to it is something else */
#define ALWAYS 1000000
#define ACTS 6

/* What a call does, from its turn on and so many times. Of those that fit a call the first one acts. */
struct act {
    const char *name; /* of the function, or "write PREFIX": a write to an object whose name begins so, up to the first dot */
    int skip, times;
    int result; /* instead of the call, or REAL */
    int delay_ms;
    void (*hook)(void);
};
extern struct act acts[ACTS]; /* the test's to fill while no call runs that they fit */

/* No act, and the clock is right again; at any time. */
void acts_clear(void);
/* The library's monotonic clock goes so many seconds ahead of everybody else's from now on. */
void acts_clock_ahead(int seconds);

#endif

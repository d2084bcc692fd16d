/*
 * deadline.h - a point in time on CLOCK_MONOTONIC that a whole operation must keep to.
 */
#ifndef VTCLONE_DEADLINE_H
#define VTCLONE_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

static inline int64_t monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct deadline {
    int64_t at_ns;
};

static inline struct deadline deadline_in_ms(uint32_t ms)
{
    return (struct deadline){ .at_ns = monotonic_ns() + (int64_t)ms * 1000000 };
}

/* Milliseconds left; 0 when it has passed. */
static inline uint32_t deadline_left_ms(struct deadline deadline)
{
    int64_t left = deadline.at_ns - monotonic_ns();

    return left <= 0 ? 0 : left / 1000000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(left / 1000000);
}

static inline bool deadline_passed(struct deadline deadline)
{
    return monotonic_ns() >= deadline.at_ns;
}

#endif

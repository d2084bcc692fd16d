/*
 * flight.c - one does the work, the others wait for its result.
 */
#include "flight.h"

#include <errno.h>

#define CANCEL_LOOK_NS 200000000 /* a wait that can be cancelled looks at the descriptor this often */

void flight_init(struct flight *flight)
{
    pthread_condattr_t monotonic;

    *flight = (struct flight){ 0 };
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&flight->landed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void flight_destroy(struct flight *flight)
{
    pthread_cond_destroy(&flight->landed);
}

enum flight_role flight_enter(struct flight *flight, pthread_mutex_t *lock, const struct call *call)
{
    const uint64_t landings = flight->landings;

    if (!flight->under_way) {
        flight->under_way = true;
        return FLIGHT_LEAD;
    }
    while (flight->landings == landings) {
        int64_t until = call->deadline.at_ns;
        if (call->cancel_fd > 0 && until > monotonic_ns() + CANCEL_LOOK_NS)
            until = monotonic_ns() + CANCEL_LOOK_NS;
        struct timespec at = { .tv_sec = until / 1000000000, .tv_nsec = until % 1000000000 };
        pthread_cond_timedwait(&flight->landed, lock, &at);
        if (flight->landings == landings && (deadline_passed(call->deadline) || call_is_cancelled(call)))
            return FLIGHT_LATE;
    }
    return FLIGHT_LANDED;
}

void flight_leave(struct flight *flight, int32_t rc, const vtclone_error *error)
{
    flight->under_way = false;
    flight->landings++;
    flight->rc = rc;
    flight->error = *error;
    pthread_cond_broadcast(&flight->landed);
}

bool flight_failed_alone(const struct flight *flight)
{
    return flight->rc == VTCLONE_E_CANCELLED || flight->rc == VTCLONE_E_TIMEOUT || flight->rc == VTCLONE_E_NOMEM;
}

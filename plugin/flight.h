/*
 * flight.h - many threads want the same slow thing: one of them does it, the others wait for its result.
 *
 * lock() ; role = flight_enter() ; if it is FLIGHT_LEAD: unlock, do the work, lock, flight_leave() ; else the result of
 * the one that was waited for is in the flight. The lock belongs to whoever owns the flight; it is not held during the
 * work.
 */
#ifndef VTCLONE_FLIGHT_H
#define VTCLONE_FLIGHT_H

#include "http.h"

#include <pthread.h>

enum flight_role {
    FLIGHT_LEAD,   /* the caller does the work */
    FLIGHT_LANDED, /* another one did: its result is in rc and error */
    FLIGHT_LATE,   /* the deadline passed, or the wait was cancelled, before the other one was done */
};

struct flight {
    pthread_cond_t landed;
    bool under_way;
    uint64_t landings;
    int32_t rc;
    vtclone_error error;
};

void flight_init(struct flight *flight);
void flight_destroy(struct flight *flight);
enum flight_role flight_enter(struct flight *flight, pthread_mutex_t *lock, const struct call *call);
void flight_leave(struct flight *flight, int32_t rc, const vtclone_error *error);

/* A result that says something of its thread alone, not of the thing: whoever waited has to try for itself. */
bool flight_failed_alone(const struct flight *flight);

#endif

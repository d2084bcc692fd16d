/*
 * fault.h - faults that a real cluster cannot be made to have at a chosen moment, for tests. Only a build with
 * VTCLONE_FAULTS (make FLAVOUR=faults, asan, tsan or cov) has them; in every other build these are empty and the
 * environment is not read.
 *
 *   VTCLONE_FAULT_KILL=STEP[,STEP]     of the first batch with one of these steps only these are done; then the process
 *                                      kills itself
 *   VTCLONE_FAULT_REFUSE=STEP:ERRNO    the step is not done and answers with this errno value
 *   VTCLONE_FAULT_ANSWER=STEP:ERRNO    the step is done, but its answer is this errno value
 *   VTCLONE_FAULT_PAUSE=STEP:FILE      after the step's batch: makes FILE and goes on when it is gone
 *
 * REFUSE, ANSWER and PAUSE act on every batch with the step, PAUSE on the first one only.
 */
#ifndef VTCLONE_FAULT_H
#define VTCLONE_FAULT_H

#include <stdbool.h>

struct batch;
struct batch_item;

#ifdef VTCLONE_FAULTS
bool fault_skips(struct batch *batch, struct batch_item *item);
void fault_answer(struct batch_item *item);
void fault_after(struct batch *batch);
#else
static inline bool fault_skips(struct batch *batch, struct batch_item *item)
{
    (void)batch;
    (void)item;
    return false;
}
static inline void fault_answer(struct batch_item *item)
{
    (void)item;
}
static inline void fault_after(struct batch *batch)
{
    (void)batch;
}
#endif

#endif

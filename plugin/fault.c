/*
 * fault.c - see fault.h. Nothing of it is in a build without VTCLONE_FAULTS.
 */
#include "fault.h"

typedef int fault_unit_is_not_empty;

#ifdef VTCLONE_FAULTS

#include "batch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#ifdef VTCLONE_COUNTERS
/* libgcov's: SIGKILL would lose what a build with --coverage has counted. */
void __gcov_dump(void);
static void keep_counters(void)
{
    __gcov_dump();
}
#else
static void keep_counters(void)
{
}
#endif

/* What follows STEP in a list "STEP[:REST][,...]", or NULL where the step is not in it. */
static const char *find(const char *variable, const char *step)
{
    const char *at = getenv(variable);
    size_t len = strlen(step);

    while (at != NULL && *at != '\0') {
        if (strncmp(at, step, len) == 0 && (at[len] == ':' || at[len] == ',' || at[len] == '\0'))
            return at + len + (at[len] == ':');
        at = strchr(at, ',');
        if (at != NULL)
            at++;
    }
    return NULL;
}

static bool any(const struct batch *batch, const char *variable)
{
    for (unsigned i = 0; i < batch->count; i++)
        if (find(variable, batch->items[i].step) != NULL)
            return true;
    return false;
}

bool fault_skips(struct batch *batch, struct batch_item *item)
{
    return find("VTCLONE_FAULT_REFUSE", item->step) != NULL ||
           (any(batch, "VTCLONE_FAULT_KILL") && find("VTCLONE_FAULT_KILL", item->step) == NULL);
}

void fault_answer(struct batch_item *item)
{
    const char *answer = find("VTCLONE_FAULT_REFUSE", item->step);

    if (answer == NULL)
        answer = find("VTCLONE_FAULT_ANSWER", item->step);
    if (answer != NULL)
        item->result = -(int)strtol(answer, NULL, 10);
}

static void pause_at(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    while (access(path, F_OK) == 0)
        usleep(2000);
}

void fault_after(struct batch *batch)
{
    static atomic_bool paused;

    if (any(batch, "VTCLONE_FAULT_KILL")) {
        keep_counters();
        kill(getpid(), SIGKILL);
    }
    for (unsigned i = 0; i < batch->count; i++) {
        const char *path = find("VTCLONE_FAULT_PAUSE", batch->items[i].step);
        if (path != NULL && !atomic_exchange(&paused, true))
            pause_at(path);
    }
}

#endif

/*
 * certify.c - see certify.h. The memory of verdicts; certify_run.c makes one.
 */
#include "certify.h"

#include "arena.h"
#include "certify_run.h"
#include "job.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 256
#define RETRY_MS 30000 /* after a certification that failed for the cluster's sake */

enum slot_state { FREE, RUNNING, SAYS };

struct slot {
    enum slot_state state;
    char fsid[40];
    int64_t source, target; /* ids of the pools */
    uint64_t features;
    struct deadline until; /* later a "no" is asked again; 0: never */
    struct verdict verdict;
};

struct certificates {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct slot slots[SLOTS];
};

struct certificates *certificates_new(void)
{
    struct certificates *certificates = calloc(1, sizeof(*certificates));

    if (certificates == NULL)
        return NULL;
    pthread_mutex_init(&certificates->lock, NULL);
    monotonic_cond_init(&certificates->changed);
    return certificates;
}

void certificates_free(struct certificates *certificates)
{
    if (certificates == NULL)
        return;
    pthread_cond_destroy(&certificates->changed);
    pthread_mutex_destroy(&certificates->lock);
    free(certificates);
}

/* The slot of the key, a free one for it, or NULL. Under the lock. */
static struct slot *find(struct certificates *certificates, const struct slot *key)
{
    struct slot *unused = NULL;

    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &certificates->slots[i];
        if (slot->state == FREE)
            unused = unused != NULL ? unused : slot;
        else if (slot->source == key->source && slot->target == key->target && slot->features == key->features &&
                 strcmp(slot->fsid, key->fsid) == 0)
            return slot;
    }
    if (unused != NULL)
        *unused = *key;
    return unused;
}

static bool is_out_of_date(const struct slot *slot)
{
    return slot->state == FREE || (slot->state == SAYS && slot->until.at_ns != 0 && deadline_passed(slot->until));
}

static void say_no(struct verdict *out, const char *why)
{
    *out = (struct verdict){ .certified = false };
    snprintf(out->reason, sizeof(out->reason), "%s", why);
}

/* ---- the thread that certifies ---- */

struct work {
    struct certificates *certificates; /* alive as long as the connection */
    struct connection *connection;     /* a reference */
    struct slot *slot;
    rados_ioctx_t source, target;
    struct arena arena; /* of the request's strings */
    struct backend backend;
    struct clone_request request;
};

static void work_free(struct work *work)
{
    arena_release(&work->arena);
    connection_put(work->connection, false);
    free(work);
}

/* Calls into librbd can outlast any caller's deadline; the verdict is noted whenever they end. */
static void *work_run(void *argument)
{
    struct work *work = argument;
    struct certificates *certificates = work->certificates;
    struct verdict verdict;
    bool holds = certify_run(work->connection, &work->request, work->source, work->target, &verdict);

    pthread_mutex_lock(&certificates->lock);
    work->slot->verdict = verdict;
    work->slot->until = holds ? (struct deadline){ 0 } : deadline_in_ms(RETRY_MS);
    work->slot->state = SAYS;
    pthread_cond_broadcast(&certificates->changed);
    pthread_mutex_unlock(&certificates->lock);
    work_free(work);
    return NULL;
}

static struct work *work_new(struct connection *connection, const struct clone_request *request)
{
    struct work *work = calloc(1, sizeof(*work));

    if (work == NULL)
        return NULL;
    arena_init(&work->arena, 1024, 16 * 1024);
    work->connection = connection_ref(connection);
    work->backend.pool = arena_strdup(&work->arena, request->backend->pool);
    work->backend.chunk_size_mib = request->backend->chunk_size_mib;
    work->request = (struct clone_request){
        .backend = &work->backend,
        .parent_pool = arena_strdup(&work->arena, request->parent_pool),
        .parent_image = arena_strdup(&work->arena, request->parent_image),
        .parent_snap = arena_strdup(&work->arena, request->parent_snap),
        .size_bytes = request->size_bytes,
    };
    if (work->backend.pool == NULL || work->request.parent_pool == NULL || work->request.parent_image == NULL ||
        work->request.parent_snap == NULL) {
        work_free(work);
        return NULL;
    }
    return work;
}

/* Under the lock. */
static void start(struct certificates *certificates, struct slot *slot, struct connection *connection,
                  const struct clone_request *request, rados_ioctx_t source, rados_ioctx_t target)
{
    struct work *work = work_new(connection, request);
    pthread_t thread;

    slot->state = RUNNING;
    if (work != NULL) {
        work->certificates = certificates;
        work->slot = slot;
        work->source = source;
        work->target = target;
        if (thread_start(&thread, work_run, work) == 0) {
            pthread_detach(thread);
            return;
        }
        work_free(work);
    }
    say_no(&slot->verdict, "not certified: no thread could be started for it");
    slot->until = deadline_in_ms(RETRY_MS);
    slot->state = SAYS;
}

void certify(struct certificates *certificates, struct connection *connection, const struct clone_request *request,
             uint64_t features, struct verdict *out)
{
    struct slot key = { .features = features }, *slot;
    rados_ioctx_t source, target;
    vtclone_error ignored = { 0 };
    bool in_time = true;

    if (connection_pool(connection, request->parent_pool, request->deadline, &source, &ignored) != 0 ||
        connection_pool(connection, request->backend->pool, request->deadline, &target, &ignored) != 0) {
        say_no(out, "not certified: a pool cannot be opened");
        return;
    }
    snprintf(key.fsid, sizeof(key.fsid), "%s", connection_fsid(connection));
    key.source = rados_ioctx_get_id(source);
    key.target = rados_ioctx_get_id(target);
    pthread_mutex_lock(&certificates->lock);
    slot = find(certificates, &key);
    if (slot != NULL && is_out_of_date(slot))
        start(certificates, slot, connection, request, source, target);
    while (slot != NULL && slot->state == RUNNING && in_time)
        in_time = monotonic_cond_wait(&certificates->changed, &certificates->lock, request->deadline);
    if (slot == NULL)
        say_no(out, "not certified: this process has certified too many pairs of pools");
    else if (slot->state == RUNNING)
        say_no(out, "not certified: the certification is still under way");
    else
        *out = slot->verdict;
    pthread_mutex_unlock(&certificates->lock);
}

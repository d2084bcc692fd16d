/*
 * copy.c - copy on demand: Glance copies an image into stores, once for all who ask.
 *
 * Callers of one cloud that want the same image meet in copy_join.c: one leads, the others share its result. Between
 * processes Glance's own import lock does the same: whoever comes second is told 409 (by Glance 25 sometimes 500), waits
 * and looks again. A copy is only asked for where the image is neither in the store nor on its way there.
 */
#include "copy.h"

#include "error.h"
#include "image.h"
#include "strbuf.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#define LOOK_FIRST_MS 300
#define LOOK_LONGEST_MS 5000
#define LOOK_ARENA (32u * 1024 * 1024)
#define SETTLE_LOOKS 4       /* after Glance took a copy: looks until its attributes can be believed */
#define BUSY_LOOKS 12        /* looks at a locked image, where the caller does not want to wait */
#define BROKEN_ANSWERS 3     /* HTTP 500 to our request: the last one is the error */
#define PRESENT_LOOKS 6      /* "already there" from the import, but not in the image's list of stores */

/* ---- what a look at the image shows ---- */

struct view {
    struct arena arena;
    const char *status;
    const char *stores;    /* comma lists, or NULL */
    const char *importing;
    const char *failed;
    const char *task;      /* of the import that holds the image, or NULL */
    int64_t bytes;         /* -1: unknown */
};

/* One copy as its leader sees it. */
struct lead {
    vtclone_cloud *cloud;
    const struct call *call;
    const struct copy_request *request;
    vtclone_copy_result *result;
    const char *missing[VTCLONE_MAX_STORES];
    size_t missing_count;
    bool accepted;          /* Glance took our request */
    bool seen_running;      /* since then */
    unsigned looks;         /* since then */
    unsigned busy, present, broken; /* answers of that kind */
    bool checked_names;
    char old_task[64];      /* of a copy that failed before ours */
};

static void view_release(struct view *view)
{
    arena_release(&view->arena);
}

static int32_t look(struct lead *lead, struct view *view, vtclone_error *err)
{
    const char *id = lead->request->image_id;
    vtclone_error wrong = { 0 };
    struct json *image;
    char *text;
    size_t len;

    *view = (struct view){ .bytes = -1 };
    arena_init(&view->arena, 16384, LOOK_ARENA);
    int32_t rc = glance_image(&lead->cloud->glance, lead->call, id, NULL, &text, &len, err);
    if (rc != VTCLONE_OK)
        return rc;
    rc = json_parse(&view->arena, "the answer", text, len, &image, &wrong);
    free(text);
    if (rc == VTCLONE_OK)
        rc = json_opt_string(image, "status", 64, &view->status, "image", &wrong);
    if (rc == VTCLONE_OK)
        rc = json_opt_string(image, "stores", 65536, &view->stores, "image", &wrong);
    if (rc == VTCLONE_OK)
        rc = json_opt_string(image, "os_glance_importing_to_stores", 65536, &view->importing, "image", &wrong);
    if (rc == VTCLONE_OK)
        rc = json_opt_string(image, "os_glance_failed_import", 65536, &view->failed, "image", &wrong);
    if (rc == VTCLONE_OK)
        rc = json_opt_string(image, "os_glance_import_task", 65536, &view->task, "image", &wrong);
    if (rc == VTCLONE_OK)
        rc = json_opt_int(image, "size", &view->bytes, "image", &wrong);
    if (rc == VTCLONE_OK || rc == VTCLONE_E_NOMEM)
        return rc == VTCLONE_OK ? rc : error_nomem(err, "the answer of Glance");
    return error_set(err, VTCLONE_E_GLANCE, "get image %s from Glance: %s", id, wrong.message);
}

static bool any_in(const struct lead *lead, const char *list, const char **which)
{
    for (size_t i = 0; i < lead->missing_count; i++) {
        if (comma_list_has(list, lead->missing[i])) {
            *which = lead->missing[i];
            return true;
        }
    }
    return false;
}

static void find_missing(struct lead *lead, const struct view *view)
{
    lead->missing_count = 0;
    for (size_t i = 0; i < lead->request->store_count; i++)
        if (!comma_list_has(view->stores, lead->request->stores[i]))
            lead->missing[lead->missing_count++] = lead->request->stores[i];
}

/* ---- progress ---- */

static void show(const struct lead *lead, enum vtclone_copy_state state, int64_t copied, int64_t total)
{
    vtclone_copy_progress *progress = lead->request->progress;

    if (progress == NULL)
        return;
    if (copied >= 0)
        __atomic_store_n(&progress->copied_bytes, copied, __ATOMIC_RELAXED);
    if (total >= 0)
        __atomic_store_n(&progress->total_bytes, total, __ATOMIC_RELAXED);
    __atomic_store_n(&progress->state, (int32_t)state, __ATOMIC_RELEASE);
}

static int32_t failed(const struct lead *lead, const char *store, const char *why, vtclone_error *err)
{
    return error_set(err, VTCLONE_E_COPY_FAILED, "copy image %s to store %.100s: %.400s", lead->request->image_id, store,
                     why != NULL && why[0] != '\0' ? why : "Glance says that it failed, and not why (its log tells)");
}

/* Glance is at it: shows how far it is. */
static int32_t follow(struct lead *lead, struct view *view, const char *store, vtclone_error *err)
{
    struct glance_task task = { .copied_mib = -1 };
    int32_t rc = VTCLONE_OK;

    if (lead->request->progress != NULL)
        rc = glance_copy_task(&lead->cloud->glance, lead->call, &view->arena, lead->request->image_id, store, &task, err);
    show(lead, VTCLONE_COPY_RUNNING, task.copied_mib < 0 ? -1 : MIN(task.copied_mib * 1024 * 1024, MAX(view->bytes, 0)),
         view->bytes);
    return rc;
}

/* Glance took our request, and the image is neither there nor on its way: not yet, or not any more? */
static int32_t after_acceptance(struct lead *lead, struct view *view, vtclone_error *err)
{
    const char *store = lead->missing[0], *marked = NULL;
    struct glance_task task;

    lead->looks++;
    int32_t rc = glance_copy_task(&lead->cloud->glance, lead->call, &view->arena, lead->request->image_id, store, &task, err);
    if (rc != VTCLONE_OK)
        return rc;
    const bool ours = task.id != NULL && task.status != NULL && strcmp(task.id, lead->old_task) != 0;
    if (ours && strcmp(task.status, "failure") == 0)
        return failed(lead, store, task.message, err);
    const bool settled = ours ? strcmp(task.status, "success") == 0 :
                                view->task == NULL && (lead->seen_running || lead->looks > SETTLE_LOOKS);
    if (settled && any_in(lead, view->failed, &marked))
        return failed(lead, marked, NULL, err); /* of a task that ended well the message is only its progress */
    if (ours && settled && lead->looks > SETTLE_LOOKS)
        return failed(lead, store, "Glance says that the copy succeeded, but the image is not in the store", err);
    return VTCLONE_OK;
}

/* ---- asking ---- */

/* An unknown store would be answered like a locked image (409), and waited for until the deadline. */
static int32_t check_names(struct lead *lead, struct view *view, vtclone_error *err)
{
    char room[400];
    struct strbuf names;
    const struct json *stores;
    int32_t rc = glance_store_names(&lead->cloud->glance, lead->call, &view->arena, &stores, err);

    if (rc != VTCLONE_OK)
        return rc;
    if (stores == NULL)
        return error_set(err, VTCLONE_E_COPY_FAILED, "copy image %s: this Glance has one store only", lead->request->image_id);
    for (size_t i = 0; i < lead->missing_count; i++) {
        bool found = false;
        strbuf_init(&names, room, sizeof(room));
        for (const struct json *store = stores->first; store != NULL; store = store->next) {
            const struct json *id = json_get(store, "id");
            if (id == NULL || id->type != JSON_STRING)
                continue;
            found = found || strcmp(id->text, lead->missing[i]) == 0;
            strbuf_printf(&names, "%s%s", names.len != 0 ? ", " : "", id->text);
        }
        if (!found)
            return error_set(err, VTCLONE_E_INVALID, "Glance has no store %.100s (it has %s)", lead->missing[i], room);
    }
    lead->checked_names = true;
    return VTCLONE_OK;
}

/* Remembers the task of a copy that failed before, so that it is not taken for ours. */
static int32_t note_old_task(struct lead *lead, struct view *view, vtclone_error *err)
{
    struct glance_task task;
    const char *store;

    if (!any_in(lead, view->failed, &store))
        return VTCLONE_OK;
    int32_t rc = glance_copy_task(&lead->cloud->glance, lead->call, &view->arena, lead->request->image_id, store, &task, err);
    if (rc == VTCLONE_OK && task.id != NULL)
        memcpy(lead->old_task, task.id, MIN(strlen(task.id) + 1, sizeof(lead->old_task)));
    return rc;
}

static int32_t ask(struct lead *lead, struct view *view, vtclone_error *err)
{
    enum copy_answer answer;
    int32_t rc = VTCLONE_OK;

    if (!lead->checked_names)
        rc = check_names(lead, view, err);
    if (rc == VTCLONE_OK)
        rc = note_old_task(lead, view, err);
    if (rc != VTCLONE_OK)
        return rc;
    rc = glance_copy(&lead->cloud->glance, lead->call, lead->request->image_id, lead->missing, lead->missing_count, &answer, err);
    if (rc != VTCLONE_OK && answer == COPY_BROKE && ++lead->broken < BROKEN_ANSWERS) {
        error_clear(err); /* whether somebody's import has begun all the same, the next look shows */
        return VTCLONE_OK;
    }
    if (rc != VTCLONE_OK)
        return rc;
    if (answer == COPY_ACCEPTED) {
        lead->accepted = true;
        lead->looks = 0;
        lead->result->started = 1;
        copy_count_accepted(lead->cloud->copies);
    } else if (answer == COPY_BUSY) {
        show(lead, VTCLONE_COPY_WAITING, -1, view->bytes);
        if (++lead->busy > BUSY_LOOKS && lead->request->no_wait)
            return error_set(err, VTCLONE_E_GLANCE, "copy image %s to store %.100s: another import of the image is under way",
                             lead->request->image_id, lead->missing[0]);
    } else if (++lead->present > PRESENT_LOOKS) {
        return failed(lead, lead->missing[0], "Glance says that it is there, but the image does not list the store", err);
    }
    return VTCLONE_OK;
}

/* ---- leading ---- */

/* One look and what follows from it; *done: nothing is left to wait for. */
static int32_t step(struct lead *lead, bool *done, vtclone_error *err)
{
    __attribute__((cleanup(view_release))) struct view view = { 0 };
    const char *store = NULL;
    int32_t rc = look(lead, &view, err);

    if (rc != VTCLONE_OK)
        return rc;
    lead->result->image_bytes = MAX(view.bytes, 0);
    find_missing(lead, &view);
    if (lead->missing_count == 0) {
        lead->result->complete = 1;
        show(lead, VTCLONE_COPY_DONE, view.bytes, view.bytes);
        *done = true;
        return VTCLONE_OK;
    }
    if (view.status == NULL || strcmp(view.status, "active") != 0)
        return failed(lead, lead->missing[0], "the image is not active, and only active images can be copied", err);
    if (any_in(lead, view.importing, &store)) {
        lead->seen_running = lead->accepted;
        rc = follow(lead, &view, store, err);
    } else if (lead->accepted) {
        rc = after_acceptance(lead, &view, err);
    } else {
        rc = ask(lead, &view, err);
    }
    *done = rc == VTCLONE_OK && lead->request->no_wait && (lead->accepted || store != NULL);
    return rc;
}

int32_t copy_lead(vtclone_cloud *cloud, const struct call *call, const struct copy_request *request,
                  vtclone_copy_result *result, vtclone_error *err)
{
    struct lead lead = { .cloud = cloud, .call = call, .request = request, .result = result };
    uint32_t wait = LOOK_FIRST_MS;
    char what[200];
    bool done = false;

    show(&lead, VTCLONE_COPY_ASKING, 0, 0);
    for (;;) {
        int32_t rc = step(&lead, &done, err);
        if (rc != VTCLONE_OK || done)
            return rc;
        snprintf(what, sizeof(what), "copy image %s to store %.100s (%s)", request->image_id, lead.missing[0],
                 lead.accepted || lead.seen_running ? "Glance is still at it" : "another import of the image is under way");
        rc = call_sleep(call, jittered(wait), what, err);
        if (rc != VTCLONE_OK)
            return rc;
        wait = MIN(wait + wait / 2, LOOK_LONGEST_MS);
    }
}

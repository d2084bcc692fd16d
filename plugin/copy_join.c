/*
 * copy_join.c - callers that want the same image copied meet: one leads, the others wait for its result. The public
 * entry points of copying.
 */
#include "copy.h"

#include "decision.h"
#include "error.h"
#include "sized.h"

#include <stdlib.h>
#include <string.h>

#define COPY_TIMEOUT_MS 3600000

/* An image that somebody brings into stores. */
struct copy {
    struct copy *next;
    char image_id[40];
    unsigned users;            /* the leader and those who wait */
    struct flight flight;
    vtclone_copy_result result;
    size_t store_count;        /* what the flight that landed last was for */
    char *stores[VTCLONE_MAX_STORES];
};

struct copy_table {
    pthread_mutex_t lock; /* of everything here; never held across the network */
    struct copy *first;
    atomic_uint_fast64_t accepted;
};

struct copy_table *copy_table_new(void)
{
    struct copy_table *table = calloc(1, sizeof(*table));

    if (table != NULL)
        pthread_mutex_init(&table->lock, NULL);
    return table;
}

void copy_table_free(struct copy_table *table)
{
    if (table == NULL)
        return;
    pthread_mutex_destroy(&table->lock); /* no call is under way, so the list is empty */
    free(table);
}

uint64_t copy_table_accepted(struct copy_table *table)
{
    return atomic_load(&table->accepted);
}

void copy_count_accepted(struct copy_table *table)
{
    atomic_fetch_add(&table->accepted, 1);
}

static void forget_stores(struct copy *copy)
{
    for (size_t i = 0; i < copy->store_count; i++)
        free(copy->stores[i]);
    copy->store_count = 0;
}

/* Called with the lock. */
static struct copy *find_or_make(struct copy_table *table, const char *image_id)
{
    struct copy *copy;

    for (copy = table->first; copy != NULL; copy = copy->next)
        if (strcasecmp(copy->image_id, image_id) == 0)
            break;
    if (copy == NULL && (copy = calloc(1, sizeof(*copy))) != NULL) {
        snprintf(copy->image_id, sizeof(copy->image_id), "%s", image_id);
        flight_init(&copy->flight);
        copy->next = table->first;
        table->first = copy;
    }
    if (copy != NULL)
        copy->users++;
    return copy;
}

/* Called with the lock. */
static void leave(struct copy_table *table, struct copy *copy)
{
    struct copy **at = &table->first;

    if (--copy->users != 0)
        return;
    while (*at != copy)
        at = &(*at)->next;
    *at = copy->next;
    forget_stores(copy);
    flight_destroy(&copy->flight);
    free(copy);
}

/* How many of the wanted stores the last flight was for. */
static size_t covered(const struct copy *copy, const struct copy_request *request)
{
    size_t count = 0;

    for (size_t i = 0; i < request->store_count; i++)
        for (size_t n = 0; n < copy->store_count; n++)
            if (strcmp(copy->stores[n], request->stores[i]) == 0) {
                count++;
                break;
            }
    return count;
}

/* Called with the lock, which it gives up meanwhile. */
static int32_t lead(vtclone_cloud *cloud, const struct call *call, const struct copy_request *request,
                    struct copy *copy, vtclone_copy_result *result, vtclone_error *err)
{
    struct copy_table *table = cloud->copies;

    pthread_mutex_unlock(&table->lock);
    int32_t rc = copy_lead(cloud, call, request, result, err);
    pthread_mutex_lock(&table->lock);
    forget_stores(copy);
    for (size_t i = 0; i < request->store_count; i++) {
        copy->stores[copy->store_count] = strdup(request->stores[i]);
        if (copy->stores[copy->store_count] != NULL) /* else whoever waits looks for himself */
            copy->store_count++;
    }
    copy->result = *result;
    flight_leave(&copy->flight, rc, err);
    return rc;
}

/* Called with the lock: whether the flight that landed settles the request, with *rc. */
static bool settled(const struct copy *copy, const struct copy_request *request, vtclone_copy_result *result,
                    int32_t *rc, vtclone_error *err)
{
    const size_t count = covered(copy, request);

    if (copy->flight.rc == VTCLONE_OK && count == request->store_count &&
        (copy->result.complete != 0 || request->no_wait)) {
        *result = copy->result;
        result->started = 0;
        *rc = VTCLONE_OK;
        return true;
    }
    if (copy->flight.rc != VTCLONE_OK && count != 0 && !flight_failed_alone(&copy->flight)) {
        *err = copy->flight.error;
        *rc = copy->flight.rc;
        return true;
    }
    return false;
}

static void show_landed(const struct copy_request *request, const vtclone_copy_result *result)
{
    if (request->progress == NULL || result->complete == 0)
        return;
    __atomic_store_n(&request->progress->total_bytes, result->image_bytes, __ATOMIC_RELAXED);
    __atomic_store_n(&request->progress->copied_bytes, result->image_bytes, __ATOMIC_RELAXED);
    __atomic_store_n(&request->progress->state, VTCLONE_COPY_DONE, __ATOMIC_RELEASE);
}

int32_t copy_join(vtclone_cloud *cloud, const struct call *call, const struct copy_request *request,
                  vtclone_copy_result *result, vtclone_error *err)
{
    struct copy_table *table = cloud->copies;
    int32_t rc = VTCLONE_OK;

    pthread_mutex_lock(&table->lock);
    struct copy *copy = find_or_make(table, request->image_id);
    for (bool done = copy == NULL; !done;) {
        enum flight_role role = flight_enter(&copy->flight, &table->lock, call);
        if (role == FLIGHT_LEAD) {
            rc = lead(cloud, call, request, copy, result, err);
            done = true;
        } else if (role == FLIGHT_LATE) {
            bool cancelled = call_is_cancelled(call);
            rc = error_set(err, cancelled ? VTCLONE_E_CANCELLED : VTCLONE_E_TIMEOUT,
                           "copy image %s to store %.100s, with another caller: %s", request->image_id,
                           request->stores[0], cancelled ? "cancelled" : "the deadline passed");
            done = true;
        } else {
            done = settled(copy, request, result, &rc, err);
        }
    }
    if (copy != NULL)
        leave(table, copy);
    pthread_mutex_unlock(&table->lock);
    if (copy == NULL)
        return error_nomem(err, "a copy");
    if (rc == VTCLONE_OK)
        show_landed(request, result);
    return rc;
}

/* ---- entry points ---- */

static int32_t check_stores(const char *const *stores, size_t count, vtclone_error *err)
{
    if (stores == NULL || count == 0)
        return error_set(err, VTCLONE_E_INVALID, "copy: no store is named");
    if (count > VTCLONE_MAX_STORES)
        return error_set(err, VTCLONE_E_LIMIT, "copy: %zu stores exceed VTCLONE_MAX_STORES (%d)", count, VTCLONE_MAX_STORES);
    for (size_t i = 0; i < count; i++)
        if (stores[i] == NULL || stores[i][0] == '\0' || strchr(stores[i], ',') != NULL ||
            strlen(stores[i]) > VTCLONE_MAX_NAME_BYTES)
            return error_set(err, VTCLONE_E_INVALID, "copy: store %zu: NULL, empty, too long, or with a comma", i);
    return VTCLONE_OK;
}

static int32_t take_options(const vtclone_copy_options *options, vtclone_copy_options *out, vtclone_error *err)
{
    int32_t rc = sized_read(out, sizeof(*out), options, "vtclone_copy_options", err);

    if (rc == VTCLONE_OK && out->cancel_fd < 0)
        rc = error_set(err, VTCLONE_E_INVALID, "vtclone_copy_options: cancel_fd is %d", (int)out->cancel_fd);
    if (rc == VTCLONE_OK)
        rc = cloud_check_token(out->user_token, err);
    if (out->timeout_ms == 0)
        out->timeout_ms = COPY_TIMEOUT_MS;
    return rc;
}

/* The user must be able to see the image, whatever the cloud's own credential may do. */
static int32_t check_user(vtclone_cloud *cloud, const struct call *call, const char *image_id, const char *user_token,
                          vtclone_error *err)
{
    char *text;
    size_t len;

    if (user_token == NULL)
        return VTCLONE_OK;
    int32_t rc = glance_image(&cloud->glance, call, image_id, user_token, &text, &len, err);
    if (rc == VTCLONE_OK)
        free(text);
    return rc;
}

int32_t vtclone_cloud_copy(vtclone_cloud *cloud, const char *image_id, const char *const *stores, size_t store_count,
                           const vtclone_copy_options *options, vtclone_copy_result *out, vtclone_error *err)
{
    vtclone_copy_options given;
    vtclone_copy_result result = { 0 };

    ERR_OR_LOCAL(err);
    int32_t rc = cloud_enter(cloud, "vtclone_cloud_copy", err);
    if (rc == VTCLONE_OK)
        rc = take_options(options, &given, err);
    if (rc == VTCLONE_OK)
        rc = cloud_check_uuid(image_id, "image id", err);
    if (rc == VTCLONE_OK)
        rc = check_stores(stores, store_count, err);
    if (rc == VTCLONE_OK && out != NULL && out->size < sizeof(out->size))
        rc = error_set(err, VTCLONE_E_INVALID, "vtclone_copy_result: its size is not set");
    if (rc != VTCLONE_OK)
        return rc;
    const struct copy_request request = {
        .image_id = image_id, .stores = stores, .store_count = store_count, .no_wait = given.no_wait != 0,
        .progress = given.progress,
    };
    struct call call = cloud_call(cloud, given.timeout_ms, given.cancel_fd);
    rc = check_user(cloud, &call, image_id, given.user_token, err);
    if (rc == VTCLONE_OK)
        rc = copy_join(cloud, &call, &request, &result, err);
    if (rc == VTCLONE_OK && out != NULL) {
        result.size = out->size;
        sized_write(out, out->size, &result, sizeof(result));
    }
    return rc;
}

/* ---- resolve or copy ---- */

int32_t vtclone_cloud_resolve_or_copy(vtclone_cloud *cloud, const vtclone_site *site, const char *image_id,
                                      const char *user_token, const vtclone_resolve_options *options,
                                      const vtclone_copy_options *copy, vtclone_decision **out, vtclone_error *err)
{
    vtclone_resolve_options wanted;
    vtclone_copy_options given;
    vtclone_copy_result result = { 0 };
    vtclone_decision *first, *after;

    ERR_OR_LOCAL(err);
    int32_t rc = cloud_enter_image(cloud, "vtclone_cloud_resolve_or_copy", out, image_id, user_token, err);
    if (rc == VTCLONE_OK)
        rc = take_options(copy, &given, err);
    if (rc == VTCLONE_OK)
        rc = sized_read(&wanted, sizeof(wanted), options, "vtclone_resolve_options", err);
    if (rc != VTCLONE_OK)
        return rc;
    wanted.size = sizeof(wanted); /* options may be NULL */
    struct call call = cloud_call(cloud, given.timeout_ms, given.cancel_fd);
    rc = cloud_resolve(cloud, &call, site, image_id, user_token, &wanted, &first, err);
    if (rc != VTCLONE_OK)
        return rc;
    const char *store = vtclone_decision_copy_store(first);
    if (store == NULL) {
        *out = first;
        return VTCLONE_OK;
    }
    const struct copy_request request = {
        .image_id = image_id, .stores = &store, .store_count = 1, .no_wait = given.no_wait != 0,
        .progress = given.progress,
    };
    rc = copy_join(cloud, &call, &request, &result, err);
    if (rc == VTCLONE_OK)
        rc = cloud_resolve(cloud, &call, site, image_id, user_token, &wanted, &after, err);
    vtclone_decision_free(first);
    if (rc == VTCLONE_OK)
        *out = after;
    return rc;
}

/*
 * live_site.c - the live site in its cache: fetched by one thread for all, and again when it is too old.
 */
#include "live_site.h"

#include "error.h"

#include <stdlib.h>
#include <string.h>

int32_t live_site_init(struct live_site *live, struct glance *glance, struct cinder *cinder, const char *override,
                       size_t override_len, uint32_t ttl_ms, vtclone_error *err)
{
    vtclone_site *checked;

    *live = (struct live_site){
        .glance = glance, .cinder = cinder, .override_len = override_len, .ttl_ns = (int64_t)ttl_ms * 1000000,
    };
    pthread_mutex_init(&live->lock, NULL);
    flight_init(&live->refresh);
    if (override == NULL)
        return VTCLONE_OK;
    int32_t rc = vtclone_site_parse(override, override_len, &checked, err);
    if (rc != VTCLONE_OK)
        return rc;
    vtclone_site_free(checked);
    live->override = malloc(override_len + 1);
    if (live->override == NULL)
        return error_nomem(err, "the site document");
    memcpy(live->override, override, override_len);
    live->override[override_len] = '\0';
    return VTCLONE_OK;
}

void live_site_destroy(struct live_site *live)
{
    vtclone_site_free(live->site);
    free(live->document);
    free(live->override);
    flight_destroy(&live->refresh);
    pthread_mutex_destroy(&live->lock);
}

/* Called without the lock by the one thread that leads. */
static int32_t ask(struct live_site *live, const struct call *call, char **document, size_t *len, vtclone_site **site,
                   vtclone_error *err)
{
    vtclone_error wrong = { 0 };
    int32_t rc = live_facts(live, call, document, len, err);

    if (rc != VTCLONE_OK)
        return rc;
    rc = vtclone_site_parse(*document, *len, site, &wrong);
    if (rc == VTCLONE_OK)
        return rc;
    free(*document);
    return error_set(err, rc == VTCLONE_E_NOMEM ? rc : VTCLONE_E_CINDER, "the site that the services tell: %s",
                     wrong.message);
}

/* Called with the lock, which it gives up meanwhile. */
static int32_t lead(struct live_site *live, const struct call *call, vtclone_error *err)
{
    vtclone_site *site = NULL;
    char *document = NULL;
    size_t len = 0;

    pthread_mutex_unlock(&live->lock);
    int32_t rc = ask(live, call, &document, &len, &site, err);
    pthread_mutex_lock(&live->lock);
    if (rc == VTCLONE_OK) {
        vtclone_site_free(live->site);
        free(live->document);
        live->site = site;
        live->document = document;
        live->document_len = len;
        live->stale_at_ns = monotonic_ns() + live->ttl_ns;
    }
    flight_leave(&live->refresh, rc, err);
    return rc;
}

/* Called with the lock: leaves a site that is fresh enough, or fails. */
static int32_t freshen(struct live_site *live, const struct call *call, vtclone_error *err)
{
    while (live->site == NULL || monotonic_ns() >= live->stale_at_ns) {
        enum flight_role role = flight_enter(&live->refresh, &live->lock, call);
        if (role == FLIGHT_LEAD)
            return lead(live, call, err);
        if (role == FLIGHT_LATE)
            return error_set(err, call_is_cancelled(call) ? VTCLONE_E_CANCELLED : VTCLONE_E_TIMEOUT,
                             "wait for the stores, pools and types: %s",
                             call_is_cancelled(call) ? "cancelled" : "the deadline passed");
        if (live->refresh.rc == VTCLONE_OK)
            return VTCLONE_OK; /* fresh, however short its time to live */
        if (!flight_failed_alone(&live->refresh)) {
            *err = live->refresh.error;
            return live->refresh.rc;
        }
    }
    return VTCLONE_OK;
}

int32_t live_site_get(struct live_site *live, const struct call *call, vtclone_site **out, vtclone_error *err)
{
    pthread_mutex_lock(&live->lock);
    int32_t rc = freshen(live, call, err);
    if (rc == VTCLONE_OK)
        *out = site_ref(live->site);
    pthread_mutex_unlock(&live->lock);
    return rc;
}

int32_t live_site_text(struct live_site *live, const struct call *call, char **out, size_t *len, vtclone_error *err)
{
    char *copy = NULL;

    pthread_mutex_lock(&live->lock);
    int32_t rc = freshen(live, call, err);
    if (rc == VTCLONE_OK && (copy = strndup(live->document, live->document_len)) == NULL)
        rc = error_nomem(err, "the site document");
    if (rc == VTCLONE_OK) {
        *out = copy;
        if (len != NULL)
            *len = live->document_len;
    }
    pthread_mutex_unlock(&live->lock);
    return rc;
}

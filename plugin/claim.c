/*
 * claim.c - see claim.h.
 */
#include "claim.h"

#include "error.h"
#include "job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct claims {
    pthread_mutex_t lock;
    pthread_cond_t dropped;
    struct claim *first;
};

struct claim {
    struct claim *next;
    struct claims *claims;
    unsigned holders;
    size_t len;
    char key[]; /* fsid, pool and volume, each with its NUL */
};

struct claims *claims_new(void)
{
    struct claims *claims = calloc(1, sizeof(*claims));

    if (claims == NULL)
        return NULL;
    pthread_mutex_init(&claims->lock, NULL);
    monotonic_cond_init(&claims->dropped);
    return claims;
}

void claims_free(struct claims *claims)
{
    pthread_cond_destroy(&claims->dropped);
    pthread_mutex_destroy(&claims->lock);
    free(claims);
}

static struct claim *claim_new(struct claims *claims, const char *fsid, const char *pool, const char *volume)
{
    size_t fsid_size = strlen(fsid) + 1, pool_size = strlen(pool) + 1, volume_size = strlen(volume) + 1;
    struct claim *claim = malloc(sizeof(*claim) + fsid_size + pool_size + volume_size);

    if (claim == NULL)
        return NULL;
    claim->claims = claims;
    claim->holders = 1;
    claim->len = fsid_size + pool_size + volume_size;
    memcpy(claim->key, fsid, fsid_size);
    memcpy(claim->key + fsid_size, pool, pool_size);
    memcpy(claim->key + fsid_size + pool_size, volume, volume_size);
    return claim;
}

static bool is_taken(const struct claims *claims, const struct claim *wanted)
{
    for (const struct claim *claim = claims->first; claim != NULL; claim = claim->next)
        if (claim->len == wanted->len && memcmp(claim->key, wanted->key, wanted->len) == 0)
            return true;
    return false;
}

int32_t claim_take(struct claims *claims, const char *fsid, const char *pool, const char *volume,
                   struct deadline deadline, struct claim **out, vtclone_error *err)
{
    struct claim *claim = claim_new(claims, fsid, pool, volume);
    bool taken;

    if (claim == NULL)
        return error_nomem(err, "a claim on a volume's name");
    pthread_mutex_lock(&claims->lock);
    while ((taken = is_taken(claims, claim)) && monotonic_cond_wait(&claims->dropped, &claims->lock, deadline))
        ;
    if (!taken) {
        claim->next = claims->first;
        claims->first = claim;
    }
    pthread_mutex_unlock(&claims->lock);
    if (taken) {
        free(claim);
        return error_set_errno(err, VTCLONE_E_TIMEOUT, ETIMEDOUT,
                               "clone to %s/%s: an earlier call for this volume is still at work or cleaning up", pool,
                               volume);
    }
    *out = claim;
    return 0;
}

struct claim *claim_ref(struct claim *claim)
{
    pthread_mutex_lock(&claim->claims->lock);
    claim->holders++;
    pthread_mutex_unlock(&claim->claims->lock);
    return claim;
}

void claim_drop(struct claim *claim)
{
    struct claims *claims = claim->claims;
    bool last;

    pthread_mutex_lock(&claims->lock);
    last = --claim->holders == 0;
    if (last) {
        struct claim **at = &claims->first;
        while (*at != claim)
            at = &(*at)->next;
        *at = claim->next;
        pthread_cond_broadcast(&claims->dropped);
    }
    pthread_mutex_unlock(&claims->lock);
    if (last)
        free(claim);
}

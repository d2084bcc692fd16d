/*
 * reason.c - names of the reasons, and which of several is the most telling.
 */
#include "reason.h"

/* Name, and how much the reason tells beside others: higher wins. */
static const struct {
    const char *name;
    int telling;
} reasons[VTCLONE_REASON_COUNT] = {
    [VTCLONE_REASON_OK] = { "OK", 0 },
    [VTCLONE_REASON_NO_LOCATIONS] = { "NO_LOCATIONS", 5 },
    [VTCLONE_REASON_LOCATIONS_HIDDEN] = { "LOCATIONS_HIDDEN", 5 },
    [VTCLONE_REASON_IMAGE_NOT_ACTIVE] = { "IMAGE_NOT_ACTIVE", 90 },
    [VTCLONE_REASON_NOT_RAW] = { "NOT_RAW", 90 },
    [VTCLONE_REASON_NOT_BARE] = { "NOT_BARE", 90 },
    [VTCLONE_REASON_ENCRYPTED] = { "ENCRYPTED", 90 },
    [VTCLONE_REASON_SIGNED_IMAGE] = { "SIGNED_IMAGE", 90 },
    [VTCLONE_REASON_TOO_SMALL] = { "TOO_SMALL", 90 },
    [VTCLONE_REASON_BAD_LOCATION] = { "BAD_LOCATION", 35 },
    [VTCLONE_REASON_UNKNOWN_SCHEME] = { "UNKNOWN_SCHEME", 15 },
    [VTCLONE_REASON_UNKNOWN_STORE] = { "UNKNOWN_STORE", 20 },
    [VTCLONE_REASON_OTHER_CLUSTER] = { "OTHER_CLUSTER", 25 },
    [VTCLONE_REASON_POOL_NOT_ALLOWED] = { "POOL_NOT_ALLOWED", 75 },
    [VTCLONE_REASON_NOT_PAIRED] = { "NOT_PAIRED", 80 },
    [VTCLONE_REASON_SNAPSHOT_MISSING] = { "SNAPSHOT_MISSING", 60 },
    [VTCLONE_REASON_STORE_NOT_FOR_BACKEND] = { "STORE_NOT_FOR_BACKEND", 10 },
    [VTCLONE_REASON_VOLUME_NOT_FOUND] = { "VOLUME_NOT_FOUND", 30 },
    [VTCLONE_REASON_VOLUME_NOT_READY] = { "VOLUME_NOT_READY", 55 },
    [VTCLONE_REASON_OWNER_MISMATCH] = { "OWNER_MISMATCH", 65 },
    [VTCLONE_REASON_COPY_IN_PROGRESS] = { "COPY_IN_PROGRESS", 50 },
    [VTCLONE_REASON_COPY_FAILED] = { "COPY_FAILED", 58 },
    [VTCLONE_REASON_VOLUME_EXISTS] = { "VOLUME_EXISTS", 95 },
    [VTCLONE_REASON_UNKNOWN_VOLUME_TYPE] = { "UNKNOWN_VOLUME_TYPE", 5 },
    [VTCLONE_REASON_NO_BACKEND] = { "NO_BACKEND", 5 },
    [VTCLONE_REASON_GLANCE_ERROR] = { "GLANCE_ERROR", 68 },
    [VTCLONE_REASON_CINDER_ERROR] = { "CINDER_ERROR", 69 },
    [VTCLONE_REASON_KEYSTONE_ERROR] = { "KEYSTONE_ERROR", 67 },
    [VTCLONE_REASON_RADOS_ERROR] = { "RADOS_ERROR", 70 },
};

const char *vtclone_reason_name(int32_t reason)
{
    return reason >= 0 && reason < VTCLONE_REASON_COUNT ? reasons[reason].name : "UNKNOWN_REASON";
}

int32_t vtclone_reason_is_unpaired(int32_t reason)
{
    return reason == VTCLONE_REASON_NOT_PAIRED || reason == VTCLONE_REASON_POOL_NOT_ALLOWED ||
           reason == VTCLONE_REASON_BAD_LOCATION;
}

enum vtclone_reason reason_more_telling(enum vtclone_reason one, enum vtclone_reason other)
{
    return reasons[other].telling > reasons[one].telling ? other : one;
}

/*
 * cli_table.c - a decision for people: what was chosen and why, every candidate with its reason, and what would make a
 * miss a hit. Colour only on a terminal; a URL is never wrapped or cut.
 */
#include "cli_common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What an operator can do about each reason. */
static const char *remedy(int32_t reason)
{
    switch (reason) {
    case VTCLONE_REASON_NO_LOCATIONS:
        return "upload the image again; it has no bytes anywhere";
    case VTCLONE_REASON_STORE_NOT_FOR_BACKEND:
    case VTCLONE_REASON_OTHER_CLUSTER:
    case VTCLONE_REASON_UNKNOWN_SCHEME:
        return "copy the image to the store beside the backend, once the site says which that is (store of the backend, or "
               "image_service:store_id of the type)";
    case VTCLONE_REASON_LOCATIONS_HIDDEN:
        return "ask with credentials that see locations (a service user, or an internal Glance that shows them)";
    case VTCLONE_REASON_IMAGE_NOT_ACTIVE:
        return "wait until the image is active";
    case VTCLONE_REASON_NOT_RAW:
        return "convert the image to raw and upload it anew; Glance can do it on import (image_conversion)";
    case VTCLONE_REASON_NOT_BARE:
        return "set the image's container_format to bare";
    case VTCLONE_REASON_SIGNED_IMAGE:
        return "trust the stores and set signed_images = allow (--signed-images allow), or let Cinder verify a download";
    case VTCLONE_REASON_TOO_SMALL:
        return "ask for a larger volume";
    case VTCLONE_REASON_BAD_LOCATION:
    case VTCLONE_REASON_NOT_PAIRED:
    case VTCLONE_REASON_POOL_NOT_ALLOWED:
        return "find out who wrote this location; it is not the image's own copy (see SECURITY.md)";
    case VTCLONE_REASON_UNKNOWN_STORE:
        return "add the store to the site, or remove the location from the image";
    case VTCLONE_REASON_SNAPSHOT_MISSING:
        return "the copy lost its snapshot: delete it from the store and copy the image there again";
    case VTCLONE_REASON_VOLUME_NOT_FOUND:
        return "give the image volumes (--image-volumes, with all projects), or copy the image to the store again";
    case VTCLONE_REASON_VOLUME_NOT_READY:
        return "wait for the image volume, or reset its state";
    case VTCLONE_REASON_OWNER_MISMATCH:
        return "set owner_rule = paired, or the image volume's metadata image_owner to the image's owner";
    case VTCLONE_REASON_COPY_IN_PROGRESS:
        return "wait for the copy";
    case VTCLONE_REASON_COPY_FAILED:
        return "look into glance-api's log, then copy again (vtclone copy)";
    case VTCLONE_REASON_UNKNOWN_VOLUME_TYPE:
    case VTCLONE_REASON_NO_BACKEND:
        return "compare the name with the site: vtclone stores";
    default:
        return NULL;
    }
}

struct widths {
    int host, store, reason;
};

static int wider(int width, const char *text)
{
    int len = text == NULL ? 1 : (int)strlen(text);

    return len > width ? len : width;
}

static int32_t measure(const vtclone_decision *decision, struct widths *widths, vtclone_error *err)
{
    for (size_t n = 0; n < vtclone_decision_candidate_count(decision); n++) {
        vtclone_candidate_info info = { .size = sizeof(info) };
        int32_t code = vtclone_decision_candidate(decision, n, &info, err);
        if (code != VTCLONE_OK)
            return code;
        widths->host = wider(widths->host, info.host);
        widths->store = wider(widths->store, info.store);
        widths->reason = wider(widths->reason, vtclone_reason_name(info.reason));
    }
    return VTCLONE_OK;
}

static int32_t print_candidates(const vtclone_decision *decision, bool colour, vtclone_error *err)
{
    struct widths widths = { .host = 7, .store = 5, .reason = 6 };
    int32_t code = measure(decision, &widths, err);

    if (code != VTCLONE_OK || vtclone_decision_candidate_count(decision) == 0)
        return code;
    printf("\n%-*s  #  %-*s  %-*s  LOCATION\n", widths.host, "BACKEND", widths.store, "STORE", widths.reason, "REASON");
    for (size_t n = 0; n < vtclone_decision_candidate_count(decision); n++) {
        vtclone_candidate_info info = { .size = sizeof(info) };
        code = vtclone_decision_candidate(decision, n, &info, err);
        if (code != VTCLONE_OK)
            return code;
        const char *on = !colour ? "" : info.reason == VTCLONE_REASON_OK ? "\033[32m" : "\033[33m";
        printf("%-*s %2d  %-*s  %s%-*s%s  %s\n", widths.host, info.host, info.index, widths.store,
               info.store == NULL ? "-" : info.store, on, widths.reason, vtclone_reason_name(info.reason),
               colour ? "\033[0m" : "", info.url);
        printf("%*s     %*s  %s\n", widths.host, "", widths.store, "", info.detail == NULL ? "" : info.detail);
    }
    return VTCLONE_OK;
}

/* A command to be pasted, where one mends it. */
static void print_remedy(const vtclone_decision *decision)
{
    const char *store = vtclone_decision_copy_store(decision);
    const char *text = remedy(vtclone_decision_reason(decision));

    if (store != NULL)
        printf("to make it a hit: vtclone copy --image-id %s --store %s --wait\n", vtclone_decision_image_id(decision), store);
    else if (text != NULL)
        printf("to make it a hit: %s\n", text);
}

int32_t cli_print_table(const vtclone_decision *decision, vtclone_error *err)
{
    int32_t reason = vtclone_decision_reason(decision);
    const char *detail = vtclone_decision_detail(decision);
    bool colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;

    if (vtclone_decision_url(decision) != NULL) {
        printf("%s on %s\n", vtclone_decision_method(decision), vtclone_decision_backend(decision));
        printf("from %s (store %s)\n", vtclone_decision_url(decision),
               vtclone_decision_store(decision) == NULL ? "unknown" : vtclone_decision_store(decision));
        printf("because it is the best of the copies that can be cloned: %s\n", detail == NULL ? "" : detail);
    } else {
        printf("miss: %s: %s\n", vtclone_reason_name(reason), detail == NULL ? "" : detail);
        print_remedy(decision);
    }
    return print_candidates(decision, colour, err);
}

int32_t cli_print_json(const vtclone_decision *decision, vtclone_error *err)
{
    char *text;
    int32_t code = vtclone_decision_json(decision, &text, NULL, err);

    if (code == VTCLONE_OK) {
        puts(text);
        vtclone_string_free(text);
    }
    return code;
}

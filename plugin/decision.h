/*
 * decision.h - the answer to one request: every candidate with its reason, and the one that was chosen. Made by the
 * resolver; a clone makes a copy that says what was tried and made. Immutable once handed out.
 */
#ifndef VTCLONE_DECISION_H
#define VTCLONE_DECISION_H

#include "arena.h"
#include "location.h"
#include "site.h"
#include "vtclone.h"

enum method { METHOD_NONE, METHOD_RBD_CLONE, METHOD_CINDER_CLONE };

struct candidate {
    int32_t index;    /* of the location in Glance's order */
    const char *url;  /* as it may be shown */
    const char *store; /* the configured store it lies in; else what the URL or the metadata claims, escaped; NULL: unknown */
    enum vtclone_reason reason;
    const char *detail;
    struct location location;
    uint32_t score; /* of those that pass: higher is tried earlier; ties keep Glance's order */
};

struct backend_result {
    const struct backend *backend; /* belongs to the site */
    enum vtclone_reason reason;    /* OK, or the most telling of its candidates */
    enum method method;
    struct candidate *candidates; /* decision.location_count of them */
    struct candidate *best;       /* NULL: none passes */
};

/* What a clone did; all zero in a decision that only resolves. */
struct clone_report {
    const char *volume;
    const char *volume_id;     /* of a volume that Cinder made */
    int64_t size_gib;
    const char *engine;        /* "librbd", "direct" or "cinder" */
    const char *engine_reason; /* why that engine, where it was chosen */
    const char *parent;        /* POOL/IMAGE@SNAP, or the id of the image volume */
    double elapsed_ms;
    bool existed; /* the volume already was this clone */
};

struct vtclone_decision {
    struct arena arena;
    vtclone_site *site; /* a reference */
    const char *image_id;
    const char *volume_type; /* NULL: none was asked for */
    enum vtclone_reason reason;
    const char *detail; /* one sentence for the whole request */
    bool unpaired;      /* a location broke a pairing rule */
    int64_t min_size_gib; /* the smallest volume that holds the image */
    size_t location_count;
    struct backend_result *backends;
    size_t backend_count;
    struct backend_result *chosen; /* NULL: a miss */
    struct clone_report clone;
};

const char *method_name(enum method method);

/* An empty decision with a reference to the site; NULL: no memory. */
vtclone_decision *decision_new(vtclone_site *site);
/* A deep copy to be changed before it is handed out. */
vtclone_decision *decision_copy(const vtclone_decision *decision);

/* The candidates of a backend that pass, best first: NULL gives the first, a candidate the one after it. */
struct candidate *decision_next_candidate(const vtclone_decision *decision, const struct backend_result *result,
                                          const struct candidate *after);
/* Sets reason, method and best of each backend, the choice and the reason of the whole from the candidates. */
void decision_conclude(vtclone_decision *decision);

#endif

/*
 * doctor.h - what the checks of `vtclone doctor` share: the report they add to, configuration files, and the facts of a
 * deployment (stores, backends, volume types) from a site document or from the configuration files themselves.
 *
 * A check only adds findings; every finding says what to change. Memory of all of it is the report's arena. Option
 * values are shown only where they are names (pools, users, types), never credentials.
 */
#ifndef VTCLONE_DOCTOR_H
#define VTCLONE_DOCTOR_H

#include "arena.h"
#include "cli_common.h"
#include "json.h"
#include "vtclone.h"

#include <stdbool.h>
#include <stddef.h>

#define DOCTOR_MAX_FINDINGS 5000
#define DOCTOR_MAX_ENTRIES 50000           /* options in all configuration files of one service */
#define DOCTOR_MAX_FILES 16                /* of one kind on the command line */
#define DOCTOR_MEMORY (256u * 1024 * 1024) /* of everything that is read and reported */

/* ---- the report ---- */

enum severity { DOCTOR_NOTE, DOCTOR_WARNING, DOCTOR_ERROR };

struct finding {
    enum severity severity;
    const char *code;    /* "STORE_WITHOUT_BACKEND": never changes its meaning */
    const char *subject; /* "store ceph" */
    const char *message; /* what is so, and what comes of it */
    const char *change;  /* what to do */
    struct finding *next;
};

struct line {
    const char *text;
    struct line *next;
};

struct report {
    struct arena arena;
    struct finding *first, *last;
    struct line *checked, *not_checked;
    size_t count[DOCTOR_ERROR + 1];
    bool full;           /* more findings than DOCTOR_MAX_FINDINGS, or no memory for one */
    bool service_failed; /* a service that was to be asked did not answer */
};

/* The strings may come from arena_printf() of the report's arena and so be NULL: then the report is marked full. */
void report_add(struct report *report, enum severity severity, const char *code, const char *subject,
                const char *message, const char *change);
/* What was looked at, and what was not and why; in the order of the calls. */
void report_checked(struct report *report, const char *text);
void report_not_checked(struct report *report, const char *text);
int32_t report_print_json(const struct report *report, vtclone_error *err);
void report_print_table(const struct report *report);

/* ---- configuration files, as oslo.config reads them ---- */

struct ini_entry {
    const char *section, *key, *value;
    struct ini_entry *next;
};

struct ini_section {
    const char *name;
    struct ini_section *next;
};

struct ini {
    struct ini_entry *first, *last;
    struct ini_section *sections;
    size_t entries;
    const char *path; /* the first file, for messages; NULL: none was read */
};

/* Adds a file to what was read before; a later file wins. VTCLONE_E_DOCUMENT names file and line. */
int32_t ini_read(struct arena *arena, const char *path, struct ini *ini, vtclone_error *err);
bool ini_has_section(const struct ini *ini, const char *section);
/* The option's last value, or NULL where it is not set or empty. */
const char *ini_get(const struct ini *ini, const char *section, const char *key);
/* As oslo.config reads a boolean; otherwise where it is not set or no boolean. */
bool ini_bool(const struct ini *ini, const char *section, const char *key, bool otherwise);

/* Goes through "a, b" (also "[a, b]"): the next item in *item (length in *len), or false at the end. */
bool list_next(const char **rest, const char **item, size_t *len);
bool list_has(const char *list, const char *wanted);

/* ---- facts ---- */

struct store_fact {
    const char *id, *type, *volume_type, *fsid, *pool;
    int64_t chunk_mib; /* rbd: 0 where it is not known */
};

struct backend_fact {
    const char *host; /* host@backend#pool, or NULL where only cinder.conf is known */
    const char *name; /* volume_backend_name */
    const char *type; /* "rbd" or "cinder" */
    const char *fsid, *pool, *user, *ceph_conf, *cluster, *store;
};

struct type_fact {
    const char *name, *backend_name, *store_id;
};

struct facts {
    struct store_fact *stores;
    struct backend_fact *backends;
    struct type_fact *types;
    size_t store_count, backend_count, type_count;
    bool has_site;      /* from a site document: types are known */
    bool allow_signed;  /* [vtclone] signed_images = allow */
    vtclone_site *site; /* that document as the library has it; freed by who made the facts */
};

/* From a site document, after vtclone_site_parse() found it good. */
int32_t facts_from_site(struct report *report, const char *text, size_t len, struct facts *facts, vtclone_error *err);
/* What the configuration files say, lists only where the facts have none yet. Either file may be NULL. */
void facts_from_files(struct report *report, const struct ini *cinder, const struct ini *glance, struct facts *facts);

bool same_text(const char *one, const char *other);
/* The option of a backend, or of [backend_defaults]. */
const char *backend_option(const struct ini *cinder, const char *section, const char *key);
bool backend_is_rbd(const struct ini *cinder, const char *section);
/* Whether the backend serves the type (extra spec volume_backend_name). */
bool type_on_backend(const struct type_fact *type, const struct backend_fact *backend);
/* Whether copies in the store can be cloned on the backend. */
bool store_beside(const struct facts *facts, const struct store_fact *store, const struct backend_fact *backend);
const struct store_fact *find_store(const struct facts *facts, const char *id);
const struct type_fact *find_type(const struct facts *facts, const char *name);

/* ---- the checks ---- */

void check_library(struct report *report);
void check_cinder(struct report *report, const struct ini *cinder, const struct ini *glance);
void check_glance(struct report *report, const struct ini *glance, const struct ini *cinder);
void check_facts(struct report *report, const struct facts *facts, const struct ini *cinder);
/* images: Glance's {"images": [...]}, a list, or one image, and the file they are from (NULL: none); volumes (may be NULL):
 * Cinder's volumes with details. VTCLONE_E_DOCUMENT: it is something else. */
int32_t check_images(struct report *report, const struct facts *facts, const char *path, const struct cli_text *images,
                     const struct cli_text *volumes, vtclone_error *err);
void check_ceph(struct report *report, const struct facts *facts);
/* Which engine serves each rbd backend; makes and removes scratch clones. Not checked without a site. */
int32_t check_engines(struct report *report, const struct facts *facts, vtclone_error *err);

/* ---- live services ---- */

/* The site that Glance and Cinder tell, file (or NULL) over it; a service that fails is a finding, not a failure. The
 * caller frees *cloud. */
int32_t live_site(struct report *report, const char *file, vtclone_cloud **cloud, struct facts *facts,
                  vtclone_error *err);
int32_t live_image(struct report *report, vtclone_cloud *cloud, const char *image_id, const struct facts *facts,
                   const struct cli_text *volumes, vtclone_error *err);

#endif

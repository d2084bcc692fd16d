/*
 * vtclone.h - volume-type aware clone: the only public header of libvtclone.so.1
 *
 * Given a Glance image, a volume type and a description of a deployment (the site), the library says which location
 * of the image can be cloned for that type and why every other one cannot (vtclone_resolve), and performs the rbd
 * clone (vtclone_clone).
 *
 * Rules that hold for every call:
 *  - Returns 0 or one of the negative VTCLONE_E_* codes. Outputs are written only on success.
 *  - The last argument is a caller-owned error struct; it may be NULL. It is cleared first and filled on failure.
 *  - Objects are freed with their own vtclone_*_free(), for which NULL is a no-op. Strings handed in are only read
 *    during the call. Pointers handed out name their owner and live until it is freed.
 *  - Any number of threads may use one object at the same time, except that *_free() must be the last call on it.
 *  - The library prints nothing, never calls back, and installs no signal handler.
 *  - After fork() a handle of the parent answers VTCLONE_E_FORKED in the child; a child opens its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef VTCLONE_H
#define VTCLONE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version: Makefile and pkg-config file read it from these lines. docs/release.md lists what repeats it, and tests compare. */
#define VTCLONE_VERSION_MAJOR 1
#define VTCLONE_VERSION_MINOR 0
#define VTCLONE_VERSION_PATCH 0
#define VTCLONE_VERSION "1.0.0"

/* Raised when a caller compiled against an older header could misbehave. The Python shim compares it when it loads. */
#define VTCLONE_ABI 1

#if defined(VTCLONE_BUILD)
#define VTCLONE_API __attribute__((visibility("default")))
#else
#define VTCLONE_API
#endif

/* ---- limits; exceeding one is VTCLONE_E_LIMIT and the message names it ---- */

#define VTCLONE_MAX_DOCUMENT_BYTES (16u * 1024 * 1024) /* one JSON document */
#define VTCLONE_MAX_NESTING 64                         /* arrays and objects inside each other */
#define VTCLONE_MAX_VALUES 1000000                     /* JSON values in one document */
#define VTCLONE_MAX_LOCATIONS 128                      /* locations of one image */
#define VTCLONE_MAX_STORES 256                         /* stores of a site */
#define VTCLONE_MAX_BACKENDS 1024                      /* backends of a site */
#define VTCLONE_MAX_VOLUME_TYPES 4096                  /* volume types of a site */
#define VTCLONE_MAX_IMAGE_VOLUMES 10000                /* image volumes given to one resolve */
#define VTCLONE_MAX_URL_BYTES 2048                     /* one location's URL */
#define VTCLONE_MAX_NAME_BYTES 255                     /* ids, hosts, pools, volume names */
#define VTCLONE_MAX_CANDIDATES 16384                   /* locations times backends that serve the type */
#define VTCLONE_MAX_SIZE_GIB (1 << 22)                 /* 4 PiB: the largest volume that can be asked for */

/* ---- errors ---- */

enum vtclone_code {
    VTCLONE_OK = 0,
    VTCLONE_E_INVALID = -1,     /* an argument is wrong: NULL where not allowed, out of range, malformed */
    VTCLONE_E_DOCUMENT = -2,    /* a JSON document is malformed or a value in it has the wrong type */
    VTCLONE_E_LIMIT = -3,       /* one of the limits above was exceeded; the message names it */
    VTCLONE_E_NOMEM = -4,       /* out of memory; nothing was changed */
    VTCLONE_E_FORKED = -5,      /* the handle was made by the parent of this process */
    VTCLONE_E_MISS = -6,        /* nothing to clone: the decision has no candidate */
    VTCLONE_E_EXISTS = -7,      /* another image has the volume's name; it was not touched */
    VTCLONE_E_RADOS = -8,       /* Ceph failed or refused; errno tells */
    VTCLONE_E_TIMEOUT = -9,     /* a deadline passed */
    VTCLONE_E_UNSUPPORTED = -10, /* asked for something this engine, build or decision cannot do */
    VTCLONE_E_GLANCE = -11,     /* Glance failed or refused */
    VTCLONE_E_CINDER = -12,     /* Cinder failed or refused */
    VTCLONE_E_KEYSTONE = -13,   /* Keystone failed or refused */
    VTCLONE_E_CANCELLED = -14,  /* the caller cancelled the operation */
    VTCLONE_E_COPY_FAILED = -15, /* Glance reported that a copy to a store failed */
    VTCLONE_E_INTERNAL = -16,   /* a defect of this library */
};

/* Filled by a failing call. code: VTCLONE_E_*; sys_errno: the errno value behind it, or 0; message: one line of UTF-8
 * that says what was tried, on which object and why it failed; never a token, a key or the user info of a URL. */
typedef struct vtclone_error {
    int32_t code;
    int32_t sys_errno;
    char message[760];
} vtclone_error;

/* "VTCLONE_E_RADOS" for VTCLONE_E_RADOS; "VTCLONE_E_UNKNOWN" for anything else. Static storage. */
VTCLONE_API const char *vtclone_code_name(int32_t code);

/* ---- version ---- */

VTCLONE_API uint32_t vtclone_abi(void);        /* VTCLONE_ABI of the loaded library */
VTCLONE_API const char *vtclone_version(void); /* VTCLONE_VERSION of the loaded library; static storage */

/* ---- reasons ---- */

/* Why a candidate, or a whole request, can or cannot be cloned. Numbers never change; new ones are added at the end. */
enum vtclone_reason {
    VTCLONE_REASON_OK = 0,
    VTCLONE_REASON_NO_LOCATIONS,
    VTCLONE_REASON_LOCATIONS_HIDDEN,
    VTCLONE_REASON_IMAGE_NOT_ACTIVE,
    VTCLONE_REASON_NOT_RAW,
    VTCLONE_REASON_NOT_BARE,
    VTCLONE_REASON_ENCRYPTED,
    VTCLONE_REASON_SIGNED_IMAGE,
    VTCLONE_REASON_TOO_SMALL,
    VTCLONE_REASON_BAD_LOCATION,
    VTCLONE_REASON_UNKNOWN_SCHEME,
    VTCLONE_REASON_UNKNOWN_STORE,
    VTCLONE_REASON_OTHER_CLUSTER,
    VTCLONE_REASON_POOL_NOT_ALLOWED,
    VTCLONE_REASON_NOT_PAIRED,
    VTCLONE_REASON_SNAPSHOT_MISSING,
    VTCLONE_REASON_STORE_NOT_FOR_BACKEND,
    VTCLONE_REASON_VOLUME_NOT_FOUND,
    VTCLONE_REASON_VOLUME_NOT_READY,
    VTCLONE_REASON_OWNER_MISMATCH,
    VTCLONE_REASON_COPY_IN_PROGRESS,
    VTCLONE_REASON_COPY_FAILED,
    VTCLONE_REASON_VOLUME_EXISTS,
    VTCLONE_REASON_UNKNOWN_VOLUME_TYPE,
    VTCLONE_REASON_NO_BACKEND,
    VTCLONE_REASON_GLANCE_ERROR,
    VTCLONE_REASON_CINDER_ERROR,
    VTCLONE_REASON_KEYSTONE_ERROR,
    VTCLONE_REASON_RADOS_ERROR,
    VTCLONE_REASON_COUNT /* not a reason; grows */
};

/* "NOT_PAIRED" for VTCLONE_REASON_NOT_PAIRED; "UNKNOWN_REASON" for a number this library does not know. Static. */
VTCLONE_API const char *vtclone_reason_name(int32_t reason);

/* 1 where the reason says that a location broke a pairing rule, that is, names something that is not this image's own
 * copy: NOT_PAIRED, POOL_NOT_ALLOWED, and BAD_LOCATION of an rbd or cinder URL. 0 otherwise. */
VTCLONE_API int32_t vtclone_reason_is_unpaired(int32_t reason);

/* ---- the site: stores, backends and volume types of a deployment ---- */

typedef struct vtclone_site vtclone_site;

/* Reads a site document (see docs: vtclone.json(5)); json need not be NUL-terminated. Unknown keys are ignored, wrong
 * types are VTCLONE_E_DOCUMENT with the path of the value. The caller frees *out; decisions keep what they need. */
VTCLONE_API int32_t vtclone_site_parse(const char *json, size_t len, vtclone_site **out, vtclone_error *err);
VTCLONE_API void vtclone_site_free(vtclone_site *site);

/* What a site says of one backend. Strings belong to the site and may be NULL where the site says nothing. */
typedef struct vtclone_backend_info {
    size_t size; /* in: sizeof(vtclone_backend_info) */
    const char *host;
    const char *name;
    const char *type; /* "rbd" or "cinder" */
    const char *fsid;
    const char *pool;
    const char *user;
    const char *ceph_conf;
    const char *cluster;
    const char *store;
    const char *derived_from; /* where a live site has it from */
} vtclone_backend_info;

/* Number of backends, and the index-th of them in the site's order. VTCLONE_E_INVALID beyond the end. */
VTCLONE_API size_t vtclone_site_backend_count(const vtclone_site *site);
VTCLONE_API int32_t vtclone_site_backend(const vtclone_site *site, size_t index, vtclone_backend_info *out,
                                         vtclone_error *err);

/* The same for stores and for volume types. */
typedef struct vtclone_store_info {
    size_t size; /* in: sizeof(vtclone_store_info) */
    const char *id;
    const char *type;        /* "rbd", "cinder", "swift", ... */
    const char *volume_type; /* cinder: the type of its image volumes */
    const char *fsid;        /* rbd */
    const char *pool;        /* rbd */
    const char *derived_from;
} vtclone_store_info;

typedef struct vtclone_type_info {
    size_t size; /* in: sizeof(vtclone_type_info) */
    const char *name;
    const char *backend_name; /* extra spec volume_backend_name; NULL: every backend serves the type */
    const char *store_id;     /* extra spec image_service:store_id */
    const char *derived_from;
} vtclone_type_info;

VTCLONE_API size_t vtclone_site_store_count(const vtclone_site *site);
VTCLONE_API int32_t vtclone_site_store(const vtclone_site *site, size_t index, vtclone_store_info *out,
                                       vtclone_error *err);
VTCLONE_API size_t vtclone_site_type_count(const vtclone_site *site);
VTCLONE_API int32_t vtclone_site_type(const vtclone_site *site, size_t index, vtclone_type_info *out,
                                      vtclone_error *err);
/* 1 where the backend serves the type (both by index), 0 where not or where there is none of that index. */
VTCLONE_API int32_t vtclone_site_serves(const vtclone_site *site, size_t backend, size_t type);

/* ---- resolution: pure; no network, no clock, the same answer for the same input ---- */

enum vtclone_signed_images { VTCLONE_SIGNED_DENY = 0, VTCLONE_SIGNED_ALLOW = 1 };
enum vtclone_owner_rule { VTCLONE_OWNER_CINDER = 0, VTCLONE_OWNER_PAIRED = 1 };

/* Zero-initialise, set size, then what is known. Everything but size may stay 0. */
typedef struct vtclone_resolve_options {
    size_t size;                /* sizeof(vtclone_resolve_options) */
    const char *volume_type;    /* name; NULL: no type, every backend serves it */
    const char *backend;        /* "host@backend#pool", or without "#pool" for every pool of it; NULL: any */
    int64_t size_gib;           /* size of the volume in GiB; 0: not known, the size rule is not applied */
    const char *project_id;     /* the volume's project, for Cinder's owner rule; NULL: not known */
    const char *image_volumes;  /* Cinder's JSON of image volumes ({"volumes": [...]} or a list); NULL: none */
    size_t image_volumes_len;   /* its length in bytes */
    int32_t signed_images;      /* enum vtclone_signed_images */
    int32_t owner_rule;         /* enum vtclone_owner_rule */
} vtclone_resolve_options;

typedef struct vtclone_decision vtclone_decision;

/* Decides which location of the image (Glance's JSON of one image) serves the request. A miss is a success of this
 * call: *out then says why (vtclone_decision_reason). options NULL is like one with everything 0.
 * Source of the rules: docs/rules.md. */
VTCLONE_API int32_t vtclone_resolve(const vtclone_site *site, const char *image_json, size_t image_len,
                                    const vtclone_resolve_options *options, vtclone_decision **out,
                                    vtclone_error *err);
VTCLONE_API void vtclone_decision_free(vtclone_decision *decision);

/* Parts of a decision; strings belong to it. method is "rbd-clone", "cinder-clone" or "none"; the others are NULL, and
 * the index is -1, where nothing can be cloned. unpaired is 1 where a location broke a pairing rule. */
VTCLONE_API int32_t vtclone_decision_reason(const vtclone_decision *decision);
VTCLONE_API const char *vtclone_decision_method(const vtclone_decision *decision);
VTCLONE_API const char *vtclone_decision_backend(const vtclone_decision *decision);
VTCLONE_API const char *vtclone_decision_url(const vtclone_decision *decision);
VTCLONE_API const char *vtclone_decision_store(const vtclone_decision *decision);
VTCLONE_API int32_t vtclone_decision_location_index(const vtclone_decision *decision);
VTCLONE_API int32_t vtclone_decision_unpaired(const vtclone_decision *decision);
/* One sentence for the whole decision; belongs to it. */
VTCLONE_API const char *vtclone_decision_detail(const vtclone_decision *decision);
VTCLONE_API const char *vtclone_decision_image_id(const vtclone_decision *decision);
/* The store whose copy serves the backend (the chosen one; of a miss the first of which something says): the backend's own,
 * else the type's, else the cinder store of the type or the rbd store on the backend's cluster (of several the first by
 * name). NULL: nothing says. */
VTCLONE_API const char *vtclone_decision_wanted_store(const vtclone_decision *decision);
/* The same store, where the decision is a miss that a copy into it would mend; else NULL. */
VTCLONE_API const char *vtclone_decision_copy_store(const vtclone_decision *decision);
/* Who made the volume, in a decision that says what was made: "librbd", "direct" or "cinder"; else NULL. */
VTCLONE_API const char *vtclone_decision_engine(const vtclone_decision *decision);

/* One location tried against one backend. Strings belong to the decision; store is NULL where it is not known. */
typedef struct vtclone_candidate_info {
    size_t size;      /* in: sizeof(vtclone_candidate_info) */
    const char *host; /* the backend */
    int32_t index;    /* of the location, in Glance's order */
    int32_t reason;   /* enum vtclone_reason */
    const char *url;  /* as it may be shown */
    const char *store;
    const char *detail;
} vtclone_candidate_info;

/* Number of candidates of all backends, and the n-th of them: by backend, then in Glance's order. */
VTCLONE_API size_t vtclone_decision_candidate_count(const vtclone_decision *decision);
VTCLONE_API int32_t vtclone_decision_candidate(const vtclone_decision *decision, size_t n,
                                               vtclone_candidate_info *out, vtclone_error *err);

/* The whole decision as JSON, NUL-terminated; *len (may be NULL) without the NUL. Free with vtclone_string_free(). */
VTCLONE_API int32_t vtclone_decision_json(const vtclone_decision *decision, char **out, size_t *len,
                                          vtclone_error *err);
VTCLONE_API void vtclone_string_free(char *string);

/* ---- the handle: connections to clusters, shared by everything in the process ---- */

typedef struct vtclone vtclone;

/* Zero-initialise, set size; 0 means the default. Times in milliseconds. Where an OSD is silent for longer than
 * osd_timeout_ms while librbd creates an image, and then does what was given up, the object rbd_object_map.ID of an image
 * that is otherwise removed may stay: librbd's own roll-back leaves it. */
typedef struct vtclone_options {
    size_t size;                 /* sizeof(vtclone_options) */
    uint32_t connect_timeout_ms; /* to reach a cluster's monitors and be let in; default 10,000 */
    uint32_t mon_timeout_ms;     /* one monitor command; default 10,000 */
    uint32_t osd_timeout_ms;     /* one operation on an OSD; default 15,000 */
    uint32_t clone_timeout_ms;   /* one whole clone, clean-up included; default 60,000 */
    uint32_t idle_close_ms;      /* close a connection unused for so long; default 300,000; UINT32_MAX: never */
    int32_t debug_fd;            /* 0: none; else debug lines are written to this descriptor (the caller keeps it) */
} vtclone_options;

/* Opens nothing yet: the first use of a cluster connects to it. One connection is kept for each (ceph_conf, cluster,
 * user) of the process, however many handles there are, and closed when idle or when the last handle is freed. */
VTCLONE_API int32_t vtclone_open(const vtclone_options *options, vtclone **out, vtclone_error *err);
VTCLONE_API void vtclone_free(vtclone *handle);

/* Counters since the process started; monotonic except open_connections. */
typedef struct vtclone_stats {
    size_t size;               /* in: sizeof(vtclone_stats) */
    uint64_t connects;         /* connections made to clusters */
    uint64_t connect_failures; /* attempts that failed */
    uint64_t open_connections; /* kept now */
    uint64_t clones;           /* volumes made */
    uint64_t clone_failures;   /* vtclone_clone calls that failed */
} vtclone_stats;

VTCLONE_API int32_t vtclone_get_stats(vtclone *handle, vtclone_stats *out, vtclone_error *err);

/* ---- cloning ---- */

enum vtclone_engine { VTCLONE_ENGINE_AUTO = 0, VTCLONE_ENGINE_LIBRBD = 1, VTCLONE_ENGINE_DIRECT = 2 };

/* Zero-initialise, set size; 0 means the default. */
typedef struct vtclone_clone_options {
    size_t size;         /* sizeof(vtclone_clone_options) */
    int32_t engine;      /* enum vtclone_engine */
    uint32_t timeout_ms; /* this clone, clean-up included; 0: the handle's clone_timeout_ms */
} vtclone_clone_options;

/* Makes the volume (an rbd image of that name in the backend's pool) of size_gib GiB from the decision's location; a
 * size smaller than the parent's is refused. If the best candidate fails, the next of the same backend is tried; *out
 * is a new decision that says what was tried and what was made. A volume that already is this very clone with this
 * size is success; any other image of the name is VTCLONE_E_EXISTS and stays as it is. On failure nothing is left
 * behind. Blocks up to the timeout: call it off an event loop. decision is not changed. */
VTCLONE_API int32_t vtclone_clone(vtclone *handle, const vtclone_decision *decision, const char *volume,
                                  int64_t size_gib, const vtclone_clone_options *options, vtclone_decision **out,
                                  vtclone_error *err);

/* Which engine VTCLONE_ENGINE_AUTO uses on the backend (an rbd one, by its host) for clones of images in parent_pool, and
 * why: the answer that vtclone_clone() would act upon, found in the same way, so that the first call of a process makes
 * and removes two scratch clones. image is one to try it on, with its snapshot `snap`; NULL: any that has one.
 * VTCLONE_E_MISS: there is none. Blocks up to the handle's clone_timeout_ms. *json, freed with vtclone_string_free():
 * {"backend", "parent", "target_pool", "engine": "direct"|"librbd", "reason", "certified": bool, "osd_releases": text or
 * null, "tested_release": bool, "elapsed_ms"}. */
VTCLONE_API int32_t vtclone_certify(vtclone *handle, const vtclone_site *site, const char *backend,
                                    const char *parent_pool, const char *image, char **json, vtclone_error *err);

/* ---- live services: Keystone, Glance and Cinder over HTTP ---- */

/*
 * A cloud: credentials, endpoints, kept connections, and what was learned from the services (token, catalogue, site,
 * image volumes), each for its time. Every call below may block up to its deadline: call them off an event loop. Nothing is
 * connected before the first of them, and a child after fork() gets VTCLONE_E_FORKED.
 * Service failures are VTCLONE_E_KEYSTONE, _GLANCE, _CINDER; a passed deadline is VTCLONE_E_TIMEOUT. No message holds
 * a token or password.
 */
typedef struct vtclone_cloud vtclone_cloud;

/* Zero-initialise, set size, then what is known; strings are copied by vtclone_cloud_open(). There are three ways in:
 *  - auth_url with a password (user and project) or an application credential: tokens are fetched and renewed;
 *  - auth_url with a token: its catalogue is read, it is not renewed;
 *  - token, image_endpoint and volume_endpoint without auth_url: Keystone is never asked. */
typedef struct vtclone_cloud_options {
    size_t size; /* sizeof(vtclone_cloud_options) */
    const char *auth_url;
    const char *username; /* with user_domain_*, or user_id alone */
    const char *user_id;
    const char *user_domain_name;
    const char *user_domain_id;
    const char *password;
    const char *project_name; /* with project_domain_*, or project_id alone */
    const char *project_id;
    const char *project_domain_name;
    const char *project_domain_id;
    const char *application_credential_id; /* or its name, with the user */
    const char *application_credential_name;
    const char *application_credential_secret;
    const char *token;
    const char *region;          /* NULL: any */
    const char *interface_name;  /* "public" (NULL), "internal" or "admin" */
    const char *image_endpoint;  /* instead of the catalogue's */
    const char *volume_endpoint; /* with /v3, and the project where the service wants it */
    const char *ca_file;         /* PEM; NULL: the system's */
    int32_t insecure;            /* 1: TLS is not verified; whoever sets it should warn */
    int32_t debug_fd;            /* 0: none; else one line per request, without headers and bodies */
    uint32_t connect_timeout_ms; /* to reach a server; default 10,000 */
    uint32_t call_timeout_ms;    /* one attempt of one request; default 60,000 */
    uint32_t timeout_ms;         /* one whole call of this library, where it has no time-out of its own; 120,000 */
    uint32_t site_ttl_ms;        /* stores, backends, types are asked for again after this; default 60,000 */
    uint32_t volume_ttl_ms;      /* the same for image volumes; default 15,000; UINT32_MAX: always ask */
    const char *site;            /* a site document whose entries win over the live ones of the same id, host or name */
    size_t site_len;             /* its length in bytes */
} vtclone_cloud_options;

/* Fills options (size set, the rest zero) from OS_AUTH_URL, OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME, ..., OS_TOKEN,
 * OS_APPLICATION_CREDENTIAL_*, OS_REGION_NAME, OS_INTERFACE, OS_CACERT, OS_INSECURE, OS_IMAGE_ENDPOINT_OVERRIDE and
 * OS_VOLUME_ENDPOINT_OVERRIDE (or OS_BLOCK_STORAGE_...). The strings belong to the environment. An empty variable counts
 * as not set. VTCLONE_E_INVALID names what is missing. */
VTCLONE_API int32_t vtclone_cloud_options_from_env(vtclone_cloud_options *options, vtclone_error *err);

VTCLONE_API int32_t vtclone_cloud_open(const vtclone_cloud_options *options, vtclone_cloud **out, vtclone_error *err);
/* In a child after fork() it only wipes the secrets: the connections are the parent's, and its memory is given up. */
VTCLONE_API void vtclone_cloud_free(vtclone_cloud *cloud);

/* Counters since the cloud was opened. */
typedef struct vtclone_cloud_stats {
    size_t size;       /* in: sizeof(vtclone_cloud_stats) */
    uint64_t requests; /* HTTP requests sent, repetitions included */
    uint64_t connects; /* connections made for them */
    uint64_t retries;  /* repetitions */
    uint64_t tokens;   /* tokens fetched */
    uint64_t copies;   /* copies that Glance accepted from this cloud */
} vtclone_cloud_stats;

VTCLONE_API int32_t vtclone_cloud_get_stats(vtclone_cloud *cloud, vtclone_cloud_stats *out, vtclone_error *err);

/* The live site (see vtclone_site_parse): stores from Glance, backends and types from Cinder, options.site over them.
 * A list that the services refuse to this user is taken from options.site alone. The caller frees *out. */
VTCLONE_API int32_t vtclone_cloud_site(vtclone_cloud *cloud, vtclone_site **out, vtclone_error *err);
/* The same as a site document, each entry with a key "derived_from" that says where it is from. NUL-terminated; *len
 * (may be NULL) without the NUL. Free with vtclone_string_free(). */
VTCLONE_API int32_t vtclone_cloud_site_json(vtclone_cloud *cloud, char **out, size_t *len, vtclone_error *err);

/* Glance's JSON of the image, fetched with user_token (NULL: the cloud's own), with its locations where Glance gives
 * them to the cloud's credentials. 403 and 404 to user_token end it, whatever others may see: VTCLONE_E_GLANCE. */
VTCLONE_API int32_t vtclone_cloud_image(vtclone_cloud *cloud, const char *image_id, const char *user_token,
                                        char **out, size_t *len, vtclone_error *err);

/* vtclone_resolve() with the image, the image volumes (unless options has some) and the site (unless given) from the
 * services. options->project_id NULL: the project of the cloud's own token, where it is known. */
VTCLONE_API int32_t vtclone_cloud_resolve(vtclone_cloud *cloud, const vtclone_site *site, const char *image_id,
                                          const char *user_token, const vtclone_resolve_options *options,
                                          vtclone_decision **out, vtclone_error *err);

/* ---- copy on demand ---- */

/* How a copy gets on. Another thread may read it during the call with atomic loads; bytes are those of the task that
 * Glance shows, 0 where it shows none. */
typedef struct vtclone_copy_progress {
    int64_t copied_bytes;
    int64_t total_bytes;   /* size of the image */
    int32_t state;         /* enum vtclone_copy_state */
    int32_t reserved;
} vtclone_copy_progress;

enum vtclone_copy_state {
    VTCLONE_COPY_ASKING = 0,  /* looking at the image, or asking Glance */
    VTCLONE_COPY_WAITING = 1, /* another import of the image, of whomever, has to end first */
    VTCLONE_COPY_RUNNING = 2,
    VTCLONE_COPY_DONE = 3,
};

/* Zero-initialise, set size; 0 means the default. */
typedef struct vtclone_copy_options {
    size_t size;                     /* sizeof(vtclone_copy_options) */
    uint32_t timeout_ms;             /* the whole call; default 3,600,000 */
    int32_t no_wait;                 /* 1: return when Glance has accepted the copy, or is already making it */
    int32_t cancel_fd;               /* 0: none; else the call ends, soon after this becomes readable, with
                                        VTCLONE_E_CANCELLED; a copy that runs in Glance goes on there */
    const char *user_token;          /* whose right to see the image counts; NULL: the cloud's own */
    vtclone_copy_progress *progress; /* or NULL; the caller's, written during the call */
} vtclone_copy_options;

/* What became of it. */
typedef struct vtclone_copy_result {
    size_t size;      /* in: sizeof(vtclone_copy_result) */
    int32_t started;  /* 1: this call started a copy; 0: all was there, or another caller or process copied */
    int32_t complete; /* 1: the image is in all the stores now; 0: no_wait, and it is not yet */
    int64_t image_bytes;
} vtclone_copy_result;

/* Brings the image into each of the stores, by the cloud's credential. Calls of one cloud for the same image join one
 * copy; one by somebody else is waited for; an image that is there already is success. VTCLONE_E_COPY_FAILED says which
 * store and why. out may be NULL. */
VTCLONE_API int32_t vtclone_cloud_copy(vtclone_cloud *cloud, const char *image_id, const char *const *stores,
                                       size_t store_count, const vtclone_copy_options *options,
                                       vtclone_copy_result *out, vtclone_error *err);

/* vtclone_cloud_resolve(), and where that is a miss that a copy mends: a copy into the store of the backend (its own,
 * else its type's, else one of its cluster), and the decision after it. A miss that no copy mends is returned as it is.
 * Of two user tokens, user_token counts. */
VTCLONE_API int32_t vtclone_cloud_resolve_or_copy(vtclone_cloud *cloud, const vtclone_site *site, const char *image_id,
                                                  const char *user_token, const vtclone_resolve_options *options,
                                                  const vtclone_copy_options *copy, vtclone_decision **out,
                                                  vtclone_error *err);

/* ---- a volume by Cinder's API ---- */

/* Zero-initialise, set size; 0 means the default. */
typedef struct vtclone_volume_options {
    size_t size;                   /* sizeof(vtclone_volume_options) */
    const char *volume_type;       /* NULL: the decision's */
    const char *availability_zone; /* NULL: the image volume's */
    uint32_t timeout_ms;           /* until it is available; default 600,000 */
    int32_t cancel_fd;             /* as in vtclone_copy_options; what was begun is removed */
} vtclone_volume_options;

/* Makes a volume by Cinder's API from the image volume of a decision whose method is "cinder-clone" (of another:
 * VTCLONE_E_UNSUPPORTED), in the project of the cloud's credential: the image volume as source, the type, the size, and
 * the image's metadata so that it boots; waits until it is available. If one candidate fails, the next of the same
 * backend is tried; *out is a new decision that says what was tried and made. What failed is deleted, which may take up to
 * two minutes beyond the deadline or the cancellation; where it cannot be, the message names what is or may be left behind. */
VTCLONE_API int32_t vtclone_cloud_clone_volume(vtclone_cloud *cloud, const vtclone_decision *decision, const char *name,
                                               int64_t size_gib, const vtclone_volume_options *options,
                                               vtclone_decision **out, vtclone_error *err);

/* Cinder's id of the volume that vtclone_cloud_clone_volume() made; NULL in any other decision. */
VTCLONE_API const char *vtclone_decision_volume_id(const vtclone_decision *decision);

#ifdef __cplusplus
}
#endif

#endif /* VTCLONE_H */

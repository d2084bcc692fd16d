/*
 * lab.h - what the Ceph tests share: the scratch clusters that tests/ceph/run started (VTCLONE_LAB_* of the first,
 * VTCLONE_LAB2_* of the second, which has clone v1), an administrator's librados beside the library's own, sites and
 * decisions for them. Everything fails the running test when it cannot do its work.
 */
#ifndef TESTS_CEPH_LAB_H
#define TESTS_CEPH_LAB_H

#include "vtclone.h"

#include <rados/librados.h>
#include <rbd/librbd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* after those */
#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define IMAGE "c2167165-77b5-562c-b10f-8ac130895ee4" /* an image id for tests that need but one */
#define FEATURES_DEFAULT 61

struct lab {
    const char *state, *conf, *fsid, *cluster;
    int port;
};

struct lab lab_first(void);
struct lab lab_second(void);

/* Runs `lab/ceph VERB --state ...` and fails unless it succeeds; the number it prints, or 0. */
long lab_do(const struct lab *lab, const char *format, ...) __attribute__((format(printf, 2, 3)));
long lab_ops(const struct lab *lab);
long lab_sessions(const struct lab *lab, const char *entity);
/* Waits until that number of sessions is reached, up to some seconds; returns the last one seen. */
long lab_wait_sessions(const struct lab *lab, const char *entity, long wanted, int seconds);

/* The administrator's handle on a pool; kept for the whole program. */
rados_ioctx_t lab_pool(const struct lab *lab, const char *pool);
void lab_make_pool(const struct lab *lab, const char *pool); /* unless it is there */
void lab_close(void); /* of all labs; the end of a program */

struct parent_spec {
    const char *pool;  /* default: images */
    const char *id;    /* default: IMAGE */
    const char *snap;  /* default: snap */
    uint64_t size;     /* default: 64 MiB */
    uint64_t features; /* default: FEATURES_DEFAULT */
    int order;         /* default: 23, as Glance has it */
    uint64_t stripe_unit, stripe_count;
    bool unprotected;
    bool old_format;
};
/* Makes an image with content and a snapshot; one of that name is removed first. */
void parent_make(const struct lab *lab, struct parent_spec spec);
void parent_remove(const struct lab *lab, const char *pool, const char *id);
/* Whether the volume begins with the content that parent_make() writes, and is zero beyond. */
void volume_check_content(const struct lab *lab, const char *pool, const char *name);
bool volume_exists(const struct lab *lab, const char *pool, const char *name);
/* Whether anything of that name is in the pool: directory entry, id object. */
bool volume_leftover(const struct lab *lab, const char *pool, const char *name);
void volume_remove(const struct lab *lab, const char *pool, const char *name);
uint64_t volume_size(const struct lab *lab, const char *pool, const char *name);
/* Removes every image of the pool. */
void pool_empty(const struct lab *lab, const char *pool);
/* Fails where the pool, emptied, still has objects of images: headers, id objects, object maps. */
void pool_check_orphans(const struct lab *lab, const char *pool);
size_t pool_count(const struct lab *lab, const char *pool);

/* A site of one rbd backend node@ceph#POOL; what is NULL is as the lab has it. */
struct site_spec {
    const char *pool;  /* default: volumes */
    const char *user;  /* default: cinder */
    const char *conf;
    const char *cluster;
    const char *fsid;
    const char *store_pool; /* default: images; a second store in pool scratch is always there */
    int chunk_size_mib; /* 0: not said */
};
vtclone_site *site_make(const struct lab *lab, struct site_spec spec);
/* The decision for an image of `id` whose locations are the URLs, ended by NULL. */
vtclone_decision *decide(const vtclone_site *site, const char *id, ...);
/* The same for the one location images/IMAGE@snap of the lab. */
vtclone_decision *decide_image(const struct lab *lab, const vtclone_site *site);
const char *url_of(const struct lab *lab, const char *pool, const char *id, const char *snap); /* static ring */

/* What most groups begin with: an image in the pool images, an empty pool volumes, and a site and a decision for them. */
void one_image_up(struct lab *lab, vtclone_site **site, vtclone_decision **decision);
void one_image_down(vtclone_site *site, vtclone_decision *decision); /* and lab_close() */

/* One try to make a volume of 1 GiB: its report is there where it succeeds, and freed. timeout_ms: 0 for the default; err may
 * be NULL. From any thread. */
int32_t clone_try(vtclone *handle, const vtclone_decision *decision, int32_t engine, const char *volume, uint32_t timeout_ms,
                  vtclone_error *err);
/* Clones, fails the test if that fails, and checks that the report says what is expected of it. */
void clone_ok(vtclone *handle, const vtclone_decision *decision, const char *volume, int64_t size_gib, bool existed);
/* Clones, fails the test unless it fails with that code and the message has the text. */
void clone_fails(vtclone *handle, const vtclone_decision *decision, const char *volume, int64_t size_gib, int32_t code,
                 const char *text);
vtclone *handle_open(const vtclone_options *options);
/* Makes a volume by librbd's engine, then one by the direct engine, which leaves the first of a pool to librbd, and removes
 * them: after that a clone has nothing to look up or to connect. */
void handle_warm(const struct lab *lab, vtclone *handle, const vtclone_decision *decision);
vtclone_stats handle_stats(vtclone *handle);

/* Of a stand-in's return address: librados and librbd call each other, and themselves, through the same names. */
bool called_by_library(const void *caller);

int64_t now_ms(void);
/* So many milliseconds of a program that runs as fast as it is built to; of another one VTCLONE_TEST_SLOWNESS times as many. */
int slow_ms(int ms);
void sleep_ms(int ms);

#endif

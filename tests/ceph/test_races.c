/*
 * test_races.c - what a decision was made from is taken away before the clone, on a connection that has used it: the image,
 * its snapshot, the backend's pool, the user's key. Both engines; each call says what is wrong, none hangs, nothing is left.
 */
#include "lab.h"
#include "librbd_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRY_MS 20000 /* far more than any of it needs, far less than the time-outs of a clone */

static struct lab lab;
static vtclone *handle;
static char folder[] = "/tmp/vtclone-test.XXXXXX";

static const int32_t engines[] = { VTCLONE_ENGINE_LIBRBD, VTCLONE_ENGINE_DIRECT };

static int group_up(void **state)
{
    (void)state;
    lab = lab_first();
    handle = handle_open(NULL);
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int group_down(void **state)
{
    char command[100];

    (void)state;
    vtclone_free(handle);
    lab_close();
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    return system(command);
}

static void ceph(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void ceph(const char *format, ...)
{
    char command[900];
    va_list args;
    size_t used = (size_t)snprintf(command, sizeof(command), "ceph --conf '%s' --cluster '%s' ", lab.conf, lab.cluster);

    va_start(args, format);
    used += (size_t)vsnprintf(command + used, sizeof(command) - used, format, args);
    va_end(args);
    assert_true(used < sizeof(command));
    if (system(command) != 0)
        fail_msg("%s", command);
}

static int32_t clone_in_time(const vtclone_decision *decision, int32_t engine, const char *volume, vtclone_error *err)
{
    int64_t began = now_ms();
    int32_t code = clone_try(handle, decision, engine, volume, 0, err);

    if (now_ms() - began > TRY_MS)
        fail_msg("%s took %lld ms: %s", volume, (long long)(now_ms() - began), code != 0 ? err->message : "made");
    return code;
}

static void made(const vtclone_decision *decision, int32_t engine, const char *volume)
{
    vtclone_error err = { 0 };

    if (clone_in_time(decision, engine, volume, &err) != VTCLONE_OK)
        fail_msg("engine %d: %s", engine, err.message);
}

static void refused(const vtclone_decision *decision, int32_t engine, int32_t code, const char *text)
{
    vtclone_error err = { 0 };
    int32_t got = clone_in_time(decision, engine, "volume-late", &err);

    if (got != code || strstr(err.message, text) == NULL)
        fail_msg("engine %d: %s: %s", engine, vtclone_code_name(got), err.message);
}

static void nothing_is_left(void)
{
    for (int tries = 0; volume_leftover(&lab, "volumes", "volume-late") && tries < 100; tries++)
        sleep_ms(100);
    assert_false(volume_leftover(&lab, "volumes", "volume-late"));
    assert_int_equal(pool_count(&lab, "volumes"), 0);
    pool_check_orphans(&lab, "volumes");
}

/* Both engines have cloned the image, and keep what they know of it. */
static vtclone_decision *decide_and_use(void)
{
    vtclone_site *site = site_make(&lab, (struct site_spec){ 0 });
    vtclone_decision *decision;

    pool_empty(&lab, "volumes");
    parent_make(&lab, (struct parent_spec){ 0 });
    decision = decide_image(&lab, site);
    vtclone_site_free(site);
    for (size_t i = 0; i < 2; i++)
        made(decision, engines[i], "volume-before");
    pool_empty(&lab, "volumes");
    return decision;
}

static void an_image_that_is_deleted_after_the_decision_is_a_miss(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        vtclone_decision *decision = decide_and_use();
        parent_remove(&lab, "images", IMAGE);
        refused(decision, engines[i], VTCLONE_E_MISS, "not there");
        nothing_is_left();
        vtclone_decision_free(decision);
    }
}

static void a_snapshot_that_is_unprotected_and_removed_after_the_decision_is_a_miss(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        vtclone_decision *decision = decide_and_use();
        rbd_image_t image;

        assert_int_equal(rbd_open(lab_pool(&lab, "images"), IMAGE, &image, NULL), 0);
        assert_int_equal(rbd_snap_unprotect(image, "snap"), 0);
        assert_int_equal(rbd_snap_remove(image, "snap"), 0);
        assert_int_equal(image_close(lab_pool(&lab, "images"), image), 0);
        refused(decision, engines[i], VTCLONE_E_MISS, "snapshot");
        nothing_is_left();
        vtclone_decision_free(decision);
    }
}

static void a_pool_that_is_removed_after_the_decision_is_an_error_and_no_hang(void **state)
{
    (void)state;
    parent_make(&lab, (struct parent_spec){ 0 });
    for (size_t i = 0; i < 2; i++) {
        char pool[20];
        vtclone_error err = { 0 };

        snprintf(pool, sizeof(pool), "doomed%zu", i);
        lab_make_pool(&lab, pool);
        vtclone_site *site = site_make(&lab, (struct site_spec){ .pool = pool, .user = "admin" });
        vtclone_decision *decision = decide_image(&lab, site);
        made(decision, VTCLONE_ENGINE_LIBRBD, "volume-before");
        made(decision, engines[i], "volume-too");
        volume_remove(&lab, pool, "volume-before");
        volume_remove(&lab, pool, "volume-too");
        ceph("osd pool delete %s %s --yes-i-really-really-mean-it >/dev/null 2>&1", pool, pool);
        int32_t code = clone_in_time(decision, engines[i], "volume-late", &err);
        if (code != VTCLONE_E_RADOS || strstr(err.message, pool) == NULL)
            fail_msg("engine %d: %s: %s", engines[i], vtclone_code_name(code), err.message);
        vtclone_decision_free(decision);
        vtclone_site_free(site);
    }
    /* The connection serves the other pools. */
    vtclone_decision *decision = decide_and_use();
    vtclone_decision_free(decision);
}

/* A user of the test's own, whose key ring is a file that the test writes. */
static void give_key(const char *key, bool to_cluster, bool to_client)
{
    char path[100];
    FILE *file;

    for (int i = 0; i < 2; i++) {
        if (i == 0 ? !to_client : !to_cluster)
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, i == 0 ? "rotated.keyring" : "cluster.keyring");
        file = fopen(path, "w");
        assert_non_null(file);
        fprintf(file, "[client.rotated]\nkey = %s\ncaps mon = \"profile rbd\"\n"
                "caps osd = \"profile rbd pool=volumes, profile rbd-read-only pool=images\"\n", key);
        fclose(file);
        if (i == 1)
            ceph("auth import -i '%s' 2>/dev/null", path);
    }
}

static void a_key_that_is_replaced_serves_the_old_connection_and_the_next_one_wants_the_new_key(void **state)
{
    static const char old_key[] = "AQBHGQxmAAAAABAAaXyRk0G4Fq4kzQ0b1mQ6kA==", new_key[] = "AQBIGQxmAAAAABAAbXyRk0G4Fq4kzQ0b1mQ6kQ==";
    char conf[100];
    FILE *file;

    (void)state;
    snprintf(conf, sizeof(conf), "%s/rotated.conf", folder);
    file = fopen(conf, "w");
    assert_non_null(file);
    fprintf(file, "[global]\nmon_host = v2:127.0.0.1:%d\nkeyring = %s/rotated.keyring\n", lab.port, folder);
    fclose(file);
    give_key(old_key, true, true);
    pool_empty(&lab, "volumes");
    parent_make(&lab, (struct parent_spec){ 0 });
    vtclone_site *site = site_make(&lab, (struct site_spec){ .user = "rotated", .conf = conf });
    vtclone_decision *decision = decide_image(&lab, site);
    for (size_t i = 0; i < 2; i++) {
        give_key(old_key, true, true);
        made(decision, VTCLONE_ENGINE_LIBRBD, "volume-first");
        give_key(new_key, true, false);
        made(decision, engines[i], "volume-old"); /* its tickets are good for an hour */
        pool_empty(&lab, "volumes");
        vtclone_free(handle);
        handle = handle_open(NULL);
        refused(decision, engines[i], VTCLONE_E_RADOS, "refused the key of client.rotated");
        nothing_is_left();
        give_key(new_key, false, true);
        made(decision, engines[i], "volume-new");
        pool_empty(&lab, "volumes");
        vtclone_free(handle);
        handle = handle_open(NULL);
    }
    vtclone_decision_free(decision);
    vtclone_site_free(site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_that_is_deleted_after_the_decision_is_a_miss),
        cmocka_unit_test(a_snapshot_that_is_unprotected_and_removed_after_the_decision_is_a_miss),
        cmocka_unit_test(a_pool_that_is_removed_after_the_decision_is_an_error_and_no_hang),
        cmocka_unit_test(a_key_that_is_replaced_serves_the_old_connection_and_the_next_one_wants_the_new_key),
    };

    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, group_up, group_down);
}

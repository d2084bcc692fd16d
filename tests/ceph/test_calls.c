/*
 * test_calls.c - fails the N-th call of the library to librados or librbd (calls.h), for every N, over whole clones and
 * certifications on a real cluster: each clone ends in an error or is made all the same, and what failed leaves nothing in
 * the pool.
 */
#include "calls.h"
#include "lab.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct lab lab;
static vtclone_site *site;
static vtclone_decision *decision;

static int group_up(void **state)
{
    (void)state;
    one_image_up(&lab, &site, &decision);
    /* The direct engine waits until librbd has made an image in the pool. */
    vtclone *handle = handle_open(NULL);
    handle_warm(&lab, handle, decision);
    vtclone_free(handle);
    return 0;
}

static int group_down(void **state)
{
    (void)state;
    one_image_down(site, decision);
    return 0;
}

/* What failed is gone, what was made is whole. */
static void check_outcome(const char *volume, int32_t code, const vtclone_error *err)
{
    if (code == VTCLONE_OK) {
        assert_int_equal(volume_size(&lab, "volumes", volume), GIB);
        volume_check_content(&lab, "volumes", volume);
        volume_remove(&lab, "volumes", volume);
        return;
    }
    if (code == VTCLONE_E_INTERNAL || code == VTCLONE_E_EXISTS || code == VTCLONE_E_INVALID)
        fail_msg("after %s failed: %s: %s", calls_failed(), vtclone_code_name(code), err->message);
    for (int tries = 0; volume_leftover(&lab, "volumes", volume) && tries < 50; tries++)
        sleep_ms(100); /* what could not be undone at once is undone by the engine's own thread */
    if (volume_leftover(&lab, "volumes", volume))
        fail_msg("after %s failed (%s), something of %s is left", calls_failed(), err->message, volume);
}

/* One clone with the n-th call failing; false where it made fewer. warm: on a connection that has made a volume. */
static bool clone_with_failure(int32_t engine, bool warm, int n, int code)
{
    vtclone *handle = handle_open(NULL);
    vtclone_error err = { 0 };
    char volume[64];

    if (warm) {
        assert_int_equal(clone_try(handle, decision, engine, "warm-up", 0, &err), VTCLONE_OK);
        volume_remove(&lab, "volumes", "warm-up");
    }
    snprintf(volume, sizeof(volume), "call-%d", n);
    calls_fail(n, code, ALL_CALLS);
    int32_t result = clone_try(handle, decision, engine, volume, 0, &err);
    bool failed = calls_end();
    if (!failed && result != VTCLONE_OK)
        fail_msg("nothing failed, but: %s", err.message);
    check_outcome(volume, result, &err);
    vtclone_free(handle);
    return failed;
}

/* Each fails as it does where the cluster refuses; of a later clone also as it does where the cluster does not answer. */
static void fail_each_call(int32_t engine, bool warm, const char *what)
{
    static const int codes[] = { EIO, ETIMEDOUT };

    for (size_t i = 0; i < (warm ? 2 : 1); i++) {
        int n = 1;

        while (clone_with_failure(engine, warm, n, codes[i]))
            n++;
        print_message("# %s: %d calls, each failed once with %d\n", what, n - 1, codes[i]);
        assert_true(n > 3);
    }
    pool_empty(&lab, "volumes");
    pool_check_orphans(&lab, "volumes");
    assert_int_equal(lab_wait_sessions(&lab, "client.cinder", 0, 20), 0);
}

static void each_call_of_a_first_clone_by_librbd(void **state)
{
    (void)state;
    fail_each_call(VTCLONE_ENGINE_LIBRBD, false, "librbd, first clone");
}

static void each_call_of_a_later_clone_by_librbd(void **state)
{
    (void)state;
    fail_each_call(VTCLONE_ENGINE_LIBRBD, true, "librbd, later clone");
}

static void each_call_of_a_first_direct_clone(void **state)
{
    (void)state;
    fail_each_call(VTCLONE_ENGINE_DIRECT, false, "direct, first clone");
}

static void each_call_of_a_later_direct_clone(void **state)
{
    (void)state;
    fail_each_call(VTCLONE_ENGINE_DIRECT, true, "direct, later clone");
}

/* As a certification that died has left it, but so young that it may be another process's: each looks at it, none removes it. */
static void leave_scratch_clone(void)
{
    parent_make(&lab, (struct parent_spec){ .pool = "volumes", .id = "vtclone-certify-left", .unprotected = true });
}

/* One certification with the n-th call failing, of an image that it has to find by itself; false where it made fewer. */
static bool certify_with_failure(int n)
{
    vtclone *handle = handle_open(NULL);
    vtclone_error err = { 0 };
    char *json = NULL;

    calls_fail(n, EIO, 3);
    int32_t code = vtclone_certify(handle, site, "node@ceph#volumes", "images", NULL, &json, &err);
    bool failed = calls_end();
    assert_true((code == VTCLONE_OK) == (json != NULL));
    if (code != VTCLONE_OK && ((code != VTCLONE_E_RADOS && code != VTCLONE_E_TIMEOUT && code != VTCLONE_E_NOMEM) || !failed))
        fail_msg("after %s failed: %s: %s", calls_failed(), vtclone_code_name(code), err.message);
    if (!failed && strstr(json, "\"certified\":true") == NULL)
        fail_msg("nothing failed, but: %s", json);
    vtclone_string_free(json);
    vtclone_free(handle);
    /* What could not be removed is the next certification's, hours later: see SWEEP_AGE_S. */
    if (strcmp(calls_failed(), "rbd_remove") == 0) {
        parent_remove(&lab, "volumes", "vtclone-certify-left");
        pool_empty(&lab, "volumes");
        leave_scratch_clone();
    }
    for (int tries = 0; pool_count(&lab, "volumes") != 1 && tries < 50; tries++)
        sleep_ms(100);
    if (pool_count(&lab, "volumes") != 1)
        fail_msg("after %s failed (%s), a scratch clone is left", calls_failed(), err.message);
    return failed;
}

static void each_call_of_a_certification(void **state)
{
    int n = 1;

    (void)state;
    leave_scratch_clone();
    while (certify_with_failure(n))
        n++;
    print_message("# certification: %d calls, each failed once\n", n - 1);
    assert_true(n > 40);
    parent_remove(&lab, "volumes", "vtclone-certify-left");
    pool_check_orphans(&lab, "volumes");
}

static void no_function_that_reports_failures_was_left_out(void **state)
{
    (void)state;
    calls_check_all_failed();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_of_a_first_clone_by_librbd),
        cmocka_unit_test(each_call_of_a_later_clone_by_librbd),
        cmocka_unit_test(each_call_of_a_first_direct_clone),
        cmocka_unit_test(each_call_of_a_later_direct_clone),
        cmocka_unit_test(each_call_of_a_certification),
        cmocka_unit_test(no_function_that_reports_failures_was_left_out),
    };
    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, group_up, group_down);
}

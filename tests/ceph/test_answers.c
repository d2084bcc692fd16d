/*
 * test_answers.c - chosen calls to librados and librbd answer as a real cluster does at a bad moment: late, busy, with another
 * errno value, or with what somebody else did meanwhile. The librbd engine must end in the error that belongs to it, remove
 * what is its own and nothing else. test_calls.c fails every call; here what follows a failure is led down each path.
 */
#include "lab.h"
#include "librbd_image.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REAL 1 /* the call is made; what is done to it is something else */

/* What a call does, from its turn on and so many times. */
struct act {
    const char *name;
    int skip, times;
    int result; /* instead of the call, or REAL */
    int delay_ms;
    void (*hook)(void);
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct act acts[6];

/* Whether it is the turn of an act with this name; *result is then what it says. */
static bool acted(const char *name, int *result)
{
    struct act found = { 0 };

    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]) && found.name == NULL; i++)
        if (acts[i].name != NULL && strcmp(acts[i].name, name) == 0 && acts[i].times > 0) {
            if (acts[i].skip > 0) {
                acts[i].skip--;
                break;
            }
            acts[i].times--;
            found = acts[i];
        }
    pthread_mutex_unlock(&lock);
    if (found.name == NULL)
        return false;
    if (found.delay_ms != 0)
        sleep_ms(found.delay_ms);
    if (found.hook != NULL)
        found.hook();
    *result = found.result;
    return true;
}

/* These stand before the real ones for libvtclone.so too. */
#define CALL(name, parameters, arguments)                                          \
    __attribute__((visibility("default"))) int name parameters                     \
    {                                                                              \
        int(*real) parameters, result;                                             \
        *(void **)&real = dlsym(RTLD_NEXT, #name);                                 \
        return acted(#name, &result) && result != REAL ? result : real arguments;  \
    }

CALL(rados_connect, (rados_t cluster), (cluster))
CALL(rados_ioctx_create, (rados_t cluster, const char *pool, rados_ioctx_t *out), (cluster, pool, out))
CALL(rados_aio_read_op_operate, (rados_read_op_t op, rados_ioctx_t io, rados_completion_t done, const char *oid, int flags),
     (op, io, done, oid, flags))
CALL(rados_aio_write_op_operate, (rados_write_op_t op, rados_ioctx_t io, rados_completion_t done, const char *oid, time_t *mtime, int flags),
     (op, io, done, oid, mtime, flags))
CALL(rbd_open, (rados_ioctx_t io, const char *name, rbd_image_t *image, const char *snap), (io, name, image, snap))
CALL(rbd_open_read_only, (rados_ioctx_t io, const char *name, rbd_image_t *image, const char *snap), (io, name, image, snap))
CALL(rbd_snap_is_protected, (rbd_image_t image, const char *name, int *is), (image, name, is))
CALL(rbd_clone3, (rados_ioctx_t from, const char *image, const char *snap, rados_ioctx_t to, const char *name, rbd_image_options_t options),
     (from, image, snap, to, name, options))
CALL(rbd_resize2, (rbd_image_t image, uint64_t size, bool shrink, librbd_progress_fn_t progress, void *context),
     (image, size, shrink, progress, context))
CALL(rbd_remove, (rados_ioctx_t io, const char *name), (io, name))

/* librbd calls this too, and asserts that it succeeds. */
__attribute__((visibility("default"))) int rados_aio_create_completion2(void *argument, rados_callback_t complete, rados_completion_t *out)
{
    int (*real)(void *, rados_callback_t, rados_completion_t *), result;
    Dl_info caller;
    *(void **)&real = dlsym(RTLD_NEXT, "rados_aio_create_completion2");
    if (dladdr(__builtin_return_address(0), &caller) != 0 && strstr(caller.dli_fname, "libvtclone") != NULL &&
        acted("rados_aio_create_completion2", &result))
        return result;
    return real(argument, complete, out);
}

/* The answer is another one. */
__attribute__((visibility("default"))) int rbd_get_size(rbd_image_t image, uint64_t *size)
{
    int (*real)(rbd_image_t, uint64_t *), other;
    *(void **)&real = dlsym(RTLD_NEXT, "rbd_get_size");
    int result = real(image, size);
    if (acted("rbd_get_size", &other))
        *size += 2 * GIB;
    return result;
}

__attribute__((visibility("default"))) int rbd_get_parent(rbd_image_t image, rbd_linked_image_spec_t *parent, rbd_snap_spec_t *snap)
{
    int (*real)(rbd_image_t, rbd_linked_image_spec_t *, rbd_snap_spec_t *), other;
    *(void **)&real = dlsym(RTLD_NEXT, "rbd_get_parent");
    int result = real(image, parent, snap);
    if (acted("rbd_get_parent", &other))
        snap->id++;
    return result;
}

__attribute__((visibility("default"))) int rbd_close(rbd_image_t image)
{
    int (*real)(rbd_image_t), other;
    *(void **)&real = dlsym(RTLD_NEXT, "rbd_close");
    int result = real(image);
    return acted("rbd_close", &other) ? other : result;
}

__attribute__((visibility("default"))) void rbd_image_options_create(rbd_image_options_t *options)
{
    void (*real)(rbd_image_options_t *);
    int other;
    *(void **)&real = dlsym(RTLD_NEXT, "rbd_image_options_create");
    if (acted("rbd_image_options_create", &other))
        *options = NULL;
    else
        real(options);
}

__attribute__((visibility("default"))) int rados_exec(rados_ioctx_t io, const char *oid, const char *cls, const char *method, const char *in,
                                                      size_t in_len, char *out, size_t out_len)
{
    int (*real)(rados_ioctx_t, const char *, const char *, const char *, const char *, size_t, char *, size_t), other;
    *(void **)&real = dlsym(RTLD_NEXT, "rados_exec");
    int result = real(io, oid, cls, method, in, in_len, out, out_len);
    if (!acted("rados_exec", &other))
        return result;
    if (other == 4) /* a length beyond the reply */
        memset(out, 0xff, 4);
    return other == REAL ? result : other;
}

/* ---- */

static struct lab lab;
static vtclone *handle;
static vtclone_site *site;
static vtclone_decision *decision;
static char volume[64];

static int group_up(void **state)
{
    (void)state;
    lab = lab_first();
    pool_empty(&lab, "volumes");
    parent_make(&lab, (struct parent_spec){ 0 });
    site = site_make(&lab, (struct site_spec){ 0 });
    decision = decide_image(&lab, site);
    return 0;
}

static int group_down(void **state)
{
    (void)state;
    vtclone_decision_free(decision);
    vtclone_site_free(site);
    pool_empty(&lab, "volumes");
    lab_close();
    return 0;
}

static int set_up(void **state)
{
    static int number;

    (void)state;
    memset(acts, 0, sizeof(acts));
    snprintf(volume, sizeof(volume), "answer-%d", number++);
    handle = handle_open(NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vtclone_free(handle);
    return 0;
}

static void fails_with(int32_t code, const char *text, uint32_t timeout_ms)
{
    const vtclone_clone_options options = { .size = sizeof(options), .engine = VTCLONE_ENGINE_LIBRBD, .timeout_ms = timeout_ms };
    vtclone_decision *made = NULL;
    vtclone_error error = { 0 };
    int32_t got = vtclone_clone(handle, decision, volume, 1, &options, &made, &error);

    if (got != code || strstr(error.message, text) == NULL)
        fail_msg("%s instead of %s, '%s' in '%s'", vtclone_code_name(got), vtclone_code_name(code), text, error.message);
    assert_null(made);
}

static void nothing_is_left(void)
{
    for (int tries = 0; volume_leftover(&lab, "volumes", volume) && tries < 200; tries++)
        sleep_ms(100); /* by the engine's own thread, and after a lost watch */
    assert_false(volume_leftover(&lab, "volumes", volume));
    pool_check_orphans(&lab, "volumes");
}

/* ---- failures of the clone and of its parts ---- */

static void a_failure_at_each_step_is_told_and_undone(void **state)
{
    static const struct {
        struct act act;
        int32_t code;
        const char *text;
    } cases[] = {
        { { "rbd_clone3", 0, 2, -EINVAL, 0, NULL }, VTCLONE_E_RADOS, "rbd_clone3: Invalid argument" },
        { { "rbd_clone3", 0, 2, -ETIMEDOUT, 0, NULL }, VTCLONE_E_TIMEOUT, "rbd_clone3" },
        { { "rbd_clone3", 0, 2, -EEXIST, 0, NULL }, VTCLONE_E_EXISTS, "interrupted creation or removal left" },
        { { "rbd_image_options_create", 0, 2, 0, 0, NULL }, VTCLONE_E_RADOS, "rbd_clone3: Cannot allocate memory" },
        { { "rbd_get_parent", 0, 2, REAL, 0, NULL }, VTCLONE_E_RADOS, "the parent was replaced meanwhile" },
        { { "rbd_get_size", 1, 1, REAL, 0, NULL }, VTCLONE_E_RADOS, "the volume has 2214592512 bytes, more than" },
        { { "rados_exec", 0, 2, 2, 0, NULL }, VTCLONE_E_RADOS, "look the name up: Bad message" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        vtclone_free(handle);
        handle = handle_open(NULL); /* nothing is cached: each fails once */
        acts[0] = cases[i].act;
        fails_with(cases[i].code, cases[i].text, 0);
        acts[0] = (struct act){ 0 };
        nothing_is_left();
    }
}

static void a_reply_of_the_directory_that_lies_about_its_length_is_refused(void **state)
{
    (void)state;
    clone_ok(handle, decision, volume, 1, false);
    acts[0] = (struct act){ "rados_exec", 0, 2, 4, 0, NULL };
    fails_with(VTCLONE_E_RADOS, "look the name up: Bad message", 0);
    volume_check_content(&lab, "volumes", volume);
    volume_remove(&lab, "volumes", volume);
}

static void a_failing_close_ends_the_connection_but_not_the_clone(void **state)
{
    uint64_t before = handle_stats(handle).connects;

    (void)state;
    acts[0] = (struct act){ "rbd_close", 1, 1, -EIO, 0, NULL };
    clone_ok(handle, decision, volume, 1, false);
    volume_check_content(&lab, "volumes", volume);
    volume_remove(&lab, "volumes", volume);
    clone_ok(handle, decision, volume, 1, false);
    assert_int_equal(handle_stats(handle).connects - before, 2);
    volume_remove(&lab, "volumes", volume);
}

static void an_image_of_the_name_that_cannot_be_read_stays(void **state)
{
    (void)state;
    clone_ok(handle, decision, volume, 1, false);
    acts[0] = (struct act){ "rbd_open_read_only", 0, 1, -EPERM, 0, NULL };
    acts[1] = (struct act){ "rbd_open_read_only", 1, 1, -EPERM, 0, NULL }; /* the parent is read again, then this */
    fails_with(VTCLONE_E_EXISTS, "another image, which cannot be read: rbd_open_read_only", 0);
    acts[0] = (struct act){ "rbd_open_read_only", 1, 1, -ETIMEDOUT, 0, NULL };
    acts[1] = (struct act){ 0 };
    fails_with(VTCLONE_E_TIMEOUT, "read the image that has the volume's name: rbd_open_read_only", 0);
    volume_check_content(&lab, "volumes", volume);
    volume_remove(&lab, "volumes", volume);
}

/* ---- undoing ---- */

static void growth_fails(struct act then, struct act after)
{
    acts[0] = (struct act){ "rbd_resize2", 0, 1, -EIO, 0, NULL };
    acts[1] = then;
    acts[2] = after;
}

static void a_volume_that_is_watched_is_removed_over_another_connection(void **state)
{
    uint64_t before = handle_stats(handle).connects;

    (void)state;
    growth_fails((struct act){ "rbd_remove", 0, 2, -EBUSY, 0, NULL }, (struct act){ 0 });
    fails_with(VTCLONE_E_RADOS, "rbd_resize2", 0);
    nothing_is_left();
    assert_int_equal(handle_stats(handle).connects - before, 2);
}

static void without_another_connection_the_old_one_removes_it(void **state)
{
    (void)state;
    growth_fails((struct act){ "rbd_remove", 0, 1, -EBUSY, 0, NULL }, (struct act){ "rados_connect", 1, 1, -EIO, 0, NULL });
    fails_with(VTCLONE_E_RADOS, "rbd_resize2", 0);
    nothing_is_left();
}

static void what_cannot_be_removed_is_told(void **state)
{
    (void)state;
    growth_fails((struct act){ "rbd_remove", 0, 1, -EPERM, 0, NULL }, (struct act){ 0 });
    fails_with(VTCLONE_E_RADOS, "could not be removed (Operation not permitted): remove it with rbd rm", 0);
    assert_true(volume_leftover(&lab, "volumes", volume));
    volume_remove(&lab, "volumes", volume);
}

static void what_cannot_be_looked_at_is_told(void **state)
{
    (void)state;
    growth_fails((struct act){ "rados_aio_read_op_operate", 0, 2, -EIO, 0, NULL }, (struct act){ 0 });
    fails_with(VTCLONE_E_RADOS, "could not be removed (Input/output error)", 0);
    volume_remove(&lab, "volumes", volume);
    growth_fails((struct act){ "rados_aio_create_completion2", 1, 2, -ENOMEM, 0, NULL }, (struct act){ 0 }); /* the first: image_close() */
    fails_with(VTCLONE_E_RADOS, "could not be removed (Cannot allocate memory)", 0);
    volume_remove(&lab, "volumes", volume);
}

static void what_rbd_remove_does_not_see_is_removed_by_its_id(void **state)
{
    (void)state;
    growth_fails((struct act){ "rbd_remove", 0, 1, 0, 0, NULL }, (struct act){ 0 });
    fails_with(VTCLONE_E_RADOS, "rbd_resize2", 0);
    nothing_is_left();
}

static void without_the_parents_pool_it_stays_and_that_is_told(void **state)
{
    (void)state;
    growth_fails((struct act){ "rbd_remove", 0, 1, -EBUSY, 0, NULL }, (struct act){ "rbd_remove", 0, 1, 0, 0, NULL });
    acts[3] = (struct act){ "rados_ioctx_create", 3, 1, -EIO, 0, NULL }; /* of images, volumes, and volumes again */
    fails_with(VTCLONE_E_RADOS, "could not be removed (Input/output error)", 0);
    volume_remove(&lab, "volumes", volume);
}

static void take_out_of_directory(void)
{
    char id[64], in[200], reply[100];
    uint32_t len = (uint32_t)strlen(volume);
    rbd_image_t image;

    assert_int_equal(rbd_open_read_only(lab_pool(&lab, "volumes"), volume, &image, NULL), 0);
    assert_int_equal(rbd_get_id(image, id, sizeof(id)), 0);
    assert_int_equal(image_close(lab_pool(&lab, "volumes"), image), 0);
    uint32_t id_len = (uint32_t)strlen(id);
    memcpy(in, &len, 4);
    memcpy(in + 4, volume, len);
    memcpy(in + 4 + len, &id_len, 4);
    memcpy(in + 8 + len, id, id_len);
    assert_int_equal(rados_exec(lab_pool(&lab, "volumes"), "rbd_directory", "rbd", "dir_remove_image", in, 8 + len + id_len, reply,
                                sizeof(reply)), 0);
}

static void what_has_lost_its_place_in_the_directory_is_removed_too(void **state)
{
    (void)state;
    acts[0] = (struct act){ "rbd_resize2", 0, 1, -EIO, 0, take_out_of_directory };
    fails_with(VTCLONE_E_RADOS, "rbd_resize2", 0);
    nothing_is_left();
}

static void adopt(void)
{
    char oid[100];

    snprintf(oid, sizeof(oid), "rbd_id.%s", volume);
    assert_int_equal(rados_setxattr(lab_pool(&lab, "volumes"), oid, "vtclone.adopted", "1", 1), 0);
}

static void what_another_call_has_completed_stays(void **state)
{
    (void)state;
    acts[0] = (struct act){ "rbd_resize2", 0, 1, -EIO, 0, adopt };
    fails_with(VTCLONE_E_RADOS, "rbd_resize2", 0);
    assert_true(volume_exists(&lab, "volumes", volume));
    volume_remove(&lab, "volumes", volume);
}

static void make_foreign(void)
{
    int order = 0;

    assert_int_equal(rbd_create2(lab_pool(&lab, "volumes"), volume, MIB, 1, &order), 0);
}

static void an_image_that_somebody_else_made_meanwhile_stays(void **state)
{
    (void)state;
    acts[0] = (struct act){ "rbd_clone3", 0, 1, -EIO, 0, make_foreign };
    fails_with(VTCLONE_E_RADOS, "rbd_clone3: Input/output error", 0);
    assert_int_equal(volume_size(&lab, "volumes", volume), MIB);
    volume_remove(&lab, "volumes", volume);
}

/* ---- late answers: a quarter of the time is kept for the clean-up; where that takes longer, the message is another ---- */

static void a_late_step_ends_the_call_before_the_next(void **state)
{
    static const struct {
        struct act act;
        uint32_t timeout_ms;
        const char *text;
    } cases[] = {
        { { "rados_ioctx_create", 0, 1, REAL, 3100, NULL }, 4000, "before reading the parent" },
        { { "rbd_snap_is_protected", 0, 1, REAL, 3100, NULL }, 4000, "before looking the name up" },
        { { "rados_exec", 0, 1, REAL, 3100, NULL }, 4000, "before rbd_clone3" },
        { { "rbd_clone3", 0, 1, REAL, 3100, NULL }, 4000, "" },
        { { "rbd_open", 0, 1, REAL, 3100, NULL }, 4000, "" },
        { { "rbd_clone3", 0, 1, -EEXIST, 3100, NULL }, 4000, "before reading the image that has the volume's name" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        vtclone_free(handle);
        handle = handle_open(NULL);
        acts[0] = cases[i].act;
        fails_with(VTCLONE_E_TIMEOUT, cases[i].text, cases[i].timeout_ms);
        nothing_is_left();
    }
}

static void a_clone_that_is_done_after_its_deadline_is_undone(void **state)
{
    (void)state;
    acts[0] = (struct act){ "rbd_resize2", 0, 1, REAL, 3000, NULL };
    fails_with(VTCLONE_E_TIMEOUT, "what was begun is removed as soon as it does", 2000);
    sleep_ms(1200);
    nothing_is_left();
    clone_ok(handle, decision, volume, 1, false);
    acts[0] = (struct act){ "rbd_open_read_only", 0, 1, REAL, 3000, NULL }; /* one that was there before is not */
    fails_with(VTCLONE_E_TIMEOUT, "the cluster did not answer before the deadline", 2000);
    sleep_ms(1200);
    volume_check_content(&lab, "volumes", volume);
    volume_remove(&lab, "volumes", volume);
}

/* ---- too many that wait ---- */

#define LATE_MAX 64

static void *wait_for_nothing(void *argument)
{
    const vtclone_clone_options options = { .size = sizeof(options), .engine = VTCLONE_ENGINE_LIBRBD, .timeout_ms = 1500 };
    vtclone_decision *made = NULL;
    char name[64];

    snprintf(name, sizeof(name), "late-%d", (int)(intptr_t)argument);
    return (void *)(intptr_t)vtclone_clone(handle, decision, name, 1, &options, &made, NULL);
}

static void beyond_64_that_still_wait_a_clone_fails_at_once(void **state)
{
    pthread_t threads[LATE_MAX];
    void *code;

    (void)state;
    clone_ok(handle, decision, volume, 1, false);
    volume_remove(&lab, "volumes", volume);
    lab_do(&lab, "pause-osd");
    for (int i = 0; i < LATE_MAX; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_nothing, (void *)(intptr_t)i), 0);
    for (int i = 0; i < LATE_MAX; i++) {
        pthread_join(threads[i], &code);
        assert_int_equal((intptr_t)code, VTCLONE_E_TIMEOUT);
    }
    int64_t began = now_ms();
    fails_with(VTCLONE_E_RADOS, "64 earlier clones still wait for the cluster", 60000);
    assert_true(now_ms() - began < 20000);
    lab_do(&lab, "resume-osd");
    nothing_is_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_failure_at_each_step_is_told_and_undone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reply_of_the_directory_that_lies_about_its_length_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failing_close_ends_the_connection_but_not_the_clone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_image_of_the_name_that_cannot_be_read_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_volume_that_is_watched_is_removed_over_another_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_another_connection_the_old_one_removes_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_removed_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_looked_at_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_rbd_remove_does_not_see_is_removed_by_its_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_the_parents_pool_it_stays_and_that_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_has_lost_its_place_in_the_directory_is_removed_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_another_call_has_completed_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_image_that_somebody_else_made_meanwhile_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_late_step_ends_the_call_before_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_clone_that_is_done_after_its_deadline_is_undone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(beyond_64_that_still_wait_a_clone_fails_at_once, set_up, tear_down),
    };

    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, group_up, group_down);
}

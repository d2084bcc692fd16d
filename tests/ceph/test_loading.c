/*
 * test_loading.c - the .so as hosts load it: by dlopen from a thread, cloned with, closed and loaded again; and a host
 * that ends while a clone still waits for a cluster that does not answer. Nothing is ever printed.
 */
#include "lab.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIBRARY "libvtclone.so.1"

static struct lab lab;
static char folder[PATH_MAX]; /* of this program */

static int group_up(void **state)
{
    (void)state;
    lab = lab_first();
    parent_make(&lab, (struct parent_spec){ 0 });
    pool_empty(&lab, "volumes");
    return 0;
}

static int group_down(void **state)
{
    (void)state;
    pool_empty(&lab, "volumes");
    lab_close();
    return 0;
}

/* Runs loader.c with the role; what it prints on either stream is in output. */
static int run_role(const char *role, char *output, size_t size)
{
    char command[PATH_MAX + 64];
    size_t len;
    FILE *pipe;
    int status;

    snprintf(command, sizeof(command), "'%s/loader' %s 2>&1", folder, role);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    len = fread(output, 1, size - 1, pipe);
    output[len] = '\0';
    status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void the_library_is_loaded_used_and_unloaded_twice_from_threads(void **state)
{
    char output[4000];

    (void)state;
    assert_int_equal(run_role("twice", output, sizeof(output)), 0);
    assert_string_equal(output, "");
    assert_true(volume_exists(&lab, "volumes", "loaded"));
}

static void a_host_may_end_without_freeing_its_handle(void **state)
{
    char output[4000];

    (void)state;
    assert_int_equal(run_role("rude", output, sizeof(output)), 0);
    assert_string_equal(output, "");
    assert_int_equal(lab_wait_sessions(&lab, "client.cinder", 0, 10), 0);
}

static void a_host_may_free_and_end_while_a_clone_waits_for_the_cluster(void **state)
{
    char output[4000];
    int64_t began = now_ms();
    int status;

    (void)state;
    lab_do(&lab, "pause-osd");
    status = run_role("stuck", output, sizeof(output));
    lab_do(&lab, "resume-osd");
    assert_int_equal(status, 0);
    assert_string_equal(output, "");
    assert_true(now_ms() - began < 15000);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library_is_loaded_used_and_unloaded_twice_from_threads),
        cmocka_unit_test(a_host_may_end_without_freeing_its_handle),
        cmocka_unit_test(a_host_may_free_and_end_while_a_clone_waits_for_the_cluster),
    };
    char library[PATH_MAX + 32];

    (void)argc;
    if (realpath(argv[0], folder) == NULL)
        return 1;
    *strrchr(folder, '/') = '\0';
    snprintf(library, sizeof(library), "%s/../../" LIBRARY, folder); /* build/tests/ceph */
    setenv("VTCLONE_LIBRARY", library, 1);
    return cmocka_run_group_tests(tests, group_up, group_down);
}

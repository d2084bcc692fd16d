/*
 * test_connection.c - the connection cache: one session for each (ceph_conf, cluster, user), however many handles;
 * closed when idle, made again when needed, clear about what keeps it from a cluster, and safe over a fork.
 */
#include "lab.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct lab lab, second;
static vtclone_site *site;
static vtclone_decision *decision;
static char folder[] = "/tmp/vtclone-test.XXXXXX";

static int group_up(void **state)
{
    (void)state;
    lab = lab_first();
    second = lab_second();
    parent_make(&lab, (struct parent_spec){ 0 });
    parent_make(&second, (struct parent_spec){ 0 });
    site = site_make(&lab, (struct site_spec){ 0 });
    decision = decide_image(&lab, site);
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int group_down(void **state)
{
    char command[100];

    (void)state;
    vtclone_decision_free(decision);
    vtclone_site_free(site);
    pool_empty(&lab, "volumes");
    pool_empty(&second, "volumes");
    lab_close();
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    return system(command);
}

static int set_up(void **state)
{
    (void)state;
    pool_empty(&lab, "volumes");
    pool_empty(&second, "volumes");
    return 0;
}

/* ---- sharing ---- */

static void two_handles_share_a_session_and_the_last_one_ends_it(void **state)
{
    vtclone *one = handle_open(NULL), *other = handle_open(NULL);

    (void)state;
    clone_ok(one, decision, "volume-1", 1, false);
    clone_ok(other, decision, "volume-2", 1, false);
    assert_int_equal(lab_sessions(&lab, "client.cinder"), 1);
    assert_int_equal(handle_stats(one).open_connections, 1);
    vtclone_free(one);
    clone_ok(other, decision, "volume-3", 1, false);
    assert_int_equal(lab_sessions(&lab, "client.cinder"), 1);
    vtclone_free(other);
    assert_int_equal(lab_wait_sessions(&lab, "client.cinder", 0, 5), 0);
}

static void opening_a_handle_connects_to_nothing(void **state)
{
    vtclone *handle = handle_open(NULL);
    uint64_t before = handle_stats(handle).connects;

    (void)state;
    assert_int_equal(lab_sessions(&lab, "client.cinder"), 0);
    assert_int_equal(handle_stats(handle).connects, before);
    assert_int_equal(handle_stats(handle).open_connections, 0);
    vtclone_free(handle);
}

static void users_have_sessions_of_their_own(void **state)
{
    vtclone_site *admin_site = site_make(&lab, (struct site_spec){ .user = "admin" });
    vtclone_decision *as_admin = decide_image(&lab, admin_site);
    vtclone *handle = handle_open(NULL);

    (void)state;
    clone_ok(handle, decision, "volume-1", 1, false);
    clone_ok(handle, as_admin, "volume-2", 1, false);
    assert_int_equal(handle_stats(handle).open_connections, 2);
    assert_int_equal(lab_sessions(&lab, "client.cinder"), 1);
    vtclone_free(handle);
    vtclone_decision_free(as_admin);
    vtclone_site_free(admin_site);
}

static void two_clusters_are_used_at_once(void **state)
{
    vtclone_site *other_site = site_make(&second, (struct site_spec){ 0 });
    vtclone_decision *on_second = decide_image(&second, other_site);
    vtclone *handle = handle_open(NULL);

    (void)state;
    assert_string_not_equal(lab.fsid, second.fsid);
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof(name), "volume-%d", i);
        clone_ok(handle, decision, name, 1, false);
        clone_ok(handle, on_second, name, 2, false);
        assert_int_equal(volume_size(&lab, "volumes", name), GIB);
        assert_int_equal(volume_size(&second, "volumes", name), 2 * GIB);
    }
    assert_int_equal(handle_stats(handle).open_connections, 2);
    vtclone_free(handle);
    vtclone_decision_free(on_second);
    vtclone_site_free(other_site);
}

/* ---- closing and making again ---- */

static void an_idle_connection_is_closed_and_the_next_clone_makes_another(void **state)
{
    const vtclone_options options = { .size = sizeof(options), .idle_close_ms = 700 };
    vtclone *handle = handle_open(&options);
    uint64_t before = handle_stats(handle).connects;

    (void)state;
    clone_ok(handle, decision, "volume-1", 1, false);
    assert_int_equal(lab_sessions(&lab, "client.cinder"), 1);
    assert_int_equal(lab_wait_sessions(&lab, "client.cinder", 0, 5), 0);
    assert_int_equal(handle_stats(handle).open_connections, 0);
    clone_ok(handle, decision, "volume-2", 1, false);
    assert_int_equal(handle_stats(handle).connects, before + 2);
    vtclone_free(handle);
}

static void a_client_that_the_cluster_blocklisted_gets_a_new_connection(void **state)
{
    vtclone *handle = handle_open(&(vtclone_options){ .size = sizeof(vtclone_options), .osd_timeout_ms = 3000 });
    char command[600];

    (void)state;
    clone_ok(handle, decision, "volume-1", 1, false);
    /* The address of our session, as the monitor knows it. */
    snprintf(command, sizeof(command),
             "for a in $(lab/ceph sessions --raw --state '%s' | tr -d ' \\n' | grep -o '\"entity_name\":\"client.cinder\"' "
             ">/dev/null && rbd --conf '%s' ls volumes >/dev/null && lab/ceph sessions --raw --state '%s' | "
             "/usr/bin/python3 -c 'import json,sys; [print(s[\"addrs\"][\"addrvec\"][0][\"addr\"] + \"/\" + "
             "str(s[\"addrs\"][\"addrvec\"][0][\"nonce\"])) for s in json.load(sys.stdin) if s.get(\"entity_name\") == "
             "\"client.cinder\"]'); do ceph --conf '%s' osd blocklist add $a 60 2>/dev/null; done",
             lab.state, lab.conf, lab.state, lab.conf);
    assert_int_equal(system(command), 0);
    /* The first call may find out; it must not hang, and leaves nothing. */
    if (clone_try(handle, decision, VTCLONE_ENGINE_LIBRBD, "volume-2", 0, NULL) != VTCLONE_OK) {
        assert_false(volume_leftover(&lab, "volumes", "volume-2"));
        clone_ok(handle, decision, "volume-2", 1, false);
    } else {
        fail_msg("the blocklisted client was served: the test blocklisted nobody");
    }
    vtclone_free(handle);
}

/* ---- what keeps it from a cluster ---- */

static const char *conf_without(const char *name, const char *mon_host, const char *key_ring)
{
    static char path[200];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.conf", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "[global]\nmon_host = %s\nkeyring = %s\n", mon_host, key_ring);
    fclose(file);
    return path;
}

/* Clones with that site, which has to fail with the text, within ms. */
static void refused(struct site_spec spec, int32_t code, const char *text, int64_t ms)
{
    const vtclone_options options = { .size = sizeof(options), .connect_timeout_ms = 2000 };
    vtclone *handle = handle_open(&options);
    vtclone_site *own = site_make(&lab, spec);
    vtclone_decision *own_decision =
        spec.fsid == NULL ? decide_image(&lab, own)
                          : decide(own, IMAGE, "rbd://00000000-1111-2222-3333-444444444444/images/" IMAGE "/snap", NULL);
    int64_t began = now_ms();

    clone_fails(handle, own_decision, "volume-1", 1, code, text);
    if (now_ms() - began > ms)
        fail_msg("it took %lld ms", (long long)(now_ms() - began));
    assert_int_equal(handle_stats(handle).open_connections, 0);
    vtclone_decision_free(own_decision);
    vtclone_site_free(own);
    vtclone_free(handle);
}

static void a_missing_configuration_file_is_named(void **state)
{
    (void)state;
    refused((struct site_spec){ .conf = "/nowhere/ceph.conf" }, VTCLONE_E_RADOS,
            "client.cinder with /nowhere/ceph.conf: cannot read the configuration file: No such file or directory", 3000);
}

static void a_missing_key_ring_is_named(void **state)
{
    char mon[64];

    (void)state;
    snprintf(mon, sizeof(mon), "v2:127.0.0.1:%d", lab.port);
    refused((struct site_spec){ .conf = conf_without("keyless", mon, "/nowhere/cinder.keyring") }, VTCLONE_E_RADOS,
            "no key ring can be read (/nowhere/cinder.keyring)", 3000);
}

static void a_user_that_the_cluster_does_not_know_is_named(void **state)
{
    char mon[64], path[100];
    const char *conf;
    FILE *file;

    (void)state;
    snprintf(path, sizeof(path), "%s/stranger.keyring", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "[client.stranger]\nkey = AQBHGQxmAAAAABAAaXyRk0G4Fq4kzQ0b1mQ6kA==\n");
    fclose(file);
    snprintf(mon, sizeof(mon), "v2:127.0.0.1:%d", lab.port);
    conf = conf_without("stranger", mon, path);
    refused((struct site_spec){ .conf = conf, .user = "stranger" }, VTCLONE_E_RADOS,
            "refused the key of client.stranger", 3000);
}

static void a_monitor_that_cannot_be_reached_costs_the_connect_time_out(void **state)
{
    (void)state;
    /* Nothing listens on the port. */
    refused((struct site_spec){ .conf = conf_without("unreachable", "v2:127.0.0.1:1", "/nowhere") }, VTCLONE_E_TIMEOUT,
            "no monitor answered", 2500);
}

static void another_cluster_behind_the_configuration_is_noticed(void **state)
{
    (void)state;
    {
        const vtclone_options options = { .size = sizeof(options) };
        vtclone *handle = handle_open(&options);
        vtclone_site *own = site_make(&lab, (struct site_spec){ .fsid = "00000000-1111-2222-3333-444444444444" });
        vtclone_decision *own_decision =
            decide(own, IMAGE, "rbd://00000000-1111-2222-3333-444444444444/images/" IMAGE "/snap", NULL);

        clone_fails(handle, own_decision, "volume-1", 1, VTCLONE_E_RADOS, lab.fsid);
        clone_fails(handle, own_decision, "volume-1", 1, VTCLONE_E_RADOS, "00000000-1111-2222-3333-444444444444");
        vtclone_decision_free(own_decision);
        vtclone_site_free(own);
        vtclone_free(handle);
    }
}

/* ---- fork ---- */

/* What the child finds; its exit status says which step failed. */
static int child(vtclone *parents)
{
    vtclone_stats stats = { .size = sizeof(stats) };
    vtclone_decision *made = NULL;
    vtclone_error error;
    vtclone *own;

    alarm((unsigned)slow_ms(30000) / 1000);
    if (vtclone_get_stats(parents, &stats, &error) != VTCLONE_E_FORKED)
        return 1;
    if (vtclone_clone(parents, decision, "volume-c", 1, NULL, &made, &error) != VTCLONE_E_FORKED ||
        strstr(error.message, "opened by process") == NULL)
        return 2;
    vtclone_free(parents);
    if (vtclone_open(NULL, &own, &error) != 0)
        return 3;
    if (vtclone_clone(own, decision, "volume-c", 1, NULL, &made, &error) != 0) {
        fprintf(stderr, "%s\n", error.message);
        return 4;
    }
    vtclone_decision_free(made);
    vtclone_free(own);
    return 0;
}

static void a_child_gets_a_clear_error_for_the_parents_handle_and_a_connection_of_its_own(void **state)
{
    vtclone *handle = handle_open(NULL);
    int status;
    pid_t pid;

    (void)state;
#ifdef __SANITIZE_THREAD__ /* which ends a child that starts threads, as a connection does */
    vtclone_free(handle);
    skip();
#endif
    clone_ok(handle, decision, "volume-1", 1, false);
    pid = fork();
    if (pid == 0) {
        status = child(handle);
        if (status == 0)
            raise(SIGKILL); /* or valgrind would count what it has of its parent's other threads as lost */
        _exit(status);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : 0, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_true(volume_exists(&lab, "volumes", "volume-c"));
    /* The parent's connection lives on. */
    clone_ok(handle, decision, "volume-2", 1, false);
    assert_int_equal(handle_stats(handle).open_connections, 1);
    vtclone_free(handle);
    assert_int_equal(lab_wait_sessions(&lab, "client.cinder", 0, 5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(two_handles_share_a_session_and_the_last_one_ends_it, set_up),
        cmocka_unit_test_setup(opening_a_handle_connects_to_nothing, set_up),
        cmocka_unit_test_setup(users_have_sessions_of_their_own, set_up),
        cmocka_unit_test_setup(two_clusters_are_used_at_once, set_up),
        cmocka_unit_test_setup(an_idle_connection_is_closed_and_the_next_clone_makes_another, set_up),
        cmocka_unit_test_setup(a_client_that_the_cluster_blocklisted_gets_a_new_connection, set_up),
        cmocka_unit_test_setup(a_missing_configuration_file_is_named, set_up),
        cmocka_unit_test_setup(a_missing_key_ring_is_named, set_up),
        cmocka_unit_test_setup(a_user_that_the_cluster_does_not_know_is_named, set_up),
        cmocka_unit_test_setup(a_monitor_that_cannot_be_reached_costs_the_connect_time_out, set_up),
        cmocka_unit_test_setup(another_cluster_behind_the_configuration_is_noticed, set_up),
        cmocka_unit_test_setup(a_child_gets_a_clear_error_for_the_parents_handle_and_a_connection_of_its_own, set_up),
    };

    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, group_up, group_down);
}

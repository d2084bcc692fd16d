/*
 * test_alloc.c - fails the N-th allocation of the library (failing.h), for every N, over every public call that needs no
 * cluster. Each failure is VTCLONE_E_NOMEM, leaves the outputs alone and leaks nothing; the program is built with ASan, too.
 * Those that need a cluster are in tests/ceph/test_memory.c.
 */
#include "answers.h"
#include "public_calls.h"

#include "error.h"
#include "http.h"

int32_t __wrap_http_attempt(struct http_pool *pool, const struct http_request *request, const struct call *call,
                            struct http_response *response, bool *retry, bool *unsent, vtclone_error *err);
int32_t __wrap_call_sleep(const struct call *call, uint32_t ms, const char *what, vtclone_error *err);

int32_t __wrap_call_sleep(const struct call *call, uint32_t ms, const char *what, vtclone_error *err)
{
    (void)call, (void)ms, (void)what, (void)err;
    return VTCLONE_OK;
}

/* The answer's memory is the library's to free, so it is allocated as the library's, but without failing. */
int32_t __wrap_http_attempt(struct http_pool *pool, const struct http_request *request, const struct call *call,
                            struct http_response *response, bool *retry, bool *unsent, vtclone_error *err)
{
    const struct answer answer = services_answer(request->method, request->url, request->body);

    (void)pool, (void)call;
    *retry = *unsent = false;
    if (answer.status == 0)
        return error_set(err, request->code, "%s: no answer for %s", request->what, request->url);
    response->status = answer.status;
    response->body = unfailing_strdup(answer.body);
    response->len = strlen(answer.body);
    snprintf(response->content_type, sizeof(response->content_type), "application/json");
    if (answer.has_token)
        response->subject_token = unfailing_strdup("token");
    return VTCLONE_OK;
}

static void reset(const char *story)
{
    (void)story;
    services_reset();
}

static void each_allocation_fails_once(void **state)
{
    const struct public_call *call = *state;
    long count;

    services_reset();
    count = fail_each(call->run, call->name, reset);
    print_message("# %s: %ld allocations, each failed\n", call->name, count);
    assert_true(count > 0);
}

static void one_resolve_of_three_locations_allocates_no_more_than_64_kib(void **state)
{
    (void)state;
    const vtclone_resolve_options options = {
        .size = sizeof(options), .volume_type = "any", .image_volumes = volumes_json, .image_volumes_len = strlen(volumes_json),
    };
    vtclone_site *site;
    vtclone_decision *decision;

    assert_int_equal(vtclone_site_parse(site_json, strlen(site_json), &site, NULL), VTCLONE_OK);
    size_t before = bytes_allocated();
    assert_int_equal(vtclone_resolve(site, image_json, strlen(image_json), &options, &decision, NULL), VTCLONE_OK);
    assert_in_range(bytes_allocated() - before, 1024, 65536);
    assert_int_equal(vtclone_decision_candidate_count(decision), 6);
    vtclone_decision_free(decision);
    vtclone_site_free(site);
}

int main(void)
{
    struct CMUnitTest tests[40] = { cmocka_unit_test(one_resolve_of_three_locations_allocates_no_more_than_64_kib) };
    struct public_call calls[40];

    assert_true(public_call_count < 40);
    for (size_t i = 0; i < public_call_count; i++) {
        calls[i] = public_calls[i];
        tests[i + 1] = (struct CMUnitTest){ calls[i].name, each_allocation_fails_once, NULL, NULL, &calls[i] };
    }
    return _cmocka_run_group_tests("tests", tests, public_call_count + 1, calls_set_up, calls_tear_down);
}

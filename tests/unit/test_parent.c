/*
 * test_parent.c - the cache of parents, where the wait for another reader ends at the deadline. The Makefile puts the wait
 * below before the library's.
 */
#include "parent.h"

#include "job.h"
#include "unit.h"

static struct parent_cache *cache;
static const struct parent_facts facts = { .pool_id = 3, .image_id = "abc", .snap_id = 4, .size = 5 };
static void (*meanwhile)(void);
static int waits;

bool __wrap_monotonic_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, struct deadline deadline);
bool __wrap_monotonic_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, struct deadline deadline)
{
    (void)cond;
    (void)deadline;
    waits++;
    pthread_mutex_unlock(lock);
    if (meanwhile != NULL)
        meanwhile();
    pthread_mutex_lock(lock);
    return false;
}

static bool find(const char *image, struct parent_facts *out)
{
    return parent_cache_find(cache, "images", image, "snap", deadline_in_ms(1000), out);
}

static int set_up(void **state)
{
    struct parent_facts out;

    (void)state;
    meanwhile = NULL;
    waits = 0;
    cache = parent_cache_new();
    return cache != NULL && !find("one", &out) ? 0 : -1; /* it is being read */
}

static int tear_down(void **state)
{
    (void)state;
    parent_cache_free(cache);
    return 0;
}

static void give_the_slot_to_another(void)
{
    struct parent_facts out;

    meanwhile = NULL;
    parent_cache_forget(cache, "images", "one", "snap");
    assert_false(find("two", &out));
    parent_cache_store(cache, "images", "two", "snap", &facts);
}

static void a_slot_that_became_anothers_during_a_vain_wait_is_left_alone(void **state)
{
    struct parent_facts out;

    (void)state;
    meanwhile = give_the_slot_to_another;
    assert_false(find("one", &out));
    assert_int_equal(waits, 1);
    assert_false(find("one", &out)); /* its own slot says that it is being read */
    assert_int_equal(waits, 2);
    assert_true(find("two", &out));
    assert_int_equal(out.snap_id, facts.snap_id);
    assert_int_equal(waits, 2);
}

static void store_at_last(void)
{
    parent_cache_store(cache, "images", "one", "snap", &facts);
}

static void what_came_with_the_deadline_is_used(void **state)
{
    struct parent_facts out;

    (void)state;
    meanwhile = store_at_last;
    assert_true(find("one", &out));
    assert_string_equal(out.image_id, facts.image_id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_slot_that_became_anothers_during_a_vain_wait_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_came_with_the_deadline_is_used, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

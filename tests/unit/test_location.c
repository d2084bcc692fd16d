/*
 * test_location.c - the location parser: the forms that Glance writes, and everything that is not one of them.
 */
#include "unit.h"

#include "location.h"

#define UUID "5d1c6e0a-1111-4222-8333-444455556666"

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 1024, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static struct location parse_bytes(const char *url, size_t len)
{
    struct location location;
    vtclone_error err = { 0 };

    assert_int_equal(location_parse(&arena, url, len, &location, &err), VTCLONE_OK);
    return location;
}

static struct location parse(const char *url)
{
    return parse_bytes(url, strlen(url));
}

static void an_rbd_location_has_four_parts(void **state)
{
    (void)state;
    struct location at = parse("rbd://fsid/images/" UUID "/snap");
    assert_int_equal(at.kind, LOCATION_RBD);
    assert_int_equal(at.reason, VTCLONE_REASON_OK);
    assert_string_equal(at.fsid, "fsid");
    assert_string_equal(at.pool, "images");
    assert_string_equal(at.image, UUID);
    assert_string_equal(at.snap, "snap");
}

static void parts_are_split_first_and_decoded_then(void **state)
{
    (void)state;
    struct location at = parse("rbd://f%2Fsid/im%61ges/a%2fb/%73nap");
    assert_int_equal(at.reason, VTCLONE_REASON_OK);
    assert_string_equal(at.fsid, "f/sid");
    assert_string_equal(at.pool, "images");
    assert_string_equal(at.image, "a/b");
    assert_string_equal(at.snap, "snap");
}

static void dots_queries_and_fragments_are_ordinary_text(void **state)
{
    (void)state;
    struct location at = parse("rbd://f/p/../snap");
    assert_string_equal(at.image, "..");
    at = parse("rbd://f/p/image?x=1/snap#y");
    assert_string_equal(at.image, "image?x=1");
    assert_string_equal(at.snap, "snap#y");
}

static void an_rbd_url_of_another_form_is_a_bad_location(void **state)
{
    static const char *const urls[] = {
        "rbd://", "rbd://" UUID, "rbd://f/p/i", "rbd://f/p/i/", "rbd:///p/i/s", "rbd://f//i/s", "rbd://f/p//s",
        "rbd://f/p/i/s/", "rbd://f/p/i/s/t", "rbd://f/p/i/s%", "rbd://f/p/i/s%4", "rbd://f/p/i/s%zz", "rbd://f/p/i%00/s",
        "rbd://%00/p/i/s", "rbd://f/p/i/%", "rbd://f/p/i/%4g",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct location at = parse(urls[i]);
        if (at.reason != VTCLONE_REASON_BAD_LOCATION || at.detail == NULL)
            fail_msg("%s: %s", urls[i], vtclone_reason_name((int32_t)at.reason));
    }
}

static void a_nul_in_a_part_is_a_bad_location(void **state)
{
    (void)state;
    static const char raw[] = "rbd://f/p/i\0x/snap";
    assert_int_equal(parse_bytes(raw, sizeof(raw) - 1).reason, VTCLONE_REASON_BAD_LOCATION);
    static const char cinder[] = "cinder://a\0b/" UUID;
    assert_int_equal(parse_bytes(cinder, sizeof(cinder) - 1).reason, VTCLONE_REASON_BAD_LOCATION);
}

static void a_cinder_location_has_a_store_and_a_volume(void **state)
{
    (void)state;
    struct location at = parse("cinder://netapp/" UUID);
    assert_int_equal(at.kind, LOCATION_CINDER);
    assert_int_equal(at.reason, VTCLONE_REASON_OK);
    assert_string_equal(at.store, "netapp");
    assert_string_equal(at.volume, UUID);
    at = parse("cinder://" UUID);
    assert_int_equal(at.reason, VTCLONE_REASON_OK);
    assert_null(at.store);
    assert_string_equal(at.volume, UUID);
}

static void a_cinder_url_of_another_form_is_a_bad_location(void **state)
{
    static const char *const urls[] = {
        "cinder://", "cinder://netapp/", "cinder:///" UUID, "cinder://netapp/x", "cinder://netapp/" UUID "/",
        "cinder://a/b/" UUID, "cinder://netapp/" UUID "?x", "cinder://netapp/5d1c6e0a11114222833344445555666",
        "cinder://netapp/5d1c6e0a111142228333444455556666", "cinder://netapp/{" UUID "}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        if (parse(urls[i]).reason != VTCLONE_REASON_BAD_LOCATION)
            fail_msg("%s", urls[i]);
}

static void what_a_lax_reader_would_take_for_rbd_or_cinder_is_a_bad_location(void **state)
{
    static const char *const urls[] = {
        "RBD://f/p/i/s", "Cinder://netapp/" UUID, " cinder://netapp/" UUID, "\tcin\nder://netapp/" UUID, "rbd:f/p/i/s",
        "cinder:/netapp/" UUID,
    };
    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        if (parse(urls[i]).reason != VTCLONE_REASON_BAD_LOCATION)
            fail_msg("%s", urls[i]);
}

static void another_scheme_is_unknown(void **state)
{
    static const char *const urls[] = { "", "file:///var/lib/glance/x", "swift+https://u:k@h/c/o", "rbds://f/p/i/s", "x",
                                        "cinderella://a/" UUID };
    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        if (parse(urls[i]).reason != VTCLONE_REASON_UNKNOWN_SCHEME)
            fail_msg("%s", urls[i]);
}

static void user_info_is_never_shown(void **state)
{
    (void)state;
    static const char url[] = "swift+https://project%3Auser:s3cr3t@auth.example/v3/container/object";
    const char *shown = location_shown(&arena, url, strlen(url));
    assert_string_equal(shown, "swift+https://***@auth.example/v3/container/object");
    static const char twice[] = "http://a@b:secret@host";
    assert_string_equal(location_shown(&arena, twice, strlen(twice)), "http://***@host");
}

static void what_is_no_hexadecimal_digit_ends_neither_a_percent_nor_a_uuid(void **state)
{
    static const char beside[] = "/:@G`g"; /* before and behind 0-9, A-F and a-f */

    (void)state;
    for (size_t i = 0; i < sizeof(beside) - 1; i++) {
        char url[100];
        snprintf(url, sizeof(url), "rbd://f/p/%%4%c/snap", beside[i]);
        assert_int_equal(parse(url).reason, VTCLONE_REASON_BAD_LOCATION);
        snprintf(url, sizeof(url), "cinder://" UUID);
        url[strlen(url) - 1] = beside[i];
        assert_int_equal(parse(url).reason, VTCLONE_REASON_BAD_LOCATION);
    }
    /* each dash elsewhere, the length kept */
    assert_int_equal(parse("cinder://5d1c6e0-a1111-4222-8333-444455556666").reason, VTCLONE_REASON_BAD_LOCATION);
    assert_int_equal(parse("cinder://5d1c6e0aa1111-4222-8333-444455556666").reason, VTCLONE_REASON_BAD_LOCATION);
}

static void parts_longer_than_names_are_bad_locations(void **state)
{
    char url[VTCLONE_MAX_NAME_BYTES * 3 + 200];
    struct location at;

    (void)state;
    snprintf(url, sizeof(url), "rbd://f/%0*d/i/snap", VTCLONE_MAX_NAME_BYTES * 3 + 1, 0);
    at = parse(url);
    assert_int_equal(at.reason, VTCLONE_REASON_BAD_LOCATION);
    assert_string_equal(at.detail, "a part longer than a name can be");
    snprintf(url, sizeof(url), "cinder://%0*d/" UUID, VTCLONE_MAX_NAME_BYTES + 1, 0);
    at = parse(url);
    assert_int_equal(at.reason, VTCLONE_REASON_BAD_LOCATION);
    assert_string_equal(at.detail, "a store longer than a name can be");
}

static void user_info_ends_where_the_authority_does(void **state)
{
    static const char query[] = "http://a:b@host?x=@", fragment[] = "http://a:b@host#@";

    (void)state;
    assert_string_equal(location_shown(&arena, query, strlen(query)), "http://***@host?x=@");
    assert_string_equal(location_shown(&arena, fragment, strlen(fragment)), "http://***@host#@");
}

static void control_characters_are_shown_escaped(void **state)
{
    (void)state;
    static const char url[] = "rbd://f/p/\033[2J\0/s";
    assert_string_equal(location_shown(&arena, url, sizeof(url) - 1), "rbd://f/p/\\x1b[2J\\x00/s");
}

static void want_of_memory_is_an_error(void **state)
{
    (void)state;
    struct arena tiny;
    struct location at;
    vtclone_error err = { 0 };
    arena_init(&tiny, 16, 16);
    assert_int_equal(location_parse(&tiny, "rbd://f/p/i/s", 13, &at, &err), VTCLONE_E_NOMEM);
    err.code = 0;
    assert_int_equal(location_parse(&tiny, "cinder://" UUID, 45, &at, &err), VTCLONE_E_NOMEM);
    arena_release(&tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_rbd_location_has_four_parts),
        cmocka_unit_test(parts_are_split_first_and_decoded_then),
        cmocka_unit_test(dots_queries_and_fragments_are_ordinary_text),
        cmocka_unit_test(an_rbd_url_of_another_form_is_a_bad_location),
        cmocka_unit_test(a_nul_in_a_part_is_a_bad_location),
        cmocka_unit_test(a_cinder_location_has_a_store_and_a_volume),
        cmocka_unit_test(a_cinder_url_of_another_form_is_a_bad_location),
        cmocka_unit_test(what_a_lax_reader_would_take_for_rbd_or_cinder_is_a_bad_location),
        cmocka_unit_test(another_scheme_is_unknown),
        cmocka_unit_test(user_info_is_never_shown),
        cmocka_unit_test(what_is_no_hexadecimal_digit_ends_neither_a_percent_nor_a_uuid),
        cmocka_unit_test(parts_longer_than_names_are_bad_locations),
        cmocka_unit_test(user_info_ends_where_the_authority_does),
        cmocka_unit_test(control_characters_are_shown_escaped),
        cmocka_unit_test(want_of_memory_is_an_error),
    };
    return cmocka_run_group_tests_name("location", tests, set_up, tear_down);
}

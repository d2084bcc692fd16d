/*
 * test_cls_encode.c - the encodings of class-method arguments and replies, and that neither side leaves its bounds.
 */
#include "cls_encode.h"

#include "unit.h"

static void a_struct_carries_versions_and_length(void **state)
{
    static const unsigned char expected[] = { 2, 1, 12, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    unsigned char room[64];
    struct cls_writer writer;
    size_t begin;

    (void)state;
    cls_writer_init(&writer, room, sizeof(room));
    begin = cls_begin_struct(&writer, 2, 1);
    cls_put_u64(&writer, 7);
    cls_put_string(&writer, "");
    cls_end_struct(&writer, begin);
    assert_false(writer.overflow);
    assert_int_equal(writer.len, sizeof(expected));
    assert_memory_equal(room, expected, sizeof(expected));
}

static void what_was_written_is_read(void **state)
{
    unsigned char room[64];
    struct cls_writer writer;
    struct cls_reader reader, inner;
    char text[8];
    size_t begin;

    (void)state;
    cls_writer_init(&writer, room, sizeof(room));
    cls_put_u8(&writer, 0xfe);
    cls_put_u32(&writer, 0x01020304);
    begin = cls_begin_struct(&writer, 1, 1);
    cls_put_string(&writer, "abc");
    cls_put_u64(&writer, UINT64_MAX - 1);
    cls_end_struct(&writer, begin);
    cls_put_u8(&writer, 9);
    cls_reader_init(&reader, room, writer.len);
    assert_int_equal(cls_get_u8(&reader), 0xfe);
    assert_int_equal(cls_get_u32(&reader), 0x01020304);
    inner = cls_get_struct(&reader, 1);
    cls_get_string(&inner, text, sizeof(text));
    assert_string_equal(text, "abc");
    assert_true(cls_get_u64(&inner) == UINT64_MAX - 1);
    assert_false(inner.bad);
    assert_int_equal(inner.left, 0);
    assert_int_equal(cls_get_u8(&reader), 9);
    assert_false(reader.bad);
    assert_int_equal(reader.left, 0);
}

static void a_longer_struct_of_a_newer_writer_is_skipped(void **state)
{
    static const unsigned char data[] = { 3, 1, 5, 0, 0, 0, 1, 2, 3, 4, 5, 42 };
    struct cls_reader reader, inner;

    (void)state;
    cls_reader_init(&reader, data, sizeof(data));
    inner = cls_get_struct(&reader, 1);
    assert_int_equal(cls_get_u32(&inner), 0x04030201);
    assert_int_equal(cls_get_u8(&reader), 42);
    assert_false(reader.bad);
}

static void a_struct_that_needs_a_newer_reader_is_refused(void **state)
{
    static const unsigned char data[] = { 3, 2, 1, 0, 0, 0, 1 };
    struct cls_reader reader, inner;

    (void)state;
    cls_reader_init(&reader, data, sizeof(data));
    inner = cls_get_struct(&reader, 1);
    assert_true(reader.bad);
    assert_true(inner.bad);
}

static void every_cut_reply_is_bad_and_reads_nothing_beyond(void **state)
{
    static const unsigned char whole[] = { 1, 1, 12, 0, 0, 0, 3, 0, 0, 0, 'a', 'b', 'c', 1, 2, 3, 4, 5 };

    (void)state;
    for (size_t len = 0; len < sizeof(whole); len++) {
        unsigned char *cut = malloc(len + 1); /* a sanitizer sees what lies beyond */
        struct cls_reader reader, inner;
        char text[8];

        assert_non_null(cut);
        memcpy(cut, whole, len);
        cls_reader_init(&reader, cut, len);
        inner = cls_get_struct(&reader, 1);
        cls_get_string(&inner, text, sizeof(text));
        cls_get_u32(&inner);
        assert_true(inner.bad);
        free(cut);
    }
}

static void lengths_that_lie_are_bad(void **state)
{
    static const unsigned char huge[] = { 0xff, 0xff, 0xff, 0xff, 'a' };
    static const unsigned char with_nul[] = { 3, 0, 0, 0, 'a', 0, 'b' };
    static const unsigned char too_long[] = { 4, 0, 0, 0, 'a', 'b', 'c', 'd' };
    struct cls_reader reader;
    char text[4];
    size_t len;

    (void)state;
    cls_reader_init(&reader, huge, sizeof(huge));
    assert_null(cls_get_blob(&reader, &len));
    assert_int_equal(len, 0);
    assert_true(reader.bad);
    cls_reader_init(&reader, with_nul, sizeof(with_nul));
    cls_get_string(&reader, text, sizeof(text));
    assert_true(reader.bad);
    cls_reader_init(&reader, too_long, sizeof(too_long));
    cls_get_string(&reader, text, sizeof(text));
    assert_true(reader.bad);
    assert_string_equal(text, "");
}

static void a_full_room_is_an_overflow_and_not_written_beyond(void **state)
{
    unsigned char room[16];
    struct cls_writer writer;
    size_t begin;

    (void)state;
    memset(room, 0xaa, sizeof(room));
    cls_writer_init(&writer, room, 10);
    begin = cls_begin_struct(&writer, 1, 1);
    cls_put_string(&writer, "a");
    cls_put_u8(&writer, 1);
    cls_end_struct(&writer, begin);
    assert_true(writer.overflow);
    for (size_t i = 10; i < sizeof(room); i++)
        assert_int_equal(room[i], 0xaa);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_struct_carries_versions_and_length),
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_longer_struct_of_a_newer_writer_is_skipped),
        cmocka_unit_test(a_struct_that_needs_a_newer_reader_is_refused),
        cmocka_unit_test(every_cut_reply_is_bad_and_reads_nothing_beyond),
        cmocka_unit_test(lengths_that_lie_are_bad),
        cmocka_unit_test(a_full_room_is_an_overflow_and_not_written_beyond),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * test_json.c - the bounded JSON reader and writer, and the arena and text buffer below them.
 */
#include "unit.h"

#include "json.h"
#include "strbuf.h"

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 1024, 8 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static struct json *parse(const char *text)
{
    struct json *root = NULL;
    vtclone_error err = { 0 };

    if (json_parse(&arena, "test", text, strlen(text), &root, &err) != VTCLONE_OK)
        fail_msg("%s", err.message);
    return root;
}

static int32_t refuse(const char *text, size_t len, vtclone_error *err)
{
    struct json *root = NULL;

    *err = (vtclone_error){ 0 };
    return json_parse(&arena, "test", text, len, &root, err);
}

static void a_document_becomes_values_in_order(void **state)
{
    (void)state;
    struct json *root = parse("{\"a\": [1, \"two\", true, null, {\"b\": -3.5e2}]}");
    struct json *list = json_get(root, "a");
    assert_int_equal(list->count, 5);
    assert_int_equal(list->first->type, JSON_NUMBER);
    assert_string_equal(list->first->next->text, "two");
    assert_true(list->first->next->next->boolean);
    assert_int_equal(list->last->type, JSON_OBJECT);
    assert_string_equal(json_get(list->last, "b")->text, "-3.5e2");
}

static void of_two_equal_keys_the_last_counts(void **state)
{
    (void)state;
    assert_string_equal(json_get(parse("{\"a\": \"first\", \"b\": 1, \"a\": \"last\"}"), "a")->text, "last");
}

static void a_nul_in_a_string_is_kept_and_a_text_with_one_refused(void **state)
{
    (void)state;
    vtclone_error err = { 0 };
    const char *text = NULL;
    struct json *root = parse("{\"a\": \"x\\u0000y\", \"b\\u0000c\": \"z\"}");
    assert_int_equal(json_get(root, "a")->len, 3);
    assert_null(json_get(root, "b"));
    assert_int_equal(json_opt_string(root, "a", 10, &text, "test", &err), VTCLONE_E_DOCUMENT);
    assert_error(err, VTCLONE_E_DOCUMENT, "test: a: a NUL inside the string");
    assert_null(text);
}

static void what_is_not_json_is_refused_with_its_place(void **state)
{
    static const char *const texts[] = { "", " ", "{", "{\"a\":}", "[1,]", "{\"a\" 1}", "nul", "[1] 2", "\"\xff\"", "[01]",
                                         "{'a': 1}", "[NaN]", "\x01" };
    vtclone_error err;
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (refuse(texts[i], strlen(texts[i]), &err) != VTCLONE_E_DOCUMENT || strncmp(err.message, "test: ", 6) != 0)
            fail_msg("%s: %s", texts[i], err.message);
    }
    refuse("{\"a\":}", 6, &err);
    assert_error(err, VTCLONE_E_DOCUMENT, "at byte 6");
}

static void what_yajl_lets_pass_and_python_does_not_is_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } wrong[] = {
        { "{\"a\":\"\\ud800\"}", "half of a surrogate pair" },
        { "{\"a\":\"\\udc00\\ud800\"}", "half of a surrogate pair" },
        { "{\"a\":\"\\ud800\\u0041\"}", "half of a surrogate pair" },
        { "{\"a\":\"\xed\xa0\x80\"}", "not UTF-8" },
        { "{\"a\":\"\xc0\x80\"}", "not UTF-8" },
        { "{\"a\":\"\xf4\x90\x80\x80\"}", "not UTF-8" },
        { "{\"a\":\"\xe2\x82", "not UTF-8" },
        { "{\"a\":1}\"b", "trailing garbage" },
        { "[1] \"", "trailing garbage" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        vtclone_error err;
        assert_int_equal(refuse(wrong[i].text, strlen(wrong[i].text), &err), VTCLONE_E_DOCUMENT);
        assert_error(err, VTCLONE_E_DOCUMENT, wrong[i].why);
    }
    assert_string_equal(json_get(parse("{\"a\":\"\\ud83d\\ude00\\\\ud800\"} \r\n\t"), "a")->text, "\xf0\x9f\x98\x80\\ud800");
    assert_string_equal(parse("12")->text, "12");
}

static void nesting_beyond_the_limit_is_an_error_that_names_it(void **state)
{
    (void)state;
    static char deep[2000001];
    vtclone_error err;
    memset(deep, '[', sizeof(deep) - 1);
    assert_int_equal(refuse(deep, sizeof(deep) - 1, &err), VTCLONE_E_LIMIT);
    assert_error(err, VTCLONE_E_LIMIT, "VTCLONE_MAX_NESTING (64)");
    char fits[2 * VTCLONE_MAX_NESTING + 1] = { 0 };
    memset(fits, '[', VTCLONE_MAX_NESTING);
    memset(fits + VTCLONE_MAX_NESTING, ']', VTCLONE_MAX_NESTING);
    parse(fits);
}

static void a_document_beyond_the_limit_is_an_error_that_names_it(void **state)
{
    (void)state;
    vtclone_error err;
    size_t len = VTCLONE_MAX_DOCUMENT_BYTES + 1;
    char *text = calloc(1, len);
    assert_int_equal(refuse(text, len, &err), VTCLONE_E_LIMIT);
    assert_error(err, VTCLONE_E_LIMIT, "VTCLONE_MAX_DOCUMENT_BYTES");
    free(text);
}

static void too_many_values_are_an_error_that_names_the_limit(void **state)
{
    (void)state;
    struct arena large;
    struct json *root;
    vtclone_error err = { 0 };
    size_t len = 2u * VTCLONE_MAX_VALUES + 2;
    char *text = malloc(len);
    for (size_t i = 1; i + 1 < len; i += 2)
        memcpy(text + i, "1,", 2);
    text[0] = '[';
    text[len - 1] = ']';
    arena_init(&large, 1 << 20, 1u << 30);
    assert_int_equal(json_parse(&large, "test", text, len, &root, &err), VTCLONE_E_LIMIT);
    assert_error(err, VTCLONE_E_LIMIT, "VTCLONE_MAX_VALUES");
    arena_release(&large);
    free(text);
}

static void memory_beyond_the_ceiling_is_an_error_not_a_crash(void **state)
{
    (void)state;
    static const char text[] = "{\"key\": [\"some text\", \"with \\n escapes\", {\"a\": {\"b\": [1, 2, 3]}}]}";
    for (size_t ceiling = 0; ceiling < 8192; ceiling += 8) {
        struct arena small;
        struct json *root;
        vtclone_error err = { 0 };
        arena_init(&small, 64, ceiling);
        int32_t code = json_parse(&small, "test", text, strlen(text), &root, &err);
        if (code != VTCLONE_OK)
            assert_error(err, VTCLONE_E_LIMIT, "bytes of memory");
        assert_true(small.total <= ceiling);
        arena_release(&small);
    }
}

static void a_wrong_type_is_named_with_its_path(void **state)
{
    (void)state;
    vtclone_error err = { 0 };
    const char *text = NULL;
    const struct json *list = json_get(parse("{\"stores\": [{}, {\"id\": 5}]}"), "stores");
    assert_int_equal(json_opt_string(list->last, "id", 9, &text, "site", &err), VTCLONE_E_DOCUMENT);
    assert_string_equal(err.message, "site: stores[1].id: expected a string, found a number");
    err = (vtclone_error){ 0 };
    assert_int_equal(json_need_string(list->first, "id", 9, &text, "site", &err), VTCLONE_E_DOCUMENT);
    assert_string_equal(err.message, "site: stores[0].id: missing");
}

static void a_whole_number_must_fit_and_be_whole(void **state)
{
    (void)state;
    int64_t number = 7;
    vtclone_error err = { 0 };
    struct json *root = parse("{\"a\": -12, \"b\": 1.5, \"c\": 99999999999999999999, \"d\": null, \"e\": 1e3}");
    assert_int_equal(json_opt_int(root, "d", &number, "t", &err), VTCLONE_OK);
    assert_int_equal(number, 7);
    assert_int_equal(json_opt_int(root, "a", &number, "t", &err), VTCLONE_OK);
    assert_int_equal(number, -12);
    for (const char *key = "bce"; *key != '\0'; key++) {
        char name[2] = { *key, '\0' };
        err = (vtclone_error){ 0 };
        assert_int_equal(json_opt_int(root, name, &number, "t", &err), VTCLONE_E_DOCUMENT);
        assert_error(err, VTCLONE_E_DOCUMENT, "not a whole number of 64 bits");
    }
}

static void what_was_read_is_written_the_same(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,\"t\\u0000w\\\"o\",true,null,{\"b\":-3.5e2}],\"ü\":\"\\n\"}";
    char *out;
    size_t len;
    vtclone_error err = { 0 };
    struct json_writer *writer = json_writer_new(65536);
    json_value(writer, parse(text));
    assert_int_equal(json_writer_finish(writer, &out, &len, &err), VTCLONE_OK);
    assert_string_equal(out, text);
    assert_int_equal(len, strlen(text));
    free(out);
    json_writer_free(writer);
}

static void text_that_is_not_utf8_is_written_as_question_marks(void **state)
{
    (void)state;
    char *out;
    vtclone_error err = { 0 };
    struct json_writer *writer = json_writer_new(65536);
    json_string(writer, "a\xff" "b\xc3");
    assert_int_equal(json_writer_finish(writer, &out, NULL, &err), VTCLONE_OK);
    assert_string_equal(out, "\"a?b?\"");
    free(out);
    json_writer_free(writer);
}

static void a_writer_that_runs_out_of_memory_says_so(void **state)
{
    (void)state;
    char *out = NULL;
    vtclone_error err = { 0 };
    struct json_writer *writer = json_writer_new(6000);
    json_begin_array(writer);
    for (int i = 0; i < 1000; i++)
        json_string(writer, "some text that takes room");
    json_end_array(writer);
    assert_int_equal(json_writer_finish(writer, &out, NULL, &err), VTCLONE_E_NOMEM);
    assert_null(out);
    json_writer_free(writer);
    assert_null(json_writer_new(16));
}

static void a_text_that_does_not_fit_is_cut_with_dots(void **state)
{
    (void)state;
    char room[12];
    struct strbuf text;
    strbuf_init(&text, room, sizeof(room));
    strbuf_printf(&text, "%s", "0123456789abcdef");
    assert_string_equal(room, "01234567...");
    assert_true(text.cut);
    strbuf_add_str(&text, "more");
    assert_string_equal(room, "01234567...");
    strbuf_init(&text, room, sizeof(room));
    strbuf_add_str(&text, "0123456\xc3\xbc\xc3\xbc\xc3\xbc");
    assert_string_equal(room, "0123456...");
    strbuf_init(&text, room, sizeof(room));
    strbuf_add_escaped(&text, "a\x1b" "b", 3);
    assert_string_equal(room, "a\\x1bb");
}

static void what_is_no_plain_utf8_is_shown_escaped(void **state)
{
    static const struct {
        const char *text, *shown;
    } texts[] = {
        { "a ~\xc2\xa0\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", NULL },
        { "\x01\x1f\x7f", "\\x01\\x1f\\x7f" },
        { "\xc2\x80\xc2\x9f", "\\xc2\\x80\\xc2\\x9f" },                 /* C1 */
        { "\xc1\xbf\xe0\x82\x9b", "\\xc1\\xbf\\xe0\\x82\\x9b" },         /* longer than need be */
        { "\xed\xa0\x80", "\\xed\\xa0\\x80" },                           /* a surrogate */
        { "\xf4\x90\x80\x80\xff", "\\xf4\\x90\\x80\\x80\\xff" },         /* beyond Unicode */
        { "\x9b\xc3z\xe2\x82", "\\x9b\\xc3z\\xe2\\x82" },                 /* broken off */
    };
    char room[100];
    struct strbuf text;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        strbuf_init(&text, room, sizeof(room));
        strbuf_add_escaped(&text, texts[i].text, strlen(texts[i].text));
        assert_string_equal(room, texts[i].shown != NULL ? texts[i].shown : texts[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_becomes_values_in_order),
        cmocka_unit_test(of_two_equal_keys_the_last_counts),
        cmocka_unit_test(a_nul_in_a_string_is_kept_and_a_text_with_one_refused),
        cmocka_unit_test(what_is_not_json_is_refused_with_its_place),
        cmocka_unit_test(what_yajl_lets_pass_and_python_does_not_is_refused),
        cmocka_unit_test(nesting_beyond_the_limit_is_an_error_that_names_it),
        cmocka_unit_test(a_document_beyond_the_limit_is_an_error_that_names_it),
        cmocka_unit_test(too_many_values_are_an_error_that_names_the_limit),
        cmocka_unit_test(memory_beyond_the_ceiling_is_an_error_not_a_crash),
        cmocka_unit_test(a_wrong_type_is_named_with_its_path),
        cmocka_unit_test(a_whole_number_must_fit_and_be_whole),
        cmocka_unit_test(what_was_read_is_written_the_same),
        cmocka_unit_test(text_that_is_not_utf8_is_written_as_question_marks),
        cmocka_unit_test(a_writer_that_runs_out_of_memory_says_so),
        cmocka_unit_test(a_text_that_does_not_fit_is_cut_with_dots),
        cmocka_unit_test(what_is_no_plain_utf8_is_shown_escaped),
    };
    return cmocka_run_group_tests_name("json", tests, set_up, tear_down);
}

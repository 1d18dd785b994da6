/* The parser's bounds, exact numbers, streaming in pieces, and writing what was read. */
#include "json/stream.h"
#include "json/write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static enum err_code parse(struct arena *arena, struct str text)
{
    const struct json *value;
    struct err err;
    return json_parse(arena, text, &value, &err);
}

static void test_refuses_what_rfc8259_refuses_and_our_bounds(void **state UNUSED)
{
    struct arena arena CLEANUP(arena_fini);
    arena_init(&arena);
    static const char *const bad[] = {"",
                                      "{",
                                      "{} x",
                                      "[1,]",
                                      "{\"a\":1,\"a\":2}",
                                      "\"\xff\"",
                                      "\"\\u0000\"",
                                      "{\"a\\u0000\":1}",
                                      "01",
                                      "nul",
                                      "[1 2]",
                                      "\"a\nb\"",
                                      "{a:1}",
                                      "// c\n1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (parse(&arena, str_c(bad[i])) != ERR_PROTO) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
    char deep[2 * JSON_MAX_DEPTH + 3] = {0};
    memset(deep, '[', JSON_MAX_DEPTH);
    memset(deep + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    assert_int_equal(parse(&arena, str_c(deep)), ERR_OK);
    memset(deep, '[', JSON_MAX_DEPTH + 1);
    memset(deep + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
    assert_int_equal(parse(&arena, str_c(deep)), ERR_PROTO);
}

static void test_object_of_too_many_members_is_refused(void **state UNUSED)
{
    struct arena arena CLEANUP(arena_fini);
    struct buf text CLEANUP(buf_fini);
    arena_init(&arena);
    buf_init(&text, 1000000);
    for (int i = 0; i <= JSON_MAX_MEMBERS; i++) {
        buf_add_f(&text, "%c\"k%d\":0", i == 0 ? '{' : ',', i);
    }
    buf_add_char(&text, '}');
    assert_int_equal(parse(&arena, buf_str(&text)), ERR_TOO_BIG);
}

static void test_integers_are_exact_and_fractions_are_not_integers(void **state UNUSED)
{
    struct arena arena CLEANUP(arena_fini);
    const struct json *v;
    int64_t n;
    double d;
    arena_init(&arena);
    assert_int_equal(
        json_parse(&arena, STR("{\"a\":9007199254740993,\"b\":1.5,\"c\":1e3}"), &v, NULL), ERR_OK);
    assert_true(json_get_i64(v, "a", &n) && n == 9007199254740993LL);
    assert_false(json_get_i64(v, "b", &n));
    assert_false(json_get_i64(v, "c", &n));
    assert_true(json_f64(json_get(v, "b"), &d) && d > 1.49 && d < 1.51);
}

struct seen {
    int count;
    char ids[64];
    enum err_code stop_with;
};

static enum err_code on_item(void *arg, const struct json *item, struct err *err)
{
    struct seen *seen = arg;
    struct str id = json_str_or_empty(item, "id");
    seen->count++;
    strncat(seen->ids, id.ptr, id.len);
    return seen->stop_with == ERR_OK ? ERR_OK : ERR_SET(err, seen->stop_with, "stop");
}

static const char page[] =
    "{\"kind\":\"x\",\"items\":[{\"id\":\"a\",\"items\":[1,{\"id\":\"no\"}]},{\"id\":\"b\"},7],"
    "\"next\":{\"items\":[1,2]},\"token\":\"t\"}";

static void test_stream_gives_each_item_however_the_bytes_are_cut(void **state UNUSED)
{
    for (size_t cut = 1; cut < sizeof page - 1; cut++) {
        struct seen seen = {0};
        const struct json *rest;
        struct json_stream *s = json_stream_new("items", 100000, 100000, on_item, &seen);
        struct str text = str_c(page);
        assert_int_equal(json_stream_feed(s, str_sub(text, 0, cut), NULL), ERR_OK);
        assert_int_equal(json_stream_feed(s, str_sub(text, cut, SIZE_MAX), NULL), ERR_OK);
        assert_int_equal(json_stream_finish(s, &rest, NULL), ERR_OK);
        assert_int_equal(seen.count, 3);
        assert_string_equal(seen.ids, "ab");
        assert_true(str_eq_c(json_str_or_empty(rest, "token"), "t"));
        assert_int_equal(json_get(rest, "items")->count, 0);
        assert_int_equal(json_get(json_get(rest, "next"), "items")->count, 2);
        json_stream_free(s);
    }
}

static void test_stream_fails_on_a_cut_page_and_on_the_callback(void **state UNUSED)
{
    struct seen seen = {0};
    const struct json *rest;
    struct json_stream *s = json_stream_new("items", 100000, 100000, on_item, &seen);
    assert_int_equal(json_stream_feed(s, str_sub(str_c(page), 0, 40), NULL), ERR_OK);
    assert_int_equal(json_stream_finish(s, &rest, NULL), ERR_PROTO);
    json_stream_free(s);

    seen = (struct seen){.stop_with = ERR_CONFLICT};
    struct err err;
    s = json_stream_new("items", 100000, 100000, on_item, &seen);
    assert_int_equal(json_stream_feed(s, str_c(page), &err), ERR_CONFLICT);
    assert_int_equal(err.code, ERR_CONFLICT);
    json_stream_free(s);
}

static void test_stream_bounds_one_item_and_the_rest(void **state UNUSED)
{
    struct seen seen = {0};
    struct buf text CLEANUP(buf_fini);
    buf_init(&text, 100000);
    buf_add_c(&text, "{\"items\":[{\"id\":\"");
    for (int i = 0; i < 5000; i++) {
        buf_add_char(&text, 'x');
    }
    buf_add_c(&text, "\"}]}");
    struct json_stream *s = json_stream_new("items", 4000, 100000, on_item, &seen);
    assert_int_equal(json_stream_feed(s, buf_str(&text), NULL), ERR_TOO_BIG);
    json_stream_free(s);
}

static void test_stream_replaces_nul_since_the_database_has_none(void **state UNUSED)
{
    struct seen seen = {0};
    struct json_stream *s = json_stream_new("items", 4000, 100000, on_item, &seen);
    assert_int_equal(json_stream_feed(s, STR("{\"items\":[{\"id\":\"a\\u0000b\"}]}"), NULL),
                     ERR_OK);
    assert_string_equal(seen.ids, "a\xef\xbf\xbd"
                                  "b");
    json_stream_free(s);
}

static void test_writes_what_it_reads(void **state UNUSED)
{
    struct arena arena CLEANUP(arena_fini);
    struct buf out CLEANUP(buf_fini);
    const struct json *v;
    struct str text =
        STR("{\"a\":[1,-2.5e3,true,null],\"b\":{\"c\":\"q\\\"\\\\\\n\\u0001\xc3\xa9\"},"
            "\"d\":{},\"e\":[]}");
    arena_init(&arena);
    buf_init(&out, 1000);
    assert_int_equal(json_parse(&arena, text, &v, NULL), ERR_OK);
    struct json_writer w = {.out = &out};
    json_put_tree(&w, v);
    assert_string_equal(buf_c(&out), text.ptr);
    buf_reset(&out);
    json_quote(&out, STR("\xff"
                         "a\xc3"));
    assert_string_equal(buf_c(&out), "\"\xef\xbf\xbd"
                                     "a\xef\xbf\xbd\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses_what_rfc8259_refuses_and_our_bounds),
        cmocka_unit_test(test_object_of_too_many_members_is_refused),
        cmocka_unit_test(test_integers_are_exact_and_fractions_are_not_integers),
        cmocka_unit_test(test_stream_gives_each_item_however_the_bytes_are_cut),
        cmocka_unit_test(test_stream_fails_on_a_cut_page_and_on_the_callback),
        cmocka_unit_test(test_stream_bounds_one_item_and_the_rest),
        cmocka_unit_test(test_stream_replaces_nul_since_the_database_has_none),
        cmocka_unit_test(test_writes_what_it_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

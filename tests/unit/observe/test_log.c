/* log: whatever is logged, a line is one JSON object of bounded length. */
#include "observe/log.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static int pipe_fds[2];

static const char *fixed_trace(void)
{
    return "0af7651916cd43dd8448eb211c80319c";
}

static const char *fixed_co(void)
{
    return "sync.run";
}

static int setup(void **state UNUSED)
{
    assert_int_equal(pipe(pipe_fds), 0);
    assert_int_equal(fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK), 0);
    log_setup("test", "1.2.3", LOG_LEVEL_INFO, pipe_fds[1], NULL, NULL);
    return 0;
}

static int teardown(void **state UNUSED)
{
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    return 0;
}

/* The one line that was written, parsed; the caller decrefs. */
static json_t *read_line(size_t *ret_len)
{
    static char line[65536];
    json_error_t error;
    ssize_t n = read(pipe_fds[0], line, sizeof line - 1);

    assert_true(n > 0);
    line[n] = '\0';
    assert_int_equal(line[n - 1], '\n');
    assert_ptr_equal(strchr(line, '\n'), &line[n - 1]);
    json_t *object = json_loadb(line, (size_t)n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    if (object == NULL) {
        fail_msg("%s in %s", error.text, line);
    }
    if (ret_len != NULL) {
        *ret_len = (size_t)n;
    }
    return object;
}

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

static void test_line_has_the_fixed_keys_and_typed_fields(void **state UNUSED)
{
    struct uuid id;
    assert_true(uuid_parse(STR("0f9a1b2c-3d4e-4f50-8a6b-7c8d9e0f1a2b"), &id));
    log_setup("test", "1.2.3", LOG_LEVEL_INFO, pipe_fds[1], fixed_trace, fixed_co);
    LOG_WARN("sync.page.done", "page stored", F_UUID("cal", id), F_I64("rows", -3),
             F_F64("share", 0.25), F_BOOL("full", true), F_C("topic", "calendar.sync"));

    json_t *o = read_line(NULL);
    const char *ts = text_of(o, "ts");
    assert_int_equal(strlen(ts), strlen("2026-01-02T03:04:05.678Z"));
    assert_true(ts[10] == 'T' && ts[19] == '.' && ts[23] == 'Z');
    assert_string_equal(text_of(o, "lvl"), "warn");
    assert_string_equal(text_of(o, "svc"), "test");
    assert_string_equal(text_of(o, "ver"), "1.2.3");
    assert_string_equal(text_of(o, "ev"), "sync.page.done");
    assert_string_equal(text_of(o, "msg"), "page stored");
    assert_string_equal(text_of(o, "trace"), fixed_trace());
    assert_string_equal(text_of(o, "co"), "sync.run");
    assert_string_equal(text_of(o, "cal"), "0f9a1b2c-3d4e-4f50-8a6b-7c8d9e0f1a2b");
    assert_int_equal(json_integer_value(json_object_get(o, "rows")), -3);
    assert_true(json_real_value(json_object_get(o, "share")) == 0.25);
    assert_true(json_is_true(json_object_get(o, "full")));
    assert_string_equal(text_of(o, "topic"), "calendar.sync");
    json_decref(o);
}

static void test_error_gives_its_code_act_place_and_text(void **state UNUSED)
{
    struct err err;
    (void)ERR_SET_ACT(&err, ERR_THROTTLED, ERR_ACT_RETRY, "quota of \"project\"");
    err.retry_after_ms = 1500;
    err.sys = 429;
    LOG_ERROR("provider.call", "gave up", F_ERR(&err));

    json_t *o = read_line(NULL);
    assert_string_equal(text_of(o, "err"), "throttled");
    assert_string_equal(text_of(o, "act"), "retry");
    assert_string_equal(text_of(o, "err_text"), "quota of \"project\"");
    assert_non_null(strstr(text_of(o, "where"), "test_log.c:"));
    assert_int_equal(json_integer_value(json_object_get(o, "retry_after_ms")), 1500);
    assert_int_equal(json_integer_value(json_object_get(o, "sys")), 429);
    json_decref(o);
}

static void test_control_characters_and_quotes_are_escaped(void **state UNUSED)
{
    LOG_INFO("a", "m", F_STR("x", STR("line\nquote\" back\\ nul\0 esc\x1b del\x7f")));
    json_t *o = read_line(NULL);
    json_t *x = json_object_get(o, "x");
    struct str got = {json_string_value(x), json_string_length(x)};
    assert_true(str_eq(got, STR("line\nquote\" back\\ nul\0 esc\x1b del\x7f")));
    json_decref(o);
}

static void test_invalid_utf8_is_replaced_and_valid_kept(void **state UNUSED)
{
    LOG_INFO("a", "m", F_STR("x", STR("\xc3\xa9|\xff|\xc0\xaf|\xed\xa0\x80|\xe2\x82")));
    json_t *o = read_line(NULL);
    assert_string_equal(text_of(o, "x"), "\xc3\xa9|\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd|"
                                         "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|"
                                         "\xef\xbf\xbd\xef\xbf\xbd");
    json_decref(o);
}

static void test_line_is_bounded_and_says_what_was_left_out(void **state UNUSED)
{
    static char big[4096];
    memset(big, 1, sizeof big); /* six bytes each once escaped */
    struct str s = {big, sizeof big};
    LOG_INFO("a", "m", F_STR("one", s), F_STR("two", s), F_STR("three", s), F_I64("last", 7));

    size_t len;
    json_t *o = read_line(&len);
    assert_true(len <= 8192);
    assert_non_null(json_object_get(o, "one"));
    assert_null(json_object_get(o, "two"));
    assert_int_equal(json_integer_value(json_object_get(o, "left_out")), 2);
    assert_int_equal(json_integer_value(json_object_get(o, "last")), 7);
    json_decref(o);
}

static void test_number_that_json_lacks_is_null(void **state UNUSED)
{
    LOG_INFO("a", "m", F_F64("nan", (double)NAN), F_F64("inf", (double)INFINITY));
    json_t *o = read_line(NULL);
    assert_true(json_is_null(json_object_get(o, "nan")));
    assert_true(json_is_null(json_object_get(o, "inf")));
    json_decref(o);
}

static void test_level_filters(void **state UNUSED)
{
    char c;
    LOG_DEBUG("a", "m");
    assert_int_equal(read(pipe_fds[0], &c, 1), -1);
    enum log_level level = LOG_LEVEL_ERROR;
    assert_true(log_level_parse(STR("debug"), &level));
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_false(log_level_parse(STR("Debug"), &level));
}

static void test_limited_site_reports_what_it_dropped(void **state UNUSED)
{
    struct log_limit site = {0};
    int64_t dropped = -1;
    assert_true(log_limit_pass(&site, 1000, 100, &dropped));
    assert_int_equal(dropped, 0);
    assert_false(log_limit_pass(&site, 1099, 100, &dropped));
    assert_false(log_limit_pass(&site, 1099, 100, &dropped));
    assert_true(log_limit_pass(&site, 1100, 100, &dropped));
    assert_int_equal(dropped, 2);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_line_has_the_fixed_keys_and_typed_fields),
        T(test_error_gives_its_code_act_place_and_text),
        T(test_control_characters_and_quotes_are_escaped),
        T(test_invalid_utf8_is_replaced_and_valid_kept),
        T(test_line_is_bounded_and_says_what_was_left_out),
        T(test_number_that_json_lacks_is_null),
        T(test_level_filters),
        T(test_limited_site_reports_what_it_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* URLs: what is taken apart, what is refused, and what counts as the same origin. */
#include "http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void test_parts_of_a_url(void **state UNUSED)
{
    static const struct {
        const char *text;
        bool https;
        const char *host;
        uint16_t port;
        const char *path;
        const char *query; /* NULL: none */
    } rows[] = {
        {"http://a", false, "a", 80, "/", NULL},
        {"https://a.b-c.example", true, "a.b-c.example", 443, "/", NULL},
        {"HTTPS://A.example:8443/x/y?z=1&w=?", true, "A.example", 8443, "/x/y", "z=1&w=?"},
        {"http://127.0.0.1:65535/?", false, "127.0.0.1", 65535, "/", ""},
        {"http://[::1]:8080/p", false, "::1", 8080, "/p", NULL},
        {"http://[fe80::1]", false, "fe80::1", 80, "/", NULL},
        {"http://a?q=http://b/", false, "a", 80, "/", "q=http://b/"},
        {"http://under_score/%2F", false, "under_score", 80, "/%2F", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_url url;
        assert_int_equal(http_url_parse(str_c(rows[i].text), &url, NULL), ERR_OK);
        assert_int_equal(url.https, rows[i].https);
        assert_true(str_eq_c(url.host, rows[i].host));
        assert_int_equal(url.port, rows[i].port);
        assert_true(str_eq_c(url.path, rows[i].path));
        assert_int_equal(url.query.ptr == NULL, rows[i].query == NULL);
        assert_true(str_eq(url.query, str_c(rows[i].query)));
    }
}

static void test_what_is_no_url_is_refused(void **state UNUSED)
{
    static const char *const bad[] = {"",
                                      "http",
                                      "http:/a",
                                      "http://",
                                      "http:///x",
                                      "ftp://a/",
                                      "file:///etc/passwd",
                                      "//a/b",
                                      "/a",
                                      "http://a b/",
                                      "http://a/ b",
                                      "http://a/\r\nX: y",
                                      "http://a/\x7f",
                                      "http://\xc3\xa4/",
                                      "http://user@a/",
                                      "http://user:pw@a/",
                                      "http://a:/",
                                      "http://a:0/",
                                      "http://a:65536/",
                                      "http://a:+80/",
                                      "http://a:8 0/",
                                      "http://a:80:80/",
                                      "http://[::1/",
                                      "http://[::1]x/",
                                      "http://[]/",
                                      "http://[g::1]/",
                                      "http://::1/",
                                      "http://a#f",
                                      "http://a\\@b/",
                                      "http://a,b/"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct http_url url;
        struct err err;
        if (http_url_parse(str_c(bad[i]), &url, &err) != ERR_INVALID) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
    struct http_url url;
    assert_int_equal(http_url_parse(STR("http://a/\0b"), &url, NULL), ERR_INVALID);
    static char longest[HTTP_URL_MAX_BYTES + 2] = "http://a/";
    memset(longest + 9, 'x', HTTP_URL_MAX_BYTES - 9);
    assert_int_equal(http_url_parse(str_c(longest), &url, NULL), ERR_OK);
    longest[HTTP_URL_MAX_BYTES] = 'x';
    assert_int_equal(http_url_parse(str_c(longest), &url, NULL), ERR_INVALID);
}

static bool same(const char *a, const char *b)
{
    struct http_url x;
    struct http_url y;
    assert_int_equal(http_url_parse(str_c(a), &x, NULL), ERR_OK);
    assert_int_equal(http_url_parse(str_c(b), &y, NULL), ERR_OK);
    return http_url_same_origin(&x, &y);
}

static void test_origin_is_scheme_host_and_port(void **state UNUSED)
{
    assert_true(same("https://a/x?y", "HTTPS://A:443/z"));
    assert_true(same("http://a", "http://a:80/"));
    assert_false(same("http://a", "https://a"));
    assert_false(same("http://a:443", "https://a:443"));
    assert_false(same("https://a", "https://a:444"));
    assert_false(same("https://a", "https://a.b"));
}

static void test_join(void **state UNUSED)
{
    struct arena arena CLEANUP(arena_fini);
    arena_init(&arena);
    assert_true(str_eq_c(http_url_join(&arena, STR("http://a/v3"), STR("/x"), STR("p=1")),
                         "http://a/v3/x?p=1"));
    assert_true(str_eq_c(http_url_join(&arena, STR("http://a"), STR(""), STR("")), "http://a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_of_a_url),
        cmocka_unit_test(test_what_is_no_url_is_refused),
        cmocka_unit_test(test_origin_is_scheme_host_and_port),
        cmocka_unit_test(test_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

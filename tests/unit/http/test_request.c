/* Reading requests: each input is given whole, a byte at a time, and in odd pieces, and must be
 * understood alike. */
#include "request_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static const struct request_limits limits = {
    .header_bytes = 16 * 1024, .headers = 100, .body_bytes = 1024 * 1024};

#define UNFINISHED 0
#define ACCEPTED 202
#define HOST "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST
#define POST "POST / HTTP/1.1\r\n" HOST

/* Feeds pieces of `step` bytes; the status of a refusal, ACCEPTED or UNFINISHED. */
static int read_in_steps(struct request *r, struct str bytes, size_t step, size_t *ret_used)
{
    size_t at = 0;
    while (at < bytes.len && r->phase < REQUEST_DONE) {
        struct str piece = str_sub(bytes, at, step);
        size_t used = 0;
        request_feed(r, piece, &used);
        assert_true(used <= piece.len);
        assert_true(used == piece.len || r->phase >= REQUEST_DONE);
        at += used;
    }
    *ret_used = at;
    return r->phase == REQUEST_BAD ? r->reply_status : r->phase == REQUEST_DONE ? ACCEPTED : 0;
}

static int outcome(struct str bytes)
{
    static const size_t steps[] = {SIZE_MAX, 1, 7};
    int first = 0;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct request r;
        size_t used;
        request_init(&r, &limits);
        int status = read_in_steps(&r, bytes, steps[i], &used);
        request_fini(&r);
        if (i > 0 && status != first) {
            fail_msg("%d whole, %d in steps of %zu: %.*s", first, status, steps[i],
                     (int)MIN(bytes.len, (size_t)200), bytes.ptr);
        }
        first = status;
    }
    return first;
}

struct row {
    int status;
    struct str bytes;
};
#define ROW(status, text)                                                                          \
    {                                                                                              \
        status,                                                                                    \
        {                                                                                          \
            text, sizeof(text) - 1                                                                 \
        }                                                                                          \
    }

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int status = outcome(rows[i].bytes);
        if (status != rows[i].status) {
            fail_msg("%d instead of %d: %.*s", status, rows[i].status, STR_ARG(rows[i].bytes));
        }
    }
}

static void test_framing_that_others_may_read_otherwise_is_refused(void **state UNUSED)
{
    static const struct row rows[] = {
        ROW(400, POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ROW(400, POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"),
        ROW(400, POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        ROW(400, POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
        ROW(400, POST "Content-Length: 3, 3\r\n\r\nabc"),
        ROW(400, POST "Content-Length: +2\r\n\r\nab"),
        ROW(400, POST "Content-Length: -2\r\n\r\nab"),
        ROW(400, POST "Content-Length: 2x\r\n\r\nab"),
        ROW(400, POST "Content-Length: 0x2\r\n\r\nab"),
        ROW(400, POST "Content-Length: 2 2\r\n\r\nab"),
        ROW(400, POST "Content-Length:\r\n\r\n"),
        ROW(400, POST "Content-Length: 99999999999999999999999999\r\n\r\n"),
        ROW(400, POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        ROW(400, POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        ROW(400, POST "Transfer-Encoding: identity\r\n\r\n"),
        ROW(400, POST "Transfer-Encoding:\r\n\r\n"),
        ROW(400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ROW(400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"),
        ROW(400, POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        ROW(400, POST "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"),
        ROW(400, POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
        ROW(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ROW(400, GET "X-Name : x\r\n\r\n"),
        ROW(400, GET " X-Folded: x\r\n\r\n"),
        ROW(400, GET "X-Folded: x\r\n y\r\n\r\n"),
        ROW(400, GET "X-Folded:\r\n\ty\r\n\r\n"),
        ROW(400, "GET / HTTP/1.1\nHost: a\n\n"),
        ROW(400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
        ROW(400, GET "X: a\rb\r\n\r\n"),
        ROW(400, GET "X: a\0b\r\n\r\n"),
        ROW(400, GET "X\0Y: a\r\n\r\n"),
        ROW(400, GET "X: a\x01\r\n\r\n"),
        ROW(400, GET "X: a\x7f\r\n\r\n"),
        ROW(400, GET ": a\r\n\r\n"),
        ROW(400, GET "NoColon\r\n\r\n"),
        ROW(400, GET "X(y): a\r\n\r\n"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_one_host_and_a_known_version(void **state UNUSED)
{
    static const struct row rows[] = {
        ROW(400, "GET / HTTP/1.1\r\n\r\n"),
        ROW(400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        ROW(400, "GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n"),
        ROW(400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        ROW(400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
        ROW(400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        ROW(400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
        ROW(202, "GET / HTTP/1.1\r\nhOsT: [::1]:80\r\n\r\n"),
        ROW(202, "GET / HTTP/1.0\r\n\r\n"),
        ROW(505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
        ROW(505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
        ROW(505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        ROW(400, "GET / HTTP/1.1x\r\nHost: a\r\n\r\n"),
        ROW(400, "GET / HTTP/11.1\r\nHost: a\r\n\r\n"),
        ROW(400, "GET / http/1.1\r\nHost: a\r\n\r\n"),
        ROW(505, "GET /\r\n\r\n"),
        ROW(400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ROW(400, "\x16\x03\x01\x02"),
        ROW(400, "GARBAGE\r\n\r\n"),
        ROW(400, "get / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ROW(501, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
        ROW(400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ROW(400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        ROW(400, "GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"),
        ROW(400, "GET /#f HTTP/1.1\r\nHost: a\r\n\r\n"),
        ROW(400, "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"),
        ROW(400, "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
        ROW(400, "GET /% HTTP/1.1\r\nHost: a\r\n\r\n"),
        ROW(400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
        ROW(400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        ROW(202, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
        ROW(417, POST "Expect: tea\r\nContent-Length: 1\r\n\r\n"),
        ROW(202, GET "Upgrade: h2c\r\nConnection: upgrade\r\n\r\n"),
        ROW(202, "\r\n\r\n" GET "\r\n"),
        ROW(0, "\r\n"),
        ROW(0, GET),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void test_chunks(void **state UNUSED)
{
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
    static const struct row rows[] = {
        ROW(202, CHUNKED "0\r\n\r\n"),
        ROW(202, CHUNKED "3\r\nabc\r\n0\r\n\r\n"),
        ROW(202, CHUNKED "003;x=y\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"),
        ROW(0, CHUNKED "3\r\nabc\r\n"),
        ROW(400, CHUNKED "3\r\nabcd\r\n0\r\n\r\n"),
        ROW(400, CHUNKED "x\r\n"),
        ROW(400, CHUNKED "1;a\nb\r\nx\r\n0\r\n\r\n"),
        ROW(400, CHUNKED "1;a\rb\r\nx\r\n0\r\n\r\n"),
        ROW(400, CHUNKED "1;a\x01\r\nx\r\n0\r\n\r\n"),
        ROW(400, CHUNKED "1\nx\n0\n\n"),
        ROW(400, CHUNKED "0\r\nT: x\n\r\n"),
        ROW(400, CHUNKED "0\r\nT: x\r\n y\r\n\r\n"),
        ROW(202, CHUNKED "2\r\n\r\n\r\n0\r\n\r\n"),
        ROW(400, CHUNKED "-1\r\n"),
        ROW(400, CHUNKED "+1\r\na\r\n0\r\n\r\n"),
        ROW(400, CHUNKED "FFFFFFFFFFFFFFFFF\r\n"),
        ROW(413, CHUNKED "100001\r\n"),
        ROW(413, CHUNKED "FFFFFFF0\r\n"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static struct buf text_of(const char *head, char fill, size_t count, const char *tail)
{
    struct buf b;
    buf_init(&b, 8 * 1024 * 1024);
    buf_add_c(&b, head);
    memset(buf_reserve(&b, count), fill, count);
    buf_used(&b, count);
    buf_add_c(&b, tail);
    return b;
}

static int outcome_of_text(const char *head, size_t count, const char *tail)
{
    struct buf b CLEANUP(buf_fini) = text_of(head, 'x', count, tail);
    return outcome(buf_str(&b));
}

static void test_sizes_are_bounded(void **state UNUSED)
{
    size_t fixed = strlen(GET "X: \r\n\r\n");
    assert_int_equal(outcome_of_text(GET "X: ", limits.header_bytes - fixed, "\r\n\r\n"), 202);
    assert_int_equal(outcome_of_text(GET "X: ", limits.header_bytes - fixed + 1, "\r\n\r\n"), 431);
    assert_int_equal(outcome_of_text(GET "X: ", 100 * 1024, ""), 431);
    assert_int_equal(outcome_of_text("GET /", 100 * 1024, ""), 431);
    assert_int_equal(outcome_of_text(POST "Content-Length: 1048576\r\n\r\n", 1048576, ""), 202);
    assert_int_equal(outcome_of_text(POST "Content-Length: 1048577\r\n\r\n", 0, ""), 413);
    assert_int_equal(outcome_of_text(POST "Content-Length: 10000000\r\n\r\n", 0, ""), 413);
    assert_int_equal(outcome_of_text(CHUNKED "1;", 100 * 1024, ""), 400);
    assert_int_equal(outcome_of_text(CHUNKED "0\r\nT: ", 100 * 1024, ""), 400);
}

static void test_number_of_headers_is_bounded(void **state UNUSED)
{
    for (int extra = 98; extra <= 200; extra += 1) {
        struct buf b CLEANUP(buf_fini);
        buf_init(&b, 100000);
        buf_add_c(&b, GET);
        for (int i = 0; i < extra; i++) {
            buf_add_f(&b, "H%d: x\r\n", i);
        }
        buf_add_c(&b, "\r\n");
        assert_int_equal(outcome(buf_str(&b)), extra <= 99 ? 202 : 431);
    }
}

/* One-byte chunks are slow but honest; the same with long extensions is not. */
static void test_padding_between_chunks_is_bounded(void **state UNUSED)
{
    for (int padded = 0; padded < 2; padded++) {
        struct buf b CLEANUP(buf_fini);
        buf_init(&b, 8 * 1024 * 1024);
        buf_add_c(&b, CHUNKED);
        for (int i = 0; i < 20000; i++) {
            buf_add_c(&b, padded ? "1;a=bcdefgh\r\nx\r\n" : "1\r\nx\r\n");
        }
        buf_add_c(&b, "0\r\n\r\n");
        assert_int_equal(outcome(buf_str(&b)), padded ? 400 : 202);
    }
}

static void test_fields_of_an_accepted_request(void **state UNUSED)
{
    struct str bytes = STR("POST http://h:1/a%2Fb%20c/?q=%41&r HTTP/1.1\r\nHost: h:1\r\n"
                           "X-One:  v w \t\r\nx-empty:\r\nContent-Length: 4\r\n\r\nbodyGET");
    for (size_t step = 1; step <= bytes.len; step++) {
        struct request r;
        size_t used;
        request_init(&r, &limits);
        assert_int_equal(read_in_steps(&r, bytes, step, &used), ACCEPTED);
        assert_int_equal(used, bytes.len - 3);
        assert_true(str_eq_c(r.method, "POST"));
        assert_true(str_eq_c(r.target, "http://h:1/a%2Fb%20c/?q=%41&r"));
        assert_true(str_eq_c(r.path, "/a/b c/"));
        assert_true(str_eq_c(r.query, "q=%41&r"));
        assert_true(str_eq_c(buf_str(&r.body), "body"));
        struct str value;
        assert_true(http_header_find(r.headers.ptr, r.headers.len, "x-one", &value));
        assert_true(str_eq_c(value, "v w"));
        assert_true(http_header_find(r.headers.ptr, r.headers.len, "X-Empty", &value));
        assert_int_equal(value.len, 0);
        assert_false(http_header_find(r.headers.ptr, r.headers.len, "x", &value));
        request_fini(&r);
    }
}

static void test_requests_follow_each_other(void **state UNUSED)
{
    struct str bytes =
        STR(POST "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n" GET "\r\n" POST
                 "Content-Length: 2\r\n\r\nxy");
    static const char *const bodies[] = {"abc", "", "xy"};
    for (size_t step = 1; step <= bytes.len; step++) {
        struct request r;
        size_t at = 0;
        request_init(&r, &limits);
        for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
            size_t used;
            int status = read_in_steps(&r, str_sub(bytes, at, SIZE_MAX), step, &used);
            assert_int_equal(status, ACCEPTED);
            assert_true(str_eq_c(buf_str(&r.body), bodies[i]));
            assert_int_equal(r.headers.len, i == 1 ? 1 : 2);
            at += used;
            request_reset(&r);
        }
        assert_int_equal(at, bytes.len);
        request_fini(&r);
    }
}

static bool keeps_alive(const char *head)
{
    struct request r;
    size_t used;
    request_init(&r, &limits);
    assert_int_equal(read_in_steps(&r, str_c(head), SIZE_MAX, &used), ACCEPTED);
    bool keep = r.keep_alive;
    request_fini(&r);
    return keep;
}

static void test_connection_is_kept_as_asked(void **state UNUSED)
{
    assert_true(keeps_alive(GET "\r\n"));
    assert_false(keeps_alive(GET "Connection: close\r\n\r\n"));
    assert_false(keeps_alive(GET "Connection: x, CLOSE ,y\r\n\r\n"));
    assert_true(keeps_alive(GET "Connection: closer\r\n\r\n"));
    assert_false(keeps_alive("GET / HTTP/1.0\r\n\r\n"));
    assert_true(keeps_alive("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
    assert_false(keeps_alive("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framing_that_others_may_read_otherwise_is_refused),
        cmocka_unit_test(test_one_host_and_a_known_version),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_sizes_are_bounded),
        cmocka_unit_test(test_number_of_headers_is_bounded),
        cmocka_unit_test(test_padding_between_chunks_is_bounded),
        cmocka_unit_test(test_fields_of_an_accepted_request),
        cmocka_unit_test(test_requests_follow_each_other),
        cmocka_unit_test(test_connection_is_kept_as_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

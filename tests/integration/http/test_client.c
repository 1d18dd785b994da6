/* The client against a server of ours in the same loop, and against scripted ones that break off,
 * talk nonsense or say too much. */
#include "http/client.h"
#include "http/server.h"
#include "raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants the four above first */
#include <cmocka.h>

/* ---- both ends in one loop ------------------------------------------------------------------- */

struct world {
    struct http_client_opts opts;
    void (*body)(struct world *w);
    struct http_server *server;
    struct http_client *client;
    struct arena arena;
    size_t peak;  /* handlers at once */
    size_t calls; /* of the handler */
    size_t gone;  /* of /slow: whose client had left */
};

static const char big[100000] = {'b'};

static void handle(struct http_exchange *x, void *arg)
{
    struct world *w = arg;
    struct str type = STR("none");
    w->calls++;
    w->peak = MAX(w->peak, http_server_in_flight(w->server));
    if (str_eq_c(x->path, "/slow")) {
        IGNORE(co_sleep(50, NULL));
        w->gone += http_client_gone(x) ? 1 : 0;
    }
    if (str_eq_c(x->path, "/big")) {
        http_reply(x, 200, NULL, 0, NULL, (struct str){big, sizeof big});
        return;
    }
    if (str_eq_c(x->path, "/error")) {
        http_reply_error(x, 500, "internal", "no");
        return;
    }
    IGNORE(http_request_header(x, "content-type", &type));
    struct str length = STR("none");
    IGNORE(http_request_header(x, "content-length", &length));
    struct str text =
        arena_strf(x->arena, "%.*s %.*s %.*s %.*s %.*s", STR_ARG(x->method), STR_ARG(x->target),
                   STR_ARG(type), STR_ARG(length), STR_ARG(x->body));
    const struct http_header header = {STR("X-Answer"), STR("yes")};
    http_reply(x, 200, &header, 1, "text/plain", text);
}

static void root(void *arg)
{
    struct world *w = arg;
    struct http_server_opts opts = {.handler = handle, .arg = w};
    arena_init(&w->arena);
    assert_int_equal(http_server_new(co_loop_current(), &opts, &w->server, NULL), ERR_OK);
    assert_int_equal(http_client_new(co_loop_current(), &w->opts, &w->client, NULL), ERR_OK);
    w->body(w);
    assert_int_equal(http_client_in_flight(w->client), 0);
    assert_int_equal(http_client_waiting(w->client), 0);
    http_client_free(w->client);
    http_server_free(w->server);
    arena_fini(&w->arena);
}

static struct world run_world(struct world w)
{
    struct co_loop *loop = co_loop_new(NULL);
    co_loop_run(loop, "root", root, &w);
    co_loop_free(loop);
    return w;
}

static struct http_request request_to(struct world *w, uint16_t port, const char *path)
{
    return (struct http_request){.url = arena_strf(&w->arena, "http://127.0.0.1:%u%s", port, path),
                                 .deadline = co_after(5000)};
}

static struct http_request ask(struct world *w, const char *path)
{
    return request_to(w, http_server_port(w->server), path);
}

static enum err_code fetch(struct world *w, const struct http_request *q, struct http_response *a,
                           struct err *err)
{
    *a = (struct http_response){0};
    *err = (struct err){0};
    return http_fetch(w->client, q, &w->arena, a, err);
}

/* ---- what is sent ---------------------------------------------------------------------------- */

static void methods(struct world *w)
{
    static const struct {
        const char *method;
        struct str body;
        const char *seen;
    } rows[] = {
        {NULL, {0}, "GET /a%2Fb?q=1 t none "},
        {"GET", {0}, "GET /a%2Fb?q=1 t none "},
        {"POST", {"xy", 2}, "POST /a%2Fb?q=1 t 2 xy"},
        {"POST", {0}, "POST /a%2Fb?q=1 t 0 "},
        {"PUT", {"", 0}, "PUT /a%2Fb?q=1 t 0 "},
        {"PATCH", {"{}", 2}, "PATCH /a%2Fb?q=1 t 2 {}"},
        {"DELETE", {0}, "DELETE /a%2Fb?q=1 t none "},
        {"OPTIONS", {0}, "OPTIONS /a%2Fb?q=1 t none "},
    };
    const struct http_header type = {STR("Content-Type"), STR("t")};
    struct http_response a;
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request q = ask(w, "/a%2Fb?q=1");
        q.method = rows[i].method;
        q.body = rows[i].body;
        q.headers = &type;
        q.header_count = 1;
        assert_int_equal(fetch(w, &q, &a, &err), ERR_OK);
        assert_int_equal(a.status, 200);
        assert_true(a.sent);
        assert_true(str_eq_c(a.body, rows[i].seen));
    }
    struct http_request q = ask(w, "/");
    struct str value;
    q.method = "HEAD";
    assert_int_equal(fetch(w, &q, &a, &err), ERR_OK);
    assert_int_equal(a.body.len, 0);
    assert_true(http_header_find(a.headers, a.header_count, "x-answer", &value));
    assert_true(str_eq_c(value, "yes"));
    q = ask(w, "/");
    q.method = "POST";
    q.body = STR("x");
    assert_int_equal(fetch(w, &q, &a, &err), ERR_OK);
    assert_true(str_eq_c(a.body, "POST / none 1 x")); /* no type that nobody gave */
    assert_int_equal(http_server_connections(w->server), 1);
    assert_int_equal(http_client_connections(w->client), 1);
}

static void invalid(struct world *w)
{
    static const struct http_header bad[] = {
        {STR("X"), STR("a\r\nY: b")}, {STR("X\r\nY"), STR("a")}, {STR(""), STR("a")},
        {STR("X:"), STR("a")},        {STR("X"), STR("a\0b")},   {STR("X;"), STR("")}};
    static const char *const methods_bad[] = {"", "get", "G T", "GET\r\nX: y"};
    static const char *const urls[] = {"file:///etc/passwd", "gopher://127.0.0.1/", "/x",
                                       "http://a b/", "http://u:p@127.0.0.1/"};
    struct http_response a;
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct http_request q = ask(w, "/");
        q.headers = &bad[i];
        q.header_count = 1;
        assert_int_equal(fetch(w, &q, &a, &err), ERR_INVALID);
        assert_false(a.sent);
    }
    for (size_t i = 0; i < ARRAY_LEN(methods_bad); i++) {
        struct http_request q = ask(w, "/");
        q.method = methods_bad[i];
        assert_int_equal(fetch(w, &q, &a, &err), ERR_INVALID);
    }
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct http_request q = ask(w, "/");
        q.url = str_c(urls[i]);
        assert_int_equal(fetch(w, &q, &a, &err), ERR_INVALID);
    }
    assert_int_equal(w->calls, 0);
}

static void test_requests_arrive_as_given(void **state UNUSED)
{
    run_world((struct world){.body = methods});
    run_world((struct world){.body = invalid});
}

/* ---- bounds of an answer --------------------------------------------------------------------- */

struct sink {
    size_t bytes;
    size_t pieces;
    size_t stop_at; /* 0: never */
};

static enum err_code take(void *arg, struct str bytes, struct err *err)
{
    struct sink *sink = arg;
    sink->bytes += bytes.len;
    sink->pieces++;
    if (sink->stop_at > 0 && sink->bytes >= sink->stop_at) {
        return ERR_SET_ACT(err, ERR_GONE, ERR_ACT_RESYNC, "enough");
    }
    return ERR_OK;
}

static void bounds(struct world *w)
{
    struct http_response a;
    struct err err;
    struct http_request q = ask(w, "/big");
    assert_int_equal(fetch(w, &q, &a, &err), ERR_OK);
    assert_int_equal(a.body.len, sizeof big);
    q.max_body_bytes = sizeof big;
    assert_int_equal(fetch(w, &q, &a, &err), ERR_OK);
    q.max_body_bytes = sizeof big - 1;
    assert_int_equal(fetch(w, &q, &a, &err), ERR_TOO_BIG);
    assert_true(a.sent);

    struct sink sink = {0};
    q = ask(w, "/big");
    q.on_body = take;
    q.on_body_arg = &sink;
    assert_int_equal(fetch(w, &q, &a, &err), ERR_OK);
    assert_int_equal(sink.bytes, sizeof big);
    assert_true(sink.pieces > 1);
    assert_int_equal(a.body.len, 0);
    sink = (struct sink){.stop_at = 1000};
    assert_int_equal(fetch(w, &q, &a, &err), ERR_GONE);
    assert_int_equal(err.act, ERR_ACT_RESYNC);
    assert_true(sink.bytes < sizeof big);

    /* What a refusal says is not the stream that was asked for. */
    sink = (struct sink){0};
    q = ask(w, "/error");
    q.on_body = take;
    q.on_body_arg = &sink;
    assert_int_equal(fetch(w, &q, &a, &err), ERR_OK);
    assert_int_equal(a.status, 500);
    assert_int_equal(sink.pieces, 0);
    assert_true(str_find(a.body, STR("\"internal\"")) != SIZE_MAX);
}

static void test_answers_are_bounded_and_streamed(void **state UNUSED)
{
    run_world((struct world){.body = bounds});
}

/* ---- many at once ---------------------------------------------------------------------------- */

struct many {
    struct world *w;
    const char *path;
    int64_t ms;
    size_t ok;
    size_t timeouts;
    size_t canceled;
    size_t busy;
    size_t sent;
};

static void one_of_many(void *arg)
{
    struct many *m = arg;
    struct arena arena CLEANUP(arena_fini);
    struct http_request q = ask(m->w, m->path);
    struct http_response a = {0};
    struct err err;
    arena_init(&arena);
    q.deadline = co_after(m->ms);
    enum err_code rc = http_fetch(m->w->client, &q, &arena, &a, &err);
    m->ok += rc == ERR_OK ? 1 : 0;
    m->timeouts += rc == ERR_TIMEOUT ? 1 : 0;
    m->canceled += rc == ERR_CANCELED ? 1 : 0;
    m->busy += rc == ERR_BUSY ? 1 : 0;
    m->sent += a.sent ? 1 : 0;
}

static void start_many(struct many *m, struct co_group *group, size_t count)
{
    co_group_init(group, co_loop_current());
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(co_spawn(group, "fetch", one_of_many, m, NULL), ERR_OK);
    }
}

static void queueing(struct world *w)
{
    struct co_group group;
    struct many m = {.w = w, .path = "/slow", .ms = 10000};
    start_many(&m, &group, 60);
    assert_int_equal(co_sleep(60, NULL), ERR_OK);
    assert_int_equal(http_client_in_flight(w->client), 4);
    assert_true(http_client_waiting(w->client) > 40);
    assert_int_equal(co_group_join(&group, co_after(20000), NULL), ERR_OK);
    assert_int_equal(m.ok, 60);
    assert_int_equal(w->peak, 4);
    assert_int_equal(http_client_connections(w->client), 4);

    /* Four run at a time, 50 ms each: some of them are too late, and were never sent. */
    m = (struct many){.w = w, .path = "/slow", .ms = 175};
    start_many(&m, &group, 40);
    assert_int_equal(co_group_join(&group, co_after(20000), NULL), ERR_OK);
    assert_int_equal(m.ok + m.timeouts, 40);
    assert_true(m.ok >= 4 && m.timeouts >= 24);
    assert_true(m.sent <= m.ok + 4);

    m = (struct many){.w = w, .path = "/slow", .ms = 10000};
    start_many(&m, &group, 4 + 100 + 7);
    assert_int_equal(co_group_join(&group, co_after(20000), NULL), ERR_OK);
    assert_int_equal(m.busy, 7);
    assert_int_equal(m.ok, 104);
}

static void canceling(struct world *w)
{
    struct co_group group;
    struct http_response a;
    struct err err;
    for (int64_t ms = 0; ms < 60; ms += 5) {
        struct many m = {.w = w, .path = "/slow", .ms = 10000};
        start_many(&m, &group, 12);
        assert_int_equal(co_sleep(ms, NULL), ERR_OK);
        co_group_fini(&group);
        assert_int_equal(m.ok + m.canceled, 12);
        assert_int_equal(http_client_in_flight(w->client), 0);
        assert_int_equal(http_client_waiting(w->client), 0);
    }
    assert_int_equal(co_sleep(100, NULL), ERR_OK);
    assert_true(w->gone > 0); /* a call that is given up closes its connection */
    struct http_request q = ask(w, "/");
    assert_int_equal(fetch(w, &q, &a, &err), ERR_OK);
}

static void test_a_host_has_a_queue_and_a_bound(void **state UNUSED)
{
    run_world(
        (struct world){.body = queueing, .opts = {.max_host_connections = 4, .max_waiting = 100}});
}

static void test_a_cancelled_call_leaves_nothing_behind(void **state UNUSED)
{
    run_world((struct world){.body = canceling, .opts = {.max_host_connections = 8}});
}

/* ---- scripted servers ------------------------------------------------------------------------ */

/* For each connection: waits for a request, sends the script, closes. */
struct script {
    int listener;
    uint16_t port;
    int connections;
    struct str answer;
    int served;
};

static void serve_script(void *arg)
{
    struct script *s = arg;
    for (int i = 0; i < s->connections; i++) {
        struct buf in CLEANUP(buf_fini);
        buf_init(&in, 1 << 20);
        int fd = raw_accept(s->listener);
        if (fd >= 0 && raw_read(fd, &in, "\r\n\r\n")) {
            s->served += in.len > 0 ? 1 : 0;
            raw_send(fd, s->answer);
        }
        close(fd);
    }
}

static void script_co(void *arg)
{
    raw_thread(serve_script, arg);
}

static enum err_code fetch_scripted(struct world *w, struct str answer, int connections, int calls,
                                    struct http_response *a, struct err *err, int *ret_served)
{
    struct script s = {.connections = connections, .answer = answer};
    struct co_group group;
    enum err_code rc = ERR_OK;
    s.listener = raw_listen(&s.port);
    co_group_init(&group, co_loop_current());
    assert_int_equal(co_spawn(&group, "script", script_co, &s, NULL), ERR_OK);
    for (int i = 0; i < calls; i++) {
        struct http_request q = request_to(w, s.port, "/");
        q.method = "POST";
        q.body = STR("x");
        q.once = connections > 1;
        rc = fetch(w, &q, a, err);
    }
    assert_int_equal(co_group_join(&group, co_after(20000), NULL), ERR_OK);
    close(s.listener);
    *ret_served = s.served;
    return rc;
}

static void broken(struct world *w)
{
    static const struct {
        struct str answer;
        enum err_code rc;
    } rows[] = {
        {STR(""), ERR_IO},
        {STR("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), ERR_IO},
        {STR("HTTP/1.1 200 OK\r\nConte"), ERR_IO},
        {STR("\x16\x03\x01 not HTTP at all\r\n\r\n"), ERR_PROTO},
        {STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), ERR_IO},
    };
    struct http_response a;
    struct err err;
    int served;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum err_code rc = fetch_scripted(w, rows[i].answer, 1, 1, &a, &err, &served);
        if (rc != rows[i].rc) {
            fail_msg("row %zu: %s: %s", i, err_code_name(rc), err.text);
        }
        assert_int_equal(err.act, ERR_ACT_RETRY);
        assert_true(a.sent); /* it may have been applied */
    }
    struct http_request q = request_to(w, 1, "/");
    assert_int_equal(fetch(w, &q, &a, &err), ERR_UNAVAILABLE);
    assert_int_equal(err.act, ERR_ACT_RETRY);
    assert_false(a.sent);
    q.url = STR("http://no-such-host.invalid/");
    assert_int_equal(fetch(w, &q, &a, &err), ERR_UNAVAILABLE);
    assert_false(a.sent);
}

static void odd_answers(struct world *w)
{
    struct http_response a;
    struct err err;
    struct str value;
    int served;
    struct str interim = STR("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
                             "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
                             "X-Late:  2 \r\nContent-Length: 2\r\n\r\nok");
    assert_int_equal(fetch_scripted(w, interim, 1, 1, &a, &err, &served), ERR_OK);
    assert_int_equal(a.status, 302); /* not followed */
    assert_int_equal(a.header_count, 3);
    assert_false(http_header_find(a.headers, a.header_count, "x-early", &value));
    assert_true(http_header_find(a.headers, a.header_count, "x-late", &value));
    assert_true(str_eq_c(value, "2"));
    assert_true(str_eq_c(a.body, "ok"));

    struct buf long_head CLEANUP(buf_fini);
    buf_init(&long_head, 1 << 20);
    buf_add_c(&long_head, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 300; i++) {
        buf_add_f(&long_head, "X-%d: %0100d\r\n", i, 0);
    }
    buf_add_c(&long_head, "\r\n");
    assert_int_equal(fetch_scripted(w, buf_str(&long_head), 1, 1, &a, &err, &served), ERR_TOO_BIG);

    /* What is to be sent once gets a connection of its own each time. */
    struct str kept = STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_int_equal(fetch_scripted(w, kept, 3, 3, &a, &err, &served), ERR_OK);
    assert_int_equal(served, 3);
}

static void test_broken_answers_are_told_apart(void **state UNUSED)
{
    run_world((struct world){.body = broken});
    run_world((struct world){.body = odd_answers, .opts = {.max_header_bytes = 16 * 1024}});
}

/* ---- a server that goes and comes back ------------------------------------------------------- */

static void restart(struct world *w)
{
    struct http_response a;
    struct err err;
    struct http_server_opts opts = {
        .handler = handle, .arg = w, .port = http_server_port(w->server)};
    struct http_request q = ask(w, "/slow");
    struct co_group group;
    struct many m = {.w = w, .path = "/slow", .ms = 5000};
    assert_int_equal(fetch(w, &q, &a, &err), ERR_OK); /* a connection that is kept */
    start_many(&m, &group, 5);
    assert_int_equal(co_sleep(20, NULL), ERR_OK);
    http_server_free(w->server); /* in the middle of five calls */
    struct http_server_opts other = {.handler = handle, .arg = w};
    assert_int_equal(http_server_new(co_loop_current(), &other, &w->server, NULL), ERR_OK);
    assert_int_equal(co_group_join(&group, co_after(10000), NULL), ERR_OK);
    assert_int_equal(m.ok, 0);
    assert_int_equal(m.sent, 5);
    assert_int_equal(fetch(w, &q, &a, &err), ERR_UNAVAILABLE);
    http_server_free(w->server);
    assert_int_equal(http_server_new(co_loop_current(), &opts, &w->server, NULL), ERR_OK);
    q.deadline = co_after(5000);
    assert_int_equal(fetch(w, &q, &a, &err), ERR_OK);
}

static void test_server_restart_in_mid_call(void **state UNUSED)
{
    run_world((struct world){.body = restart});
}

static void no_ca_root(void *arg UNUSED)
{
    struct http_client *client = NULL;
    const struct http_client_opts opts = {.ca_file = "/nonexistent/ca.pem"};
    struct err err;
    assert_int_equal(http_client_new(co_loop_current(), &opts, &client, &err), ERR_CONFIG);
}

static void test_a_ca_file_must_be_there(void **state UNUSED)
{
    struct co_loop *loop = co_loop_new(NULL);
    co_loop_run(loop, "root", no_ca_root, NULL);
    co_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_arrive_as_given),
        cmocka_unit_test(test_answers_are_bounded_and_streamed),
        cmocka_unit_test(test_a_host_has_a_queue_and_a_bound),
        cmocka_unit_test(test_a_cancelled_call_leaves_nothing_behind),
        cmocka_unit_test(test_broken_answers_are_told_apart),
        cmocka_unit_test(test_server_restart_in_mid_call),
        cmocka_unit_test(test_a_ca_file_must_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The server against bare sockets: hostile bytes, slow peers both ways, pipelining, peers that
 * leave, and the end of service. */
#include "http/server.h"
#include "raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define HOST "Host: a\r\n"
#define LAST HOST "Connection: close\r\n"

/* ---- a server, a client in a thread ---------------------------------------------------------- */

struct world {
    struct http_server *server;
    struct http_server_opts opts;
    uint16_t port;
    void (*client)(struct world *w);
    int calls;     /* of the handler */
    int gone;      /* of them: the client had left before the reply */
    int64_t drain; /* > 0: the client runs beside a drain of so many ms */
    enum err_code drained;
    bool ok; /* the client saw what it should */
};

static const char big[512 * 1024] = {'b'};

static void reply_with_headers(struct http_exchange *x)
{
    const struct http_header good[] = {{STR("X-A"), STR("1")}, {STR("X-B"), STR("two")}};
    const struct http_header split[] = {{STR("X-A"), STR("1\r\nX-Evil: 1")}};
    bool evil = str_eq_c(x->query, "split");
    http_reply(x, 200, evil ? split : good, evil ? 1 : 2, "text/plain", STR("ok"));
}

/* The path says what to do. */
static void handle(struct http_exchange *x, void *arg)
{
    struct world *w = arg;
    w->calls++;
    if (str_eq_c(x->path, "/slow")) {
        IGNORE(co_sleep(300, NULL)); /* a cancel ends it early */
        w->gone += http_client_gone(x) ? 1 : 0;
        http_reply(x, 200, NULL, 0, "text/plain", STR("slow"));
    } else if (str_eq_c(x->path, "/big")) {
        http_reply(x, 200, NULL, 0, "text/plain", (struct str){big, sizeof big});
    } else if (str_eq_c(x->path, "/headers")) {
        reply_with_headers(x);
    } else if (str_eq_c(x->path, "/echo")) {
        struct str text = arena_strf(x->arena, "%.*s|%.*s|%.*s|%.*s", STR_ARG(x->method),
                                     STR_ARG(x->query), STR_ARG(x->body), STR_ARG(x->peer));
        http_reply(x, 200, NULL, 0, "text/plain", text);
    } else if (str_eq_c(x->path, "/none")) {
        http_reply(x, 204, NULL, 0, NULL, STR(""));
    } else if (!str_eq_c(x->path, "/silent")) {
        http_reply(x, 202, NULL, 0, NULL, STR(""));
    }
}

static void client_thread(void *arg)
{
    struct world *w = arg;
    w->client(w);
}

static void drain_and_note(void *arg)
{
    struct world *w = arg;
    IGNORE(co_sleep(100, NULL));
    w->drained = http_server_drain(w->server, co_after(w->drain), NULL);
}

static void root(void *arg)
{
    struct world *w = arg;
    struct co_group group;
    w->opts.handler = handle;
    w->opts.arg = w;
    assert_int_equal(http_server_new(co_loop_current(), &w->opts, &w->server, NULL), ERR_OK);
    w->port = http_server_port(w->server);
    assert_true(w->port > 0);
    co_group_init(&group, co_loop_current());
    if (w->drain > 0) {
        assert_int_equal(co_spawn(&group, "drain", drain_and_note, w, NULL), ERR_OK);
    }
    raw_thread(client_thread, w);
    co_group_fini(&group);
    http_server_free(w->server);
}

static struct world run_world(struct world w)
{
    struct co_loop *loop = co_loop_new(NULL);
    co_loop_run(loop, "root", root, &w);
    co_loop_free(loop);
    return w;
}

#define CHECK(w, cond)                                                                             \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            (w)->ok = false;                                                                       \
        }                                                                                          \
    } while (0)

static bool contains(const struct buf *b, const char *text)
{
    return str_find(buf_str(b), str_c(text)) != SIZE_MAX;
}

static size_t occurrences(const struct buf *b, const char *text)
{
    size_t n = 0;
    struct str rest = buf_str(b);
    size_t at;
    while ((at = str_find(rest, str_c(text))) != SIZE_MAX) {
        rest = str_sub(rest, at + strlen(text), SIZE_MAX);
        n++;
    }
    return n;
}

/* ---- hostile bytes --------------------------------------------------------------------------- */

struct row {
    int status;
    const char *code;
    struct str bytes;
};
#define ROW(status, code, text)                                                                    \
    {                                                                                              \
        status, code,                                                                              \
        {                                                                                          \
            text, sizeof(text) - 1                                                                 \
        }                                                                                          \
    }
#define POST "POST / HTTP/1.1\r\n" HOST

/* A refusal is one JSON answer, then the end; what follows the refused bytes is no request. */
static void hostile_client(struct world *w)
{
    static const struct row rows[] = {
        ROW(400, "bad_request", POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ROW(400, "bad_request", POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        ROW(400, "bad_request", POST "Transfer-Encoding: xchunked\r\n\r\n"),
        ROW(400, "bad_request", POST "Content-Length: +2\r\n\r\nab"),
        ROW(400, "bad_request", POST "Content-Length: 2x\r\n\r\nab"),
        ROW(400, "bad_request", POST "X: a\0b\r\n\r\n"),
        ROW(400, "bad_request", POST "X : a\r\n\r\n"),
        ROW(400, "bad_request", POST "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n"),
        ROW(413, "body_too_large", POST "Content-Length: 10000000\r\n\r\n"),
        ROW(400, "bad_request", "GET / HTTP/1.1\r\n\r\n"),
        ROW(400, "bad_request", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        ROW(400, "bad_request", "GET / HTTP/1.1\nHost: a\n\n"),
        ROW(417, "expectation_failed", POST "Expect: tea\r\n\r\n"),
        ROW(505, "version_not_supported", "GET / HTTP/3.0\r\nHost: a\r\n\r\n"),
        ROW(501, "not_implemented", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"),
        ROW(400, "bad_request", "\x16\x03\x01\x02\x00\x01\x00\x01"),
    };
    struct buf out CLEANUP(buf_fini);
    struct buf bytes CLEANUP(buf_fini);
    buf_init(&out, 1 << 20);
    buf_init(&bytes, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char code[64];
        snprintf(code, sizeof code, "{\"error\":{\"code\":\"%s\",\"message\":\"", rows[i].code);
        buf_reset(&bytes);
        buf_add(&bytes, rows[i].bytes);
        buf_add_c(&bytes, "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK(w, raw_exchange(w->port, buf_str(&bytes), &out));
        CHECK(w, raw_status(buf_str(&out)) == rows[i].status);
        CHECK(w, contains(&out, code));
        CHECK(w, contains(&out, "Connection: close\r\n"));
        CHECK(w, occurrences(&out, "HTTP/1.1 ") == 1);
        if (!w->ok) {
            fprintf(stderr, "row %zu: %.*s\n", i, STR_ARG(buf_str(&out)));
            return;
        }
    }
}

static void large_client(struct world *w)
{
    struct buf out CLEANUP(buf_fini);
    struct buf bytes CLEANUP(buf_fini);
    buf_init(&out, 1 << 20);
    buf_init(&bytes, 16 << 20);
    buf_add_c(&bytes, "GET / HTTP/1.1\r\n" HOST "X: ");
    memset(buf_reserve(&bytes, 100 * 1024), 'x', 100 * 1024);
    buf_used(&bytes, 100 * 1024);
    CHECK(w, raw_exchange(w->port, buf_str(&bytes), &out));
    CHECK(w, raw_status(buf_str(&out)) == 431);

    buf_reset(&bytes);
    buf_add_c(&bytes, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 200; i++) {
        buf_add_f(&bytes, "H%d: x\r\n", i);
    }
    buf_add_c(&bytes, "\r\n");
    CHECK(w, raw_exchange(w->port, buf_str(&bytes), &out));
    CHECK(w, raw_status(buf_str(&out)) == 431);

    /* The whole body is under way when it is refused: the peer must read the refusal, no reset. */
    buf_reset(&bytes);
    buf_add_c(&bytes, POST "Content-Length: 8388608\r\n\r\n");
    memset(buf_reserve(&bytes, 8388608), 'x', 8388608);
    buf_used(&bytes, 8388608);
    CHECK(w, raw_exchange(w->port, buf_str(&bytes), &out));
    CHECK(w, raw_status(buf_str(&out)) == 413);
}

static void test_hostile_bytes_are_refused_and_the_connection_ends(void **state UNUSED)
{
    struct world w = run_world((struct world){.client = hostile_client, .ok = true});
    assert_true(w.ok);
    assert_int_equal(w.calls, 0);
    w = run_world((struct world){.client = large_client, .ok = true});
    assert_true(w.ok);
    assert_int_equal(w.calls, 0);
}

/* ---- slow peers ------------------------------------------------------------------------------ */

/* One byte every 40 ms: each is in time, the whole is not. */
static void drip(struct world *w, const char *text, struct buf *out)
{
    int fd = raw_connect(w->port);
    int64_t began = co_clock_ns();
    buf_reset(out);
    for (const char *c = text; *c != '\0' && co_clock_ns() - began < 3000000000; c++) {
        if (!raw_send(fd, (struct str){c, 1})) {
            break;
        }
        char peek;
        if (recv(fd, &peek, 1, MSG_PEEK | MSG_DONTWAIT) >= 0) {
            break;
        }
        raw_sleep(40);
    }
    CHECK(w, raw_read(fd, out, NULL));
    CHECK(w, (co_clock_ns() - began) / 1000000 < 2000);
    close(fd);
}

static void slow_client(struct world *w)
{
    static const char filler[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, 1 << 20);
    drip(w, filler, &out);
    CHECK(w, raw_status(buf_str(&out)) == 400 || raw_status(buf_str(&out)) == 408);
    drip(w, "GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         &out);
    CHECK(w, raw_status(buf_str(&out)) == 408);

    int fd = raw_connect(w->port);
    buf_reset(&out);
    raw_send(fd, STR(POST "Content-Length: 100\r\n\r\n"));
    for (int i = 0; i < 20 && raw_send(fd, STR("x")); i++) {
        raw_sleep(40);
    }
    CHECK(w, raw_read(fd, &out, NULL));
    CHECK(w, raw_status(buf_str(&out)) == 408);
    close(fd);

    /* Nothing at all: closed without a word. */
    fd = raw_connect(w->port);
    buf_reset(&out);
    CHECK(w, raw_read(fd, &out, NULL));
    CHECK(w, out.len == 0);
    close(fd);
}

static void test_slow_requests_are_cut(void **state UNUSED)
{
    struct world w =
        run_world((struct world){.client = slow_client,
                                 .ok = true,
                                 .opts = {.header_ms = 300, .body_ms = 300, .idle_ms = 500}});
    assert_true(w.ok);
    assert_int_equal(w.calls, 0);
}

/* Never reads: more than the socket's buffers hold is owed to it. */
static void deaf_client(struct world *w)
{
    int fd = raw_connect(w->port);
    for (int i = 0; i < 40; i++) {
        raw_send(fd, STR("GET /big HTTP/1.1\r\n" HOST "\r\n"));
    }
    int64_t began = co_clock_ns();
    raw_sleep(1500);
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, 64 << 20);
    raw_read(fd, &out, NULL);
    CHECK(w, (co_clock_ns() - began) / 1000000 < 8000);
    CHECK(w, out.len < 40 * sizeof big); /* it was cut off, not served to the end */
    close(fd);
}

static void test_slow_readers_are_cut(void **state UNUSED)
{
    struct world w =
        run_world((struct world){.client = deaf_client, .ok = true, .opts = {.write_ms = 300}});
    assert_true(w.ok);
    assert_true(w.calls < 40);
}

/* ---- the protocol ---------------------------------------------------------------------------- */

static void protocol_client(struct world *w)
{
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, 1 << 20);
    CHECK(w,
          raw_exchange(w->port,
                       STR("POST /echo?q HTTP/1.1\r\nContent-Length: 3\r\n" LAST "\r\nabc"), &out));
    CHECK(w, contains(&out, "\r\n\r\nPOST|q|abc|127.0.0.1"));
    CHECK(w, contains(&out, "\r\nContent-Length: 20\r\n"));
    CHECK(w, contains(&out, "\r\nDate: ") && contains(&out, " GMT\r\n"));

    CHECK(w, raw_exchange(w->port, STR("HEAD /echo HTTP/1.1\r\n" LAST "\r\n"), &out));
    CHECK(w, contains(&out, "\r\nContent-Length: 16\r\n"));
    CHECK(w, str_ends(buf_str(&out), STR("\r\n\r\n")));

    CHECK(w, raw_exchange(w->port, STR("GET /none HTTP/1.1\r\n" LAST "\r\n"), &out));
    CHECK(w, raw_status(buf_str(&out)) == 204 && !contains(&out, "Content-Length"));

    /* HTTP/1.0: closed unless it asks. */
    CHECK(w, raw_exchange(w->port, STR("GET /echo HTTP/1.0\r\n\r\n"), &out));
    CHECK(w, raw_status(buf_str(&out)) == 200 && contains(&out, "Connection: close\r\n"));
    CHECK(w,
          raw_exchange(
              w->port,
              STR("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n"), &out));
    CHECK(w, occurrences(&out, "HTTP/1.1 202") == 2);
    CHECK(w, occurrences(&out, "Connection: keep-alive\r\n") == 1);

    CHECK(w, raw_exchange(w->port, STR("GET /silent HTTP/1.1\r\n" LAST "\r\n"), &out));
    CHECK(w, raw_status(buf_str(&out)) == 500 && contains(&out, "\"internal\""));

    CHECK(w, raw_exchange(w->port, STR("GET /headers HTTP/1.1\r\n" LAST "\r\n"), &out));
    CHECK(w, contains(&out, "\r\nX-A: 1\r\nX-B: two\r\n"));
    CHECK(w, raw_exchange(w->port, STR("GET /headers?split HTTP/1.1\r\n" LAST "\r\n"), &out));
    CHECK(w, raw_status(buf_str(&out)) == 500 && !contains(&out, "X-Evil"));

    /* A client that has closed its sending side is still answered. */
    int fd = raw_connect(w->port);
    raw_send(fd, STR("GET /slow HTTP/1.1\r\n" HOST "\r\n"));
    shutdown(fd, SHUT_WR);
    buf_reset(&out);
    CHECK(w, raw_read(fd, &out, NULL) && raw_status(buf_str(&out)) == 200);
    close(fd);
}

static void continue_client(struct world *w)
{
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, 1 << 20);
    int fd = raw_connect(w->port);
    raw_send(fd, STR("POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n" LAST
                     "\r\n"));
    CHECK(w, raw_read(fd, &out, "\r\n\r\n"));
    CHECK(w, str_eq_c(buf_str(&out), "HTTP/1.1 100 Continue\r\n\r\n"));
    buf_reset(&out);
    raw_send(fd, STR("abc"));
    CHECK(w, raw_read(fd, &out, NULL));
    CHECK(w, contains(&out, "POST||abc|"));
    close(fd);
    /* With the body at once, nobody waits for a 100; with one that is too long, it is refused. */
    CHECK(w, raw_exchange(
                 w->port,
                 STR("POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n" LAST
                     "\r\nabc"),
                 &out));
    CHECK(w, occurrences(&out, "HTTP/1.1") == 1 && raw_status(buf_str(&out)) == 200);
    CHECK(w,
          raw_exchange(w->port, STR(POST "Expect: 100-continue\r\nContent-Length: 9999999\r\n\r\n"),
                       &out));
    CHECK(w, occurrences(&out, "HTTP/1.1") == 1 && raw_status(buf_str(&out)) == 413);
}

static void test_replies_keep_the_protocol(void **state UNUSED)
{
    struct world w = run_world((struct world){.client = protocol_client, .ok = true});
    assert_true(w.ok);
    assert_int_equal(w.gone, 1); /* the half-closed one */
    w = run_world((struct world){.client = continue_client, .ok = true});
    assert_true(w.ok);
}

static void pipelining_client(struct world *w)
{
    struct buf out CLEANUP(buf_fini);
    struct buf bytes CLEANUP(buf_fini);
    buf_init(&out, 8 << 20);
    buf_init(&bytes, 8 << 20);
    CHECK(w,
          raw_exchange(w->port,
                       STR("GET /slow HTTP/1.1\r\n" HOST "\r\nGET /echo HTTP/1.1\r\n" LAST "\r\n"),
                       &out));
    CHECK(w, occurrences(&out, "HTTP/1.1 200") == 2);
    CHECK(w, str_find(buf_str(&out), STR("slow")) < str_find(buf_str(&out), STR("GET||")));

    /* More than is read ahead at once, of many sizes, with the last one asking for the end. */
    for (int i = 0; i < 3000; i++) {
        buf_add_f(&bytes, "POST / HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n%0*d", i % 50 + 1,
                  i % 50 + 1, 0);
    }
    buf_add_c(&bytes, "GET / HTTP/1.1\r\n" LAST "\r\n");
    CHECK(w, raw_exchange(w->port, buf_str(&bytes), &out));
    CHECK(w, occurrences(&out, "HTTP/1.1 202") == 3001);

    /* A bad one ends a row of good ones. */
    CHECK(w, raw_exchange(w->port,
                          STR("GET / HTTP/1.1\r\n" HOST
                              "\r\nGET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n"),
                          &out));
    CHECK(w, occurrences(&out, "HTTP/1.1 202") == 1 && occurrences(&out, "HTTP/1.1 400") == 1);
}

static void test_pipelined_requests_are_answered_in_order(void **state UNUSED)
{
    struct world w = run_world((struct world){.client = pipelining_client, .ok = true});
    assert_true(w.ok);
    assert_int_equal(w.calls, 2 + 3001 + 1);
}

static void keep_alive_client(struct world *w)
{
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, 1 << 20);
    int fd = raw_connect(w->port);
    for (int i = 0; i < 500; i++) {
        buf_reset(&out);
        CHECK(w, raw_send(fd, STR("GET / HTTP/1.1\r\n" HOST "\r\n")));
        CHECK(w, raw_read(fd, &out, "\r\n\r\n") && raw_status(buf_str(&out)) == 202);
    }
    CHECK(w, http_server_connections(w->server) == 1);
    buf_reset(&out);
    CHECK(w, raw_read(fd, &out, NULL) && out.len == 0); /* then it idles too long */
    close(fd);
}

static void test_connections_are_kept_and_idle_ones_closed(void **state UNUSED)
{
    struct world w = run_world(
        (struct world){.client = keep_alive_client, .ok = true, .opts = {.idle_ms = 300}});
    assert_true(w.ok);
    assert_int_equal(w.calls, 500);
}

/* ---- peers that leave, bounds, deadlines ----------------------------------------------------- */

static void leaving_client(struct world *w)
{
    for (int i = 0; i < 1000; i++) {
        int fd = raw_connect(w->port);
        CHECK(w, fd >= 0);
        raw_send(fd, i % 3 == 0   ? STR("GET /slow HTTP/1.1\r\n" HOST "\r\n")
                     : i % 3 == 1 ? STR("GET /slow HTTP/1.1\r\n" HOST
                                        "\r\nGET /big HTTP/1.1\r\n" HOST "\r\n")
                                  : STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nab"));
        if (i % 2 == 0) { /* a reset instead of an orderly end */
            struct linger at_once = {.l_onoff = 1, .l_linger = 0};
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        if (i % 5 == 0) {
            raw_sleep(1);
        }
        close(fd);
    }
    raw_sleep(600);
    CHECK(w, http_server_connections(w->server) == 0);
    CHECK(w, http_server_in_flight(w->server) == 0);
}

static void test_a_thousand_clients_that_leave_early(void **state UNUSED)
{
    struct world w = run_world((struct world){.client = leaving_client, .ok = true});
    assert_true(w.ok);
    assert_true(w.gone > 0);
}

static void crowd_client(struct world *w)
{
    int fds[4];
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = raw_connect(w->port);
        raw_send(fds[i], STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
        buf_reset(&out);
        raw_read(fds[i], &out, "\r\n\r\n");
        CHECK(w, raw_status(buf_str(&out)) == (i < 3 ? 202 : 0));
    }
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        close(fds[i]);
    }
}

static void late_client(struct world *w)
{
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, 1 << 20);
    CHECK(w, raw_exchange(w->port, STR("GET /slow HTTP/1.1\r\n" HOST "\r\n"), &out));
    CHECK(w, raw_status(buf_str(&out)) == 503 && contains(&out, "\"deadline\""));
    CHECK(w, occurrences(&out, "HTTP/1.1") == 1);
    raw_sleep(400); /* the handler ends behind the reply's back */
}

static void test_connections_and_handlers_are_bounded(void **state UNUSED)
{
    struct world w = run_world(
        (struct world){.client = crowd_client, .ok = true, .opts = {.max_connections = 3}});
    assert_true(w.ok);
    w = run_world((struct world){.client = late_client, .ok = true, .opts = {.request_ms = 100}});
    assert_true(w.ok);
    assert_int_equal(w.gone, 1);
}

/* ---- the end of service ---------------------------------------------------------------------- */

static void drained_client(struct world *w)
{
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, 1 << 20);
    int idle = raw_connect(w->port);
    int busy = raw_connect(w->port);
    raw_send(idle, STR("GET / HTTP/1.1\r\n" HOST "\r\n"));
    CHECK(w, raw_read(idle, &out, "\r\n\r\n"));
    raw_send(busy, STR("GET /slow HTTP/1.1\r\n" HOST "\r\n"));
    buf_reset(&out);
    CHECK(w, raw_read(idle, &out, NULL) && out.len == 0);
    CHECK(w, raw_read(busy, &out, NULL) && raw_status(buf_str(&out)) == 200);
    CHECK(w, contains(&out, "Connection: close\r\n"));
    CHECK(w, raw_connect(w->port) == -1);
    close(idle);
    close(busy);
}

static void cut_client(struct world *w)
{
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, 1 << 20);
    int fd = raw_connect(w->port);
    raw_send(fd, STR("GET /slow HTTP/1.1\r\n" HOST "\r\n"));
    raw_sleep(200); /* drain begins at 100 ms and gives up at 110 ms; the handler is at work */
    close(fd);
}

static void test_drain_finishes_what_had_begun(void **state UNUSED)
{
    struct world w = run_world((struct world){.client = drained_client, .ok = true, .drain = 5000});
    assert_true(w.ok);
    assert_int_equal(w.drained, ERR_OK);
    w = run_world((struct world){.client = cut_client, .ok = true, .drain = 10});
    assert_true(w.ok);
    assert_int_equal(w.drained, ERR_TIMEOUT);
}

static void refused_root(void *arg UNUSED)
{
    struct http_server *a = NULL;
    struct http_server *b = NULL;
    struct err err;
    struct http_server_opts opts = {.handler = handle};
    assert_int_equal(http_server_new(co_loop_current(), &opts, &a, NULL), ERR_OK);
    opts.port = http_server_port(a);
    assert_int_equal(http_server_new(co_loop_current(), &opts, &b, &err), ERR_IO);
    opts.address = "localhost";
    assert_int_equal(http_server_new(co_loop_current(), &opts, &b, &err), ERR_CONFIG);
    http_server_free(a);
}

static void test_ports_and_addresses_that_cannot_be(void **state UNUSED)
{
    struct co_loop *loop = co_loop_new(NULL);
    co_loop_run(loop, "root", refused_root, NULL);
    co_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_bytes_are_refused_and_the_connection_ends),
        cmocka_unit_test(test_slow_requests_are_cut),
        cmocka_unit_test(test_slow_readers_are_cut),
        cmocka_unit_test(test_replies_keep_the_protocol),
        cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(test_connections_are_kept_and_idle_ones_closed),
        cmocka_unit_test(test_a_thousand_clients_that_leave_early),
        cmocka_unit_test(test_connections_and_handlers_are_bounded),
        cmocka_unit_test(test_drain_finishes_what_had_begun),
        cmocka_unit_test(test_ports_and_addresses_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

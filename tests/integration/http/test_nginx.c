/* The client against nginx: TLS with a CA of its own, HTTP/2 over TLS and in clear, compression,
 * and a server that is killed in mid-call. The nginx is private to this test. */
#include "http/client.h"
#include "raw.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the five above first */
#include <cmocka.h>

static char dir[] = "/tmp/test_http_nginx.XXXXXX";
static char ca_file[64];
static uint16_t tls_port;
static uint16_t clear_port;
static pid_t nginx;

static void start_nginx(void)
{
    const char *script = getenv("HTTP_TEST_NGINX");
    char tls[8];
    char clear[8];
    snprintf(tls, sizeof tls, "%u", tls_port);
    snprintf(clear, sizeof clear, "%u", clear_port);
    assert_non_null(script);
    nginx = fork();
    if (nginx == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* it must not outlive a test that dies */
        execl(script, script, dir, tls, clear, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 100; i++) {
        int fd = raw_connect(clear_port);
        if (fd >= 0) {
            close(fd);
            return;
        }
        raw_sleep(100);
    }
    fail_msg("nginx does not answer");
}

static void kill_nginx(void)
{
    kill(nginx, SIGKILL);
    waitpid(nginx, NULL, 0);
}

static int set_up(void **state UNUSED)
{
    assert_non_null(mkdtemp(dir));
    snprintf(ca_file, sizeof ca_file, "%s/ca.pem", dir);
    int a = raw_listen(&tls_port);
    int b = raw_listen(&clear_port);
    close(a);
    close(b);
    start_nginx();
    return 0;
}

static int tear_down(void **state UNUSED)
{
    kill_nginx();
    pid_t rm = fork();
    if (rm == 0) {
        execlp("rm", "rm", "-rf", dir, (char *)NULL);
        _exit(127);
    }
    waitpid(rm, NULL, 0);
    return 0;
}

/* ---- helpers --------------------------------------------------------------------------------- */

struct world {
    struct http_client_opts opts;
    void (*body)(struct world *w);
    struct http_client *client;
    struct arena arena;
};

static void root(void *arg)
{
    struct world *w = arg;
    arena_init(&w->arena);
    assert_int_equal(http_client_new(co_loop_current(), &w->opts, &w->client, NULL), ERR_OK);
    w->body(w);
    http_client_free(w->client);
    arena_fini(&w->arena);
}

static void run_world(struct world w)
{
    struct co_loop *loop = co_loop_new(NULL);
    co_loop_run(loop, "root", root, &w);
    co_loop_free(loop);
}

static struct http_request tls(struct world *w, const char *path)
{
    return (struct http_request){
        .url = arena_strf(&w->arena, "https://localhost:%u%s", tls_port, path),
        .deadline = co_after(5000)};
}

static struct http_request clear2(struct world *w, const char *path)
{
    return (struct http_request){
        .url = arena_strf(&w->arena, "http://127.0.0.1:%u%s", clear_port, path),
        .protocol = HTTP_PROTOCOL_2_CLEAR,
        .deadline = co_after(5000)};
}

static enum err_code fetch(struct world *w, const struct http_request *q, struct http_response *a,
                           struct err *err)
{
    *a = (struct http_response){0};
    return http_fetch(w->client, q, &w->arena, a, err);
}

/* ---- protocols ------------------------------------------------------------------------------- */

static void protocols(struct world *w)
{
    struct http_response a;
    struct err err;
    struct http_request q = tls(w, "/protocol");
    assert_int_equal(fetch(w, &q, &a, &err), ERR_OK);
    assert_true(str_eq_c(a.body, "HTTP/2.0"));
    q.protocol = HTTP_PROTOCOL_1_1;
    assert_int_equal(fetch(w, &q, &a, &err), ERR_OK);
    assert_true(str_eq_c(a.body, "HTTP/1.1"));
    q = clear2(w, "/protocol");
    assert_int_equal(fetch(w, &q, &a, &err), ERR_OK);
    assert_true(str_eq_c(a.body, "HTTP/2.0"));
    q.method = "PATCH";
    q.body = STR("{}");
    assert_int_equal(fetch(w, &q, &a, &err), ERR_OK);
    q = clear2(w, "/missing");
    assert_int_equal(fetch(w, &q, &a, &err), ERR_OK);
    assert_int_equal(a.status, 404);
    assert_true(a.sent);
}

static void test_http2_is_negotiated_or_asked_for(void **state UNUSED)
{
    run_world((struct world){.body = protocols, .opts = {.ca_file = ca_file}});
}

static void distrust(struct world *w)
{
    struct http_response a;
    struct err err;
    struct http_request q = tls(w, "/protocol");
    assert_int_equal(fetch(w, &q, &a, &err), ERR_IO);
    assert_int_equal(err.act, ERR_ACT_CONFIG);
    assert_false(a.sent);
}

static void wrong_name(struct world *w)
{
    struct http_response a;
    struct err err;
    struct http_request q = tls(w, "/protocol");
    /* In the certificate are localhost and 127.0.0.1. */
    q.url = arena_strf(&w->arena, "https://127.0.0.2:%u/", clear_port);
    assert_int_equal(fetch(w, &q, &a, &err), ERR_UNAVAILABLE); /* nobody listens there */
    q.url = arena_strf(&w->arena, "https://127.0.0.1:%u/", clear_port);
    assert_int_equal(fetch(w, &q, &a, &err), ERR_IO); /* no TLS there */
    assert_int_equal(err.act, ERR_ACT_RETRY);
    assert_false(a.sent);
}

static void test_unknown_certificates_are_refused(void **state UNUSED)
{
    run_world((struct world){.body = distrust});
    run_world((struct world){.body = wrong_name, .opts = {.ca_file = ca_file}});
}

/* ---- compression ----------------------------------------------------------------------------- */

static void compression(struct world *w)
{
    struct http_response a;
    struct err err;
    struct str value;
    struct http_request q = tls(w, "/zeros.txt");
    assert_int_equal(fetch(w, &q, &a, &err), ERR_OK);
    assert_true(http_header_find(a.headers, a.header_count, "content-encoding", &value));
    assert_true(str_eq_c(value, "gzip"));
    assert_int_equal(a.body.len, 3000000);
    /* A few KiB on the wire; what they become counts. */
    q.max_body_bytes = 100000;
    assert_int_equal(fetch(w, &q, &a, &err), ERR_TOO_BIG);
}

static void test_compressed_answers_are_bounded_as_they_unfold(void **state UNUSED)
{
    run_world((struct world){.body = compression, .opts = {.ca_file = ca_file}});
}

/* ---- many streams ---------------------------------------------------------------------------- */

struct many {
    struct world *w;
    bool tls;
    const char *path;
    size_t ok;
    size_t broken;
    size_t canceled;
    size_t sent;
};

static void one_of_many(void *arg)
{
    struct many *m = arg;
    struct arena arena CLEANUP(arena_fini);
    struct http_request q = m->tls ? tls(m->w, m->path) : clear2(m->w, m->path);
    struct http_response a = {0};
    arena_init(&arena);
    q.deadline = co_after(20000);
    enum err_code rc = http_fetch(m->w->client, &q, &arena, &a, NULL);
    m->ok += rc == ERR_OK && a.status == 200 ? 1 : 0;
    m->broken += rc == ERR_IO || rc == ERR_PROTO ? 1 : 0;
    m->canceled += rc == ERR_CANCELED ? 1 : 0;
    m->sent += a.sent ? 1 : 0;
}

static void start_many(struct many *m, struct co_group *group, int count)
{
    co_group_init(group, co_loop_current());
    for (int i = 0; i < count; i++) {
        assert_int_equal(co_spawn(group, "fetch", one_of_many, m, NULL), ERR_OK);
    }
}

static void streams(struct world *w)
{
    for (int secure = 0; secure < 2; secure++) {
        struct co_group group;
        struct many m = {.w = w, .tls = secure == 1, .path = "/protocol"};
        size_t before = http_client_connections(w->client);
        start_many(&m, &group, 500);
        assert_int_equal(co_group_join(&group, co_after(30000), NULL), ERR_OK);
        assert_int_equal(m.ok, 500);
        assert_true(http_client_connections(w->client) - before <= 2);
    }
}

static void test_many_streams_share_few_connections(void **state UNUSED)
{
    run_world(
        (struct world){.body = streams, .opts = {.ca_file = ca_file, .max_host_connections = 2}});
}

static void cancel_streams(struct world *w)
{
    struct http_response a;
    struct err err;
    for (int round = 0; round < 5; round++) {
        struct co_group group;
        struct many m = {.w = w, .tls = true, .path = "/slow"};
        start_many(&m, &group, 20);
        assert_int_equal(co_sleep(20 * round, NULL), ERR_OK);
        co_group_fini(&group);
        assert_int_equal(m.canceled, 20);
        struct http_request q = tls(w, "/protocol");
        assert_int_equal(fetch(w, &q, &a, &err), ERR_OK);
    }
    assert_true(http_client_connections(w->client) <= 2);
}

static void test_a_cancelled_stream_leaves_its_connection(void **state UNUSED)
{
    run_world((struct world){.body = cancel_streams,
                             .opts = {.ca_file = ca_file, .max_host_connections = 2}});
}

static void killed(struct world *w)
{
    struct http_response a;
    struct err err;
    struct co_group group;
    struct many m = {.w = w, .path = "/slow"};
    start_many(&m, &group, 10);
    assert_int_equal(co_sleep(300, NULL), ERR_OK);
    kill_nginx();
    assert_int_equal(co_group_join(&group, co_after(10000), NULL), ERR_OK);
    assert_int_equal(m.broken, 10);
    assert_int_equal(m.sent, 10);
    struct http_request q = clear2(w, "/protocol");
    assert_int_equal(fetch(w, &q, &a, &err), ERR_UNAVAILABLE);
    start_nginx();
    q = clear2(w, "/protocol");
    assert_int_equal(fetch(w, &q, &a, &err), ERR_OK);
    q = tls(w, "/protocol");
    assert_int_equal(fetch(w, &q, &a, &err), ERR_OK);
}

static void test_nginx_killed_in_mid_call(void **state UNUSED)
{
    run_world((struct world){.body = killed, .opts = {.ca_file = ca_file}});
}

int main(void)
{
    if (access("/usr/sbin/nginx", X_OK) != 0) {
        fprintf(stderr, "skipped: nginx is not installed\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http2_is_negotiated_or_asked_for),
        cmocka_unit_test(test_unknown_certificates_are_refused),
        cmocka_unit_test(test_compressed_answers_are_bounded_as_they_unfold),
        cmocka_unit_test(test_many_streams_share_few_connections),
        cmocka_unit_test(test_a_cancelled_stream_leaves_its_connection),
        cmocka_unit_test(test_nginx_killed_in_mid_call),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

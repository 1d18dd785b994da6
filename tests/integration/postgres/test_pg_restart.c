/* A server that goes away, in every way that it can; a private one, so that nobody else suffers. */
#include "harness.h"

#include <string.h>

static struct private_server server;

static int server_setup(void **state UNUSED)
{
    server_init(&server);
    server_start(&server);
    return 0;
}

static int server_teardown(void **state UNUSED)
{
    server_fini(&server);
    return 0;
}

static struct pg_session *session(struct pg_pool *pool)
{
    struct pg_session *s = NULL;
    ASSERT_OK(pg_acquire(pool, soon(), &s, NULL));
    return s;
}

static void with_server(size_t max_connections, pg_test_fn body)
{
    with_pool(&(struct pg_opts){.conninfo = server.dsn, .max_connections = max_connections}, body);
}

/* Until the server answers again; every failure on the way must be one to try again. */
static struct pg_session *session_again(struct pg_pool *pool)
{
    for (int64_t until = soon(); co_now() < until;) {
        struct err err = {0};
        struct pg_session *s = NULL;
        enum err_code rc = pg_acquire(pool, soon(), &s, &err);
        if (rc == ERR_OK) {
            return s;
        }
        assert_int_equal(rc, ERR_UNAVAILABLE);
        assert_int_equal(err.act, ERR_ACT_RETRY);
        ASSERT_OK(co_sleep(20, NULL));
    }
    fail_msg("the server does not come back");
    return NULL;
}

/* ---- calls under way ----------------------------------------------------------------------- */

struct call {
    struct pg_pool *pool;
    bool in_transaction;
    bool begun;
    enum err_code rc;
    struct err err;
};

static void call_entry(void *arg)
{
    struct call *c = arg;
    struct pg_session *s CLEANUP(pg_release_ptr) = session(c->pool);
    struct pg_stmt stmt = STMT("nap", "SELECT pg_sleep(60)", 0);
    if (c->in_transaction) {
        ASSERT_OK(pg_begin(s, PG_READ_COMMITTED, soon(), NULL));
    } else {
        assert_int_equal(ask_i64(s, "one", "SELECT 1"), 1);
    }
    c->begun = true;
    c->rc = pg_exec(s, &stmt, NULL, soon(), NULL, NULL, &c->err);
}

static void mid_call(struct pg_pool *pool, int signal)
{
    struct co_group group;
    struct call calls[] = {{.pool = pool}, {.pool = pool, .in_transaction = true}};
    co_group_init(&group, co_loop_current());
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        ASSERT_OK(co_spawn(&group, "call", call_entry, &calls[i], NULL));
    }
    pg_release(session(pool)); /* one idle session as well */
    while (!calls[0].begun || !calls[1].begun) {
        ASSERT_OK(co_sleep(5, NULL));
    }
    ASSERT_OK(co_sleep(100, NULL));
    server_stop(&server, signal);
    ASSERT_OK(co_group_join(&group, soon(), NULL));
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        assert_int_equal(calls[i].rc, ERR_UNAVAILABLE);
        assert_int_equal(calls[i].err.act, ERR_ACT_RETRY);
        /* Outside of a transaction it may have been done; inside of one it was not committed. */
        assert_int_equal(pg_commit_unknown(&calls[i].err), !calls[i].in_transaction);
    }
    assert_false(pg_pool_healthy(pool));

    struct err err = {0};
    struct pg_session *s = NULL;
    /* The idle one's backend notices a postmaster that was killed in its own time. */
    enum err_code rc = ERR_OK;
    for (int64_t until = soon(); rc == ERR_OK && co_now() < until;) {
        rc = pg_acquire(pool, soon(), &s, &err);
        if (rc == ERR_OK) {
            pg_release(s);
            ASSERT_OK(co_sleep(10, NULL));
        }
    }
    assert_int_equal(rc, ERR_UNAVAILABLE); /* refused */
    assert_int_equal(err.act, ERR_ACT_RETRY);
    server_start(&server);
    s = session_again(pool);
    assert_int_equal(ask_i64(s, "one", "SELECT 1"), 1); /* prepared anew */
    assert_true(pg_pool_healthy(pool));
    pg_release(s);
}

static void immediate_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    mid_call(pool, SIGQUIT);
}

static void kill_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    mid_call(pool, SIGKILL);
}

static void fast_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    mid_call(pool, SIGINT);
}

static void test_an_immediate_shutdown_in_mid_call(void **state UNUSED)
{
    with_server(4, immediate_body);
}

static void test_a_fast_shutdown_in_mid_call(void **state UNUSED)
{
    with_server(4, fast_body);
}

static void test_a_killed_postmaster_in_mid_call(void **state UNUSED)
{
    with_server(4, kill_body);
}

/* ---- a pool that nobody uses -------------------------------------------------------------------
 */

static void await_health(const struct pg_pool *pool, bool healthy)
{
    for (int64_t until = soon(); pg_pool_healthy(pool) != healthy && co_now() < until;) {
        ASSERT_OK(co_sleep(20, NULL));
    }
    assert_int_equal(pg_pool_healthy(pool), healthy);
}

static void unused_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    struct pg_session *several[] = {session(pool), session(pool)};
    for (size_t i = 0; i < ARRAY_LEN(several); i++) {
        pg_release(several[i]);
    }
    server_stop(&server, SIGINT);
    await_health(pool, false);
    server_start(&server);
    await_health(pool, true);
}

static void test_an_unused_pool_is_healthy_again(void **state UNUSED)
{
    with_server(4, unused_body);
}

/* ---- a COMMIT without an answer ------------------------------------------------------------ */

static void commit_body(struct pg_pool *pool, struct arena *arena)
{
    struct err err = {0};
    struct pg_session *s = session(pool);
    struct pg_session *other = session(pool);
    /* A constraint that is checked at COMMIT, slowly: the COMMIT hangs in the server. */
    run_sql(s, "CREATE TABLE co (i integer);"
               "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM "
               "pg_sleep(60); RETURN NULL; END $$;"
               "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON co DEFERRABLE INITIALLY DEFERRED "
               "FOR EACH ROW EXECUTE FUNCTION slow()");
    ASSERT_OK(pg_begin(s, PG_READ_COMMITTED, soon(), NULL));
    run_stmt(s, "co", "INSERT INTO co VALUES (1)", NULL, arena);
    assert_int_equal(pg_commit(s, co_after(200), &err), ERR_IO);
    assert_true(pg_commit_unknown(&err));
    assert_int_not_equal(err.act, ERR_ACT_RETRY);
    pg_release(s);

    /* The same in a pipeline, ended by the server. */
    struct pg_stmt insert = STMT("co", "INSERT INTO co VALUES (1)", 0);
    struct pg_call calls[] = {
        {.stmt = &PG_STMT_BEGIN}, {.stmt = &insert}, {.stmt = &PG_STMT_COMMIT}};
    s = session(pool);
    run_sql(other, "ALTER TABLE co DISABLE TRIGGER slow");
    run_sql(other, "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM "
                   "pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;"
                   "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON co DEFERRABLE INITIALLY "
                   "DEFERRED FOR EACH ROW EXECUTE FUNCTION die()");
    assert_int_equal(pg_pipeline(s, calls, ARRAY_LEN(calls), soon(), NULL, NULL, &err), ERR_IO);
    assert_true(pg_commit_unknown(&err));
    pg_release(s);
    assert_int_equal(ask_i64(other, "co_count", "SELECT count(*) FROM co"), 0); /* settled */
    pg_release(other);
}

static void test_a_commit_whose_answer_is_lost_is_told(void **state UNUSED)
{
    with_server(3, commit_body);
}

/* ---- a server that is there and silent ----------------------------------------------------- */

static void stopped_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    struct err err = {0};
    struct pg_stmt one = STMT("one", "SELECT 1", 0);
    struct pg_session *s = session(pool);
    pid_t backend = (pid_t)ask_i64(s, "pid", "SELECT pg_backend_pid()");
    kill(backend, SIGSTOP);
    int64_t began = co_now();
    assert_int_equal(pg_exec(s, &one, NULL, co_after(200), NULL, NULL, &err), ERR_TIMEOUT);
    assert_true(co_now() - began < 5000);
    pg_release(s);

    /* The postmaster as well: the kernel accepts, nobody answers. */
    kill(server.pid, SIGSTOP);
    assert_int_equal(pg_acquire(pool, co_after(100), &s, &err), ERR_TIMEOUT);
    assert_int_equal(pg_acquire(pool, soon(), &s, &err), ERR_UNAVAILABLE); /* our own bound */
    assert_int_equal(err.act, ERR_ACT_RETRY);
    assert_false(pg_pool_healthy(pool));
    kill(server.pid, SIGCONT);
    kill(backend, SIGCONT);
    s = session_again(pool);
    assert_int_equal(ask_i64(s, "one", "SELECT 1"), 1);
    pg_release(s);
}

static void test_a_stopped_server_costs_the_deadline_and_no_more(void **state UNUSED)
{
    with_pool(
        &(struct pg_opts){.conninfo = server.dsn, .max_connections = 1, .connect_timeout_ms = 300},
        stopped_body);
}

/* ---- TLS ----------------------------------------------------------------------------------- */

#define TLS_CALLS 20
#define TLS_ROW_BYTES 200000

static void tls_body(struct pg_pool *pool, struct arena *arena)
{
    /* More than the socket and one TLS record hold, both ways at once. */
    struct pg_stmt echo = STMT("echo", "SELECT $1::text", 1);
    struct pg_call calls[TLS_CALLS] = {{0}};
    struct pg_params p;
    char *text = arena_alloc(arena, TLS_ROW_BYTES);
    memset(text, 'x', TLS_ROW_BYTES);
    pg_params_init(&p, arena);
    pg_add_text(&p, (struct str){text, TLS_ROW_BYTES});
    for (size_t i = 0; i < TLS_CALLS; i++) {
        calls[i] = (struct pg_call){.stmt = &echo, .params = &p};
    }
    struct pg_session *s = session(pool);
    const struct pg_result *r =
        run_stmt(s, "tls", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", NULL, arena);
    assert_true(pg_get_bool(r, 0, 0));
    for (int round = 0; round < 3; round++) {
        ASSERT_OK(pg_pipeline(s, calls, TLS_CALLS, soon(), arena, NULL, NULL));
        for (size_t i = 0; i < TLS_CALLS; i++) {
            assert_int_equal(pg_get_str(calls[i].result, 0, 0).len, TLS_ROW_BYTES);
        }
    }
    pg_release(s);
}

static void tls_mid_call_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    mid_call(pool, SIGQUIT);
}

static void tls_refused_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    struct pg_session *s = NULL;
    assert_int_equal(pg_acquire(pool, soon(), &s, NULL), ERR_UNAVAILABLE);
}

static void test_tls_with_the_name_checked(void **state UNUSED)
{
    char dsn[320];
    struct pg_opts opts = {.conninfo = server.tls_dsn, .max_connections = 3};
    with_pool(&opts, tls_body);
    with_pool(&opts, tls_mid_call_body);
    snprintf(dsn, sizeof dsn, "%s host=127.0.0.1", server.tls_dsn); /* not what it says it is */
    opts.conninfo = dsn;
    with_pool(&opts, tls_refused_body);
}

/* ---- nobody there -------------------------------------------------------------------------- */

static void refused_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    struct err err = {0};
    struct pg_session *s = NULL;
    for (int i = 0; i < 3; i++) { /* a place that is not given back would show at the second */
        int64_t began = co_now();
        assert_int_equal(pg_acquire(pool, soon(), &s, &err), ERR_UNAVAILABLE);
        assert_int_equal(err.act, ERR_ACT_RETRY);
        assert_true(co_now() - began < 2000);
    }
}

static void second_host_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    struct pg_session *s = session(pool);
    assert_int_equal(ask_i64(s, "one", "SELECT 1"), 1);
    pg_release(s);
}

static void test_refused_ports_and_lists_of_hosts(void **state UNUSED)
{
    char dsn[256];
    int nobody = free_port();
    snprintf(dsn, sizeof dsn, "host=localhost port=%d user=calfleet dbname=postgres", nobody);
    with_pool(&(struct pg_opts){.conninfo = dsn, .max_connections = 1}, refused_body);
    snprintf(dsn, sizeof dsn, "host=calfleet.invalid user=calfleet dbname=postgres");
    with_pool(&(struct pg_opts){.conninfo = dsn, .max_connections = 1}, refused_body);
    snprintf(dsn, sizeof dsn,
             "host=127.0.0.1,calfleet.invalid,localhost port=%d,1,%d user=calfleet "
             "dbname=postgres",
             nobody, server.port);
    with_pool(&(struct pg_opts){.conninfo = dsn, .max_connections = 1}, second_host_body);
    snprintf(dsn, sizeof dsn, "host=localhost,127.0.0.1 port=%d user=calfleet dbname=postgres",
             server.port);
    with_pool(&(struct pg_opts){.conninfo = dsn, .max_connections = 1}, second_host_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_immediate_shutdown_in_mid_call),
        cmocka_unit_test(test_a_fast_shutdown_in_mid_call),
        cmocka_unit_test(test_a_killed_postmaster_in_mid_call),
        cmocka_unit_test(test_an_unused_pool_is_healthy_again),
        cmocka_unit_test(test_a_commit_whose_answer_is_lost_is_told),
        cmocka_unit_test(test_a_stopped_server_costs_the_deadline_and_no_more),
        cmocka_unit_test(test_tls_with_the_name_checked),
        cmocka_unit_test(test_refused_ports_and_lists_of_hosts),
    };
    return cmocka_run_group_tests(tests, server_setup, server_teardown);
}

/* The pool: its bounds, its order, and what it does with sessions that come back used. */
#include "harness.h"

#include <string.h>

/* ---- fairness ------------------------------------------------------------------------------ */

#define WAITERS 30

struct queue {
    struct pg_pool *pool;
    size_t begun;
    size_t served;
    size_t in_use;
    size_t most_in_use;
    bool out_of_order;
};

static void waiter_entry(void *arg)
{
    struct queue *q = arg;
    size_t number = q->begun++;
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    ASSERT_OK(pg_acquire(q->pool, soon(), &s, NULL));
    q->out_of_order = q->out_of_order || number != q->served;
    q->served++;
    q->in_use++;
    q->most_in_use = MAX(q->most_in_use, q->in_use);
    assert_int_equal(ask_i64(s, "one", "SELECT 1"), 1);
    ASSERT_OK(co_sleep(2, NULL));
    q->in_use--;
}

static void fairness_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    struct queue q = {.pool = pool};
    struct co_group group;
    struct pg_session *held[2];
    co_group_init(&group, co_loop_current());
    /* Both sessions are connected and held, so that all have to wait. */
    ASSERT_OK(pg_acquire(pool, soon(), &held[0], NULL));
    ASSERT_OK(pg_acquire(pool, soon(), &held[1], NULL));
    for (size_t i = 0; i < WAITERS; i++) {
        ASSERT_OK(co_spawn(&group, "waiter", waiter_entry, &q, NULL));
    }
    ASSERT_OK(co_sleep(20, NULL));
    assert_int_equal(q.begun, WAITERS);
    assert_int_equal(q.served, 0);

    struct err err = {0};
    struct pg_session *s = NULL;
    assert_int_equal(pg_acquire(pool, soon(), &s, &err), ERR_BUSY); /* as many wait as may */
    assert_int_equal(err.act, ERR_ACT_RETRY);
    pg_release(held[0]);
    pg_release(held[1]);
    ASSERT_OK(co_group_join(&group, soon(), NULL));
    assert_int_equal(q.served, WAITERS);
    assert_false(q.out_of_order);
    assert_int_equal(q.most_in_use, 2);

    /* Who waits no longer than it may leaves the queue in order. */
    ASSERT_OK(pg_acquire(pool, soon(), &held[0], NULL));
    ASSERT_OK(pg_acquire(pool, soon(), &held[1], NULL));
    assert_int_equal(pg_acquire(pool, co_after(50), &s, &err), ERR_TIMEOUT);
    pg_release(held[0]);
    ASSERT_OK(pg_acquire(pool, soon(), &s, NULL));
    assert_int_equal(ask_i64(s, "one", "SELECT 1"), 1);
    pg_release(s);
    pg_release(held[1]);
}

static void test_first_come_first_served_within_the_bounds(void **state UNUSED)
{
    with_pool(
        &(struct pg_opts){.conninfo = database_dsn(), .max_connections = 2, .max_waiters = WAITERS},
        fairness_body);
}

/* ---- what comes back ----------------------------------------------------------------------- */

static void reuse_body(struct pg_pool *pool, struct arena *arena)
{
    struct pg_session *s = NULL;
    ASSERT_OK(pg_acquire(pool, soon(), &s, NULL));
    run_sql(s, "CREATE TABLE re (i integer)");
    int64_t pid = ask_i64(s, "pid", "SELECT pg_backend_pid()");
    ASSERT_OK(pg_begin(s, PG_READ_COMMITTED, soon(), NULL));
    run_stmt(s, "re", "INSERT INTO re VALUES (1)", NULL, arena);
    pg_release(s); /* in the middle of a transaction */

    ASSERT_OK(pg_acquire(pool, soon(), &s, NULL));
    assert_false(pg_in_transaction(s));
    assert_int_equal(ask_i64(s, "pid", "SELECT pg_backend_pid()"), pid);
    assert_int_equal(ask_i64(s, "re_count", "SELECT count(*) FROM re"), 0);

    /* A failed one as well. */
    struct pg_stmt bad = STMT("re_bad", "SELECT 1 / (SELECT count(*) FROM re)", 0);
    ASSERT_OK(pg_begin(s, PG_READ_COMMITTED, soon(), NULL));
    assert_int_equal(pg_exec(s, &bad, NULL, soon(), NULL, NULL, NULL), ERR_INVALID);
    pg_release(s);
    ASSERT_OK(pg_acquire(pool, soon(), &s, NULL));
    assert_int_equal(ask_i64(s, "pid", "SELECT pg_backend_pid()"), pid);

    /* The server ends it while somebody holds it, then while nobody does. */
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", (int)pid);
    database_run(sql);
    struct err err = {0};
    struct pg_stmt one = STMT("one", "SELECT 1", 0);
    enum err_code rc = pg_exec(s, &one, NULL, soon(), NULL, NULL, &err);
    assert_int_equal(rc, ERR_UNAVAILABLE);
    assert_int_equal(err.act, ERR_ACT_RETRY);
    assert_false(pg_pool_healthy(pool));
    pg_release(s);
    ASSERT_OK(pg_acquire(pool, soon(), &s, NULL));
    int64_t next = ask_i64(s, "pid", "SELECT pg_backend_pid()");
    assert_int_not_equal(next, pid);
    assert_true(pg_pool_healthy(pool));
    pg_release(s);
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", (int)next);
    database_run(sql);
    ASSERT_OK(co_sleep(50, NULL));
    ASSERT_OK(pg_acquire(pool, soon(), &s, NULL));
    int64_t last = ask_i64(s, "pid", "SELECT pg_backend_pid()");
    assert_int_not_equal(last, next);

    /* And while somebody holds it who does not look before giving it back. */
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", (int)last);
    database_run(sql);
    ASSERT_OK(co_sleep(50, NULL));
    pg_release(s);
    ASSERT_OK(co_sleep(20, NULL));
    ASSERT_OK(pg_acquire(pool, soon(), &s, NULL));
    assert_int_not_equal(ask_i64(s, "pid", "SELECT pg_backend_pid()"), last);
    pg_release(s);
}

static void test_sessions_come_back_clean_or_are_replaced(void **state UNUSED)
{
    with_pool(&(struct pg_opts){.conninfo = database_dsn(), .max_connections = 1}, reuse_body);
}

static void give_up_body(struct pg_pool *pool, struct arena *arena)
{
    /* The pool ends while a rollback is under way. */
    struct pg_session *s = NULL;
    ASSERT_OK(pg_acquire(pool, soon(), &s, NULL));
    ASSERT_OK(pg_begin(s, PG_READ_COMMITTED, soon(), NULL));
    run_stmt(s, "one", "SELECT 1", NULL, arena);
    pg_release(s);
}

static void test_a_pool_that_ends_in_mid_rollback(void **state UNUSED)
{
    with_pool(NULL, give_up_body);
}

static void idle_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    struct pg_session *a = NULL;
    struct pg_session *b = NULL;
    ASSERT_OK(pg_acquire(pool, soon(), &a, NULL));
    ASSERT_OK(pg_acquire(pool, soon(), &b, NULL));
    int64_t pid = ask_i64(b, "pid", "SELECT pg_backend_pid()");
    pg_release(a);
    pg_release(b);
    ASSERT_OK(pg_acquire(pool, soon(), &a, NULL));
    assert_int_equal(ask_i64(a, "pid", "SELECT pg_backend_pid()"), pid); /* the warm one first */
    for (int64_t until = soon(), left = 2; left > 0 && co_now() < until;) {
        left = ask_i64(a, "others",
                       "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                       "'idle-test' AND pid <> pg_backend_pid()");
        ASSERT_OK(co_sleep(20, NULL));
    }
    assert_int_equal(ask_i64(a, "others",
                             "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                             "'idle-test' AND pid <> pg_backend_pid()"),
                     0);
    pg_release(a);
}

static void test_idle_sessions_are_closed(void **state UNUSED)
{
    with_pool(&(struct pg_opts){.conninfo = database_dsn(),
                                .max_connections = 2,
                                .application_name = "idle-test",
                                .idle_ms = 100},
              idle_body);
}

static void settings_body(struct pg_pool *pool, struct arena *arena)
{
    struct pg_session *s = NULL;
    ASSERT_OK(pg_pool_ping(pool, soon(), NULL));
    ASSERT_OK(pg_acquire(pool, soon(), &s, NULL));
    const struct pg_result *r =
        run_stmt(s, "settings",
                 "SELECT current_setting('TimeZone'), current_setting('statement_timeout'), "
                 "current_user::text, current_setting('application_name'), "
                 "current_setting('client_encoding')",
                 NULL, arena);
    assert_string_equal(pg_get_str(r, 0, 0).ptr, "UTC");
    assert_string_equal(pg_get_str(r, 0, 1).ptr, "1234ms");
    assert_string_equal(pg_get_str(r, 0, 2).ptr, "pg_monitor");
    assert_string_equal(pg_get_str(r, 0, 3).ptr, "calfleet");
    assert_string_equal(pg_get_str(r, 0, 4).ptr, "UTF8");
    pg_release(s);
}

static void test_a_session_is_set_up(void **state UNUSED)
{
    with_pool(&(struct pg_opts){.conninfo = database_dsn(),
                                .role = "pg_monitor",
                                .statement_timeout_ms = 1234},
              settings_body);
}

/* ---- what an operator must mend ------------------------------------------------------------ */

static void config_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    struct err err = {0};
    struct pg_session *s = NULL;
    assert_int_equal(pg_acquire(pool, soon(), &s, &err), ERR_CONFIG);
    assert_int_equal(err.act, ERR_ACT_CONFIG);
    assert_null(s);
    assert_false(pg_pool_healthy(pool));
    assert_int_equal(pg_acquire(pool, soon(), &s, &err), ERR_CONFIG); /* the place is free again */
}

static void test_wrong_settings_are_told_apart_from_outages(void **state UNUSED)
{
    char dsn[640];
    snprintf(dsn, sizeof dsn, "%s dbname=calfleet_no_such_database", database_dsn());
    with_pool(&(struct pg_opts){.conninfo = dsn, .max_connections = 1}, config_body);
    snprintf(dsn, sizeof dsn, "%s user=calfleet_no_such_user", database_dsn());
    with_pool(&(struct pg_opts){.conninfo = dsn, .max_connections = 1}, config_body);
    with_pool(&(struct pg_opts){.conninfo = database_dsn(),
                                .role = "calfleet_no_such_role",
                                .max_connections = 1},
              config_body);

    struct err err = {0};
    struct pg_pool *pool = NULL;
    struct co_loop *loop = co_loop_new(NULL);
    struct pg_opts opts = {.conninfo = "host=127.0.0.1 password='swordfish"};
    assert_int_equal(pg_pool_new(loop, &opts, &pool, &err), ERR_CONFIG);
    assert_null(strstr(err.text, "swordfish"));
    opts.conninfo = "dbname=postgres";
    assert_int_equal(pg_pool_new(loop, &opts, &pool, &err), ERR_CONFIG);
    co_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_come_first_served_within_the_bounds),
        cmocka_unit_test(test_sessions_come_back_clean_or_are_replaced),
        cmocka_unit_test(test_a_pool_that_ends_in_mid_rollback),
        cmocka_unit_test(test_idle_sessions_are_closed),
        cmocka_unit_test(test_a_session_is_set_up),
        cmocka_unit_test(test_wrong_settings_are_told_apart_from_outages),
    };
    return cmocka_run_group_tests(tests, database_create, database_drop);
}

/* Statements, transactions, pipelines, and what ends them early. */
#include "harness.h"

#include <string.h>

static struct pg_session *session(struct pg_pool *pool)
{
    struct pg_session *s = NULL;
    ASSERT_OK(pg_acquire(pool, soon(), &s, NULL));
    return s;
}

static enum err_code exec(struct pg_session *s, const char *name, const char *text, struct err *err)
{
    struct pg_stmt stmt = STMT(name, text, 0);
    *err = (struct err){0};
    return pg_exec(s, &stmt, NULL, soon(), NULL, NULL, err);
}

/* ---- errors -------------------------------------------------------------------------------- */

static void errors_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    static const struct {
        const char *text;
        enum err_code code;
        enum err_act act;
        const char *sqlstate;
    } CASES[] = {
        {"INSERT INTO er VALUES (1, 'secret-title', '[5,6)')", ERR_EXISTS, ERR_ACT_NONE, "23505"},
        {"INSERT INTO er VALUES (2, 'secret-title', '[1,4)')", ERR_CONFLICT, ERR_ACT_NONE, "23P01"},
        {"INSERT INTO er VALUES (3, NULL, '[8,9)')", ERR_INVALID, ERR_ACT_DROP, "23502"},
        {"INSERT INTO er VALUES (-1, 'secret-title', '[8,9)')", ERR_INVALID, ERR_ACT_DROP, "23514"},
        {"SELECT ('secret-title' || i)::uuid FROM er", ERR_INVALID, ERR_ACT_DROP, "22P02"},
        {"SELECT 1 / (i - i) FROM er", ERR_INVALID, ERR_ACT_DROP, "22012"},
        {"SELECT * FROM er_absent", ERR_INTERNAL, ERR_ACT_NONE, "42P01"},
        {"SELECT pg_read_file('/etc/passwd')", ERR_DENIED, ERR_ACT_NONE, "42501"},
        {"DO $$ BEGIN RAISE 'secret-title'; END $$", ERR_INTERNAL, ERR_ACT_NONE, "P0001"},
        {"DO $$ BEGIN RAISE 'secret-title' USING ERRCODE = '23514'; END $$", ERR_INVALID,
         ERR_ACT_DROP, "23514"},
        {"DO $$ BEGIN RAISE 'x' USING ERRCODE = '40001'; END $$", ERR_CONFLICT, ERR_ACT_RETRY,
         "40001"},
        {"DO $$ BEGIN RAISE 'x' USING ERRCODE = '53300'; END $$", ERR_UNAVAILABLE, ERR_ACT_RETRY,
         "53300"},
        {"DO $$ BEGIN RAISE no_data_found; END $$", ERR_NOT_FOUND, ERR_ACT_NONE, "P0002"},
    };
    struct pg_session *s = session(pool);
    run_sql(s, "CREATE TABLE er (i integer PRIMARY KEY CHECK (i > 0), t text NOT NULL, "
               "r int4range, EXCLUDE USING gist (r WITH &&)); "
               "INSERT INTO er VALUES (1, 'secret-title', '[1,3)'); GRANT SELECT ON er TO public; "
               "DO $$ BEGIN CREATE ROLE test_nobody; EXCEPTION WHEN duplicate_object THEN "
               "NULL; END $$; GRANT ALL ON er TO test_nobody; "
               "SET ROLE test_nobody");
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        char name[16];
        char state[6];
        struct err err;
        snprintf(name, sizeof name, "er%zu", i);
        assert_int_equal(exec(s, name, CASES[i].text, &err), CASES[i].code);
        assert_int_equal(err.code, CASES[i].code);
        assert_int_equal(err.act, CASES[i].act);
        pg_sqlstate_print(err.sys, state);
        assert_string_equal(state, CASES[i].sqlstate);
        assert_null(strstr(err.text, "secret-title"));
        assert_false(pg_in_transaction(s));
    }
    struct err err;
    assert_int_equal(exec(s, "er0", CASES[0].text, &err), ERR_EXISTS);
    assert_non_null(strstr(err.text, "er_pkey"));
    run_sql(s, "RESET ROLE");
    assert_true(pg_pool_healthy(pool)); /* refusing is not failing */
    pg_release(s);
}

static void test_errors_are_translated_and_hold_no_data(void **state UNUSED)
{
    with_pool(NULL, errors_body);
}

static void deferred_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    struct err err;
    struct pg_session *s = session(pool);
    run_sql(s, "CREATE TABLE de (i integer PRIMARY KEY DEFERRABLE INITIALLY DEFERRED); "
               "INSERT INTO de VALUES (1)");
    /* Outside of a transaction the constraint speaks at the sync, after the statement's success. */
    assert_int_equal(exec(s, "de", "INSERT INTO de VALUES (1)", &err), ERR_EXISTS);
    assert_int_equal(ask_i64(s, "de_count", "SELECT count(*) FROM de"), 1);
    ASSERT_OK(pg_begin(s, PG_READ_COMMITTED, soon(), NULL));
    ASSERT_OK(exec(s, "de", "INSERT INTO de VALUES (1)", &err));
    assert_int_equal(pg_commit(s, soon(), &err), ERR_EXISTS);
    assert_false(pg_commit_unknown(&err));
    assert_int_equal(ask_i64(s, "de_count", "SELECT count(*) FROM de"), 1);
    pg_release(s);
}

static void test_a_constraint_that_speaks_at_the_commit(void **state UNUSED)
{
    with_pool(NULL, deferred_body);
}

/* ---- transactions -------------------------------------------------------------------------- */

static void transactions_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    struct err err;
    struct pg_session *s = session(pool);
    struct pg_session *other = session(pool);
    run_sql(s, "CREATE TABLE tx (i integer)");
    ASSERT_OK(pg_begin(s, PG_READ_COMMITTED, soon(), NULL));
    assert_true(pg_in_transaction(s));
    ASSERT_OK(exec(s, "tx1", "INSERT INTO tx VALUES (1)", &err));
    assert_int_equal(ask_i64(other, "tx_count", "SELECT count(*) FROM tx"), 0);
    ASSERT_OK(pg_commit(s, soon(), NULL));
    assert_false(pg_in_transaction(s));
    assert_int_equal(ask_i64(other, "tx_count", "SELECT count(*) FROM tx"), 1);

    ASSERT_OK(pg_begin(s, PG_SNAPSHOT, soon(), NULL));
    assert_int_equal(ask_i64(s, "tx_count", "SELECT count(*) FROM tx"), 1);
    ASSERT_OK(exec(other, "tx1", "INSERT INTO tx VALUES (1)", &err));
    assert_int_equal(ask_i64(s, "tx_count", "SELECT count(*) FROM tx"), 1);
    assert_int_equal(exec(s, "tx1", "INSERT INTO tx VALUES (1)", &err), ERR_UNAVAILABLE);
    assert_int_equal(err.sys, PG_SQLSTATE('2', '5', '0', '0', '6'));
    /* It has failed: COMMIT is answered with ROLLBACK, which must not look like success. */
    assert_int_equal(pg_commit(s, soon(), &err), ERR_INTERNAL);
    assert_false(pg_in_transaction(s));

    ASSERT_OK(pg_begin(s, PG_REPEATABLE_READ, soon(), NULL));
    assert_int_equal(ask_i64(s, "tx_count", "SELECT count(*) FROM tx"), 2);
    ASSERT_OK(exec(other, "tx_up", "UPDATE tx SET i = i + 1", &err));
    assert_int_equal(exec(s, "tx_up", "UPDATE tx SET i = i + 1", &err), ERR_CONFLICT);
    assert_int_equal(err.act, ERR_ACT_RETRY);
    ASSERT_OK(pg_rollback(s, soon(), NULL));
    ASSERT_OK(pg_rollback(s, soon(), NULL)); /* none is open: nothing to do */
    pg_release(s);
    pg_release(other);
}

static void test_transactions(void **state UNUSED)
{
    with_pool(NULL, transactions_body);
}

/* ---- prepared statements ------------------------------------------------------------------- */

static void stale_body(struct pg_pool *pool, struct arena *arena)
{
    struct err err;
    struct pg_session *s = session(pool);
    run_sql(s, "CREATE TABLE st (i integer); INSERT INTO st VALUES (7)");
    run_stmt(s, "st", "SELECT * FROM st", NULL, arena);
    run_sql(s, "ALTER TABLE st ADD COLUMN j integer DEFAULT 8");
    const struct pg_result *r = run_stmt(s, "st", "SELECT * FROM st", NULL, arena);
    assert_int_equal(pg_column_count(r), 2);
    assert_int_equal(pg_get_i64(r, 0, 1), 8);

    ASSERT_OK(pg_begin(s, PG_READ_COMMITTED, soon(), NULL));
    run_sql(s, "ALTER TABLE st ADD COLUMN k integer DEFAULT 9");
    assert_int_equal(exec(s, "st", "SELECT * FROM st", &err), ERR_CONFLICT);
    assert_int_equal(err.act, ERR_ACT_RETRY);
    ASSERT_OK(pg_rollback(s, soon(), NULL));
    ASSERT_OK(pg_begin(s, PG_READ_COMMITTED, soon(), NULL)); /* the whole transaction again */
    run_sql(s, "ALTER TABLE st ADD COLUMN k integer DEFAULT 9");
    r = run_stmt(s, "st", "SELECT * FROM st", NULL, arena);
    assert_int_equal(pg_column_count(r), 3);
    ASSERT_OK(pg_commit(s, soon(), NULL));

    run_sql(s, "DISCARD ALL"); /* all names are gone */
    r = run_stmt(s, "st", "SELECT * FROM st", NULL, arena);
    assert_int_equal(pg_get_i64(r, 0, 2), 9);
    assert_int_equal(ask_i64(s, "st_prepared", "SELECT count(*) FROM pg_prepared_statements"), 2);

    /* A statement that could not be prepared is not taken for prepared. */
    assert_int_equal(exec(s, "st_late", "SELECT * FROM st_late", &err), ERR_INTERNAL);
    run_sql(s, "CREATE TABLE st_late (i integer)");
    ASSERT_OK(pg_begin(s, PG_READ_COMMITTED, soon(), NULL)); /* where nothing is tried twice */
    ASSERT_OK(exec(s, "st_late", "SELECT * FROM st_late", &err));
    ASSERT_OK(pg_commit(s, soon(), NULL));
    pg_release(s);
}

static void test_stale_plans_are_prepared_again(void **state UNUSED)
{
    with_pool(NULL, stale_body);
}

/* ---- pipelines ----------------------------------------------------------------------------- */

#define PIPE_CALLS 40
#define PIPE_ROW_BYTES 100000

static void pipeline_body(struct pg_pool *pool, struct arena *arena)
{
    struct pg_stmt insert = STMT("pi_insert", "INSERT INTO pi VALUES ($1, $2) RETURNING i, t", 2);
    struct pg_session *s = session(pool);
    struct pg_call *calls = ARENA_ARRAY(arena, struct pg_call, PIPE_CALLS);
    struct pg_params *params = ARENA_ARRAY(arena, struct pg_params, PIPE_CALLS);
    char *long_text = arena_alloc(arena, PIPE_ROW_BYTES);
    memset(long_text, 'x', PIPE_ROW_BYTES);
    run_sql(s, "CREATE TABLE pi (i integer PRIMARY KEY, t text)");
    for (size_t i = 0; i < PIPE_CALLS; i++) {
        pg_params_init(&params[i], arena);
        pg_add_i64(&params[i], (int64_t)i);
        pg_add_text(&params[i], (struct str){long_text, PIPE_ROW_BYTES});
        calls[i] = (struct pg_call){.stmt = &insert, .params = &params[i]};
    }
    ASSERT_OK(pg_pipeline(s, calls, PIPE_CALLS, soon(), arena, NULL, NULL));
    for (size_t i = 0; i < PIPE_CALLS; i++) {
        assert_int_equal(pg_get_i64(calls[i].result, 0, 0), i);
        assert_int_equal(pg_get_str(calls[i].result, 0, 1).len, PIPE_ROW_BYTES);
    }
    assert_int_equal(ask_i64(s, "pi_count", "SELECT count(*) FROM pi"), PIPE_CALLS);

    /* An error in the middle: nothing of it stays, and the results are not touched. */
    run_sql(s, "DELETE FROM pi WHERE i <> 17");
    size_t failed = 99;
    struct err err = {0};
    calls[0].result = calls[3].result = NULL;
    assert_int_equal(pg_pipeline(s, calls, PIPE_CALLS, soon(), arena, &failed, &err), ERR_EXISTS);
    assert_int_equal(failed, 17);
    assert_null(calls[0].result);
    assert_null(calls[3].result);
    assert_int_equal(ask_i64(s, "pi_count", "SELECT count(*) FROM pi"), 1);

    /* A whole transaction in one round trip. */
    run_sql(s, "DELETE FROM pi");
    struct pg_call whole[] = {
        {.stmt = &PG_STMT_BEGIN}, calls[1], calls[2], {.stmt = &PG_STMT_COMMIT}};
    ASSERT_OK(pg_pipeline(s, whole, ARRAY_LEN(whole), soon(), arena, NULL, NULL));
    assert_false(pg_in_transaction(s));
    assert_int_equal(pg_get_i64(whole[2].result, 0, 0), 2);
    assert_int_equal(pg_pipeline(s, whole, ARRAY_LEN(whole), soon(), arena, &failed, &err),
                     ERR_EXISTS);
    assert_int_equal(failed, 1);
    assert_true(pg_in_transaction(s)); /* BEGIN was done; the rest of it is the caller's */
    ASSERT_OK(pg_rollback(s, soon(), NULL));
    assert_int_equal(ask_i64(s, "pi_count", "SELECT count(*) FROM pi"), 2);
    ASSERT_OK(pg_pipeline(s, NULL, 0, soon(), arena, NULL, NULL));
    pg_release(s);
}

static void test_pipelines(void **state UNUSED)
{
    with_pool(NULL, pipeline_body);
}

#define ANSWER_BYTES 40000000
#define QUESTION_BYTES 16000000

static void both_ways_body(struct pg_pool *pool, struct arena *arena)
{
    /* An answer and the next question that are both more than the sockets hold: a server that
     * cannot write reads no more, so a client that only sends would wait for ever. */
    struct pg_stmt large = STMT("large", "SELECT repeat('x', $1::integer)", 1);
    struct pg_stmt measure = STMT("measure", "SELECT length($1::text)", 1);
    struct pg_params size;
    struct pg_params text;
    struct pg_session *s = session(pool);
    char *question = arena_alloc(arena, QUESTION_BYTES);
    memset(question, 'x', QUESTION_BYTES);
    pg_params_init(&size, arena);
    pg_add_i64(&size, ANSWER_BYTES);
    pg_params_init(&text, arena);
    pg_add_text(&text, (struct str){question, QUESTION_BYTES});
    struct pg_call calls[] = {{.stmt = &large, .params = &size},
                              {.stmt = &measure, .params = &text}};
    ASSERT_OK(pg_pipeline(s, calls, ARRAY_LEN(calls), soon(), arena, NULL, NULL));
    assert_int_equal(pg_get_str(calls[0].result, 0, 0).len, ANSWER_BYTES);
    assert_int_equal(pg_get_i64(calls[1].result, 0, 0), QUESTION_BYTES);
    pg_release(s);
}

static void test_a_pipeline_reads_while_it_sends(void **state UNUSED)
{
    with_pool(NULL, both_ways_body);
}

static void pipeline_unprepared_body(struct pg_pool *pool, struct arena *arena)
{
    /* The first fails, so those behind it are not prepared either; they must know it. */
    struct pg_stmt bad = STMT("pu_bad", "SELECT * FROM pu", 0);
    struct pg_stmt good = STMT("pu_good", "SELECT 5", 0);
    struct pg_session *s = session(pool);
    struct pg_call calls[] = {{.stmt = &good}, {.stmt = &bad}, {.stmt = &good}, {.stmt = &bad}};
    size_t failed = 0;
    assert_int_equal(pg_pipeline(s, &calls[1], 3, soon(), arena, &failed, NULL), ERR_INTERNAL);
    assert_int_equal(failed, 0);
    run_sql(s, "CREATE TABLE pu (i integer)");
    ASSERT_OK(pg_pipeline(s, calls, 4, soon(), arena, NULL, NULL));
    assert_int_equal(pg_get_i64(calls[2].result, 0, 0), 5);
    assert_int_equal(pg_row_count(calls[3].result), 0);

    /* Stale in the middle, outside of a transaction: done again as a whole, once. */
    struct pg_stmt add = STMT("pu_add", "INSERT INTO pu VALUES (1)", 0);
    struct pg_call again[] = {{.stmt = &add}, {.stmt = &bad}};
    run_sql(s, "ALTER TABLE pu ADD COLUMN j integer");
    ASSERT_OK(pg_pipeline(s, again, 2, soon(), arena, NULL, NULL));
    assert_int_equal(pg_column_count(again[1].result), 2);
    assert_int_equal(ask_i64(s, "pu_count", "SELECT count(*) FROM pu"), 1);
    pg_release(s);
}

static void test_a_failed_pipeline_knows_what_is_prepared(void **state UNUSED)
{
    with_pool(NULL, pipeline_unprepared_body);
}

/* ---- early ends ---------------------------------------------------------------------------- */

/* Waits until no statement like that runs in the database. */
static void wait_until_stopped(struct pg_session *s, const char *like)
{
    struct arena arena;
    int64_t running = 1;
    arena_init(&arena);
    for (int64_t until = soon(); running > 0 && co_now() < until;) {
        struct pg_params p;
        pg_params_init(&p, &arena);
        pg_add_text(&p, str_c(like));
        running = pg_get_i64(run_stmt(s, "running",
                                      "SELECT count(*) FROM pg_stat_activity WHERE state = "
                                      "'active' AND datname = current_database() AND query LIKE "
                                      "$1 AND pid <> pg_backend_pid()",
                                      &p, &arena),
                             0, 0);
        ASSERT_OK(co_sleep(20, NULL));
    }
    assert_int_equal(running, 0);
    arena_fini(&arena);
}

static void deadline_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    struct err err = {0};
    struct pg_stmt stmt = STMT("nap", "SELECT pg_sleep(60)", 0);
    struct pg_session *s = session(pool);
    struct pg_session *watcher = session(pool);
    int64_t began = co_now();
    assert_int_equal(pg_exec(s, &stmt, NULL, co_after(200), NULL, NULL, &err), ERR_TIMEOUT);
    assert_true(co_now() - began < 5000);
    assert_int_equal(pg_exec(s, &stmt, NULL, soon(), NULL, NULL, &err), ERR_CLOSED);
    wait_until_stopped(watcher, "%pg_sleep(60)%"); /* the server has noticed, long before 30 s */
    pg_release(s);

    s = session(pool); /* a new one */
    assert_int_equal(ask_i64(s, "nine", "SELECT 9"), 9);
    /* Too late before anything was sent: the session stays. */
    assert_int_equal(pg_exec(s, &stmt, NULL, co_now(), NULL, NULL, &err), ERR_TIMEOUT);
    assert_false(pg_commit_unknown(&err));
    assert_int_equal(ask_i64(s, "nine", "SELECT 9"), 9);
    assert_int_equal(pg_exec_simple(s, "SELECT pg_sleep(60)", co_after(100), &err), ERR_TIMEOUT);
    assert_int_equal(pg_exec_simple(s, "SELECT 1", soon(), &err), ERR_CLOSED);
    pg_release(s);
    pg_release(watcher);
}

static void test_a_deadline_ends_the_statement_on_both_sides(void **state UNUSED)
{
    with_pool(NULL, deadline_body);
}

static void lock_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    struct err err = {0};
    struct pg_stmt stmt = STMT("lk", "UPDATE lk SET i = i + 1", 0);
    struct pg_session *holder = session(pool);
    struct pg_session *s = session(pool);
    run_sql(holder, "CREATE TABLE lk (i integer); INSERT INTO lk VALUES (1)");
    ASSERT_OK(pg_begin(holder, PG_READ_COMMITTED, soon(), NULL));
    ASSERT_OK(exec(holder, "lk_hold", "UPDATE lk SET i = i", &err));
    assert_int_equal(pg_exec(s, &stmt, NULL, co_after(200), NULL, NULL, &err), ERR_TIMEOUT);
    assert_true(pg_commit_unknown(&err)); /* it would have committed by itself */
    pg_release(s);
    s = session(pool);
    wait_until_stopped(s, "UPDATE lk SET i = i + 1%"); /* a waiter for a lock notices as well */
    ASSERT_OK(pg_commit(holder, soon(), NULL));
    assert_int_equal(ask_i64(s, "lk_i", "SELECT i FROM lk"), 1);
    pg_release(s);
    pg_release(holder);
}

static void test_a_client_that_is_gone_gets_no_lock(void **state UNUSED)
{
    with_pool(NULL, lock_body);
}

static void timeout_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    struct err err;
    struct pg_session *s = session(pool);
    assert_int_equal(exec(s, "nap", "SELECT pg_sleep(60)", &err), ERR_TIMEOUT);
    assert_int_equal(err.sys, PG_SQLSTATE('5', '7', '0', '1', '4'));
    assert_int_equal(ask_i64(s, "nine", "SELECT 9"), 9);
    pg_release(s);
}

static void idle_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    struct err err;
    struct pg_session *s = session(pool);
    ASSERT_OK(pg_begin(s, PG_READ_COMMITTED, soon(), NULL));
    ASSERT_OK(co_sleep(400, NULL));
    assert_int_equal(exec(s, "nine", "SELECT 9", &err), ERR_UNAVAILABLE);
    assert_int_equal(err.sys, PG_SQLSTATE('2', '5', 'P', '0', '3'));
    pg_release(s);
}

static void test_a_transaction_that_does_nothing_keeps_no_locks(void **state UNUSED)
{
    with_pool(&(struct pg_opts){.conninfo = database_dsn(), .statement_timeout_ms = 100},
              idle_body);
}

static void test_the_server_bounds_a_statement_too(void **state UNUSED)
{
    with_pool(&(struct pg_opts){.conninfo = database_dsn(), .statement_timeout_ms = 100},
              timeout_body);
}

struct canceled {
    struct pg_pool *pool;
    enum err_code rc;
    bool unknown;
    bool began;
};

static void cancel_entry(void *arg)
{
    struct canceled *c = arg;
    struct err err = {0};
    struct pg_session *s CLEANUP(pg_release_ptr) = session(c->pool);
    ASSERT_OK(pg_begin(s, PG_READ_COMMITTED, soon(), NULL));
    ASSERT_OK(exec(s, "ca", "INSERT INTO ca VALUES (1)", &err));
    c->began = true;
    c->rc = exec(s, "nap", "SELECT pg_sleep(60)", &err);
    c->unknown = pg_commit_unknown(&err);
    /* Canceled for good: nothing more is sent, so the insert cannot become visible. */
    assert_int_equal(pg_commit(s, soon(), &err), ERR_CLOSED);
}

static void cancel_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    struct canceled c = {.pool = pool};
    struct co_group group;
    struct pg_session *s = session(pool);
    run_sql(s, "CREATE TABLE ca (i integer)");
    co_group_init(&group, co_loop_current());
    ASSERT_OK(co_spawn(&group, "canceled", cancel_entry, &c, NULL));
    while (!c.began) {
        ASSERT_OK(co_sleep(5, NULL));
    }
    ASSERT_OK(co_sleep(50, NULL));
    co_group_fini(&group);
    assert_int_equal(c.rc, ERR_CANCELED);
    assert_false(c.unknown);
    wait_until_stopped(s, "%pg_sleep(60)%");
    assert_int_equal(ask_i64(s, "ca_count", "SELECT count(*) FROM ca"), 0);
    pg_release(s);
}

static void test_a_cancel_in_mid_query(void **state UNUSED)
{
    with_pool(NULL, cancel_body);
}

static void copy_body(struct pg_pool *pool, struct arena *arena UNUSED)
{
    struct err err = {0};
    struct pg_session *s = session(pool);
    run_sql(s, "CREATE TABLE cp (i integer)");
    assert_int_equal(pg_exec_simple(s, "COPY cp FROM STDIN", soon(), &err), ERR_UNSUPPORTED);
    pg_release(s);
    s = session(pool);
    assert_int_equal(pg_exec_simple(s, "COPY cp TO STDOUT", soon(), &err), ERR_UNSUPPORTED);
    pg_release(s);
}

static void test_copy_is_refused_and_does_not_hang(void **state UNUSED)
{
    with_pool(NULL, copy_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_are_translated_and_hold_no_data),
        cmocka_unit_test(test_a_constraint_that_speaks_at_the_commit),
        cmocka_unit_test(test_transactions),
        cmocka_unit_test(test_stale_plans_are_prepared_again),
        cmocka_unit_test(test_pipelines),
        cmocka_unit_test(test_a_pipeline_reads_while_it_sends),
        cmocka_unit_test(test_a_failed_pipeline_knows_what_is_prepared),
        cmocka_unit_test(test_a_deadline_ends_the_statement_on_both_sides),
        cmocka_unit_test(test_a_client_that_is_gone_gets_no_lock),
        cmocka_unit_test(test_the_server_bounds_a_statement_too),
        cmocka_unit_test(test_a_transaction_that_does_nothing_keeps_no_locks),
        cmocka_unit_test(test_a_cancel_in_mid_query),
        cmocka_unit_test(test_copy_is_refused_and_does_not_hang),
    };
    return cmocka_run_group_tests(tests, database_create, database_drop);
}

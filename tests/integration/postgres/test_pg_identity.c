/* Row-level security as the host's REST layer does it: one pooled session serves two users. */
#include "harness.h"

#include <string.h>

static const char SCHEMA[] =
    "DO $$ BEGIN CREATE ROLE authenticated NOLOGIN; EXCEPTION WHEN duplicate_object OR "
    "unique_violation THEN NULL; END $$;"
    "CREATE SCHEMA auth; GRANT USAGE ON SCHEMA auth TO authenticated;"
    "CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT "
    "nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', '')::uuid "
    "$$;"
    "CREATE TABLE card (owner uuid NOT NULL, note text); ALTER TABLE card ENABLE ROW LEVEL "
    "SECURITY; ALTER TABLE card FORCE ROW LEVEL SECURITY;"
    "CREATE POLICY own ON card USING (owner = auth.uid()); GRANT ALL ON card TO authenticated;";

static const char COUNT[] = "SELECT count(*) FROM card";
static const char UID[] = "SELECT coalesce(auth.uid()::text, 'nobody')";

static int64_t cards_of(struct pg_session *s, struct uuid user)
{
    ASSERT_OK(pg_begin_as(s, PG_READ_COMMITTED, user, "authenticated", (struct str){NULL, 0},
                          soon(), NULL));
    return ask_i64(s, "cards", COUNT);
}

static void assert_nobody(struct pg_pool *pool, struct arena *arena)
{
    struct pg_session *s = NULL;
    ASSERT_OK(pg_acquire(pool, soon(), &s, NULL));
    const struct pg_result *r = run_stmt(s, "uid", UID, NULL, arena);
    assert_string_equal(pg_get_str(r, 0, 0).ptr, "nobody");
    r = run_stmt(s, "who", "SELECT current_user = session_user", NULL, arena);
    assert_true(pg_get_bool(r, 0, 0));
    pg_release(s);
}

static void isolation_body(struct pg_pool *pool, struct arena *arena)
{
    struct uuid ann = uuid_random();
    struct uuid bob = uuid_random();
    struct pg_session *s = NULL;
    struct pg_params p;
    pg_params_init(&p, arena);
    pg_add_uuid(&p, ann);
    pg_add_uuid(&p, bob);
    database_run(SCHEMA);
    ASSERT_OK(pg_acquire(pool, soon(), &s, NULL));
    run_stmt(s, "fill", "INSERT INTO card VALUES ($1, 'a'), ($2, 'b'), ($2, 'c')", &p, arena);

    /* Committed, released in the middle, failed, rolled back: the next user never sees it. */
    assert_int_equal(cards_of(s, ann), 1);
    ASSERT_OK(pg_commit(s, soon(), NULL));
    assert_int_equal(cards_of(s, bob), 2);
    pg_release(s);
    assert_nobody(pool, arena);

    ASSERT_OK(pg_acquire(pool, soon(), &s, NULL));
    assert_int_equal(cards_of(s, ann), 1);
    struct pg_stmt steal = STMT("steal", "UPDATE card SET owner = $1", 1);
    pg_params_init(&p, arena);
    pg_add_uuid(&p, bob);
    assert_int_equal(pg_exec(s, &steal, &p, soon(), NULL, NULL, NULL), ERR_DENIED);
    pg_release(s);
    assert_nobody(pool, arena);

    ASSERT_OK(pg_acquire(pool, soon(), &s, NULL));
    assert_int_equal(cards_of(s, bob), 2);
    ASSERT_OK(pg_rollback(s, soon(), NULL));
    assert_int_equal(cards_of(s, uuid_random()), 0);
    pg_release(s);
    assert_nobody(pool, arena);
}

static void claims_body(struct pg_pool *pool, struct arena *arena)
{
    struct uuid ann = uuid_random();
    struct pg_session *s = NULL;
    struct err err = {0};
    ASSERT_OK(pg_acquire(pool, soon(), &s, NULL));
    /* What the caller claims cannot change who they are. */
    ASSERT_OK(pg_begin_as(s, PG_SNAPSHOT, ann, "authenticated",
                          STR(" {\"sub\": \"somebody else\", \"role\": \"service_role\", "
                              "\"org\": \"it's \\\"x\\\"\"}"),
                          soon(), NULL));
    const struct pg_result *r = run_stmt(
        s, "claims",
        "SELECT auth.uid(), current_user::text, current_setting('request.jwt.claims')::jsonb "
        "->> 'role', current_setting('request.jwt.claims')::jsonb ->> 'org', "
        "current_setting('transaction_read_only')",
        NULL, arena);
    assert_true(uuid_eq(pg_get_uuid(r, 0, 0), ann));
    assert_string_equal(pg_get_str(r, 0, 1).ptr, "authenticated");
    assert_string_equal(pg_get_str(r, 0, 2).ptr, "authenticated");
    assert_string_equal(pg_get_str(r, 0, 3).ptr, "it's \"x\"");
    assert_string_equal(pg_get_str(r, 0, 4).ptr, "on");
    ASSERT_OK(pg_commit(s, soon(), NULL));

    static const char *const ROLES[] = {"", "none", "Postgres", "a b", "x'; --", "1a"};
    for (size_t i = 0; i < ARRAY_LEN(ROLES); i++) {
        assert_int_equal(
            pg_begin_as(s, PG_READ_COMMITTED, ann, ROLES[i], (struct str){NULL, 0}, soon(), &err),
            ERR_INVALID);
    }
    static const char *const CLAIMS[] = {"[]", "\"x\"", "", "{", "{\"a\":1} x"};
    for (size_t i = 0; i < ARRAY_LEN(CLAIMS); i++) {
        assert_int_equal(
            pg_begin_as(s, PG_READ_COMMITTED, ann, "authenticated", str_c(CLAIMS[i]), soon(), &err),
            ERR_INVALID);
        assert_false(pg_in_transaction(s));
    }
    /* A role that there is not, and one that this login may not be. */
    assert_int_equal(pg_begin_as(s, PG_READ_COMMITTED, ann, "calfleet_absent",
                                 (struct str){NULL, 0}, soon(), &err),
                     ERR_INVALID);
    assert_false(pg_in_transaction(s));
    run_sql(s, "SET SESSION AUTHORIZATION authenticated");
    assert_int_equal(
        pg_begin_as(s, PG_READ_COMMITTED, ann, "pg_monitor", (struct str){NULL, 0}, soon(), &err),
        ERR_DENIED);
    assert_false(pg_in_transaction(s));
    run_sql(s, "RESET SESSION AUTHORIZATION");
    pg_release(s);
    assert_nobody(pool, arena);
}

static void test_two_users_on_one_session_do_not_meet(void **state UNUSED)
{
    with_pool(&(struct pg_opts){.conninfo = database_dsn(), .max_connections = 1}, isolation_body);
}

static void test_claims_cannot_change_who_one_is(void **state UNUSED)
{
    with_pool(&(struct pg_opts){.conninfo = database_dsn(), .max_connections = 1}, claims_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_users_on_one_session_do_not_meet),
        cmocka_unit_test(test_claims_cannot_change_who_one_is),
    };
    return cmocka_run_group_tests(tests, database_create, database_drop);
}

#include "harness.h"

#include <libpq-fe.h>
#include <string.h>
#include <unistd.h>

static char dsn[512];
static char name[64];

static const char *server_dsn(void)
{
    const char *value = getenv("CALFLEET_TEST_PG_DSN");
    if (value == NULL) {
        fail_msg("CALFLEET_TEST_PG_DSN is not set: start scripts/stack and take its env");
    }
    return value;
}

static void run_at(const char *where, const char *sql)
{
    PGconn *pq = PQconnectdb(where);
    PGresult *res = PQexec(pq, sql);
    ExecStatusType status = PQresultStatus(res);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        print_error("%s", PQerrorMessage(pq));
    }
    PQclear(res);
    PQfinish(pq);
    assert_true(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK);
}

int database_create(void **state UNUSED)
{
    char sql[128];
    snprintf(name, sizeof name, "calfleet_pg_%d", (int)getpid());
    snprintf(dsn, sizeof dsn, "%s dbname=%s", server_dsn(), name);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", name);
    run_at(server_dsn(), sql);
    return 0;
}

int database_drop(void **state UNUSED)
{
    char sql[128];
    snprintf(sql, sizeof sql, "DROP DATABASE %s WITH (FORCE)", name);
    run_at(server_dsn(), sql);
    return 0;
}

const char *database_dsn(void)
{
    return dsn;
}

void database_run(const char *sql)
{
    run_at(dsn, sql);
}

struct root {
    const struct pg_opts *opts;
    pg_test_fn body;
};

static void root_entry(void *arg)
{
    const struct root *root = arg;
    struct pg_pool *pool = NULL;
    struct arena arena;
    struct err err = {0};
    arena_init(&arena);
    if (pg_pool_new(co_loop_current(), root->opts, &pool, &err) != ERR_OK) {
        fail_msg("%s", err.text);
    }
    root->body(pool, &arena);
    pg_pool_free(pool);
    arena_fini(&arena);
}

void with_pool(const struct pg_opts *opts, pg_test_fn body)
{
    struct pg_opts plain = {.conninfo = dsn, .max_connections = 4};
    struct root root = {opts != NULL ? opts : &plain, body};
    struct co_loop *loop = co_loop_new(NULL);
    co_loop_run(loop, "root", root_entry, &root);
    co_loop_free(loop);
}

void run_sql(struct pg_session *s, const char *sql)
{
    struct err err = {0};
    if (pg_exec_simple(s, sql, soon(), &err) != ERR_OK) {
        fail_msg("%s: %s", sql, err.text);
    }
}

const struct pg_result *run_stmt(struct pg_session *s, const char *stmt_name, const char *text,
                                 const struct pg_params *params, struct arena *arena)
{
    struct err err = {0};
    const struct pg_result *res = NULL;
    struct pg_stmt stmt = STMT(stmt_name, text, params != NULL ? params->count : 0);
    if (pg_exec(s, &stmt, params, soon(), arena, &res, &err) != ERR_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return res;
}

int64_t ask_i64(struct pg_session *s, const char *stmt_name, const char *text)
{
    struct arena arena;
    arena_init(&arena);
    int64_t value = pg_get_i64(run_stmt(s, stmt_name, text, NULL, &arena), 0, 0);
    arena_fini(&arena);
    return value;
}

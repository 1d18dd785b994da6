/* A database of the program's own on the stack's server, and a loop with a pool for each test. */
#ifndef TESTS_POSTGRES_HARNESS_H
#define TESTS_POSTGRES_HARNESS_H

#include "postgres/postgres.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/types.h>
/* cmocka wants the three above first */
#include <cmocka.h>

#define ASSERT_OK(call) assert_int_equal((call), ERR_OK)
#define STMT(stmt_name, stmt_text, params)                                                         \
    (struct pg_stmt)                                                                               \
    {                                                                                              \
        .name = (stmt_name), .text = (stmt_text), .param_count = (params)                          \
    }

/* Far enough for a loaded machine; a test that waits it out fails. */
static inline int64_t soon(void)
{
    return co_after(20000);
}

/* Group fixtures: the database of $CALFLEET_TEST_PG_DSN's server. */
int database_create(void **state);
int database_drop(void **state);
/* Its DSN. */
const char *database_dsn(void);
/* Runs SQL in it, outside of any loop; fails the test on an error. */
void database_run(const char *sql);

/* Runs body in a loop's root coroutine; opts NULL: 4 sessions in the program's database. */
typedef void (*pg_test_fn)(struct pg_pool *pool, struct arena *arena);
void with_pool(const struct pg_opts *opts, pg_test_fn body);

/* pg_exec_simple and pg_exec that must succeed. */
void run_sql(struct pg_session *s, const char *sql);
const struct pg_result *run_stmt(struct pg_session *s, const char *name, const char *text,
                                 const struct pg_params *params, struct arena *arena);
/* The one integer that a query without parameters gives. */
int64_t ask_i64(struct pg_session *s, const char *name, const char *text);

/* A server of the test's own, for what the shared one must not suffer. */
struct private_server {
    char folder[64];
    char dsn[128];     /* without TLS */
    char tls_dsn[256]; /* with it, the server's name checked */
    int port;
    pid_t pid; /* 0: not running */
};

void server_init(struct private_server *server); /* initdb; not started */
void server_start(struct private_server *server);
/* SIGQUIT is an immediate shutdown: no goodbye to clients beyond a notice. */
void server_stop(struct private_server *server, int signal);
void server_fini(struct private_server *server);
/* A port of loopback where nobody listens now. */
int free_port(void);

#endif

/* Postgres for coroutines: a pool of sessions, prepared statements, transactions, pipelines.
 *
 *   rc = pg_acquire(pool, deadline, &s, err);
 *   rc = pg_begin(s, PG_READ_COMMITTED, deadline, err);
 *   rc = pg_exec(s, &SQL_EVENT_UPSERT, &params, deadline, arena, &rows, err);
 *   rc = pg_commit(s, deadline, err);
 *   pg_release(s);                      or CLEANUP(pg_release_ptr), for every way out
 *
 * Everything runs on the pool's loop; libpq never blocks it (names are resolved by co_resolve).
 * One coroutine uses a session at a time.
 *
 * A call whose deadline passes, or whose coroutine is cancelled, while the server works on it
 * closes the session: what would come back could not be told from the answer to the next call. A
 * call that is cancelled or late before anything was sent leaves the session as it is. A server
 * that lost its client stops the statement within a second (client_connection_check_interval), at
 * the latest after statement_timeout_ms; so the deadline bounds the server too without a round
 * trip to tell it.
 *
 * errs, everywhere: ERR_TIMEOUT, ERR_CANCELED, ERR_CLOSED (the session was lost before), and what
 * pg_err_from_sqlstate says:
 *   40, 55P03, 55006   CONFLICT, RETRY: the whole transaction again
 *   23505              EXISTS          23P01              CONFLICT
 *   22, 23, 44         INVALID, DROP   42501              DENIED
 *   08, 53, 57, 58     UNAVAILABLE, RETRY (also 25006 read-only server, 25P03, connection lost)
 *   57014              TIMEOUT         54                 TOO_BIG
 *   28, 3D             CONFIG          P0002              NOT_FOUND
 *   all others         INTERNAL: the statement does not fit the schema, or a function raised
 * err.sys holds the SQLSTATE (pg_sqlstate_print); the text names constraint, table or column, never
 * a value of the row. */
#ifndef POSTGRES_POSTGRES_H
#define POSTGRES_POSTGRES_H

#include "postgres/params.h"
#include "postgres/result.h"
#include "postgres/stmt.h"
#include "runtime/co.h"

struct pg_pool;
struct pg_session;

/* ---- errors -------------------------------------------------------------------------------- */

/* SQLSTATE as a number, for err.sys: PG_SQLSTATE('2','3','5','0','5'). */
#define PG_SQLSTATE_CHAR(c) ((c) <= '9' ? (c) - '0' : (c) - 'A' + 10)
#define PG_SQLSTATE(a, b, c, d, e)                                                                 \
    ((((PG_SQLSTATE_CHAR(a) * 36 + PG_SQLSTATE_CHAR(b)) * 36 + PG_SQLSTATE_CHAR(c)) * 36 +         \
      PG_SQLSTATE_CHAR(d)) *                                                                       \
         36 +                                                                                      \
     PG_SQLSTATE_CHAR(e))
/* transaction_resolution_unknown */
#define PG_SQLSTATE_UNKNOWN PG_SQLSTATE('0', '8', '0', '0', '7')

/* 0 if it is not one. */
int pg_sqlstate_parse(struct str text);
struct str pg_sqlstate_print(int sqlstate, char out[6]);

/* The translation above; also fills err->sys. where: ERR_WHERE. text: safe to show. */
enum err_code pg_err_from_sqlstate(struct err *err, const char *where, int sqlstate,
                                   const char *text);

/* The session was lost after something had been sent that commits, and before the answer: a COMMIT,
 * or a statement or pipeline outside of a transaction. It may have happened or not; settle it by
 * reading, with a new session. A lost COMMIT is ERR_IO (ERR_CANCELED if the coroutine was
 * cancelled) and never ERR_ACT_RETRY. */
static inline bool pg_commit_unknown(const struct err *err)
{
    return err->sys == PG_SQLSTATE_UNKNOWN;
}

/* ---- pool ---------------------------------------------------------------------------------- */

struct pg_opts {
    const char *conninfo;         /* libpq's; host or hostaddr is required. Copied, as all texts */
    const char *application_name; /* NULL: calfleet */
    const char *role;             /* SET ROLE when a session begins; NULL: none */
    size_t max_connections;       /* 0: 8 */
    size_t max_waiters;           /* more calls of pg_acquire than this do not wait; 0: 1024 */
    int64_t connect_timeout_ms;   /* 0: 5000 */
    int64_t statement_timeout_ms; /* the server's own bound on a statement, and on the time that a
                                   * transaction may be idle between two; 0: 30000 */
    int64_t idle_ms;              /* an unused session is closed after it; 0: 300000 */
};

/* Connects to nothing yet. errs: ERR_CONFIG. */
MUST_CHECK enum err_code pg_pool_new(struct co_loop *loop, const struct pg_opts *opts,
                                     struct pg_pool **ret_pool, struct err *err);
/* Gives up rollbacks under way, closes every session. All sessions must be back and nobody may wait
 * for one: join the groups that use the pool first. Takes NULL. */
CO_FN struct pg_pool *pg_pool_free(struct pg_pool *pool);

/* What was last heard of the server was good; false before the first connection. A server that was
 * lost is looked for in the background, so a pool that nobody uses becomes healthy again as well.
 */
bool pg_pool_healthy(const struct pg_pool *pool);
/* Asks the server now, in a session of the pool. errs: as pg_acquire, pg_exec. */
CO_FN MUST_CHECK enum err_code pg_pool_ping(struct pg_pool *pool, int64_t deadline,
                                            struct err *err);

/* First come, first served; connects where no idle session is left. errs: ERR_BUSY with RETRY
 * (max_waiters), ERR_TIMEOUT, ERR_CANCELED, ERR_UNAVAILABLE, ERR_CONFIG. */
CO_FN MUST_CHECK enum err_code pg_acquire(struct pg_pool *pool, int64_t deadline,
                                          struct pg_session **ret_session, struct err *err);
/* Does not wait. An open transaction is rolled back, in the background, before anybody else gets
 * the session; a lost one is replaced by the next pg_acquire. Takes NULL. */
void pg_release(struct pg_session *session);
/* For CLEANUP on a struct pg_session *; sets it to NULL. */
void pg_release_ptr(struct pg_session **session);

/* ---- statements ---------------------------------------------------------------------------- */

/* Executes a statement, prepared once a session. params may be NULL if it has none; their number is
 * checked (a difference is a bug). Outside of a transaction it commits by itself, and a plan that a
 * migration made stale is prepared again unseen; inside of one that is ERR_CONFLICT with RETRY.
 * ret_result may be NULL, then arena may be as well. errs: see above, ERR_INVALID and ERR_TOO_BIG
 * of pg_params_ok before anything is sent. */
CO_FN MUST_CHECK enum err_code pg_exec(struct pg_session *s, const struct pg_stmt *stmt,
                                       const struct pg_params *params, int64_t deadline,
                                       struct arena *arena, const struct pg_result **ret_result,
                                       struct err *err);

/* Fixed SQL without parameters or rows of interest, not prepared: SET LOCAL, SAVEPOINT, DDL. May be
 * several statements. Never for text that anybody else had a part in. */
CO_FN MUST_CHECK enum err_code pg_exec_simple(struct pg_session *s, const char *sql,
                                              int64_t deadline, struct err *err);

/* ---- transactions -------------------------------------------------------------------------- */

enum pg_isolation {
    PG_READ_COMMITTED,
    PG_REPEATABLE_READ,
    PG_SNAPSHOT, /* repeatable read, read only */
};

CO_FN MUST_CHECK enum err_code pg_begin(struct pg_session *s, enum pg_isolation isolation,
                                        int64_t deadline, struct err *err);

/* Begins a transaction in which row-level security sees that user, as the host's REST layer does
 * it: role, and request.jwt.claims, which auth.uid() reads. Both end with the transaction. One
 * round trip. role: an identifier in lower case that the session's role may SET. claims: a JSON
 * object of further claims, ptr NULL for none; sub and role are always those given here.
 * errs: ERR_INVALID (role, claims), ERR_DENIED. */
CO_FN MUST_CHECK enum err_code pg_begin_as(struct pg_session *s, enum pg_isolation isolation,
                                           struct uuid user, const char *role, struct str claims,
                                           int64_t deadline, struct err *err);

/* errs: pg_commit_unknown(); ERR_INTERNAL if a statement had failed before (then it is rolled
 * back). */
CO_FN MUST_CHECK enum err_code pg_commit(struct pg_session *s, int64_t deadline, struct err *err);
/* For code that goes on with the session; pg_release does it as well. */
CO_FN MUST_CHECK enum err_code pg_rollback(struct pg_session *s, int64_t deadline, struct err *err);
bool pg_in_transaction(const struct pg_session *s);

/* ---- pipelines ----------------------------------------------------------------------------- */

/* For use in a pipeline, so that a whole transaction is one round trip. */
extern const struct pg_stmt PG_STMT_BEGIN;
extern const struct pg_stmt PG_STMT_COMMIT;

struct pg_call {
    const struct pg_stmt *stmt;
    const struct pg_params *params; /* NULL: none */
    const struct pg_result *result; /* out, if the pipeline succeeded */
};

/* Sends all, with one sync at the end, and reads while it sends, so neither side can block the
 * other. All or nothing: the first that fails aborts those after it, and outside of a transaction
 * also takes back those before it (a pipeline commits at its sync). Inside of a transaction the
 * transaction has failed then. ret_failed, if not NULL: the index of the call that failed, count
 * if it was the connection or the sync; set on failure only. */
CO_FN MUST_CHECK enum err_code pg_pipeline(struct pg_session *s, struct pg_call *calls,
                                           size_t count, int64_t deadline, struct arena *arena,
                                           size_t *ret_failed, struct err *err);

#endif

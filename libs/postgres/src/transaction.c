/* Transactions, the identity that row-level security sees, and SQL that is not prepared. */
#include "postgres/sql.h"
#include "session_int.h"

const struct pg_stmt PG_STMT_BEGIN = {.name = "begin", .text = "BEGIN"};
const struct pg_stmt PG_STMT_COMMIT = {.name = "commit", .text = "COMMIT"};

static const struct pg_stmt BEGINS[] = {
    [PG_READ_COMMITTED] = {.name = "begin", .text = "BEGIN"},
    [PG_REPEATABLE_READ] = {.name = "begin_repeatable",
                            .text = "BEGIN ISOLATION LEVEL REPEATABLE READ"},
    [PG_SNAPSHOT] = {.name = "begin_snapshot",
                     .text = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"},
};
static const struct pg_stmt ROLLBACK = {.name = "rollback", .text = "ROLLBACK"};

/* How long a rollback may take that cleans up after a failed beginning. */
#define ROLLBACK_MS 1000

bool pg_in_transaction(const struct pg_session *s)
{
    return s->pq != NULL && PQtransactionStatus(s->pq) != PQTRANS_IDLE;
}

enum err_code pg_begin(struct pg_session *s, enum pg_isolation isolation, int64_t deadline,
                       struct err *err)
{
    BUG_ON(pg_in_transaction(s));
    return pg_exec(s, &BEGINS[isolation], NULL, deadline, NULL, NULL, err);
}

/* An identifier that needs no quotes. */
static bool role_is_plain(struct str role)
{
    for (size_t i = 0; i < role.len; i++) {
        char c = role.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return role.len > 0 && role.len < 64; /* NAMEDATALEN */
}

enum err_code pg_begin_as(struct pg_session *s, enum pg_isolation isolation, struct uuid user,
                          const char *role, struct str claims, int64_t deadline, struct err *err)
{
    struct arena arena CLEANUP(arena_fini);
    struct pg_params params;
    arena_init(&arena);
    BUG_ON(pg_in_transaction(s));
    /* "none" is an identifier that set_config would take for "whoever connected". */
    if (!role_is_plain(str_c(role)) || str_eq(str_c(role), STR("none"))) {
        return ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP, "not the name of a role");
    }
    if (claims.ptr != NULL && !str_starts(str_trim(claims), STR("{"))) {
        return ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP, "the claims are not a JSON object");
    }
    pg_params_init(&params, &arena);
    pg_add_uuid(&params, user);
    pg_add_text(&params, str_c(role));
    pg_add_json(&params, claims);
    struct pg_call calls[] = {{.stmt = &BEGINS[isolation]},
                              {.stmt = &SQL_PG_IDENTITY, .params = &params}};
    enum err_code rc = pg_pipeline(s, calls, ARRAY_LEN(calls), deadline, NULL, NULL, err);
    if (rc != ERR_OK && pg_in_transaction(s)) {
        /* If it fails as well, pg_release settles it. */
        IGNORE(pg_rollback(s, co_after(ROLLBACK_MS), NULL));
    }
    return rc;
}

enum err_code pg_commit(struct pg_session *s, int64_t deadline, struct err *err)
{
    return pg_exec(s, &PG_STMT_COMMIT, NULL, deadline, NULL, NULL, err);
}

enum err_code pg_rollback(struct pg_session *s, int64_t deadline, struct err *err)
{
    if (s->pq != NULL && !pg_in_transaction(s)) {
        return ERR_OK;
    }
    return pg_exec(s, &ROLLBACK, NULL, deadline, NULL, NULL, err);
}

/* ---- SQL that is not prepared -------------------------------------------------------------- */

/* Takes the answers that are here; the first error is kept. True at the end of the last one. */
static bool simple_read(PGconn *pq, PGresult **error)
{
    while (!PQisBusy(pq)) {
        PGresult *res = PQgetResult(pq);
        if (res == NULL) {
            return true;
        }
        ExecStatusType status = PQresultStatus(res);
        if (*error == NULL && status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
            status != PGRES_EMPTY_QUERY) {
            *error = res;
        } else {
            PQclear(res);
        }
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            return true; /* waits for data that nobody has: the session goes */
        }
    }
    return false;
}

static enum err_code simple_exchange(struct pg_session *s, int64_t deadline, PGresult **error,
                                     struct err *err)
{
    for (;;) {
        int left = PQflush(s->pq);
        if (left < 0) {
            return err_from_connection(err, ERR_WHERE, PQerrorMessage(s->pq));
        }
        enum err_code rc =
            session_wait(s, left > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE, deadline, err);
        if (rc != ERR_OK) {
            return rc;
        }
        bool alive = PQconsumeInput(s->pq) == 1;
        bool done = simple_read(s->pq, error);
        if (PQstatus(s->pq) == CONNECTION_BAD || (!alive && !done)) {
            return *error != NULL ? err_from_pg(err, ERR_WHERE, *error)
                                  : err_from_connection(err, ERR_WHERE, PQerrorMessage(s->pq));
        }
        if (done) {
            return ERR_OK;
        }
    }
}

enum err_code pg_exec_simple(struct pg_session *s, const char *sql, int64_t deadline,
                             struct err *err)
{
    struct err local;
    PGresult *error = NULL;
    err = err != NULL ? err : &local;
    enum err_code rc = session_ready(s, deadline, err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (PQsendQuery(s->pq, sql) != 1) {
        rc = err_from_connection(err, ERR_WHERE, PQerrorMessage(s->pq));
    } else {
        rc = simple_exchange(s, deadline, &error, err);
    }
    if (rc != ERR_OK || PQtransactionStatus(s->pq) == PQTRANS_ACTIVE) {
        rc = rc != ERR_OK ? rc : ERR_SET(err, ERR_UNSUPPORTED, "COPY is not for pg_exec_simple");
        s->pool->healthy = s->pool->healthy && rc != ERR_UNAVAILABLE;
        err->sys = PG_SQLSTATE_UNKNOWN; /* the text may commit */
        session_drop(s);
    } else if (error != NULL) {
        rc = err_from_pg(err, ERR_WHERE, error);
    }
    PQclear(error);
    return rc;
}

/* Statements on their way: everything is a pipeline with one sync at its end, so that an unprepared
 * statement costs no round trip of its own and there is one path to get right. */
#include "observe/metric.h"
#include "session_int.h"

#include <stdio.h>

/* One message to the server that has an answer of its own. */
struct op {
    size_t call;
    bool prepare;
};

struct run {
    struct pg_session *s;
    const struct pg_call *calls;
    size_t count;
    int64_t deadline;
    PGresult **answers; /* by call */
    struct op *ops;
    size_t op_count; /* sent */
    size_t op_read;  /* answered in full */
    bool answered;   /* the op under way has its result, the end of it is to come */
    bool sync_sent;
    bool synced;
    bool autocommit;  /* there was no transaction: the sync commits */
    bool commit_sent; /* a COMMIT of the caller's is under way */
    bool lost;
    PGresult *error; /* the first */
    size_t failed;   /* its call; count: none */
};

static struct pg_prepared *prepared_get(struct pg_session *s, const struct pg_stmt *stmt)
{
    struct pg_prepared *p = map_find(&s->prepared, str_c(stmt->name));
    if (p == NULL) {
        p = xcalloc(1, sizeof *p);
        map_put(&s->prepared, str_c(stmt->name), p);
    }
    return p;
}

/* After a migration any plan of the session may be stale: all are prepared again, under new names
 * because DEALLOCATE is not possible in a failed transaction. */
static void prepared_forget_all(struct pg_session *s)
{
    size_t at = 0;
    struct str name;
    void *value;
    while (map_next(&s->prepared, &at, &name, &value)) {
        struct pg_prepared *p = value;
        p->generation++;
        p->valid = false;
    }
}

static bool send_call(struct run *r, size_t index)
{
    const struct pg_stmt *stmt = r->calls[index].stmt;
    const struct pg_params *params = r->calls[index].params;
    struct pg_prepared *p = prepared_get(r->s, stmt);
    char wire_name[64];
    snprintf(wire_name, sizeof wire_name, p->generation > 0 ? "%s~%u" : "%s", stmt->name,
             p->generation);
    if (!p->valid) {
        if (PQsendPrepare(r->s->pq, wire_name, stmt->text, 0, NULL) != 1) {
            return false;
        }
        r->ops[r->op_count++] = (struct op){index, true};
        p->valid = true; /* for the calls behind it; taken back if the answer is no */
    }
    if (PQsendQueryPrepared(r->s->pq, wire_name, stmt->param_count,
                            params != NULL ? params->values : NULL,
                            params != NULL ? params->lengths : NULL,
                            params != NULL ? params->formats : NULL, 1) != 1) {
        return false;
    }
    r->ops[r->op_count++] = (struct op){index, false};
    r->commit_sent = r->commit_sent || stmt == &PG_STMT_COMMIT;
    return true;
}

/* ---- answers ------------------------------------------------------------------------------- */

static bool is_state(const PGresult *res, const char *sqlstate)
{
    return str_eq_c(str_c(PQresultErrorField(res, PG_DIAG_SQLSTATE)), sqlstate);
}

/* The session ends with it. */
static bool is_fatal(const PGresult *res)
{
    struct str severity = str_c(PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED));
    return severity.len == 0 || str_eq(severity, STR("FATAL")) || str_eq(severity, STR("PANIC"));
}

/* The name is not prepared (any more), or its plan gives other columns than before. */
static bool is_stale(const PGresult *res)
{
    return is_state(res, "26000") || is_state(res, "42P05") ||
           (is_state(res, "0A000") &&
            str_eq(str_c(PQresultErrorField(res, PG_DIAG_SOURCE_FUNCTION)),
                   STR("RevalidateCachedQuery")));
}

static void take_error(struct run *r, struct op op, PGresult *res)
{
    if (op.prepare) {
        prepared_get(r->s, r->calls[op.call].stmt)->valid = false;
    }
    r->lost = r->lost || (PQresultStatus(res) != PGRES_PIPELINE_ABORTED && is_fatal(res));
    if (r->error == NULL && PQresultStatus(res) != PGRES_PIPELINE_ABORTED) {
        r->error = res;
        r->failed = op.call;
    } else {
        PQclear(res);
    }
}

static void take(struct run *r, PGresult *res)
{
    ExecStatusType status = PQresultStatus(res);
    if (status == PGRES_PIPELINE_SYNC) {
        r->synced = true;
        PQclear(res);
        return;
    }
    /* An error without an op is of the sync itself: a deferred constraint, or the end. */
    struct op op = r->op_read < r->op_count ? r->ops[r->op_read] : (struct op){r->count, false};
    bool good = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
    r->answered = true;
    if (!good || op.call == r->count) {
        take_error(r, op, res);
    } else if (op.prepare) {
        PQclear(res);
    } else {
        PQclear(r->answers[op.call]);
        r->answers[op.call] = res;
    }
}

/* Takes the answers that are here. */
static void run_read(struct run *r)
{
    while (!r->synced && (r->op_read < r->op_count || r->sync_sent) && !PQisBusy(r->s->pq)) {
        PGresult *res = PQgetResult(r->s->pq);
        if (res != NULL) {
            take(r, res);
        } else if (r->answered) {
            r->answered = false; /* NULL ends an op's answer */
            r->op_read += r->op_read < r->op_count ? 1 : 0;
        } else {
            break; /* nothing yet */
        }
    }
    r->lost = r->lost || PQstatus(r->s->pq) == CONNECTION_BAD;
}

/* Waits for the socket, then reads what has come. */
static enum err_code run_wait(struct run *r, int events, struct err *err)
{
    enum err_code rc = session_wait(r->s, events, r->deadline, err);
    if (rc != ERR_OK) {
        return rc;
    }
    bool alive = PQconsumeInput(r->s->pq) == 1;
    run_read(r); /* also when it is not: the server's last words may be here */
    r->lost = r->lost || (!alive && !r->synced);
    return ERR_OK;
}

/* Sends what libpq has buffered, and reads meanwhile: a server that cannot write reads no more. */
static enum err_code run_flush(struct run *r, struct err *err)
{
    enum err_code rc = ERR_OK;
    int left;
    while (rc == ERR_OK && !r->lost && (left = PQflush(r->s->pq)) != 0) {
        if (left < 0) {
            /* What the server said before it closed may still be read. */
            r->lost = true;
            if (PQconsumeInput(r->s->pq) == 1) {
                run_read(r);
            }
            break;
        }
        rc = run_wait(r, UV_READABLE | UV_WRITABLE, err);
    }
    return rc;
}

static enum err_code run_exchange(struct run *r, struct err *err)
{
    enum err_code rc = ERR_OK;
    for (size_t i = 0; i < r->count && rc == ERR_OK && !r->lost; i++) {
        r->lost = !send_call(r, i);
        rc = run_flush(r, err);
    }
    if (rc == ERR_OK && !r->lost) {
        r->sync_sent = true;
        r->lost = PQpipelineSync(r->s->pq) != 1;
        rc = run_flush(r, err);
    }
    while (rc == ERR_OK && !r->lost && !r->synced) {
        rc = run_wait(r, UV_READABLE, err);
    }
    return rc;
}

/* ---- ends ---------------------------------------------------------------------------------- */

/* The session cannot go on: the deadline, a cancel, or the connection itself. */
static enum err_code run_lost(struct run *r, enum err_code rc, struct err *err)
{
    /* A plain error of a statement has aborted all behind it, the commit included. */
    bool refused = r->error != NULL && !is_fatal(r->error);
    bool unknown = !refused && (r->commit_sent || (r->autocommit && r->sync_sent));
    if (rc == ERR_OK) {
        r->s->pool->healthy = false;
        rc = r->error != NULL ? err_from_pg(err, ERR_WHERE, r->error)
                              : err_from_connection(err, ERR_WHERE, PQerrorMessage(r->s->pq));
    }
    if (unknown && r->commit_sent && rc != ERR_CANCELED) {
        rc = ERR_SET(err, ERR_IO, "the answer to a COMMIT was lost");
    }
    if (unknown) {
        err->sys = PG_SQLSTATE_UNKNOWN;
    }
    session_drop(r->s);
    return rc;
}

static enum err_code run_failed(struct run *r, bool *ret_stale, struct err *err)
{
    enum err_code rc = err_from_pg(err, ERR_WHERE, r->error);
    if (is_stale(r->error)) {
        prepared_forget_all(r->s);
        *ret_stale = true;
        rc = ERR_SET_ACT(err, ERR_CONFLICT, ERR_ACT_RETRY, "postgres: a prepared plan was stale");
        err->sys = pg_sqlstate_parse(str_c(PQresultErrorField(r->error, PG_DIAG_SQLSTATE)));
    }
    return rc;
}

/* A COMMIT in a failed transaction is answered with success, and the tag ROLLBACK. */
static enum err_code check_commits(struct run *r, struct err *err)
{
    for (size_t i = 0; r->commit_sent && i < r->count; i++) {
        if (r->calls[i].stmt == &PG_STMT_COMMIT &&
            !str_eq(str_c(PQcmdStatus(r->answers[i])), STR("COMMIT"))) {
            r->failed = i;
            return ERR_SET(err, ERR_INTERNAL, "COMMIT of a transaction that had failed");
        }
    }
    return ERR_OK;
}

static void clear_result(void *res)
{
    PQclear(res);
}

/* errs, and whether a second try may help. */
static enum err_code run_once(struct run *r, bool *ret_stale, struct err *err)
{
    BUG_ON(PQenterPipelineMode(r->s->pq) != 1); /* the session is in use by another coroutine */
    r->autocommit = PQtransactionStatus(r->s->pq) == PQTRANS_IDLE;
    enum err_code rc = run_exchange(r, err);
    if (rc != ERR_OK || r->lost) {
        return run_lost(r, rc, err);
    }
    BUG_ON(PQexitPipelineMode(r->s->pq) != 1);
    r->s->pool->healthy = true;
    return r->error != NULL ? run_failed(r, ret_stale, err) : check_commits(r, err);
}

static enum err_code run_calls(struct pg_session *s, struct pg_call *calls, size_t count,
                               int64_t deadline, struct arena *arena, size_t *ret_failed,
                               bool *ret_stale, struct err *err)
{
    struct run r = {.s = s, .calls = calls, .count = count, .deadline = deadline, .failed = count};
    r.answers = xcalloc(count, sizeof(PGresult *));
    r.ops = xcalloc(2 * count, sizeof *r.ops);
    enum err_code rc = run_once(&r, ret_stale, err);
    *ret_failed = r.failed;
    for (size_t i = 0; i < count; i++) {
        if (rc != ERR_OK || arena == NULL) {
            PQclear(r.answers[i]);
        } else {
            calls[i].result = r.answers[i];
            arena_defer(arena, clear_result, r.answers[i]);
        }
    }
    PQclear(r.error);
    free(r.answers);
    free(r.ops);
    return rc;
}

static enum err_code check_calls(const struct pg_call *calls, size_t count, size_t *ret_failed,
                                 struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct pg_params *params = calls[i].params;
        BUG_ON(calls[i].stmt->param_count != (params != NULL ? params->count : 0));
        enum err_code rc = params != NULL ? pg_params_ok(params, err) : ERR_OK;
        if (rc != ERR_OK) {
            err_wrap(err, "%s", calls[i].stmt->name);
            if (ret_failed != NULL) {
                *ret_failed = i;
            }
            return rc;
        }
    }
    return ERR_OK;
}

enum err_code pg_pipeline(struct pg_session *s, struct pg_call *calls, size_t count,
                          int64_t deadline, struct arena *arena, size_t *ret_failed,
                          struct err *err)
{
    struct err local;
    bool stale = false;
    bool commits = false;
    err = err != NULL ? err : &local;
    enum err_code rc = check_calls(calls, count, ret_failed, err);
    rc = rc == ERR_OK ? session_ready(s, deadline, err) : rc;
    if (rc != ERR_OK || count == 0) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        commits = commits || calls[i].stmt == &PG_STMT_COMMIT;
    }
    bool was_idle = !pg_in_transaction(s);
    int64_t began_ns = co_clock_ns();
    struct err first = {0}; /* err stays untouched where the second try succeeds */
    size_t failed = 0;
    rc = run_calls(s, calls, count, deadline, arena, &failed, &stale, &first);
    if (stale && was_idle && !commits && !pg_in_transaction(s)) {
        /* The sync took everything back, so nothing is done twice. */
        rc = run_calls(s, calls, count, deadline, arena, &failed, &stale, &first);
    }
    metric_observe(METRIC_PG_STATEMENT, count == 1 ? calls[0].stmt->name : "pipeline",
                   (double)(co_clock_ns() - began_ns) / 1e9);
    if (rc != ERR_OK) {
        metric_inc(METRIC_PG_ERRORS, err_code_name(rc));
        *err = first;
        if (ret_failed != NULL) {
            *ret_failed = failed;
        }
    }
    return rc;
}

enum err_code pg_exec(struct pg_session *s, const struct pg_stmt *stmt,
                      const struct pg_params *params, int64_t deadline, struct arena *arena,
                      const struct pg_result **ret_result, struct err *err)
{
    size_t failed;
    struct err local;
    struct pg_call call = {.stmt = stmt, .params = params};
    err = err != NULL ? err : &local;
    enum err_code rc =
        pg_pipeline(s, &call, 1, deadline, ret_result != NULL ? arena : NULL, &failed, err);
    if (rc == ERR_OK && ret_result != NULL) {
        *ret_result = call.result;
    }
    return rc;
}

#include "migrate_pg.h"

#include <stdio.h>

/* Any number that nobody else locks: "calfleet" in ASCII. */
#define TURN_KEY "7161110516396680564"

static void clear_result(PGresult **result)
{
    PQclear(*result);
}
#define RESULT PGresult *CLEANUP(clear_result)

/* What a refusal means, by SQLSTATE and its class.  src: PostgreSQL manual, appendix A */
static enum err_code code_of(const char *state)
{
    static const struct {
        const char *prefix;
        enum err_code code;
    } table[] = {
        {"55P03", ERR_TIMEOUT},   /* lock_not_available */
        {"57014", ERR_TIMEOUT},   /* query_canceled: statement_timeout */
        {"08", ERR_UNAVAILABLE},  /* connection exception */
        {"53", ERR_UNAVAILABLE},  /* insufficient resources */
        {"57P", ERR_UNAVAILABLE}, /* operator intervention: shutdown */
        {"40", ERR_CONFLICT},     /* deadlock, serialization failure */
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (strncmp(state, table[i].prefix, strlen(table[i].prefix)) == 0) {
            return table[i].code;
        }
    }
    return ERR_CONFIG;
}

/* Line within the text of the statement's character position, from 1; 0: not said. */
static int line_of(const char *sql, const char *position)
{
    int64_t at = 0;
    if (sql == NULL || position == NULL || !str_to_i64(str_c(position), &at)) {
        return 0;
    }
    int line = 1;
    /* The position counts characters: a UTF-8 continuation byte begins none. */
    for (const char *p = sql; *p != '\0' && at > 1; p++) {
        at -= ((unsigned char)p[1] & 0xc0) != 0x80;
        line += *p == '\n';
    }
    return line;
}

/* Primary message only: details may quote rows. */
static enum err_code fail(PGconn *conn, const PGresult *result, const char *sql, struct err *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (state == NULL) {
        return ERR_SET(err, PQstatus(conn) == CONNECTION_OK ? ERR_INTERNAL : ERR_UNAVAILABLE,
                       "the connection to Postgres was lost");
    }
    int line = line_of(sql, PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION));
    if (line > 0) {
        return ERR_SET(err, code_of(state), "line %d: %s (%s)", line, text ? text : "", state);
    }
    return ERR_SET(err, code_of(state), "%s (%s)", text ? text : "", state);
}

/* One or more statements without parameters. */
static enum err_code run(PGconn *conn, const char *sql, PGresult **ret_result, struct err *err)
{
    RESULT result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        return fail(conn, result, sql, err);
    }
    if (ret_result != NULL) {
        *ret_result = result;
        result = NULL;
    }
    return ERR_OK;
}

/* Warnings matter ("no privileges were granted"); notices do not. */
static void on_notice(void *arg UNUSED, const PGresult *notice)
{
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *text = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    if (severity != NULL && strcmp(severity, "WARNING") == 0) {
        fprintf(stderr, "calfleetctl: Postgres warns: %s\n", text ? text : "");
    }
}

/* libpq's text is one or more lines, of which the first says it. */
static struct str first_line(const char *text)
{
    struct str rest = str_c(text ? text : "");
    struct str line = {0};
    if (!str_split(&rest, '\n', &line)) {
        return STR("");
    }
    return str_trim(line);
}

static enum err_code refused(PGconn *conn, const char *const *keys, const char *const *values,
                             struct err *err)
{
    /* A failed login has no SQLSTATE here: what answers a ping refuses us, what does not is away.
     */
    PGPing ping = PQpingParams(keys, values, 1);
    bool away = ping == PQPING_NO_RESPONSE || ping == PQPING_REJECT;
    return ERR_SET(err, away ? ERR_UNAVAILABLE : ERR_CONFIG, "%.*s",
                   STR_ARG(first_line(PQerrorMessage(conn))));
}

enum err_code migrate_connect(const char *dsn, const struct migrate_limits *limits,
                              PGconn **ret_conn, struct err *err)
{
    char seconds[24];
    snprintf(seconds, sizeof seconds, "%lld", (long long)((limits->connect_ms + 999) / 1000));
    const char *const keys[] = {"dbname", "connect_timeout", "application_name", "client_encoding",
                                NULL};
    const char *const values[] = {dsn, seconds, "calfleetctl migrate", "UTF8", NULL};
    PGconn *conn CLEANUP(migrate_disconnect) = PQconnectdbParams(keys, values, 1);
    if (PQstatus(conn) != CONNECTION_OK) {
        return refused(conn, keys, values, err);
    }
    PQsetNoticeReceiver(conn, on_notice, NULL);
    char set[96];
    snprintf(set, sizeof set, "SET lock_timeout = %lld; SET client_min_messages = warning",
             (long long)limits->lock_ms);
    enum err_code rc = run(conn, set, NULL, err);
    if (rc != ERR_OK) {
        return rc;
    }
    *ret_conn = conn;
    conn = NULL;
    return ERR_OK;
}

void migrate_disconnect(PGconn **conn)
{
    PQfinish(*conn);
}

enum err_code migrate_take_turn(PGconn *conn, const struct migrate_limits *limits, struct err *err)
{
    RESULT tried = NULL;
    enum err_code rc = run(conn, "SELECT pg_try_advisory_lock(" TURN_KEY ")", &tried, err);
    if (rc != ERR_OK || PQgetvalue(tried, 0, 0)[0] == 't') {
        return rc;
    }
    fprintf(stderr, "calfleetctl: another migration is at work, waiting for it\n");
    char wait[160];
    snprintf(wait, sizeof wait,
             "SET lock_timeout = %lld; SELECT pg_advisory_lock(" TURN_KEY ");"
             " SET lock_timeout = %lld",
             (long long)limits->turn_ms, (long long)limits->lock_ms);
    rc = run(conn, wait, NULL, err);
    return rc == ERR_TIMEOUT
               ? ERR_SET(err, ERR_TIMEOUT, "another migration was at work for too long")
               : rc;
}

enum err_code migrate_applied(PGconn *conn, struct arena *arena, struct migration_list *ret_applied,
                              struct err *err)
{
    RESULT there = NULL;
    enum err_code rc =
        run(conn, "SELECT to_regclass('calfleet.migrations') IS NOT NULL", &there, err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (PQgetvalue(there, 0, 0)[0] == 'f') {
        *ret_applied = (struct migration_list){0};
        return ERR_OK;
    }
    RESULT rows = NULL;
    rc = run(conn, "SELECT version, name, checksum FROM calfleet.migrations ORDER BY version",
             &rows, err);
    if (rc != ERR_OK) {
        return rc;
    }
    size_t count = (size_t)PQntuples(rows);
    struct migration *items = ARENA_ARRAY(arena, struct migration, count + 1);
    for (size_t i = 0; i < count; i++) {
        int64_t version = 0;
        if (!str_to_i64(str_c(PQgetvalue(rows, (int)i, 0)), &version)) {
            return ERR_SET(err, ERR_PROTO, "a version in calfleet.migrations is no number");
        }
        items[i].version = (int32_t)version;
        items[i].name = arena_str(arena, str_c(PQgetvalue(rows, (int)i, 1)));
        snprintf(items[i].checksum, sizeof items[i].checksum, "%s", PQgetvalue(rows, (int)i, 2));
    }
    *ret_applied = (struct migration_list){items, count};
    return ERR_OK;
}

static void roll_back(PGconn *conn)
{
    PQclear(PQexec(conn, "ROLLBACK"));
}

/* The file's own row, written as the schema's owner: the file may have run as somebody else. */
static enum err_code record(PGconn *conn, const struct migration *m, const char *version,
                            int64_t *ret_ms, struct err *err)
{
    enum err_code rc = run(conn, "SET LOCAL ROLE calfleet_migrate", NULL, err);
    if (rc != ERR_OK) {
        return rc;
    }
    char number[16];
    snprintf(number, sizeof number, "%d", m->version);
    const char *const values[] = {number, m->name.ptr, m->checksum, version};
    RESULT row =
        PQexecParams(conn,
                     "INSERT INTO calfleet.migrations (version, name, checksum, applied_by)"
                     " VALUES ($1, $2, $3, $4)"
                     " RETURNING (extract(epoch FROM clock_timestamp() - now()) * 1000)::bigint",
                     ARRAY_LEN(values), NULL, values, NULL, NULL, 0);
    if (PQresultStatus(row) != PGRES_TUPLES_OK) {
        return fail(conn, row, NULL, err);
    }
    int64_t ms = 0;
    (void)str_to_i64(str_c(PQgetvalue(row, 0, 0)), &ms);
    *ret_ms = ms;
    return ERR_OK;
}

/* A file within the transaction that is open; it must not end it. */
static enum err_code run_file(PGconn *conn, const struct migration *m, struct err *err)
{
    enum err_code rc = run(conn, m->sql.ptr, NULL, err);
    if (rc == ERR_OK && PQtransactionStatus(conn) != PQTRANS_INTRANS) {
        rc = ERR_SET(err, ERR_CONFIG, "it ends its transaction itself: it must not");
    }
    return rc;
}

enum err_code migrate_apply(PGconn *conn, const struct migration *m, const char *version,
                            int64_t *ret_ms, struct err *err)
{
    int64_t ms = 0;
    enum err_code rc = run(conn, "BEGIN", NULL, err);
    if (rc == ERR_OK) {
        rc = run_file(conn, m, err);
    }
    if (rc == ERR_OK) {
        rc = record(conn, m, version, &ms, err);
    }
    if (rc == ERR_OK) {
        rc = run(conn, "COMMIT", NULL, err);
    }
    if (rc != ERR_OK) {
        roll_back(conn);
        return err_wrap(err, "%04d_%.*s.sql", m->version, STR_ARG(m->name));
    }
    *ret_ms = ms;
    return ERR_OK;
}

enum err_code migrate_host_present(PGconn *conn, bool *ret_present, struct err *err)
{
    RESULT row = NULL;
    enum err_code rc =
        run(conn, "SELECT to_regclass('public.pf_organizations') IS NOT NULL", &row, err);
    if (rc == ERR_OK) {
        *ret_present = PQgetvalue(row, 0, 0)[0] == 't';
    }
    return rc;
}

enum err_code migrate_host_apply(PGconn *conn, const struct migration_list *files, struct err *err)
{
    enum err_code rc = run(conn, "BEGIN", NULL, err);
    for (size_t i = 0; rc == ERR_OK && i < files->count; i++) {
        rc = run_file(conn, &files->items[i], err);
        if (rc != ERR_OK) {
            (void)err_wrap(err, "%04d_%.*s.sql", files->items[i].version,
                           STR_ARG(files->items[i].name));
        }
    }
    if (rc == ERR_OK) {
        rc = run(conn, "COMMIT", NULL, err);
    }
    if (rc != ERR_OK) {
        roll_back(conn);
    }
    return rc;
}

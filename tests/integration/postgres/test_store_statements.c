/* Every .sql file of the store on a migrated database: the server's idea of its parameters and
 * columns is what the file's head says. */
#include "base/buf.h"
#include "harness.h"
#include "store/sql.h"

#include <dirent.h>
#include <libpq-fe.h>
#include <string.h>

static PGconn *pq;

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_sql(const struct dirent *entry)
{
    return str_ends(str_c(entry->d_name), STR(".sql"));
}

static void apply_file(const char *path)
{
    FILE *file = fopen(path, "r");
    struct buf sql;
    buf_init(&sql, 4 << 20);
    assert_non_null(file);
    buf_add_c(&sql, "BEGIN;\n");
    char *room;
    size_t got = 1;
    while (got > 0 && (room = buf_reserve(&sql, 65536)) != NULL) {
        got = fread(room, 1, 65536, file);
        buf_used(&sql, got);
    }
    buf_add_c(&sql, ";\nCOMMIT;");
    ASSERT_OK(buf_ok(&sql, NULL));
    PGresult *res = PQexec(pq, buf_c(&sql));
    if (PQresultStatus(res) != PGRES_COMMAND_OK) {
        fail_msg("%s: %s", path, PQerrorMessage(pq));
    }
    PQclear(res);
    buf_fini(&sql);
    fclose(file);
}

static void apply_folder(const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_sql, by_name);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        apply_file(path);
        free(entries[i]);
    }
    free(entries);
}

static void no_notice(void *arg UNUSED, const char *message UNUSED)
{
}

static int migrate(void **state)
{
    database_create(state);
    pq = PQconnectdb(database_dsn());
    PQsetNoticeProcessor(pq, no_notice, NULL);
    assert_int_equal(PQstatus(pq), CONNECTION_OK);
    apply_folder(DB_FOLDER "/host");
    apply_folder(DB_FOLDER "/migrations");
    return 0;
}

static int drop(void **state)
{
    PQfinish(pq);
    return database_drop(state);
}

/* The server's number of a type by its name; 0: there is none. */
static Oid type_oid(struct str name)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", STR_ARG(name));
    const char *values[] = {text};
    PGresult *res =
        PQexecParams(pq, "SELECT coalesce(to_regtype($1)::oid, 0)", 1, NULL, values, NULL, NULL, 0);
    Oid oid = PQntuples(res) == 1 ? (Oid)strtoul(PQgetvalue(res, 0, 0), NULL, 10) : 0;
    PQclear(res);
    return oid;
}

static size_t differ(const struct pg_stmt_decl *decl, const char *what, int number, Oid got,
                     struct str wanted)
{
    if (got == type_oid(wanted)) {
        return 0;
    }
    print_error("%s: %s %d is of type %u, the head says %.*s\n", decl->stmt->name, what, number,
                got, STR_ARG(wanted));
    return 1;
}

static size_t check_params(const struct pg_stmt_decl *decl, const PGresult *res)
{
    size_t bad = 0;
    int number = 0;
    struct str rest = str_c(decl->params);
    struct str type;
    while (rest.len > 0 && str_split(&rest, ',', &type)) {
        bad += differ(decl, "parameter", number + 1, PQparamtype(res, number), type);
        number++;
    }
    if (number != PQnparams(res)) {
        print_error("%s: %d parameters, the head has %d\n", decl->stmt->name, PQnparams(res),
                    number);
        bad++;
    }
    return bad;
}

static size_t check_columns(const struct pg_stmt_decl *decl, const PGresult *res)
{
    size_t bad = 0;
    int number = 0;
    struct str rest = str_c(decl->columns);
    struct str column;
    while (rest.len > 0 && number < PQnfields(res) && str_split(&rest, ',', &column)) {
        struct str name;
        str_split(&column, ' ', &name);
        if (!str_eq_c(name, PQfname(res, number))) {
            print_error("%s: column %d is called %s, the head says %.*s\n", decl->stmt->name,
                        number + 1, PQfname(res, number), STR_ARG(name));
            bad++;
        }
        bad += differ(decl, "column", number + 1, PQftype(res, number), column);
        number++;
    }
    if (number != PQnfields(res) || rest.len > 0) {
        print_error("%s: the statement has %d columns, the head another number\n", decl->stmt->name,
                    PQnfields(res));
        bad++;
    }
    return bad;
}

static size_t check(const struct pg_stmt_decl *decl)
{
    PGresult *res = PQprepare(pq, decl->stmt->name, decl->stmt->text, 0, NULL);
    if (PQresultStatus(res) != PGRES_COMMAND_OK) {
        print_error("%s: %s", decl->stmt->name, PQerrorMessage(pq));
        PQclear(res);
        return 1;
    }
    PQclear(res);
    res = PQdescribePrepared(pq, decl->stmt->name);
    assert_int_equal(PQresultStatus(res), PGRES_COMMAND_OK);
    size_t bad = check_params(decl, res) + check_columns(decl, res);
    PQclear(res);
    return bad;
}

static void test_each_statement_is_what_its_head_says(void **state UNUSED)
{
    size_t bad = 0;
    for (size_t i = 0; i < SQL_ALL_STORE_COUNT; i++) {
        bad += check(&SQL_ALL_STORE[i]);
    }
    assert_int_equal(bad, 0);
}

static void test_a_head_that_lies_is_noticed(void **state UNUSED)
{
    struct pg_stmt stmt = STMT("liar", "SELECT $1::bigint AS number, 'x'::text AS word", 1);
    assert_int_equal(check(&(struct pg_stmt_decl){&stmt, "bigint", "number bigint,word text"}), 0);
    static const struct pg_stmt_decl LIARS[] = {
        {NULL, "integer", "number bigint,word text"},
        {NULL, "bigint,text", "number bigint,word text"},
        {NULL, "", "number bigint,word text"},
        {NULL, "bigint", "number bigint"},
        {NULL, "bigint", "number bigint,word varchar"},
        {NULL, "bigint", "number bigint,wort text"},
        {NULL, "bigint", "number bigint,word text,more text"},
        {NULL, "no_such_type", "number bigint,word text"},
    };
    for (size_t i = 0; i < ARRAY_LEN(LIARS); i++) {
        struct pg_stmt_decl liar = LIARS[i];
        liar.stmt = &stmt;
        PQclear(PQexec(pq, "DEALLOCATE liar"));
        assert_true(check(&liar) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_statement_is_what_its_head_says),
        cmocka_unit_test(test_a_head_that_lies_is_noticed),
    };
    return cmocka_run_group_tests(tests, migrate, drop);
}

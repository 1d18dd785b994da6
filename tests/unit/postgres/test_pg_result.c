/* Results that are read wrongly, and arrays that are not what they say: both are bugs and end the
 * program, never a read past the value. The right readings are tested against a server. */
#include "postgres/result.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the first two above first */
#include <cmocka.h>

#define OID_INT8 20
#define OID_TEXT 25
#define OID_TEXT_ARRAY 1009

/* One row, one column. */
static PGresult *result_of(Oid type, const char *bytes, int len)
{
    char name[] = "column";
    PGresAttDesc column = {.name = name, .format = 1, .typid = type, .typlen = -1};
    PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    char value[256];
    memcpy(value, bytes, (size_t)MAX(len, 0));
    assert_int_equal(PQsetResultAttrs(r, 1, &column), 1);
    assert_int_equal(PQsetvalue(r, 0, 0, len < 0 ? NULL : value, len), 1);
    return r;
}

typedef void (*read_fn)(const struct pg_result *r);

static bool aborts(read_fn read, const struct pg_result *r)
{
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        IGNORE(freopen("/dev/null", "w", stderr) == NULL);
        signal(SIGABRT, SIG_DFL);
        read(r);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void read_i64(const struct pg_result *r)
{
    pg_get_i64(r, 0, 0);
}

static void read_str(const struct pg_result *r)
{
    pg_get_str(r, 0, 0);
}

static void read_time(const struct pg_result *r)
{
    pg_get_time(r, 0, 0);
}

static void read_row_1(const struct pg_result *r)
{
    pg_get_str(r, 1, 0);
}

static void read_column_1(const struct pg_result *r)
{
    pg_get_str(r, 0, 1);
}

static void read_texts(const struct pg_result *r)
{
    struct arena arena;
    size_t count;
    arena_init(&arena);
    pg_get_text_array(r, 0, 0, &arena, &count);
    arena_fini(&arena);
}

static void test_a_getter_that_does_not_fit_is_a_bug(void **state UNUSED)
{
    PGresult *text = result_of(OID_TEXT, "hello", 5);
    PGresult *number = result_of(OID_INT8, "\0\0\0\0\0\0\0\1", 8);
    PGresult *cut = result_of(OID_INT8, "\0\0\0", 3);
    assert_false(aborts(read_str, text));
    assert_true(aborts(read_i64, text));
    assert_true(aborts(read_time, text));
    assert_true(aborts(read_row_1, text));
    assert_true(aborts(read_column_1, text));
    assert_true(aborts(read_texts, text));
    assert_false(aborts(read_i64, number));
    assert_true(aborts(read_str, number));
    assert_true(aborts(read_i64, cut));
    PQclear(text);
    PQclear(number);
    PQclear(cut);
}

static void test_an_array_that_lies_is_not_read_past_its_end(void **state UNUSED)
{
    static const char GOOD[] = "\0\0\0\1\0\0\0\1\0\0\0\x19\0\0\0\2\0\0\0\1"
                               "\0\0\0\2ab\xff\xff\xff\xff";
    char bytes[sizeof GOOD - 1];
    PGresult *good = result_of(OID_TEXT_ARRAY, GOOD, sizeof bytes);
    assert_false(aborts(read_texts, good));
    PQclear(good);
    for (int len = 0; len < (int)sizeof bytes; len++) {
        PGresult *r = result_of(OID_TEXT_ARRAY, GOOD, len);
        assert_true(aborts(read_texts, r));
        PQclear(r);
    }
    /* Too many dimensions, too many elements, an element that is too long. */
    static const size_t AT[] = {3, 12, 15, 20, 23};
    for (size_t i = 0; i < ARRAY_LEN(AT); i++) {
        memcpy(bytes, GOOD, sizeof bytes);
        bytes[AT[i]] = 0x7f;
        PGresult *r = result_of(OID_TEXT_ARRAY, bytes, sizeof bytes);
        assert_true(aborts(read_texts, r));
        PQclear(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_getter_that_does_not_fit_is_a_bug),
        cmocka_unit_test(test_an_array_that_lies_is_not_read_past_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

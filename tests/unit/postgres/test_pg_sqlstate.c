/* SQLSTATEs as numbers, and what each asks of the one who handles it. */
#include "postgres/postgres.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka wants the first two above first */
#include <cmocka.h>

static void test_states_come_back_as_they_went(void **state UNUSED)
{
    static const char *const STATES[] = {"00001", "08007", "23505", "23P01", "40001",
                                         "57P01", "P0001", "XX000", "ZZZZZ"};
    char out[6];
    for (size_t i = 0; i < ARRAY_LEN(STATES); i++) {
        int number = pg_sqlstate_parse(str_c(STATES[i]));
        assert_true(number > 0);
        assert_string_equal(pg_sqlstate_print(number, out).ptr, STATES[i]);
    }
    assert_int_equal(pg_sqlstate_parse(STR("08007")), PG_SQLSTATE_UNKNOWN);
    assert_int_equal(pg_sqlstate_parse(STR("")), 0);
    assert_int_equal(pg_sqlstate_parse(STR("4000")), 0);
    assert_int_equal(pg_sqlstate_parse(STR("400011")), 0);
    assert_int_equal(pg_sqlstate_parse(STR("4000a")), 0);
    assert_int_equal(pg_sqlstate_parse((struct str){"4000\0", 5}), 0);
}

static void test_each_class_asks_for_something(void **state UNUSED)
{
    static const struct {
        const char *state;
        enum err_code code;
        enum err_act act;
    } CASES[] = {
        {"40001", ERR_CONFLICT, ERR_ACT_RETRY},    {"40P01", ERR_CONFLICT, ERR_ACT_RETRY},
        {"55P03", ERR_CONFLICT, ERR_ACT_RETRY},    {"23505", ERR_EXISTS, ERR_ACT_NONE},
        {"23P01", ERR_CONFLICT, ERR_ACT_NONE},     {"23503", ERR_INVALID, ERR_ACT_DROP},
        {"22001", ERR_INVALID, ERR_ACT_DROP},      {"42501", ERR_DENIED, ERR_ACT_NONE},
        {"42P01", ERR_INTERNAL, ERR_ACT_NONE},     {"08006", ERR_UNAVAILABLE, ERR_ACT_RETRY},
        {"57P01", ERR_UNAVAILABLE, ERR_ACT_RETRY}, {"57014", ERR_TIMEOUT, ERR_ACT_NONE},
        {"53300", ERR_UNAVAILABLE, ERR_ACT_RETRY}, {"25006", ERR_UNAVAILABLE, ERR_ACT_RETRY},
        {"25P03", ERR_UNAVAILABLE, ERR_ACT_RETRY}, {"25P02", ERR_INTERNAL, ERR_ACT_NONE},
        {"28P01", ERR_CONFIG, ERR_ACT_CONFIG},     {"3D000", ERR_CONFIG, ERR_ACT_CONFIG},
        {"54000", ERR_TOO_BIG, ERR_ACT_DROP},      {"P0002", ERR_NOT_FOUND, ERR_ACT_NONE},
        {"P0001", ERR_INTERNAL, ERR_ACT_NONE},     {"ZZ999", ERR_INTERNAL, ERR_ACT_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct err err = {0};
        int number = pg_sqlstate_parse(str_c(CASES[i].state));
        assert_int_equal(pg_err_from_sqlstate(&err, ERR_WHERE, number, "why"), CASES[i].code);
        assert_int_equal(err.code, CASES[i].code);
        assert_int_equal(err.act, CASES[i].act);
        assert_int_equal(err.sys, number);
        assert_non_null(strstr(err.text, CASES[i].state));
        assert_int_equal(pg_err_from_sqlstate(NULL, ERR_WHERE, number, "why"), CASES[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states_come_back_as_they_went),
        cmocka_unit_test(test_each_class_asks_for_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The bytes of parameters. */
#include "postgres/params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
/* cmocka wants the first two above first */
#include <cmocka.h>

static struct arena arena;
static struct pg_params p;

static int setup(void **state UNUSED)
{
    arena_init(&arena);
    pg_params_init(&p, &arena);
    return 0;
}

static int teardown(void **state UNUSED)
{
    arena_fini(&arena);
    return 0;
}

static void assert_value(size_t i, const char *text)
{
    assert_string_equal(p.values[i], text);
    assert_int_equal(p.formats[i], 0);
}

static void test_scalars_are_text(void **state UNUSED)
{
    struct uuid id = {{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xFF}};
    pg_add_i64(&p, INT64_MIN);
    pg_add_bool(&p, true);
    pg_add_f64(&p, 0.1);
    pg_add_uuid(&p, id);
    pg_add_time(&p, -1);
    pg_add_date(&p, -1);
    pg_add_null(&p);
    pg_add_text(&p, (struct str){NULL, 0});
    pg_add_text(&p, STR(""));
    pg_add_bytea(&p, (struct str){"\0\1", 2});
    assert_int_equal(p.count, 10);
    assert_value(0, "-9223372036854775808");
    assert_value(1, "t");
    assert_value(2, "0.10000000000000001");
    assert_value(3, "01234567-89ab-cdef-ff00-000000000000");
    assert_value(4, "1969-12-31 23:59:59.999+00");
    assert_value(5, "1969-12-31");
    assert_null(p.values[6]);
    assert_null(p.values[7]);
    assert_value(8, "");
    assert_int_equal(p.formats[9], 1);
    assert_int_equal(p.lengths[9], 2);
    assert_memory_equal(p.values[9], "\0\1", 2);
    assert_int_equal(pg_params_ok(&p, NULL), ERR_OK);
}

static void test_arrays_are_binary(void **state UNUSED)
{
    static const char TEXTS[] = "\0\0\0\1\0\0\0\1\0\0\0\x19\0\0\0\3\0\0\0\1"
                                "\0\0\0\2a\"\xff\xff\xff\xff\0\0\0\0";
    static const char JSONS[] = "\0\0\0\1\0\0\0\0\0\0\x0e\xda\0\0\0\1\0\0\0\1\0\0\0\3\1{}";
    static const char TIMES[] = "\0\0\0\1\0\0\0\0\0\0\x04\xa0\0\0\0\2\0\0\0\1"
                                "\0\0\0\x08\0\0\0\0\0\0\x03\xe8"
                                "\0\0\0\x08\x7f\xff\xff\xff\xff\xff\xff\xff";
    static const char NONE[] = "\0\0\0\0\0\0\0\0\0\0\0\x14";
    struct str texts[] = {STR("a\""), {NULL, 0}, STR("")};
    struct str json = STR("{}");
    int64_t times[] = {INT64_C(946684800001), PG_TIME_INFINITY}; /* 1 ms into 2000 */
    pg_add_text_array(&p, texts, 3);
    pg_add_jsonb_array(&p, &json, 1);
    pg_add_time_array(&p, times, NULL, 2);
    pg_add_i64_array(&p, NULL, NULL, 0);
    assert_int_equal(p.lengths[0], sizeof TEXTS - 1);
    assert_memory_equal(p.values[0], TEXTS, sizeof TEXTS - 1);
    assert_int_equal(p.lengths[1], sizeof JSONS - 1);
    assert_memory_equal(p.values[1], JSONS, sizeof JSONS - 1);
    assert_int_equal(p.lengths[2], sizeof TIMES - 1);
    assert_memory_equal(p.values[2], TIMES, sizeof TIMES - 1);
    assert_int_equal(p.lengths[3], sizeof NONE - 1);
    assert_memory_equal(p.values[3], NONE, sizeof NONE - 1);
}

static void test_many_parameters_keep_their_places(void **state UNUSED)
{
    for (int64_t i = 0; i < PG_PARAMS_MAX; i++) {
        pg_add_i64(&p, i);
    }
    assert_int_equal(p.count, PG_PARAMS_MAX);
    assert_value(0, "0");
    assert_value(7, "7");
    assert_value(8, "8");
    assert_value(PG_PARAMS_MAX - 1, "127");
}

static void test_the_first_bad_one_is_named(void **state UNUSED)
{
    struct err err = {0};
    bool is_null = true;
    int64_t far = INT64_MAX - 1;
    int32_t early = INT32_MIN;
    pg_add_i64(&p, 1);
    pg_add_time_array(&p, &far, &is_null, 1); /* a null is never out of range */
    pg_add_date_array(&p, &early, &is_null, 1);
    assert_int_equal(pg_params_ok(&p, &err), ERR_OK);
    pg_add_time_array(&p, &far, NULL, 1);
    pg_add_date_array(&p, &early, NULL, 1);
    pg_add_text(&p, STR("\xff"));
    pg_add_i64(&p, 1);
    assert_int_equal(p.count, 7);
    assert_int_equal(pg_params_ok(&p, &err), ERR_INVALID);
    assert_int_equal(err.act, ERR_ACT_DROP);
    assert_non_null(strstr(err.text, "$4"));
}

static void test_what_is_too_big_is_not_copied(void **state UNUSED)
{
    /* The lengths lie, so a copy would be found by the sanitizer. */
    struct err err = {0};
    struct str huge = {"x", ((size_t)256 << 20) + 1};
    struct str wrapping[] = {{"x", SIZE_MAX}, {"x", SIZE_MAX}};
    pg_add_bytea(&p, huge);
    assert_int_equal(pg_params_ok(&p, &err), ERR_TOO_BIG);
    pg_params_init(&p, &arena);
    pg_add_bytea_array(&p, wrapping, 2);
    assert_int_equal(pg_params_ok(&p, &err), ERR_TOO_BIG);
    pg_params_init(&p, &arena);
    pg_add_text(&p, huge);
    assert_int_equal(pg_params_ok(&p, &err), ERR_TOO_BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_scalars_are_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_arrays_are_binary, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_parameters_keep_their_places, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_first_bad_one_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_too_big_is_not_copied, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

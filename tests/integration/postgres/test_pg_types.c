/* Every kind of parameter and result, there and back. */
#include "harness.h"

#include <math.h>
#include <string.h>

static struct pg_session *session(struct pg_pool *pool)
{
    struct pg_session *s = NULL;
    ASSERT_OK(pg_acquire(pool, soon(), &s, NULL));
    return s;
}

static void assert_str(struct str got, struct str wanted)
{
    assert_non_null(got.ptr);
    assert_int_equal(got.len, wanted.len);
    assert_memory_equal(got.ptr, wanted.ptr, wanted.len);
}

/* ---- texts --------------------------------------------------------------------------------- */

static const struct str HOSTILE[] = {
    {"", 0},
    {"'; DROP TABLE t; --", 19},
    {"back\\slash \\' \\\" \\n", 19},
    {"{\"a\",NULL,{}}", 13},
    {"NULL", 4},
    {" \t\r\n ", 5},
    {"$1 $$ %s %n", 11},
    {"\x01\x1f\x7f", 3},
    {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x97\x93", 9},
};

static void texts_body(struct pg_pool *pool, struct arena *arena)
{
    struct pg_session *s = session(pool);
    struct str items[ARRAY_LEN(HOSTILE) + 1];
    for (size_t i = 0; i < ARRAY_LEN(HOSTILE); i++) {
        struct pg_params p;
        pg_params_init(&p, arena);
        pg_add_text(&p, HOSTILE[i]);
        const struct pg_result *r =
            run_stmt(s, "text", "SELECT $1::text, octet_length($1::text)", &p, arena);
        assert_str(pg_get_str(r, 0, 0), HOSTILE[i]);
        assert_int_equal(pg_get_i64(r, 0, 1), HOSTILE[i].len);
        items[i] = HOSTILE[i];
    }
    items[ARRAY_LEN(HOSTILE)] = (struct str){NULL, 0};

    struct pg_params p;
    size_t count = 0;
    pg_params_init(&p, arena);
    pg_add_text_array(&p, items, ARRAY_LEN(items));
    const struct pg_result *r = run_stmt(
        s, "texts",
        "SELECT $1::text[], a, o FROM unnest($1::text[]) WITH ORDINALITY u(a, o) ORDER BY o", &p,
        arena);
    assert_int_equal(pg_row_count(r), ARRAY_LEN(items));
    struct str *back = pg_get_text_array(r, 0, 0, arena, &count);
    assert_int_equal(count, ARRAY_LEN(items));
    for (size_t i = 0; i < ARRAY_LEN(HOSTILE); i++) {
        assert_str(back[i], HOSTILE[i]);
        assert_str(pg_get_str(r, i, 1), HOSTILE[i]);
    }
    assert_null(back[ARRAY_LEN(HOSTILE)].ptr);
    assert_true(pg_is_null(r, ARRAY_LEN(HOSTILE), 1));
    assert_null(pg_get_str(r, ARRAY_LEN(HOSTILE), 1).ptr);
    pg_release(s);
}

static void test_hostile_texts_come_back_as_they_went(void **state UNUSED)
{
    with_pool(NULL, texts_body);
}

static void refused_body(struct pg_pool *pool, struct arena *arena)
{
    static const struct str BAD[] = {
        {"a\0b", 3}, {"\xff", 1}, {"\xc0\x80", 2}, {"\xed\xa0\x80", 3}, {"cut \xe2\x82", 6}};
    struct pg_session *s = session(pool);
    struct pg_stmt one = STMT("one", "SELECT $1::text", 1);
    struct pg_stmt two = STMT("two", "SELECT $1::bigint, $2::text[]", 2);
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct err err = {0};
        struct pg_params p;
        pg_params_init(&p, arena);
        pg_add_text(&p, BAD[i]);
        assert_int_equal(pg_exec(s, &one, &p, soon(), NULL, NULL, &err), ERR_INVALID);
        assert_int_equal(err.act, ERR_ACT_DROP);

        struct str items[] = {STR("good"), BAD[i]};
        pg_params_init(&p, arena);
        pg_add_i64(&p, 1);
        pg_add_text_array(&p, items, ARRAY_LEN(items));
        assert_int_equal(pg_exec(s, &two, &p, soon(), NULL, NULL, &err), ERR_INVALID);
        assert_non_null(strstr(err.text, "$2"));
        assert_int_equal(err.sys, 0); /* the server was not asked */
    }
    assert_int_equal(ask_i64(s, "after", "SELECT 7"), 7);
    pg_release(s);
}

static void test_text_that_is_not_utf8_is_refused_before_sending(void **state UNUSED)
{
    with_pool(NULL, refused_body);
}

/* ---- scalars ------------------------------------------------------------------------------- */

static void numbers_body(struct pg_pool *pool, struct arena *arena)
{
    static const int64_t I64[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT32_MAX};
    static const double F64[] = {0.0,
                                 -0.0,
                                 0.1,
                                 1e300,
                                 5e-324,
                                 -1.7976931348623157e308,
                                 (double)INFINITY,
                                 -(double)INFINITY};
    struct pg_session *s = session(pool);
    for (size_t i = 0; i < ARRAY_LEN(I64); i++) {
        struct pg_params p;
        pg_params_init(&p, arena);
        pg_add_i64(&p, I64[i]);
        const struct pg_result *r = run_stmt(s, "i64", "SELECT $1::bigint", &p, arena);
        assert_int_equal(pg_get_i64(r, 0, 0), I64[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(F64); i++) {
        struct pg_params p;
        pg_params_init(&p, arena);
        pg_add_f64(&p, F64[i]);
        const struct pg_result *r = run_stmt(s, "f64", "SELECT $1::float8", &p, arena);
        double back = pg_get_f64(r, 0, 0);
        assert_memory_equal(&back, &F64[i], sizeof back);
    }
    struct pg_params p;
    pg_params_init(&p, arena);
    pg_add_f64(&p, (double)NAN);
    pg_add_i64(&p, -32768);
    pg_add_i64(&p, INT32_MIN);
    pg_add_bool(&p, true);
    pg_add_bool(&p, false);
    pg_add_null(&p);
    const struct pg_result *r =
        run_stmt(s, "mixed",
                 "SELECT $1::float8, $2::smallint, $3::integer, $4::boolean, $5::boolean, "
                 "$6::bigint, NULL::uuid, 1.5::real, 4294967295::oid",
                 &p, arena);
    assert_true(isnan(pg_get_f64(r, 0, 0)));
    assert_int_equal(pg_get_i64(r, 0, 1), -32768);
    assert_int_equal(pg_get_i64(r, 0, 2), INT32_MIN);
    assert_true(pg_get_bool(r, 0, 3));
    assert_false(pg_get_bool(r, 0, 4));
    assert_true(pg_is_null(r, 0, 5));
    assert_int_equal(pg_get_i64(r, 0, 5), 0);
    assert_true(uuid_is_nil(pg_get_uuid(r, 0, 6)));
    assert_true(pg_get_f64(r, 0, 7) == 1.5);
    assert_int_equal(pg_get_i64(r, 0, 8), UINT32_MAX);
    pg_release(s);
}

static void test_numbers_and_nulls(void **state UNUSED)
{
    with_pool(NULL, numbers_body);
}

static void bytes_body(struct pg_pool *pool, struct arena *arena)
{
    char all[256];
    struct pg_session *s = session(pool);
    struct uuid id = uuid_random();
    struct pg_params p;
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (char)i;
    }
    struct str bytes = {all, sizeof all};
    struct str items[] = {bytes, {NULL, 0}, {all, 0}};
    struct str json = STR("{\"k\": \"quote \\\" and \\u00e9\", \"n\": [1, null]}");
    struct str jsons[] = {json, {NULL, 0}, STR("null")};
    pg_params_init(&p, arena);
    pg_add_bytea(&p, bytes);
    pg_add_uuid(&p, id);
    pg_add_bytea_array(&p, items, ARRAY_LEN(items));
    pg_add_json(&p, json);
    pg_add_jsonb_array(&p, jsons, ARRAY_LEN(jsons));
    pg_add_json(&p, json);
    const struct pg_result *r =
        run_stmt(s, "bytes",
                 "SELECT $1::bytea, $2::uuid, ($3::bytea[])[1], ($3::bytea[])[2] IS NULL, "
                 "($3::bytea[])[3], $4::jsonb, $6::json, ($5::jsonb[])[1] = $4::jsonb, "
                 "($5::jsonb[])[2] IS NULL, ($5::jsonb[])[3], upper($2::uuid::text)",
                 &p, arena);
    assert_str(pg_get_bytea(r, 0, 0), bytes);
    assert_true(uuid_eq(pg_get_uuid(r, 0, 1), id));
    assert_str(pg_get_bytea(r, 0, 2), bytes);
    assert_true(pg_get_bool(r, 0, 3));
    assert_int_equal(pg_get_bytea(r, 0, 4).len, 0);
    assert_non_null(pg_get_bytea(r, 0, 4).ptr);
    assert_str(pg_get_str(r, 0, 5), STR("{\"k\": \"quote \\\" and \xc3\xa9\", \"n\": [1, null]}"));
    assert_str(pg_get_str(r, 0, 6), json);
    assert_true(pg_get_bool(r, 0, 7));
    assert_true(pg_get_bool(r, 0, 8));
    assert_str(pg_get_str(r, 0, 9), STR("null"));
    pg_release(s);
}

static void test_bytes_uuid_and_json(void **state UNUSED)
{
    with_pool(NULL, bytes_body);
}

/* ---- times --------------------------------------------------------------------------------- */

#define DAY_MS INT64_C(86400000)

static void times_body(struct pg_pool *pool, struct arena *arena)
{
    /* The text is how psql shows it in UTC: an oracle that is not our own arithmetic. */
    static const struct {
        int64_t at;
        const char *text;
    } CASES[] = {
        {0, "1970-01-01 00:00:00+00"},
        {-1, "1969-12-31 23:59:59.999+00"},
        {951782400123, "2000-02-29 00:00:00.123+00"},
        {1709164799999, "2024-02-28 23:59:59.999+00"},
        {4107542400000, "2100-03-01 00:00:00+00"},
        {-62135596800000, "0001-01-01 00:00:00+00"},
        {-62135596800001, "0001-12-31 23:59:59.999+00 BC"},
        {-210866803200000, "4714-11-24 00:00:00+00 BC"},
        {253402300800000, "10000-01-01 00:00:00+00"},
        {9224318015999999, "294276-12-31 23:59:59.999+00"},
        {PG_TIME_INFINITY, "infinity"},
        {PG_TIME_NEG_INFINITY, "-infinity"},
    };
    struct pg_session *s = session(pool);
    int64_t all[ARRAY_LEN(CASES)];
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct pg_params p;
        all[i] = CASES[i].at;
        pg_params_init(&p, arena);
        pg_add_time(&p, CASES[i].at);
        const struct pg_result *r =
            run_stmt(s, "time", "SELECT $1::timestamptz, $1::timestamptz::text", &p, arena);
        assert_str(pg_get_str(r, 0, 1), str_c(CASES[i].text));
        assert_true(pg_get_time(r, 0, 0) == CASES[i].at);
    }
    struct pg_params p;
    pg_params_init(&p, arena);
    pg_add_time_array(&p, all, NULL, ARRAY_LEN(all));
    const struct pg_result *r =
        run_stmt(s, "times",
                 "SELECT a, a::text FROM unnest($1::timestamptz[]) WITH ORDINALITY u(a, o) "
                 "ORDER BY o",
                 &p, arena);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        assert_true(pg_get_time(r, i, 0) == CASES[i].at);
        assert_str(pg_get_str(r, i, 1), str_c(CASES[i].text));
    }
    r = run_stmt(s, "micros",
                 "SELECT '2024-02-29 12:34:56.789999+00'::timestamptz, "
                 "'1969-12-31 23:59:59.999999+00'::timestamptz",
                 NULL, arena);
    assert_true(pg_get_time_us(r, 0, 0) == 1709210096789999);
    assert_true(pg_get_time(r, 0, 0) == 1709210096789);
    assert_true(pg_get_time_us(r, 0, 1) == -1);
    assert_true(pg_get_time(r, 0, 1) == -1); /* down, not towards zero */

    struct err err = {0};
    struct pg_stmt stmt = STMT("time", "SELECT $1::timestamptz, $1::timestamptz::text", 1);
    pg_params_init(&p, arena);
    pg_add_time(&p, INT64_MAX - 1);
    assert_int_equal(pg_exec(s, &stmt, &p, soon(), NULL, NULL, &err), ERR_INVALID);
    pg_params_init(&p, arena);
    pg_add_time(&p, 9224318016000000); /* one past the server's last */
    assert_int_equal(pg_exec(s, &stmt, &p, soon(), NULL, NULL, &err), ERR_INVALID);
    assert_int_equal(err.sys, PG_SQLSTATE('2', '2', '0', '0', '8'));
    pg_release(s);
}

static void test_times_are_exact(void **state UNUSED)
{
    with_pool(NULL, times_body);
}

static void dates_body(struct pg_pool *pool, struct arena *arena)
{
    /* Every day of 800 years and the ends of the type, against the server's own calendar. */
    struct pg_session *s = session(pool);
    size_t count = 0;
    int32_t *days = ARENA_ARRAY(arena, int32_t, 300000);
    for (int32_t day = -146097; day < 146097; day++) {
        days[count++] = day;
    }
    struct pg_params p;
    pg_params_init(&p, arena);
    pg_add_date_array(&p, days, NULL, count);
    const struct pg_result *r =
        run_stmt(s, "dates",
                 "SELECT count(*) FROM unnest($1::date[]) WITH ORDINALITY u(a, o) "
                 "WHERE a = date '1970-01-01' + (o - 1 - 146097)::integer",
                 &p, arena);
    assert_int_equal(pg_get_i64(r, 0, 0), count);
    for (int32_t day = -719162 - 400; day < 4000000; day += 3651) {
        pg_params_init(&p, arena);
        pg_add_date(&p, day);
        r = run_stmt(s, "date", "SELECT $1::date, $1::date - date '1970-01-01'", &p, arena);
        assert_int_equal(pg_get_date(r, 0, 0), day);
        assert_int_equal(pg_get_i64(r, 0, 1), day);
    }
    r = run_stmt(s, "date_ends", "SELECT 'infinity'::date, '-infinity'::date, NULL::date", NULL,
                 arena);
    assert_int_equal(pg_get_date(r, 0, 0), INT32_MAX);
    assert_int_equal(pg_get_date(r, 0, 1), INT32_MIN);
    assert_true(pg_is_null(r, 0, 2));
    pg_release(s);
}

static void test_dates_are_exact(void **state UNUSED)
{
    with_pool(NULL, dates_body);
}

/* ---- arrays -------------------------------------------------------------------------------- */

static void arrays_body(struct pg_pool *pool, struct arena *arena)
{
    static const bool NULLS[] = {false, true, false};
    static const int16_t I16[] = {INT16_MIN, 5, INT16_MAX};
    static const int32_t I32[] = {INT32_MIN, 5, INT32_MAX};
    static const int64_t I64[] = {INT64_MIN, 5, INT64_MAX};
    static const bool BOOLS[] = {true, true, false};
    static const int64_t TIMES[] = {0, INT64_MAX / 2, 86400000};
    const struct uuid ids[] = {uuid_random(), uuid_random(), uuid_random()};
    struct pg_session *s = session(pool);
    struct pg_params p;
    size_t count = 0;
    pg_params_init(&p, arena);
    pg_add_i16_array(&p, I16, NULLS, 3);
    pg_add_i32_array(&p, I32, NULLS, 3);
    pg_add_i64_array(&p, I64, NULLS, 3);
    pg_add_bool_array(&p, BOOLS, NULLS, 3);
    pg_add_time_array(&p, TIMES, NULLS, 3); /* the null one would be out of range */
    pg_add_uuid_array(&p, ids, NULLS, 3);
    pg_add_text_array(&p, NULL, 0);
    const struct pg_result *r = run_stmt(
        s, "arrays",
        "SELECT $1::smallint[], $2::integer[], $3::bigint[], $4::boolean[]::text, "
        "$5::timestamptz[]::text, $6::uuid[], $7::text[], cardinality($7::text[]), NULL::text[]",
        &p, arena);
    for (size_t column = 0; column < 3; column++) {
        int64_t *got = pg_get_i64_array(r, 0, column, arena, &count);
        assert_int_equal(count, 3);
        assert_true(got[0] == (column == 0 ? INT16_MIN : column == 1 ? INT32_MIN : INT64_MIN));
        assert_int_equal(got[1], 0);
        assert_true(got[2] == (column == 0 ? INT16_MAX : column == 1 ? INT32_MAX : INT64_MAX));
    }
    assert_str(pg_get_str(r, 0, 3), STR("{t,NULL,f}"));
    assert_str(pg_get_str(r, 0, 4),
               STR("{\"1970-01-01 00:00:00+00\",NULL,\"1970-01-02 00:00:00+00\"}"));
    struct uuid *back = pg_get_uuid_array(r, 0, 5, arena, &count);
    assert_int_equal(count, 3);
    assert_true(uuid_eq(back[0], ids[0]));
    assert_true(uuid_is_nil(back[1]));
    assert_true(uuid_eq(back[2], ids[2]));
    assert_non_null(pg_get_text_array(r, 0, 6, arena, &count));
    assert_int_equal(count, 0);
    assert_int_equal(pg_get_i64(r, 0, 7), 0);
    assert_null(pg_get_text_array(r, 0, 8, arena, &count));
    pg_release(s);
}

static void test_arrays_with_nulls(void **state UNUSED)
{
    with_pool(NULL, arrays_body);
}

#define UPSERT_ROWS 10000

static void upsert_body(struct pg_pool *pool, struct arena *arena)
{
    struct pg_session *s = session(pool);
    struct str *names = ARENA_ARRAY(arena, struct str, UPSERT_ROWS);
    struct str *docs = ARENA_ARRAY(arena, struct str, UPSERT_ROWS);
    int64_t *times = ARENA_ARRAY(arena, int64_t, UPSERT_ROWS);
    bool *nulls = ARENA_ARRAY(arena, bool, UPSERT_ROWS);
    run_sql(s, "CREATE TABLE up (name text PRIMARY KEY, doc jsonb, at timestamptz)");
    for (size_t i = 0; i < UPSERT_ROWS; i++) {
        names[i] = arena_strf(arena, "row \"%zu\" \\ '%zu'", i, i);
        docs[i] = arena_strf(arena, "{\"i\": %zu}", i);
        times[i] = (int64_t)i * 1000;
        nulls[i] = i % 7 == 0;
    }
    for (int round = 0; round < 2; round++) {
        struct pg_params p;
        pg_params_init(&p, arena);
        pg_add_text_array(&p, names, UPSERT_ROWS);
        pg_add_jsonb_array(&p, docs, UPSERT_ROWS);
        pg_add_time_array(&p, times, nulls, UPSERT_ROWS);
        const struct pg_result *r =
            run_stmt(s, "up",
                     "INSERT INTO up SELECT * FROM unnest($1::text[], $2::jsonb[], "
                     "$3::timestamptz[]) ON CONFLICT (name) DO UPDATE SET doc = excluded.doc",
                     &p, arena);
        assert_int_equal(pg_affected(r), UPSERT_ROWS);
    }
    assert_int_equal(ask_i64(s, "up_count",
                             "SELECT count(*) FROM up WHERE name = format('row \"%s\" \\ ''%s''', "
                             "doc->>'i', doc->>'i') AND at IS NOT DISTINCT FROM CASE WHEN "
                             "(doc->>'i')::integer % 7 > 0 THEN "
                             "to_timestamp((doc->>'i')::integer) END"),
                     UPSERT_ROWS);
    pg_release(s);
}

static void test_ten_thousand_rows_in_one_statement(void **state UNUSED)
{
    with_pool(NULL, upsert_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_texts_come_back_as_they_went),
        cmocka_unit_test(test_text_that_is_not_utf8_is_refused_before_sending),
        cmocka_unit_test(test_numbers_and_nulls),
        cmocka_unit_test(test_bytes_uuid_and_json),
        cmocka_unit_test(test_times_are_exact),
        cmocka_unit_test(test_dates_are_exact),
        cmocka_unit_test(test_arrays_with_nulls),
        cmocka_unit_test(test_ten_thousand_rows_in_one_statement),
    };
    return cmocka_run_group_tests(tests, database_create, database_drop);
}

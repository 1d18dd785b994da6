/* Retry-After, Cache-Control, names, and statuses without a word. */
#include "providers/jwks.h"
#include "providers/names.h"
#include "providers/transport.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first */
#include <cmocka.h>

/* 2026-10-26T07:33:20Z */
#define NOW INT64_C(1793000000000)
#define DAY_MS 86400000

static void test_retry_after_is_seconds_or_a_date(void **state UNUSED)
{
    static const struct {
        const char *text;
        int32_t ms;
    } rows[] = {
        {"1", 1000},
        {" 30 ", 30000},
        {"0", 1},
        {"99999999999", DAY_MS},
        {"Mon, 26 Oct 2026 07:33:30 GMT", 10000},
        {"Mon, 26 Oct 2026 07:33:10 GMT", 1}, /* past: at once */
        {"Tue, 26 Oct 2027 07:33:20 GMT", DAY_MS},
        {"", 0},
        {"-1", 0},
        {"+1", 0},
        {"1.5", 0},
        {"soon", 0},
        {"Mon, 26 Okt 2026 07:33:30 GMT", 0},
        {"Mon, 32 Oct 2026 07:33:30 GMT", 0},
        {"Mon, 26 Oct 2026 27:33:30 GMT", 0},
        {"Mon, 26 Oct 2026 07:33:30 UTC", 0},
        {"Mon, 26 anF 2026 07:33:30 GMT", 0},
        {"9223372036854775808", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int32_t got = provider_retry_after_ms(str_c(rows[i].text), NOW);
        if (got != rows[i].ms) {
            fail_msg("'%s' is %d ms", rows[i].text, got);
        }
    }
    assert_int_equal(provider_retry_after_ms((struct str){0}, NOW), 0);
}

static void test_keys_are_kept_between_five_minutes_and_a_day(void **state UNUSED)
{
    assert_int_equal(provider_jwks_life_ms((struct str){0}), 300000);
    assert_int_equal(provider_jwks_life_ms(STR("no-store")), 300000);
    assert_int_equal(provider_jwks_life_ms(STR("max-age=1")), 300000);
    assert_int_equal(provider_jwks_life_ms(STR("public, Max-Age=20000, must-revalidate")),
                     20000000);
    assert_int_equal(provider_jwks_life_ms(STR("max-age=99999999999999")), DAY_MS);
    assert_int_equal(provider_jwks_life_ms(STR("max-age=x")), 300000);
    assert_int_equal(provider_jwks_life_ms(STR("max-age=-7")), 300000);
}

static void test_grants_and_roles_go_to_text_and_back(void **state UNUSED)
{
    struct buf out;
    buf_init(&out, 256);
    for (uint32_t grants = 0; grants < 16; grants++) {
        buf_reset(&out);
        provider_grants_print(grants, &out);
        assert_int_equal(provider_grants_parse(buf_str(&out)), grants);
    }
    assert_string_equal(buf_c(&out), "read write calendars free_busy");
    buf_fini(&out);
    assert_int_equal(provider_grants_parse(STR("read everything")), PROVIDER_GRANT_READ);
    assert_string_equal(provider_grant_name(PROVIDER_GRANT_WRITE), "write");
    for (enum provider_role r = PROVIDER_ROLE_NONE; r <= PROVIDER_ROLE_OWNER; r++) {
        assert_int_equal(provider_role_parse(str_c(provider_role_name(r))), r);
    }
    assert_int_equal(provider_role_parse(STR("root")), PROVIDER_ROLE_NONE);
}

static void test_a_status_alone_has_a_meaning(void **state UNUSED)
{
    static const struct {
        int status;
        enum err_code code;
        enum err_act act;
    } rows[] = {
        {302, ERR_PROTO, ERR_ACT_RETRY},       {400, ERR_INVALID, ERR_ACT_DROP},
        {401, ERR_AUTH, ERR_ACT_REAUTH},       {403, ERR_DENIED, ERR_ACT_DROP},
        {404, ERR_NOT_FOUND, ERR_ACT_NONE},    {408, ERR_UNAVAILABLE, ERR_ACT_RETRY},
        {409, ERR_EXISTS, ERR_ACT_NONE},       {410, ERR_GONE, ERR_ACT_NONE},
        {412, ERR_CONFLICT, ERR_ACT_NONE},     {429, ERR_THROTTLED, ERR_ACT_RETRY},
        {500, ERR_UNAVAILABLE, ERR_ACT_RETRY}, {599, ERR_UNAVAILABLE, ERR_ACT_RETRY},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {0};
        assert_int_equal(provider_classify_status(rows[i].status, &err), rows[i].code);
        assert_int_equal(err.act, rows[i].act);
        assert_int_equal(err.sys, rows[i].status);
    }
}

static void test_only_an_object_is_an_answer(void **state UNUSED)
{
    static const char *const none[] = {"", "[]", "null", "7", "{", "{}{}", "<html>"};
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        assert_null(provider_json_object(&arena, str_c(none[i])));
    }
    assert_non_null(provider_json_object(&arena, STR("{}")));
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_after_is_seconds_or_a_date),
        cmocka_unit_test(test_keys_are_kept_between_five_minutes_and_a_day),
        cmocka_unit_test(test_grants_and_roles_go_to_text_and_back),
        cmocka_unit_test(test_a_status_alone_has_a_meaning),
        cmocka_unit_test(test_only_an_object_is_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

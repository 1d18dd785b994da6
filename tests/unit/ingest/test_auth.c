/* Who asks, decided from the Authorization header alone. */
#include "auth.h"
#include "crypto/jwt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define NOW INT64_C(1800000000000)
#define SECRET STR("a secret that has more than 32 bytes")
#define SERVICE_KEY STR("an opaque key of the service role, long")
#define USER "11111111-2222-4333-8444-555555555555"
#define ORG "99999999-2222-4333-8444-555555555555"
#define EXP "\"exp\":1800000600"

static bool check(struct arena *arena, struct str header, struct message_caller *caller,
                  struct refusal *refusal)
{
    struct auth_rules rules = {
        .jwt = {.hs256_secret = SECRET, .skew_ms = 30000, .now_ms = NOW},
        .service_key = SERVICE_KEY,
    };
    return auth_check(&rules, header, arena, caller, refusal);
}

static bool check_claims(struct arena *arena, struct str secret, const char *claims,
                         struct message_caller *caller, struct refusal *refusal)
{
    struct buf header CLEANUP(buf_fini);
    buf_init(&header, 8192);
    buf_add_c(&header, "Bearer ");
    crypto_jwt_sign_hs256(secret, str_c(claims), &header);
    return check(arena, arena_str(arena, buf_str(&header)), caller, refusal);
}

static void test_good_tokens(void **state UNUSED)
{
    static const struct {
        const char *claims;
        uint64_t role;
        const char *org;
    } cases[] = {
        {"{\"sub\":\"" USER "\"," EXP "}", MESSAGE_ROLE_USER, NULL},
        {"{\"sub\":\"" USER "\",\"role\":\"authenticated\"," EXP "}", MESSAGE_ROLE_USER, NULL},
        {"{\"sub\":\"" USER "\",\"organization_id\":\"" ORG "\"," EXP "}", MESSAGE_ROLE_USER, ORG},
        {"{\"sub\":\"" USER "\",\"organization_id\":null," EXP "}", MESSAGE_ROLE_USER, NULL},
        {"{\"sub\":\"" USER "\",\"app_metadata\":{\"organization_id\":\"" ORG "\"}," EXP "}",
         MESSAGE_ROLE_USER, ORG},
        {"{\"role\":\"service_role\"," EXP "}", MESSAGE_ROLE_SERVICE, NULL},
        {"{\"role\":\"service_role\",\"sub\":\"no uuid\"," EXP "}", MESSAGE_ROLE_SERVICE, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena CLEANUP(arena_fini);
        struct message_caller caller;
        struct refusal refusal;
        arena_init(&arena);
        assert_true(check_claims(&arena, SECRET, cases[i].claims, &caller, &refusal));
        assert_int_equal(caller.role, cases[i].role);
        assert_int_equal(MESSAGE_HAS(caller, &caller, user), cases[i].role == MESSAGE_ROLE_USER);
        assert_int_equal(MESSAGE_HAS(caller, &caller, organization), cases[i].org != NULL);
        if (cases[i].org != NULL) {
            assert_string_equal(UUID_C(caller.organization), cases[i].org);
        }
    }
}

static void test_bad_tokens(void **state UNUSED)
{
    static const struct {
        const char *claims;
        int status;
        const char *code;
    } cases[] = {
        {"{\"sub\":\"" USER "\"}", 401, "invalid_token"}, /* no end */
        {"{\"sub\":\"" USER "\",\"exp\":1799999000}", 401, "token_expired"},
        {"{\"sub\":\"someone\"," EXP "}", 401, "invalid_token"},
        {"{\"sub\":\"00000000-0000-0000-0000-000000000000\"," EXP "}", 401, "invalid_token"},
        {"{" EXP "}", 401, "invalid_token"},
        {"{\"sub\":\"" USER "\",\"role\":\"anon\"," EXP "}", 403, "role_not_allowed"},
        {"{\"sub\":\"" USER "\",\"role\":1," EXP "}", 403, "role_not_allowed"},
        {"{\"sub\":\"" USER "\",\"organization_id\":\"x\"," EXP "}", 401, "invalid_token"},
        {"{\"sub\":\"" USER "\",\"organization_id\":7," EXP "}", 401, "invalid_token"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena CLEANUP(arena_fini);
        struct message_caller caller = {.role = 77};
        struct refusal refusal;
        arena_init(&arena);
        assert_false(check_claims(&arena, SECRET, cases[i].claims, &caller, &refusal));
        assert_int_equal(refusal.status, cases[i].status);
        assert_string_equal(refusal.code, cases[i].code);
        assert_int_equal(caller.role, 77); /* untouched */
    }
}

static void test_foreign_signature(void **state UNUSED)
{
    struct arena arena CLEANUP(arena_fini);
    struct message_caller caller;
    struct refusal refusal;
    arena_init(&arena);
    assert_false(check_claims(&arena, STR("another secret that has 32 bytes or more"),
                              "{\"role\":\"service_role\"," EXP "}", &caller, &refusal));
    assert_int_equal(refusal.status, 401);
    assert_string_equal(refusal.code, "invalid_token");
}

static void test_headers(void **state UNUSED)
{
    static const char *const bad[] = {"",
                                      "Bearer",
                                      "Bearer ",
                                      "Basic YTpi",
                                      "Bearer x.y.z",
                                      "Bearer an opaque key of the service role, lonG",
                                      "Bearer an opaque key of the service role, lon"};
    struct arena arena CLEANUP(arena_fini);
    struct message_caller caller;
    struct refusal refusal;
    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(check(&arena, str_c(bad[i]), &caller, &refusal));
        assert_int_equal(refusal.status, 401);
    }
    assert_true(
        check(&arena, STR("bearer an opaque key of the service role, long"), &caller, &refusal));
    assert_int_equal(caller.role, MESSAGE_ROLE_SERVICE);
    assert_false(auth_want_user(&caller, &refusal));
    assert_int_equal(refusal.status, 403);
}

static void test_no_service_key_is_no_key(void **state UNUSED)
{
    struct auth_rules rules = {.jwt = {.hs256_secret = SECRET, .now_ms = NOW}};
    struct arena arena CLEANUP(arena_fini);
    struct message_caller caller;
    struct refusal refusal;
    arena_init(&arena);
    assert_false(auth_check(&rules, STR("Bearer "), &arena, &caller, &refusal));
    assert_false(auth_check(&rules, STR("Bearer x"), &arena, &caller, &refusal));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_tokens),
        cmocka_unit_test(test_bad_tokens),
        cmocka_unit_test(test_foreign_signature),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_no_service_key_is_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

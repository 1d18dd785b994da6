/* The token endpoint's answers: a dead grant, our own mistake and an outage are three things. */
#include "providers/oauth.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first */
#include <cmocka.h>

#define NOW INT64_C(1790000000000)

static int setup(void **state)
{
    struct arena *arena = xcalloc(1, sizeof *arena);
    arena_init(arena);
    *state = arena;
    return 0;
}

static int teardown(void **state)
{
    arena_fini(*state);
    free(*state);
    return 0;
}

static void test_tokens_are_read(void **state)
{
    struct provider_tokens t;
    assert_int_equal(provider_oauth_read(200,
                                         STR("{\"access_token\":\"a\",\"expires_in\":3599,"
                                             "\"refresh_token\":\"r\",\"scope\":\"x y\","
                                             "\"id_token\":\"i\"}"),
                                         NOW, *state, &t, NULL),
                     ERR_OK);
    assert_true(str_eq_c(t.access_token, "a") && str_eq_c(t.refresh_token, "r"));
    assert_true(str_eq_c(t.scope, "x y") && str_eq_c(t.id_token, "i"));
    assert_int_equal(t.expires_at, NOW + 3599000);
    /* a refresh gives no new one: the old one stays */
    assert_int_equal(provider_oauth_read(200, STR("{\"access_token\":\"a\",\"expires_in\":\"60\"}"),
                                         NOW, *state, &t, NULL),
                     ERR_OK);
    assert_int_equal(t.refresh_token.len, 0);
    assert_int_equal(t.expires_at, NOW + 60000);
    static const char *const odd[] = {"-5", "\"x\"", "1e99", "99999999999999999", "null"};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        struct str body = arena_strf(*state, "{\"access_token\":\"a\",\"expires_in\":%s}", odd[i]);
        assert_int_equal(provider_oauth_read(200, body, NOW, *state, &t, NULL), ERR_OK);
        assert_true(t.expires_at >= NOW && t.expires_at <= NOW + INT64_C(31) * 86400000);
    }
}

static void test_only_an_error_that_names_the_grant_condemns_it(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum err_code code;
        enum err_act act;
    } rows[] = {
        {400,
         "{\"error\":\"invalid_grant\",\"error_description\":\"Token has been expired or "
         "revoked.\"}",
         ERR_AUTH, ERR_ACT_REAUTH},
        {400, "{\"error\":\"invalid_grant\",\"error_description\":\"Bad Request\"}", ERR_AUTH,
         ERR_ACT_REAUTH},
        {400, "{\"error\":\"invalid_grant\",\"error_subtype\":\"invalid_rapt\"}", ERR_AUTH,
         ERR_ACT_REAUTH},
        {400, "{\"error\":\"admin_policy_enforced\"}", ERR_AUTH, ERR_ACT_REAUTH},
        {400, "{\"error\":\"redirect_uri_mismatch\"}", ERR_CONFIG, ERR_ACT_CONFIG},
        {400, "{\"error\":\"invalid_request\"}", ERR_CONFIG, ERR_ACT_CONFIG},
        {400, "{\"error\":\"unsupported_grant_type\"}", ERR_CONFIG, ERR_ACT_CONFIG},
        {401, "{\"error\":\"invalid_client\",\"error_description\":\"Unauthorized\"}", ERR_CONFIG,
         ERR_ACT_CONFIG},
        {400, "{\"error\":\"unauthorized_client\"}", ERR_CONFIG, ERR_ACT_CONFIG},
        {401, "{\"error\":\"deleted_client\"}", ERR_CONFIG, ERR_ACT_CONFIG},
        {400, "{\"error\":\"never_heard_of\"}", ERR_CONFIG, ERR_ACT_CONFIG},
        {429, "{\"error\":\"rate_limit_exceeded\"}", ERR_THROTTLED, ERR_ACT_RETRY},
        {403, "{\"error\":\"rate_limit_exceeded\"}", ERR_THROTTLED, ERR_ACT_RETRY},
        {429, "", ERR_THROTTLED, ERR_ACT_RETRY},
        {500, "{\"error\":\"internal_failure\"}", ERR_UNAVAILABLE, ERR_ACT_RETRY},
        {503, "{\"error\":\"temporarily_unavailable\"}", ERR_UNAVAILABLE, ERR_ACT_RETRY},
        /* an outage that quotes a revocation is an outage */
        {503, "{\"error\":\"invalid_grant\"}", ERR_UNAVAILABLE, ERR_ACT_RETRY},
        {400, "<html>Bad Request</html>", ERR_UNAVAILABLE, ERR_ACT_RETRY},
        {400, "", ERR_UNAVAILABLE, ERR_ACT_RETRY},
        {400, "{\"error\":{\"code\":400}}", ERR_UNAVAILABLE, ERR_ACT_RETRY},
        {302, "", ERR_UNAVAILABLE, ERR_ACT_RETRY},
        {200, "<html></html>", ERR_PROTO, ERR_ACT_RETRY},
        {200, "{}", ERR_PROTO, ERR_ACT_RETRY},
        {200, "", ERR_PROTO, ERR_ACT_RETRY},
        {200, "{\"access_token\":\"\"}", ERR_PROTO, ERR_ACT_RETRY},
        {200, "{\"access_token\":\"a\"", ERR_PROTO, ERR_ACT_RETRY},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct provider_tokens t;
        struct err err = {0};
        enum err_code rc =
            provider_oauth_read(rows[i].status, str_c(rows[i].body), NOW, *state, &t, &err);
        if (rc != rows[i].code || err.code != rc || err.act != rows[i].act) {
            fail_msg("%d %s: %s/%s", rows[i].status, rows[i].body, err_code_name(rc),
                     err_act_name(err.act));
        }
    }
}

static void test_the_providers_words_are_kept_on_one_line(void **state)
{
    struct provider_tokens t;
    struct err err = {0};
    struct str body = STR("{\"error\":\"invalid_grant\",\"error_subtype\":\"invalid_rapt\","
                          "\"error_description\":\"reauth related error\\n\\u0007<b>\"}");
    assert_int_equal(provider_oauth_read(400, body, NOW, *state, &t, &err), ERR_AUTH);
    assert_string_equal(err.text,
                        "invalid_grant/invalid_rapt: reauth related errorb (HTTP status 400)");
    assert_int_equal(err.sys, 400);
}

static void test_forms_prove_the_client_and_encode(void **state UNUSED)
{
    struct provider_client client = {
        .id = STR("i d"), .secret = STR("s&"), .redirect_uri = STR("u")};
    struct buf out;
    buf_init(&out, 4096);
    provider_oauth_code_form(&client, STR("4/0A=b"), STR("ver"), &out);
    assert_string_equal(buf_c(&out),
                        "grant_type=authorization_code&client_id=i%20d&client_secret=s%26&"
                        "redirect_uri=u&code=4%2F0A%3Db&code_verifier=ver");
    buf_reset(&out);
    provider_oauth_refresh_form(&client, STR("1//r"), &out);
    assert_string_equal(buf_c(&out), "grant_type=refresh_token&client_id=i%20d&client_secret=s%26&"
                                     "refresh_token=1%2F%2Fr");
    buf_fini(&out);
}

static void test_a_scope_is_a_whole_word(void **state UNUSED)
{
    assert_true(provider_scope_has(STR("a b c"), "b"));
    assert_false(provider_scope_has(STR("ab bc"), "b"));
    assert_false(provider_scope_has((struct str){0}, "b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_tokens_are_read),
        TEST(test_only_an_error_that_names_the_grant_condemns_it),
        TEST(test_the_providers_words_are_kept_on_one_line),
        TEST(test_forms_prove_the_client_and_encode),
        TEST(test_a_scope_is_a_whole_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

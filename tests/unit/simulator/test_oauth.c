/* Consent, codes, tokens, and how grants end. */
#include "harness.h"

#include "simulator/google/oauth.h"

#define VERIFIER "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ASK                                                                                        \
    "client_id=" G_DEFAULT_CLIENT_ID "&redirect_uri=https://app/cb&response_type=code"             \
    "&scope=openid+email+https://www.googleapis.com/auth/calendar.events&state=S%%26x"             \
    "&access_type=offline&code_challenge=" VERIFIER "&account=ana@example.com"
#define CLIENT "&client_id=" G_DEFAULT_CLIENT_ID "&client_secret=" G_DEFAULT_CLIENT_SECRET

/* A parameter of the redirect. */
static const char *redirected(struct harness *h, const char *name)
{
    struct str to = str_c(harness_header(h, "location"));
    struct str value = STR("");
    size_t mark = str_find_char(to, '?');
    (void)form_find(str_sub(to, mark + 1, SIZE_MAX), name, &h->arena, &value);
    return arena_cstr(&h->arena, value);
}

static const char *consent(struct harness *h, const char *more)
{
    harness_call(h, "POST", "/o/oauth2/v2/auth", harness_fmt(h, ASK "%s", more));
    assert_int_equal(h->status, 302);
    return redirected(h, "code");
}

static int exchange(struct harness *h, const char *code, const char *verifier)
{
    return harness_call(h, "POST", "/token",
                        harness_fmt(h,
                                    "grant_type=authorization_code&code=%s&code_verifier=%s"
                                    "&redirect_uri=https://app/cb" CLIENT,
                                    code, verifier));
}

static int refresh(struct harness *h, const char *token)
{
    return harness_call(h, "POST", "/token",
                        harness_fmt(h, "grant_type=refresh_token&refresh_token=%s" CLIENT, token));
}

/* A refresh token by the whole way. */
static const char *connect(struct harness *h)
{
    assert_int_equal(exchange(h, consent(h, "&prompt=consent"), VERIFIER), 200);
    const char *token = harness_text(h, "refresh_token");
    assert_string_not_equal(token, "");
    return token;
}

static void test_state_and_scopes_come_back(void **state)
{
    struct harness *h = *state;
    consent(h, "&decision=accept");
    assert_string_equal(redirected(h, "state"), "S&x");
    assert_non_null(strstr(redirected(h, "scope"), "userinfo.email"));
    consent(h, "&decision=decline");
    assert_string_equal(redirected(h, "error"), "access_denied");
    assert_string_equal(redirected(h, "code"), "");
    consent(h, "&granular=1&grant=https://www.googleapis.com/auth/calendar.readonly");
    assert_null(strstr(redirected(h, "scope"), "calendar"));
}

static void test_a_code_works_once_with_its_proofs(void **state)
{
    struct harness *h = *state;
    const char *code = consent(h, "&prompt=consent");
    assert_int_equal(exchange(h, code, VERIFIER), 200);
    assert_int_equal(json_integer_value(harness_at(h, "expires_in")), 3599);
    assert_string_not_equal(harness_text(h, "id_token"), "");
    assert_int_equal(exchange(h, code, VERIFIER), 400);
    assert_string_equal(harness_text(h, "error"), "invalid_grant");
    assert_int_equal(exchange(h, consent(h, ""), VERIFIER "b"), 400);
    code = consent(h, "");
    harness_advance(G_CODE_LIFE_MS + 1);
    assert_int_equal(exchange(h, code, VERIFIER), 400);
}

static void test_a_known_grant_gets_no_refresh_token_without_consent(void **state)
{
    struct harness *h = *state;
    connect(h);
    assert_int_equal(exchange(h, consent(h, ""), VERIFIER), 200);
    assert_string_equal(harness_text(h, "refresh_token"), "");
}

static void test_a_wrong_secret_is_invalid_client(void **state)
{
    struct harness *h = *state;
    harness_call(h, "POST", "/token",
                 "grant_type=refresh_token&refresh_token=x&client_id=" G_DEFAULT_CLIENT_ID
                 "&client_secret=wrong");
    assert_int_equal(h->status, 401);
    assert_string_equal(harness_text(h, "error"), "invalid_client");
}

static void test_refresh_is_not_rotated_and_old_access_lives_on(void **state)
{
    struct harness *h = *state;
    const char *token = connect(h);
    const char *first = harness_text(h, "access_token");
    assert_int_equal(refresh(h, token), 200);
    assert_string_equal(harness_text(h, "refresh_token"), "");
    h->token = first;
    assert_int_equal(harness_events(h, "GET", "", NULL), 200);
    harness_advance(3600 * 1000);
    assert_int_equal(harness_events(h, "GET", "", NULL), 401);
    assert_string_equal(harness_reason(h), "authError");
    assert_string_equal(harness_text(h, "error.errors.0.location"), "Authorization");
    assert_string_not_equal(harness_header(h, "www-authenticate"), "");
}

static void test_revoking_ends_all_grants_of_the_project(void **state)
{
    struct harness *h = *state;
    harness_call(h, "POST", "/admin/clients",
                 "{\"id\":\"sibling\",\"secret\":\"s\",\"project\":\"calfleet-dev\"}");
    harness_call(h, "POST", "/admin/tokens",
                 "{\"account\":\"ana@example.com\",\"client_id\":\"sibling\"}");
    const char *sibling = harness_text(h, "refresh_token");
    const char *token = connect(h);
    assert_int_equal(harness_call(h, "POST", "/revoke", harness_fmt(h, "token=%s", token)), 200);
    assert_int_equal(refresh(h, token), 400);
    assert_string_equal(harness_text(h, "error_description"), "Token has been expired or revoked.");
    harness_call(h, "POST", "/token",
                 harness_fmt(h,
                             "grant_type=refresh_token&refresh_token=%s&client_id=sibling"
                             "&client_secret=s",
                             sibling));
    assert_int_equal(h->status, 400);
    h->token = NULL;
    assert_int_equal(harness_call(h, "POST", "/revoke", "token=unknown"), 400);
}

static void test_the_oldest_of_101_refresh_tokens_is_dropped(void **state)
{
    struct harness *h = *state;
    const char *first = connect(h);
    const char *second = connect(h);
    for (int i = 0; i < G_REFRESH_TOKENS_MAX - 1; i++) {
        harness_call(h, "POST", "/admin/tokens", "{\"account\":\"ana@example.com\"}");
    }
    assert_int_equal(refresh(h, first), 400);
    assert_int_equal(refresh(h, second), 200);
}

static void test_refresh_tokens_end_unused_and_in_testing(void **state)
{
    struct harness *h = *state;
    const char *token = connect(h);
    harness_advance(G_REFRESH_UNUSED_MS - 1000);
    assert_int_equal(refresh(h, token), 200);
    harness_advance(G_REFRESH_UNUSED_MS + 1000);
    assert_int_equal(refresh(h, token), 400);
    h->sim.google->modes.testing = true;
    token = connect(h);
    harness_advance(G_REFRESH_TESTING_MS + 1000);
    assert_int_equal(refresh(h, token), 400);
}

static void test_session_policy(void **state)
{
    struct harness *h = *state;
    const char *token = connect(h);
    harness_call(h, "POST", "/admin/grants/policy",
                 "{\"account\":\"ana@example.com\",\"policy\":\"invalid_rapt\"}");
    assert_int_equal(refresh(h, token), 400);
    assert_string_equal(harness_text(h, "error"), "invalid_grant");
    assert_string_equal(harness_text(h, "error_subtype"), "invalid_rapt");
    harness_call(h, "POST", "/admin/grants/policy", "{\"account\":\"ana@example.com\"}");
    assert_int_equal(refresh(h, token), 200);
}

static void test_scopes_decide_what_a_token_may(void **state)
{
    struct harness *h = *state;
    static const struct {
        const char *scope;
        int list, insert, calendar_list, free_busy;
    } rows[] = {
        {"calendar", 200, 200, 200, 200},
        {"calendar.events", 200, 200, 403, 403},
        {"calendar.events.readonly", 200, 403, 403, 403},
        {"calendar.readonly", 200, 403, 200, 200},
        {"calendar.freebusy", 403, 403, 403, 200},
        {"calendar.calendarlist.readonly", 403, 403, 200, 403},
        {"calendar.calendars", 403, 403, 403, 403},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        harness_call(h, "POST", "/admin/tokens",
                     harness_fmt(h,
                                 "{\"account\":\"ana@example.com\",\"scope\":"
                                 "\"https://www.googleapis.com/auth/%s\"}",
                                 rows[i].scope));
        h->token = harness_text(h, "access_token");
        assert_int_equal(harness_events(h, "GET", "", NULL), rows[i].list);
        assert_int_equal(harness_events(h, "POST", "",
                                        "{\"start\":{\"date\":\"2026-10-05\"},"
                                        "\"end\":{\"date\":\"2026-10-06\"}}"),
                         rows[i].insert);
        assert_int_equal(harness_call(h, "GET", "/calendar/v3/users/me/calendarList", NULL),
                         rows[i].calendar_list);
        harness_call(h, "POST", "/calendar/v3/freeBusy",
                     "{\"timeMin\":\"2026-10-12T00:00:00Z\",\"timeMax\":\"2026-10-13T00:00:00Z\"}");
        assert_int_equal(h->status, rows[i].free_busy);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_state_and_scopes_come_back),
        T(test_a_code_works_once_with_its_proofs),
        T(test_a_known_grant_gets_no_refresh_token_without_consent),
        T(test_a_wrong_secret_is_invalid_client),
        T(test_refresh_is_not_rotated_and_old_access_lives_on),
        T(test_revoking_ends_all_grants_of_the_project),
        T(test_the_oldest_of_101_refresh_tokens_is_dropped),
        T(test_refresh_tokens_end_unused_and_in_testing),
        T(test_session_policy),
        T(test_scopes_decide_what_a_token_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

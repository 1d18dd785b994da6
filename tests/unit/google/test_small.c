/* Calendars, free/busy answers, channels, scopes, the consent page's address. */
#include "base/encode.h"
#include "google/google.h"
#include "google/mapping.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first */
#include <cmocka.h>

static const struct json *parse(struct arena *arena, const char *text)
{
    const struct json *value = NULL;
    assert_int_equal(json_parse(arena, str_c(text), &value, NULL), ERR_OK);
    return value;
}

static void test_calendars_have_the_users_own_title_and_the_least_role(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena);
    struct provider_calendar c;
    const struct json *item =
        parse(&arena, "{\"id\":\"ana@example.com\",\"summary\":\"s\",\"summaryOverride\":\"mine\","
                      "\"timeZone\":\"Europe/Lisbon\",\"accessRole\":\"owner\",\"primary\":true,"
                      "\"backgroundColor\":\"#9fe1e7\"}");
    assert_int_equal(google_calendar_read(item, &c, NULL), ERR_OK);
    assert_true(str_eq_c(c.name, "mine") && str_eq_c(c.zone, "Europe/Lisbon"));
    assert_int_equal(c.role, PROVIDER_ROLE_OWNER);
    assert_true(c.primary && c.watchable && !c.deleted);
    item = parse(&arena, "{\"id\":\"en.usa#holiday@group.v.calendar.google.com\",\"deleted\":true,"
                         "\"accessRole\":\"archduke\"}");
    assert_int_equal(google_calendar_read(item, &c, NULL), ERR_OK);
    assert_int_equal(c.role, PROVIDER_ROLE_NONE);
    assert_true(c.deleted && !c.watchable && !c.primary);
    assert_int_equal(google_role_parse(STR("writerWithoutPrivateAccess")), PROVIDER_ROLE_WRITER);
    assert_int_equal(google_calendar_read(parse(&arena, "{}"), &c, NULL), ERR_PROTO);
    arena_fini(&arena);
}

static void test_busy_is_unknown_unless_it_was_said(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena);
    struct provider_busy busy;
    google_busy_read(parse(&arena, "{\"busy\":[{\"start\":\"2026-10-20T09:00:00Z\",\"end\":"
                                   "\"2026-10-20T09:30:00Z\"}]}"),
                     &arena, &busy);
    assert_int_equal(busy.code, ERR_OK);
    assert_int_equal(busy.span_count, 1);
    assert_int_equal(busy.spans[0].end_at - busy.spans[0].start_at, 30 * 60 * 1000);
    google_busy_read(parse(&arena, "{\"busy\":[]}"), &arena, &busy);
    assert_int_equal(busy.code, ERR_OK);
    assert_int_equal(busy.span_count, 0);
    static const struct {
        const char *text;
        enum err_code code;
    } rows[] = {
        {"null", ERR_UNAVAILABLE},
        {"{}", ERR_UNAVAILABLE},
        {"{\"busy\":[],\"errors\":[{\"reason\":\"notFound\"}]}", ERR_NOT_FOUND},
        {"{\"busy\":[],\"errors\":[{\"reason\":\"brandNew\"}]}", ERR_UNAVAILABLE},
        {"{\"busy\":[{\"start\":\"x\",\"end\":\"y\"}]}", ERR_PROTO},
        {"{\"busy\":[1]}", ERR_PROTO},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        google_busy_read(parse(&arena, rows[i].text), &arena, &busy);
        assert_int_equal(busy.code, rows[i].code);
        assert_int_equal(busy.span_count, 0);
    }
    google_busy_read(NULL, &arena, &busy);
    assert_int_equal(busy.code, ERR_UNAVAILABLE);
    arena_fini(&arena);
}

static void test_a_channels_end_is_a_string_or_a_number(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena);
    struct provider_channel c;
    assert_int_equal(google_channel_read(parse(&arena, "{\"id\":\"c\",\"resourceId\":\"r\","
                                                       "\"expiration\":\"1793000000000\"}"),
                                         &c, NULL),
                     ERR_OK);
    assert_int_equal(c.expires_at, INT64_C(1793000000000));
    assert_int_equal(google_channel_read(parse(&arena, "{\"id\":\"c\",\"resourceId\":\"r\","
                                                       "\"expiration\":1793000000001}"),
                                         &c, NULL),
                     ERR_OK);
    assert_int_equal(c.expires_at, INT64_C(1793000000001));
    assert_int_equal(google_channel_read(parse(&arena, "{\"id\":\"c\"}"), &c, NULL), ERR_PROTO);
    arena_fini(&arena);
}

#define S "https://www.googleapis.com/auth/"

static void test_grants_are_what_the_scope_says(void **state UNUSED)
{
    assert_int_equal(provider_google.grants(STR("")), 0);
    assert_int_equal(provider_google.grants((struct str){0}), 0);
    assert_int_equal(provider_google.grants(STR("openid " S "userinfo.email")), 0);
    assert_int_equal(provider_google.grants(STR(S "calendar.events " S "calendar.freebusy")),
                     PROVIDER_GRANT_READ | PROVIDER_GRANT_WRITE | PROVIDER_GRANT_FREE_BUSY);
    assert_int_equal(provider_google.grants(STR(S "calendar.events.readonly")),
                     PROVIDER_GRANT_READ);
    assert_int_equal(provider_google.grants(STR(S "calendar.eventsx")), 0);
    assert_int_equal(provider_google.grants(STR(S "calendar")),
                     PROVIDER_GRANT_READ | PROVIDER_GRANT_WRITE | PROVIDER_GRANT_CALENDARS |
                         PROVIDER_GRANT_FREE_BUSY);
}

static void assert_field(struct str query, const char *name, const char *want)
{
    struct arena arena;
    arena_init(&arena);
    struct str value;
    assert_true(form_find(query, name, &arena, &value));
    assert_true(str_eq_c(value, want));
    arena_fini(&arena);
}

static void test_the_consent_page_is_asked_for_a_lasting_grant(void **state UNUSED)
{
    struct provider_endpoints ends = {.consent_url = STR("https://accounts.example/auth")};
    struct provider_client client = {.id = STR("id 1"), .redirect_uri = STR("https://a/cb?x=1")};
    struct provider_consent req = {
        .client = &client, .state = STR("s&t"), .code_challenge = STR("ch"), .nonce = STR("n")};
    struct buf out;
    buf_init(&out, 8192);
    assert_int_equal(provider_google.consent_url(&ends, &req, &out, NULL), ERR_OK);
    struct str prefix = STR("https://accounts.example/auth?");
    assert_true(str_starts(buf_str(&out), prefix));
    struct str query = str_sub(buf_str(&out), prefix.len, SIZE_MAX);
    assert_field(query, "client_id", "id 1");
    assert_field(query, "redirect_uri", "https://a/cb?x=1");
    assert_field(query, "state", "s&t");
    assert_field(query, "response_type", "code");
    assert_field(query, "access_type", "offline");
    assert_field(query, "prompt", "select_account consent");
    assert_field(query, "code_challenge_method", "S256");
    assert_field(query, "nonce", "n");
    assert_int_equal(str_find(query, STR("secret")), SIZE_MAX);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calendars_have_the_users_own_title_and_the_least_role),
        cmocka_unit_test(test_busy_is_unknown_unless_it_was_said),
        cmocka_unit_test(test_a_channels_end_is_a_string_or_a_number),
        cmocka_unit_test(test_grants_are_what_the_scope_says),
        cmocka_unit_test(test_the_consent_page_is_asked_for_a_lasting_grant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

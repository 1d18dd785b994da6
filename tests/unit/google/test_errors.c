/* What Google's refusals mean: every row of the table, and bodies that are none. */
#include "google_int.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first */
#include <cmocka.h>

static struct err classify(int status, struct str body, const char *etag)
{
    struct arena arena;
    arena_init(&arena);
    struct provider_call call = {.verb = "test", .if_match = str_c(etag)};
    struct err err = {0};
    enum err_code rc = google_classify(&call, status, provider_json_object(&arena, body), &err);
    assert_int_equal(rc, err.code);
    assert_int_equal(err.sys, status);
    arena_fini(&arena);
    return err;
}

static struct err of_reason(int status, const char *reason, const char *message)
{
    struct arena arena;
    arena_init(&arena);
    struct str body =
        arena_strf(&arena,
                   "{\"error\":{\"code\":%d,\"message\":\"%s\",\"errors\":[{\"domain\":\"x\","
                   "\"reason\":\"%s\",\"message\":\"%s\"}]}}",
                   status, message, reason, message);
    struct err err = classify(status, body, "\"1\"");
    arena_fini(&arena);
    return err;
}

static void test_each_row_of_the_table(void **state UNUSED)
{
    static const struct {
        int status;
        const char *reason, *message;
        enum err_code code;
        enum err_act act;
    } rows[] = {
        {400, "timeRangeEmpty", "The specified time range is empty.", ERR_INVALID, ERR_ACT_DROP},
        {400, "required", "Missing end time.", ERR_INVALID, ERR_ACT_DROP},
        {400, "invalid", "Invalid resource id value.", ERR_INVALID, ERR_ACT_DROP},
        {400, "invalid", "Invalid sync token value.", ERR_GONE, ERR_ACT_RESYNC},
        {400, "invalid",
         "Invalid sequence value. The specified sequence number is below the "
         "current sequence number.",
         ERR_CONFLICT, ERR_ACT_NONE},
        {400, "badRequest", "Bad Request", ERR_INVALID, ERR_ACT_DROP},
        {400, "timeRangeTooLong", "The requested time range is too long.", ERR_INVALID,
         ERR_ACT_DROP},
        {400, "malformedOutOfOfficeEvent", "", ERR_INVALID, ERR_ACT_DROP},
        {400, "pushNotSupportedForRequestedResource", "", ERR_UNSUPPORTED, ERR_ACT_DROP},
        {403, "pushNotSupportedForRequestedResource", "", ERR_UNSUPPORTED, ERR_ACT_DROP},
        {400, "push.webhookUrlNotHttps", "", ERR_CONFIG, ERR_ACT_CONFIG},
        {401, "push.webhookUrlUnauthorized", "", ERR_CONFIG, ERR_ACT_CONFIG},
        {400, "channelIdNotUnique", "", ERR_EXISTS, ERR_ACT_NONE},
        {401, "authError", "Invalid Credentials", ERR_AUTH, ERR_ACT_REAUTH},
        {403, "userRateLimitExceeded", "User Rate Limit Exceeded", ERR_THROTTLED, ERR_ACT_RETRY},
        {403, "rateLimitExceeded", "Rate Limit Exceeded", ERR_THROTTLED, ERR_ACT_RETRY},
        {429, "rateLimitExceeded", "Rate Limit Exceeded", ERR_THROTTLED, ERR_ACT_RETRY},
        {429, "somethingElse", "", ERR_THROTTLED, ERR_ACT_RETRY},
        {403, "quotaExceeded", "Calendar usage limits exceeded.", ERR_DENIED, ERR_ACT_RETRY},
        {403, "dailyLimitExceeded", "", ERR_DENIED, ERR_ACT_RETRY},
        {403, "accessNotConfigured", "", ERR_CONFIG, ERR_ACT_CONFIG},
        {403, "forbiddenForNonOrganizer", "", ERR_DENIED, ERR_ACT_DROP},
        {403, "insufficientPermissions", "", ERR_DENIED, ERR_ACT_DROP},
        {403, "requiredAccessLevel", "", ERR_DENIED, ERR_ACT_DROP},
        {403, "forbidden", "Forbidden", ERR_DENIED, ERR_ACT_DROP},
        {403, "notACalendarUser", "", ERR_DENIED, ERR_ACT_DROP},
        {403, "neverHeardOf", "", ERR_DENIED, ERR_ACT_DROP},
        {404, "notFound", "Not Found", ERR_NOT_FOUND, ERR_ACT_NONE},
        {409, "duplicate", "The requested identifier already exists.", ERR_EXISTS, ERR_ACT_NONE},
        {409, "conflict", "Conflict", ERR_UNAVAILABLE, ERR_ACT_RETRY},
        {410, "fullSyncRequired", "Sync token is no longer valid, a full sync is required.",
         ERR_GONE, ERR_ACT_RESYNC},
        {410, "updatedMinTooLongAgo", "", ERR_GONE, ERR_ACT_RESYNC},
        {410, "deleted", "Resource has been deleted", ERR_GONE, ERR_ACT_NONE},
        {412, "conditionNotMet", "Precondition Failed", ERR_CONFLICT, ERR_ACT_NONE},
        {500, "backendError", "Backend Error", ERR_UNAVAILABLE, ERR_ACT_RETRY},
        {503, "backendError", "Backend Error", ERR_UNAVAILABLE, ERR_ACT_RETRY},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = of_reason(rows[i].status, rows[i].reason, rows[i].message);
        if (err.code != rows[i].code || err.act != rows[i].act) {
            fail_msg("%d %s: %s/%s", rows[i].status, rows[i].reason, err_code_name(err.code),
                     err_act_name(err.act));
        }
    }
    assert_true(of_reason(403, "quotaExceeded", "").retry_after_ms >= 1000 * 60);
}

static void test_reasons_count_in_details_as_well(void **state UNUSED)
{
    struct err err =
        classify(403,
                 STR("{\"error\":{\"code\":403,\"status\":\"PERMISSION_DENIED\",\"details\":[{"
                     "\"reason\":\"RATE_LIMIT_EXCEEDED\"}]}}"),
                 "");
    assert_int_equal(err.code, ERR_THROTTLED);
    err = classify(403,
                   STR("{\"error\":{\"errors\":[{\"reason\":\"forbidden\"}],\"details\":[{"
                       "\"reason\":\"SERVICE_DISABLED\"}]}}"),
                   "");
    assert_int_equal(err.act, ERR_ACT_CONFIG);
    err = classify(403,
                   STR("{\"error\":{\"errors\":[{\"reason\":\"quotaExceeded\"}],\"details\":[{"
                       "\"reason\":\"RATE_LIMIT_EXCEEDED\"}]}}"),
                   "");
    assert_int_equal(err.code, ERR_DENIED);
    err = classify(
        403, STR("{\"error\":{\"details\":[{\"reason\":\"ACCESS_TOKEN_SCOPE_INSUFFICIENT\"}]}}"),
        "");
    assert_int_equal(err.code, ERR_DENIED);
}

static void test_a_body_that_is_none_leaves_the_status(void **state UNUSED)
{
    static const struct {
        int status;
        const char *body;
        enum err_code code;
    } rows[] = {
        {502, "<html>Bad Gateway</html>", ERR_UNAVAILABLE},
        {503, "", ERR_UNAVAILABLE},
        {403, "{\"error\":{\"errors\":[{\"rea", ERR_DENIED},
        {404, "[]", ERR_NOT_FOUND},
        {403, "{\"error\":\"a string\"}", ERR_DENIED},
        {429, "{\"error\":{\"errors\":{}}}", ERR_THROTTLED},
        {302, "", ERR_PROTO},
        {408, "", ERR_UNAVAILABLE},
        {418, "", ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(classify(rows[i].status, str_c(rows[i].body), "").code, rows[i].code);
    }
}

static void test_a_failed_condition_that_nobody_set_is_tried_again(void **state UNUSED)
{
    struct str body = STR("{\"error\":{\"errors\":[{\"reason\":\"conditionNotMet\"}]}}");
    assert_int_equal(classify(412, body, "").code, ERR_UNAVAILABLE);
    assert_int_equal(classify(412, body, "\"1\"").code, ERR_CONFLICT);
}

static void test_nothing_that_google_wrote_as_prose_is_repeated(void **state UNUSED)
{
    struct err err = of_reason(400, "odd<script>\\nreason", "ana@example.com is not here");
    assert_null(strstr(err.text, "ana@"));
    assert_null(strchr(err.text, '<'));
    assert_null(strchr(err.text, '\n'));
    assert_non_null(strstr(err.text, "oddscriptreason"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_row_of_the_table),
        cmocka_unit_test(test_reasons_count_in_details_as_well),
        cmocka_unit_test(test_a_body_that_is_none_leaves_the_status),
        cmocka_unit_test(test_a_failed_condition_that_nobody_set_is_tried_again),
        cmocka_unit_test(test_nothing_that_google_wrote_as_prose_is_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

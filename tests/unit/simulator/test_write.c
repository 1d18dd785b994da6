/* What a write may be, and what is kept of it. */
#include "harness.h"

#define TIMES                                                                                      \
    "\"start\":{\"dateTime\":\"2026-10-05T10:00:00+01:00\"},"                                      \
    "\"end\":{\"dateTime\":\"2026-10-05T11:00:00+01:00\"}"

static void test_an_insert_gets_what_the_service_gives(void **state)
{
    struct harness *h = *state;
    harness_events(h, "POST", "",
                   "{\"id\":\"abcde\",\"transparency\":\"opaque\",\"guestsCanModify\":false,"
                   "\"etag\":\"mine\",\"creator\":{\"email\":\"x@y\"}," TIMES "}");
    assert_int_equal(h->status, 200);
    assert_string_equal(harness_text(h, "iCalUID"), "abcde@google.com");
    assert_string_equal(harness_text(h, "organizer.email"), "ana@example.com");
    assert_string_equal(harness_text(h, "creator.email"), "ana@example.com");
    assert_string_equal(harness_text(h, "etag"), "\"1\"");
    assert_string_equal(harness_text(h, "start.timeZone"), "Europe/Lisbon");
    assert_int_equal(json_integer_value(harness_at(h, "sequence")), 0);
    assert_null(harness_at(h, "transparency"));
    assert_null(harness_at(h, "guestsCanModify"));
    assert_true(json_is_true(harness_at(h, "reminders.useDefault")));
}

static void test_answers_carry_the_offset_of_the_calendars_zone(void **state)
{
    struct harness *h = *state;
    harness_events(h, "POST", "",
                   "{\"start\":{\"dateTime\":\"2026-10-05T10:00:00\","
                   "\"timeZone\":\"America/New_York\"},"
                   "\"end\":{\"dateTime\":\"2026-10-05T15:00:00Z\"}}");
    assert_string_equal(harness_text(h, "start.dateTime"), "2026-10-05T15:00:00+01:00");
    assert_string_equal(harness_text(h, "start.timeZone"), "America/New_York");
    assert_string_equal(harness_text(h, "end.dateTime"), "2026-10-05T16:00:00+01:00");
    const char *id = harness_text(h, "id");
    harness_events(h, "GET", harness_fmt(h, "/%s?timeZone=Asia/Tokyo", id), NULL);
    assert_string_equal(harness_text(h, "start.dateTime"), "2026-10-05T23:00:00+09:00");
}

static void test_ids(void **state)
{
    struct harness *h = *state;
    static const char *const bad[] = {"abcd", "ABCDE", "abc_d", "abcdw", "ab-cd"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        harness_events(h, "POST", "", harness_fmt(h, "{\"id\":\"%s\"," TIMES "}", bad[i]));
        assert_int_equal(h->status, 400);
        assert_string_equal(harness_text(h, "error.message"), "Invalid resource id value.");
    }
    harness_insert(h, "abcde", 5);
    harness_events(h, "POST", "", "{\"id\":\"abcde\"," TIMES "}");
    assert_int_equal(h->status, 409);
    harness_events(h, "DELETE", "/abcde", NULL);
    harness_events(h, "POST", "", "{\"id\":\"abcde\"," TIMES "}");
    assert_int_equal(h->status, 409); /* a tombstone keeps its id, and its iCalUID */
    harness_events(h, "POST", "", "{\"iCalUID\":\"abcde@google.com\"," TIMES "}");
    assert_int_equal(h->status, 409);
    assert_string_equal(harness_reason(h), "duplicate");
}

static void test_times_that_are_refused(void **state)
{
    struct harness *h = *state;
    static const struct {
        const char *body;
        const char *reason;
    } rows[] = {
        {"{\"start\":{\"date\":\"2026-10-05\"}}", "required"},
        {"{\"end\":{\"date\":\"2026-10-05\"}}", "required"},
        {"{\"start\":{\"date\":\"2026-10-05\"},\"end\":{\"date\":\"2026-10-05\"}}",
         "timeRangeEmpty"},
        {"{\"start\":{\"date\":\"2026-10-05\"},\"end\":{\"dateTime\":\"2026-10-06T00:00:00Z\"}}",
         "invalid"},
        {"{\"start\":{\"date\":\"2026-10-05\",\"dateTime\":\"2026-10-05T00:00:00Z\"},"
         "\"end\":{\"date\":\"2026-10-06\"}}",
         "invalid"},
        {"{\"start\":{\"date\":\"2026-02-30\"},\"end\":{\"date\":\"2026-03-05\"}}", "invalid"},
        {"{\"start\":{\"dateTime\":\"2026-10-05T00:00:00\",\"timeZone\":\"Mars/X\"},"
         "\"end\":{\"dateTime\":\"2026-10-06T00:00:00Z\"}}",
         "invalid"},
        {"{\"recurrence\":[\"RRULE:FREQ=DAILY\"],"
         "\"start\":{\"dateTime\":\"2026-10-05T10:00:00Z\"},"
         "\"end\":{\"dateTime\":\"2026-10-05T11:00:00Z\"}}",
         "required"},
        {"{\"recurrence\":[\"RRULE:FREQ=NEVER\"],\"start\":{\"date\":\"2026-10-05\"},"
         "\"end\":{\"date\":\"2026-10-06\"}}",
         "invalid"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(harness_events(h, "POST", "", rows[i].body), 400);
        assert_string_equal(harness_reason(h), rows[i].reason);
    }
    assert_int_equal(harness_events(h, "POST", "", "{\"start\""), 400);
    assert_string_equal(harness_reason(h), "parseError");
}

static void test_patch_merges_objects_and_replaces_arrays(void **state)
{
    struct harness *h = *state;
    harness_events(h, "POST", "",
                   "{\"id\":\"abcde\",\"summary\":\"S\",\"location\":\"L\","
                   "\"attendees\":[{\"email\":\"a@x\"},{\"email\":\"b@x\"}],"
                   "\"extendedProperties\":{\"private\":{\"a\":\"1\",\"b\":\"2\"}}," TIMES "}");
    harness_events(h, "PATCH", "/abcde",
                   "{\"location\":null,\"attendees\":[{\"email\":\"c@x\"}],"
                   "\"extendedProperties\":{\"private\":{\"b\":null,\"c\":\"3\"}}}");
    assert_int_equal(h->status, 200);
    assert_string_equal(harness_text(h, "summary"), "S");
    assert_null(harness_at(h, "location"));
    assert_int_equal(harness_count(h, "attendees"), 1);
    assert_string_equal(harness_text(h, "attendees.0.responseStatus"), "needsAction");
    assert_int_equal(json_object_size(harness_at(h, "extendedProperties.private")), 2);
    assert_string_equal(harness_text(h, "extendedProperties.private.c"), "3");
}

static void test_switching_to_all_day_needs_the_other_key_cleared(void **state)
{
    struct harness *h = *state;
    harness_insert(h, "abcde", 5);
    harness_events(h, "PATCH", "/abcde",
                   "{\"start\":{\"date\":\"2026-10-05\"},\"end\":{\"date\":\"2026-10-06\"}}");
    assert_int_equal(h->status, 400);
    harness_events(h, "PATCH", "/abcde",
                   "{\"start\":{\"date\":\"2026-10-05\",\"dateTime\":null},"
                   "\"end\":{\"date\":\"2026-10-06\",\"dateTime\":null}}");
    assert_int_equal(h->status, 200);
    assert_null(harness_at(h, "start.dateTime"));
    assert_string_equal(harness_text(h, "start.date"), "2026-10-05");
}

static void test_update_replaces_the_whole(void **state)
{
    struct harness *h = *state;
    harness_events(h, "POST", "",
                   "{\"id\":\"abcde\",\"summary\":\"S\",\"location\":\"L\"," TIMES "}");
    harness_events(h, "PUT", "/abcde", "{\"summary\":\"T\"," TIMES "}");
    assert_string_equal(harness_text(h, "summary"), "T");
    assert_null(harness_at(h, "location"));
    assert_string_equal(harness_text(h, "iCalUID"), "abcde@google.com");
    assert_int_equal(harness_events(h, "PUT", "/abcde", "{\"summary\":\"T\"}"), 400);
}

static void test_if_match(void **state)
{
    struct harness *h = *state;
    harness_insert(h, "abcde", 5);
    static const char *const methods[] = {"PATCH", "PUT", "DELETE"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        h->if_match = "\"99\"";
        harness_events(h, methods[i], "/abcde", "{" TIMES "}");
        assert_int_equal(h->status, 412);
        assert_string_equal(harness_reason(h), "conditionNotMet");
    }
    h->if_match = "\"1\"";
    assert_int_equal(harness_events(h, "PATCH", "/abcde", "{\"summary\":\"x\"}"), 200);
    h->if_match = "*";
    assert_int_equal(harness_events(h, "PATCH", "/abcde", "{\"summary\":\"y\"}"), 200);
}

static void test_the_same_values_again_are_no_change(void **state)
{
    struct harness *h = *state;
    harness_insert(h, "abcde", 5);
    harness_events(h, "PATCH", "/abcde", "{\"summary\":\"abcde\"}");
    assert_string_equal(harness_text(h, "etag"), "\"1\"");
}

static void test_reminders_alone_do_not_touch_updated(void **state)
{
    struct harness *h = *state;
    harness_insert(h, "abcde", 5);
    const char *before = harness_text(h, "updated");
    harness_advance(5000);
    harness_events(h, "PATCH", "/abcde",
                   "{\"reminders\":{\"useDefault\":false,"
                   "\"overrides\":[{\"method\":\"popup\",\"minutes\":5}]}}");
    assert_string_equal(harness_text(h, "etag"), "\"2\"");
    assert_string_equal(harness_text(h, "updated"), before);
    harness_events(h, "PATCH", "/abcde", "{\"summary\":\"x\"}");
    assert_string_not_equal(harness_text(h, "updated"), before);
}

static void test_delete_twice_and_never(void **state)
{
    struct harness *h = *state;
    harness_insert(h, "abcde", 5);
    assert_int_equal(harness_events(h, "DELETE", "/abcde", NULL), 204);
    assert_int_equal(harness_events(h, "GET", "/abcde", NULL), 200);
    assert_string_equal(harness_text(h, "status"), "cancelled");
    assert_int_equal(harness_events(h, "DELETE", "/abcde", NULL), 410);
    assert_string_equal(harness_reason(h), "deleted");
    assert_int_equal(harness_events(h, "DELETE", "/neverwas", NULL), 404);
}

static void test_a_stale_sequence_is_refused(void **state)
{
    struct harness *h = *state;
    harness_insert(h, "abcde", 5);
    harness_events(h, "PATCH", "/abcde", "{\"end\":{\"dateTime\":\"2026-10-05T12:00:00+01:00\"}}");
    assert_int_equal(json_integer_value(harness_at(h, "sequence")), 1);
    assert_int_equal(harness_events(h, "PATCH", "/abcde", "{\"sequence\":0}"), 400);
}

static void test_conference_data_needs_its_version(void **state)
{
    struct harness *h = *state;
    const char *body = "{\"conferenceData\":{\"createRequest\":{\"requestId\":\"r\"}}," TIMES "}";
    harness_events(h, "POST", "", body);
    assert_null(harness_at(h, "conferenceData"));
    harness_events(h, "POST", "?conferenceDataVersion=1", body);
    assert_string_equal(harness_text(h, "conferenceData.entryPoints.0.entryPointType"), "video");
    assert_string_equal(harness_text(h, "conferenceData.createRequest.status.statusCode"),
                        "success");
    assert_string_not_equal(harness_text(h, "hangoutLink"), "");
}

static void test_roles(void **state)
{
    struct harness *h = *state;
    g_user_add(h->sim.google, STR("bo@example.com"), STR(""), STR("UTC"));
    const char *bos = "/calendar/v3/calendars/bo%40example.com/events";
    assert_int_equal(harness_call(h, "GET", bos, NULL), 404);
    harness_call(h, "POST", "/admin/as/bo@example.com/calendar/v3/calendars/primary/events",
                 "{\"id\":\"secret\",\"summary\":\"S\",\"visibility\":\"private\"," TIMES "}");
    assert_int_equal(h->status, 200);
    harness_call(h, "POST", "/admin/calendars/bo@example.com/share",
                 "{\"to\":\"ana@example.com\",\"role\":\"reader\"}");
    assert_int_equal(harness_call(h, "POST", bos, "{" TIMES "}"), 403);
    assert_string_equal(harness_reason(h), "requiredAccessLevel");
    assert_int_equal(harness_call(h, "GET", bos, NULL), 200);
    assert_string_equal(harness_text(h, "items.0.id"), "secret");
    assert_null(harness_at(h, "items.0.summary"));
    assert_string_equal(harness_text(h, "accessRole"), "reader");
}

#define T(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_an_insert_gets_what_the_service_gives),
        T(test_answers_carry_the_offset_of_the_calendars_zone),
        T(test_ids),
        T(test_times_that_are_refused),
        T(test_patch_merges_objects_and_replaces_arrays),
        T(test_switching_to_all_day_needs_the_other_key_cleared),
        T(test_update_replaces_the_whole),
        T(test_if_match),
        T(test_the_same_values_again_are_no_change),
        T(test_reminders_alone_do_not_touch_updated),
        T(test_delete_twice_and_never),
        T(test_a_stale_sequence_is_refused),
        T(test_conference_data_needs_its_version),
        T(test_roles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

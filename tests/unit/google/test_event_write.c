/* Our event to an insert's or a patch's body. */
#include "google/mapping.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first */
#include <cmocka.h>

static const struct calendar_moment nine = {
    .set = true, .at = INT64_C(1792486800000), .zone = {"Europe/Lisbon", 13}};
static const struct calendar_moment ten = {
    .set = true, .at = INT64_C(1792490400000), .zone = {"Europe/Lisbon", 13}};
static const struct calendar_moment monday = {.set = true, .all_day = true, .date = {2026, 10, 19}};

static enum err_code code_of(const struct provider_put_req *req)
{
    struct buf out;
    struct err err = {0};
    buf_init(&out, 65536);
    enum err_code rc = google_event_write(req, &out, &err);
    buf_fini(&out);
    if (rc != ERR_OK) {
        assert_int_equal(err.act, ERR_ACT_DROP);
    }
    return rc;
}

static void assert_body(const struct provider_put_req *req, const char *want)
{
    struct buf out;
    struct err err = {0};
    buf_init(&out, 65536);
    if (google_event_write(req, &out, &err) != ERR_OK) {
        fail_msg("%s", err.text);
    }
    assert_string_equal(buf_c(&out), want);
    buf_fini(&out);
}

static void test_an_insert_has_the_chosen_id_and_omits_what_is_empty(void **state UNUSED)
{
    struct calendar_event e = {.id = STR("0abcv"), .title = STR("T\"x"), .start = nine, .end = ten};
    struct provider_put_req req = {
        .event = &e,
        .fields = CALENDAR_FIELD_TITLE | CALENDAR_FIELD_DESCRIPTION | CALENDAR_FIELD_TIME |
                  CALENDAR_FIELD_ATTENDEES | CALENDAR_FIELD_RECURRENCE,
        .mark = STR("k1"),
        .conference = true,
    };
    assert_body(&req, "{\"id\":\"0abcv\",\"summary\":\"T\\\"x\","
                      "\"start\":{\"dateTime\":\"2026-10-20T09:00:00Z\",\"timeZone\":"
                      "\"Europe/Lisbon\"},"
                      "\"end\":{\"dateTime\":\"2026-10-20T10:00:00Z\",\"timeZone\":"
                      "\"Europe/Lisbon\"},"
                      "\"conferenceData\":{\"createRequest\":{\"requestId\":\"0abcv\","
                      "\"conferenceSolutionKey\":{\"type\":\"hangoutsMeet\"}}},"
                      "\"extendedProperties\":{\"private\":{\"calfleet\":\"k1\"}}}");
}

static void test_a_patch_sends_only_its_fields_and_clears_with_null(void **state UNUSED)
{
    struct calendar_event e = {.id = STR("m_20261020"), .title = STR("not sent")};
    struct provider_put_req req = {.event = &e,
                                   .etag = STR("\"1\""),
                                   .fields = CALENDAR_FIELD_LOCATION | CALENDAR_FIELD_STATUS |
                                             CALENDAR_FIELD_SHOW_AS | CALENDAR_FIELD_VISIBILITY};
    e.status = CALENDAR_TENTATIVE;
    e.show_as = CALENDAR_FREE;
    e.visibility = CALENDAR_CONFIDENTIAL;
    assert_body(&req, "{\"location\":null,\"status\":\"tentative\",\"transparency\":"
                      "\"transparent\",\"visibility\":\"confidential\"}");
}

static void test_a_patch_nulls_the_key_of_the_other_kind(void **state UNUSED)
{
    struct calendar_event e = {.id = STR("a1"), .start = nine, .end = ten};
    struct provider_put_req req = {
        .event = &e, .etag = STR("\"1\""), .fields = CALENDAR_FIELD_TIME};
    assert_body(&req, "{\"start\":{\"dateTime\":\"2026-10-20T09:00:00Z\",\"timeZone\":"
                      "\"Europe/Lisbon\",\"date\":null},\"end\":{\"dateTime\":"
                      "\"2026-10-20T10:00:00Z\",\"timeZone\":\"Europe/Lisbon\",\"date\":null}}");
    e.start = e.end = monday;
    /* of no length: a day */
    assert_body(&req, "{\"start\":{\"date\":\"2026-10-19\",\"dateTime\":null,\"timeZone\":null},"
                      "\"end\":{\"date\":\"2026-10-20\",\"dateTime\":null,\"timeZone\":null}}");
}

static void test_an_event_without_length_is_widened(void **state UNUSED)
{
    struct calendar_event e = {.start = nine, .end = nine};
    struct provider_put_req req = {.event = &e, .fields = CALENDAR_FIELD_TIME};
    e.start.zone = e.end.zone = STR("GMT-07:00"); /* which Google gives and does not take */
    assert_body(&req, "{\"start\":{\"dateTime\":\"2026-10-20T09:00:00Z\"},"
                      "\"end\":{\"dateTime\":\"2026-10-20T09:01:00Z\"}}");
}

static void test_recurrence_is_written_whole_and_never_on_an_occurrence(void **state UNUSED)
{
    const struct str lines[] = {STR("RRULE:FREQ=DAILY"), STR("EXDATE:20261021T090000Z")};
    struct calendar_event e = {.id = STR("a1"), .recurrence = lines, .recurrence_count = 2};
    struct provider_put_req req = {
        .event = &e, .etag = STR("\"1\""), .fields = CALENDAR_FIELD_RECURRENCE};
    assert_body(&req, "{\"recurrence\":[\"RRULE:FREQ=DAILY\",\"EXDATE:20261021T090000Z\"]}");
    e.recurrence_count = 0;
    assert_body(&req, "{\"recurrence\":null}");
    e.series_id = STR("m");
    assert_body(&req, "{}");
}

static void test_a_series_always_has_a_zone(void **state UNUSED)
{
    const struct str line = STR("RRULE:FREQ=DAILY");
    struct calendar_event e = {
        .start = nine, .end = ten, .recurrence = &line, .recurrence_count = 1};
    struct provider_put_req req = {.event = &e, .fields = CALENDAR_FIELD_TIME};
    e.start.zone = e.end.zone = (struct str){0};
    assert_body(&req, "{\"start\":{\"dateTime\":\"2026-10-20T09:00:00Z\",\"timeZone\":\"UTC\"},"
                      "\"end\":{\"dateTime\":\"2026-10-20T10:00:00Z\",\"timeZone\":\"UTC\"}}");
}

static void test_attendees_keep_their_answers(void **state UNUSED)
{
    const struct calendar_attendee people[] = {
        {.address = STR("a@x"), .response = CALENDAR_DECLINED, .optional = true},
        {.address = STR("r@x"), .name = STR("R"), .resource = true},
    };
    struct calendar_event e = {.id = STR("a1"), .attendees = people, .attendee_count = 2};
    struct provider_put_req req = {
        .event = &e, .etag = STR("\"1\""), .fields = CALENDAR_FIELD_ATTENDEES};
    assert_body(&req, "{\"attendees\":[{\"email\":\"a@x\",\"optional\":true,\"responseStatus\":"
                      "\"declined\"},{\"email\":\"r@x\",\"displayName\":\"R\",\"resource\":true,"
                      "\"responseStatus\":\"needsAction\"}]}");
    e.attendees_omitted = true;
    assert_int_equal(code_of(&req), ERR_INVALID);
    e.attendees_omitted = false;
    e.attendee_count = 0;
    assert_body(&req, "{\"attendees\":[]}");
}

static void test_what_google_refuses_is_refused_here(void **state UNUSED)
{
    struct calendar_event e = {.id = STR("0abcv"), .start = ten, .end = nine};
    struct provider_put_req req = {.event = &e, .fields = CALENDAR_FIELD_TIME};
    assert_int_equal(code_of(&req), ERR_INVALID); /* reversed */
    e.end = monday;
    assert_int_equal(code_of(&req), ERR_INVALID); /* mixed */
    e.end = (struct calendar_moment){0};
    assert_int_equal(code_of(&req), ERR_INVALID); /* no end */
    e.start = nine;
    e.end = ten;
    assert_int_equal(code_of(&req), ERR_OK);
    static const char *const ids[] = {"abc", "with-dash", "UPPER0", "abcdw", "abc_1"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        e.id = str_c(ids[i]);
        assert_int_equal(code_of(&req), ERR_INVALID);
    }
    req.etag = STR("\"1\""); /* ids of others, in a patch, are whatever they are */
    assert_int_equal(code_of(&req), ERR_OK);
    e.id = STR("");
    assert_int_equal(code_of(&req), ERR_INVALID);
    req.etag = STR("");
    req.fields = CALENDAR_FIELD_TITLE;
    assert_int_equal(code_of(&req), ERR_INVALID); /* an insert without times */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_insert_has_the_chosen_id_and_omits_what_is_empty),
        cmocka_unit_test(test_a_patch_sends_only_its_fields_and_clears_with_null),
        cmocka_unit_test(test_a_patch_nulls_the_key_of_the_other_kind),
        cmocka_unit_test(test_an_event_without_length_is_widened),
        cmocka_unit_test(test_recurrence_is_written_whole_and_never_on_an_occurrence),
        cmocka_unit_test(test_a_series_always_has_a_zone),
        cmocka_unit_test(test_attendees_keep_their_answers),
        cmocka_unit_test(test_what_google_refuses_is_refused_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

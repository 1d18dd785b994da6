/* Calendar files, generated calendars, and the pages. */
#include "harness.h"

#include "simulator/ics.h"

static struct ics_result load(struct harness *h, const char *events)
{
    struct ics_result result;
    struct err err;
    struct g_calendar *c = g_calendar_find(h->sim.google, h->ana, STR("primary"));
    struct str text = str_c(harness_fmt(
        h, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n%sEND:VCALENDAR\r\n", events));
    assert_int_equal(ics_load(h->sim.google, c, text, &result, &err), ERR_OK);
    return result;
}

static void test_a_series_with_an_exception(void **state)
{
    struct harness *h = *state;
    struct ics_result r = load(
        h, "BEGIN:VEVENT\r\nUID:u1\r\nSUMMARY:W\r\nDTSTART;TZID=Europe/Berlin:20261013T090000\r\n"
           "DTEND;TZID=Europe/Berlin:20261013T100000\r\nRRULE:FREQ=WEEKLY;COUNT=4\r\n"
           "EXDATE;TZID=Europe/Berlin:20261020T090000\r\nEND:VEVENT\r\n"
           "BEGIN:VEVENT\r\nUID:u1\r\nSUMMARY:M\r\n"
           "RECURRENCE-ID;TZID=Europe/Berlin:20261027T090000\r\n"
           "DTSTART;TZID=Europe/Berlin:20261028T110000\r\n"
           "DTEND;TZID=Europe/Berlin:20261028T120000\r\nEND:VEVENT\r\n");
    assert_int_equal(r.events, 2);
    assert_int_equal(r.refused, 0);
    harness_events(h, "GET", "?iCalUID=u1", NULL);
    assert_int_equal(harness_count(h, "items"), 2);
    assert_string_equal(harness_text(h, "items.0.start.timeZone"), "Europe/Berlin");
    assert_string_equal(harness_text(h, "items.0.recurrence.1"),
                        "EXDATE;TZID=Europe/Berlin:20261020T090000");
    assert_string_equal(harness_text(h, "items.1.originalStartTime.dateTime"),
                        "2026-10-27T08:00:00Z");
    assert_string_equal(harness_text(h, "items.1.start.dateTime"), "2026-10-28T10:00:00Z");
    harness_events(h, "GET", "?iCalUID=u1&singleEvents=true", NULL);
    assert_int_equal(harness_count(h, "items"), 3);
}

static void test_floating_times_are_the_calendars(void **state)
{
    struct harness *h = *state;
    load(h, "BEGIN:VEVENT\r\nUID:u1\r\nDTSTART:20261013T090000\r\nDURATION:PT45M\r\n"
            "END:VEVENT\r\n");
    harness_events(h, "GET", "", NULL);
    assert_string_equal(harness_text(h, "items.0.start.dateTime"), "2026-10-13T09:00:00+01:00");
    assert_string_equal(harness_text(h, "items.0.end.dateTime"), "2026-10-13T09:45:00+01:00");
    assert_string_equal(harness_text(h, "items.0.start.timeZone"), "Europe/Lisbon");
}

static void test_ends_that_are_left_out(void **state)
{
    struct harness *h = *state;
    struct ics_result r =
        load(h, "BEGIN:VEVENT\r\nUID:u1\r\nDTSTART;VALUE=DATE:20261013\r\nEND:VEVENT\r\n"
                "BEGIN:VEVENT\r\nUID:u2\r\nDTSTART:20261013T090000Z\r\nEND:VEVENT\r\n");
    assert_int_equal(r.events, 2);
    assert_int_equal(r.widened, 1);
    harness_events(h, "GET", "", NULL);
    assert_string_equal(harness_text(h, "items.0.end.date"), "2026-10-14");
    assert_string_equal(harness_text(h, "items.1.end.dateTime"), "2026-10-13T10:01:00+01:00");
}

static void test_what_cannot_be_is_counted(void **state)
{
    struct harness *h = *state;
    struct ics_result r =
        load(h, "BEGIN:VEVENT\r\nUID:u1\r\nSUMMARY:no start\r\nEND:VEVENT\r\n"
                "BEGIN:VEVENT\r\nUID:u2\r\nDTSTART:20261013T090000Z\r\nRRULE:FREQ=SECONDLY\r\n"
                "END:VEVENT\r\n"
                "BEGIN:VEVENT\r\nUID:u3\r\nDTSTART;TZID=Nowhere/Else:20261013T090000\r\n"
                "DTEND;TZID=Nowhere/Else:20261013T100000\r\nEND:VEVENT\r\n");
    assert_int_equal(r.events, 1);
    assert_int_equal(r.refused, 2);
    assert_int_equal(r.zones, 2);
    assert_int_equal(r.reason_count, 2);
}

static void test_texts_that_are_no_calendar(void **state)
{
    struct harness *h = *state;
    struct ics_result result;
    struct g_calendar *c = g_calendar_find(h->sim.google, h->ana, STR("primary"));
    struct buf deep;
    buf_init(&deep, 1u << 20);
    for (int i = 0; i < 10000; i++) {
        buf_add_c(&deep, "BEGIN:VEVENT\r\n");
    }
    assert_int_not_equal(ics_load(h->sim.google, c, buf_str(&deep), &result, NULL), ERR_OK);
    buf_fini(&deep);
    assert_int_not_equal(ics_load(h->sim.google, c, STR("a\0b"), &result, NULL), ERR_OK);
    assert_int_not_equal(ics_load(h->sim.google, c, STR(""), &result, NULL), ERR_OK);
}

static void test_a_generated_calendar_is_the_same_for_the_same_seed(void **state)
{
    struct harness *h = *state;
    harness_call(h, "POST", "/admin/generate",
                 "{\"account\":\"ana@example.com\",\"count\":500,\"series\":20,\"all_day\":20,"
                 "\"dst\":50,\"exceptions\":50,\"seed\":3}");
    assert_int_equal(h->status, 200);
    assert_int_equal(json_integer_value(harness_at(h, "events")), 500);
    int64_t series = json_integer_value(harness_at(h, "series"));
    assert_in_range(series, 60, 140);
    assert_in_range(json_integer_value(harness_at(h, "exceptions")), series / 2, series * 2);
    assert_true(json_integer_value(harness_at(h, "dst")) > 10);
    char *first = xstrdup(harness_fmt(h, "%.*s", STR_ARG(buf_str(&h->reply.body))));
    harness_call(h, "POST", "/admin/accounts",
                 "{\"email\":\"bo@example.com\",\"zone\":\"Europe/Lisbon\"}");
    harness_call(h, "POST", "/admin/generate",
                 "{\"account\":\"bo@example.com\",\"count\":500,\"series\":20,\"all_day\":20,"
                 "\"dst\":50,\"exceptions\":50,\"seed\":3}");
    const char *after = strchr(first, ',');
    assert_non_null(strstr(buf_c(&h->reply.body), after));
    free(first);
}

static void test_pages_escape_and_write(void **state)
{
    struct harness *h = *state;
    harness_call(h, "POST", "/event",
                 "calendar=ana@example.com&do=add&summary=%3Cscript%3E%22&start=2026-10-05T10:00"
                 "&end=2026-10-05T11:00");
    assert_int_equal(h->status, 303);
    harness_call(h, "GET", "/?calendar=ana@example.com", NULL);
    assert_int_equal(h->status, 200);
    assert_null(strstr(buf_c(&h->reply.body), "<script>"));
    assert_non_null(strstr(buf_c(&h->reply.body), "&lt;script&gt;&quot;"));
    harness_events(h, "GET", "", NULL);
    assert_string_equal(harness_text(h, "items.0.start.dateTime"), "2026-10-05T10:00:00+01:00");
    const char *id = harness_text(h, "items.0.id");
    harness_call(h, "POST", "/event",
                 harness_fmt(h,
                             "calendar=ana@example.com&do=change&id=%s&summary=x"
                             "&start=2026-10-05&end=2026-10-06",
                             id));
    harness_events(h, "GET", harness_fmt(h, "/%s", id), NULL);
    assert_string_equal(harness_text(h, "start.date"), "2026-10-05");
    harness_call(h, "POST", "/event",
                 harness_fmt(h, "calendar=ana@example.com&do=delete&id=%s", id));
    harness_events(h, "GET", harness_fmt(h, "/%s", id), NULL);
    assert_string_equal(harness_text(h, "status"), "cancelled");
    harness_call(h, "GET", "/app?ticket=%3Cb%3E", NULL);
    assert_non_null(strstr(buf_c(&h->reply.body), "&lt;b&gt;"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_series_with_an_exception),
        T(test_floating_times_are_the_calendars),
        T(test_ends_that_are_left_out),
        T(test_what_cannot_be_is_counted),
        T(test_texts_that_are_no_calendar),
        T(test_a_generated_calendar_is_the_same_for_the_same_seed),
        T(test_pages_escape_and_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

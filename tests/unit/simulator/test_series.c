/* Masters, exceptions, cancelled occurrences, and what each kind of list shows of them. */
#include "harness.h"

/* Weekly at 09:00 in Lisbon, over the end of summer time on the 25th. */
static void insert_series(struct harness *h)
{
    assert_int_equal(harness_events(h, "POST", "",
                                    "{\"id\":\"series\",\"summary\":\"W\","
                                    "\"recurrence\":[\"RRULE:FREQ=WEEKLY;COUNT=4\"],"
                                    "\"start\":{\"dateTime\":\"2026-10-13T09:00:00\","
                                    "\"timeZone\":\"Europe/Lisbon\"},"
                                    "\"end\":{\"dateTime\":\"2026-10-13T10:00:00\","
                                    "\"timeZone\":\"Europe/Lisbon\"}}"),
                     200);
}

static void test_instances_keep_the_wall_time(void **state)
{
    struct harness *h = *state;
    insert_series(h);
    harness_events(h, "GET", "/series/instances", NULL);
    assert_int_equal(harness_count(h, "items"), 4);
    assert_string_equal(harness_text(h, "items.1.id"), "series_20261020T080000Z");
    assert_string_equal(harness_text(h, "items.2.id"), "series_20261027T090000Z");
    assert_string_equal(harness_text(h, "items.2.start.dateTime"), "2026-10-27T09:00:00Z");
    assert_string_equal(harness_text(h, "items.2.recurringEventId"), "series");
    assert_null(harness_at(h, "items.2.recurrence"));
}

static void test_patching_a_virtual_instance_makes_an_exception(void **state)
{
    struct harness *h = *state;
    insert_series(h);
    harness_events(h, "PATCH", "/series_20261027T090000Z",
                   "{\"start\":{\"dateTime\":\"2026-10-28T15:00:00Z\"},"
                   "\"end\":{\"dateTime\":\"2026-10-28T16:00:00Z\"}}");
    assert_int_equal(h->status, 200);
    assert_string_equal(harness_text(h, "originalStartTime.dateTime"), "2026-10-27T09:00:00Z");
    assert_string_equal(harness_text(h, "iCalUID"), "series@google.com");
    harness_events(h, "GET", "/series_20261027T090000Z", NULL);
    assert_string_equal(harness_text(h, "start.dateTime"), "2026-10-28T15:00:00Z");
    harness_events(h, "GET", "", NULL);
    assert_int_equal(harness_count(h, "items"), 2);
    assert_int_equal(harness_events(h, "GET", "/series_20261028T090000Z", NULL), 404);
    harness_events(h, "PATCH", "/series_20261027T090000Z",
                   "{\"recurrence\":[\"RRULE:FREQ=DAILY\"]}");
    assert_int_equal(h->status, 400);
}

static void test_cancelled_occurrences_are_shown_as_the_table_says(void **state)
{
    struct harness *h = *state;
    insert_series(h);
    harness_insert(h, "single", 5);
    harness_events(h, "DELETE", "/series_20261020T080000Z", NULL);
    harness_events(h, "DELETE", "/single", NULL);

    harness_events(h, "GET", "", NULL); /* bare, although showDeleted is false */
    assert_int_equal(harness_count(h, "items"), 2);
    assert_string_equal(harness_text(h, "items.1.status"), "cancelled");
    assert_string_equal(harness_text(h, "items.1.recurringEventId"), "series");
    assert_null(harness_at(h, "items.1.summary"));
    harness_events(h, "GET", "?showDeleted=true", NULL);
    assert_int_equal(harness_count(h, "items"), 3);
    harness_events(h, "GET", "?singleEvents=true", NULL);
    assert_int_equal(harness_count(h, "items"), 3);
    harness_events(h, "GET", "?singleEvents=true&showDeleted=true", NULL);
    assert_int_equal(harness_count(h, "items"), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_null(harness_at(h, harness_fmt(h, "items.%zu.recurrence", i)));
    }
}

static void test_sparse_tombstones(void **state)
{
    struct harness *h = *state;
    insert_series(h);
    harness_events(h, "GET", "", NULL);
    const char *token = harness_text(h, "nextSyncToken");
    harness_events(h, "DELETE", "/series_20261020T080000Z", NULL);
    harness_call(h, "PATCH", "/admin/calendars/ana@example.com", "{\"sparse\":true}");
    harness_events(h, "GET", harness_fmt(h, "?syncToken=%s", token), NULL);
    assert_int_equal(json_object_size(harness_at(h, "items.0")), 3);
    assert_string_equal(harness_text(h, "items.0.id"), "series_20261020T080000Z");
    assert_string_equal(harness_text(h, "items.0.status"), "cancelled");
}

static void test_deleting_the_series_leaves_tombstones_of_all(void **state)
{
    struct harness *h = *state;
    insert_series(h);
    harness_events(h, "PATCH", "/series_20261020T080000Z", "{\"summary\":\"other\"}");
    harness_events(h, "GET", "", NULL);
    const char *token = harness_text(h, "nextSyncToken");
    harness_events(h, "DELETE", "/series", NULL);
    harness_events(h, "GET", harness_fmt(h, "?syncToken=%s", token), NULL);
    assert_int_equal(harness_count(h, "items"), 2);
    assert_string_equal(harness_text(h, "items.0.status"), "cancelled");
    assert_string_equal(harness_text(h, "items.1.status"), "cancelled");
    harness_events(h, "GET", "", NULL);
    assert_int_equal(harness_count(h, "items"), 0);
}

static void test_exceptions_can_come_before_their_master_and_without_it(void **state)
{
    struct harness *h = *state;
    insert_series(h);
    harness_events(h, "PATCH", "/series_20261020T080000Z", "{\"summary\":\"other\"}");
    harness_call(h, "POST", "/admin/calendars/ana@example.com/events/series/touch", NULL);
    harness_events(h, "GET", "?maxResults=1", NULL);
    assert_string_equal(harness_text(h, "items.0.id"), "series_20261020T080000Z");
    harness_call(h, "POST", "/admin/calendars/ana@example.com/events/series/purge", NULL);
    assert_int_equal(h->status, 200);
    assert_int_equal(harness_events(h, "GET", "/series", NULL), 404);
    harness_events(h, "GET", "", NULL);
    assert_int_equal(harness_count(h, "items"), 1);
    assert_string_equal(harness_text(h, "items.0.recurringEventId"), "series");
}

static void test_a_changed_rule_drops_exceptions_that_it_no_longer_has(void **state)
{
    struct harness *h = *state;
    insert_series(h);
    harness_events(h, "PATCH", "/series_20261103T090000Z", "{\"summary\":\"last\"}");
    harness_events(h, "PATCH", "/series", "{\"recurrence\":[\"RRULE:FREQ=WEEKLY;COUNT=2\"]}");
    assert_int_equal(h->status, 200);
    harness_events(h, "GET", "/series_20261103T090000Z", NULL);
    assert_string_equal(harness_text(h, "status"), "cancelled");
}

static void test_a_delta_of_single_events_has_every_instance(void **state)
{
    struct harness *h = *state;
    insert_series(h);
    harness_events(h, "GET", "?singleEvents=true", NULL);
    const char *token = harness_text(h, "nextSyncToken");
    harness_events(h, "PATCH", "/series", "{\"summary\":\"X\"}");
    size_t rows = 0;
    const char *page = "";
    do {
        harness_events(h, "GET",
                       harness_fmt(h, "?singleEvents=true&maxResults=3&syncToken=%s%s%s", token,
                                   page[0] ? "&pageToken=" : "", page),
                       NULL);
        assert_int_equal(h->status, 200);
        rows += harness_count(h, "items");
        page = harness_text(h, "nextPageToken");
    } while (page[0] != 0);
    assert_int_equal(rows, 4);
}

static void test_order_by_start_time(void **state)
{
    struct harness *h = *state;
    insert_series(h);
    harness_insert(h, "first", 1);
    assert_int_equal(harness_events(h, "GET", "?orderBy=startTime", NULL), 400);
    harness_events(h, "GET", "?orderBy=startTime&singleEvents=true", NULL);
    assert_string_equal(harness_text(h, "items.0.id"), "first");
    assert_string_equal(harness_text(h, "items.4.id"), "series_20261103T090000Z");
    assert_string_equal(harness_text(h, "nextSyncToken"), "");
}

static void test_free_busy(void **state)
{
    struct harness *h = *state;
    insert_series(h);
    harness_events(h, "DELETE", "/series_20261020T080000Z", NULL);
    harness_events(h, "PATCH", "/series_20261027T090000Z", "{\"transparency\":\"transparent\"}");
    harness_insert(h, "single", 13); /* 09:00Z, right after the series' 08:00Z to 09:00Z */
    harness_call(h, "POST", "/calendar/v3/freeBusy",
                 "{\"timeMin\":\"2026-10-12T00:00:00Z\",\"timeMax\":\"2026-11-12T00:00:00Z\","
                 "\"items\":[{\"id\":\"primary\"},{\"id\":\"nobody@example.com\"}]}");
    assert_int_equal(h->status, 200);
    json_t *calendars = harness_at(h, "calendars");
    const json_t *busy = json_object_get(json_object_get(calendars, "primary"), "busy");
    assert_int_equal(json_array_size(busy), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(busy, 0), "end")),
                        "2026-10-13T09:30:00Z");
    assert_non_null(json_object_get(json_object_get(calendars, "nobody@example.com"), "errors"));
    harness_call(h, "POST", "/calendar/v3/freeBusy",
                 "{\"timeMin\":\"2026-01-01T00:00:00Z\",\"timeMax\":\"2026-11-12T00:00:00Z\","
                 "\"items\":[]}");
    assert_string_equal(harness_reason(h), "timeRangeTooLong");
}

#define T(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_instances_keep_the_wall_time),
        T(test_patching_a_virtual_instance_makes_an_exception),
        T(test_cancelled_occurrences_are_shown_as_the_table_says),
        T(test_sparse_tombstones),
        T(test_deleting_the_series_leaves_tombstones_of_all),
        T(test_exceptions_can_come_before_their_master_and_without_it),
        T(test_a_changed_rule_drops_exceptions_that_it_no_longer_has),
        T(test_a_delta_of_single_events_has_every_instance),
        T(test_order_by_start_time),
        T(test_free_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

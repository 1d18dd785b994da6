/* Google's event resource to ours: what each field means, and what is no mistake. */
#include "google/mapping.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first */
#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct calendar_event event;
    struct err err;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    arena_init(&f->arena);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_fini(&f->arena);
    free(f);
    return 0;
}

static enum err_code try_read(struct fixture *f, const char *text)
{
    const struct json *item = NULL;
    assert_int_equal(json_parse(&f->arena, str_c(text), &item, NULL), ERR_OK);
    f->event = (struct calendar_event){0};
    f->err = (struct err){0};
    return google_event_read(item, &f->arena, &f->event, &f->err);
}

static const struct calendar_event *read_ok(struct fixture *f, const char *text)
{
    if (try_read(f, text) != ERR_OK) {
        fail_msg("%s: %s", f->err.text, text);
    }
    return &f->event;
}

static void assert_text(struct str got, const char *want)
{
    if (!str_eq_c(got, want)) {
        fail_msg("got '%.*s', want '%s'", STR_ARG(got), want);
    }
}

static int64_t at(const char *text)
{
    int64_t instant = 0;
    assert_true(calendar_parse_rfc3339(str_c(text), &instant, NULL));
    return instant;
}

#define TIMES                                                                                      \
    "\"start\":{\"dateTime\":\"2026-10-20T10:00:00+01:00\",\"timeZone\":\"Europe/Lisbon\"},"       \
    "\"end\":{\"dateTime\":\"2026-10-20T10:30:00+01:00\",\"timeZone\":\"Europe/Lisbon\"}"

static void test_every_field_of_a_plain_event(void **state)
{
    const struct calendar_event *e = read_ok(
        *state,
        "{\"kind\":\"calendar#event\",\"etag\":\"\\\"3465\\\"\",\"id\":\"b4k2q0\",\"status\":"
        "\"confirmed\",\"updated\":\"2026-10-02T09:15:31.117Z\",\"summary\":\"Dentist\","
        "\"description\":\"d\",\"location\":\"l\",\"htmlLink\":\"https://x/e\","
        "\"organizer\":{\"email\":\"ana@example.com\",\"self\":true}," TIMES
        ",\"iCalUID\":\"b4k2q0@google.com\",\"visibility\":\"private\",\"hangoutLink\":"
        "\"https://meet/1\",\"extendedProperties\":{\"private\":{\"calfleet\":\"m1\"}}}");
    assert_text(e->id, "b4k2q0");
    assert_text(e->etag, "\"3465\""); /* its quotes are a part of it */
    assert_text(e->ical_uid, "b4k2q0@google.com");
    assert_text(e->title, "Dentist");
    assert_text(e->description, "d");
    assert_text(e->location, "l");
    assert_text(e->html_link, "https://x/e");
    assert_text(e->conference_url, "https://meet/1");
    assert_text(e->mark, "m1");
    assert_text(e->event_type, "default");
    assert_text(e->organizer.address, "ana@example.com");
    assert_text(e->series_id, "");
    assert_int_equal(e->status, CALENDAR_CONFIRMED);
    assert_int_equal(e->visibility, CALENDAR_PRIVATE);
    assert_int_equal(e->show_as, CALENDAR_BUSY);
    assert_int_equal(e->my_response, CALENDAR_ORGANIZER);
    assert_int_equal(e->updated_at, at("2026-10-02T09:15:31.117Z"));
    assert_int_equal(e->start.at, at("2026-10-20T09:00:00Z"));
    assert_int_equal(e->end.at, at("2026-10-20T09:30:00Z"));
    assert_text(e->start.zone, "Europe/Lisbon");
    assert_false(e->start.all_day);
}

static void test_an_instant_is_its_offset_whatever_the_zone_says(void **state)
{
    const struct calendar_event *e = read_ok(
        *state, "{\"id\":\"a\",\"start\":{\"dateTime\":\"2026-07-01T12:00:00+02:00\",\"timeZone\":"
                "\"America/New_York\"},\"end\":{\"dateTime\":\"2026-07-01T13:00:00+02:00\","
                "\"timeZone\":\"GMT-07:00\"}}");
    assert_int_equal(e->start.at, at("2026-07-01T10:00:00Z"));
    assert_text(e->start.zone, "America/New_York");
    assert_text(e->end.zone, "GMT-07:00");
}

static void test_an_all_day_event_keeps_its_dates(void **state)
{
    const struct calendar_event *e =
        read_ok(*state, "{\"id\":\"a\",\"start\":{\"date\":\"2026-12-31\",\"timeZone\":\"UTC\"},"
                        "\"end\":{\"date\":\"2027-01-01\"},\"transparency\":\"transparent\"}");
    assert_true(e->start.all_day && e->end.all_day);
    assert_int_equal(e->start.date.year, 2026);
    assert_int_equal(e->start.date.month, 12);
    assert_int_equal(e->start.date.day, 31);
    assert_int_equal(e->end.date.year, 2027);
    assert_text(e->start.zone, "");
    assert_int_equal(e->show_as, CALENDAR_FREE);
}

static void test_a_sparse_tombstone_of_an_occurrence_names_series_and_start(void **state)
{
    const struct calendar_event *e =
        read_ok(*state, "{\"kind\":\"calendar#event\",\"id\":\"m_20261102T090000Z\","
                        "\"status\":\"cancelled\"}");
    assert_text(e->series_id, "m");
    assert_true(e->original_start.set && !e->original_start.all_day);
    assert_int_equal(e->original_start.at, at("2026-11-02T09:00:00Z"));
    assert_false(calendar_is_deleted(e));
    e = read_ok(*state, "{\"id\":\"abc_R20261102T090000_20261109\",\"status\":\"cancelled\"}");
    assert_text(e->series_id, "abc_R20261102T090000");
    assert_true(e->original_start.all_day);
    assert_int_equal(e->original_start.date.day, 9);
}

static void test_a_tombstone_of_a_split_or_imported_series_is_no_occurrence(void **state)
{
    static const char *const ids[] = {"abc_R20261102T090000", "_20261102", "b4k2q0", "a_20261399",
                                      "a_20261102T090000"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct fixture *f = *state;
        struct str text = arena_strf(&f->arena, "{\"id\":\"%s\",\"status\":\"cancelled\"}", ids[i]);
        const struct calendar_event *e = read_ok(f, text.ptr);
        if (!calendar_is_deleted(e)) {
            fail_msg("%s was taken for an occurrence", ids[i]);
        }
    }
}

static void test_what_is_said_of_the_series_wins_over_the_id(void **state)
{
    const struct calendar_event *e = read_ok(
        *state, "{\"id\":\"base_20261102T090000Z\",\"recurringEventId\":\"base_R20261001T080000\","
                "\"originalStartTime\":{\"dateTime\":\"2026-11-02T10:00:00+01:00\",\"timeZone\":"
                "\"Europe/Paris\"}," TIMES "}");
    assert_text(e->series_id, "base_R20261001T080000");
    assert_int_equal(e->original_start.at, at("2026-11-02T09:00:00Z"));
    assert_text(e->original_start.zone, "Europe/Paris");
    e = read_ok(*state, "{\"id\":\"base_20261102\",\"recurringEventId\":\"base\"," TIMES "}");
    assert_true(e->original_start.all_day);
    /* An event of our own whose id only looks like one. */
    e = read_ok(*state, "{\"id\":\"base_20261102\"," TIMES "}");
    assert_text(e->series_id, "");
}

static void test_an_occurrence_that_cannot_be_told_is_refused(void **state)
{
    assert_int_equal(try_read(*state, "{\"id\":\"x\",\"recurringEventId\":\"base\"," TIMES "}"),
                     ERR_PROTO);
}

static void test_a_master_has_its_lines(void **state)
{
    const struct calendar_event *e =
        read_ok(*state, "{\"id\":\"m\"," TIMES ",\"recurrence\":[\"RRULE:FREQ=WEEKLY\","
                        "\"EXDATE;TZID=Europe/Lisbon:20261027T100000\"]}");
    assert_true(calendar_is_master(e));
    assert_int_equal(e->recurrence_count, 2);
    assert_text(e->recurrence[1], "EXDATE;TZID=Europe/Lisbon:20261027T100000");
    assert_int_equal(try_read(*state, "{\"id\":\"m\"," TIMES ",\"recurrence\":[1]}"), ERR_PROTO);
}

static void test_a_private_copy_without_details_is_no_mistake(void **state)
{
    const struct calendar_event *e =
        read_ok(*state, "{\"id\":\"p\",\"visibility\":\"private\"," TIMES "}");
    assert_text(e->title, "");
    assert_text(e->etag, "");
    assert_int_equal(e->my_response, CALENDAR_RESPONSE_UNKNOWN);
    assert_int_equal(e->attendee_count, 0);
}

static void test_types_decide_how_time_is_shown(void **state)
{
    assert_int_equal(
        read_ok(*state, "{\"id\":\"o\",\"eventType\":\"outOfOffice\"," TIMES "}")->show_as,
        CALENDAR_OUT_OF_OFFICE);
    assert_int_equal(read_ok(*state, "{\"id\":\"w\",\"eventType\":\"workingLocation\","
                                     "\"transparency\":\"transparent\"," TIMES "}")
                         ->show_as,
                     CALENDAR_WORKING_ELSEWHERE);
    const struct calendar_event *e =
        read_ok(*state, "{\"id\":\"t\",\"eventType\":\"fromGmail\",\"status\":\"tentative\"," TIMES
                        ",\"endTimeUnspecified\":true}");
    assert_text(e->event_type, "fromGmail");
    assert_int_equal(e->status, CALENDAR_TENTATIVE);
    assert_int_equal(e->show_as, CALENDAR_BUSY);
}

static void test_my_answer_is_that_of_the_own_attendee(void **state)
{
    const struct calendar_event *e = read_ok(
        *state, "{\"id\":\"a\"," TIMES ",\"organizer\":{\"email\":\"o@x\"},\"attendees\":["
                "{\"email\":\"o@x\",\"organizer\":true,\"responseStatus\":\"accepted\"},"
                "{\"email\":\"me@x\",\"self\":true,\"responseStatus\":\"declined\","
                "\"optional\":true,\"displayName\":\"Me\"},"
                "{\"email\":\"room@x\",\"resource\":true,\"responseStatus\":\"needsAction\"}]}");
    assert_int_equal(e->attendee_count, 3);
    assert_int_equal(e->my_response, CALENDAR_DECLINED);
    assert_true(e->attendees[0].organizer && !e->attendees[0].self);
    assert_true(e->attendees[1].optional && e->attendees[1].self);
    assert_text(e->attendees[1].name, "Me");
    assert_true(e->attendees[2].resource);
    assert_int_equal(e->attendees[2].response, CALENDAR_NONE);
    assert_false(e->attendees_omitted);
    /* the organiser who declines his own meeting has declined it */
    e = read_ok(*state, "{\"id\":\"a\"," TIMES ",\"organizer\":{\"email\":\"me@x\",\"self\":true},"
                        "\"attendees\":[{\"email\":\"me@x\",\"self\":true,\"organizer\":true,"
                        "\"responseStatus\":\"declined\"}]}");
    assert_int_equal(e->my_response, CALENDAR_DECLINED);
}

static void test_a_cut_list_of_attendees_is_known_as_such(void **state)
{
    assert_true(read_ok(*state, "{\"id\":\"a\"," TIMES ",\"attendeesOmitted\":true,\"attendees\":[{"
                                "\"email\":\"me@x\",\"self\":true}]}")
                    ->attendees_omitted);
    const struct calendar_event *e = read_ok(
        *state, "{\"id\":\"a\"," TIMES ",\"attendees\":[{\"id\":\"7\"},{\"email\":\"b@x\"}]}");
    assert_true(e->attendees_omitted);
    assert_int_equal(e->attendee_count, 1);
}

static void test_the_video_entry_is_the_conference(void **state)
{
    const struct calendar_event *e = read_ok(
        *state, "{\"id\":\"a\"," TIMES ",\"hangoutLink\":\"https://old\",\"conferenceData\":{"
                "\"entryPoints\":[{\"entryPointType\":\"phone\",\"uri\":\"tel:1\"},"
                "{\"entryPointType\":\"video\",\"uri\":\"https://meet/2\"}]}}");
    assert_text(e->conference_url, "https://meet/2");
}

static void test_unusable_events_are_refused_with_a_reason(void **state)
{
    static const struct {
        const char *text;
        enum err_code code;
    } rows[] = {
        {"{}", ERR_PROTO},
        {"[]", ERR_PROTO},
        {"null", ERR_PROTO},
        {"{\"id\":7," TIMES "}", ERR_PROTO},
        {"{\"id\":\"a\"}", ERR_PROTO},
        {"{\"id\":\"a\",\"start\":{\"date\":\"2026-01-01\"}}", ERR_PROTO},
        {"{\"id\":\"a\",\"start\":{\"date\":\"2026-02-30\"},\"end\":{\"date\":\"2026-03-01\"}}",
         ERR_PROTO},
        {"{\"id\":\"a\",\"start\":{\"date\":\"2026-01-01\",\"dateTime\":\"2026-01-01T00:00:00Z\"},"
         "\"end\":{\"date\":\"2026-03-01\"}}",
         ERR_PROTO},
        {"{\"id\":\"a\",\"start\":{\"date\":\"2026-01-01\"},\"end\":{\"dateTime\":"
         "\"2026-01-01T00:00:00Z\"}}",
         ERR_PROTO},
        {"{\"id\":\"a\",\"start\":{\"dateTime\":\"2026-01-01T00:00:00\"},\"end\":{\"dateTime\":"
         "\"2026-01-01T00:00:00Z\"}}",
         ERR_PROTO},
        {"{\"id\":\"a\",\"start\":{\"date\":\"2026-01-02\"},\"end\":{\"date\":\"2026-01-01\"}}",
         ERR_RANGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture *f = *state;
        enum err_code rc = try_read(f, rows[i].text);
        if (rc != rows[i].code || f->err.act != ERR_ACT_DROP || f->err.text[0] == '\0') {
            fail_msg("%s: %s", rows[i].text, err_code_name(rc));
        }
        assert_int_equal(f->event.id.len, 0); /* untouched on failure */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_every_field_of_a_plain_event),
        TEST(test_an_instant_is_its_offset_whatever_the_zone_says),
        TEST(test_an_all_day_event_keeps_its_dates),
        TEST(test_a_sparse_tombstone_of_an_occurrence_names_series_and_start),
        TEST(test_a_tombstone_of_a_split_or_imported_series_is_no_occurrence),
        TEST(test_what_is_said_of_the_series_wins_over_the_id),
        TEST(test_an_occurrence_that_cannot_be_told_is_refused),
        TEST(test_a_master_has_its_lines),
        TEST(test_a_private_copy_without_details_is_no_mistake),
        TEST(test_types_decide_how_time_is_shown),
        TEST(test_my_answer_is_that_of_the_own_attendee),
        TEST(test_a_cut_list_of_attendees_is_known_as_such),
        TEST(test_the_video_entry_is_the_conference),
        TEST(test_unusable_events_are_refused_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Masters with exceptions, cancelled occurrences and orphans. */
#include "calendar/series.h"

#include "support.h"

#define PARIS "Europe/Paris"

static struct calendar_moment timed(const char *text)
{
    return (struct calendar_moment){
        .set = true, .at = at_of(text, zone_named(PARIS)), .zone = STR(PARIS)};
}

static struct calendar_moment whole_day(const char *text)
{
    return (struct calendar_moment){.set = true, .all_day = true, .date = wall_named(text).date};
}

static const struct str weekly[] = {{"RRULE:FREQ=WEEKLY;COUNT=4", 25}};

static struct calendar_event master_event(void)
{
    return (struct calendar_event){.id = STR("m"),
                                   .start = timed("20260316T090000"),
                                   .end = timed("20260316T100000"),
                                   .recurrence = weekly,
                                   .recurrence_count = 1};
}

static struct calendar_event exception(const char *id, struct calendar_moment original,
                                       const char *start, const char *end)
{
    struct calendar_event e = {.id = str_c(id), .series_id = STR("m"), .original_start = original};
    if (start == NULL) {
        e.status = CALENDAR_CANCELLED;
    } else if (strchr(start, 'T') == NULL) {
        e.start = whole_day(start);
        e.end = whole_day(end);
    } else {
        e.start = timed(start);
        e.end = timed(end);
    }
    return e;
}

/* "m 0316T0900, x 0324T1100": who takes place, in Paris. */
static const char *shown(const struct calendar_event *master, const struct calendar_event *events,
                         size_t count, const char *from, const char *to)
{
    static char text[4000];
    struct arena arena CLEANUP(arena_fini);
    struct buf out CLEANUP(buf_fini);
    const struct calendar_event *list[10];
    struct calendar_instance *found;
    size_t n;
    const struct calendar_zone *zone = zone_named(PARIS);

    arena_init(&arena);
    buf_init(&out, sizeof text - 1);
    for (size_t i = 0; i < count; i++) {
        list[i] = &events[i];
    }
    struct calendar_series_rows rows = {.master = master,
                                        .exceptions = list,
                                        .exception_count = count,
                                        .zone = STR(PARIS),
                                        .zones = zones};
    assert_int_equal(calendar_series_instances(&rows, at_of(from, zone), at_of(to, zone), &arena,
                                               &found, &n, NULL),
                     ERR_OK);
    for (size_t i = 0; i < n; i++) {
        struct calendar_wall w = calendar_zone_wall(zone, found[i].occurrence.start_at);
        buf_add_f(&out, "%s%.*s %02d%02d", i > 0 ? ", " : "", STR_ARG(found[i].event->id),
                  w.date.month, w.date.day);
        if (!found[i].event->start.all_day) {
            buf_add_f(&out, "T%02d%02d", w.second_of_day / 3600, w.second_of_day / 60 % 60);
        }
    }
    snprintf(text, sizeof text, "%s", buf_c(&out));
    return text;
}

#define FROM "20260301T000000"
#define TO "20260501T000000"

static void test_exceptions_take_their_places(void **state UNUSED)
{
    struct calendar_event m = master_event();
    /* The series runs over the change of 29 March: 16, 23, 30 March, 6 April. */
    const struct calendar_event events[] = {
        exception("moved", timed("20260323T090000"), "20260324T110000", "20260324T120000"),
        exception("gone", timed("20260330T090000"), NULL, NULL),
    };
    struct calendar_event with_times = events[1]; /* as some answers have it */
    with_times.start = timed("20260330T090000");
    with_times.end = timed("20260330T100000");
    assert_string_equal(shown(&m, &with_times, 1, FROM, TO),
                        "m 0316T0900, m 0323T0900, m 0406T0900");
    assert_string_equal(shown(&m, NULL, 0, FROM, TO),
                        "m 0316T0900, m 0323T0900, m 0330T0900, m 0406T0900");
    assert_string_equal(shown(&m, events, 2, FROM, TO),
                        "m 0316T0900, moved 0324T1100, m 0406T0900");
}

static void test_exceptions_move_in_and_out_of_the_window(void **state UNUSED)
{
    struct calendar_event m = master_event();
    const struct calendar_event out[] = {
        exception("x", timed("20260323T090000"), "20260710T110000", "20260710T120000")};
    assert_string_equal(shown(&m, out, 1, "20260322T000000", "20260325T000000"), "");
    assert_string_equal(shown(&m, out, 1, "20260701T000000", "20260801T000000"), "x 0710T1100");
    const struct calendar_event in[] = {
        exception("x", timed("20260406T090000"), "20260320T110000", "20260320T120000")};
    assert_string_equal(shown(&m, in, 1, "20260316T000000", "20260321T000000"),
                        "m 0316T0900, x 0320T1100");
}

static void test_orphans_stand_for_themselves(void **state UNUSED)
{
    const struct calendar_event events[] = {
        exception("x", timed("20260323T090000"), "20260323T093000", "20260323T100000"),
        exception("gone", timed("20260330T090000"), NULL, NULL),
    };
    assert_string_equal(shown(NULL, events, 2, FROM, TO), "x 0323T0930");
    /* An original start that the master does not give (any more). */
    struct calendar_event m = master_event();
    const struct calendar_event stray[] = {
        exception("x", timed("20260325T090000"), "20260325T093000", "20260325T100000")};
    assert_string_equal(shown(&m, stray, 1, FROM, TO),
                        "m 0316T0900, m 0323T0900, x 0325T0930, m 0330T0900, m 0406T0900");
    /* A cancelled master leaves what was changed only if its row still lives. */
    m.status = CALENDAR_CANCELLED;
    assert_string_equal(shown(&m, NULL, 0, FROM, TO), "");
}

static void test_all_day_series_are_keyed_by_date(void **state UNUSED)
{
    struct calendar_event m = master_event();
    m.start = whole_day("20260316");
    m.end = whole_day("20260317");
    const struct calendar_event by_date[] = {
        exception("moved", whole_day("20260323"), "20260324", "20260325"),
        exception("gone", whole_day("20260330"), NULL, NULL),
    };
    assert_string_equal(shown(&m, by_date, 2, FROM, TO), "m 0316, moved 0324, m 0406");
    /* Microsoft names the original start by midnight UTC, others by the calendar's. */
    const struct calendar_moment utc = {.set = true,
                                        .at = at_of("20260323T000000Z", calendar_zone_utc())};
    const struct calendar_moment local = timed("20260330T000000");
    const struct calendar_event by_instant[] = {
        exception("moved", utc, "20260324", "20260325"),
        exception("gone", local, NULL, NULL),
    };
    assert_string_equal(shown(&m, by_instant, 2, FROM, TO), "m 0316, moved 0324, m 0406");
    /* A timed series whose exception was named by date before it became timed. */
    struct calendar_event t = master_event();
    const struct calendar_event dated[] = {exception("gone", whole_day("20260323"), NULL, NULL)};
    assert_string_equal(shown(&t, dated, 1, FROM, TO), "m 0316T0900, m 0330T0900, m 0406T0900");
}

/* A calendar in New York: midnight UTC is the evening before, yet names the date. */
static void test_midnight_utc_names_the_date_in_the_west(void **state UNUSED)
{
    struct arena arena CLEANUP(arena_fini);
    struct calendar_instance *found;
    size_t n;
    struct calendar_event m = master_event();
    m.start = whole_day("20260316");
    m.end = whole_day("20260317");
    const struct calendar_moment utc = {.set = true,
                                        .at = at_of("20260323T000000Z", calendar_zone_utc())};
    const struct calendar_event gone = exception("gone", utc, NULL, NULL);
    const struct calendar_event *list[] = {&gone};
    struct calendar_series_rows rows = {.master = &m,
                                        .exceptions = list,
                                        .exception_count = 1,
                                        .zone = STR("America/New_York"),
                                        .zones = zones};
    arena_init(&arena);
    assert_int_equal(
        calendar_series_instances(&rows, INT64_MIN, INT64_MAX, &arena, &found, &n, NULL), ERR_OK);
    assert_int_equal(n, 3);
    assert_int_equal(found[1].original_date.day, 30);
}

static void test_a_series_keeps_its_own_zone(void **state UNUSED)
{
    /* 09:00 in New York is 14:00 in Paris, but 15:00 once New York has moved on 8 March. */
    struct calendar_event m = master_event();
    m.start = (struct calendar_moment){.set = true,
                                       .at = at_of("20260302T140000Z", calendar_zone_utc()),
                                       .zone = STR("America/New_York")};
    m.end = m.start;
    m.end.at += 3600000;
    assert_string_equal(shown(&m, NULL, 0, FROM, TO),
                        "m 0302T1500, m 0309T1400, m 0316T1400, m 0323T1400");
    /* A name that nobody knows: the calendar's. */
    m.start.zone = STR("Nowhere/At/All");
    assert_string_equal(shown(&m, NULL, 0, FROM, TO),
                        "m 0302T1500, m 0309T1500, m 0316T1500, m 0323T1500");
}

static void test_single_events_and_exdates(void **state UNUSED)
{
    static const struct str lines[] = {{"RRULE:FREQ=WEEKLY;COUNT=4", 25},
                                       {"EXDATE;TZID=Europe/Paris:20260316T090000", 40}};
    struct calendar_event m = master_event();
    m.recurrence = lines;
    m.recurrence_count = 2;
    const struct calendar_event events[] = {
        exception("gone", timed("20260330T090000"), NULL, NULL)};
    assert_string_equal(shown(&m, events, 1, FROM, TO), "m 0323T0900, m 0406T0900");
    m.recurrence_count = 0;
    assert_string_equal(shown(&m, NULL, 0, FROM, TO), "m 0316T0900");
    assert_int_equal(calendar_kind(&m), CALENDAR_SINGLE);
    assert_int_equal(calendar_kind(&events[0]), CALENDAR_CANCELLED_OCCURRENCE);
}

static void test_spans_of_instances(void **state UNUSED)
{
    struct calendar_event e = master_event();
    struct calendar_span span;
    struct calendar_instance i = {.event = &e, .occurrence = {.start_at = 10, .end_at = 20}};
    e.my_response = CALENDAR_TENTATIVELY;
    assert_true(calendar_instance_span(&i, &span));
    assert_true(span.start_at == 10 && span.end_at == 20 &&
                span.show_as == CALENDAR_SHOW_TENTATIVE);
    e.my_response = CALENDAR_DECLINED;
    assert_false(calendar_instance_span(&i, &span));
    e.my_response = CALENDAR_ACCEPTED;
    i.occurrence.end_at = 10;
    assert_false(calendar_instance_span(&i, &span)); /* takes no time */
}

static void test_a_broken_rule_is_told(void **state UNUSED)
{
    static const struct str lines[] = {{"RRULE:FREQ=SOMETIMES", 20}};
    struct arena arena CLEANUP(arena_fini);
    struct calendar_event m = master_event();
    struct calendar_instance *found;
    size_t n;
    struct err err;
    arena_init(&arena);
    m.recurrence = lines;
    struct calendar_series_rows rows = {.master = &m, .zones = zones};
    assert_int_equal(calendar_series_instances(&rows, 0, 1, &arena, &found, &n, &err), ERR_INVALID);
    assert_string_equal(err.text, "recurrence rule: FREQ is malformed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exceptions_take_their_places),
        cmocka_unit_test(test_exceptions_move_in_and_out_of_the_window),
        cmocka_unit_test(test_orphans_stand_for_themselves),
        cmocka_unit_test(test_all_day_series_are_keyed_by_date),
        cmocka_unit_test(test_midnight_utc_names_the_date_in_the_west),
        cmocka_unit_test(test_a_series_keeps_its_own_zone),
        cmocka_unit_test(test_single_events_and_exdates),
        cmocka_unit_test(test_spans_of_instances),
        cmocka_unit_test(test_a_broken_rule_is_told),
    };
    return cmocka_run_group_tests(tests, zones_setup, zones_teardown);
}

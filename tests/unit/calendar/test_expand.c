/* Expansion in zones: gaps and overlaps of DST, exceptions by line, windows, bounds. */
#include "support.h"

static void test_gap_moves_one_day_only(void **state UNUSED)
{
    /* 29 March 2026: clocks in Paris go from 02:00 to 03:00 */
    assert_expands("Europe/Paris", "20260328T023000", "RRULE:FREQ=DAILY;COUNT=3", "20260301T000000",
                   "20260501T000000", "2026-03 28 29T0330 30");
    /* 8 March 2026 in New York, 4 October 2026 in Sydney */
    assert_expands("America/New_York", "20260307T023000", "RRULE:FREQ=DAILY;COUNT=3",
                   "20260301T000000", "20260501T000000", "2026-03 7 8T0330 9");
    assert_expands("Australia/Sydney", "20261003T021500", "RRULE:FREQ=DAILY;COUNT=3",
                   "20261001T000000", "20261101T000000", "2026-10 3 4T0315 5");
    /* Lord Howe moves by half an hour */
    assert_expands("Australia/Lord_Howe", "20261003T021500", "RRULE:FREQ=DAILY;COUNT=3",
                   "20261001T000000", "20261101T000000", "2026-10 3 4T0245 5");
    /* Midnight itself is skipped: 4 November 2018 in Sao Paulo begins at 01:00 */
    assert_expands("America/Sao_Paulo", "20181103T000000", "RRULE:FREQ=DAILY;COUNT=3",
                   "20181101T000000", "20181201T000000", "2018-11 3 4T0100 5");
    /* A year beyond the table of the file */
    assert_expands("Europe/Paris", "21260330T023000", "RRULE:FREQ=DAILY;COUNT=3", "21260301T000000",
                   "21260501T000000", "2126-03 30 31T0330 | 2126-04 1");
}

static int64_t only_start(const char *zone, const char *start)
{
    const struct calendar_zone *z = zone_named(zone);
    return calendar_zone_instant(z, wall_named(start));
}

static void test_overlap_takes_the_first(void **state UNUSED)
{
    /* 25 October 2026, 02:30 comes at 00:30 and at 01:30 UTC */
    assert_true(only_start("Europe/Paris", "20261025T023000") ==
                at_of("20261025T003000Z", calendar_zone_utc()));
    assert_true(only_start("America/New_York", "20261101T013000") ==
                at_of("20261101T053000Z", calendar_zone_utc()));
    assert_expands("Europe/Paris", "20261024T023000", "RRULE:FREQ=DAILY;COUNT=3", "20261001T000000",
                   "20261101T000000", "2026-10 24-26");
    /* Also where the walk comes from behind: a second rule begins again at the start. */
    assert_expands("Europe/Paris", "20261024T023000",
                   "RRULE:FREQ=DAILY;COUNT=5\nRRULE:FREQ=WEEKLY;BYDAY=SU;COUNT=3",
                   "20261001T000000", "20261201T000000", "2026-10 24-28 | 2026-11 1");
    /* UNTIL between the two of them leaves the first one in */
    assert_expands("Europe/Paris", "20261024T023000", "RRULE:FREQ=DAILY;UNTIL=20261025T010000Z",
                   "20261001T000000", "20261101T000000", "2026-10 24 25");
    assert_expands("Europe/Paris", "20261024T023000", "RRULE:FREQ=DAILY;UNTIL=20261025T002959Z",
                   "20261001T000000", "20261101T000000", "2026-10 24");
}

static void test_hours_within_a_gap_come_once(void **state UNUSED)
{
    /* 02:00 becomes 03:00, which is there already */
    assert_expands("Europe/Paris", "20260329T010000", "RRULE:FREQ=HOURLY;COUNT=4",
                   "20260328T000000", "20260330T000000", "2026-03 29 29T0300 29T0400");
}

static void test_end_follows_exactly_and_by_days(void **state UNUSED)
{
    struct arena arena CLEANUP(arena_fini);
    struct calendar_occurrence *o;
    size_t n;
    arena_init(&arena);
    /* Eight hours are eight hours, also in the night of 23 */
    struct calendar_series s = series_of(&arena, "Europe/Paris", "20260327T230000",
                                         "20260328T070000", "RRULE:FREQ=DAILY;COUNT=2");
    assert_int_equal(
        calendar_expand(&s, s.start.at, s.start.at + 5 * CALENDAR_DAY_MS, &arena, &o, &n, NULL),
        ERR_OK);
    assert_int_equal(n, 2);
    assert_true(o[1].end_at - o[1].start_at == 8 * INT64_C(3600000));
    assert_true(o[1].end_at == at_of("20260329T080000", s.zone));
    /* A day is a day: 29 March has 23 hours */
    s = series_of(&arena, "Europe/Paris", "20260328", "20260329", "RRULE:FREQ=DAILY;COUNT=3");
    assert_int_equal(calendar_expand(&s, INT64_MIN, INT64_MAX, &arena, &o, &n, NULL), ERR_OK);
    assert_int_equal(n, 3);
    assert_true(o[1].end_at - o[1].start_at == 23 * INT64_C(3600000));
    assert_true(o[1].end_at == o[2].start_at);
}

static void test_long_ones_reach_into_the_window(void **state UNUSED)
{
    struct arena arena CLEANUP(arena_fini);
    struct calendar_occurrence *o;
    size_t n;
    arena_init(&arena);
    struct calendar_series s =
        series_of(&arena, "Europe/Paris", "20260302", "20260308", "RRULE:FREQ=WEEKLY");
    int64_t at = at_of("20260520T120000", s.zone); /* a Wednesday */
    assert_int_equal(calendar_expand(&s, at, at + 1, &arena, &o, &n, NULL), ERR_OK);
    assert_int_equal(n, 1);
    assert_true(o[0].start_at == at_of("20260518T000000", s.zone));
    assert_true(o[0].end_at == at_of("20260524T000000", s.zone));
    s = series_of(&arena, "Europe/Paris", "20260302T090000", "20260306T170000",
                  "RRULE:FREQ=WEEKLY");
    assert_int_equal(calendar_expand(&s, at, at + 1, &arena, &o, &n, NULL), ERR_OK);
    assert_int_equal(n, 1);
    assert_true(o[0].start_at == at_of("20260518T090000", s.zone));
}

static void test_periods_have_their_own_ends(void **state UNUSED)
{
    struct arena arena CLEANUP(arena_fini);
    struct calendar_occurrence *o;
    size_t n;
    arena_init(&arena);
    struct calendar_series s =
        series_of(&arena, "UTC", "20260302T090000", NULL,
                  "RDATE;VALUE=PERIOD:20260303T090000Z/PT3H,20260304T090000Z/20260304T093000Z");
    assert_int_equal(calendar_expand(&s, INT64_MIN, INT64_MAX, &arena, &o, &n, NULL), ERR_OK);
    assert_int_equal(n, 3);
    assert_true(o[0].end_at - o[0].start_at == 3600000);
    assert_true(o[1].end_at - o[1].start_at == 3 * 3600000);
    assert_true(o[2].end_at - o[2].start_at == 1800000);
}

static void test_exdate_and_rdate(void **state UNUSED)
{
    static const char from[] = "20260101T000000";
    static const char to[] = "20270101T000000";
    /* by another zone, by UTC, by a whole day, by a zone that nobody knows */
    assert_expands("Europe/Paris", "20260105T090000",
                   "RRULE:FREQ=WEEKLY;COUNT=6\n"
                   "EXDATE;TZID=America/New_York:20260112T030000,20260112T040000\n"
                   "EXDATE:20260119T080000Z\nEXDATE;VALUE=DATE:20260126\n"
                   "EXDATE;TZID=\"Nowhere/At:All\":20260202T090000",
                   from, to, "2026-01 5 | 2026-02 9");
    assert_expands("Europe/Paris", "20260105",
                   "RRULE:FREQ=DAILY;COUNT=3\nEXDATE;VALUE=DATE:20260106", from, to, "2026-01 5 7");
    assert_expands("Europe/Paris", "20260105",
                   "RRULE:FREQ=DAILY;COUNT=3\nEXDATE;TZID=Europe/Paris:20260106T000000", from, to,
                   "2026-01 5 7");
    assert_expands("Europe/Paris", "20260105T090000", "RDATE:20260110T080000Z", from, to,
                   "2026-01 5 10");
    assert_expands("Europe/Paris", "20260105T090000", "RDATE;VALUE=DATE:20260110", from, to,
                   "2026-01 5 10");
    /* What is given twice comes once */
    assert_expands("Europe/Paris", "20260105T090000",
                   "RRULE:FREQ=DAILY;COUNT=2\nRDATE:20260106T080000Z,20260105T080000Z", from, to,
                   "2026-01 5 6");
    assert_expands("Europe/Paris", "20260105T090000",
                   "RRULE:FREQ=DAILY;COUNT=6\nEXRULE:FREQ=DAILY;INTERVAL=2;COUNT=2", from, to,
                   "2026-01 6 8-10");
    assert_expands("Europe/Paris", "20260105T090000",
                   "RRULE:FREQ=WEEKLY;COUNT=2\nRRULE:FREQ=MONTHLY;COUNT=2", from, to,
                   "2026-01 5 12 | 2026-02 5");
    /* The day on which 02:30 is 03:30 can be taken out by either name. */
    assert_expands("Europe/Paris", "20260328T023000",
                   "RRULE:FREQ=DAILY;COUNT=3\nEXDATE;TZID=Europe/Paris:20260329T023000", from, to,
                   "2026-03 28 30");
    assert_expands("Europe/Paris", "20260328T023000",
                   "RRULE:FREQ=DAILY;COUNT=3\nEXDATE:20260329T013000Z", from, to, "2026-03 28 30");
}

static void test_until_is_inclusive_in_each_form(void **state UNUSED)
{
    static const char from[] = "20260101T000000";
    static const char to[] = "20270101T000000";
    assert_expands("Europe/Paris", "20260105T090000", "RRULE:FREQ=DAILY;UNTIL=20260107T080000Z",
                   from, to, "2026-01 5-7");
    assert_expands("Europe/Paris", "20260105T090000", "RRULE:FREQ=DAILY;UNTIL=20260107T075959Z",
                   from, to, "2026-01 5 6");
    assert_expands("Europe/Paris", "20260105T090000", "RRULE:FREQ=DAILY;UNTIL=20260107T090000",
                   from, to, "2026-01 5-7");
    assert_expands("Europe/Paris", "20260105T090000", "RRULE:FREQ=DAILY;UNTIL=20260107", from, to,
                   "2026-01 5-7");
    assert_expands("Europe/Paris", "20260105", "RRULE:FREQ=DAILY;UNTIL=20260107", from, to,
                   "2026-01 5-7");
    assert_expands("Europe/Paris", "20260105", "RRULE:FREQ=DAILY;UNTIL=20260106T235959Z", from, to,
                   "2026-01 5 6");
    /* West of Greenwich, where the UTC date is a day ahead. */
    assert_expands("America/Los_Angeles", "20260105T200000",
                   "RRULE:FREQ=DAILY;UNTIL=20260108T040000Z", from, to, "2026-01 5-7");
}

static void test_first_occurrence_belongs_and_counts(void **state UNUSED)
{
    /* The 1st of January 2026 is a Thursday */
    assert_expands("UTC", "20260101T090000", "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=3",
                   "20260101T000000", "20270101T000000", "2026-01 1 5 12");
    assert_expands("UTC", "20260101T090000", "RRULE:FREQ=WEEKLY;BYDAY=TH;COUNT=3",
                   "20260101T000000", "20270101T000000", "2026-01 1 8 15");
    assert_expands("UTC", "20260101T090000", "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=1",
                   "20260101T000000", "20270101T000000", "2026-01 1");
}

static void test_leap_days_and_short_months(void **state UNUSED)
{
    /* 30 December 2024 is in week 1 of 2025: two years on from there is 2027 */
    assert_expands("UTC", "20241230", "RRULE:FREQ=YEARLY;INTERVAL=2;BYWEEKNO=1", "20240101T000000",
                   "20280101T000000", "2024-12 30 | 2027-01 4");
    assert_expands("UTC", "20240229", "RRULE:FREQ=YEARLY", "20240101T000000", "20340101T000000",
                   "2024-02 29 | 2028-02 29 | 2032-02 29");
    assert_expands("UTC", "20260131", "RRULE:FREQ=MONTHLY;COUNT=4", "20260101T000000",
                   "20340101T000000", "2026-01 31 | 2026-03 31 | 2026-05 31 | 2026-07 31");
    assert_expands("UTC", "20960229", "RRULE:FREQ=YEARLY;BYYEARDAY=60;COUNT=3", "20960101T000000",
                   "21100101T000000", "2096-02 29 | 2097-03 1 | 2098-03 1");
}

static void test_window_shows_what_overlaps_it(void **state UNUSED)
{
    /* 23:30 to 00:30: the one that began the day before is still there */
    assert_expands("UTC", "20260105T233000", "RRULE:FREQ=DAILY", "20260201T000000",
                   "20260202T000000", "2026-01 31 | 2026-02 1");
    /* a count is counted from the start, not from the window */
    assert_expands("UTC", "20260101T090000", "RRULE:FREQ=DAILY;COUNT=32", "20260201T000000",
                   "20260301T000000", "2026-02 1");
    /* 96 times seven months are 56 years */
    assert_expands("UTC", "19700101T090000", "RRULE:FREQ=MONTHLY;INTERVAL=7", "20260101T000000",
                   "20270101T000000", "2026-01 1 | 2026-08 1");
    /* west of Greenwich the wall clock is behind the window's UTC */
    assert_expands("America/New_York", "20260101T090000", "RRULE:FREQ=DAILY", "20260201T090000",
                   "20260202T000000", "2026-02 1");
    /* half-open: what ends at the window's begin or begins at its end is outside */
    assert_expands("UTC", "20260101T090000", "RRULE:FREQ=DAILY", "20260201T100000",
                   "20260203T090000", "2026-02 2");
}

static void test_bounds(void **state UNUSED)
{
    static const char from[] = "20260101T000000";
    static const char to[] = "20280101T000000";
    assert_expands("UTC", "20260101T090000", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", from, to,
                   "2026-01 1");
    assert_expands("UTC", "20260101T090000", "RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", from,
                   to, "2026-01 1");
    assert_expands("UTC", "20260101T000000", "RRULE:FREQ=MINUTELY", from, to, "too_big");
    assert_expands("UTC", "00010101T000000", "RRULE:FREQ=DAILY;COUNT=2000000000", from, to,
                   "too_big");
    assert_expands("UTC", "17000101T000000", "RRULE:FREQ=DAILY;COUNT=2000000000", from,
                   "20260103T000000", "2026-01 1 2");
    assert_expands("UTC", "20260101", "RRULE:FREQ=HOURLY", from, to, "invalid");
    assert_expands("UTC", "20260101T000000", "RRULE:FREQ=DAILY\nNONSENSE:1", from, to, "invalid");
    assert_expands("UTC", "20260101T000000", "EXDATE:2026", from, to, "invalid");
    assert_expands("UTC", "20260101T000000", "RDATE;VALUE=PERIOD:20260101T000000Z/20250101T000000Z",
                   from, to, "invalid");
    assert_expands("UTC", "20260101T000000", "RRULE", from, to, "invalid");

    struct buf lines CLEANUP(buf_fini);
    buf_init(&lines, 1000000);
    buf_add_c(&lines, "EXDATE:20260102");
    for (int i = 0; i < CALENDAR_DATES_MAX; i++) {
        buf_add_c(&lines, ",20260102");
    }
    assert_expands("UTC", "20260101T000000", buf_c(&lines), from, to, "too_big");
    buf_reset(&lines);
    buf_add_c(&lines, "RRULE:FREQ=DAILY");
    for (int i = 0; i < CALENDAR_RULES_MAX; i++) {
        buf_add_c(&lines, "\nRRULE:FREQ=DAILY");
    }
    assert_expands("UTC", "20260101T000000", buf_c(&lines), from, to, "too_big");
}

static bool has(const struct calendar_occurrence *o, size_t n, int64_t start_at)
{
    for (size_t i = 0; i < n; i++) {
        if (o[i].start_at == start_at) {
            return true;
        }
    }
    return false;
}

/* Any two windows that touch show together what their union shows, and nothing else. */
static void check_windows(struct arena *arena, const struct calendar_series *s, int64_t from,
                          int64_t cut, int64_t to)
{
    struct calendar_occurrence *all;
    struct calendar_occurrence *left;
    struct calendar_occurrence *right;
    size_t n_all;
    size_t n_left;
    size_t n_right;
    assert_int_equal(calendar_expand(s, from, to, arena, &all, &n_all, NULL), ERR_OK);
    assert_int_equal(calendar_expand(s, from, cut, arena, &left, &n_left, NULL), ERR_OK);
    assert_int_equal(calendar_expand(s, cut, to, arena, &right, &n_right, NULL), ERR_OK);
    size_t both = 0;
    for (size_t i = 0; i < n_all; i++) {
        bool in_left = has(left, n_left, all[i].start_at);
        bool in_right = has(right, n_right, all[i].start_at);
        assert_true(in_left || in_right);
        assert_true(i == 0 || all[i - 1].start_at < all[i].start_at);
        both += in_left && in_right;
    }
    assert_int_equal(n_left + n_right, n_all + both);
}

static void test_windows_add_up(void **state UNUSED)
{
    static const char *const names[] = {"UTC", "Europe/Paris", "America/New_York",
                                        "Australia/Lord_Howe", "Asia/Kathmandu"};
    struct random r = {UINT64_C(0x3141)};
    for (int i = 0; i < 1500; i++) {
        struct arena arena CLEANUP(arena_fini);
        struct buf text CLEANUP(buf_fini);
        char start[32];
        arena_init(&arena);
        buf_init(&text, 1000);
        buf_add_c(&text, "RRULE:");
        random_rule(&r, false, &text);
        bool all_day = random_below(&r, 4) == 0;
        snprintf(start, sizeof start, "20%02u%02u%02u", random_below(&r, 30),
                 1 + random_below(&r, 12), 1 + random_below(&r, 28));
        if (!all_day) {
            snprintf(start + 8, sizeof start - 8, "T%02u%02u00", random_below(&r, 24),
                     random_below(&r, 60));
        }
        struct calendar_series s =
            series_of(&arena, names[random_below(&r, ARRAY_LEN(names))], start, NULL, buf_c(&text));
        if (!all_day) {
            s.end.at = s.start.at + random_below(&r, 4) * INT64_C(20000000);
        }
        int64_t from = at_of("20100101T000000Z", s.zone) +
                       random_below(&r, 7000) * CALENDAR_DAY_MS + random_below(&r, 86400) * 1000;
        int64_t cut = from + random_below(&r, 300) * INT64_C(7200000);
        check_windows(&arena, &s, from, cut, cut + random_below(&r, 300) * INT64_C(7200000));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gap_moves_one_day_only),
        cmocka_unit_test(test_overlap_takes_the_first),
        cmocka_unit_test(test_hours_within_a_gap_come_once),
        cmocka_unit_test(test_end_follows_exactly_and_by_days),
        cmocka_unit_test(test_long_ones_reach_into_the_window),
        cmocka_unit_test(test_periods_have_their_own_ends),
        cmocka_unit_test(test_exdate_and_rdate),
        cmocka_unit_test(test_until_is_inclusive_in_each_form),
        cmocka_unit_test(test_first_occurrence_belongs_and_counts),
        cmocka_unit_test(test_leap_days_and_short_months),
        cmocka_unit_test(test_window_shows_what_overlaps_it),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_windows_add_up),
    };
    return cmocka_run_group_tests(tests, zones_setup, zones_teardown);
}

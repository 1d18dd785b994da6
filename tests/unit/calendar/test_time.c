/* Dates, and the texts of RFC 3339 and RFC 5545. */
#include "support.h"

static void test_days_and_dates_are_inverse_over_ten_thousand_years(void **state UNUSED)
{
    int32_t first = calendar_days((struct calendar_date){1, 1, 1});
    int32_t last = calendar_days((struct calendar_date){9999, 12, 31});
    assert_int_equal(calendar_days((struct calendar_date){1970, 1, 1}), 0);
    assert_int_equal(calendar_weekday(0), 3);
    assert_true(first * CALENDAR_DAY_MS == CALENDAR_MIN_AT);
    assert_true((last + 1) * CALENDAR_DAY_MS - 1 == CALENDAR_MAX_AT);
    for (int32_t d = first; d <= last; d++) {
        struct calendar_date date = calendar_date_of(d);
        if (!calendar_date_valid(date.year, date.month, date.day) || calendar_days(date) != d) {
            fail_msg("day %d", d);
        }
    }
}

static void test_rfc3339_is_read_strictly(void **state UNUSED)
{
    int64_t at = 1;
    bool has_offset = true;
    assert_true(calendar_parse_rfc3339(STR("2026-10-20T10:00:00.1239+01:00"), &at, NULL));
    assert_true(at == 1792486800123);
    assert_true(calendar_parse_rfc3339(STR("2026-10-20t09:00:00.1z"), &at, NULL));
    assert_true(at == 1792486800100);
    assert_true(calendar_parse_rfc3339(STR("1969-12-31T23:59:60Z"), &at, NULL));
    assert_true(at == -1000); /* a leap second is the one before */
    assert_true(calendar_parse_rfc3339(STR("2026-10-20T10:00:00.0000000"), &at, &has_offset));
    assert_false(has_offset);
    assert_true(at == 1792490400000);
    static const char *const bad[] = {
        "2026-10-20T10:00:00",
        "2026-13-20T10:00:00Z",
        "2026-02-29T10:00:00Z",
        "2026-10-20T24:00:00Z",
        "2026-10-20T10:00:00+24:00",
        "2026-10-20T10:00:00.Z",
        "2026-10-20T10:00Z",
        "2026-10-20T10:00:00Zx",
        "2026-10-20T-0:00:00Z",
        "2026-10-20T10:00:61Z",
        "0000-10-20T10:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "+026-10-20T10:00:00Z",
        "2026-10-20T10:00:00+0100",
        " 2026-10-20T10:00:00Z",
        "",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        at = 77;
        if (calendar_parse_rfc3339(str_c(bad[i]), &at, NULL) || at != 77) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
}

static void test_rfc3339_prints_what_it_reads(void **state UNUSED)
{
    static const struct {
        int64_t at;
        const char *text;
    } pairs[] = {
        {1792486800123, "2026-10-20T09:00:00.123Z"},
        {1792486800000, "2026-10-20T09:00:00Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {CALENDAR_MIN_AT, "0001-01-01T00:00:00Z"},
        {CALENDAR_MAX_AT, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct buf out CLEANUP(buf_fini);
        int64_t back;
        buf_init(&out, 100);
        calendar_print_rfc3339(pairs[i].at, &out);
        assert_string_equal(buf_c(&out), pairs[i].text);
        assert_true(calendar_parse_rfc3339(buf_str(&out), &back, NULL));
        assert_true(back == pairs[i].at);
    }
}

static void test_dates_and_times_of_icalendar(void **state UNUSED)
{
    struct calendar_date d = {1, 1, 1};
    struct calendar_wall w;
    bool utc;
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, 100);
    assert_true(calendar_parse_ical_date(STR("20240229"), &d) && d.day == 29);
    assert_true(calendar_parse_ical_time(STR("20261020T235960Z"), &w, &utc) && utc);
    assert_int_equal(w.second_of_day, 86399);
    calendar_print_ical_time(w, &out);
    assert_string_equal(buf_c(&out), "20261020T235959");
    static const char *const bad_dates[] = {"20230229", "2024022", "202402299", "2024-229", ""};
    for (size_t i = 0; i < ARRAY_LEN(bad_dates); i++) {
        assert_false(calendar_parse_ical_date(str_c(bad_dates[i]), &d));
        assert_int_equal(d.day, 29); /* untouched */
    }
    static const char *const bad_times[] = {"20261020",        "20261020T",
                                            "20261020T2400",   "20261020t000000",
                                            "20261020T240000", "20261020T000000ZZ"};
    for (size_t i = 0; i < ARRAY_LEN(bad_times); i++) {
        assert_false(calendar_parse_ical_time(str_c(bad_times[i]), &w, &utc));
    }
    assert_true(calendar_parse_date(STR("2026-10-20"), &d));
    assert_false(calendar_parse_date(STR("2026-10-20T"), &d));
}

static void test_durations(void **state UNUSED)
{
    static const struct {
        const char *text;
        int64_t seconds; /* -1: refused */
    } cases[] = {
        {"P1W", 604800},    {"PT1H30M", 5400}, {"P1DT12H", 129600}, {"+PT5S", 5},
        {"PT0S", 0},        {"P", -1},         {"PT", -1},          {"P1H", -1},
        {"P1DT", -1},       {"PT1M1H", -1},    {"PT1H1H", -1},      {"1D", -1},
        {"PT1234567S", -1}, {"P-1D", -1},      {"P1", -1},          {"", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t seconds = -1;
        bool good = calendar_parse_ical_duration(str_c(cases[i].text), &seconds);
        if (good != (cases[i].seconds >= 0) || seconds != cases[i].seconds) {
            fail_msg("%s: %lld", cases[i].text, (long long)seconds);
        }
    }
    int64_t seconds;
    assert_true(calendar_parse_ical_duration(STR("-P1D"), &seconds) && seconds == -86400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_and_dates_are_inverse_over_ten_thousand_years),
        cmocka_unit_test(test_rfc3339_is_read_strictly),
        cmocka_unit_test(test_rfc3339_prints_what_it_reads),
        cmocka_unit_test(test_dates_and_times_of_icalendar),
        cmocka_unit_test(test_durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

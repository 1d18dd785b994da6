/* Dates, RFC 3339, zones and spans. */
#include "calendar/span.h"
#include "calendar/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void test_days_and_dates_are_inverse_over_ten_thousand_years(void **state UNUSED)
{
    int32_t first = calendar_days((struct calendar_date){1, 1, 1});
    int32_t last = calendar_days((struct calendar_date){9999, 12, 31});
    assert_int_equal(calendar_days((struct calendar_date){1970, 1, 1}), 0);
    assert_int_equal(calendar_weekday(0), 3);
    for (int32_t d = first; d <= last; d++) {
        struct calendar_date date = calendar_date_of(d);
        if (!calendar_date_valid(date.year, date.month, date.day) || calendar_days(date) != d) {
            fail_msg("day %d", d);
        }
    }
}

static void test_rfc3339(void **state UNUSED)
{
    int64_t at;
    bool has_offset;
    assert_true(calendar_parse_rfc3339(STR("2026-10-20T10:00:00.1239+01:00"), &at, NULL));
    assert_true(at == 1792486800123);
    assert_true(calendar_parse_rfc3339(STR("1969-12-31T23:59:60Z"), &at, NULL));
    assert_true(at == -1000);
    assert_true(calendar_parse_rfc3339(STR("2026-10-20T10:00:00"), &at, &has_offset));
    assert_false(has_offset);
    static const char *const bad[] = {
        "2026-10-20T10:00:00",  "2026-13-20T10:00:00Z",      "2026-02-29T10:00:00Z",
        "2026-10-20T24:00:00Z", "2026-10-20T10:00:00+24:00", "2026-10-20T10:00:00.Z",
        "2026-10-20T10:00Z",    "2026-10-20T10:00:00Zx",     ""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(calendar_parse_rfc3339(str_c(bad[i]), &at, NULL));
    }
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, 100);
    calendar_print_rfc3339(1792486800123, &out);
    assert_string_equal(buf_c(&out), "2026-10-20T09:00:00.123Z");
    buf_reset(&out);
    calendar_print_rfc3339(-1, &out);
    assert_string_equal(buf_c(&out), "1969-12-31T23:59:59.999Z");
}

static int32_t offset(struct calendar_zones *zones, const char *name, const char *when)
{
    const struct calendar_zone *zone;
    int64_t at;
    assert_int_equal(calendar_zone_find(zones, str_c(name), &zone, NULL), ERR_OK);
    assert_true(calendar_parse_rfc3339(str_c(when), &at, NULL));
    return calendar_zone_offset(zone, at);
}

static void test_zones_now_long_ago_and_far_ahead(void **state UNUSED)
{
    struct calendar_zones *zones = calendar_zones_new(NULL);
    const struct calendar_zone *zone;
    assert_int_equal(offset(zones, "Europe/Paris", "2026-07-01T00:00:00Z"), 7200);
    assert_int_equal(offset(zones, "Europe/Paris", "2126-07-01T00:00:00Z"), 7200); /* footer */
    assert_int_equal(offset(zones, "Europe/Paris", "2126-12-01T00:00:00Z"), 3600);
    assert_int_equal(offset(zones, "Australia/Sydney", "2100-01-01T00:00:00Z"), 39600);
    assert_int_equal(offset(zones, "Australia/Sydney", "2100-07-01T00:00:00Z"), 36000);
    assert_int_equal(offset(zones, "America/New_York", "1890-01-01T00:00:00Z"), -18000);
    assert_int_equal(offset(zones, "Asia/Kolkata", "2026-01-01T00:00:00Z"), 19800);
    assert_int_equal(offset(zones, "GMT-07:00", "2026-01-01T00:00:00Z"), -25200);
    assert_int_equal(offset(zones, "UTC+0530", "2026-01-01T00:00:00Z"), 19800);
    static const char *const bad[] = {
        "", "Nowhere/Land", "../../etc/passwd", "/etc/passwd", "Europe", "GMT+99", "UTC+"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_not_equal(calendar_zone_find(zones, str_c(bad[i]), &zone, NULL), ERR_OK);
    }
    calendar_zones_free(zones);
}

static void test_every_hour_of_decades_goes_to_the_wall_and_back(void **state UNUSED)
{
    static const char *const names[] = {"Europe/Paris", "America/New_York",  "Australia/Lord_Howe",
                                        "Asia/Tehran",  "Africa/Casablanca", "Pacific/Apia"};
    struct calendar_zones *zones = calendar_zones_new(NULL);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct calendar_zone *zone;
        assert_int_equal(calendar_zone_find(zones, str_c(names[i]), &zone, NULL), ERR_OK);
        for (int64_t at = 0; at < INT64_C(2500000000000); at += INT64_C(3600000)) {
            struct calendar_wall wall = calendar_zone_wall(zone, at);
            int64_t back = calendar_zone_instant(zone, wall);
            /* The same instant, or the first one that shows this wall clock. */
            if (back != at && (back > at || at - back > INT64_C(86400000) ||
                               calendar_wall_seconds(calendar_zone_wall(zone, back)) !=
                                   calendar_wall_seconds(wall))) {
                fail_msg("%s at %lld gives %lld", names[i], (long long)at, (long long)back);
            }
        }
    }
    calendar_zones_free(zones);
}

static void test_spans_merge_by_strength_and_clip(void **state UNUSED)
{
    struct calendar_span spans[12] = {{10, 20, CALENDAR_BUSY},
                                      {15, 30, CALENDAR_SHOW_TENTATIVE},
                                      {30, 40, CALENDAR_SHOW_TENTATIVE},
                                      {18, 25, CALENDAR_OUT_OF_OFFICE},
                                      {5, 5, CALENDAR_BUSY},
                                      {50, 45, CALENDAR_BUSY}};
    size_t n = calendar_spans_merge(spans, 6);
    assert_int_equal(n, 3);
    assert_true(spans[0].start_at == 10 && spans[0].end_at == 18 &&
                spans[0].show_as == CALENDAR_BUSY);
    assert_true(spans[1].start_at == 18 && spans[1].end_at == 25 &&
                spans[1].show_as == CALENDAR_OUT_OF_OFFICE);
    assert_true(spans[2].start_at == 25 && spans[2].end_at == 40 &&
                spans[2].show_as == CALENDAR_SHOW_TENTATIVE);
    n = calendar_spans_clip(spans, n, 12, 25);
    assert_int_equal(n, 2);
    assert_true(spans[0].start_at == 12 && spans[1].end_at == 25);
}

static void test_what_takes_time(void **state UNUSED)
{
    enum calendar_show_as as;
    struct str normal = STR("default");
    assert_false(
        calendar_takes_time(CALENDAR_CANCELLED, CALENDAR_BUSY, CALENDAR_ACCEPTED, normal, &as));
    assert_false(
        calendar_takes_time(CALENDAR_CONFIRMED, CALENDAR_BUSY, CALENDAR_DECLINED, normal, &as));
    assert_false(
        calendar_takes_time(CALENDAR_CONFIRMED, CALENDAR_FREE, CALENDAR_ACCEPTED, normal, &as));
    assert_false(calendar_takes_time(CALENDAR_CONFIRMED, CALENDAR_BUSY, CALENDAR_RESPONSE_UNKNOWN,
                                     STR("birthday"), &as));
    assert_true(
        calendar_takes_time(CALENDAR_CONFIRMED, CALENDAR_BUSY, CALENDAR_NONE, normal, &as) &&
        as == CALENDAR_SHOW_TENTATIVE);
    assert_true(calendar_takes_time(CALENDAR_TENTATIVE, CALENDAR_OUT_OF_OFFICE, CALENDAR_NONE,
                                    normal, &as) &&
                as == CALENDAR_OUT_OF_OFFICE);
    assert_true(calendar_blocks(CALENDAR_SHOW_TENTATIVE) && calendar_blocks(CALENDAR_BUSY));
    assert_false(calendar_blocks(CALENDAR_WORKING_ELSEWHERE) || calendar_blocks(CALENDAR_FREE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_and_dates_are_inverse_over_ten_thousand_years),
        cmocka_unit_test(test_rfc3339),
        cmocka_unit_test(test_zones_now_long_ago_and_far_ahead),
        cmocka_unit_test(test_every_hour_of_decades_goes_to_the_wall_and_back),
        cmocka_unit_test(test_spans_merge_by_strength_and_clip),
        cmocka_unit_test(test_what_takes_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

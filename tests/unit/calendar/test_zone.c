/* Zones against the C library, in gaps and overlaps, and from bytes that are wrong. */
#include "support.h"

#include <time.h>

static int32_t offset(const char *name, const char *when)
{
    int64_t at;
    assert_true(calendar_parse_rfc3339(str_c(when), &at, NULL));
    return calendar_zone_offset(zone_named(name), at);
}

static void test_zones_now_long_ago_and_far_ahead(void **state UNUSED)
{
    assert_int_equal(offset("Europe/Paris", "2026-07-01T00:00:00Z"), 7200);
    assert_int_equal(offset("Europe/Paris", "2126-07-01T00:00:00Z"), 7200); /* footer */
    assert_int_equal(offset("Europe/Paris", "2126-12-01T00:00:00Z"), 3600);
    assert_int_equal(offset("Europe/Dublin", "2126-07-01T00:00:00Z"), 3600); /* winter is DST */
    assert_int_equal(offset("Europe/Dublin", "2126-12-01T00:00:00Z"), 0);
    assert_int_equal(offset("Australia/Sydney", "2100-01-01T00:00:00Z"), 39600);
    assert_int_equal(offset("Australia/Sydney", "2100-07-01T00:00:00Z"), 36000);
    assert_int_equal(offset("America/New_York", "1890-01-01T00:00:00Z"), -18000);
    assert_int_equal(offset("US/Pacific", "2026-01-01T00:00:00Z"), -28800); /* an old name */
    assert_int_equal(offset("Asia/Kolkata", "2026-01-01T00:00:00Z"), 19800);
    assert_int_equal(offset("GMT-07:00", "2026-01-01T00:00:00Z"), -25200);
    assert_int_equal(offset("UTC+0530", "2026-01-01T00:00:00Z"), 19800);
    assert_int_equal(offset("UTC+2", "2026-01-01T00:00:00Z"), 7200);
    assert_int_equal(offset("Etc/GMT+2", "2026-01-01T00:00:00Z"), -7200); /* POSIX's sign */
    assert_int_equal(offset("UTC", "2026-01-01T00:00:00Z"), 0);
}

static void test_unknown_names_are_not_found(void **state UNUSED)
{
    static const char *const bad[] = {"",
                                      "Nowhere/Land",
                                      "../../etc/passwd",
                                      "/etc/passwd",
                                      "Europe",
                                      "GMT+99",
                                      "UTC+",
                                      "UTC+1:2:3",
                                      "right/Europe/Paris",
                                      "posix/UTC",
                                      "europe/",
                                      "Pacific Standard Time",
                                      "tzone://Microsoft/Custom"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const struct calendar_zone *zone;
        if (calendar_zone_find(zones, str_c(bad[i]), &zone, NULL) != ERR_NOT_FOUND) {
            fail_msg("found: %s", bad[i]);
        }
    }
    const struct calendar_zone *zone;
    assert_int_equal(calendar_zone_find(zones, STR("tzdata.zi"), &zone, NULL), ERR_NOT_FOUND);
    assert_int_equal(calendar_zone_find(zones, STR("leapseconds"), &zone, NULL), ERR_PROTO);
}

static const char *const names[] = {
    "Europe/Paris",      "America/New_York", "Australia/Lord_Howe", "Asia/Tehran",
    "Africa/Casablanca", "Pacific/Apia",     "America/Sao_Paulo",   "Europe/Dublin",
    "Asia/Gaza",         "Antarctica/Troll", "America/Nuuk",        "Pacific/Kwajalein",
};

/* The C library as a second reader of the same files. */
static void test_every_six_hours_of_two_centuries_as_the_c_library_has_it(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct calendar_zone *zone = zone_named(names[i]);
        setenv("TZ", names[i], 1);
        tzset();
        for (int64_t s = INT64_C(-3000000000); s < INT64_C(5000000000); s += 21600 * 3 + 1) {
            time_t t = (time_t)s;
            struct tm tm;
            localtime_r(&t, &tm);
            int32_t ours = calendar_zone_offset(zone, s * 1000);
            if (ours != (int32_t)tm.tm_gmtoff) {
                fail_msg("%s at %lld: %d and %ld", names[i], (long long)s, ours, tm.tm_gmtoff);
            }
        }
    }
    unsetenv("TZ");
    tzset();
}

/* The definition, by search: the first instant that shows the wall time; where none does, the
 * offset before the gap. */
static int64_t instant_by_search(const struct calendar_zone *zone, int64_t wall)
{
    struct calendar_zone_range r = calendar_zone_range(zone, wall - 200000);
    int32_t before = r.offset;
    while (r.from == INT64_MIN || r.from <= wall + 200000) {
        if ((r.from == INT64_MIN || wall - r.offset >= r.from) && wall - r.offset < r.to) {
            return wall - r.offset;
        }
        if (wall - r.offset >= r.to) {
            before = r.offset;
        }
        r = calendar_zone_range(zone, r.to);
    }
    return wall - before;
}

static void test_walls_around_every_change(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct calendar_zone *zone = zone_named(names[i]);
        struct calendar_zone_range r = calendar_zone_range(zone, INT64_C(-5000000000));
        while (r.to < INT64_C(6000000000)) {
            r = calendar_zone_range(zone, r.to);
            for (int64_t d = -100000; d <= 100000; d += 450) {
                int64_t wall = r.from + r.offset + d;
                int64_t got = calendar_zone_instant(zone, calendar_wall_of(wall));
                if (got != instant_by_search(zone, wall) * 1000) {
                    fail_msg("%s: wall %lld gives %lld", names[i], (long long)wall, (long long)got);
                }
            }
        }
    }
}

static void test_a_day_that_a_zone_left_out(void **state UNUSED)
{
    /* Samoa went from 29 to 31 December 2011: the 30th begins when the 31st does. */
    const struct calendar_zone *apia = zone_named("Pacific/Apia");
    assert_true(calendar_zone_midnight(apia, (struct calendar_date){2011, 12, 30}) ==
                calendar_zone_midnight(apia, (struct calendar_date){2011, 12, 31}));
    assert_expands("Pacific/Apia", "20111229", "RRULE:FREQ=DAILY;COUNT=4", "20111201T000000",
                   "20120201T000000", "2011-12 29-31 | 2012-01 1");
}

static void add_be32(struct buf *out, uint32_t v)
{
    char bytes[] = {(char)(v >> 24), (char)(v >> 16), (char)(v >> 8), (char)v};
    buf_add(out, (struct str){bytes, 4});
}

/* A file of one type and no change: an offset, leap seconds (of 12 bytes), and a footer. */
static enum err_code parse_made(uint32_t offset_seconds, uint32_t leaps, const char *footer,
                                struct calendar_zone **ret_zone)
{
    struct buf out CLEANUP(buf_fini);
    char zeros[64] = {0};
    buf_init(&out, 1000);
    for (int block = 0; block < 2; block++) {
        buf_add(&out, STR("TZif2"));
        buf_add(&out, (struct str){zeros, 15});
        add_be32(&out, 0);
        add_be32(&out, 0);
        add_be32(&out, block == 0 ? 0 : leaps);
        add_be32(&out, 0);
        add_be32(&out, 1);
        add_be32(&out, 1);
        add_be32(&out, offset_seconds);
        buf_add(&out, (struct str){zeros, 2 + 1});
        buf_add(&out, (struct str){zeros, block == 0 ? 0 : leaps * 12});
    }
    buf_add_f(&out, "\n%s\n", footer);
    return calendar_zone_parse(buf_str(&out), ret_zone, NULL);
}

static void test_footers(void **state UNUSED)
{
    struct calendar_zone *z;
    int64_t july = at_of("20500701T000000Z", calendar_zone_utc());
    int64_t january = at_of("20500101T000000Z", calendar_zone_utc());
    static const struct {
        const char *text;
        int32_t january;
        int32_t july;
    } good[] = {
        {"CET-1CEST,M3.5.0,M10.5.0/3", 3600, 7200},
        {"EST5EDT,M3.2.0,M11.1.0", -18000, -14400},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", -7200, -3600},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", 0, 3600},
        {"EST5EDT,0/0,J365/25", -14400, -14400}, /* summer all the year: RFC 8536 3.3.1 */
        {"XXX-3", 10800, 10800},
        {"AAA3BBB,J60,J300/-167", -10800, -7200},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(parse_made(0, 0, good[i].text, &z), ERR_OK);
        if (calendar_zone_offset(z, january) != good[i].january ||
            calendar_zone_offset(z, july) != good[i].july) {
            fail_msg("%s: %d, %d", good[i].text, calendar_zone_offset(z, january),
                     calendar_zone_offset(z, july));
        }
        calendar_zone_free(z);
    }
    /* J60 is 1 March in leap years as well, zero-based 59 is 29 February. */
    int64_t leap_day = at_of("20480229T180000Z", calendar_zone_utc());
    assert_int_equal(parse_made(0, 0, "AAA3BBB,J60,J300", &z), ERR_OK);
    assert_int_equal(calendar_zone_offset(z, leap_day), -10800);
    calendar_zone_free(z);
    assert_int_equal(parse_made(0, 0, "AAA3BBB,59,300", &z), ERR_OK);
    assert_int_equal(calendar_zone_offset(z, leap_day), -7200);
    calendar_zone_free(z);
    static const char *const bad[] = {"CET",
                                      "-1",
                                      "CET-1CEST",
                                      "CET-99",
                                      "CET-1CEST,M13.1.0,M10.5.0",
                                      "CET-1CEST,M3.5.0",
                                      "<CET-1",
                                      "CET-1CEST,M3.5.7,M10.5.0",
                                      "CET-1x,J0,J1",
                                      "CET-1CEST,M3.5.0,M10.5.0,"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (parse_made(0, 0, bad[i], &z) != ERR_PROTO) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
    assert_int_equal(parse_made(3600, 0, "", &z), ERR_OK);
    assert_int_equal(calendar_zone_offset(z, july), 3600);
    calendar_zone_free(z);
    assert_int_equal(parse_made(3600, 1, "", &z), ERR_UNSUPPORTED);
    assert_int_equal(parse_made(100000, 0, "", &z), ERR_PROTO);
    assert_int_equal(calendar_zone_parse(STR("TZif"), &z, NULL), ERR_PROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zones_now_long_ago_and_far_ahead),
        cmocka_unit_test(test_unknown_names_are_not_found),
        cmocka_unit_test(test_every_six_hours_of_two_centuries_as_the_c_library_has_it),
        cmocka_unit_test(test_walls_around_every_change),
        cmocka_unit_test(test_a_day_that_a_zone_left_out),
        cmocka_unit_test(test_footers),
    };
    return cmocka_run_group_tests(tests, zones_setup, zones_teardown);
}

/* Expansion against the examples of RFC 5545 3.8.5.3, over DST, with exceptions, and bounded. */
#include "calendar/recurrence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static struct calendar_zones *zones;

static int setup(void **state UNUSED)
{
    zones = calendar_zones_new(NULL);
    return 0;
}

static int teardown(void **state UNUSED)
{
    zones = calendar_zones_free(zones);
    return 0;
}

static int64_t at_of(const char *text, const struct calendar_zone *zone)
{
    struct calendar_wall wall = {0};
    bool utc = false;
    assert_true(calendar_parse_ical_time(str_c(text), &wall, &utc));
    return calendar_zone_instant(utc ? calendar_zone_utc() : zone, wall);
}

/* Occurrences as local dates and times ("19970902T0900"), space separated. */
static void expand(const char *zone_name, const char *start, const char *line1, const char *line2,
                   const char *from, const char *to, char *out, size_t size)
{
    struct arena arena CLEANUP(arena_fini);
    struct err err = {0};
    const struct calendar_zone *zone;
    struct calendar_occurrence *o;
    size_t n = 0;
    struct str lines[] = {str_c(line1), str_c(line2)};

    arena_init(&arena);
    assert_int_equal(calendar_zone_find(zones, str_c(zone_name), &zone, &err), ERR_OK);
    struct calendar_series s = {
        .lines = lines, .line_count = line2 != NULL ? 2 : 1, .zone = zone, .zones = zones};
    s.start.set = s.end.set = true;
    if (strchr(start, 'T') == NULL) {
        s.start.all_day = s.end.all_day = true;
        assert_true(calendar_parse_ical_date(str_c(start), &s.start.date));
        s.end.date = calendar_date_of(calendar_days(s.start.date) + 1);
    } else {
        s.start.at = at_of(start, zone);
        s.end.at = s.start.at + 3600000;
    }
    enum err_code rc =
        calendar_expand(&s, at_of(from, zone), at_of(to, zone), &arena, &o, &n, &err);
    if (rc != ERR_OK) {
        snprintf(out, size, "%s", err_code_name(rc));
        return;
    }
    struct buf text CLEANUP(buf_fini);
    buf_init(&text, 100000);
    for (size_t i = 0; i < n; i++) {
        struct calendar_wall w = calendar_zone_wall(zone, o[i].start_at);
        buf_add_f(&text, "%s%04d%02d%02d", i > 0 ? " " : "", w.date.year, w.date.month, w.date.day);
        if (!s.start.all_day) {
            buf_add_f(&text, "T%02d%02d", w.second_of_day / 3600, w.second_of_day / 60 % 60);
        }
    }
    snprintf(out, size, "%s", buf_c(&text));
}

struct vector {
    const char *start; /* America/New_York */
    const char *rule;
    const char *to;       /* end of the window */
    const char *expected; /* days of each month, as "yyyymmdd", those of the RFC */
};

/* Each: DTSTART;TZID=America/New_York:...T090000 */
static const struct vector vectors[] = {
    {"19970902T090000", "RRULE:FREQ=DAILY;COUNT=4", "19990101T000000",
     "19970902 19970903 19970904 19970905"},
    {"19971222T090000", "RRULE:FREQ=DAILY;UNTIL=19971224T000000Z", "19990101T000000",
     "19971222 19971223"},
    {"19970902T090000", "RRULE:FREQ=DAILY;INTERVAL=10;COUNT=5", "19990101T000000",
     "19970902 19970912 19970922 19971002 19971012"},
    {"19980101T090000", "RRULE:FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY=SU,MO",
     "19980115T000000", "19980101 19980104 19980105 19980111 19980112"},
    {"19970902T090000", "RRULE:FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH",
     "19990101T000000",
     "19970902 19970904 19970909 19970911 19970916 19970918 19970923 19970925 19970930 19971002"},
    {"19970901T090000",
     "RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
     "19971006T000000",
     "19970901 19970903 19970905 19970915 19970917 19970919 19970929 19971001 19971003"},
    {"19970902T090000", "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
     "19990101T000000", "19970902 19970904 19970916 19970918 19970930 19971002 19971014 19971016"},
    {"19970905T090000", "RRULE:FREQ=MONTHLY;COUNT=10;BYDAY=1FR", "19990101T000000",
     "19970905 19971003 19971107 19971205 19980102 19980206 19980306 19980403 19980501 19980605"},
    {"19970907T090000", "RRULE:FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU", "19990101T000000",
     "19970907 19970928 19971102 19971130 19980104 19980125 19980301 19980329 19980503 19980531"},
    {"19970922T090000", "RRULE:FREQ=MONTHLY;COUNT=6;BYDAY=-2MO", "19990101T000000",
     "19970922 19971020 19971117 19971222 19980119 19980216"},
    {"19970928T090000", "RRULE:FREQ=MONTHLY;BYMONTHDAY=-3", "19980301T000000",
     "19970928 19971029 19971128 19971229 19980129 19980226"},
    {"19970902T090000", "RRULE:FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15", "19990101T000000",
     "19970902 19970915 19971002 19971015 19971102 19971115 19971202 19971215 19980102 19980115"},
    {"19970930T090000", "RRULE:FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1", "19990101T000000",
     "19970930 19971001 19971031 19971101 19971130 19971201 19971231 19980101 19980131 19980201"},
    {"19970910T090000", "RRULE:FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15",
     "19990401T000000",
     "19970910 19970911 19970912 19970913 19970914 19970915 19990310 19990311 19990312 19990313"},
    {"19970902T090000", "RRULE:FREQ=MONTHLY;INTERVAL=2;BYDAY=TU", "19980201T000000",
     "19970902 19970909 19970916 19970923 19970930 19971104 19971111 19971118 19971125 19980106 "
     "19980113 19980120 19980127"},
    {"19970610T090000", "RRULE:FREQ=YEARLY;COUNT=10;BYMONTH=6,7", "20040101T000000",
     "19970610 19970710 19980610 19980710 19990610 19990710 20000610 20000710 20010610 20010710"},
    {"19970310T090000", "RRULE:FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3", "20040101T000000",
     "19970310 19990110 19990210 19990310 20010110 20010210 20010310 20030110 20030210 20030310"},
    {"19970101T090000", "RRULE:FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200",
     "20070101T000000",
     "19970101 19970410 19970719 20000101 20000409 20000718 20030101 20030410 20030719 20060101"},
    {"19970519T090000", "RRULE:FREQ=YEARLY;BYDAY=20MO", "20000101T000000",
     "19970519 19980518 19990517"},
    {"19970512T090000", "RRULE:FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "20000101T000000",
     "19970512 19980511 19990517"},
    {"19970313T090000", "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=TH", "19990101T000000",
     "19970313 19970320 19970327 19980305 19980312 19980319 19980326"},
    {"19970605T090000", "RRULE:FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8", "19970801T000000",
     "19970605 19970612 19970619 19970626 19970703 19970710 19970717 19970724 19970731"},
    {"19970913T090000", "RRULE:FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13",
     "19980601T000000",
     "19970913 19971011 19971108 19971213 19980110 19980207 19980307 19980411 19980509"},
    {"19961105T090000", "RRULE:FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
     "20050101T000000", "19961105 20001107 20041102"},
    {"19970904T090000", "RRULE:FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "19990101T000000",
     "19970904 19971007 19971106"},
    {"19970929T090000", "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", "19980401T000000",
     "19970929 19971030 19971127 19971230 19980129 19980226 19980330"},
    {"19970805T090000", "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
     "19990101T000000", "19970805 19970810 19970819 19970824"},
    {"19970805T090000", "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
     "19990101T000000", "19970805 19970817 19970819 19970831"},
    {"20070115T090000", "RRULE:FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", "20080101T000000",
     "20070115 20070130 20070215 20070315 20070330"},
};

static void test_examples_of_rfc5545(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        static char got[4000];
        static char days[4000];
        days[0] = 0;
        expand("America/New_York", vectors[i].start, vectors[i].rule, NULL, "19960101T000000",
               vectors[i].to, got, sizeof got);
        struct str rest = str_c(got);
        struct str item;
        size_t len = 0;
        while (str_split(&rest, ' ', &item)) {
            assert_true(str_ends(item, STR("T0900"))); /* also over the end of summer time */
            len += (size_t)snprintf(days + len, sizeof days - len, "%s%.*s", len > 0 ? " " : "", 8,
                                    item.ptr);
        }
        if (strcmp(days, vectors[i].expected) != 0) {
            fail_msg("%s\n got %s\nwant %s", vectors[i].rule, days, vectors[i].expected);
        }
    }
}

static void assert_expands(const char *zone, const char *start, const char *line1,
                           const char *line2, const char *from, const char *to,
                           const char *expected)
{
    char got[4000];
    expand(zone, start, line1, line2, from, to, got, sizeof got);
    assert_string_equal(got, expected);
}

static void test_gap_moves_one_day_only(void **state UNUSED)
{
    /* 29 March 2026: clocks in Paris go from 02:00 to 03:00 */
    assert_expands("Europe/Paris", "20260328T023000", "RRULE:FREQ=DAILY;COUNT=3", NULL,
                   "20260301T000000", "20260501T000000",
                   "20260328T0230 20260329T0330 20260330T0230");
    /* 25 October 2026: 02:30 comes twice, the first counts */
    assert_expands("Europe/Paris", "20261024T023000", "RRULE:FREQ=DAILY;COUNT=3", NULL,
                   "20261001T000000", "20261101T000000",
                   "20261024T0230 20261025T0230 20261026T0230");
}

static void test_exdate_and_rdate(void **state UNUSED)
{
    assert_expands("Europe/Paris", "20260105T090000", "RRULE:FREQ=WEEKLY;COUNT=4",
                   "EXDATE;TZID=America/New_York:20260112T030000", "20260101T000000",
                   "20270101T000000", "20260105T0900 20260119T0900 20260126T0900");
    assert_expands("Europe/Paris", "20260105T090000", "RRULE:FREQ=WEEKLY;COUNT=3",
                   "EXDATE;VALUE=DATE:20260112", "20260101T000000", "20270101T000000",
                   "20260105T0900 20260119T0900");
    assert_expands("Europe/Paris", "20260105T090000", "RDATE:20260110T080000Z", NULL,
                   "20260101T000000", "20270101T000000", "20260105T0900 20260110T0900");
    assert_expands("Europe/Paris", "20260105", "RRULE:FREQ=DAILY;COUNT=3",
                   "EXDATE;VALUE=DATE:20260106", "20260101T000000", "20270101T000000",
                   "20260105 20260107");
}

static void test_window_shows_what_overlaps_it(void **state UNUSED)
{
    /* 23:30 to 00:30: the one that began the day before is still there */
    assert_expands("UTC", "20260105T233000", "RRULE:FREQ=DAILY", NULL, "20260201T000000",
                   "20260202T000000", "20260131T2330 20260201T2330");
    /* a count is counted from the start, not from the window */
    assert_expands("UTC", "20260101T090000", "RRULE:FREQ=DAILY;COUNT=32", NULL, "20260201T000000",
                   "20260301T000000", "20260201T0900");
    /* 96 times seven months are 56 years */
    assert_expands("UTC", "19700101T090000", "RRULE:FREQ=MONTHLY;INTERVAL=7", NULL,
                   "20260101T000000", "20270101T000000", "20260101T0900 20260801T0900");
}

static void test_rules_that_never_match_end(void **state UNUSED)
{
    assert_expands("UTC", "20260101T090000", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", NULL,
                   "20260101T000000", "20280101T000000", "20260101T0900");
    assert_expands("UTC", "20260101T090000", "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=5",
                   NULL, "90000101T000000", "90010101T000000", "too_big");
    assert_expands("UTC", "20260101T090000", "RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", NULL,
                   "20260101T000000", "20280101T000000", "20260101T0900");
    assert_expands("UTC", "20260101T000000",
                   "RRULE:FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,"
                   "21,22,23;BYMINUTE=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20",
                   NULL, "20260101T000000", "20280101T000000", "too_big");
}

static void test_malformed_rules_are_refused_and_good_ones_print(void **state UNUSED)
{
    static const char *const bad[] = {
        "",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=2;UNTIL=20260101",
        "FREQ=DAILY;FREQ=DAILY",
        "COUNT=2",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=WEEKLY;BYDAY=1MO",
        "FREQ=MONTHLY;BYDAY=54MO",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=YEARLY;BYMONTH=13",
        "FREQ=WEEKLY;BYMONTHDAY=1",
        "FREQ=DAILY;X=1",
        "FREQ=DAILY;COUNT=99999999999999999999",
        "FREQ=DAILY;UNTIL=20260230",
        "FREQ=DAILY;BYHOUR=-1",
        "FREQ=DAILY;COUNT",
    };
    struct calendar_rule rule;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (calendar_rule_parse(str_c(bad[i]), &rule, NULL) != ERR_INVALID) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
    static const char *const good[] = {
        "FREQ=YEARLY;UNTIL=20260101T120000Z;INTERVAL=2;BYDAY=MO,-1FR;BYMONTH=1,12;WKST=SU",
        "FREQ=MONTHLY;COUNT=3;BYMONTHDAY=1,-1;BYSETPOS=-1",
        "FREQ=YEARLY;BYYEARDAY=1,-366;BYWEEKNO=1,-53"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct buf out CLEANUP(buf_fini);
        buf_init(&out, 1000);
        assert_int_equal(calendar_rule_parse(str_c(good[i]), &rule, NULL), ERR_OK);
        calendar_rule_print(&rule, &out);
        assert_string_equal(buf_c(&out), good[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_of_rfc5545),
        cmocka_unit_test(test_gap_moves_one_day_only),
        cmocka_unit_test(test_exdate_and_rdate),
        cmocka_unit_test(test_window_shows_what_overlaps_it),
        cmocka_unit_test(test_rules_that_never_match_end),
        cmocka_unit_test(test_malformed_rules_are_refused_and_good_ones_print),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

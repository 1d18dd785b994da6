/* A rule's text, and the bound on the walk. */
#include "support.h"

static void test_malformed_rules_are_refused(void **state UNUSED)
{
    static const char *const bad[] = {
        "",
        ";",
        "FREQ=",
        "FREQ=DAILY;;COUNT=2",
        "FREQ=FORTNIGHTLY",
        "COUNT=2",
        "FREQ=DAILY;COUNT",
        "FREQ=DAILY;COUNT=",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=-1",
        "FREQ=DAILY;COUNT=+1",
        "FREQ=DAILY;COUNT=99999999999999999999",
        "FREQ=DAILY;COUNT=2;UNTIL=20260101",
        "FREQ=DAILY;FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;X=1",
        "FREQ=DAILY;UNTIL=20260230",
        "FREQ=DAILY;UNTIL=20260101T250000Z",
        "FREQ=DAILY;BYHOUR=-1",
        "FREQ=DAILY;BYHOUR=24",
        "FREQ=DAILY;BYMINUTE=60",
        "FREQ=DAILY;BYSECOND=61",
        "FREQ=DAILY;BYSETPOS=1",
        "FREQ=DAILY;BYYEARDAY=1",
        "FREQ=DAILY;WKST=XX",
        "FREQ=WEEKLY;BYDAY=1MO",
        "FREQ=WEEKLY;BYDAY=",
        "FREQ=WEEKLY;BYDAY=MO,",
        "FREQ=WEEKLY;BYMONTHDAY=1",
        "FREQ=MONTHLY;BYDAY=54MO",
        "FREQ=MONTHLY;BYDAY=0MO",
        "FREQ=MONTHLY;BYDAY=--1MO",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=MONTHLY;BYWEEKNO=1",
        "FREQ=YEARLY;BYMONTH=13",
        "FREQ=YEARLY;BYMONTH=-1",
        "FREQ=YEARLY;BYYEARDAY=367",
        "FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO",
    };
    struct calendar_rule rule;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (calendar_rule_parse(str_c(bad[i]), &rule, NULL) != ERR_INVALID) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
    /* One semicolon at the end is what some clients write. */
    assert_int_equal(calendar_rule_parse(STR("FREQ=DAILY;"), &rule, NULL), ERR_OK);
    assert_int_equal(calendar_rule_parse(STR("RSCALE=GREGORIAN;FREQ=DAILY"), &rule, NULL),
                     ERR_UNSUPPORTED);
    static char long_text[CALENDAR_RULE_TEXT_MAX + 2];
    memset(long_text, 'A', sizeof long_text - 1);
    assert_int_equal(calendar_rule_parse(str_c(long_text), &rule, NULL), ERR_TOO_BIG);
}

static void test_rules_print_as_they_are(void **state UNUSED)
{
    static const char *const same[] = {
        "FREQ=YEARLY;UNTIL=20260101T120000Z;INTERVAL=2;BYDAY=MO,-1FR;BYMONTH=1,12;WKST=SU",
        "FREQ=MONTHLY;COUNT=3;BYMONTHDAY=1,-1;BYSETPOS=-1",
        "FREQ=YEARLY;BYDAY=MO;BYYEARDAY=1,366,-366",
        "FREQ=YEARLY;BYWEEKNO=1,-53",
        "FREQ=SECONDLY;UNTIL=20260101T120000;BYSECOND=0,59;BYMINUTE=0;BYHOUR=23",
        "FREQ=DAILY;UNTIL=20260101",
    };
    struct calendar_rule rule;
    assert_int_equal(calendar_rule_parse(STR("FREQ=DAILY;BYSECOND=60"), &rule, NULL), ERR_OK);
    assert_true(rule.seconds == UINT64_C(1) << 59); /* a leap second is the one before */
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        struct buf out CLEANUP(buf_fini);
        buf_init(&out, 1000);
        assert_int_equal(calendar_rule_parse(str_c(same[i]), &rule, NULL), ERR_OK);
        calendar_rule_print(&rule, &out);
        assert_string_equal(buf_c(&out), same[i]);
    }
}

static void test_random_rules_survive_text(void **state UNUSED)
{
    struct random r = {UINT64_C(0x7e47)};
    for (int i = 0; i < 3000; i++) {
        struct buf text CLEANUP(buf_fini);
        struct buf once CLEANUP(buf_fini);
        struct buf twice CLEANUP(buf_fini);
        struct calendar_rule rule;
        buf_init(&text, 1000);
        buf_init(&once, 1000);
        buf_init(&twice, 1000);
        random_rule(&r, true, &text);
        assert_int_equal(calendar_rule_parse(buf_str(&text), &rule, NULL), ERR_OK);
        calendar_rule_print(&rule, &once);
        assert_int_equal(calendar_rule_parse(buf_str(&once), &rule, NULL), ERR_OK);
        calendar_rule_print(&rule, &twice);
        assert_string_equal(buf_c(&once), buf_c(&twice));
    }
}

/* Which rules cost most: none may go past the bound, with COUNT or without. */
static const char *const hostile[] = {
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=DAILY;BYMONTHDAY=31;BYMONTH=2,4,6,9,11",
    "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=SECONDLY;INTERVAL=2147483647;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=SECONDLY;INTERVAL=86400;BYSECOND=1",
    "FREQ=MINUTELY;INTERVAL=1440;BYHOUR=23;BYMINUTE=1",
    "FREQ=SECONDLY;BYSECOND=1;BYSETPOS=2",
    "FREQ=DAILY;BYHOUR=1;BYSETPOS=366",
    "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6",
    "FREQ=YEARLY;BYYEARDAY=1;BYMONTHDAY=2",
    "FREQ=YEARLY;INTERVAL=2147483647;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29",
};

static void test_hostile_rules_end_at_the_bound(void **state UNUSED)
{
    struct calendar_wall start = wall_named("20260101T090000");
    struct calendar_wall later = wall_named("20270715T000000");
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        for (int counted = 0; counted < 2; counted++) {
            char text[200];
            struct calendar_rule rule;
            struct calendar_rule_iter it;
            int64_t wall;
            size_t found = 0;
            snprintf(text, sizeof text, "%s%s", hostile[i], counted ? ";COUNT=2000000000" : "");
            assert_int_equal(calendar_rule_parse(str_c(text), &rule, NULL), ERR_OK);
            calendar_rule_iter_init(&it, &rule, start, false, INT64_MIN, INT64_MAX,
                                    CALENDAR_WORK_MAX);
            while (calendar_rule_next(&it, &wall)) {
                found++;
            }
            assert_true(it.work_left > -it.period_work); /* one period beyond it at most */
            assert_true(it.exhausted || it.work_left > 0);
            assert_true(found <= CALENDAR_WORK_MAX);
            /* A window of 18 months never needs the bound: nothing there is no error. */
            if (!counted) {
                calendar_rule_iter_init(&it, &rule, start, false, INT64_MIN,
                                        calendar_wall_seconds(later), CALENDAR_WORK_MAX);
                while (calendar_rule_next(&it, &wall)) {
                }
                if (it.exhausted != (strstr(text, "BYSETPOS=2") != NULL)) {
                    fail_msg("%s: %d left", text, it.work_left);
                }
            }
        }
    }
}

static void test_the_walk_may_begin_anywhere(void **state UNUSED)
{
    struct random r = {UINT64_C(0xfa57)};
    for (int i = 0; i < 2000; i++) {
        struct buf text CLEANUP(buf_fini);
        struct calendar_rule rule;
        static struct calendar_rule_iter slow; /* the two are too much for one frame */
        static struct calendar_rule_iter fast;
        struct calendar_wall start = {calendar_date_of(10000 + (int32_t)random_below(&r, 4000)),
                                      (int32_t)random_below(&r, 86400)};
        int64_t from = calendar_wall_seconds(start) + random_below(&r, 4000) * INT64_C(86400);
        int64_t to = from + 400 * INT64_C(86400);
        int64_t a = 0;
        int64_t b = 0;
        buf_init(&text, 1000);
        random_rule(&r, false, &text);
        assert_int_equal(calendar_rule_parse(buf_str(&text), &rule, NULL), ERR_OK);
        calendar_rule_iter_init(&slow, &rule, start, false, INT64_MIN, to, INT32_MAX);
        calendar_rule_iter_init(&fast, &rule, start, false, from, to, INT32_MAX);
        for (;;) {
            bool more = calendar_rule_next(&slow, &a);
            if (more && a < from) {
                continue;
            }
            if (calendar_rule_next(&fast, &b) != more || (more && a != b)) {
                fail_msg("%s from %lld: %lld and %lld", buf_c(&text), (long long)from, (long long)a,
                         (long long)b);
            }
            if (!more) {
                break;
            }
        }
        assert_true(rule.count > 0 || fast.work_left >= slow.work_left);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_malformed_rules_are_refused),
        cmocka_unit_test(test_rules_print_as_they_are),
        cmocka_unit_test(test_random_rules_survive_text),
        cmocka_unit_test(test_hostile_rules_end_at_the_bound),
        cmocka_unit_test(test_the_walk_may_begin_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

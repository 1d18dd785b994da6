/* Random rules against a model that is slow and literal: it looks at every day (or second) and asks
 * of each part of the rule whether it holds, as the table of RFC 5545 3.3.10 has them. */
#include "support.h"

#include "base/vec.h"

struct model {
    const struct calendar_rule *r;
    struct calendar_wall start;
    int64_t start_wall;
};

static bool bit(uint64_t bits, int n)
{
    return bits >> n & 1;
}

static bool in_set(const struct calendar_set *set, int64_t at, int64_t count)
{
    for (int64_t n = 1; n <= 366; n++) {
        if ((bit(set->plus[(n - 1) / 64], (int)((n - 1) % 64)) && n == at + 1) ||
            (bit(set->minus[(n - 1) / 64], (int)((n - 1) % 64)) && n == count - at)) {
            return true;
        }
    }
    return false;
}

static int32_t day_number(int32_t year, int month, int day)
{
    return calendar_days((struct calendar_date){year, (int8_t)month, (int8_t)day});
}

/* The year of a day's week is that of its fourth day. */
static int32_t week_year(const struct model *m, int32_t day, int *ret_week, int *ret_from_end)
{
    int32_t fourth = day - (calendar_weekday(day) - m->r->week_start + 7) % 7 + 3;
    int32_t year = calendar_date_of(fourth).year;
    *ret_week = (fourth - day_number(year, 1, 1)) / 7;
    *ret_from_end = (day_number(year, 12, 31) - fourth) / 7;
    return year;
}

static bool by_day(const struct model *m, int32_t day, struct calendar_date d)
{
    const struct calendar_rule *r = m->r;
    int w = calendar_weekday(day);
    bool in_year = r->freq == CALENDAR_YEARLY && r->months == 0;
    int32_t first = in_year ? day_number(d.year, 1, 1) : day_number(d.year, d.month, 1);
    int32_t last =
        in_year ? day_number(d.year, 12, 31) : first + calendar_days_in_month(d.year, d.month) - 1;
    return bit(r->weekdays, w) || bit(r->nth[w], (day - first) / 7) ||
           bit(r->nth_minus[w], (last - day) / 7);
}

/* Which parts hold, where those that are absent come from the start. */
static bool day_fits(const struct model *m, int32_t day)
{
    const struct calendar_rule *r = m->r;
    struct calendar_date d = calendar_date_of(day);
    bool month_day = (r->month_days | r->month_days_minus) != 0;
    bool week_no = (r->week_nos | r->week_nos_minus) != 0;
    bool weekday = r->weekdays != 0 || r->any_nth;
    bool none = !month_day && !week_no && !weekday && !r->year_days.any;
    int days = calendar_days_in_month(d.year, d.month);
    int week;
    int from_end;

    if (r->months != 0 && !bit(r->months, d.month - 1)) {
        return false;
    }
    if (month_day && !bit(r->month_days, d.day - 1) && !bit(r->month_days_minus, days - d.day)) {
        return false;
    }
    if (r->year_days.any &&
        !in_set(&r->year_days, day - day_number(d.year, 1, 1), 365 + calendar_is_leap(d.year))) {
        return false;
    }
    if (week_no) {
        (void)week_year(m, day, &week, &from_end);
        if (!bit(r->week_nos, week) && !bit(r->week_nos_minus, from_end)) {
            return false;
        }
    }
    if (weekday) {
        return by_day(m, day, d);
    }
    bool same_weekday = calendar_weekday(day) == calendar_weekday(calendar_days(m->start.date));
    switch (r->freq) {
    case CALENDAR_WEEKLY:
        return same_weekday;
    case CALENDAR_MONTHLY:
        return !none || d.day == m->start.date.day;
    case CALENDAR_YEARLY:
        if (week_no && !month_day && !r->year_days.any) {
            return same_weekday;
        }
        return !none ||
               (d.day == m->start.date.day && (r->months != 0 || d.month == m->start.date.month));
    case CALENDAR_SECONDLY:
    case CALENDAR_MINUTELY:
    case CALENDAR_HOURLY:
    case CALENDAR_DAILY:
        break;
    }
    return true;
}

static bool time_fits(const struct model *m, int32_t second)
{
    const struct calendar_rule *r = m->r;
    int h = second / 3600;
    int min = second / 60 % 60;
    int s = second % 60;
    int32_t start = m->start.second_of_day;
    return (r->hours != 0 ? bit(r->hours, h) : r->freq <= CALENDAR_HOURLY || h == start / 3600) &&
           (r->minutes != 0 ? bit(r->minutes, min)
                            : r->freq <= CALENDAR_MINUTELY || min == start / 60 % 60) &&
           (r->seconds != 0 ? bit(r->seconds, s) : r->freq == CALENDAR_SECONDLY || s == start % 60);
}

static int64_t period_of(const struct model *m, int64_t wall)
{
    int32_t day = (int32_t)(wall / 86400);
    struct calendar_date d = calendar_date_of(day);
    int week;
    int from_end;
    switch (m->r->freq) {
    case CALENDAR_SECONDLY:
        return wall;
    case CALENDAR_MINUTELY:
        return wall / 60;
    case CALENDAR_HOURLY:
        return wall / 3600;
    case CALENDAR_DAILY:
        return day;
    case CALENDAR_WEEKLY: /* counted from a Monday long before */
        return (day - m->r->week_start + 3 + 7000) / 7;
    case CALENDAR_MONTHLY:
        return d.year * 12 + d.month;
    case CALENDAR_YEARLY:
        break;
    }
    bool week_no = (m->r->week_nos | m->r->week_nos_minus) != 0;
    return week_no ? week_year(m, day, &week, &from_end) : d.year;
}

typedef VEC(int64_t) walls;

static void end_period(const struct model *m, const walls *set, walls *out)
{
    for (size_t i = 0; i < set->len; i++) {
        if (set->ptr[i] >= m->start_wall &&
            (!m->r->set_pos.any || in_set(&m->r->set_pos, (int64_t)i, (int64_t)set->len))) {
            vec_push(out, set->ptr[i]);
        }
    }
}

/* All times of the days from .. to: grouped by period, those that INTERVAL reaches, at their
 * positions. The last period may be incomplete, so it is left out. */
static void run_model(const struct model *m, int32_t from, int32_t to, walls *out)
{
    walls set = {0};
    walls times = {0};
    int64_t base = period_of(m, m->start_wall);
    int64_t period = INT64_MIN;
    for (int32_t s = 0; s < 86400; s++) {
        if (time_fits(m, s)) {
            vec_push(&times, s);
        }
    }
    for (int32_t day = from; day <= to; day++) {
        bool fits = day_fits(m, day);
        for (size_t i = 0; fits && i < times.len; i++) {
            int64_t wall = (int64_t)day * 86400 + times.ptr[i];
            if (period_of(m, wall) != period) {
                end_period(m, &set, out);
                vec_reset(&set);
                period = period_of(m, wall);
            }
            if ((period - base) % m->r->interval == 0) {
                vec_push(&set, wall);
            }
        }
    }
    vec_fini(&set);
    vec_fini(&times);
}

/* The period of the start begins at most a year and a week before it. */
static size_t check(const char *text, struct calendar_wall start, int32_t days)
{
    struct calendar_rule rule;
    struct calendar_rule_iter it;
    walls expected = {0};
    size_t n = 0;
    int64_t wall;
    int32_t first = calendar_days(start.date);

    assert_int_equal(calendar_rule_parse(str_c(text), &rule, NULL), ERR_OK);
    struct model m = {&rule, start, calendar_wall_seconds(start)};
    run_model(&m, first - (rule.freq < CALENDAR_DAILY ? 0 : 380), first + days, &expected);
    calendar_rule_iter_init(&it, &rule, start, false, INT64_MIN, INT64_MAX, INT32_MAX);
    size_t limit = expected.len;
    if (rule.count > 0) { /* a start that is no match counts, too */
        size_t count = (size_t)rule.count;
        limit = MIN(limit, count - (expected.len > 0 && expected.ptr[0] != m.start_wall));
    }
    while (n < limit && calendar_rule_next(&it, &wall)) {
        if (wall != expected.ptr[n]) {
            break;
        }
        n++;
    }
    if (n < limit) {
        fail_msg("%s from %d s + day %d: number %zu of %zu: got %lld, expected %lld", text,
                 start.second_of_day, first, n, limit, (long long)wall, (long long)expected.ptr[n]);
    }
    if (rule.count > 0 && limit < expected.len) {
        assert_false(calendar_rule_next(&it, &wall));
    }
    vec_fini(&expected);
    return n;
}

static void run_random(uint64_t seed, bool fine, int rules, int32_t days, size_t least)
{
    struct random r = {seed};
    size_t checked = 0;
    for (int i = 0; i < rules; i++) {
        struct buf text CLEANUP(buf_fini);
        buf_init(&text, 1000);
        random_rule(&r, fine, &text);
        struct calendar_wall start = {calendar_date_of(10000 + (int32_t)random_below(&r, 8000)),
                                      (int32_t)random_below(&r, 86400)};
        if (fine !=
            (strstr(buf_c(&text), "LY;") != NULL && (strstr(buf_c(&text), "SECONDLY") != NULL ||
                                                     strstr(buf_c(&text), "MINUTELY") != NULL ||
                                                     strstr(buf_c(&text), "HOURLY") != NULL))) {
            continue;
        }
        checked += check(buf_c(&text), start, days);
    }
    print_message("%zu occurrences as the model has them\n", checked);
    assert_true(checked > least);
}

static void test_days_weeks_months_and_years(void **state UNUSED)
{
    run_random(UINT64_C(0xda75), false, 1500, 1500, 50000);
}

static void test_hours_minutes_and_seconds(void **state UNUSED)
{
    run_random(UINT64_C(0x5ec0), true, 500, 1, 50000);
}

/* What chance rarely makes: positions and jumps within units. */
static void test_chosen_rules(void **state UNUSED)
{
    static const char *const rules[] = {
        "FREQ=MINUTELY;BYSECOND=10,20,30;BYSETPOS=2,-1",
        "FREQ=MINUTELY;INTERVAL=7;BYHOUR=3,4,20;BYMINUTE=5,6,59;BYSECOND=0,59",
        "FREQ=HOURLY;INTERVAL=5;BYMINUTE=0,30;BYSECOND=1,59;BYSETPOS=-1,2",
        "FREQ=SECONDLY;INTERVAL=7;BYMINUTE=1,3,58",
        "FREQ=SECONDLY;INTERVAL=61;BYHOUR=0,12,23;BYMINUTE=0,59",
        "FREQ=SECONDLY;INTERVAL=3601;BYSECOND=0,1,2,3,4,5,6,7",
        "FREQ=DAILY;BYHOUR=1,2;BYMINUTE=3,4;BYSECOND=5,6;BYSETPOS=1,8,-2",
    };
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        assert_true(check(rules[i], wall_named("20260101T000307"), 3) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_weeks_months_and_years),
        cmocka_unit_test(test_hours_minutes_and_seconds),
        cmocka_unit_test(test_chosen_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

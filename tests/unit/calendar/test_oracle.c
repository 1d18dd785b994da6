/* libical as a second opinion: thousands of random rules, and the rules of real files.
 *
 * Compared in wall time, where the two agree on what a rule means; libical's iterator moves to a
 * wrong time after a gap of DST, hangs on rules that never match and applies no exceptions, so
 * zones, bounds and series have tests of their own. */
#include "support.h"

#include <libical/ical.h>

#include <dirent.h>

#define LAST_YEAR 2036 /* libical ends at 2037 */

static struct icaltimetype ical_time(int64_t wall)
{
    struct calendar_wall w = calendar_wall_of(wall);
    return (struct icaltimetype){.year = w.date.year,
                                 .month = w.date.month,
                                 .day = w.date.day,
                                 .hour = w.second_of_day / 3600,
                                 .minute = w.second_of_day / 60 % 60,
                                 .second = w.second_of_day % 60};
}

static int64_t wall_of_ical(struct icaltimetype t)
{
    return (int64_t)calendar_days((struct calendar_date){t.year, (int8_t)t.month, (int8_t)t.day}) *
               86400 +
           t.hour * 3600 + t.minute * 60 + t.second;
}

/* Where libical 3.0.16 reads a rule otherwise than RFC 5545 has it (test_model.c checks ours
 * there): negative BYMONTHDAY does not limit a DAILY rule; a YEARLY one with BYMONTHDAY stays in
 * the month of its start; BYSETPOS looks at days only, counts one twice that two
 * numbers name, and is ignored in WEEKLY; negative week
 * numbers, and which year a week over New Year belongs to. */
static bool libical_differs(const struct calendar_rule *r)
{
    bool by_month_day = (r->month_days | r->month_days_minus) != 0;
    bool by_week = r->week_nos != 0;
    return (r->freq == CALENDAR_DAILY && r->month_days_minus != 0) ||
           (r->freq == CALENDAR_YEARLY && by_month_day && r->months == 0) ||
           (r->set_pos.any && (r->freq < CALENDAR_MONTHLY || r->minutes != 0 || r->hours != 0 ||
                               r->any_nth || r->month_days_minus != 0)) ||
           r->week_nos_minus != 0 ||
           (by_week &&
            (r->interval > 1 || r->set_pos.any || r->week_start != 0 || r->weekdays == 0));
}

/* Compares up to count occurrences; false: libical does not take the rule. */
static bool compare(const char *text, struct calendar_wall start, bool all_day, int count)
{
    /* Not on the stack, where libical's rule takes its 2.5 KB already. */
    static struct calendar_rule rule;
    static struct calendar_rule_iter it;
    int64_t first;
    int64_t ours;
    int64_t last = (int64_t)calendar_days((struct calendar_date){LAST_YEAR, 12, 31}) * 86400;

    assert_int_equal(calendar_rule_parse(str_c(text), &rule, NULL), ERR_OK);
    calendar_rule_iter_init(&it, &rule, start, all_day, INT64_MIN, last, CALENDAR_WORK_MAX);
    if (libical_differs(&rule) || !calendar_rule_next(&it, &first)) {
        return false;
    }
    /* A start that the rule gives: what else happens is for each to say. */
    start = calendar_wall_of(first);
    calendar_rule_iter_init(&it, &rule, start, all_day, INT64_MIN, last, CALENDAR_WORK_MAX);
    struct icaltimetype ical_start = ical_time(first);
    ical_start.is_date = all_day;
    icalrecur_iterator *iter =
        icalrecur_iterator_new(icalrecurrencetype_from_string(text), ical_start);
    if (iter == NULL) {
        return false;
    }
    for (int i = 0; i < count && calendar_rule_next(&it, &ours); i++) {
        struct icaltimetype theirs = icalrecur_iterator_next(iter);
        if (icaltime_is_null_time(theirs) || wall_of_ical(theirs) != ours) {
            struct icaltimetype t = ical_time(ours);
            fail_msg("%s from %s, number %d: %s, libical says %s", text,
                     icaltime_as_ical_string(ical_start), i, icaltime_as_ical_string(t),
                     icaltime_as_ical_string(theirs));
        }
    }
    icalrecur_iterator_free(iter);
    return true;
}

static void test_random_rules(void **state UNUSED)
{
    struct random r = {UINT64_C(0x5eed)};
    size_t compared = 0;
    for (int i = 0; i < 6000; i++) {
        struct buf text CLEANUP(buf_fini);
        buf_init(&text, 1000);
        random_rule(&r, false, &text);
        /* Sorted: libical gives BYMINUTE=30,0 in the order of the text. */
        struct calendar_rule rule;
        assert_int_equal(calendar_rule_parse(buf_str(&text), &rule, NULL), ERR_OK);
        buf_reset(&text);
        calendar_rule_print(&rule, &text);
        struct calendar_wall start = {calendar_date_of(10000 + (int32_t)random_below(&r, 8000)),
                                      (int32_t)random_below(&r, 86400)};
        compared += compare(buf_c(&text), start, false, 40);
    }
    print_message("%zu random rules compared\n", compared);
    assert_true(compared > 3500);
}

int main(void)
{
    icalerror_set_errors_are_fatal(false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* One period of a rule (a day, week, month or year) and the days of it that the rule takes. */
#ifndef CALENDAR_RULE_INT_H
#define CALENDAR_RULE_INT_H

#include "calendar/recurrence.h"

#define PERIOD_DAYS_MAX 366

struct period {
    int32_t first_day; /* days since 1970 */
    int32_t day_count;
};

/* The n-th period from that of start; false beyond year 9999. */
bool period_of(const struct calendar_rule *rule, struct calendar_date start, int64_t n,
               struct period *ret);
/* How many periods lie surely before a day: where counting may begin. */
int64_t periods_before(const struct calendar_rule *rule, struct calendar_date start, int32_t day);
/* The days of the period that the rule takes, ascending. days has room for PERIOD_DAYS_MAX. */
size_t period_days(const struct calendar_rule *rule, struct calendar_date start,
                   const struct period *p, int32_t *days);

#endif

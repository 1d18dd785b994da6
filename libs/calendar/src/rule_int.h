/* The days of a rule: what a completed rule (no part left to the start) takes of a period. */
#ifndef CALENDAR_RULE_INT_H
#define CALENDAR_RULE_INT_H

#include "calendar/recurrence.h"

static inline int64_t rule_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Number of the period that holds a day: of the day itself, the week, the month or the year, which
 * is that of the week where the rule has BYWEEKNO. */
int64_t rule_period_of(const struct calendar_rule *r, int32_t day);
/* The first day that a period can give. */
int32_t rule_period_begin(const struct calendar_rule *r, int64_t period);
/* Puts the period's days into days (room as in struct calendar_rule_iter), ascending; returns how
 * many. */
int16_t rule_period_days(const struct calendar_rule *r, int64_t period, int32_t *days);
/* How much work that is, in days looked at. */
int32_t rule_period_work(const struct calendar_rule *r);
/* The parts that limit single days: BYMONTH, BYMONTHDAY, BYYEARDAY, BYDAY without number. */
bool rule_day_fits(const struct calendar_rule *r, int32_t day);

#endif

#include "rule_int.h"

static int64_t floor_div(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

static int32_t week_start_of(int32_t day, int week_start)
{
    return day - (calendar_weekday(day) - week_start + 7) % 7;
}

static bool month_period(int64_t months, int64_t span, struct period *ret)
{
    int64_t year = floor_div(months, 12);
    int32_t month = (int32_t)(months - year * 12) + 1;
    if (year < 1 || year > 9999) {
        return false;
    }
    ret->first_day = calendar_days((struct calendar_date){(int32_t)year, (int8_t)month, 1});
    ret->day_count = span == 12 ? 365 + calendar_is_leap((int32_t)year)
                                : calendar_days_in_month((int32_t)year, month);
    return true;
}

bool period_of(const struct calendar_rule *rule, struct calendar_date start, int64_t n,
               struct period *ret)
{
    int64_t step = n * rule->interval;
    int64_t day = calendar_days(start);
    switch (rule->freq) {
    case CALENDAR_DAILY:
        day += step;
        ret->day_count = 1;
        break;
    case CALENDAR_WEEKLY:
        day = week_start_of((int32_t)day, rule->week_start) + step * 7;
        ret->day_count = 7;
        break;
    case CALENDAR_MONTHLY:
        return month_period((int64_t)start.year * 12 + start.month - 1 + step, 1, ret);
    case CALENDAR_YEARLY:
        return month_period(((int64_t)start.year + step) * 12, 12, ret);
    }
    if (day > CALENDAR_MAX_AT / CALENDAR_DAY_MS) {
        return false;
    }
    ret->first_day = (int32_t)day;
    return true;
}

int64_t periods_before(const struct calendar_rule *rule, struct calendar_date start, int32_t day)
{
    int64_t first = calendar_days(start);
    struct calendar_date to = calendar_date_of(day);
    int64_t n = 0;
    switch (rule->freq) {
    case CALENDAR_DAILY:
        n = (day - first) / rule->interval;
        break;
    case CALENDAR_WEEKLY:
        n = (day - first) / 7 / rule->interval;
        break;
    case CALENDAR_MONTHLY:
        n = (((int64_t)to.year - start.year) * 12 + to.month - start.month) / rule->interval;
        break;
    case CALENDAR_YEARLY:
        n = ((int64_t)to.year - start.year) / rule->interval;
        break;
    }
    return MAX(n - 1, (int64_t)0);
}

static bool has_i8(const int8_t *list, size_t count, int value)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == value) {
            return true;
        }
    }
    return false;
}

static bool has_i16(const int16_t *list, size_t count, int value)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == value) {
            return true;
        }
    }
    return false;
}

/* What a day is within its year and month. */
struct day {
    int32_t number;
    struct calendar_date date;
    int weekday;
    int month_days;
    int year_day; /* from 1 */
    int year_days;
};

static struct day day_of(int32_t number)
{
    struct day d = {.number = number, .date = calendar_date_of(number)};
    d.weekday = calendar_weekday(number);
    d.month_days = calendar_days_in_month(d.date.year, d.date.month);
    d.year_day = number - calendar_days((struct calendar_date){d.date.year, 1, 1}) + 1;
    d.year_days = 365 + calendar_is_leap(d.date.year);
    return d;
}

/* First day of week 1 of a year: the first week with at least four days in it. */
static int32_t week_one(int32_t year, int week_start)
{
    int32_t jan4 = calendar_days((struct calendar_date){year, 1, 4});
    return week_start_of(jan4, week_start);
}

/* A day may belong to week 1 of the year after, or to the last week of the year before. */
static bool week_fits(const struct calendar_rule *rule, const struct day *d)
{
    int32_t year = d->date.year;
    if (d->number < week_one(year, rule->week_start)) {
        year--;
    } else if (d->number >= week_one(year + 1, rule->week_start)) {
        year++;
    }
    int32_t one = week_one(year, rule->week_start);
    int weeks = (week_one(year + 1, rule->week_start) - one) / 7;
    int week = (d->number - one) / 7 + 1;
    return has_i8(rule->week_nos, rule->week_no_count, week) ||
           has_i8(rule->week_nos, rule->week_no_count, week - weeks - 1);
}

/* BYDAY; a number counts within the month, or within the year of a YEARLY rule without BYMONTH. */
static bool weekday_fits(const struct calendar_rule *rule, const struct day *d)
{
    bool in_year = rule->freq == CALENDAR_YEARLY && rule->month_count == 0;
    int at = in_year ? d->year_day : d->date.day;
    int size = in_year ? d->year_days : d->month_days;
    for (size_t i = 0; i < rule->weekday_count; i++) {
        struct calendar_weekday_num w = rule->weekdays[i];
        if (w.weekday == d->weekday &&
            (w.n == 0 || w.n == (at - 1) / 7 + 1 || w.n == -((size - at) / 7 + 1))) {
            return true;
        }
    }
    return false;
}

/* A rule that names no day takes those of its start.  src: RFC 5545 3.3.10, last paragraph */
static bool default_fits(const struct calendar_rule *rule, struct calendar_date start,
                         const struct day *d)
{
    bool names_day = rule->week_no_count > 0 || rule->year_day_count > 0 ||
                     rule->month_day_count > 0 || rule->weekday_count > 0;
    if (names_day) {
        return true;
    }
    switch (rule->freq) {
    case CALENDAR_DAILY:
        return true;
    case CALENDAR_WEEKLY:
        return d->weekday == calendar_weekday(calendar_days(start));
    case CALENDAR_MONTHLY:
        return d->date.day == start.day;
    case CALENDAR_YEARLY:
        return d->date.day == start.day && (rule->month_count > 0 || d->date.month == start.month);
    }
    return false;
}

static bool day_fits(const struct calendar_rule *rule, struct calendar_date start,
                     const struct day *d)
{
    if (rule->month_count > 0 && !has_i8(rule->months, rule->month_count, d->date.month)) {
        return false;
    }
    if (rule->week_no_count > 0 && !week_fits(rule, d)) {
        return false;
    }
    if (rule->year_day_count > 0 && !has_i16(rule->year_days, rule->year_day_count, d->year_day) &&
        !has_i16(rule->year_days, rule->year_day_count, d->year_day - d->year_days - 1)) {
        return false;
    }
    if (rule->month_day_count > 0 &&
        !has_i8(rule->month_days, rule->month_day_count, d->date.day) &&
        !has_i8(rule->month_days, rule->month_day_count, d->date.day - d->month_days - 1)) {
        return false;
    }
    return (rule->weekday_count == 0 || weekday_fits(rule, d)) && default_fits(rule, start, d);
}

size_t period_days(const struct calendar_rule *rule, struct calendar_date start,
                   const struct period *p, int32_t *days)
{
    size_t n = 0;
    for (int32_t i = 0; i < p->day_count; i++) {
        struct day d = day_of(p->first_day + i);
        if (day_fits(rule, start, &d)) {
            days[n++] = d.number;
        }
    }
    return n;
}

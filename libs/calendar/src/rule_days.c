/* A month is 31 bits: each BY part gives a set of its days, and the rule takes what is in all. */
#include "rule_int.h"

#define IN_MONTH UINT64_C(31)         /* five of one weekday at most */
#define EACH_7TH UINT64_C(0x10204081) /* bits 0, 7, 14, 21, 28 */

static int32_t first_of_year(int64_t year)
{
    return calendar_days((struct calendar_date){(int32_t)year, 1, 1});
}

/* The day on which week 1 begins: it is the first one with four days or more in the year. */
static int32_t week_one(const struct calendar_rule *r, int64_t year)
{
    int32_t jan4 = first_of_year(year) + 3;
    return jan4 - (calendar_weekday(jan4) - r->week_start + 7) % 7;
}

static bool by_week_no(const struct calendar_rule *r)
{
    return (r->week_nos | r->week_nos_minus) != 0;
}

int64_t rule_period_of(const struct calendar_rule *r, int32_t day)
{
    struct calendar_date d;
    switch (r->freq) {
    case CALENDAR_WEEKLY: /* 1970-01-01 was a Thursday, weekday 3 */
        return rule_floor_div((int64_t)day + 3 - r->week_start, 7);
    case CALENDAR_MONTHLY:
        d = calendar_date_of(day);
        return (int64_t)d.year * 12 + d.month - 1;
    case CALENDAR_YEARLY:
        d = calendar_date_of(day);
        if (by_week_no(r)) {
            return d.year - (day < week_one(r, d.year)) + (day >= week_one(r, d.year + 1));
        }
        return d.year;
    case CALENDAR_SECONDLY:
    case CALENDAR_MINUTELY:
    case CALENDAR_HOURLY:
    case CALENDAR_DAILY:
        break;
    }
    return day;
}

int32_t rule_period_begin(const struct calendar_rule *r, int64_t period)
{
    switch (r->freq) {
    case CALENDAR_WEEKLY:
        return (int32_t)(period * 7 - 3 + r->week_start);
    case CALENDAR_MONTHLY:
        return calendar_days((struct calendar_date){(int32_t)rule_floor_div(period, 12),
                                                    (int8_t)(period % 12 + 1), 1});
    case CALENDAR_YEARLY:
        return by_week_no(r) ? week_one(r, period) : first_of_year(period);
    case CALENDAR_SECONDLY:
    case CALENDAR_MINUTELY:
    case CALENDAR_HOURLY:
    case CALENDAR_DAILY:
        break;
    }
    return (int32_t)period;
}

/* Where the month stands in its year. */
struct month {
    int32_t first;    /* day of the 1st */
    int len;          /* days */
    int weekday;      /* of the 1st */
    int year_at;      /* days of the year before the 1st */
    int year_len;     /* days */
    int year_weekday; /* of 1 January */
};

static struct month month_of(int32_t year, int32_t month)
{
    struct month m;
    int32_t jan1 = first_of_year(year);
    m.first = calendar_days((struct calendar_date){year, (int8_t)month, 1});
    m.len = calendar_days_in_month(year, month);
    m.weekday = calendar_weekday(m.first);
    m.year_at = m.first - jan1;
    m.year_len = 365 + calendar_is_leap(year);
    m.year_weekday = calendar_weekday(jan1);
    return m;
}

static uint64_t month_day_bits(const struct calendar_rule *r, int len)
{
    uint64_t bits = r->month_days;
    for (uint64_t left = r->month_days_minus; left != 0; left &= left - 1) {
        int n = __builtin_ctzll(left); /* 0: the last day */
        if (n < len) {
            bits |= UINT64_C(1) << (len - 1 - n);
        }
    }
    return bits;
}

static bool in_set(const struct calendar_set *set, int at, int count)
{
    int from_end = count - 1 - at;
    return (set->plus[at / 64] >> (at % 64) & 1) ||
           (set->minus[from_end / 64] >> (from_end % 64) & 1);
}

static uint64_t year_day_bits(const struct calendar_rule *r, const struct month *m)
{
    uint64_t bits = 0;
    for (int d = 0; d < m->len; d++) {
        if (in_set(&r->year_days, m->year_at + d, m->year_len)) {
            bits |= UINT64_C(1) << d;
        }
    }
    return bits;
}

/* The numbered days of one weekday. They count in the month, or in the year where that is the
 * period and no BYMONTH narrows it; at: days of it before this month. */
static uint64_t nth_bits(uint64_t plus, uint64_t minus, int first, int span, int at, int len)
{
    uint64_t bits = 0;
    int total = (span - first + 6) / 7;
    for (; plus != 0; plus &= plus - 1) {
        int day = first + 7 * __builtin_ctzll(plus) - at;
        if (day >= 0 && day < len) {
            bits |= UINT64_C(1) << day;
        }
    }
    for (; minus != 0; minus &= minus - 1) {
        int day = first + 7 * (total - 1 - __builtin_ctzll(minus)) - at;
        if (day >= 0 && day < len) {
            bits |= UINT64_C(1) << day;
        }
    }
    return bits;
}

static uint64_t weekday_bits(const struct calendar_rule *r, const struct month *m)
{
    bool in_year = r->freq == CALENDAR_YEARLY && r->months == 0;
    uint64_t bits = 0;
    for (int w = 0; w < 7; w++) {
        if (r->weekdays >> w & 1) {
            bits |= EACH_7TH << ((w - m->weekday + 7) % 7);
        }
        if (r->nth[w] == 0 && r->nth_minus[w] == 0) {
            continue;
        }
        if (in_year) {
            bits |= nth_bits(r->nth[w], r->nth_minus[w], (w - m->year_weekday + 7) % 7, m->year_len,
                             m->year_at, m->len);
        } else {
            bits |=
                nth_bits(r->nth[w], r->nth_minus[w], (w - m->weekday + 7) % 7, m->len, 0, m->len);
        }
    }
    return bits;
}

static int16_t add_month(const struct calendar_rule *r, int32_t year, int32_t month, int32_t *days,
                         int16_t n)
{
    if (r->months != 0 && !(r->months >> (month - 1) & 1)) {
        return n;
    }
    struct month m = month_of(year, month);
    uint64_t bits = (UINT64_C(1) << m.len) - 1;
    if ((r->month_days | r->month_days_minus) != 0) {
        bits &= month_day_bits(r, m.len);
    }
    if (r->year_days.any) {
        bits &= year_day_bits(r, &m);
    }
    if (r->weekdays != 0 || r->any_nth) {
        bits &= weekday_bits(r, &m);
    }
    for (; bits != 0; bits &= bits - 1) {
        days[n++] = m.first + __builtin_ctzll(bits);
    }
    return n;
}

bool rule_day_fits(const struct calendar_rule *r, int32_t day)
{
    if (r->weekdays != 0 && !(r->weekdays >> calendar_weekday(day) & 1)) {
        return false;
    }
    if (r->months == 0 && (r->month_days | r->month_days_minus) == 0 && !r->year_days.any) {
        return true;
    }
    struct calendar_date d = calendar_date_of(day);
    if (r->months != 0 && !(r->months >> (d.month - 1) & 1)) {
        return false;
    }
    if ((r->month_days | r->month_days_minus) != 0 &&
        !(month_day_bits(r, calendar_days_in_month(d.year, d.month)) >> (d.day - 1) & 1)) {
        return false;
    }
    return !r->year_days.any ||
           in_set(&r->year_days, day - first_of_year(d.year), 365 + calendar_is_leap(d.year));
}

static int16_t add_days(const struct calendar_rule *r, int32_t first, int count, int32_t *days,
                        int16_t n)
{
    for (int i = 0; i < count; i++) {
        if (rule_day_fits(r, first + i)) {
            days[n++] = first + i;
        }
    }
    return n;
}

static int16_t year_by_weeks(const struct calendar_rule *r, int64_t year, int32_t *days)
{
    int32_t first = week_one(r, year);
    int weeks = (week_one(r, year + 1) - first) / 7;
    int16_t n = 0;
    for (int w = 0; w < weeks; w++) {
        if ((r->week_nos >> w & 1) || (r->week_nos_minus >> (weeks - 1 - w) & 1)) {
            n = add_days(r, first + w * 7, 7, days, n);
        }
    }
    return n;
}

int16_t rule_period_days(const struct calendar_rule *r, int64_t period, int32_t *days)
{
    int16_t n = 0;
    switch (r->freq) {
    case CALENDAR_WEEKLY:
        return add_days(r, rule_period_begin(r, period), 7, days, 0);
    case CALENDAR_MONTHLY:
        return add_month(r, (int32_t)rule_floor_div(period, 12), (int32_t)(period % 12) + 1, days,
                         0);
    case CALENDAR_YEARLY:
        if (by_week_no(r)) {
            return year_by_weeks(r, period, days);
        }
        for (int32_t month = 1; month <= 12; month++) {
            n = add_month(r, (int32_t)period, month, days, n);
        }
        return n;
    case CALENDAR_SECONDLY:
    case CALENDAR_MINUTELY:
    case CALENDAR_HOURLY:
    case CALENDAR_DAILY:
        break;
    }
    return add_days(r, (int32_t)period, 1, days, 0);
}

int32_t rule_period_work(const struct calendar_rule *r)
{
    int32_t numbered = 0;
    if (r->freq != CALENDAR_YEARLY) {
        return 1;
    }
    for (int w = 0; w < 7; w++) {
        numbered += __builtin_popcountll(r->nth[w]) + __builtin_popcountll(r->nth_minus[w]);
    }
    return 12 +
           numbered; /* each is looked at in twelve months, each time at the cost of a fraction */
}

/* A zone in memory, and the rule for the years after its table. */
#ifndef CALENDAR_ZONE_INT_H
#define CALENDAR_ZONE_INT_H

#include "calendar/zone.h"

enum tz_day_kind { TZ_DAY_JULIAN, TZ_DAY_ZERO_BASED, TZ_DAY_MONTH };

/* One change of a POSIX rule: a day of the year and a time of that day (may lie outside of it). */
struct tz_change {
    enum tz_day_kind kind;
    int32_t day; /* JULIAN 1..365 without 29 February, ZERO_BASED 0..365, MONTH: 0 Sunday .. 6 */
    int32_t month;
    int32_t week; /* 1..5, 5: the last */
    int32_t second;
};

struct tz_rule {
    bool has_dst;
    int32_t std_offset; /* seconds east */
    int32_t dst_offset;
    struct tz_change dst_begins; /* in standard time */
    struct tz_change dst_ends;   /* in summer time */
};

struct calendar_zone {
    size_t count;
    int64_t *at;      /* seconds, ascending: from here on ... */
    int32_t *offsets; /* ... this offset holds */
    int32_t first_offset;
    bool has_rule;
    struct tz_rule rule; /* after the last transition */
};

/* The footer's text, e.g. "CET-1CEST,M3.5.0,M10.5.0/3". */
bool tz_rule_parse(struct str text, struct tz_rule *ret_rule);
struct calendar_zone_range tz_rule_range(const struct tz_rule *rule, int64_t seconds);

/* calendar_zone_instant in seconds, for many walls near each other. range: where the last one was
 * found; from > to: nowhere yet. */
int64_t zone_instant_near(const struct calendar_zone *zone, int64_t wall,
                          struct calendar_zone_range *range);

static inline int64_t floor_div64(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

#endif

/* Recurrence: RRULE, RDATE, EXDATE lines to occurrences, exact over DST, bounded in time.
 *
 * An occurrence's wall time is the first one's, on another day: 02:30 daily is 03:30 only on the
 * day whose clock skips it. Rules finer than DAILY are refused, as is EXRULE (deprecated by RFC
 * 5545, and no provider writes it); a rule that never matches ends at a bound on the work. src: RFC
 * 5545 3.3.10, 3.8.5 */
#ifndef CALENDAR_RECURRENCE_H
#define CALENDAR_RECURRENCE_H

#include "base/arena.h"
#include "calendar/event.h"
#include "calendar/zone.h"

#define CALENDAR_LINES_MAX 200         /* lines of one event */
#define CALENDAR_DATES_MAX 4000        /* RDATE and EXDATE values of one event */
#define CALENDAR_OCCURRENCES_MAX 20000 /* in one expansion */

enum calendar_freq { CALENDAR_DAILY = 1, CALENDAR_WEEKLY, CALENDAR_MONTHLY, CALENDAR_YEARLY };

struct calendar_weekday_num {
    int8_t weekday; /* 0 Monday */
    int8_t n;       /* 0: each; 1: the first, -1: the last ... */
};

/* One RRULE. Lists are sorted as read. */
struct calendar_rule {
    enum calendar_freq freq;
    int32_t interval;
    int32_t count; /* 0: none */
    bool has_until;
    bool until_is_date;
    struct calendar_wall until; /* UTC, or a date, or (if until_local) in the event's zone */
    bool until_local;
    int8_t week_start;
    uint8_t month_count, month_day_count, weekday_count, set_pos_count;
    uint8_t year_day_count, week_no_count, hour_count, minute_count, second_count;
    int8_t months[12];
    int8_t month_days[62];
    struct calendar_weekday_num weekdays[53];
    int16_t set_pos[62];
    int16_t year_days[62];
    int8_t week_nos[53];
    int8_t hours[24], minutes[60], seconds[60];
};

/* The value of an RRULE line ("FREQ=WEEKLY;BYDAY=MO"). errs: ERR_INVALID; ERR_UNSUPPORTED: finer
 * than DAILY. */
MUST_CHECK enum err_code calendar_rule_parse(struct str text, struct calendar_rule *ret_rule,
                                             struct err *err);
void calendar_rule_print(const struct calendar_rule *rule, struct buf *out);

/* What recurs: a first occurrence and its lines. */
struct calendar_series {
    struct calendar_moment start;
    struct calendar_moment end;
    const struct str *lines;
    size_t line_count;
    const struct calendar_zone *zone; /* of the start; all-day: the calendar's */
    /* For a TZID of RDATE or EXDATE that differs from the zone; NULL, or not known there: the zone.
     */
    struct calendar_zones *zones;
};

struct calendar_occurrence {
    int64_t start_at; /* all-day: midnight in the zone */
    int64_t end_at;
    struct calendar_date date; /* of the start, in the zone: the identity where all-day */
};

/* Occurrences that overlap [from_at, to_at), in order, without those that EXDATE takes out.
 * owns: the array lives in arena.
 * errs: ERR_INVALID, ERR_UNSUPPORTED (the lines), ERR_TOO_BIG (over CALENDAR_OCCURRENCES_MAX). */
MUST_CHECK enum err_code calendar_expand(const struct calendar_series *series, int64_t from_at,
                                         int64_t to_at, struct arena *arena,
                                         struct calendar_occurrence **ret_occurrences,
                                         size_t *ret_count, struct err *err);

/* The span of one event that does not recur, or of one exception; all-day in the zone's days. */
struct calendar_occurrence calendar_single(const struct calendar_moment *start,
                                           const struct calendar_moment *end,
                                           const struct calendar_zone *zone);

#endif

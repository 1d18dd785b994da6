/* Recurrence: RRULE, EXRULE, RDATE, EXDATE lines to occurrences, exact over DST, bounded in work.
 *
 * An occurrence's wall time is the first one's, on another day: 02:30 daily is 03:30 only on the
 * day whose clock skips it, and the first of the two where the clock shows it twice. The end
 * follows after the first one's exact duration, of an all-day event after its number of days.
 * The first occurrence always belongs to the series, matched by the rule or not, and counts
 * (3.3.10, COUNT); EXDATE can take it out.
 *
 * HOURLY and finer are expanded too, in wall time and under the same bounds. A rule that never
 * matches costs the work of its window, or CALENDAR_WORK_MAX.  src: RFC 5545 3.3.10, 3.8.5 */
#ifndef CALENDAR_RECURRENCE_H
#define CALENDAR_RECURRENCE_H

#include "base/arena.h"
#include "calendar/event.h"
#include "calendar/zone.h"

#define CALENDAR_LINES_MAX 200         /* lines of one event */
#define CALENDAR_RULES_MAX 20          /* RRULE and EXRULE lines of one event */
#define CALENDAR_RULE_TEXT_MAX 4096    /* bytes of one rule */
#define CALENDAR_DATES_MAX 4000        /* RDATE and EXDATE values of one event */
#define CALENDAR_OCCURRENCES_MAX 20000 /* in one expansion */
/* Days, and times within them, looked at in one expansion: 700 years of a DAILY rule whose COUNT
 * must be followed from the start. Without COUNT, work begins at the window. */
#define CALENDAR_WORK_MAX 262144

enum calendar_freq {
    CALENDAR_SECONDLY,
    CALENDAR_MINUTELY,
    CALENDAR_HOURLY,
    CALENDAR_DAILY,
    CALENDAR_WEEKLY,
    CALENDAR_MONTHLY,
    CALENDAR_YEARLY,
};

enum calendar_until {
    CALENDAR_UNTIL_NONE,
    CALENDAR_UNTIL_DATE,
    CALENDAR_UNTIL_LOCAL,
    CALENDAR_UNTIL_UTC
};

#define CALENDAR_SET_WORDS 6 /* for 1..366 */

/* Numbers 1..366 counted from the start (plus) and from the end (minus): bit n - 1 is n or -n. */
struct calendar_set {
    uint64_t plus[CALENDAR_SET_WORDS];
    uint64_t minus[CALENDAR_SET_WORDS];
    bool any;
};

/* One RRULE. Lists are sets of bits, since order and repetition in them mean nothing; 0: absent. */
struct calendar_rule {
    enum calendar_freq freq;
    int32_t interval;               /* 1 and up */
    int32_t count;                  /* 0: none */
    enum calendar_until until_kind; /* DATE: that whole day is inside */
    struct calendar_wall until;
    int8_t week_start;         /* 0 Monday */
    uint16_t months;           /* bit m - 1 */
    uint32_t month_days;       /* bit d - 1: the d-th */
    uint32_t month_days_minus; /* bit d - 1: the d-th from the end */
    uint8_t weekdays;          /* BYDAY without number; bit 0 Monday */
    bool any_nth; /* BYDAY with number: bit n - 1, the n-th and the n-th from the end */
    uint64_t nth[7];
    uint64_t nth_minus[7];
    uint64_t week_nos; /* bit w - 1, likewise */
    uint64_t week_nos_minus;
    struct calendar_set year_days;
    struct calendar_set set_pos;
    uint32_t hours; /* bit 0 is hour 0 */
    uint64_t minutes;
    uint64_t seconds; /* 60 is read as 59 */
};

/* The value of an RRULE line ("FREQ=WEEKLY;BYDAY=MO"), strictly: what 3.3.10 forbids is refused.
 * errs: ERR_INVALID; ERR_TOO_BIG; ERR_UNSUPPORTED: RSCALE or SKIP of RFC 7529. */
MUST_CHECK enum err_code calendar_rule_parse(struct str text, struct calendar_rule *ret_rule,
                                             struct err *err);
/* The canonical text of a rule. */
void calendar_rule_print(const struct calendar_rule *rule, struct buf *out);

/* Walks one rule in wall time, without a zone. UNTIL is taken as wall time, a day too generously
 * where it is UTC and the start is not all-day: who knows the zone is exact. All state is inside;
 * nothing to free. */
struct calendar_rule_iter {
    struct calendar_rule rule; /* completed from the start */
    int64_t start;             /* wall seconds, as are from and stop */
    int64_t from;
    int64_t stop;   /* the last one */
    int64_t period; /* the next one to look at: number of a day, week, month or year */
    int64_t last_period;
    int64_t unit;       /* HOURLY and finer: seconds of a unit */
    int32_t count_left; /* -1: no COUNT */
    int32_t work_left;
    int32_t period_work; /* of loading one period */
    bool first_seen;
    bool ended;
    bool exhausted; /* the bound on the work ended it */
    int16_t day_count;
    int16_t day_at;
    int32_t time_count; /* of a day: hours x minutes x seconds */
    int32_t time_at;
    int32_t set_size; /* HOURLY and finer: times of one unit */
    int8_t hour_count, minute_count, second_count;
    int8_t hours[24], minutes[60], seconds[60];
    int32_t days[384]; /* of the current period, ascending: a year by weeks has up to 371 */
};

/* Matches before from, and after to, are not given (wall seconds; INT64_MIN, INT64_MAX: all),
 * though counted. Without COUNT the walk begins at from. A start that the rule does not match
 * counts, and is not given. work: the bound, e.g. CALENDAR_WORK_MAX. all_day: BYHOUR and finer are
 * ignored. */
void calendar_rule_iter_init(struct calendar_rule_iter *it, const struct calendar_rule *rule,
                             struct calendar_wall start, bool all_day, int64_t from, int64_t to,
                             int32_t work);
/* The next match in wall seconds, ascending; false at the end of the rule, of the year 9999, or of
 * the work (exhausted). */
bool calendar_rule_next(struct calendar_rule_iter *it, int64_t *ret_wall);

/* What recurs: a first occurrence and its lines. */
struct calendar_series {
    struct calendar_moment start;
    struct calendar_moment end; /* not set: timed ones take no time, all-day ones one day */
    const struct str
        *lines; /* "RRULE:...", "EXDATE;TZID=...:..." ; also the bare value of a rule */
    size_t line_count;
    const struct calendar_zone *zone; /* of the start; all-day: the calendar's */
    /* For TZIDs of RDATE and EXDATE that differ from the zone. NULL, or a name that is not known:
     * the zone. */
    struct calendar_zones *zones;
};

struct calendar_occurrence {
    int64_t start_at; /* all-day: midnight in the zone */
    int64_t end_at;
    struct calendar_date date; /* of the start, in the zone: the identity where all-day */
};

/* Whether it overlaps [from_at, to_at); one that takes no time is in the window that holds it. */
static inline bool calendar_occurrence_in(const struct calendar_occurrence *o, int64_t from_at,
                                          int64_t to_at)
{
    return o->start_at < to_at && (o->end_at > from_at || o->start_at >= from_at);
}

/* Occurrences that overlap [from_at, to_at), in order, without those that EXDATE takes out.
 * owns: the array lives in arena.
 * errs: ERR_INVALID, ERR_UNSUPPORTED (the lines); ERR_TOO_BIG: over CALENDAR_OCCURRENCES_MAX,
 * CALENDAR_WORK_MAX or a maximum of the lines: never a part of the result. */
MUST_CHECK enum err_code calendar_expand(const struct calendar_series *series, int64_t from_at,
                                         int64_t to_at, struct arena *arena,
                                         struct calendar_occurrence **ret_occurrences,
                                         size_t *ret_count, struct err *err);

/* The lines alone, for whoever accepts them from a user.  errs: as calendar_expand. */
MUST_CHECK enum err_code calendar_series_check(const struct calendar_series *series,
                                               struct err *err);

/* The span of one event that does not recur, or of one exception; all-day in the zone's days. */
struct calendar_occurrence calendar_single(const struct calendar_moment *start,
                                           const struct calendar_moment *end,
                                           const struct calendar_zone *zone);

#endif

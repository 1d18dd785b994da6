/* The lines of a series, read: rules, and dates as instants or days. */
#ifndef CALENDAR_LINES_INT_H
#define CALENDAR_LINES_INT_H

#include "base/vec.h"
#include "calendar/recurrence.h"

struct line_rule {
    bool exclude; /* EXRULE */
    struct calendar_rule rule;
};

/* A value of RDATE. */
struct line_date {
    int64_t start; /* UTC seconds; of an all-day series: the day */
    int64_t end;   /* of a PERIOD; else not has_end: the series' duration */
    bool has_end;
};

struct lines {
    VEC(struct line_rule) rules;
    VEC(struct line_date) dates;
    VEC(int64_t) excluded;      /* UTC seconds */
    VEC(int32_t) excluded_days; /* whole days, in the zone */
    size_t date_count;
};

/* What the values are read against. */
struct lines_context {
    bool all_day;
    int32_t second_of_day; /* of the start: for an RDATE that is a DATE in a timed series */
    const struct calendar_zone *zone;
    struct calendar_zones *zones;
};

/* errs: ERR_INVALID, ERR_UNSUPPORTED, ERR_TOO_BIG. ret_lines needs lines_fini in any case. */
MUST_CHECK enum err_code lines_parse(const struct lines_context *context, const struct str *lines,
                                     size_t count, struct lines *ret_lines, struct err *err);
void lines_fini(struct lines *l);

#endif

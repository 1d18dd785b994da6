/* Instants, dates and wall clocks.
 *
 * An instant is int64_t UTC ms since 1970 (names end in _at). What people mean by "on the 3rd" or
 * "at nine" is a date or a wall time, which becomes an instant only in a zone (zone.h). The
 * calendar is the proleptic Gregorian one; years 1 to 9999. */
#ifndef CALENDAR_TIME_H
#define CALENDAR_TIME_H

#include "base/buf.h"
#include "base/str.h"

#define CALENDAR_DAY_MS INT64_C(86400000)
/* Bounds of an instant: 0001-01-01 and the end of 9999. */
#define CALENDAR_MIN_AT INT64_C(-62135596800000)
#define CALENDAR_MAX_AT INT64_C(253402300799999)

struct calendar_date {
    int32_t year;
    int8_t month; /* 1..12 */
    int8_t day;   /* 1..31 */
};

struct calendar_wall {
    struct calendar_date date;
    int32_t second_of_day; /* 0..86399 */
};

/* Days since 1970-01-01, and back. */
int32_t calendar_days(struct calendar_date d);
struct calendar_date calendar_date_of(int32_t days);
bool calendar_date_valid(int32_t year, int32_t month, int32_t day);
int calendar_days_in_month(int32_t year, int32_t month);
bool calendar_is_leap(int32_t year);
/* 0 Monday .. 6 Sunday. */
int calendar_weekday(int32_t days);

/* The wall clock as if it were UTC, in seconds: for arithmetic and comparison of walls. */
int64_t calendar_wall_seconds(struct calendar_wall w);
struct calendar_wall calendar_wall_of(int64_t seconds);

/* RFC 3339: "2026-10-20T10:00:00.123+01:00"; fractions are cut to ms, a leap second counts as the
 * second before. ret_has_offset: NULL: an offset is required; else told, and without one the
 * instant is that of the wall clock read as UTC. False on anything else. */
bool calendar_parse_rfc3339(struct str text, int64_t *ret_at, bool *ret_has_offset);
/* "2026-10-20" */
bool calendar_parse_date(struct str text, struct calendar_date *ret_date);
/* "2026-10-20T09:00:00Z", with .mmm where there are any. at: CALENDAR_MIN_AT..CALENDAR_MAX_AT. */
void calendar_print_rfc3339(int64_t at, struct buf *out);
void calendar_print_date(struct calendar_date d, struct buf *out);

/* RFC 5545: "20261020" (DATE), "20261020T090000" with or without Z (DATE-TIME). */
bool calendar_parse_ical_date(struct str text, struct calendar_date *ret_date);
bool calendar_parse_ical_time(struct str text, struct calendar_wall *ret_wall, bool *ret_utc);
void calendar_print_ical_date(struct calendar_date d, struct buf *out);
/* Without Z; whoever prints UTC adds it. */
void calendar_print_ical_time(struct calendar_wall w, struct buf *out);
/* "P1W", "PT1H30M", "-P1DT12H" in seconds, a day being 24 hours. src: RFC 5545 3.3.6 */
bool calendar_parse_ical_duration(struct str text, int64_t *ret_seconds);

#endif

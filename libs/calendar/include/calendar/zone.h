/* Time zones: the system's TZif files through a small reader, never the process-global TZ.
 * src: RFC 8536 (TZif), POSIX 8.3 (TZ rules of the footer), RFC 5545 3.3.5 (gaps, overlaps) */
#ifndef CALENDAR_ZONE_H
#define CALENDAR_ZONE_H

#include "base/err.h"
#include "calendar/time.h"

struct calendar_zone;
struct calendar_zones;

/* A cache of zones read from dir (NULL: /usr/share/zoneinfo). Takes no lock: one thread. A zone is
 * read once, by a blocking read of a few KB. */
struct calendar_zones *calendar_zones_new(const char *dir);
struct calendar_zones *calendar_zones_free(struct calendar_zones *zones);

/* By IANA name (old names are links there: "US/Pacific"), "UTC", or a fixed offset as providers
 * write it ("GMT-07:00", "UTC+2"; east of Greenwich is +). Lives as long as the cache.
 * errs: ERR_NOT_FOUND; ERR_PROTO: the file is no TZif. */
MUST_CHECK enum err_code calendar_zone_find(struct calendar_zones *zones, struct str name,
                                            const struct calendar_zone **ret_zone, struct err *err);
const struct calendar_zone *calendar_zone_utc(void);

/* A zone from TZif bytes of version 2 or later. errs: ERR_PROTO; ERR_UNSUPPORTED: it counts leap
 * seconds ("right/..."). owns: the caller frees. */
MUST_CHECK enum err_code calendar_zone_parse(struct str tzif, struct calendar_zone **ret_zone,
                                             struct err *err);
struct calendar_zone *calendar_zone_free(struct calendar_zone *zone);

/* A stretch of time with one offset: [from, to) in UTC seconds. */
struct calendar_zone_range {
    int64_t from;
    int64_t to;
    int32_t offset; /* seconds east of UTC */
};
struct calendar_zone_range calendar_zone_range(const struct calendar_zone *zone, int64_t seconds);

/* Seconds east of UTC at an instant. */
int32_t calendar_zone_offset(const struct calendar_zone *zone, int64_t at);
struct calendar_wall calendar_zone_wall(const struct calendar_zone *zone, int64_t at);
/* The instant of a wall time: in an overlap the first one, in a gap with the offset before the gap
 * (02:30 becomes 03:30). */
int64_t calendar_zone_instant(const struct calendar_zone *zone, struct calendar_wall wall);
/* When a date begins there: 00:00, or what 00:00 becomes where the clock skips it. */
int64_t calendar_zone_midnight(const struct calendar_zone *zone, struct calendar_date date);

#endif

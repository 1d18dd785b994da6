/* Time zones: the system's TZif files through a small reader, never the process-global TZ.
 * src: RFC 8536 (TZif), POSIX 8.3 (TZ rules of the footer), RFC 5545 3.3.5 (gaps, overlaps) */
#ifndef CALENDAR_ZONE_H
#define CALENDAR_ZONE_H

#include "base/err.h"
#include "calendar/time.h"

struct calendar_zone;
struct calendar_zones;

/* A cache of zones read from dir (NULL: /usr/share/zoneinfo). Takes no lock: one thread. */
struct calendar_zones *calendar_zones_new(const char *dir);
struct calendar_zones *calendar_zones_free(struct calendar_zones *zones);

/* By IANA name, "UTC", or a fixed offset as providers write it ("GMT-07:00", "UTC+2"). Lives as
 * long as the cache. errs: ERR_NOT_FOUND; ERR_PROTO: the file is no TZif. */
MUST_CHECK enum err_code calendar_zone_find(struct calendar_zones *zones, struct str name,
                                            const struct calendar_zone **ret_zone, struct err *err);
const struct calendar_zone *calendar_zone_utc(void);

/* A zone from TZif bytes; for the cache and for fuzzing. errs: ERR_PROTO. */
MUST_CHECK enum err_code calendar_zone_parse(struct str tzif, struct calendar_zone **ret_zone,
                                             struct err *err);
struct calendar_zone *calendar_zone_free(struct calendar_zone *zone);

/* Seconds east of UTC at an instant. */
int32_t calendar_zone_offset(const struct calendar_zone *zone, int64_t at);
struct calendar_wall calendar_zone_wall(const struct calendar_zone *zone, int64_t at);
/* The instant of a wall time: in an overlap the first one, in a gap with the offset before the gap
 * (02:30 becomes 03:30). */
int64_t calendar_zone_instant(const struct calendar_zone *zone, struct calendar_wall wall);

#endif

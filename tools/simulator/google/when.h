/* Event times as Google writes them, to instants and back; zones are those of libs/calendar. */
#ifndef SIMULATOR_GOOGLE_WHEN_H
#define SIMULATOR_GOOGLE_WHEN_H

#include "simulator/tree.h"

#define WHEN_TEXT_MAX 40

struct when {
    bool all_day;
    int64_t at; /* UTC ms; of a date, its midnight in the given zone */
};

bool when_zone_known(struct str zone);

/* An EventDateTime. zone: the calendar's, for dates and for a dateTime that has neither an offset
 * nor a timeZone. False if it is not one: both or neither of date and dateTime, a text of another
 * form, an unknown timeZone. A member that is null counts as absent. */
bool when_read(const json_t *side, const char *zone, struct when *ret_when);

/* RFC 3339 with an offset, as the query parameters have it. */
bool when_parse(struct str text, int64_t *ret_at);
/* A date alone: its midnight in the zone. */
bool when_parse_date(struct str text, const char *zone, int64_t *ret_at);

/* All return out. "2026-10-02T09:15:31.117Z" */
const char *when_print_utc(int64_t at, char *out, size_t size);
/* "2026-10-20T10:00:00+01:00" in the zone; "Z" for UTC. */
const char *when_print(int64_t at, const char *zone, char *out, size_t size);
/* "2026-10-20" of the instant in the zone. */
const char *when_print_date(int64_t at, const char *zone, char *out, size_t size);
/* The stamp of an instance id: "20261020T090000Z", or "20261020" of a date in the zone. */
const char *when_print_stamp(int64_t at, bool all_day, const char *zone, char *out, size_t size);
bool when_parse_stamp(struct str stamp, const char *zone, struct when *ret_when);
/* "Mon, 26 Oct 2026 07:33:20 GMT" */
const char *when_print_http(int64_t at, char *out, size_t size);

/* A new EventDateTime of the instant: the offset is the calendar's (zone), timeZone the event's
 * own where event_zone is not empty. */
json_t *when_tree(const struct when *when, const char *zone, struct str event_zone);

#endif

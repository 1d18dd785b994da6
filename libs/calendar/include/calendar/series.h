/* A series: the master's occurrences, with each changed or cancelled one in its place.
 *
 * An exception belongs to the occurrence whose original start it names, wherever it was moved: it
 * is compared as an instant, in an all-day series as a date. An exception whose original start the
 * master no longer gives, or whose master is not known (a user invited to one occurrence), stands
 * for itself. EXDATE lines and cancelled occurrences mean the same; both are obeyed.
 *
 * Providers spell the ids of occurrences in their own ways: that is theirs to read. */
#ifndef CALENDAR_SERIES_H
#define CALENDAR_SERIES_H

#include "calendar/recurrence.h"
#include "calendar/span.h"

#define CALENDAR_EXCEPTIONS_MAX 20000 /* of one series */

/* The rows of one series, as they are stored. */
struct calendar_series_rows {
    const struct calendar_event *master; /* NULL: unknown. May be an event that does not recur */
    const struct calendar_event *const *exceptions; /* also the cancelled ones; any order */
    size_t exception_count;
    struct str zone; /* the calendar's, IANA: of all-day events and of times without their own */
    struct calendar_zones *zones;
};

struct calendar_instance {
    struct calendar_occurrence occurrence;
    const struct calendar_event *event; /* the master, or the exception in its place */
    /* Which occurrence it is, for ever; all-day: original_date, at its midnight in the zone. */
    int64_t original_at;
    struct calendar_date original_date;
};

/* What takes place in [from_at, to_at).  shape: sorted by start, then by original start.
 * owns: the array lives in arena; events are borrowed.
 * errs: as calendar_expand. A zone name that is not known is read as the calendar's, that one as
 * UTC: the instants of a timed event are right in any case, only the days of its series may not be.
 */
MUST_CHECK enum err_code calendar_series_instances(const struct calendar_series_rows *rows,
                                                   int64_t from_at, int64_t to_at,
                                                   struct arena *arena,
                                                   struct calendar_instance **ret_instances,
                                                   size_t *ret_count, struct err *err);

/* The time that an instance takes by the table of span.h; false: none. */
bool calendar_instance_span(const struct calendar_instance *instance,
                            struct calendar_span *ret_span);

#endif

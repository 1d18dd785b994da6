/* iCalendar files into Google-shaped events. */
#ifndef SIMULATOR_ICS_H
#define SIMULATOR_ICS_H

#include "simulator/admin.h"
#include "simulator/google/model.h"

#define ICS_MAX_BYTES (8u << 20)
#define ICS_MAX_DEPTH 16
#define ICS_REASONS 8

struct ics_result {
    size_t events;  /* rows that were made, exceptions included */
    size_t refused; /* components that were left out */
    size_t dropped; /* properties that were left out of events that were kept */
    size_t widened; /* events without a duration, which Google has none of: one minute */
    size_t zones;   /* unknown time zones, read as the calendar's */
    const char *reasons[ICS_REASONS]; /* static: the first refusals' */
    size_t reason_count;
};

/* Adds what the text holds to the calendar. A file that is broken in part gives its other part.
 * errs: ERR_PROTO (no iCalendar), ERR_TOO_BIG. */
MUST_CHECK enum err_code ics_load(struct google *g, struct g_calendar *c, struct str text,
                                  struct ics_result *ret_result, struct err *err);
/* A new secondary calendar, named after the file. errs: also ERR_IO. */
MUST_CHECK enum err_code ics_load_file(struct google *g, struct g_user *user, const char *path,
                                       struct ics_result *ret_result, struct err *err);

/* POST /admin/ics?account=...[&calendar=ID | &summary=NAME], the file as the body. */
void admin_ics(struct admin *a);

#endif

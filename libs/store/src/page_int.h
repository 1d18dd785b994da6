/* What the parts of storing a page share. */
#ifndef STORE_PAGE_INT_H
#define STORE_PAGE_INT_H

#include "base/map.h"
#include "base/vec.h"
#include "store/page.h"

#define STORE_BATCH 400 /* rows a statement: 250 to 500 cost least (docs/adr/0009-libpq.md) */

/* One page on its way into the tables. */
struct applying {
    struct pg_session *s;
    struct calendar_zones *zones;
    const struct store_calendar *c;
    const struct store_page *page;
    int64_t deadline;
    struct arena *arena;
    int64_t stamp;
    struct store_page_result result;
    struct map series; /* provider ids of series whose spans are to be computed again */
    VEC(struct str) reread;
};

/* An event with the id of its row. */
struct stored_event {
    struct uuid row;
    const struct calendar_event *event;
};

/* event_rows.c: upserts these events; those that were written come back with their row's id (row
 * is nil for those that a later writer keeps). */
CO_FN enum err_code store_events_upsert(struct applying *a, const struct calendar_event **events,
                                        size_t count, struct stored_event *ret_stored,
                                        struct err *err);

/* spans.c: the spans of single events, and of whole series as they are stored now. */
CO_FN enum err_code store_spans_single(struct applying *a, const struct stored_event *events,
                                       size_t count, struct err *err);
CO_FN enum err_code store_spans_series(struct applying *a, const struct str *ids, size_t count,
                                       struct err *err);

#endif

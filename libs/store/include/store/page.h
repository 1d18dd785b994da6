/* A page of changes, stored: events, spans, tombstones and the cursor in one transaction.
 *
 * The first committer wins: the page is refused if the calendar's cursor version is no longer the
 * one that was seen. Rows that somebody else wrote after the provider was asked (their stamp is
 * above the mark) are left alone and named in `reread`. A revision that is stored already is a
 * no-op. A page that changes nothing leaves the change counter alone, so that cached answers
 * stay good. */
#ifndef STORE_PAGE_H
#define STORE_PAGE_H

#include "calendar/event.h"
#include "calendar/zone.h"
#include "store/calendars.h"

struct store_bad_event {
    struct str id;
    struct str reason;
};

struct store_page {
    const struct calendar_event *events; /* each id once */
    size_t event_count;
    const struct store_bad_event *bad; /* each id once, none of them among the events */
    size_t bad_count;
    int64_t mark;         /* the change counter when the provider was asked */
    struct str next_page; /* empty: the last page */
    struct str cursor;    /* on the last page */
    bool moves_cursor;    /* false: events that were read by id, outside of a listing */
    int64_t covered_from; /* window of the spans */
    int64_t covered_to;
    bool covers; /* the last page of a full read: spans are complete in the window from now on */
};

struct store_page_result {
    int64_t version; /* the calendar's, after the page */
    size_t changed;  /* rows written */
    size_t removed;
    size_t unchanged;
    size_t bad;
    const struct str *reread; /* ids to be asked for again, with a newer mark */
    size_t reread_count;
};

/* errs: ERR_CONFLICT: another run was first: begin again from what is stored; ERR_NOT_FOUND: the
 * connection is gone, paused or to be authorised: stop; Postgres's. */
CO_FN MUST_CHECK enum err_code
store_page_apply(struct pg_session *s, struct calendar_zones *zones, const struct store_calendar *c,
                 const struct store_page *page, int64_t deadline, struct arena *arena,
                 struct store_page_result *ret_result, struct err *err);

/* Spans of all series again, over a window that has moved on; some series a transaction. */
CO_FN MUST_CHECK enum err_code store_spans_slide(struct pg_session *s, struct calendar_zones *zones,
                                                 const struct store_calendar *c, int64_t from_at,
                                                 int64_t to_at, int64_t deadline,
                                                 struct arena *arena, struct err *err);

/* A deep copy. */
struct calendar_event store_event_dup(const struct calendar_event *e, struct arena *arena);

#endif

/* Spans of time, half-open [start, end), UTC ms; and what counts as busy. */
#ifndef CALENDAR_SPAN_H
#define CALENDAR_SPAN_H

#include "calendar/event.h"

struct calendar_span {
    int64_t start_at;
    int64_t end_at;
    enum calendar_show_as show_as;
};

/* What an event does to its owner's time: the one table behind free/busy and scheduling.
 *
 *   event                          span          blocks a booking
 *   cancelled, declined by me      none          no
 *   transparent / free             none          no
 *   busy, accepted or my own       busy          yes
 *   busy, tentatively accepted,
 *     not answered, or tentative   tentative     yes
 *   out of office                  out_of_office yes
 *   working elsewhere, location    working_elsewhere  no
 *   birthday                       none          no
 *
 * False: it takes no time. */
bool calendar_takes_time(enum calendar_status status, enum calendar_show_as show_as,
                         enum calendar_response mine, struct str event_type,
                         enum calendar_show_as *ret_show_as);
bool calendar_blocks(enum calendar_show_as show_as);

/* Sorts, and joins spans that touch or overlap; the strongest show-as wins where they do
 * (out_of_office, busy, tentative, working_elsewhere): spans of different show-as that overlap are
 * cut, so that the result is disjoint. Returns the new count (at most 2 * count; spans has room).
 * Empty and reversed ones are dropped. */
size_t calendar_spans_merge(struct calendar_span *spans, size_t count);
/* Cuts to [from_at, to_at); returns the new count. */
size_t calendar_spans_clip(struct calendar_span *spans, size_t count, int64_t from_at,
                           int64_t to_at);

#endif

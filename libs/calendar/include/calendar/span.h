/* Spans of time, half-open [start, end), UTC ms; and what counts as busy.
 *
 * A span that is empty takes no time: it blocks nothing and is dropped wherever spans are
 * computed. "Disjoint" below means sorted by start, without overlap, as calendar_spans_merge
 * leaves them. */
#ifndef CALENDAR_SPAN_H
#define CALENDAR_SPAN_H

#include "calendar/event.h"

struct calendar_span {
    int64_t start_at;
    int64_t end_at;
    enum calendar_show_as show_as;
};

/* What an event does to its owner's time: the one table behind free/busy and scheduling. The first
 * row that fits counts.
 *
 *   event                                              span               blocks a booking
 *   cancelled                                          none               no
 *   declined by me                                     none               no
 *   free (transparent)                                 none               no
 *   birthday                                           none               no
 *   working elsewhere, or type workingLocation         working_elsewhere  no
 *   out of office, or type outOfOffice                 out_of_office      yes
 *   tentative by status or show-as; tentatively
 *     accepted or not yet answered by me               tentative          yes
 *   all else: accepted, my own, focus time             busy               yes
 *
 * False: it takes no time. */
bool calendar_takes_time(enum calendar_status status, enum calendar_show_as show_as,
                         enum calendar_response mine, struct str event_type,
                         enum calendar_show_as *ret_show_as);
bool calendar_blocks(enum calendar_show_as show_as);

/* Sorts, and joins spans that touch or overlap; the strongest show-as wins where they do
 * (out_of_office, busy, tentative, working_elsewhere): spans of different show-as that overlap are
 * cut, so that the result is disjoint. Returns the new count (at most 2 * count; spans has room).
 * Empty, reversed and free ones are dropped. */
size_t calendar_spans_merge(struct calendar_span *spans, size_t count);
/* Cuts to [from_at, to_at); returns the new count. */
size_t calendar_spans_clip(struct calendar_span *spans, size_t count, int64_t from_at,
                           int64_t to_at);
/* Of spans, what no span of minus covers. Both disjoint; out has room for count + minus_count.
 * Returns the count of out. */
size_t calendar_spans_subtract(const struct calendar_span *spans, size_t count,
                               const struct calendar_span *minus, size_t minus_count,
                               struct calendar_span *out);
/* The first of disjoint spans that overlaps [from_at, to_at); NULL: none, or the window is empty.
 */
const struct calendar_span *calendar_spans_find(const struct calendar_span *spans, size_t count,
                                                int64_t from_at, int64_t to_at);

static inline bool calendar_span_overlaps(const struct calendar_span *s, int64_t from_at,
                                          int64_t to_at)
{
    return s->start_at < to_at && s->end_at > from_at;
}

#endif

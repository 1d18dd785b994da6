/* Google's JSON to our model and back. Pure, bounded by what it is given, no I/O.
 * src: https://developers.google.com/workspace/calendar/api/v3/reference/events */
#ifndef GOOGLE_MAPPING_H
#define GOOGLE_MAPPING_H

#include "providers/provider.h"
#include "json/write.h"

/* An event resource. What the reader may not see (private copies, free/busy access) is empty and no
 * mistake; what makes an event unusable is one. Texts are Google's and borrow item; arrays live in
 * arena.
 * errs: ERR_PROTO (no id; a live event without a start and an end, or with ones that cannot be
 * read), ERR_RANGE (it ends before it starts), ERR_TOO_BIG (recurrence lines, attendees). */
MUST_CHECK enum err_code google_event_read(const struct json *item, struct arena *arena,
                                           struct calendar_event *ret_event, struct err *err);

/* The body of an insert (req->etag empty) or a patch: only req->fields; a patch clears with null.
 * errs: ERR_INVALID + DROP: what Google would refuse, or what would do harm (a cut list of
 * attendees). */
MUST_CHECK enum err_code google_event_write(const struct provider_put_req *req, struct buf *out,
                                            struct err *err);

/* "{series}_{yyyymmdd}" or "{series}_{yyyymmdd}T{hhmmss}Z", read from the right: an occurrence's id
 * names its series and its original start. False if it is no occurrence's. */
bool google_instance_id_read(struct str id, struct str *ret_series_id,
                             struct calendar_moment *ret_original_start);

/* An entry of the calendar list. errs: ERR_PROTO: no id. */
MUST_CHECK enum err_code google_calendar_read(const struct json *item,
                                              struct provider_calendar *ret_calendar,
                                              struct err *err);

/* An accessRole; an unknown one is the least. */
enum provider_role google_role_parse(struct str text);

/* One calendar of a free/busy answer (its member of "calendars"; NULL: there was none). Never free
 * because something could not be read: code and reason say so.
 * owns: spans live in arena; the reason borrows calendar. */
void google_busy_read(const struct json *calendar, struct arena *arena,
                      struct provider_busy *ret_busy);

/* A channel, as watch answers. errs: ERR_PROTO + RETRY. */
MUST_CHECK enum err_code google_channel_read(const struct json *body,
                                             struct provider_channel *ret_channel, struct err *err);

#endif

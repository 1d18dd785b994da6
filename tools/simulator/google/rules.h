/* What Google accepts as an event and how it keeps it: writable members, merging, defaults. */
#ifndef SIMULATOR_GOOGLE_RULES_H
#define SIMULATOR_GOOGLE_RULES_H

#include "simulator/google/call.h"

/* A client-chosen id: base32hex, 5 to 1,024 characters. */
bool g_id_valid(struct str id);

/* The names in the body that are no members of an event, blank-separated, appended to out. */
void g_unknown_members(const json_t *body, struct buf *out);

/* PATCH: members that are there replace (null removes), objects merge by key, arrays replace as a
 * whole; members that cannot be written are ignored. */
void g_event_merge(json_t *event, const json_t *patch);
/* PUT: every writable member is the body's, or gone. */
void g_event_replace(json_t *event, const json_t *body);

/* Checks the event as it would be stored, and gives it the form in which it is stored: offsets of
 * the calendar's zone, defaults left out. before: as it was, NULL for a new one. False with
 * *ret_error filled. */
bool g_event_settle(const struct g_calendar *c, const json_t *before, json_t *event,
                    struct g_error *ret_error);

#endif

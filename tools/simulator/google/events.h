/* events.get, insert, import, patch, update, delete, move. */
#ifndef SIMULATOR_GOOGLE_EVENTS_H
#define SIMULATOR_GOOGLE_EVENTS_H

#include "simulator/google/call.h"

void g_events_get(struct g_call *call);
void g_events_insert(struct g_call *call);
void g_events_import(struct g_call *call);
void g_events_patch(struct g_call *call);
void g_events_update(struct g_call *call);
void g_events_delete(struct g_call *call);
void g_events_move(struct g_call *call);

/* Adds an event that came from elsewhere (a file, a generator): takes body, which is settled as an
 * insert's is. NULL with *ret_error filled if it is refused. */
struct g_event *g_event_create(struct google *g, struct g_calendar *c, struct g_user *creator,
                               json_t *body, struct g_error *ret_error);

#endif

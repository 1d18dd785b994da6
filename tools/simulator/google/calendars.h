/* The calendar list, calendars, colours and settings. */
#ifndef SIMULATOR_GOOGLE_CALENDARS_H
#define SIMULATOR_GOOGLE_CALENDARS_H

#include "simulator/google/call.h"

void g_calendar_list(struct g_call *call);
void g_calendar_list_get(struct g_call *call);
void g_calendars_get(struct g_call *call);
void g_calendars_insert(struct g_call *call);
void g_calendars_patch(struct g_call *call);
void g_calendars_delete(struct g_call *call);
void g_colors(struct g_call *call);
void g_settings(struct g_call *call);

#endif

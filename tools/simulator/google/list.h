/* events.list and events.instances. */
#ifndef SIMULATOR_GOOGLE_LIST_H
#define SIMULATOR_GOOGLE_LIST_H

#include "simulator/google/call.h"

void g_events_list(struct g_call *call);
void g_events_instances(struct g_call *call);

#endif

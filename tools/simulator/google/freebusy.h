/* freeBusy.query. */
#ifndef SIMULATOR_GOOGLE_FREEBUSY_H
#define SIMULATOR_GOOGLE_FREEBUSY_H

#include "simulator/google/call.h"

void g_free_busy(struct g_call *call);

#endif

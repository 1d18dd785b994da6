/* POST /batch/calendar/v3: many calls in one multipart body. */
#ifndef SIMULATOR_GOOGLE_BATCH_H
#define SIMULATOR_GOOGLE_BATCH_H

#include "simulator/google/call.h"

#define G_BATCH_PARTS_MAX 1000

void g_batch(struct g_call *call);

#endif

/* The zones of libs/calendar, read once. */
#ifndef SIMULATOR_GOOGLE_ZONES_H
#define SIMULATOR_GOOGLE_ZONES_H

#include "calendar/zone.h"

/* NULL if there is no such zone. */
const struct calendar_zone *g_zone(struct str name);

#endif

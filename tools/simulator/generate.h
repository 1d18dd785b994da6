/* Calendars of any size with stated shares of the hard cases. */
#ifndef SIMULATOR_GENERATE_H
#define SIMULATOR_GENERATE_H

#include "simulator/admin.h"

#define GENERATE_MAX 200000

/* POST /admin/generate {"account", "calendar" ("primary"), "count" (1000), "series" (10),
 * "exceptions" (30), "all_day" (10), "dst" (5), "seed" (1), "from" ("2026-01-01"), "days" (365)}:
 * shares in percent; exceptions of the series, dst of the series too. The same answer for the same
 * question on an empty calendar. */
void admin_generate(struct admin *a);

#endif

/* An event as one caller sees it. */
#ifndef SIMULATOR_GOOGLE_VIEW_H
#define SIMULATOR_GOOGLE_VIEW_H

#include "simulator/google/list_query.h"

/* Whether the caller sees the stored body as it is. */
bool g_view_is_plain(const struct g_list_query *q, const struct g_event *e);
/* A new tree: the given body (the event's own, or an instance's) with what the caller may not see
 * left out, in the zone that was asked for. */
json_t *g_view(const struct g_list_query *q, const struct g_event *e, const json_t *body);
/* A new tree: id and status, and what a tombstone of this calendar carries beside them. */
json_t *g_view_tombstone(const struct g_event *e, const json_t *body);

#endif

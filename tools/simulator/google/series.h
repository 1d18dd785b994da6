/* Series: their occurrences by libs/calendar, and the ids of instances. */
#ifndef SIMULATOR_GOOGLE_SERIES_H
#define SIMULATOR_GOOGLE_SERIES_H

#include "simulator/google/model.h"
#include "simulator/google/when.h"

#define G_SERIES_MAX 20000 /* occurrences of one series in one answer */

/* Whether the event's recurrence lines can be read and expanded. */
bool g_series_valid(const json_t *event, const char *zone);

struct g_occurrence {
    int64_t at; /* UTC ms */
    int64_t end_at;
};

/* Called in the order of the starts; false ends the walk. */
typedef bool (*g_occurrence_fn)(void *arg, const struct g_occurrence *o);

/* Every occurrence of the rule and its dates that overlaps [from, to), exceptions not regarded. */
void g_series_each(const struct g_event *master, int64_t from, int64_t to, g_occurrence_fn fn,
                   void *arg);
/* The occurrence that starts at that instant; false if there is none. */
bool g_series_find(const struct g_event *master, int64_t at, struct g_occurrence *ret_o);

struct g_event *g_series_exception(const struct g_event *master, int64_t at);

/* "{master}_{stamp}" in the arena. */
struct str g_instance_id(const struct g_event *master, int64_t at, struct arena *arena);
/* The series and the scheduled start that an instance's id names; false if it names none. */
bool g_instance_parse(const struct g_calendar *c, struct str id, struct g_event **ret_master,
                      int64_t *ret_at);
/* A new body of the occurrence as the series describes it. */
json_t *g_instance_body(const struct g_event *master, const struct g_occurrence *o,
                        struct arena *arena);

#endif

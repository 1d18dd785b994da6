/* What an events.list asks for, read from the query once. */
#ifndef SIMULATOR_GOOGLE_LIST_QUERY_H
#define SIMULATOR_GOOGLE_LIST_QUERY_H

#include "simulator/google/call.h"

#define G_LIST_FILTERS_MAX 8

enum g_order { G_ORDER_NONE, G_ORDER_START, G_ORDER_UPDATED };

struct g_list_query {
    struct g_calendar *calendar;
    enum g_role role;
    bool only_times; /* what the caller may see are times alone */
    size_t max_results;
    bool single;       /* singleEvents */
    bool deleted;      /* showDeleted */
    bool incremental;  /* syncToken */
    bool since_update; /* updatedMin */
    enum g_order order;
    int64_t time_min; /* INT64_MIN, INT64_MAX: not bounded */
    int64_t time_max;
    int64_t updated_min;
    int64_t max_attendees; /* <0: all */
    struct str zone;       /* of the answer's offsets; empty: the calendar's */
    struct str text;       /* q */
    struct str uid;        /* iCalUID */
    struct str types[G_LIST_FILTERS_MAX];
    size_t type_count;
    struct str private_properties[G_LIST_FILTERS_MAX]; /* name=value */
    size_t private_count;
    struct str shared_properties[G_LIST_FILTERS_MAX];
    size_t shared_count;
    bool tokenless; /* its filters give no sync token */
    uint64_t shape; /* what must be equal with a sync token */
    /* Where the page begins, and ends. */
    uint64_t from_seq;  /* rows after it */
    uint64_t until_seq; /* and up to it; the next sync token's */
    uint64_t skip;      /* rows of the first event, or of the sorted whole, that were given */
};

/* False after an error was sent. */
bool g_list_query_read(struct g_call *call, struct g_calendar *c, struct g_list_query *ret_query);

#endif

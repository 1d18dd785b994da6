#include "simulator/google/list_query.h"

#include "base/hash.h"
#include "simulator/google/opaque.h"
#include "simulator/google/scopes.h"
#include "simulator/google/when.h"

static void collect(struct g_call *call, const char *name, struct str *items, size_t *count)
{
    struct str rest = call->rq->query;
    struct str key;
    struct str value;
    while (sim_form_next(&rest, call->arena, &key, &value)) {
        if (str_eq_c(key, name) && *count < G_LIST_FILTERS_MAX) {
            items[(*count)++] = value;
        }
    }
}

static bool read_time(struct g_call *call, const char *name, int64_t *value)
{
    struct str text = g_query(call, name);
    if (text.len > 0 && !when_parse(text, value)) {
        g_fail_invalid(call, "Bad Request", name);
        return false;
    }
    return true;
}

static bool read_size(struct g_call *call, size_t max, size_t otherwise, size_t *ret_size)
{
    struct str text = g_query(call, "maxResults");
    int64_t number;
    *ret_size = otherwise;
    if (text.len == 0) {
        return true;
    }
    if (!str_to_i64(text, &number) || number < 1) {
        g_fail_invalid(call, "Invalid value for: maxResults", "maxResults");
        return false;
    }
    *ret_size = MIN((size_t)number, max);
    return true;
}

/* ---- tokens -------------------------------------------------------------------------------- */

static bool fail_restriction(struct g_call *call, const char *message)
{
    g_fail_invalid(call, message, "syncToken");
    return false;
}

static bool fail_full_sync(struct g_call *call)
{
    g_fail(call, &(struct g_error){410, "calendar", "fullSyncRequired",
                                   "Sync token is no longer valid, a full sync is required.",
                                   "parameter", "syncToken"});
    return false;
}

static bool sync_params_allowed(struct g_call *call)
{
    static const char *const forbidden[] = {
        "iCalUID",    "privateExtendedProperty",
        "q",          "sharedExtendedProperty",
        "timeMin",    "timeMax",
        "updatedMin",
    };
    if (g_query(call, "orderBy").len > 0) {
        return fail_restriction(call, "Sync token cannot be used with non-default ordering");
    }
    for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
        if (g_query(call, forbidden[i]).len > 0) {
            return fail_restriction(call,
                                    "Sync token cannot be used with other request restrictions");
        }
    }
    if (!g_query_bool(call, "showDeleted", true)) {
        return fail_restriction(call, "Sync token cannot be used with other request restrictions");
    }
    return true;
}

/* The sync token's state: numbers are generation, shape, sequence. */
static bool read_sync_token(struct g_call *call, struct g_list_query *q, struct str token)
{
    struct g_opaque o;
    if (!sync_params_allowed(call)) {
        return false;
    }
    if (!g_opaque_parse(call->g, token, call->arena, &o) || o.kind != 's' ||
        !str_eq_c(o.owner, call->user->sub) || !str_eq_c(o.target, q->calendar->id)) {
        g_fail_invalid(call, "Invalid sync token value.", "syncToken");
        return false;
    }
    if (o.numbers[0] != q->calendar->generation) {
        return fail_full_sync(call);
    }
    q->from_seq = o.numbers[2];
    return true;
}

/* The page token's: generation, shape, from, until, skip. */
static bool read_page_token(struct g_call *call, struct g_list_query *q, struct str token)
{
    struct g_opaque o;
    if (!g_opaque_parse(call->g, token, call->arena, &o) || o.kind != 'p' ||
        !str_eq_c(o.owner, call->user->sub) || !str_eq_c(o.target, q->calendar->id) ||
        o.numbers[1] != q->shape) {
        g_fail_invalid(call, "Invalid page token value.", "pageToken");
        return false;
    }
    if (q->incremental && o.numbers[0] != q->calendar->generation) {
        return fail_full_sync(call);
    }
    q->from_seq = o.numbers[2];
    q->until_seq = o.numbers[3];
    q->skip = o.numbers[4];
    return true;
}

/* Everything but the tokens and the page size, so that a page token of another question is
 * refused. */
static uint64_t shape_of(struct g_call *call)
{
    static const uint64_t key[2] = {1, 2};
    static const char *const left_out[] = {"pageToken",   "maxResults", "fields",
                                           "prettyPrint", "alt",        "quotaUser"};
    uint64_t shape = 0;
    struct str rest = call->rq->query;
    struct str name;
    struct str value;
    while (sim_form_next(&rest, call->arena, &name, &value)) {
        bool counts = true;
        for (size_t i = 0; i < ARRAY_LEN(left_out) && counts; i++) {
            counts = !str_eq_c(name, left_out[i]);
        }
        if (counts) {
            struct str pair = arena_strf(call->arena, "%.*s=%.*s", STR_ARG(name), STR_ARG(value));
            shape ^= hash_siphash(key, pair); /* in any order */
        }
    }
    return shape >> 1; /* a number of a token is a positive int64 */
}

/* ---- the whole ----------------------------------------------------------------------------- */

static bool read_order(struct g_call *call, struct g_list_query *q)
{
    struct str order = g_query(call, "orderBy");
    if (str_eq_c(order, "startTime")) {
        q->order = G_ORDER_START;
        if (!q->single) {
            g_fail_invalid(call,
                           "The requested ordering is not available for the particular query.",
                           "orderBy");
            return false;
        }
    } else if (str_eq_c(order, "updated")) {
        q->order = G_ORDER_UPDATED;
    } else if (order.len > 0) {
        g_fail_invalid(call, "Invalid value for: orderBy", "orderBy");
        return false;
    }
    return true;
}

static bool read_bounds(struct g_call *call, struct g_list_query *q)
{
    q->time_min = INT64_MIN;
    q->time_max = INT64_MAX;
    if (!read_time(call, "timeMin", &q->time_min) || !read_time(call, "timeMax", &q->time_max)) {
        return false;
    }
    if (q->time_min != INT64_MIN && q->time_max <= q->time_min) {
        g_fail(call,
               &(struct g_error){400, "calendar", "timeRangeEmpty",
                                 "The specified time range is empty.", "parameter", "timeMax"});
        return false;
    }
    if (g_query(call, "updatedMin").len == 0) {
        return true;
    }
    q->since_update = true;
    if (!read_time(call, "updatedMin", &q->updated_min)) {
        return false;
    }
    int64_t oldest = sim_now(call->g->sim) - call->g->modes.updated_min_days * 24 * 3600 * 1000;
    if (q->updated_min < oldest) {
        g_fail(call, &(struct g_error){
                         410, "calendar", "updatedMinTooLongAgo",
                         "The requested minimum modification time lies too far in the past.",
                         "parameter", "updatedMin"});
        return false;
    }
    return true;
}

static bool read_filters(struct g_call *call, struct g_list_query *q)
{
    q->text = g_query(call, "q");
    q->uid = g_query(call, "iCalUID");
    q->zone = g_query(call, "timeZone");
    if (q->zone.len > 0 && !when_zone_known(q->zone)) {
        g_fail_invalid(call, "Invalid time zone.", "timeZone");
        return false;
    }
    int64_t attendees;
    q->max_attendees = str_to_i64(g_query(call, "maxAttendees"), &attendees) ? attendees : -1;
    collect(call, "eventTypes", q->types, &q->type_count);
    collect(call, "privateExtendedProperty", q->private_properties, &q->private_count);
    collect(call, "sharedExtendedProperty", q->shared_properties, &q->shared_count);
    q->tokenless = q->text.len > 0 || q->uid.len > 0 || q->private_count > 0 ||
                   q->shared_count > 0 || q->order != G_ORDER_NONE || q->since_update;
    return true;
}

bool g_list_query_read(struct g_call *call, struct g_calendar *c, struct g_list_query *ret_query)
{
    struct g_list_query q = {
        .calendar = c,
        .role = g_role_of(call->user, c),
        .single = g_query_bool(call, "singleEvents", false),
        .deleted = g_query_bool(call, "showDeleted", false),
        .until_seq = c->seq,
        .shape = shape_of(call),
    };
    struct str sync_token = g_query(call, "syncToken");
    struct str page_token = g_query(call, "pageToken");
    q.incremental = sync_token.len > 0;
    q.only_times = q.role == G_ROLE_FREE_BUSY || (call->scopes & G_SCOPE_ONLY_TIMES) != 0;
    if (!read_size(call, 2500, 250, &q.max_results) ||
        (q.incremental && !read_sync_token(call, &q, sync_token)) || !read_order(call, &q) ||
        !read_bounds(call, &q) || !read_filters(call, &q) ||
        (page_token.len > 0 && !read_page_token(call, &q, page_token))) {
        return false;
    }
    *ret_query = q;
    return true;
}

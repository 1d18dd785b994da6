#include "simulator/google/view.h"

#include "simulator/google/when.h"

static bool is_hidden(const struct g_list_query *q, const struct g_event *e)
{
    struct str visibility = tree_get_str(e->body, "visibility");
    return q->role == G_ROLE_READER &&
           (str_eq_c(visibility, "private") || str_eq_c(visibility, "confidential"));
}

static bool attendees_cut(const struct g_list_query *q, const struct g_event *e)
{
    size_t count = json_array_size(json_object_get(e->body, "attendees"));
    return q->max_attendees >= 0 && count > (size_t)q->max_attendees;
}

bool g_view_is_plain(const struct g_list_query *q, const struct g_event *e)
{
    return !q->only_times && q->zone.len == 0 && !is_hidden(q, e) && !attendees_cut(q, e);
}

static void copy(json_t *to, const json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);
    if (value != NULL) {
        json_object_set(to, key, value);
    }
}

static json_t *without_details(const json_t *body)
{
    static const char *const kept[] = {
        "kind",
        "etag",
        "id",
        "status",
        "htmlLink",
        "created",
        "updated",
        "start",
        "end",
        "recurrence",
        "recurringEventId",
        "originalStartTime",
        "transparency",
        "visibility",
        "iCalUID",
        "sequence",
        "eventType",
    };
    json_t *view = json_object();
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        copy(view, body, kept[i]);
    }
    return view;
}

static void own_attendee_only(json_t *view)
{
    const json_t *all = json_object_get(view, "attendees");
    json_t *own = json_array();
    for (size_t i = 0; i < json_array_size(all); i++) {
        json_t *attendee = json_array_get(all, i);
        if (tree_get_bool(attendee, "self", false)) {
            json_array_append(own, attendee);
        }
    }
    tree_set(view, "attendees", own);
    tree_set_bool(view, "attendeesOmitted", true);
}

static void move_to_zone(json_t *view, const char *zone, const char *calendar_zone)
{
    static const char *const sides[] = {"start", "end", "originalStartTime"};
    for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
        const json_t *side = json_object_get(view, sides[i]);
        struct when when;
        if (when_read(side, calendar_zone, &when) && !when.all_day) {
            json_t *moved = when_tree(&when, zone, tree_get_str(side, "timeZone"));
            tree_set(view, sides[i], moved);
        }
    }
}

json_t *g_view(const struct g_list_query *q, const struct g_event *e, const json_t *body)
{
    bool bare = q->only_times || is_hidden(q, e);
    json_t *view = bare ? without_details(body) : json_copy((json_t *)(uintptr_t)body);
    if (!bare && attendees_cut(q, e)) {
        own_attendee_only(view);
    }
    if (q->zone.len > 0) {
        move_to_zone(view, q->zone.ptr, e->calendar->zone);
    }
    return view;
}

json_t *g_view_tombstone(const struct g_event *e, const json_t *body)
{
    json_t *view = json_object();
    copy(view, body, "kind");
    if (!e->calendar->sparse) {
        copy(view, body, "etag");
    }
    copy(view, body, "id");
    tree_set_c(view, "status", "cancelled");
    if (!e->calendar->sparse) {
        copy(view, body, "recurringEventId");
        copy(view, body, "originalStartTime");
    }
    return view;
}

#include "simulator/google/rules.h"

#include "simulator/google/series.h"
#include "simulator/google/when.h"

bool g_id_valid(struct str id)
{
    for (size_t i = 0; i < id.len; i++) {
        if (!(id.ptr[i] >= '0' && id.ptr[i] <= '9') && !(id.ptr[i] >= 'a' && id.ptr[i] <= 'v')) {
            return false;
        }
    }
    return id.len >= 5 && id.len <= 1024;
}

/* ---- members ------------------------------------------------------------------------------- */

static const char *const writable[] = {
    "status",
    "summary",
    "description",
    "location",
    "colorId",
    "eventLabelId",
    "start",
    "end",
    "recurrence",
    "transparency",
    "visibility",
    "sequence",
    "attendees",
    "attendeesOmitted",
    "extendedProperties",
    "conferenceData",
    "anyoneCanAddSelf",
    "guestsCanInviteOthers",
    "guestsCanModify",
    "guestsCanSeeOtherGuests",
    "reminders",
    "source",
    "attachments",
    "birthdayProperties",
    "focusTimeProperties",
    "outOfOfficeProperties",
    "workingLocationProperties",
};

static const char *const fixed[] = {
    "kind",      "etag",    "id",          "htmlLink",           "created",
    "updated",   "creator", "organizer",   "recurringEventId",   "originalStartTime",
    "iCalUID",   "locked",  "hangoutLink", "endTimeUnspecified", "privateCopy",
    "eventType", "gadget",
};

static bool among(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

void g_unknown_members(const json_t *body, struct buf *out)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)body, key, value)
    {
        if (!among(writable, ARRAY_LEN(writable), key) && !among(fixed, ARRAY_LEN(fixed), key)) {
            buf_add_f(out, "%s%s", out->len > 0 ? " " : "", key);
        }
    }
}

/* ---- merging ------------------------------------------------------------------------------- */

/* Bounded by TREE_MAX_DEPTH, the depth of what was parsed. */
static void merge_value(json_t *object, const char *key, json_t *value)
{
    json_t *there = json_object_get(object, key);
    if (json_is_null(value)) {
        json_object_del(object, key);
    } else if (json_is_object(value)) {
        /* The member is made anew: the old one may be shared with a list that is being answered. */
        json_t *merged = json_is_object(there) ? json_copy(there) : json_object();
        const char *name;
        json_t *part;
        json_object_foreach(value, name, part)
        {
            merge_value(merged, name, part);
        }
        json_object_set_new(object, key, merged);
    } else {
        json_object_set(object, key, value);
    }
}

void g_event_merge(json_t *event, const json_t *patch)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)patch, key, value)
    {
        if (among(writable, ARRAY_LEN(writable), key)) {
            merge_value(event, key, value);
        }
    }
}

void g_event_replace(json_t *event, const json_t *body)
{
    json_t *sequence = json_incref(json_object_get(event, "sequence"));
    for (size_t i = 0; i < ARRAY_LEN(writable); i++) {
        json_object_del(event, writable[i]);
    }
    if (sequence != NULL) {
        json_object_set_new(event, "sequence", sequence);
    }
    tree_set_c(event, "status", "confirmed");
    g_event_merge(event, body);
}

/* ---- settling ------------------------------------------------------------------------------ */

static bool fail(struct g_error *e, const char *reason, const char *message, const char *location)
{
    *e = (struct g_error){
        .status = 400,
        .domain = strcmp(reason, "timeRangeEmpty") == 0 ? "calendar" : "global",
        .reason = reason,
        .message = message,
        .location_type = location != NULL ? "parameter" : NULL,
        .location = location,
    };
    return false;
}

static bool is_set(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value != NULL && !json_is_null(value);
}

static bool settle_times(const struct g_calendar *c, json_t *event, struct g_error *error)
{
    const json_t *start = json_object_get(event, "start");
    const json_t *end = json_object_get(event, "end");
    bool recurring = json_array_size(json_object_get(event, "recurrence")) > 0;
    struct when from;
    struct when to;

    if (!json_is_object(start) || (!is_set(start, "date") && !is_set(start, "dateTime"))) {
        return fail(error, "required", "Missing start time.", NULL);
    }
    if (!json_is_object(end) || (!is_set(end, "date") && !is_set(end, "dateTime"))) {
        return fail(error, "required", "Missing end time.", NULL);
    }
    if (!when_read(start, c->zone, &from)) {
        return fail(error, "invalid", "Invalid start time.", NULL);
    }
    if (!when_read(end, c->zone, &to)) {
        return fail(error, "invalid", "Invalid end time.", NULL);
    }
    if (from.all_day != to.all_day) {
        return fail(error, "invalid",
                    "Start and end times must either both be date or both be dateTime.", NULL);
    }
    if (to.at <= from.at) {
        return fail(error, "timeRangeEmpty", "The specified time range is empty.", "timeMax");
    }
    struct str zone = tree_get_str(start, "timeZone");
    struct str end_zone = tree_get_str(end, "timeZone");
    if (recurring && !from.all_day && zone.len == 0) {
        return fail(error, "required", "Missing time zone definition for start time.", NULL);
    }
    zone = zone.len > 0 ? zone : str_c(c->zone);
    json_t *new_start = when_tree(&from, c->zone, from.all_day ? STR("") : zone);
    json_t *new_end = when_tree(&to, c->zone,
                                from.all_day       ? STR("")
                                : end_zone.len > 0 ? end_zone
                                                   : zone);
    tree_set(event, "start", new_start);
    tree_set(event, "end", new_end);
    return true;
}

static bool settle_recurrence(const struct g_calendar *c, json_t *event, struct g_error *error)
{
    const json_t *lines = json_object_get(event, "recurrence");
    if (lines == NULL) {
        return true;
    }
    if (!json_is_array(lines)) {
        return fail(error, "invalid", "Invalid value for: recurrence", NULL);
    }
    if (json_array_size(lines) == 0) {
        json_object_del(event, "recurrence");
        return true;
    }
    if (is_set(event, "recurringEventId")) {
        return fail(error, "invalid", "An instance cannot have a recurrence.", NULL);
    }
    if (!g_series_valid(event, c->zone)) {
        return fail(error, "invalid", "Invalid recurrence rule.", NULL);
    }
    return true;
}

static bool known_word(struct str word, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (str_eq_c(word, *words)) {
            return true;
        }
    }
    return false;
}

static bool settle_words(json_t *event, struct g_error *error)
{
    static const char *const statuses[] = {"confirmed", "tentative", "cancelled", NULL};
    static const char *const transparencies[] = {"opaque", "transparent", NULL};
    static const char *const visibilities[] = {"default", "public", "private", "confidential",
                                               NULL};
    if (!is_set(event, "status")) {
        tree_set_c(event, "status", "confirmed");
    }
    if (!known_word(tree_get_str(event, "status"), statuses)) {
        return fail(error, "invalid", "Invalid value for: status", NULL);
    }
    if (is_set(event, "transparency") &&
        !known_word(tree_get_str(event, "transparency"), transparencies)) {
        return fail(error, "invalid", "Invalid value for: transparency", NULL);
    }
    if (is_set(event, "visibility") &&
        !known_word(tree_get_str(event, "visibility"), visibilities)) {
        return fail(error, "invalid", "Invalid value for: visibility", NULL);
    }
    return true;
}

static bool settle_attendees(const struct g_calendar *c, json_t *event, struct g_error *error)
{
    static const char *const answers[] = {"needsAction", "declined", "tentative", "accepted", NULL};
    const json_t *list = json_object_get(event, "attendees");
    struct str organizer = tree_get_str(json_object_get(event, "organizer"), "email");
    if (list == NULL) {
        return true;
    }
    if (!json_is_array(list)) {
        return fail(error, "invalid", "Invalid value for: attendees", NULL);
    }
    json_t *settled = json_array();
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *attendee = json_copy(json_array_get(list, i));
        struct str email = tree_get_str(attendee, "email");
        json_array_append_new(settled, attendee);
        if (str_find_char(email, '@') == SIZE_MAX) {
            json_decref(settled);
            return fail(error, "required", "Missing attendee email.", NULL);
        }
        json_object_del(attendee, "self");
        json_object_del(attendee, "organizer");
        if (str_eq_nocase(email, str_c(c->id))) {
            tree_set_bool(attendee, "self", true);
        }
        if (str_eq_nocase(email, organizer)) {
            tree_set_bool(attendee, "organizer", true);
        }
        if (!known_word(tree_get_str(attendee, "responseStatus"), answers)) {
            tree_set_c(attendee, "responseStatus", "needsAction");
        }
    }
    if (json_array_size(settled) == 0) {
        json_object_del(event, "attendees");
        json_decref(settled);
    } else {
        tree_set(event, "attendees", settled);
    }
    return true;
}

static bool settle_properties(const json_t *event, struct g_error *error)
{
    static const char *const maps[] = {"private", "shared"};
    const json_t *properties = json_object_get(event, "extendedProperties");
    size_t count = 0;
    size_t bytes = 0;
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        const char *key;
        json_t *value;
        json_object_foreach(json_object_get(properties, maps[i]), key, value)
        {
            if (!json_is_string(value)) {
                return fail(error, "invalid", "Invalid value for: extendedProperties", NULL);
            }
            count++;
            bytes += strlen(key) + json_string_length(value);
            if (strlen(key) > 44 || json_string_length(value) > 1024) {
                return fail(error, "invalid", "Extended property is too long.", NULL);
            }
        }
    }
    if (count > 300 || bytes > 32768) {
        return fail(error, "invalid", "Too many extended properties.", NULL);
    }
    return true;
}

static bool settle_reminders(json_t *event, struct g_error *error)
{
    const json_t *reminders = json_object_get(event, "reminders");
    const json_t *overrides = json_object_get(reminders, "overrides");
    if (!json_is_object(reminders)) {
        json_t *by_default = json_object();
        tree_set_bool(by_default, "useDefault", true);
        tree_set(event, "reminders", by_default);
        return true;
    }
    if (json_array_size(overrides) > 5) {
        return fail(error, "invalid", "Too many reminders.", NULL);
    }
    for (size_t i = 0; i < json_array_size(overrides); i++) {
        int64_t minutes = tree_get_i64(json_array_get(overrides, i), "minutes", -1);
        if (minutes < 0 || minutes > 40320) {
            return fail(error, "invalid", "Invalid value for: reminders", NULL);
        }
    }
    return true;
}

/* A member with its default value is not kept. */
static void drop_defaults(json_t *event)
{
    static const struct {
        const char *name;
        const char *text; /* NULL: a boolean */
        bool boolean;
    } defaults[] = {
        {"transparency", "opaque", false},
        {"visibility", "default", false},
        {"summary", "", false},
        {"description", "", false},
        {"location", "", false},
        {"colorId", "", false},
        {"guestsCanInviteOthers", NULL, true},
        {"guestsCanModify", NULL, false},
        {"guestsCanSeeOtherGuests", NULL, true},
        {"anyoneCanAddSelf", NULL, false},
        {"attendeesOmitted", NULL, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
        const json_t *value = json_object_get(event, defaults[i].name);
        bool same = defaults[i].text != NULL
                        ? json_is_string(value) && str_eq_c(tree_value_str(value), defaults[i].text)
                        : json_is_boolean(value) && json_is_true(value) == defaults[i].boolean;
        if (same || json_is_null(value)) {
            json_object_del(event, defaults[i].name);
        }
    }
}

static bool same_member(const json_t *a, const json_t *b, const char *key)
{
    json_t *x = json_object_get(a, key);
    json_t *y = json_object_get(b, key);
    return x == y || json_equal(x, y);
}

static bool settle_sequence(const json_t *before, json_t *event, struct g_error *error)
{
    int64_t old = tree_get_i64(before, "sequence", 0);
    int64_t given = tree_get_i64(event, "sequence", old);
    if (given < old) {
        return fail(error, "invalid",
                    "Invalid sequence value. The specified sequence number is below the current "
                    "sequence number of the resource. Re-fetch the resource and use its sequence "
                    "number on the following request.",
                    NULL);
    }
    if (before != NULL && given == old &&
        (!same_member(before, event, "start") || !same_member(before, event, "end") ||
         !same_member(before, event, "recurrence"))) {
        given = old + 1;
    }
    tree_set_i64(event, "sequence", given);
    return true;
}

bool g_event_settle(const struct g_calendar *c, const json_t *before, json_t *event,
                    struct g_error *ret_error)
{
    if (!settle_words(event, ret_error) || !settle_times(c, event, ret_error) ||
        !settle_recurrence(c, event, ret_error) || !settle_attendees(c, event, ret_error) ||
        !settle_properties(event, ret_error) || !settle_reminders(event, ret_error) ||
        !settle_sequence(before, event, ret_error)) {
        return false;
    }
    drop_defaults(event);
    return true;
}

#include "google/mapping.h"

#include "calendar/recurrence.h"

/* Google invites 200 guests at most, and groups are expanded to more. */
#define ATTENDEES_MAX 5000

/* ---- moments -------------------------------------------------------------------------------- */

/* An EventDateTime: `date` xor `dateTime`. The instant is that of the offset; `timeZone` is the
 * event's own and may differ from the offset's, so wall times are never made of the two. */
static bool read_moment(const struct json *value, struct calendar_moment *ret_moment)
{
    struct str date = json_str_or_empty(value, "date");
    struct str time = json_str_or_empty(value, "dateTime");
    struct calendar_moment m = {.set = true, .zone = json_str_or_empty(value, "timeZone")};
    if (date.len > 0 && time.len == 0) {
        m.all_day = true;
        m.zone = (struct str){0}; /* has no meaning here */
        if (!calendar_parse_date(date, &m.date)) {
            return false;
        }
    } else if (date.len > 0 || !calendar_parse_rfc3339(time, &m.at, NULL)) {
        return false;
    }
    *ret_moment = m;
    return true;
}

static enum err_code read_times(const struct json *item, struct calendar_event *e, struct err *err)
{
    const struct json *start = json_get(item, "start");
    const struct json *end = json_get(item, "end");
    bool read = read_moment(start, &e->start) && read_moment(end, &e->end);
    if (read && e->start.all_day == e->end.all_day) {
        bool reversed = e->start.all_day ? calendar_days(e->end.date) < calendar_days(e->start.date)
                                         : e->end.at < e->start.at;
        if (!reversed) {
            return ERR_OK;
        }
        if (e->status != CALENDAR_CANCELLED) {
            return ERR_SET_ACT(err, ERR_RANGE, ERR_ACT_DROP, "the event ends before it starts");
        }
    }
    if (e->status == CALENDAR_CANCELLED) {
        /* A tombstone may be bare; its times say nothing that the series does not. */
        e->start = e->end = (struct calendar_moment){0};
        return ERR_OK;
    }
    const char *what = start == NULL || end == NULL ? "the event has no start or no end"
                                                    : "the event's start or end cannot be read";
    return ERR_SET_ACT(err, ERR_PROTO, ERR_ACT_DROP, "%s", what);
}

static bool parse_stamp(struct str stamp, struct calendar_moment *ret_moment)
{
    struct calendar_moment m = {.set = true};
    struct calendar_wall wall;
    bool utc = false;
    if (stamp.len == 8) {
        m.all_day = true;
        if (!calendar_parse_ical_date(stamp, &m.date)) {
            return false;
        }
    } else if (stamp.len == 16 && calendar_parse_ical_time(stamp, &wall, &utc) && utc) {
        m.at = calendar_wall_seconds(wall) * 1000;
    } else {
        return false;
    }
    *ret_moment = m;
    return true;
}

bool google_instance_id_read(struct str id, struct str *ret_series_id,
                             struct calendar_moment *ret_original_start)
{
    /* From the right: ids of imported events begin with '_', those of split series hold "_R...". */
    size_t at = id.len;
    while (at > 0 && id.ptr[at - 1] != '_') {
        at--;
    }
    struct calendar_moment moment;
    if (at < 2 || !parse_stamp(str_sub(id, at, SIZE_MAX), &moment)) {
        return false;
    }
    *ret_series_id = str_sub(id, 0, at - 1);
    *ret_original_start = moment;
    return true;
}

/* Which occurrence of which series: what is said first, then what the id tells (tombstones may be
 * an id and a status, and dropping those leaves phantoms for ever). */
static enum err_code read_series(const struct json *item, struct calendar_event *e, struct err *err)
{
    e->series_id = json_str_or_empty(item, "recurringEventId");
    const struct json *original = json_get(item, "originalStartTime");
    struct str series_id;
    struct calendar_moment moment;
    if (e->series_id.len > 0 && original != NULL && read_moment(original, &e->original_start)) {
        return ERR_OK;
    }
    if (e->series_id.len == 0 && e->status != CALENDAR_CANCELLED) {
        return ERR_OK; /* whatever its id looks like */
    }
    if (google_instance_id_read(e->id, &series_id, &moment)) {
        e->original_start = moment;
        if (e->series_id.len == 0) {
            e->series_id = series_id;
        }
        return ERR_OK;
    }
    if (e->series_id.len > 0) {
        return ERR_SET_ACT(err, ERR_PROTO, ERR_ACT_DROP,
                           "an occurrence does not say which one it is");
    }
    return ERR_OK;
}

static enum err_code read_recurrence(const struct json *item, struct arena *arena,
                                     struct calendar_event *e, struct err *err)
{
    const struct json *lines = json_get(item, "recurrence");
    if (lines == NULL || lines->kind != JSON_ARRAY || e->series_id.len > 0) {
        return ERR_OK;
    }
    if (lines->count > CALENDAR_LINES_MAX) {
        return ERR_SET_ACT(err, ERR_TOO_BIG, ERR_ACT_DROP, "%u lines of recurrence", lines->count);
    }
    struct str *out = ARENA_ARRAY(arena, struct str, lines->count);
    json_foreach(line, lines)
    {
        if (line->kind != JSON_STRING) {
            return ERR_SET_ACT(err, ERR_PROTO, ERR_ACT_DROP, "a recurrence line is no text");
        }
        out[e->recurrence_count++] = line->text;
    }
    e->recurrence = out;
    return ERR_OK;
}

/* ---- people --------------------------------------------------------------------------------- */

static enum calendar_response response_of(struct str text)
{
    static const struct {
        const char *name;
        enum calendar_response response;
    } names[] = {
        {"accepted", CALENDAR_ACCEPTED},
        {"tentative", CALENDAR_TENTATIVELY},
        {"declined", CALENDAR_DECLINED},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq_c(text, names[i].name)) {
            return names[i].response;
        }
    }
    return CALENDAR_NONE;
}

static bool flag(const struct json *object, const char *key)
{
    bool value = false;
    return json_get_bool(object, key, &value) && value;
}

static struct calendar_attendee read_attendee(const struct json *value)
{
    return (struct calendar_attendee){
        .address = json_str_or_empty(value, "email"),
        .name = json_str_or_empty(value, "displayName"),
        .response = response_of(json_str_or_empty(value, "responseStatus")),
        .optional = flag(value, "optional"),
        .resource = flag(value, "resource"),
        .self = flag(value, "self"),
        .organizer = flag(value, "organizer"),
    };
}

static enum err_code read_people(const struct json *item, struct arena *arena,
                                 struct calendar_event *e, struct err *err)
{
    const struct json *organizer = json_get(item, "organizer");
    if (organizer != NULL && organizer->kind == JSON_OBJECT) {
        e->organizer = read_attendee(organizer);
        e->organizer.organizer = true;
        e->organizer.response = CALENDAR_ORGANIZER;
        e->my_response = e->organizer.self ? CALENDAR_ORGANIZER : CALENDAR_RESPONSE_UNKNOWN;
    }
    e->attendees_omitted = flag(item, "attendeesOmitted");
    const struct json *list = json_get(item, "attendees");
    if (list == NULL || list->kind != JSON_ARRAY) {
        return ERR_OK;
    }
    if (list->count > ATTENDEES_MAX) {
        return ERR_SET_ACT(err, ERR_TOO_BIG, ERR_ACT_DROP, "%u attendees", list->count);
    }
    struct calendar_attendee *out = ARENA_ARRAY(arena, struct calendar_attendee, list->count);
    json_foreach(value, list)
    {
        struct calendar_attendee a = read_attendee(value);
        if (a.self) {
            bool own = a.organizer && a.response == CALENDAR_NONE;
            e->my_response = own ? CALENDAR_ORGANIZER : a.response;
        }
        if (a.address.len == 0) {
            e->attendees_omitted = true; /* one who cannot be named cannot be written back */
            continue;
        }
        out[e->attendee_count++] = a;
    }
    e->attendees = out;
    return ERR_OK;
}

/* ---- the rest ------------------------------------------------------------------------------- */

static enum calendar_status status_of(struct str text)
{
    return str_eq_c(text, "cancelled")   ? CALENDAR_CANCELLED
           : str_eq_c(text, "tentative") ? CALENDAR_TENTATIVE
                                         : CALENDAR_CONFIRMED;
}

static enum calendar_visibility visibility_of(struct str text)
{
    return str_eq_c(text, "public")         ? CALENDAR_PUBLIC
           : str_eq_c(text, "private")      ? CALENDAR_PRIVATE
           : str_eq_c(text, "confidential") ? CALENDAR_CONFIDENTIAL
                                            : CALENDAR_VISIBILITY_DEFAULT;
}

/* The type says more than the transparency, which both special types have by rule. */
static enum calendar_show_as show_as_of(const struct json *item, struct str event_type)
{
    if (str_eq_c(event_type, "outOfOffice")) {
        return CALENDAR_OUT_OF_OFFICE;
    }
    if (str_eq_c(event_type, "workingLocation")) {
        return CALENDAR_WORKING_ELSEWHERE;
    }
    bool transparent = str_eq_c(json_str_or_empty(item, "transparency"), "transparent");
    return transparent ? CALENDAR_FREE : CALENDAR_BUSY;
}

static struct str conference_url_of(const struct json *item)
{
    json_foreach(entry, json_get(json_get(item, "conferenceData"), "entryPoints"))
    {
        struct str uri = json_str_or_empty(entry, "uri");
        if (uri.len > 0 && str_eq_c(json_str_or_empty(entry, "entryPointType"), "video")) {
            return uri;
        }
    }
    return json_str_or_empty(item, "hangoutLink");
}

static void read_texts(const struct json *item, struct calendar_event *e)
{
    e->etag = json_str_or_empty(item, "etag");
    e->ical_uid = json_str_or_empty(item, "iCalUID");
    e->title = json_str_or_empty(item, "summary");
    e->description = json_str_or_empty(item, "description");
    e->location = json_str_or_empty(item, "location");
    e->html_link = json_str_or_empty(item, "htmlLink");
    e->conference_url = conference_url_of(item);
    const struct json *own = json_get(json_get(item, "extendedProperties"), "private");
    e->mark = json_str_or_empty(own, "calfleet");
    e->event_type = json_str_or_empty(item, "eventType");
    if (e->event_type.len == 0) {
        e->event_type = STR("default");
    }
    if (!calendar_parse_rfc3339(json_str_or_empty(item, "updated"), &e->updated_at, NULL)) {
        e->updated_at = 0;
    }
}

enum err_code google_event_read(const struct json *item, struct arena *arena,
                                struct calendar_event *ret_event, struct err *err)
{
    struct calendar_event e = {.id = json_str_or_empty(item, "id")};
    if (e.id.len == 0) {
        return ERR_SET_ACT(err, ERR_PROTO, ERR_ACT_DROP, "an event without an id");
    }
    e.status = status_of(json_str_or_empty(item, "status"));
    e.visibility = visibility_of(json_str_or_empty(item, "visibility"));
    read_texts(item, &e);
    e.show_as = show_as_of(item, e.event_type);
    enum err_code rc = read_times(item, &e, err);
    if (rc == ERR_OK) {
        rc = read_series(item, &e, err);
    }
    if (rc == ERR_OK) {
        rc = read_recurrence(item, arena, &e, err);
    }
    if (rc == ERR_OK) {
        rc = read_people(item, arena, &e, err);
    }
    if (rc == ERR_OK) {
        *ret_event = e;
    }
    return rc;
}

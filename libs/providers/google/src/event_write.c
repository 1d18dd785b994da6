#include "google/mapping.h"

/* Extended properties hold 1,024 characters; ours is a short id. */
#define MARK_MAX_BYTES 1024
/* Ids that a creator may choose: base32hex.  src: events.insert, id */
#define ID_MIN 5
#define ID_MAX 1024
/* iCalendar allows events that take no time, Google answers timeRangeEmpty: the least that a
 * person can see. */
#define LEAST_MS (INT64_C(60) * 1000)

struct writer {
    struct json_writer json;
    const struct provider_put_req *req;
    const struct calendar_event *event;
    bool patch;
};

static bool has(const struct writer *w, enum calendar_field field)
{
    return (w->req->fields & (uint32_t)field) != 0;
}

/* An empty text is cleared by a patch and left out of an insert. */
static void write_text(struct writer *w, enum calendar_field field, const char *key,
                       struct str text)
{
    if (!has(w, field)) {
        return;
    }
    if (text.len > 0) {
        json_member_str(&w->json, key, text);
    } else if (w->patch) {
        json_key(&w->json, key);
        json_put_null(&w->json);
    }
}

/* ---- time ----------------------------------------------------------------------------------- */

/* "GMT-07:00", "UTC+2": offsets that come back from Google at times, and that it does not take. */
static bool is_offset(struct str zone)
{
    return zone.len > 3 && (zone.ptr[3] == '+' || zone.ptr[3] == '-') &&
           (str_starts(zone, STR("GMT")) || str_starts(zone, STR("UTC")));
}

/* Objects merge by key in a patch, so the key of the other kind is cleared: an event that was all
 * day and gets a time would have both otherwise, which is refused. */
static void null_member(struct writer *w, const char *key)
{
    if (w->patch) {
        json_key(&w->json, key);
        json_put_null(&w->json);
    }
}

static void write_moment(struct writer *w, const char *key, const struct calendar_moment *m)
{
    struct buf text;
    buf_init(&text, 64);
    json_key(&w->json, key);
    json_open(&w->json, '{');
    if (m->all_day) {
        calendar_print_date(m->date, &text);
        json_member_str(&w->json, "date", buf_str(&text));
        null_member(w, "dateTime");
        null_member(w, "timeZone");
    } else {
        calendar_print_rfc3339(m->at, &text);
        json_member_str(&w->json, "dateTime", buf_str(&text));
        if (m->zone.len > 0 && !is_offset(m->zone)) {
            json_member_str(&w->json, "timeZone", m->zone);
        } else if (w->event->recurrence_count > 0) {
            json_member_c(&w->json, "timeZone", "UTC"); /* a series must have one */
        }
        null_member(w, "date");
    }
    json_close(&w->json, '}');
    buf_fini(&text);
}

static enum err_code write_time(struct writer *w, struct err *err)
{
    struct calendar_moment start = w->event->start, end = w->event->end;
    if (!has(w, CALENDAR_FIELD_TIME)) {
        return ERR_OK;
    }
    if (!start.set || !end.set || start.all_day != end.all_day) {
        return ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP, "a start and an end of one kind");
    }
    int64_t length =
        start.all_day ? calendar_days(end.date) - calendar_days(start.date) : end.at - start.at;
    if (length < 0) {
        return ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP, "the event ends before it starts");
    }
    if (length == 0 && end.all_day) {
        end.date = calendar_date_of(calendar_days(start.date) + 1);
    } else if (length == 0) {
        end.at = start.at + LEAST_MS;
    }
    write_moment(w, "start", &start);
    write_moment(w, "end", &end);
    return ERR_OK;
}

static void write_recurrence(struct writer *w)
{
    const struct calendar_event *e = w->event;
    /* On an occurrence the key alone is refused. */
    if (!has(w, CALENDAR_FIELD_RECURRENCE) || e->series_id.len > 0) {
        return;
    }
    if (e->recurrence_count == 0) {
        null_member(w, "recurrence");
        return;
    }
    json_key(&w->json, "recurrence");
    json_open(&w->json, '[');
    for (size_t i = 0; i < e->recurrence_count; i++) {
        json_put_str(&w->json, e->recurrence[i]);
    }
    json_close(&w->json, ']');
}

/* ---- people --------------------------------------------------------------------------------- */

static const char *response_name(enum calendar_response response)
{
    switch (response) {
    case CALENDAR_ACCEPTED:
    case CALENDAR_ORGANIZER:
        return "accepted";
    case CALENDAR_TENTATIVELY:
        return "tentative";
    case CALENDAR_DECLINED:
        return "declined";
    case CALENDAR_RESPONSE_UNKNOWN:
    case CALENDAR_NONE:
        break;
    }
    return "needsAction";
}

static void write_attendee(struct writer *w, const struct calendar_attendee *a)
{
    json_open(&w->json, '{');
    json_member_str(&w->json, "email", a->address);
    if (a->name.len > 0) {
        json_member_str(&w->json, "displayName", a->name);
    }
    if (a->optional) {
        json_member_bool(&w->json, "optional", true);
    }
    if (a->resource) {
        json_member_bool(&w->json, "resource", true);
    }
    /* The whole list is replaced: without it a patch would take back everyone's answer. */
    json_member_c(&w->json, "responseStatus", response_name(a->response));
    json_close(&w->json, '}');
}

static enum err_code write_attendees(struct writer *w, struct err *err)
{
    const struct calendar_event *e = w->event;
    if (!has(w, CALENDAR_FIELD_ATTENDEES) || (!w->patch && e->attendee_count == 0)) {
        return ERR_OK;
    }
    if (e->attendees_omitted) {
        return ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP,
                           "a cut list of attendees is never written: it would remove the others");
    }
    json_key(&w->json, "attendees");
    json_open(&w->json, '[');
    for (size_t i = 0; i < e->attendee_count; i++) {
        write_attendee(w, &e->attendees[i]);
    }
    json_close(&w->json, ']');
    return ERR_OK;
}

/* ---- the rest ------------------------------------------------------------------------------- */

static const char *status_name(enum calendar_status status)
{
    return status == CALENDAR_CANCELLED   ? "cancelled"
           : status == CALENDAR_TENTATIVE ? "tentative"
                                          : "confirmed";
}

static const char *visibility_name(enum calendar_visibility visibility)
{
    switch (visibility) {
    case CALENDAR_PUBLIC:
        return "public";
    case CALENDAR_PRIVATE:
        return "private";
    case CALENDAR_CONFIDENTIAL:
        return "confidential";
    case CALENDAR_VISIBILITY_DEFAULT:
        break;
    }
    return "default";
}

static void write_states(struct writer *w)
{
    const struct calendar_event *e = w->event;
    if (has(w, CALENDAR_FIELD_STATUS)) {
        json_member_c(&w->json, "status", status_name(e->status));
    }
    if (has(w, CALENDAR_FIELD_SHOW_AS)) {
        bool free = e->show_as == CALENDAR_FREE || e->show_as == CALENDAR_WORKING_ELSEWHERE;
        json_member_c(&w->json, "transparency", free ? "transparent" : "opaque");
    }
    if (has(w, CALENDAR_FIELD_VISIBILITY)) {
        json_member_c(&w->json, "visibility", visibility_name(e->visibility));
    }
}

static void write_conference(struct writer *w)
{
    if (!w->req->conference) {
        return;
    }
    json_key(&w->json, "conferenceData");
    json_open(&w->json, '{');
    json_key(&w->json, "createRequest");
    json_open(&w->json, '{');
    /* The event's own id: a repeated request with the same id is ignored, so a write in doubt that
     * is sent again makes no second conference. */
    json_member_str(&w->json, "requestId", w->event->id);
    json_key(&w->json, "conferenceSolutionKey");
    json_open(&w->json, '{');
    json_member_c(&w->json, "type", "hangoutsMeet");
    json_close(&w->json, '}');
    json_close(&w->json, '}');
    json_close(&w->json, '}');
}

static void write_mark(struct writer *w)
{
    if (w->req->mark.len == 0) {
        return;
    }
    json_key(&w->json, "extendedProperties");
    json_open(&w->json, '{');
    json_key(&w->json, "private");
    json_open(&w->json, '{');
    json_member_str(&w->json, "calfleet", w->req->mark);
    json_close(&w->json, '}');
    json_close(&w->json, '}');
}

static bool is_chosen_id(struct str id)
{
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'v'))) {
            return false;
        }
    }
    return id.len >= ID_MIN && id.len <= ID_MAX;
}

static enum err_code check(const struct writer *w, struct err *err)
{
    const struct calendar_event *e = w->event;
    if (w->patch ? e->id.len == 0 : e->id.len > 0 && !is_chosen_id(e->id)) {
        return ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP, "an event id that Google does not take");
    }
    if (!w->patch && !has(w, CALENDAR_FIELD_TIME)) {
        return ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP, "an insert needs a start and an end");
    }
    if (w->req->conference && e->id.len == 0) {
        return ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP, "a conference needs a chosen event id");
    }
    if (w->req->mark.len > MARK_MAX_BYTES) {
        return ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP, "a mark of over %d bytes",
                           MARK_MAX_BYTES);
    }
    return ERR_OK;
}

enum err_code google_event_write(const struct provider_put_req *req, struct buf *out,
                                 struct err *err)
{
    struct writer w = {
        .json = {.out = out}, .req = req, .event = req->event, .patch = req->etag.len > 0};
    enum err_code rc = check(&w, err);
    if (rc != ERR_OK) {
        return rc;
    }
    json_open(&w.json, '{');
    if (!w.patch && w.event->id.len > 0) {
        json_member_str(&w.json, "id", w.event->id);
    }
    write_text(&w, CALENDAR_FIELD_TITLE, "summary", w.event->title);
    write_text(&w, CALENDAR_FIELD_DESCRIPTION, "description", w.event->description);
    write_text(&w, CALENDAR_FIELD_LOCATION, "location", w.event->location);
    rc = write_time(&w, err);
    if (rc == ERR_OK) {
        rc = write_attendees(&w, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    write_recurrence(&w);
    write_states(&w);
    write_conference(&w);
    write_mark(&w);
    json_close(&w.json, '}');
    return buf_ok(out, err);
}

/* A command of the ledger is brought to its end.
 *
 * What the provider was told may be in doubt (a lost answer, a process that died): then the event
 * is read by its stable id, and our mark on it says whose it is, before anything is written again.
 */
#include "base/encode.h"
#include "observe/log.h"
#include "observe/metric.h"
#include "runtime/failpoint.h"
#include "scheduler.h"
#include "scheduler/sql.h"

#define TRIES 3 /* at the provider, while somebody waits */
#define PAUSE_MS 300
#define LATER_BASE_MS 2000
#define LATER_MAX_MS 3600000

/* ---- opening -------------------------------------------------------------------------------- */

static struct str or_empty(struct str s)
{
    return s.ptr != NULL ? s : STR("");
}

static void read_row(struct job *j, const struct pg_result *r)
{
    j->kind = pg_get_str(r, 0, 0);
    j->begun = str_eq_c(pg_get_str(r, 0, 1), "begun");
    j->organization = pg_get_uuid(r, 0, 3);
    j->user = pg_get_uuid(r, 0, 4);
    j->connection = pg_get_uuid(r, 0, 5);
    j->meeting = pg_get_uuid(r, 0, 6);
    j->calendar = pg_get_i64(r, 0, 7);
    j->provider_calendar = or_empty(pg_get_str(r, 0, 8));
    j->zone = or_empty(pg_get_str(r, 0, 9));
    j->event_id_at_provider = pg_get_str(r, 0, 10);
    j->was_start = j->starts_at = pg_get_time(r, 0, 11);
    j->was_end = j->ends_at = pg_get_time(r, 0, 12);
    j->recurrence = pg_get_text_array(r, 0, 13, j->arena, &j->recurrence_count);
    j->was_overridden = j->overridden = pg_get_bool(r, 0, 14);
    j->etag = or_empty(pg_get_str(r, 0, 15));
    j->has_event = !pg_is_null(r, 0, 16);
    j->event = pg_get_uuid(r, 0, 16);
    j->has_activity = !pg_is_null(r, 0, 17);
    j->activity = pg_get_uuid(r, 0, 17);
    j->connected = pg_get_bool(r, 0, 18);
    j->start_zone = or_empty(pg_get_str(r, 0, 19));
    j->title = or_empty(pg_get_str(r, 0, 20));
    j->attempts = (int32_t)pg_get_i64(r, 0, 21);
}

static enum err_code read_request(struct job *j, struct str text, struct err *err)
{
    struct buf bytes CLEANUP(buf_fini);
    const struct json *request;
    int64_t type = 0;
    buf_init(&bytes, MESSAGE_MAX_BYTES);
    enum err_code rc = json_parse(j->arena, text, &request, err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (!json_get_i64(request, "type", &type) ||
        !base64_decode(&bytes, json_str_or_empty(request, "message"))) {
        return ERR_SET(err, ERR_INTERNAL, "a command's request is not what we write");
    }
    j->type = (int)type;
    json_get_i64(request, "start_at", &j->starts_at);
    json_get_i64(request, "end_at", &j->ends_at);
    json_get_bool(request, "overridden", &j->overridden);
    return message_decode(j->type, arena_str(j->arena, buf_str(&bytes)), j->arena, &j->m, err);
}

static CO_FN enum err_code open_job(struct job *j, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, j->arena);
    pg_add_uuid(&p, j->id);
    pg_add_i64(&p, j->attempts);
    enum err_code rc = pg_acquire(j->scheduler->parts.pool, co_after(DB_MS), &s, err);
    if (rc == ERR_OK) {
        rc = pg_exec(s, &SQL_COMMAND_OPEN, &p, co_after(DB_MS), j->arena, &r, err);
    }
    if (rc == ERR_OK && pg_row_count(r) == 0) {
        rc = ERR_SET(err, ERR_CONFLICT, "another scheduler carries on");
    }
    if (rc != ERR_OK) {
        return rc;
    }
    read_row(j, r);
    return read_request(j, pg_get_str(r, 0, 2), err);
}

/* ret_begun false: a hold is gone, or somebody else carries on. */
static CO_FN enum err_code begin(struct job *j, bool *ret_begun, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, j->arena);
    pg_add_uuid(&p, j->id);
    pg_add_i64(&p, j->attempts);
    pg_add_i64(&p, ledger_lease_ms(j->scheduler));
    enum err_code rc = pg_acquire(j->scheduler->parts.pool, co_after(DB_MS), &s, err);
    if (rc == ERR_OK) {
        rc = pg_exec(s, &SQL_COMMAND_BEGIN, &p, co_after(DB_MS), j->arena, &r, err);
    }
    if (rc == ERR_OK) {
        *ret_begun = pg_row_count(r) == 1;
    }
    return rc;
}

/* ---- what is sent --------------------------------------------------------------------------- */

static struct calendar_moment moment(int64_t at, struct str zone)
{
    return (struct calendar_moment){.set = true, .at = at, .zone = zone};
}

/* Everyone but the organiser, whose calendar it is. */
static void put_attendees(struct calendar_event *e, const struct plan_people *people,
                          struct uuid organizer, struct arena *arena)
{
    struct calendar_attendee *list = ARENA_ARRAY(arena, struct calendar_attendee, people->len);
    for (size_t i = 0; i < people->len; i++) {
        const struct plan_person *p = &people->ptr[i];
        bool is_organizer = p->is_user && uuid_eq(p->user, organizer);
        if (!is_organizer && p->address.len > 0) {
            list[e->attendee_count++] =
                (struct calendar_attendee){.address = p->address, .response = CALENDAR_NONE};
        }
    }
    e->attendees = list;
}

/* The answers that people gave stay theirs although the list is sent again. */
static void keep_responses(struct calendar_event *e, const struct calendar_event *at_provider,
                           struct arena *arena)
{
    struct calendar_attendee *list =
        ARENA_ARRAY(arena, struct calendar_attendee, e->attendee_count);
    for (size_t i = 0; i < e->attendee_count; i++) {
        list[i] = e->attendees[i];
        for (size_t k = 0; k < at_provider->attendee_count; k++) {
            const struct calendar_attendee *old = &at_provider->attendees[k];
            if (str_eq_nocase(old->address, list[i].address)) {
                list[i] = *old;
            }
        }
    }
    e->attendees = list;
}

static CO_FN enum err_code read_people(struct job *j, struct plan_people *ret_people,
                                       struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    enum err_code rc = pg_acquire(j->scheduler->parts.pool, co_after(DB_MS), &s, err);
    return rc == ERR_OK ? slots_read_people(s, j->meeting, j->arena, ret_people, err) : rc;
}

static CO_FN enum err_code plan_create(struct job *j, struct calendar_event *e,
                                       struct provider_put_req *req, struct err *err)
{
    const struct message_schedule_create *m = &j->m.create;
    struct plan_people people;
    enum err_code rc = read_people(j, &people, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct str zone = MESSAGE_HAS(schedule_create, m, zone) ? m->zone : j->zone;
    *e = (struct calendar_event){.id = j->event_id_at_provider,
                                 .title = m->title,
                                 .description = m->description,
                                 .location = m->location,
                                 .start = moment(j->starts_at, zone),
                                 .end = moment(j->ends_at, zone),
                                 .recurrence = j->recurrence,
                                 .recurrence_count = j->recurrence_count,
                                 .my_response = CALENDAR_ORGANIZER};
    put_attendees(e, &people, j->user, j->arena);
    req->fields = CALENDAR_FIELD_ALL;
    req->conference = MESSAGE_HAS(schedule_create, m, conference) && m->conference;
    req->notify = MESSAGE_HAS(schedule_create, m, notify_attendees) && m->notify_attendees
                      ? PROVIDER_NOTIFY_ALL
                      : PROVIDER_NOTIFY_NONE;
    return ERR_OK;
}

static bool changes_people(const struct message_schedule_change *m)
{
    return MESSAGE_HAS(schedule_change, m, attendee_addresses) ||
           MESSAGE_HAS(schedule_change, m, attendee_users);
}

static CO_FN enum err_code plan_change(struct job *j, struct calendar_event *e,
                                       struct provider_put_req *req, struct err *err)
{
    const struct message_schedule_change *m = &j->m.change;
    struct plan_people people = {0};
    struct str zone = MESSAGE_HAS(schedule_change, m, zone) ? m->zone
                      : j->start_zone.len > 0               ? j->start_zone
                                                            : j->zone;
    *e = (struct calendar_event){.id = j->event_id_at_provider,
                                 .title = m->title,
                                 .description = m->description,
                                 .location = m->location,
                                 .start = moment(j->starts_at, zone),
                                 .end = moment(j->ends_at, zone),
                                 .recurrence_count = j->recurrence_count};
    req->fields = (MESSAGE_HAS(schedule_change, m, title) ? CALENDAR_FIELD_TITLE : 0U) |
                  (MESSAGE_HAS(schedule_change, m, description) ? CALENDAR_FIELD_DESCRIPTION : 0U) |
                  (MESSAGE_HAS(schedule_change, m, location) ? CALENDAR_FIELD_LOCATION : 0U) |
                  (changes_people(m) ? CALENDAR_FIELD_ATTENDEES : 0U);
    if (MESSAGE_HAS(schedule_change, m, start_at) || MESSAGE_HAS(schedule_change, m, end_at) ||
        MESSAGE_HAS(schedule_change, m, zone)) {
        req->fields |= CALENDAR_FIELD_TIME;
    }
    req->notify = MESSAGE_HAS(schedule_change, m, notify_attendees) && m->notify_attendees
                      ? PROVIDER_NOTIFY_ALL
                      : PROVIDER_NOTIFY_NONE;
    if (changes_people(m)) { /* written with the holds, before the provider is told */
        enum err_code rc = read_people(j, &people, err);
        if (rc != ERR_OK) {
            return rc;
        }
        put_attendees(e, &people, j->user, j->arena);
    }
    return ERR_OK;
}

/* ---- at the provider ------------------------------------------------------------------------ */

static int64_t call_deadline(const struct job *j)
{
    return co_after(j->scheduler->conf->provider_timeout);
}

static struct str mark_of(const struct job *j)
{
    char *text = arena_alloc(j->arena, UUID_TEXT_LEN + 1);
    return uuid_print(j->meeting, text);
}

/* Whether the write may have happened, or may go well the next time. */
static bool in_doubt(enum err_code rc)
{
    return rc == ERR_IO || rc == ERR_TIMEOUT || rc == ERR_UNAVAILABLE || rc == ERR_PROTO ||
           rc == ERR_CLOSED;
}

/* Reads the event by its id. ret_there false: it is not there. errs: ERR_EXISTS: it is not ours;
 * ERR_GONE: it was deleted. */
static CO_FN enum err_code read_event(struct job *j, struct calendar_event *ret_event,
                                      bool *ret_there, struct err *err)
{
    enum err_code rc = j->provider->get(j->session, j->provider_calendar, j->event_id_at_provider,
                                        call_deadline(j), j->arena, ret_event, err);
    *ret_there = rc == ERR_OK;
    if (rc == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    if (rc == ERR_OK && !str_eq(ret_event->mark, mark_of(j))) {
        return ERR_SET(err, ERR_EXISTS, "the event of this id is not ours");
    }
    if (rc == ERR_OK && calendar_is_deleted(ret_event)) {
        return ERR_SET(err, ERR_GONE, "the event was deleted at the provider");
    }
    return rc;
}

static CO_FN enum err_code put(struct job *j, const struct provider_put_req *req,
                               struct calendar_event *ret_event, struct err *err)
{
    enum err_code rc = failpoint("schedule.before_put", err);
    if (rc == ERR_OK) {
        rc = j->provider->put(j->session, req, call_deadline(j), j->arena, ret_event, err);
    }
    if (rc == ERR_OK) {
        rc = failpoint("schedule.after_put", err);
    }
    return rc;
}

static CO_FN enum err_code create_event(struct job *j, struct calendar_event *ret_event,
                                        struct err *err)
{
    struct calendar_event wanted;
    struct provider_put_req req = {
        .calendar_id = j->provider_calendar, .event = &wanted, .mark = mark_of(j)};
    bool read_first = j->begun;
    enum err_code rc = plan_create(j, &wanted, &req, err);
    for (int i = 0; rc == ERR_OK && i < TRIES; i++) {
        bool there = false;
        if (read_first) {
            rc = read_event(j, ret_event, &there, err);
        }
        if (rc != ERR_OK || there) {
            return rc;
        }
        rc = put(j, &req, ret_event, err);
        if (rc == ERR_OK || !(in_doubt(rc) || rc == ERR_EXISTS)) {
            return rc;
        }
        read_first = j->begun = true;
        if (i + 1 < TRIES) {
            rc = co_sleep(rc == ERR_EXISTS ? 0 : PAUSE_MS << i, err);
        }
    }
    return rc;
}

static bool same_people(const struct calendar_event *a, const struct calendar_event *b)
{
    if (a->attendee_count != b->attendee_count) {
        return false;
    }
    for (size_t i = 0; i < a->attendee_count; i++) {
        bool found = false;
        for (size_t k = 0; k < b->attendee_count; k++) {
            found = found || str_eq_nocase(a->attendees[i].address, b->attendees[k].address);
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

/* Whether the event is already as it is to be. */
static bool is_done(const struct calendar_event *e, const struct provider_put_req *req)
{
    const struct calendar_event *w = req->event;
    uint32_t f = req->fields;
    return ((f & CALENDAR_FIELD_TITLE) == 0 || str_eq(e->title, w->title)) &&
           ((f & CALENDAR_FIELD_DESCRIPTION) == 0 || str_eq(e->description, w->description)) &&
           ((f & CALENDAR_FIELD_LOCATION) == 0 || str_eq(e->location, w->location)) &&
           ((f & CALENDAR_FIELD_TIME) == 0 ||
            (e->start.at == w->start.at && e->end.at == w->end.at && !e->start.all_day)) &&
           ((f & CALENDAR_FIELD_ATTENDEES) == 0 || same_people(e, w));
}

static CO_FN enum err_code change_event(struct job *j, struct calendar_event *ret_event,
                                        struct err *err)
{
    struct calendar_event wanted;
    struct provider_put_req req = {
        .calendar_id = j->provider_calendar, .event = &wanted, .etag = j->etag, .mark = mark_of(j)};
    enum err_code rc = plan_change(j, &wanted, &req, err);
    bool read_first = j->begun || j->etag.len == 0 || changes_people(&j->m.change);
    for (int i = 0; rc == ERR_OK && i < TRIES; i++) {
        bool there = false;
        if (read_first) {
            rc = read_event(j, ret_event, &there, err);
            if (rc == ERR_OK && !there) {
                rc = ERR_SET(err, ERR_GONE, "the event is not at the provider any more");
            }
            if (rc != ERR_OK || is_done(ret_event, &req)) {
                return rc;
            }
            req.etag = ret_event->etag;
            keep_responses(&wanted, ret_event, j->arena);
        }
        rc = put(j, &req, ret_event, err);
        if (rc == ERR_OK || !(in_doubt(rc) || rc == ERR_CONFLICT)) {
            return rc;
        }
        read_first = true;
        if (i + 1 < TRIES) {
            rc = co_sleep(rc == ERR_CONFLICT ? 0 : PAUSE_MS << i, err);
        }
    }
    return rc;
}

static CO_FN enum err_code remove_event(struct job *j, struct err *err)
{
    const struct message_schedule_cancel *m = &j->m.cancel;
    bool notify = MESSAGE_HAS(schedule_cancel, m, notify_attendees) && m->notify_attendees;
    struct provider_remove_req req = {.calendar_id = j->provider_calendar,
                                      .event_id = j->event_id_at_provider,
                                      .etag = j->etag,
                                      .notify =
                                          notify ? PROVIDER_NOTIFY_ALL : PROVIDER_NOTIFY_NONE};
    enum err_code rc = ERR_OK;
    for (int i = 0; rc == ERR_OK && i < TRIES; i++) {
        struct calendar_event now;
        bool there = false;
        rc = failpoint("schedule.before_put", err);
        if (rc == ERR_OK) {
            rc = j->provider->remove(j->session, &req, call_deadline(j), err);
        }
        if (rc == ERR_OK) {
            return failpoint("schedule.after_put", err);
        }
        if (rc == ERR_GONE) {
            return ERR_OK;
        }
        if (rc == ERR_CONFLICT) {
            rc = read_event(j, &now, &there, err);
            if (rc == ERR_GONE || (rc == ERR_OK && !there)) {
                return ERR_OK;
            }
            req.etag = now.etag;
        } else if (in_doubt(rc) && i + 1 < TRIES) {
            rc = co_sleep(PAUSE_MS << i, err);
        }
    }
    return rc;
}

/* ---- how it ends ---------------------------------------------------------------------------- */

/* What the provider definitely will not do, and how it is told. */
static const struct {
    enum err_code code;
    int status;
    const char *name;
    const char *message;
    bool frees_key; /* what stood in the way may pass */
} refusals[] = {
    {ERR_DENIED, 403, "provider_denied", "The calendar's provider does not allow it", false},
    {ERR_INVALID, 422, "provider_refused", "The calendar's provider refuses it", false},
    {ERR_TOO_BIG, 422, "provider_refused", "The calendar's provider refuses it", false},
    {ERR_UNSUPPORTED, 422, "unsupported", "The calendar's provider cannot do it", false},
    {ERR_NOT_FOUND, 404, "calendar_gone", "The calendar is not at its provider any more", false},
    {ERR_GONE, 410, "gone_at_provider", "The event was deleted at the provider", false},
    {ERR_EXISTS, 409, "foreign_event", "The event at the provider is not ours", false},
    {ERR_AUTH, 409, "reauthorize", "This calendar must be connected again first", true},
};

static CO_FN enum err_code later(struct job *j, const struct err *why, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    struct pg_params p;
    int64_t ms = MIN((int64_t)LATER_BASE_MS << MIN(j->attempts, 11), (int64_t)LATER_MAX_MS);
    j->retry_after_ms = MAX(ms, (int64_t)why->retry_after_ms);
    pg_params_init(&p, j->arena);
    pg_add_uuid(&p, j->id);
    pg_add_i64(&p, j->attempts);
    pg_add_i64(&p, j->retry_after_ms);
    pg_add_text(&p, str_c(why->text));
    metric_inc(METRIC_SCHEDULE_LATER, err_code_name(why->code));
    LOG_WARN("schedule.later", "a command waits for its provider", F_UUID("command", j->id),
             F_I64("attempts", j->attempts), F_ERR(why));
    enum err_code rc = pg_acquire(j->scheduler->parts.pool, co_after(DB_MS), &s, err);
    return rc == ERR_OK ? pg_exec(s, &SQL_COMMAND_LATER, &p, co_after(DB_MS), j->arena, NULL, err)
                        : rc;
}

/* A failure of the provider's, or of a failpoint: refused for good, or later. */
static CO_FN enum err_code end_badly(struct job *j, const struct err *why, struct err *err)
{
    if (why->code == ERR_CANCELED) {
        return err_set_at(err, ERR_CANCELED, ERR_ACT_NONE, why->where, "%s", why->text);
    }
    for (size_t i = 0; i < ARRAY_LEN(refusals) && why->act != ERR_ACT_RETRY; i++) {
        if (refusals[i].code == why->code) {
            bool in_the_dark = j->begun && why->code == ERR_AUTH;
            struct str message = arena_strf(j->arena, "%s: %s.", refusals[i].message, why->text);
            return store_refused(j, in_the_dark ? "abandoned" : "refused", refusals[i].status,
                                 refusals[i].name, message.ptr,
                                 refusals[i].frees_key && !in_the_dark, err);
        }
    }
    return later(j, why, err);
}

static CO_FN enum err_code write_and_store(struct job *j, struct err *err)
{
    struct calendar_event event = {0};
    struct err why = {0};
    bool cancels = str_eq_c(j->kind, "cancel");
    enum err_code rc = cancels                       ? remove_event(j, &why)
                       : str_eq_c(j->kind, "change") ? change_event(j, &event, &why)
                                                     : create_event(j, &event, &why);
    if (rc != ERR_OK) {
        return end_badly(j, &why, err);
    }
    rc = failpoint("schedule.before_store", err);
    if (rc == ERR_OK) {
        rc = cancels ? store_cancelled(j, err) : store_meeting(j, &event, err);
    }
    if (rc == ERR_OK) {
        rc = failpoint("schedule.after_store", err);
    }
    return rc;
}

static CO_FN enum err_code carry_out(struct job *j, struct err *err)
{
    struct access_session *session = ARENA_NEW(j->arena, struct access_session);
    struct err why = {0};
    bool begun = j->begun;
    if (!j->connected) {
        return store_refused(j, begun ? "abandoned" : "refused", 409, "disconnected",
                             "The calendar was disconnected meanwhile.", !begun, err);
    }
    enum err_code rc = access_open(j->scheduler->parts.access, j->connection, j->arena,
                                   call_deadline(j), session, &why);
    if (rc == ERR_NOT_FOUND) {
        return store_refused(j, begun ? "abandoned" : "refused", 409, "disconnected",
                             "The calendar was disconnected meanwhile.", !begun, err);
    }
    if (rc != ERR_OK) {
        return end_badly(j, &why, err);
    }
    session->session.interactive = true;
    j->session = &session->session;
    j->provider = session->provider;
    if (!begun) {
        rc = begin(j, &begun, err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    if (!begun) {
        return store_refused(j, "refused", 409, "hold_expired",
                             "The slot could not be held long enough. Try again.", true, err);
    }
    return write_and_store(j, err);
}

enum err_code settle(struct scheduler *w, struct uuid id, int32_t attempts, struct arena *arena,
                     int *ret_status, struct str *ret_answer, struct err *err)
{
    struct job j = {.scheduler = w, .arena = arena, .id = id, .attempts = attempts};
    enum err_code rc = open_job(&j, err);
    if (rc == ERR_OK) {
        rc = carry_out(&j, err);
    }
    if (rc == ERR_OK) {
        *ret_status = j.status;
        *ret_answer = j.answer;
    }
    return rc;
}

/* How a command ends in Postgres: one transaction for the event's row, its spans, the host's
 * activity, the meeting and the ledger with its answer.
 *
 * Order of locks: command, change counter, events. The command's lock is the fence: of two that
 * bring it to its end, the second finds it finished. */
#include "calendar/series.h"
#include "observe/log.h"
#include "observe/metric.h"
#include "scheduler.h"
#include "scheduler/sql.h"
#include "store/sql.h"

#define PEOPLE_MAX_BYTES (1 << 20)
#define ANSWER_MAX_BYTES ((size_t)64 << 10)
#define PAST_MS (INT64_C(31) * CALENDAR_DAY_MS) /* spans reach back so far, as the sync's */

/* A transaction that ends a command. */
struct ending {
    struct job *j;
    struct pg_session *s;
    int64_t begun_at;
    int64_t stamp; /* 0: the connection is gone */
};

static CO_FN enum err_code exec(struct ending *e, const struct pg_stmt *stmt, struct pg_params *p,
                                const struct pg_result **ret_rows, struct err *err)
{
    return pg_exec(e->s, stmt, p, co_after(DB_MS), e->j->arena, ret_rows, err);
}

static CO_FN enum err_code lock(struct ending *e, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, e->j->arena);
    pg_add_uuid(&p, e->j->id);
    pg_add_i64(&p, e->j->attempts);
    enum err_code rc = exec(e, &SQL_COMMAND_LOCK, &p, &r, err);
    if (rc == ERR_OK && pg_row_count(r) == 0) {
        rc = ERR_SET(err, ERR_CONFLICT, "another scheduler carries on");
    }
    if (rc == ERR_OK) {
        e->begun_at = pg_get_time(r, 0, 0);
    }
    return rc;
}

static CO_FN enum err_code draw_stamp(struct ending *e, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, e->j->arena);
    pg_add_uuid(&p, e->j->connection);
    enum err_code rc = exec(e, &SQL_CONNECTION_NEXT_STAMP, &p, &r, err);
    if (rc == ERR_OK) {
        e->stamp = pg_row_count(r) == 1 ? pg_get_i64(r, 0, 0) : 0;
    }
    return rc;
}

/* ---- the event's row ------------------------------------------------------------------------ */

static struct str null_if_empty(struct str s)
{
    return s.len > 0 ? s : (struct str){0};
}

static void write_person(struct json_writer *w, const struct calendar_attendee *a)
{
    json_open(w, '{');
    json_member_str(w, "email", a->address);
    if (a->name.len > 0) {
        json_member_str(w, "name", a->name);
    }
    if (calendar_response_name(a->response) != NULL) {
        json_member_c(w, "response", calendar_response_name(a->response));
    }
    if (a->optional) {
        json_member_bool(w, "optional", true);
    }
    if (a->resource) {
        json_member_bool(w, "resource", true);
    }
    if (a->self) {
        json_member_bool(w, "self", true);
    }
    json_close(w, '}');
}

/* The form of the sync-worker's rows, which read the same events. */
static struct str people_json(const struct calendar_attendee *people, size_t count, bool list,
                              struct arena *arena)
{
    struct buf out CLEANUP(buf_fini);
    struct json_writer w = {.out = &out};
    buf_init(&out, PEOPLE_MAX_BYTES);
    if (list) {
        json_open(&w, '[');
    }
    for (size_t i = 0; i < count; i++) {
        write_person(&w, &people[i]);
    }
    if (list) {
        json_close(&w, ']');
    }
    return out.failed ? (struct str){0} : arena_str(arena, buf_str(&out));
}

static const struct calendar_zone *zone_of(const struct job *j)
{
    const struct calendar_zone *zone = calendar_zone_utc();
    if (j->zone.len > 0) {
        IGNORE(calendar_zone_find(j->scheduler->zones, j->zone, &zone, NULL)); /* unknown: UTC */
    }
    return zone;
}

static void add_moment(struct pg_params *p, const struct job *j, const struct calendar_moment *m)
{
    pg_add_time(p, m->all_day ? calendar_zone_midnight(zone_of(j), m->date) : m->at);
}

static void add_day(struct pg_params *p, const struct calendar_moment *m)
{
    if (m->all_day) {
        pg_add_date(p, calendar_days(m->date));
    } else {
        pg_add_null(p);
    }
}

static void add_content(struct pg_params *p, const struct job *j, const struct calendar_event *ev)
{
    pg_add_text(p, ev->id);
    pg_add_text(p, null_if_empty(ev->ical_uid));
    pg_add_text(p, null_if_empty(ev->title));
    pg_add_text(p, null_if_empty(ev->description));
    pg_add_text(p, null_if_empty(ev->location));
    add_moment(p, j, &ev->start);
    add_moment(p, j, &ev->end);
    pg_add_text(p, null_if_empty(ev->start.zone));
    pg_add_text(p, null_if_empty(ev->end.zone));
    if (ev->recurrence_count > 0) {
        pg_add_text_array(p, ev->recurrence, ev->recurrence_count);
    } else {
        pg_add_null(p);
    }
}

static void add_state(struct pg_params *p, const struct job *j, const struct calendar_event *ev)
{
    struct arena *arena = j->arena;
    bool organized = ev->organizer.address.len > 0;
    pg_add_text(p, str_c(calendar_status_name(ev->status)));
    pg_add_text(p, str_c(calendar_show_as_name(ev->show_as)));
    pg_add_text(p, str_c(calendar_visibility_name(ev->visibility)));
    pg_add_json(p, organized ? people_json(&ev->organizer, 1, false, arena) : (struct str){0});
    pg_add_json(p, ev->attendee_count > 0
                       ? people_json(ev->attendees, ev->attendee_count, true, arena)
                       : (struct str){0});
    pg_add_text(p, str_c(calendar_response_name(ev->my_response)));
    pg_add_text(p, null_if_empty(ev->conference_url));
    pg_add_text(p, null_if_empty(ev->html_link));
    pg_add_text(p, null_if_empty(ev->etag));
    if (ev->updated_at != 0) {
        pg_add_time(p, ev->updated_at);
    } else {
        pg_add_null(p);
    }
    pg_add_bool(p, ev->start.all_day);
    add_day(p, &ev->start);
    add_day(p, &ev->end);
}

static CO_FN enum err_code write_event(struct ending *e, const struct calendar_event *ev,
                                       struct err *err)
{
    struct job *j = e->j;
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, j->arena);
    if (e->stamp > 0) {
        pg_add_i64(&p, j->calendar);
        pg_add_uuid(&p, j->connection);
    } else { /* kept, as after a disconnect */
        pg_add_null(&p);
        pg_add_null(&p);
    }
    pg_add_uuid(&p, j->organization);
    pg_add_uuid(&p, j->user);
    pg_add_i64(&p, e->stamp);
    pg_add_uuid(&p, j->activity);
    add_content(&p, j, ev);
    add_state(&p, j, ev);
    enum err_code rc = exec(e, &SQL_MEETING_EVENT, &p, &r, err);
    if (rc == ERR_OK) {
        j->event = pg_get_uuid(r, 0, 0);
        j->has_event = true;
    }
    return rc;
}

/* ---- its spans ------------------------------------------------------------------------------ */

/* Occurrences that have rows of their own have their spans there. */
static CO_FN enum err_code read_originals(struct ending *e, const struct pg_result **ret_rows,
                                          struct err *err)
{
    struct pg_params p;
    pg_params_init(&p, e->j->arena);
    pg_add_i64(&p, e->j->calendar);
    pg_add_text(&p, e->j->event_id_at_provider);
    return exec(e, &SQL_MEETING_ORIGINALS, &p, ret_rows, err);
}

static bool is_original(const struct pg_result *r, int64_t at)
{
    for (size_t i = 0; i < pg_row_count(r); i++) {
        if (pg_get_time(r, i, 0) == at) {
            return true;
        }
    }
    return false;
}

static enum err_code expand(struct job *j, const struct calendar_event *ev,
                            struct calendar_occurrence **ret_list, size_t *ret_count,
                            struct err *err)
{
    int64_t now = co_wall_now();
    struct calendar_series series = {.start = ev->start,
                                     .end = ev->end,
                                     .lines = ev->recurrence,
                                     .line_count = ev->recurrence_count,
                                     .zone = zone_of(j),
                                     .zones = j->scheduler->zones};
    if (!ev->start.all_day && ev->start.zone.len > 0) {
        IGNORE(calendar_zone_find(j->scheduler->zones, ev->start.zone, &series.zone,
                                  NULL)); /* unknown: the calendar's */
    }
    return calendar_expand(&series, now - PAST_MS, now + PLAN_HORIZON_MS, j->arena, ret_list,
                           ret_count, err);
}

static CO_FN enum err_code write_spans(struct ending *e, const struct calendar_event *ev,
                                       struct err *err)
{
    struct job *j = e->j;
    const struct pg_result *originals;
    struct calendar_occurrence *list;
    enum calendar_show_as show_as;
    size_t count = 0, n = 0;
    struct pg_params p;
    enum err_code rc = read_originals(e, &originals, err);
    if (rc == ERR_OK) {
        rc = expand(j, ev, &list, &count, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    bool takes =
        calendar_takes_time(ev->status, ev->show_as, ev->my_response, ev->event_type, &show_as);
    struct uuid *events = ARENA_ARRAY(j->arena, struct uuid, count);
    int64_t *starts = ARENA_ARRAY(j->arena, int64_t, count);
    int64_t *ends = ARENA_ARRAY(j->arena, int64_t, count);
    struct str *shows = ARENA_ARRAY(j->arena, struct str, count);
    for (size_t i = 0; takes && i < count; i++) {
        if (list[i].end_at > list[i].start_at && !is_original(originals, list[i].start_at)) {
            events[n] = j->event;
            starts[n] = list[i].start_at;
            ends[n] = list[i].end_at;
            shows[n++] = str_c(calendar_show_as_name(show_as));
        }
    }
    pg_params_init(&p, j->arena);
    pg_add_uuid(&p, j->connection);
    pg_add_i64(&p, j->calendar);
    pg_add_uuid_array(&p, &j->event, NULL, 1);
    pg_add_uuid_array(&p, events, NULL, n);
    pg_add_time_array(&p, starts, NULL, n);
    pg_add_time_array(&p, ends, NULL, n);
    pg_add_text_array(&p, shows, n);
    return exec(e, &SQL_SPAN_REPLACE, &p, NULL, err);
}

/* ---- around it ------------------------------------------------------------------------------ */

static CO_FN enum err_code write_activity(struct ending *e, const struct calendar_event *ev,
                                          struct err *err)
{
    struct job *j = e->j;
    struct pg_params p;
    if (!j->has_activity) {
        j->activity = uuid_random();
        j->has_activity = true;
    }
    pg_params_init(&p, j->arena);
    pg_add_uuid(&p, j->activity);
    pg_add_uuid(&p, j->organization);
    pg_add_uuid(&p, j->user);
    pg_add_text(&p, ev->title.len > 0 ? ev->title : STR(""));
    pg_add_text(&p, null_if_empty(ev->description));
    add_moment(&p, j, &ev->start);
    add_moment(&p, j, &ev->end);
    return exec(e, &SQL_MEETING_ACTIVITY, &p, NULL, err);
}

static CO_FN enum err_code write_ledger(struct ending *e, const char *op, struct str etag,
                                        struct err *err)
{
    struct job *j = e->j;
    struct pg_params p;
    pg_params_init(&p, j->arena);
    pg_add_uuid(&p, j->connection);
    pg_add_i64(&p, j->calendar);
    pg_add_uuid(&p, j->event);
    pg_add_text(&p, j->event_id_at_provider);
    pg_add_text(&p, str_c(op));
    pg_add_i64(&p, e->stamp);
    pg_add_text(&p, null_if_empty(etag));
    pg_add_time(&p, e->begun_at);
    return exec(e, &SQL_MEETING_WRITE, &p, NULL, err);
}

static CO_FN enum err_code write_meeting(struct ending *e, const struct calendar_event *ev,
                                         struct err *err)
{
    struct job *j = e->j;
    struct pg_params p;
    pg_params_init(&p, j->arena);
    pg_add_uuid(&p, j->meeting);
    pg_add_time(&p, j->starts_at);
    pg_add_time(&p, j->ends_at);
    pg_add_bool(&p, j->overridden);
    pg_add_uuid(&p, j->event);
    pg_add_uuid(&p, j->activity);
    pg_add_text(&p, null_if_empty(ev->etag));
    return exec(e, &SQL_MEETING_STORED, &p, NULL, err);
}

static CO_FN enum err_code set_state(struct ending *e, const char *state, struct err *err)
{
    struct pg_params p;
    pg_params_init(&p, e->j->arena);
    pg_add_uuid(&p, e->j->meeting);
    pg_add_text(&p, str_c(state));
    return exec(e, &SQL_MEETING_STATE, &p, NULL, err);
}

/* The answer is what the table gives back, so that the first one and a repetition are the same. */
static CO_FN enum err_code finish(struct ending *e, const char *state, int status,
                                  struct str answer, const char *error, bool frees_key,
                                  struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, e->j->arena);
    pg_add_uuid(&p, e->j->id);
    pg_add_text(&p, str_c(state));
    pg_add_i64(&p, status);
    pg_add_json(&p, answer);
    pg_add_text(&p, str_c(error));
    pg_add_bool(&p, frees_key);
    enum err_code rc = exec(e, &SQL_COMMAND_DONE, &p, &r, err);
    if (rc == ERR_OK) {
        rc = pg_commit(e->s, co_after(DB_MS), err);
    }
    if (rc == ERR_OK) {
        metric_inc(METRIC_SCHEDULE_ENDED, state);
        e->j->status = status;
        e->j->answer = pg_get_str(r, 0, 0);
    }
    return rc;
}

static void put_time(struct json_writer *w, const char *key, int64_t at)
{
    struct buf text CLEANUP(buf_fini);
    buf_init(&text, 64);
    calendar_print_rfc3339(at, &text);
    json_member_str(w, key, buf_str(&text));
}

static struct str meeting_json(const struct job *j, const struct calendar_event *ev)
{
    struct buf out CLEANUP(buf_fini);
    struct json_writer w = {.out = &out};
    buf_init(&out, ANSWER_MAX_BYTES);
    json_open(&w, '{');
    json_member_c(&w, "meeting_id", UUID_C(j->meeting));
    json_member_c(&w, "event_id", UUID_C(j->event));
    json_member_str(&w, "provider_event_id", ev->id);
    json_member_str(&w, "html_link", ev->html_link);
    json_key(&w, "conference_url");
    if (ev->conference_url.len > 0) {
        json_put_str(&w, ev->conference_url);
    } else {
        json_put_null(&w);
    }
    put_time(&w, "start", j->starts_at);
    put_time(&w, "end", j->ends_at);
    json_member_bool(&w, "overridden", j->overridden);
    json_close(&w, '}');
    return arena_str(j->arena, buf_str(&out));
}

/* ---- the ends ------------------------------------------------------------------------------- */

static CO_FN enum err_code open_ending(struct ending *e, struct err *err)
{
    enum err_code rc = pg_acquire(e->j->scheduler->parts.pool, co_after(DB_MS), &e->s, err);
    if (rc == ERR_OK) {
        rc = pg_begin(e->s, PG_READ_COMMITTED, co_after(DB_MS), err);
    }
    return rc == ERR_OK ? lock(e, err) : rc;
}

static CO_FN enum err_code store_in_transaction(struct ending *e, const struct calendar_event *ev,
                                                struct err *err)
{
    bool creates = str_eq_c(e->j->kind, "create");
    enum err_code rc = draw_stamp(e, err);
    if (rc == ERR_OK) {
        rc = write_activity(e, ev, err);
    }
    if (rc == ERR_OK) {
        rc = write_event(e, ev, err);
    }
    if (rc == ERR_OK && e->stamp > 0) {
        rc = write_spans(e, ev, err);
    }
    if (rc == ERR_OK) {
        rc = write_ledger(e, creates ? "create" : "update", ev->etag, err);
    }
    if (rc == ERR_OK) {
        rc = write_meeting(e, ev, err);
    }
    return rc == ERR_OK
               ? finish(e, "done", creates ? 201 : 200, meeting_json(e->j, ev), NULL, false, err)
               : rc;
}

enum err_code store_meeting(struct job *j, const struct calendar_event *event, struct err *err)
{
    struct ending e = {.j = j};
    enum err_code rc = open_ending(&e, err);
    if (rc == ERR_OK) {
        rc = store_in_transaction(&e, event, err);
    }
    pg_release(e.s); /* rolls back what is not committed */
    return rc;
}

static CO_FN enum err_code call_with(struct ending *e, const struct pg_stmt *stmt, struct uuid id,
                                     struct err *err)
{
    struct pg_params p;
    pg_params_init(&p, e->j->arena);
    pg_add_uuid(&p, id);
    return exec(e, stmt, &p, NULL, err);
}

static CO_FN enum err_code cancel_in_transaction(struct ending *e, struct err *err)
{
    struct job *j = e->j;
    enum err_code rc = draw_stamp(e, err);
    if (rc == ERR_OK && j->has_event) {
        rc = write_ledger(e, "delete", STR(""), err);
    }
    if (rc == ERR_OK && j->has_event) {
        rc = call_with(e, &SQL_MEETING_EVENT_OFF, j->event, err);
    }
    if (rc == ERR_OK && j->has_activity) {
        rc = call_with(e, &SQL_MEETING_ACTIVITY_OFF, j->activity, err);
    }
    if (rc == ERR_OK) {
        rc = call_with(e, &SQL_HOLD_DROP, j->meeting, err);
    }
    if (rc == ERR_OK) {
        rc = set_state(e, "cancelled", err);
    }
    struct str answer =
        arena_strf(j->arena, "{\"meeting_id\": \"%s\", \"cancelled\": true}", UUID_C(j->meeting));
    return rc == ERR_OK ? finish(e, "done", 200, answer, NULL, false, err) : rc;
}

enum err_code store_cancelled(struct job *j, struct err *err)
{
    struct ending e = {.j = j};
    enum err_code rc = open_ending(&e, err);
    if (rc == ERR_OK) {
        rc = cancel_in_transaction(&e, err);
    }
    pg_release(e.s);
    return rc;
}

/* A change is taken back: people and slots as they were. Where somebody has taken one meanwhile,
 * both stand, and it is marked. */
static CO_FN enum err_code take_back(struct ending *e, struct err *err)
{
    struct job *j = e->j;
    struct slots slots = {.organization = j->organization,
                          .meeting = j->meeting,
                          .asker = j->user,
                          .overridden = j->was_overridden};
    struct str zone = j->start_zone.len > 0 ? j->start_zone : j->zone;
    size_t count;
    enum err_code rc = call_with(e, &SQL_MEETING_PEOPLE_OFF, j->id, err);
    if (rc == ERR_OK) {
        rc = call_with(e, &SQL_MEETING_PEOPLE_BACK, j->id, err);
    }
    if (rc == ERR_OK) {
        rc = slots_read_people(e->s, j->meeting, j->arena, &slots.people, err);
    }
    if (rc == ERR_OK) {
        rc = plan_times(j->was_start, j->was_end, zone, j->recurrence, j->recurrence_count,
                        j->scheduler->zones, j->arena, &slots.times, err);
    }
    if (rc == ERR_OK) {
        rc = pg_exec_simple(e->s, "SAVEPOINT slots", co_after(DB_MS), err);
    }
    if (rc == ERR_OK) {
        rc = slots_take(e->s, &slots, j->arena, &count, err);
    }
    if (rc == ERR_CONFLICT && slots_are_taken(err)) {
        slots.overridden = true;
        rc = pg_exec_simple(e->s, "ROLLBACK TO SAVEPOINT slots", co_after(DB_MS), err);
        if (rc == ERR_OK) {
            rc = slots_take(e->s, &slots, j->arena, &count, err);
        }
    }
    return rc;
}

static CO_FN enum err_code refuse_in_transaction(struct ending *e, const char *state, int status,
                                                 const char *code, const char *message,
                                                 bool frees_key, struct err *err)
{
    struct job *j = e->j;
    enum err_code rc;
    if (str_eq_c(j->kind, "create") && frees_key) {
        rc = call_with(e, &SQL_MEETING_DELETE, j->meeting, err);
    } else if (str_eq_c(j->kind, "create")) {
        rc = call_with(e, &SQL_HOLD_DROP, j->meeting, err);
        if (rc == ERR_OK) {
            rc = set_state(e, str_eq_c(str_c(state), "abandoned") ? "abandoned" : "failed", err);
        }
    } else {
        rc = str_eq_c(j->kind, "change") ? take_back(e, err) : ERR_OK;
        if (rc == ERR_OK) {
            rc = set_state(e, "confirmed", err);
        }
    }
    return rc == ERR_OK ? finish(e, state, status, command_refusal(j->arena, code, message), code,
                                 frees_key, err)
                        : rc;
}

enum err_code store_refused(struct job *j, const char *state, int status, const char *code,
                            const char *message, bool frees_key, struct err *err)
{
    struct ending e = {.j = j};
    LOG_INFO("schedule.refused", "a command ends without a meeting", F_UUID("command", j->id),
             F_C("state", state), F_C("code", code));
    enum err_code rc = open_ending(&e, err);
    if (rc == ERR_OK) {
        rc = refuse_in_transaction(&e, state, status, code, message, frees_key, err);
    }
    pg_release(e.s);
    return rc;
}

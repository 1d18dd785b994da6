#include "snapshot.h"

#include "freebusy_core/sql.h"

#define POLL_MINUTES 15    /* the host's default */
#define POLL_MINUTES_MIN 5 /* and its range */
#define POLL_MINUTES_MAX 60

/* Columns of snapshot.sql, in its order. */
enum column {
    KIND,
    PERSON,
    ORGANIZATION,
    MAY,
    NOW_AT,
    USER,
    LEVEL,
    CONNECTION,
    ACCOUNT,
    SYNC_ENABLED,
    STATUS,
    COUNTER,
    LISTED_AT,
    ACCOUNT_PARKED_UNTIL,
    CALENDAR,
    PROVIDER_CALENDAR,
    COVERED_FROM,
    COVERED_TO,
    LAST_READ_AT,
    PARKED_UNTIL,
    PARK_REASON,
    WATCHED_UNTIL,
    PUSH_MISSED_AT,
    ERROR_ROWS,
    POLL_MINUTES_COLUMN,
    FROM_AT,
    TO_AT
};

static enum fb_level level_of(struct str name)
{
    return str_eq_c(name, "own")       ? FB_LEVEL_OWN
           : str_eq_c(name, "details") ? FB_LEVEL_DETAILS
           : str_eq_c(name, "spans")   ? FB_LEVEL_SPANS
                                       : FB_LEVEL_NONE;
}

static void take_asker(struct fb_snapshot *snap, const struct pg_result *r, size_t row)
{
    int64_t minutes = pg_get_i64(r, row, POLL_MINUTES_COLUMN);
    minutes = minutes > 0 ? minutes : POLL_MINUTES;
    minutes = MIN(MAX(minutes, (int64_t)POLL_MINUTES_MIN), (int64_t)POLL_MINUTES_MAX);
    snap->has_organization = !pg_is_null(r, row, ORGANIZATION);
    snap->organization = pg_get_uuid(r, row, ORGANIZATION);
    snap->may = pg_get_bool(r, row, MAY);
    snap->now_at = pg_get_time(r, row, NOW_AT);
    snap->interval_ms = minutes * 60000;
}

static struct fb_calendar read_calendar(const struct pg_result *r, size_t row)
{
    struct str reason = pg_get_str(r, row, PARK_REASON);
    return (struct fb_calendar){
        .id = pg_get_i64(r, row, CALENDAR),
        .provider_id = pg_get_str(r, row, PROVIDER_CALENDAR),
        .covered = !pg_is_null(r, row, COVERED_FROM) && !pg_is_null(r, row, COVERED_TO),
        .covered_from = pg_get_time(r, row, COVERED_FROM),
        .covered_to = pg_get_time(r, row, COVERED_TO),
        .last_read_at = pg_get_time(r, row, LAST_READ_AT),
        .parked_until = pg_get_time(r, row, PARKED_UNTIL),
        .parked = reason.len > 0 || !pg_is_null(r, row, PARKED_UNTIL),
        .park_reason = reason.ptr != NULL ? reason : STR(""),
        .watched_until = pg_get_time(r, row, WATCHED_UNTIL),
        .push_missed_at = pg_get_time(r, row, PUSH_MISSED_AT),
        .error_rows = pg_get_i64(r, row, ERROR_ROWS),
    };
}

/* Rows of a person come sorted by connection and calendar; room is that of the rows of the whole
 * result, from which each person and connection takes the next ones. */
struct room {
    struct fb_connection *connections;
    struct fb_calendar *calendars;
    struct calendar_span *holds;
};

static void take_calendar(struct fb_person *person, const struct pg_result *r, size_t row,
                          struct room *room)
{
    if (pg_is_null(r, row, CONNECTION)) {
        return;
    }
    struct uuid id = pg_get_uuid(r, row, CONNECTION);
    size_t n = person->connection_count;
    if (n == 0 || !uuid_eq(person->connections[n - 1].id, id)) {
        struct fb_connection *c = room->connections++;
        *c = (struct fb_connection){
            .id = id,
            .account = pg_get_uuid(r, row, ACCOUNT),
            .enabled = pg_get_bool(r, row, SYNC_ENABLED),
            .active = str_eq_c(pg_get_str(r, row, STATUS), "active"),
            .listed = !pg_is_null(r, row, LISTED_AT),
            .account_parked_until = pg_get_time(r, row, ACCOUNT_PARKED_UNTIL),
            .counter = pg_get_i64(r, row, COUNTER),
        };
        person->connections = n == 0 ? c : person->connections;
        person->connection_count++;
    }
    if (pg_is_null(r, row, CALENDAR)) {
        return;
    }
    struct fb_connection *c = &person->connections[person->connection_count - 1];
    struct fb_calendar *calendar = room->calendars++;
    *calendar = read_calendar(r, row);
    c->calendars = c->calendar_count == 0 ? calendar : c->calendars;
    c->calendar_count++;
}

static void take_hold(struct fb_person *person, const struct pg_result *r, size_t row,
                      struct room *room)
{
    struct calendar_span *hold = room->holds++;
    *hold = (struct calendar_span){.start_at = pg_get_time(r, row, FROM_AT),
                                   .end_at = pg_get_time(r, row, TO_AT),
                                   .show_as = CALENDAR_BUSY};
    person->holds = person->hold_count == 0 ? hold : person->holds;
    person->hold_count++;
}

static enum err_code take_rows(struct fb_snapshot *snap, const struct pg_result *r,
                               struct arena *arena, struct err *err)
{
    size_t rows = pg_row_count(r);
    struct room room = {
        .connections = ARENA_ARRAY(arena, struct fb_connection, rows),
        .calendars = ARENA_ARRAY(arena, struct fb_calendar, rows),
        /* Merging may double them, in place. */
        .holds = ARENA_ARRAY(arena, struct calendar_span, rows),
    };
    for (size_t i = 0; i < rows; i++) {
        struct str kind = pg_get_str(r, i, KIND);
        if (str_eq_c(kind, "asker")) {
            take_asker(snap, r, i);
            continue;
        }
        int64_t number = pg_get_i64(r, i, PERSON);
        if (number < 1 || (size_t)number > snap->person_count) {
            return ERR_SET(err, ERR_INTERNAL, "a row of nobody who was asked for");
        }
        struct fb_person *person = &snap->people[number - 1];
        person->user = pg_get_uuid(r, i, USER);
        person->level = level_of(pg_get_str(r, i, LEVEL));
        if (str_eq_c(kind, "hold")) {
            take_hold(person, r, i, &room);
        } else {
            take_calendar(person, r, i, &room);
        }
    }
    return ERR_OK;
}

static void merge_holds(struct fb_person *person, const struct message_freebusy *q,
                        struct arena *arena)
{
    if (person->hold_count == 0) {
        return;
    }
    struct calendar_span *spans = ARENA_ARRAY(arena, struct calendar_span, 2 * person->hold_count);
    memcpy(spans, person->holds, person->hold_count * sizeof *spans);
    size_t n = calendar_spans_merge(spans, person->hold_count);
    person->holds = spans;
    person->hold_count = calendar_spans_clip(spans, n, q->time_min, q->time_max);
}

static void begin(struct fb_snapshot *snap, const struct message_freebusy *q, struct arena *arena)
{
    *snap = (struct fb_snapshot){.person_count = q->users.len + q->addresses.len};
    snap->people = ARENA_ARRAY(arena, struct fb_person, snap->person_count);
    for (size_t i = 0; i < q->users.len; i++) {
        snap->people[i].user = q->users.ptr[i];
    }
    for (size_t i = 0; i < q->addresses.len; i++) {
        snap->people[q->users.len + i].by_address = true;
        snap->people[q->users.len + i].address = q->addresses.ptr[i];
    }
}

enum err_code fb_snapshot_read(struct pg_session *s, const struct message_caller *caller,
                               const struct message_freebusy *q, int64_t deadline,
                               struct arena *arena, struct fb_snapshot *ret_snapshot,
                               struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, arena);
    pg_add_uuid(&p, caller->user);
    if (MESSAGE_HAS(freebusy, q, organization)) {
        pg_add_uuid(&p, q->organization);
    } else {
        pg_add_null(&p);
    }
    if (MESSAGE_HAS(caller, caller, organization)) {
        pg_add_uuid(&p, caller->organization);
    } else {
        pg_add_null(&p);
    }
    pg_add_uuid_array(&p, q->users.ptr, NULL, q->users.len);
    pg_add_text_array(&p, q->addresses.ptr, q->addresses.len);
    pg_add_time(&p, q->time_min);
    pg_add_time(&p, q->time_max);
    enum err_code rc = pg_exec(s, &SQL_FREEBUSY_SNAPSHOT, &p, deadline, arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct fb_snapshot snap;
    begin(&snap, q, arena);
    rc = take_rows(&snap, r, arena, err);
    if (rc != ERR_OK) {
        return rc;
    }
    for (size_t i = 0; i < snap.person_count; i++) {
        merge_holds(&snap.people[i], q, arena);
    }
    *ret_snapshot = snap;
    return ERR_OK;
}

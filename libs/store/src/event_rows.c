/* Events to columns: one array a column, for INSERT ... SELECT FROM unnest. */
#include "page_int.h"
#include "store/sql.h"
#include "json/write.h"

#define PEOPLE_MAX_BYTES (1 << 20)

/* Times and dates with their nulls. */
struct time_column {
    int64_t *at;
    bool *null;
};
struct date_column {
    int32_t *days;
    bool *null;
};

struct columns {
    struct str *id, *uid, *series, *title, *description, *location, *start_zone, *end_zone;
    struct str *recurrence, *status, *show_as, *visibility, *type, *organizer, *attendees;
    struct str *response, *conference, *link, *etag;
    bool *all_day, *omitted;
    struct time_column original_start, start, end, updated;
    struct date_column original_date, start_date, end_date;
};

static struct time_column new_times(struct arena *arena, size_t n)
{
    return (struct time_column){ARENA_ARRAY(arena, int64_t, n), ARENA_ARRAY(arena, bool, n)};
}

static struct date_column new_dates(struct arena *arena, size_t n)
{
    return (struct date_column){ARENA_ARRAY(arena, int32_t, n), ARENA_ARRAY(arena, bool, n)};
}

static void new_columns(struct columns *c, struct arena *arena, size_t n)
{
    struct str **texts[] = {&c->id,          &c->uid,       &c->series,     &c->title,
                            &c->description, &c->location,  &c->start_zone, &c->end_zone,
                            &c->recurrence,  &c->status,    &c->show_as,    &c->visibility,
                            &c->type,        &c->organizer, &c->attendees,  &c->response,
                            &c->conference,  &c->link,      &c->etag};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        *texts[i] = ARENA_ARRAY(arena, struct str, n);
    }
    c->all_day = ARENA_ARRAY(arena, bool, n);
    c->omitted = ARENA_ARRAY(arena, bool, n);
    c->original_start = new_times(arena, n);
    c->start = new_times(arena, n);
    c->end = new_times(arena, n);
    c->updated = new_times(arena, n);
    c->original_date = new_dates(arena, n);
    c->start_date = new_dates(arena, n);
    c->end_date = new_dates(arena, n);
}

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

static struct str join_lines(const struct str *lines, size_t count, struct arena *arena)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += lines[i].len + 1;
    }
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, len);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_add_char(&out, '\n');
        }
        buf_add(&out, lines[i]);
    }
    return arena_str(arena, buf_str(&out));
}

/* An all-day moment is its date, and midnight in its zone as the instant to sort by. */
static void put_moment(const struct applying *a, const struct calendar_moment *m,
                       struct time_column *at, struct date_column *date, size_t i)
{
    at->null[i] = !m->set;
    date->null[i] = !m->set || !m->all_day;
    if (!m->set) {
        return;
    }
    if (!m->all_day) {
        at->at[i] = m->at;
        return;
    }
    const struct calendar_zone *zone = calendar_zone_utc();
    if (a->c->zone.len > 0) {
        IGNORE(calendar_zone_find(a->zones, a->c->zone, &zone, NULL)); /* unknown: UTC */
    }
    date->days[i] = calendar_days(m->date);
    at->at[i] = calendar_zone_instant(zone, (struct calendar_wall){m->date, 0});
}

static void put_event(const struct applying *a, struct columns *c, const struct calendar_event *e,
                      size_t i)
{
    c->id[i] = e->id;
    c->uid[i] = null_if_empty(e->ical_uid);
    c->series[i] = null_if_empty(e->series_id);
    c->title[i] = null_if_empty(e->title);
    c->description[i] = null_if_empty(e->description);
    c->location[i] = null_if_empty(e->location);
    c->start_zone[i] = null_if_empty(e->start.zone);
    c->end_zone[i] = null_if_empty(e->end.zone);
    if (e->recurrence_count > 0) {
        c->recurrence[i] = join_lines(e->recurrence, e->recurrence_count, a->arena);
    }
    c->status[i] = str_c(calendar_status_name(e->status));
    c->show_as[i] = str_c(calendar_show_as_name(e->show_as));
    c->visibility[i] = str_c(calendar_visibility_name(e->visibility));
    c->type[i] = e->event_type.len > 0 ? e->event_type : STR("default");
    if (e->organizer.address.len > 0) {
        c->organizer[i] = people_json(&e->organizer, 1, false, a->arena);
    }
    if (e->attendee_count > 0) {
        c->attendees[i] = people_json(e->attendees, e->attendee_count, true, a->arena);
    }
    c->omitted[i] = e->attendees_omitted;
    c->response[i] = str_c(calendar_response_name(e->my_response));
    c->conference[i] = null_if_empty(e->conference_url);
    c->link[i] = null_if_empty(e->html_link);
    c->etag[i] = null_if_empty(e->etag);
    c->all_day[i] = e->start.set && e->start.all_day;
    put_moment(a, &e->original_start, &c->original_start, &c->original_date, i);
    put_moment(a, &e->start, &c->start, &c->start_date, i);
    put_moment(a, &e->end, &c->end, &c->end_date, i);
    c->updated.at[i] = e->updated_at;
    c->updated.null[i] = e->updated_at == 0;
}

static void add_times(struct pg_params *p, const struct time_column *c, size_t n)
{
    pg_add_time_array(p, c->at, c->null, n);
}

static void add_dates(struct pg_params *p, const struct date_column *c, size_t n)
{
    pg_add_date_array(p, c->days, c->null, n);
}

static void add_columns(struct pg_params *p, const struct columns *c, size_t n)
{
    pg_add_text_array(p, c->id, n);
    pg_add_text_array(p, c->uid, n);
    pg_add_text_array(p, c->series, n);
    add_times(p, &c->original_start, n);
    add_dates(p, &c->original_date, n);
    pg_add_text_array(p, c->title, n);
    pg_add_text_array(p, c->description, n);
    pg_add_text_array(p, c->location, n);
    add_times(p, &c->start, n);
    add_times(p, &c->end, n);
    pg_add_bool_array(p, c->all_day, NULL, n);
    add_dates(p, &c->start_date, n);
    add_dates(p, &c->end_date, n);
    pg_add_text_array(p, c->start_zone, n);
    pg_add_text_array(p, c->end_zone, n);
    pg_add_text_array(p, c->recurrence, n);
    pg_add_text_array(p, c->status, n);
    pg_add_text_array(p, c->show_as, n);
    pg_add_text_array(p, c->visibility, n);
    pg_add_text_array(p, c->type, n);
    pg_add_jsonb_array(p, c->organizer, n);
    pg_add_jsonb_array(p, c->attendees, n);
    pg_add_bool_array(p, c->omitted, NULL, n);
    pg_add_text_array(p, c->response, n);
    pg_add_text_array(p, c->conference, n);
    pg_add_text_array(p, c->link, n);
    pg_add_text_array(p, c->etag, n);
    add_times(p, &c->updated, n);
}

static enum err_code upsert_batch(struct applying *a, const struct calendar_event **events,
                                  size_t n, struct stored_event *ret_stored, struct err *err)
{
    struct columns *c = ARENA_NEW(a->arena, struct columns);
    const struct pg_result *r;
    struct pg_params p;
    struct map places CLEANUP(map_fini);

    map_init(&places);
    new_columns(c, a->arena, n);
    for (size_t i = 0; i < n; i++) {
        put_event(a, c, events[i], i);
        ret_stored[i] = (struct stored_event){.event = events[i]};
        map_put(&places, events[i]->id, &ret_stored[i]);
    }
    pg_params_init(&p, a->arena);
    pg_add_i64(&p, a->c->id);
    pg_add_uuid(&p, a->c->connection);
    pg_add_uuid(&p, a->c->organization);
    pg_add_uuid(&p, a->c->user);
    pg_add_i64(&p, a->stamp);
    pg_add_i64(&p, a->page->mark);
    pg_add_i64(&p, a->c->generation);
    add_columns(&p, c, n);
    enum err_code rc = pg_exec(a->s, &SQL_EVENT_UPSERT, &p, a->deadline, a->arena, &r, err);
    for (size_t i = 0; rc == ERR_OK && i < pg_row_count(r); i++) {
        struct stored_event *stored = map_find(&places, pg_get_str(r, i, 1));
        BUG_ON(stored == NULL);
        stored->row = pg_get_uuid(r, i, 0);
    }
    return rc;
}

enum err_code store_events_upsert(struct applying *a, const struct calendar_event **events,
                                  size_t count, struct stored_event *ret_stored, struct err *err)
{
    for (size_t i = 0; i < count; i += STORE_BATCH) {
        enum err_code rc =
            upsert_batch(a, events + i, MIN(count - i, (size_t)STORE_BATCH), ret_stored + i, err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    return ERR_OK;
}

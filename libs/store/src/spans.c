/* Occurrence spans: what free/busy reads instead of recurrence rules. */
#include "calendar/series.h"
#include "page_int.h"
#include "store/sql.h"

#define SERIES_BATCH 100

/* New spans of some events, on their way into one statement. */
struct span_rows {
    VEC(struct uuid) replaced; /* events whose spans are replaced */
    VEC(struct uuid) event;
    VEC(int64_t) start;
    VEC(int64_t) end;
    VEC(struct str) show_as;
};

static void free_rows(struct span_rows *rows)
{
    vec_fini(&rows->replaced);
    vec_fini(&rows->event);
    vec_fini(&rows->start);
    vec_fini(&rows->end);
    vec_fini(&rows->show_as);
}

static void add_span(struct span_rows *rows, struct uuid event, struct calendar_span span)
{
    vec_push(&rows->event, event);
    vec_push(&rows->start, span.start_at);
    vec_push(&rows->end, span.end_at);
    vec_push(&rows->show_as, str_c(calendar_show_as_name(span.show_as)));
}

static enum err_code write_rows(struct applying *a, const struct span_rows *rows, struct err *err)
{
    struct pg_params p;
    if (rows->replaced.len == 0) {
        return ERR_OK;
    }
    pg_params_init(&p, a->arena);
    pg_add_uuid(&p, a->c->connection);
    pg_add_i64(&p, a->c->id);
    pg_add_uuid_array(&p, rows->replaced.ptr, NULL, rows->replaced.len);
    pg_add_uuid_array(&p, rows->event.ptr, NULL, rows->event.len);
    pg_add_time_array(&p, rows->start.ptr, NULL, rows->start.len);
    pg_add_time_array(&p, rows->end.ptr, NULL, rows->end.len);
    pg_add_text_array(&p, rows->show_as.ptr, rows->show_as.len);
    return pg_exec(a->s, &SQL_SPAN_REPLACE, &p, a->deadline, a->arena, NULL, err);
}

static const struct calendar_zone *zone_of(struct applying *a, struct str name)
{
    const struct calendar_zone *zone;
    if (name.len > 0 && calendar_zone_find(a->zones, name, &zone, NULL) == ERR_OK) {
        return zone;
    }
    return calendar_zone_utc();
}

enum err_code store_spans_single(struct applying *a, const struct stored_event *events,
                                 size_t count, struct err *err)
{
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < count; i += STORE_BATCH) {
        struct span_rows rows = {0};
        for (size_t k = i; k < MIN(count, i + STORE_BATCH); k++) {
            const struct calendar_event *e = events[k].event;
            struct calendar_span span;
            if (uuid_is_nil(events[k].row) || e->series_id.len > 0 || calendar_is_master(e)) {
                continue;
            }
            vec_push(&rows.replaced, events[k].row);
            struct calendar_instance instance = {.event = e};
            if (!e->start.set || !e->end.set) {
                continue;
            }
            instance.occurrence = calendar_single(&e->start, &e->end, zone_of(a, a->c->zone));
            if (calendar_instance_span(&instance, &span)) {
                add_span(&rows, events[k].row, span);
            }
        }
        rc = write_rows(a, &rows, err);
        free_rows(&rows);
    }
    return rc;
}

/* ---- series ---------------------------------------------------------------------------------- */

/* A row of event/series.sql. */
struct series_row {
    struct calendar_event event; /* what expansion reads */
    struct uuid row;
};

static struct calendar_moment moment_of(const struct pg_result *r, size_t i, size_t at_column,
                                        size_t date_column)
{
    struct calendar_moment m = {.zone = STR("")};
    m.set = !pg_is_null(r, i, at_column);
    m.all_day = !pg_is_null(r, i, date_column);
    if (m.all_day) {
        m.date = calendar_date_of(pg_get_date(r, i, date_column));
    }
    m.at = pg_get_time(r, i, at_column);
    return m;
}

static struct str empty_if_null(struct str s)
{
    return s.ptr != NULL ? s : STR("");
}

static struct series_row read_row(const struct pg_result *r, size_t i, struct arena *arena)
{
    struct series_row row = {.row = pg_get_uuid(r, i, 0)};
    struct calendar_event *e = &row.event;
    e->id = pg_get_str(r, i, 1);
    e->series_id = empty_if_null(pg_get_str(r, i, 2));
    e->original_start = moment_of(r, i, 3, 4);
    e->start = moment_of(r, i, 5, 8);
    e->end = moment_of(r, i, 6, 9);
    e->start.zone = empty_if_null(pg_get_str(r, i, 10));
    e->recurrence = pg_get_text_array(r, i, 11, arena, &e->recurrence_count);
    /* Texts of the database are of sets that it checks, so they parse. */
    (void)calendar_status_parse(pg_get_str(r, i, 12), &e->status);
    (void)calendar_show_as_parse(pg_get_str(r, i, 13), &e->show_as);
    if (!pg_is_null(r, i, 14)) {
        (void)calendar_response_parse(pg_get_str(r, i, 14), &e->my_response);
    }
    e->event_type = empty_if_null(pg_get_str(r, i, 15));
    return row;
}

/* A series that cannot be expanded is shown as such, and has no spans: free/busy says so. */
static enum err_code mark_bad(struct applying *a, const struct series_row *master,
                              const struct err *why, struct err *err)
{
    struct pg_params p;
    struct str reason = arena_strf(a->arena, "recurrence: %s", why->text);
    pg_params_init(&p, a->arena);
    pg_add_i64(&p, a->c->id);
    pg_add_uuid(&p, a->c->connection);
    pg_add_uuid(&p, a->c->organization);
    pg_add_uuid(&p, a->c->user);
    pg_add_i64(&p, a->stamp);
    pg_add_i64(&p, a->stamp);
    pg_add_i64(&p, a->c->generation);
    pg_add_text_array(&p, &master->event.id, 1);
    pg_add_text_array(&p, &reason, 1);
    a->result.bad++;
    return pg_exec(a->s, &SQL_EVENT_BAD, &p, a->deadline, a->arena, NULL, err);
}

/* rows[0..n): one series, the master first where it is known. */
static enum err_code expand_series(struct applying *a, const struct series_row *rows, size_t n,
                                   struct span_rows *out, struct err *err)
{
    const struct calendar_event **exceptions =
        ARENA_ARRAY(a->arena, const struct calendar_event *, n);
    struct calendar_instance *instances;
    size_t count = 0;
    struct err why;
    bool has_master = rows[0].event.series_id.len == 0;
    struct calendar_series_rows series = {
        .master = has_master ? &rows[0].event : NULL, .zone = a->c->zone, .zones = a->zones};

    for (size_t i = 0; i < n; i++) {
        vec_push(&out->replaced, rows[i].row);
        if (rows[i].event.series_id.len > 0) {
            exceptions[series.exception_count++] = &rows[i].event;
        }
    }
    series.exceptions = exceptions;
    if (has_master && (!rows[0].event.start.set || !rows[0].event.end.set)) {
        return ERR_OK; /* times withheld: nothing to expand */
    }
    if (calendar_series_instances(&series, a->page->covered_from, a->page->covered_to, a->arena,
                                  &instances, &count, &why) != ERR_OK) {
        return has_master ? mark_bad(a, &rows[0], &why, err) : ERR_OK;
    }
    for (size_t i = 0; i < count; i++) {
        struct calendar_span span;
        const struct series_row *row = CONTAINER_OF(instances[i].event, struct series_row, event);
        if (calendar_instance_span(&instances[i], &span)) {
            add_span(out, row->row, span);
        }
    }
    return ERR_OK;
}

static struct str series_of(const struct series_row *row)
{
    return row->event.series_id.len > 0 ? row->event.series_id : row->event.id;
}

static enum err_code series_batch(struct applying *a, const struct str *ids, size_t count,
                                  struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    struct span_rows out = {0};
    pg_params_init(&p, a->arena);
    pg_add_i64(&p, a->c->id);
    pg_add_text_array(&p, ids, count);
    enum err_code rc = pg_exec(a->s, &SQL_EVENT_SERIES, &p, a->deadline, a->arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    size_t n = pg_row_count(r);
    struct series_row *rows = ARENA_ARRAY(a->arena, struct series_row, n);
    for (size_t i = 0; i < n; i++) {
        rows[i] = read_row(r, i, a->arena);
    }
    for (size_t i = 0; rc == ERR_OK && i < n;) {
        size_t end = i + 1;
        while (end < n && str_eq(series_of(&rows[end]), series_of(&rows[i]))) {
            end++;
        }
        rc = expand_series(a, rows + i, end - i, &out, err);
        i = end;
    }
    if (rc == ERR_OK) {
        rc = write_rows(a, &out, err);
    }
    free_rows(&out);
    return rc;
}

enum err_code store_spans_series(struct applying *a, const struct str *ids, size_t count,
                                 struct err *err)
{
    for (size_t i = 0; i < count; i += SERIES_BATCH) {
        enum err_code rc = series_batch(a, ids + i, MIN(count - i, (size_t)SERIES_BATCH), err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    return ERR_OK;
}

/* ---- the window moves on ----------------------------------------------------------------------
 */

static enum err_code next_masters(struct applying *a, struct str after, struct str **ret_ids,
                                  size_t *ret_count, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, a->arena);
    pg_add_i64(&p, a->c->id);
    pg_add_text(&p, after);
    pg_add_i64(&p, SERIES_BATCH);
    enum err_code rc = pg_exec(a->s, &SQL_EVENT_MASTERS, &p, a->deadline, a->arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    size_t n = pg_row_count(r);
    struct str *ids = ARENA_ARRAY(a->arena, struct str, n);
    for (size_t i = 0; i < n; i++) {
        ids[i] = pg_get_str(r, i, 0);
    }
    *ret_ids = ids;
    *ret_count = n;
    return ERR_OK;
}

static enum err_code slide_batch(struct applying *a, struct str after, struct str *ret_last,
                                 struct err *err)
{
    struct str *ids;
    size_t n = 0;
    const struct pg_result *r;
    struct pg_params p;
    enum err_code rc = pg_begin(a->s, PG_READ_COMMITTED, a->deadline, err);
    if (rc == ERR_OK) { /* the counter's lock keeps other writers of this connection out */
        pg_params_init(&p, a->arena);
        pg_add_uuid(&p, a->c->connection);
        rc = pg_exec(a->s, &SQL_CONNECTION_NEXT_STAMP, &p, a->deadline, a->arena, &r, err);
    }
    if (rc == ERR_OK) {
        a->stamp = pg_row_count(r) > 0 ? pg_get_i64(r, 0, 0) : 0;
        rc = next_masters(a, after, &ids, &n, err);
    }
    if (rc == ERR_OK) {
        rc = store_spans_series(a, ids, n, err);
    }
    if (rc == ERR_OK) {
        rc = pg_commit(a->s, a->deadline, err);
    }
    if (rc == ERR_OK) {
        *ret_last = n > 0 ? ids[n - 1] : STR("");
    } else if (pg_in_transaction(a->s)) {
        IGNORE(pg_rollback(a->s, a->deadline, NULL)); /* else the session is dropped */
    }
    return rc;
}

enum err_code store_spans_slide(struct pg_session *s, struct calendar_zones *zones,
                                const struct store_calendar *c, int64_t from_at, int64_t to_at,
                                int64_t deadline, struct arena *arena, struct err *err)
{
    struct store_page window = {.covered_from = from_at, .covered_to = to_at};
    struct applying a = {
        .s = s, .zones = zones, .c = c, .page = &window, .deadline = deadline, .arena = arena};
    struct str after = STR("");
    struct pg_params p;
    do {
        struct str last;
        enum err_code rc = slide_batch(&a, after, &last, err);
        if (rc != ERR_OK) {
            return rc;
        }
        after = last;
    } while (after.len > 0);
    pg_params_init(&p, arena);
    pg_add_i64(&p, c->id);
    pg_add_time(&p, from_at);
    pg_add_time(&p, to_at);
    return pg_exec(s, &SQL_CALENDAR_COVER, &p, deadline, arena, NULL, err);
}

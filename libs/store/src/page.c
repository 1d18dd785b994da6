#include "page_int.h"
#include "runtime/failpoint.h"
#include "store/sql.h"

/* What is stored of one event of the page. */
struct known {
    struct str etag;
    int64_t stamp;
    bool deleted; /* a tombstone */
    bool bad;     /* sync_status 'error' */
    bool cancelled;
};

/* What is to be done, by event. */
struct plan {
    VEC(const struct calendar_event *) write;
    VEC(struct str) remove;
    VEC(struct str) seen; /* unchanged, in a full read */
};

static void free_plan(struct plan *plan)
{
    vec_fini(&plan->write);
    vec_fini(&plan->remove);
    vec_fini(&plan->seen);
}

/* Live rows win over tombstones of the same id. */
static enum err_code read_known(struct applying *a, struct map *known, struct err *err)
{
    size_t n = a->page->event_count;
    const struct pg_result *r;
    struct pg_params p;
    struct str *ids = ARENA_ARRAY(a->arena, struct str, n);
    for (size_t i = 0; i < n; i++) {
        ids[i] = a->page->events[i].id;
    }
    pg_params_init(&p, a->arena);
    pg_add_i64(&p, a->c->id);
    pg_add_text_array(&p, ids, n);
    enum err_code rc = pg_exec(a->s, &SQL_EVENT_STATES, &p, a->deadline, a->arena, &r, err);
    for (size_t i = 0; rc == ERR_OK && i < pg_row_count(r); i++) {
        struct known *k = ARENA_NEW(a->arena, struct known);
        struct str etag = pg_get_str(r, i, 2);
        *k = (struct known){.etag = etag.ptr != NULL ? etag : STR(""),
                            .stamp = pg_get_i64(r, i, 3),
                            .deleted = pg_get_bool(r, i, 4),
                            .bad = str_eq_c(pg_get_str(r, i, 5), "error"),
                            .cancelled = str_eq_c(pg_get_str(r, i, 6), "cancelled")};
        struct known *before = map_find(known, pg_get_str(r, i, 0));
        if (before == NULL || before->deleted) {
            map_put(known, pg_get_str(r, i, 0), k);
        }
    }
    return rc;
}

static bool is_same(const struct known *k, const struct calendar_event *e)
{
    if (e->etag.len == 0) { /* sparse: only that it is cancelled can be told */
        return k->cancelled && e->status == CALENDAR_CANCELLED;
    }
    return !k->bad && str_eq(k->etag, e->etag);
}

static void plan_event(struct applying *a, const struct map *known, const struct calendar_event *e,
                       struct plan *plan)
{
    const struct known *k = map_find(known, e->id);
    bool there = k != NULL && !k->deleted;

    if (there && !calendar_is_deleted(e) && is_same(k, e)) {
        a->result.unchanged++;
        if (a->c->full_read) {
            vec_push(&plan->seen, e->id);
        }
        return;
    }
    if (k != NULL && k->stamp > a->page->mark) {
        vec_push(&a->reread, arena_str(a->arena, e->id));
        return;
    }
    if (!calendar_is_deleted(e)) {
        vec_push(&plan->write, e);
    } else if (there) {
        vec_push(&plan->remove, e->id);
    } else {
        a->result.unchanged++; /* deleted, and never known here */
    }
}

static void note_series(struct applying *a, struct str id)
{
    map_put(&a->series, id, a);
}

static enum err_code write_events(struct applying *a, const struct plan *plan, struct err *err)
{
    size_t n = plan->write.len;
    struct stored_event *stored = ARENA_ARRAY(a->arena, struct stored_event, n);
    enum err_code rc = store_events_upsert(a, plan->write.ptr, n, stored, err);
    for (size_t i = 0; rc == ERR_OK && i < n; i++) {
        const struct calendar_event *e = stored[i].event;
        if (uuid_is_nil(stored[i].row)) {
            vec_push(&a->reread, arena_str(a->arena, e->id));
            continue;
        }
        a->result.changed++;
        if (e->series_id.len > 0 || calendar_is_master(e)) {
            note_series(a, e->series_id.len > 0 ? e->series_id : e->id);
        }
    }
    return rc == ERR_OK ? store_spans_single(a, stored, n, err) : rc;
}

static enum err_code remove_events(struct applying *a, const struct plan *plan, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    if (plan->remove.len == 0) {
        return ERR_OK;
    }
    pg_params_init(&p, a->arena);
    pg_add_i64(&p, a->c->id);
    pg_add_text_array(&p, plan->remove.ptr, plan->remove.len);
    pg_add_i64(&p, a->page->mark);
    enum err_code rc = pg_exec(a->s, &SQL_EVENT_REMOVE, &p, a->deadline, a->arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    a->result.removed += pg_row_count(r);
    for (size_t i = 0; i < pg_row_count(r); i++) {
        if (!pg_is_null(r, i, 2)) {
            note_series(a, pg_get_str(r, i, 2));
        }
    }
    return ERR_OK;
}

static enum err_code mark_seen(struct applying *a, const struct plan *plan, struct err *err)
{
    struct pg_params p;
    if (plan->seen.len == 0) {
        return ERR_OK;
    }
    pg_params_init(&p, a->arena);
    pg_add_i64(&p, a->c->id);
    pg_add_text_array(&p, plan->seen.ptr, plan->seen.len);
    pg_add_i64(&p, a->c->generation);
    return pg_exec(a->s, &SQL_EVENT_SEEN, &p, a->deadline, a->arena, NULL, err);
}

static enum err_code write_bad(struct applying *a, struct err *err)
{
    size_t n = a->page->bad_count;
    struct pg_params p;
    if (n == 0) {
        return ERR_OK;
    }
    struct str *ids = ARENA_ARRAY(a->arena, struct str, n);
    struct str *reasons = ARENA_ARRAY(a->arena, struct str, n);
    for (size_t i = 0; i < n; i++) {
        ids[i] = a->page->bad[i].id;
        reasons[i] = a->page->bad[i].reason;
    }
    pg_params_init(&p, a->arena);
    pg_add_i64(&p, a->c->id);
    pg_add_uuid(&p, a->c->connection);
    pg_add_uuid(&p, a->c->organization);
    pg_add_uuid(&p, a->c->user);
    pg_add_i64(&p, a->stamp);
    pg_add_i64(&p, a->page->mark);
    pg_add_i64(&p, a->c->generation);
    pg_add_text_array(&p, ids, n);
    pg_add_text_array(&p, reasons, n);
    a->result.bad += n;
    return pg_exec(a->s, &SQL_EVENT_BAD, &p, a->deadline, a->arena, NULL, err);
}

static enum err_code compute_series(struct applying *a, struct err *err)
{
    struct str *ids = ARENA_ARRAY(a->arena, struct str, a->series.len);
    size_t n = 0;
    size_t at = 0;
    void *value;
    while (map_next(&a->series, &at, &ids[n], &value)) {
        n++;
        if (n == a->series.len) {
            break;
        }
    }
    return store_spans_series(a, ids, n, err);
}

static enum err_code pin(struct applying *a, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, a->arena);
    pg_add_uuid(&p, a->c->connection);
    enum err_code rc = pg_exec(a->s, &SQL_CONNECTION_PIN, &p, a->deadline, a->arena, &r, err);
    if (rc == ERR_OK && pg_row_count(r) == 0) {
        rc = ERR_SET(err, ERR_NOT_FOUND, "the connection is gone, paused or to be authorised");
    }
    return rc;
}

static enum err_code draw_stamp(struct applying *a, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, a->arena);
    pg_add_uuid(&p, a->c->connection);
    enum err_code rc =
        pg_exec(a->s, &SQL_CONNECTION_NEXT_STAMP, &p, a->deadline, a->arena, &r, err);
    if (rc == ERR_OK && (pg_row_count(r) == 0 || pg_is_null(r, 0, 0))) {
        rc = ERR_SET(err, ERR_NOT_FOUND, "the connection is gone");
    }
    if (rc == ERR_OK) {
        a->stamp = pg_get_i64(r, 0, 0);
    }
    return rc;
}

static enum err_code move_cursor(struct applying *a, struct err *err)
{
    const struct store_page *page = a->page;
    const struct pg_result *r;
    struct pg_params p;
    a->result.version = a->c->version;
    if (!page->moves_cursor) {
        return ERR_OK;
    }
    pg_params_init(&p, a->arena);
    pg_add_i64(&p, a->c->id);
    pg_add_i64(&p, a->c->version);
    pg_add_text(&p, page->next_page.len > 0 ? page->next_page : (struct str){0});
    pg_add_text(&p, page->cursor.len > 0 ? page->cursor : (struct str){0});
    if (page->covers) {
        pg_add_time(&p, page->covered_from);
        pg_add_time(&p, page->covered_to);
    } else {
        pg_add_null(&p);
        pg_add_null(&p);
    }
    enum err_code rc = pg_exec(a->s, &SQL_CALENDAR_STORE_PAGE, &p, a->deadline, a->arena, &r, err);
    if (rc == ERR_OK && pg_row_count(r) == 0) {
        rc = ERR_SET(err, ERR_CONFLICT, "another run was first");
    }
    if (rc == ERR_OK) {
        a->result.version = pg_get_i64(r, 0, 0);
    }
    return rc;
}

/* Everything between BEGIN and COMMIT. Order of locks: connection, counter, calendar, events. */
static enum err_code apply_in_transaction(struct applying *a, struct plan *plan, struct err *err)
{
    struct map known CLEANUP(map_fini);
    map_init(&known);
    enum err_code rc = pin(a, err);
    if (rc == ERR_OK) {
        rc = read_known(a, &known, err);
    }
    for (size_t i = 0; rc == ERR_OK && i < a->page->event_count; i++) {
        plan_event(a, &known, &a->page->events[i], plan);
    }
    bool changes = plan->write.len > 0 || plan->remove.len > 0 || a->page->bad_count > 0;
    if (rc == ERR_OK && changes) {
        rc = draw_stamp(a, err);
    }
    if (rc == ERR_OK) {
        rc = move_cursor(a, err);
    }
    if (rc == ERR_OK && plan->write.len > 0) {
        rc = write_events(a, plan, err);
    }
    if (rc == ERR_OK) {
        rc = remove_events(a, plan, err);
    }
    if (rc == ERR_OK) {
        rc = mark_seen(a, plan, err);
    }
    if (rc == ERR_OK) {
        rc = write_bad(a, err);
    }
    if (rc == ERR_OK && a->series.len > 0) {
        rc = compute_series(a, err);
    }
    return rc;
}

enum err_code store_page_apply(struct pg_session *s, struct calendar_zones *zones,
                               const struct store_calendar *c, const struct store_page *page,
                               int64_t deadline, struct arena *arena,
                               struct store_page_result *ret_result, struct err *err)
{
    struct applying a = {
        .s = s, .zones = zones, .c = c, .page = page, .deadline = deadline, .arena = arena};
    struct plan plan = {0};

    map_init(&a.series);
    enum err_code rc = pg_begin(s, PG_READ_COMMITTED, deadline, err);
    if (rc == ERR_OK) {
        rc = apply_in_transaction(&a, &plan, err);
    }
    if (rc == ERR_OK) {
        rc = failpoint("sync.page.before_commit", err);
    }
    if (rc == ERR_OK) {
        rc = pg_commit(s, deadline, err);
    }
    if (rc == ERR_OK) {
        struct str *reread = ARENA_ARRAY(arena, struct str, a.reread.len);
        for (size_t i = 0; i < a.reread.len; i++) {
            reread[i] = a.reread.ptr[i];
        }
        a.result.reread = reread;
        a.result.reread_count = a.reread.len;
        *ret_result = a.result;
    } else if (pg_in_transaction(s)) {
        IGNORE(pg_rollback(s, deadline, NULL)); /* where that fails the session is dropped */
    }
    free_plan(&plan);
    vec_fini(&a.reread);
    map_fini(&a.series);
    return rc;
}

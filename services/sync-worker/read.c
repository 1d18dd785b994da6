/* One calendar: page after page, each stored with its place in the read; at the end of a full read
 * what it did not see goes, behind a breaker. */
#include "worker.h"

#include "base/map.h"
#include "base/vec.h"
#include "crypto/crypto.h"
#include "observe/log.h"
#include "observe/metric.h"
#include "runtime/failpoint.h"
#include "store/sql.h"

#define CALL_MS 60000
#define STORE_MS 60000
#define SWEEP_BATCH 500
#define SWEEP_FREE_ROWS 20 /* so few may always go */
#define REREAD_ROUNDS 5
#define HELD_MS 300000
#define DAY_MS INT64_C(86400000)

/* ---- one page, collected -----------------------------------------------------------------------
 */

/* The items of a page. A provider may list an id twice; the last one counts. */
struct collected {
    struct arena *arena;
    VEC(struct calendar_event) events;
    VEC(struct store_bad_event) bad;
    struct map places; /* id -> index + 1 */
};

static void collected_fini(struct collected *c)
{
    vec_fini(&c->events);
    vec_fini(&c->bad);
    map_fini(&c->places);
}

static enum err_code on_event(void *arg, const struct calendar_event *event, struct err *err UNUSED)
{
    struct collected *c = arg;
    uintptr_t place = (uintptr_t)map_find(&c->places, event->id);
    struct calendar_event copy = store_event_dup(event, c->arena);
    if (place != 0) {
        c->events.ptr[place - 1] = copy;
    } else {
        vec_push(&c->events, copy);
        map_put(&c->places, event->id, (void *)(uintptr_t)c->events.len);
    }
    return ERR_OK;
}

static void on_bad(void *arg, struct str id, const struct err *why)
{
    struct collected *c = arg;
    metric_inc(METRIC_SYNC_BAD_EVENTS, err_code_name(why->code));
    if (id.len == 0) {
        return; /* nothing to show it under; it is counted */
    }
    vec_foreach (b, &c->bad) {
        if (str_eq(b->id, id)) {
            return;
        }
    }
    vec_push(&c->bad, (struct store_bad_event){arena_str(c->arena, id),
                                               arena_str(c->arena, str_c(why->text))});
}

/* An id both good and bad on one page: the good one was read, so it counts. */
static void drop_bad_that_are_good(struct collected *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->bad.len; i++) {
        if (map_find(&c->places, c->bad.ptr[i].id) == NULL) {
            c->bad.ptr[n++] = c->bad.ptr[i];
        }
    }
    c->bad.len = n;
}

/* ---- storing ------------------------------------------------------------------------------------
 */

static int64_t window_from(const struct reading *r)
{
    return co_wall_now() / DAY_MS * DAY_MS - r->worker->conf->window_past;
}

static int64_t window_to(const struct reading *r)
{
    return co_wall_now() / DAY_MS * DAY_MS + r->worker->conf->window_future;
}

/* The window that this calendar's spans are kept for: what is covered stays covered. */
static void set_window(const struct reading *r, struct store_page *page)
{
    const struct store_calendar *c = r->calendar;
    page->covered_from = c->covered && !c->full_read ? c->covered_from : window_from(r);
    page->covered_to = c->covered && !c->full_read ? c->covered_to : window_to(r);
}

static enum err_code note_counter(struct reading *r, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    const struct pg_result *rows;
    struct pg_params p;
    pg_params_init(&p, r->arena);
    pg_add_uuid(&p, r->calendar->connection);
    enum err_code rc = pg_acquire(r->worker->parts.pool, r->deadline, &s, err);
    if (rc == ERR_OK) {
        rc = pg_exec(s, &SQL_CONNECTION_COUNTER, &p, co_after(STORE_MS), r->arena, &rows, err);
    }
    if (rc == ERR_OK && pg_row_count(rows) == 0) {
        rc = ERR_SET(err, ERR_NOT_FOUND, "the connection is gone");
    }
    if (rc == ERR_OK) {
        r->calendar->change_counter = pg_get_i64(rows, 0, 0);
    }
    return rc;
}

static enum err_code apply(struct reading *r, const struct store_page *page, struct arena *arena,
                           struct store_page_result *ret_result, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    enum err_code rc = pg_acquire(r->worker->parts.pool, r->deadline, &s, err);
    if (rc == ERR_OK) {
        rc = store_page_apply(s, r->worker->zones, r->calendar, page, co_after(STORE_MS), arena,
                              ret_result, err);
    }
    if (rc == ERR_OK) {
        r->calendar->version = ret_result->version;
        r->changed += ret_result->changed + ret_result->removed;
        metric_add(METRIC_SYNC_EVENTS, "written", (double)ret_result->changed);
        metric_add(METRIC_SYNC_EVENTS, "removed", (double)ret_result->removed);
        metric_add(METRIC_SYNC_EVENTS, "unchanged", (double)ret_result->unchanged);
    }
    return rc;
}

/* An event that is gone at the provider, as a tombstone. */
static struct calendar_event gone_event(struct str id)
{
    return (struct calendar_event){.id = id, .status = CALENDAR_CANCELLED};
}

/* Rows that somebody wrote after the page was asked for: asked for again by id, under a mark that
 * is noted before. */
static enum err_code reread(struct reading *r, const struct str *ids, size_t count,
                            struct arena *arena, struct err *err)
{
    enum err_code rc = ERR_OK;
    for (int round = 0; rc == ERR_OK && count > 0 && round < REREAD_ROUNDS; round++) {
        struct calendar_event *events = ARENA_ARRAY(arena, struct calendar_event, count);
        struct store_page page = {.events = events, .event_count = count};
        struct store_page_result result = {0};
        rc = note_counter(r, err);
        for (size_t i = 0; rc == ERR_OK && i < count; i++) {
            rc = r->access->provider->get(&r->access->session, r->calendar->provider_id, ids[i],
                                          co_after(CALL_MS), arena, &events[i], err);
            if (rc == ERR_NOT_FOUND || rc == ERR_GONE) {
                events[i] = gone_event(ids[i]);
                rc = ERR_OK;
            }
        }
        page.mark = r->calendar->change_counter;
        set_window(r, &page);
        if (rc == ERR_OK) {
            rc = apply(r, &page, arena, &result, err);
        }
        ids = result.reread;
        count = result.reread_count;
    }
    return rc;
}

/* ---- the sweep
 * ------------------------------------------------------------------------------------ */

static enum err_code hold(struct reading *r, struct pg_session *s, struct str hash, int64_t unseen,
                          struct err *err)
{
    struct pg_params p;
    pg_params_init(&p, r->arena);
    pg_add_i64(&p, r->calendar->id);
    pg_add_i64(&p, r->calendar->version);
    pg_add_bytea(&p, hash);
    pg_add_i64(&p, unseen);
    pg_add_time(&p, co_wall_now() + HELD_MS);
    enum err_code rc =
        pg_exec(s, &SQL_CALENDAR_HOLD_SWEEP, &p, co_after(STORE_MS), r->arena, NULL, err);
    if (rc != ERR_OK) {
        return rc;
    }
    metric_inc(METRIC_SYNC_SWEEPS, "held");
    return ERR_SET_ACT(err, ERR_DENIED, ERR_ACT_DROP,
                       "a full read would delete %lld rows, more than its share: held",
                       (long long)unseen);
}

static enum err_code delete_unseen(struct reading *r, struct pg_session *s, struct err *err)
{
    while (true) {
        const struct pg_result *rows;
        struct pg_params p;
        pg_params_init(&p, r->arena);
        pg_add_i64(&p, r->calendar->id);
        pg_add_i64(&p, r->calendar->generation);
        pg_add_i64(&p, r->calendar->read_mark);
        pg_add_i64(&p, SWEEP_BATCH);
        enum err_code rc =
            pg_exec(s, &SQL_EVENT_SWEEP, &p, co_after(STORE_MS), r->arena, &rows, err);
        if (rc != ERR_OK) {
            return rc;
        }
        r->changed += pg_row_count(rows);
        metric_add(METRIC_SYNC_EVENTS, "swept", (double)pg_row_count(rows));
        if (pg_row_count(rows) < SWEEP_BATCH) {
            return failpoint("sync.after_sweep", err);
        }
    }
}

/* What the full read did not see although it had to is gone at the provider; a read that would
 * delete more than its share is believed only when a second one agrees. */
static enum err_code sweep(struct reading *r, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    const struct pg_result *rows;
    struct pg_params p;
    pg_params_init(&p, r->arena);
    pg_add_i64(&p, r->calendar->id);
    pg_add_i64(&p, r->calendar->generation);
    pg_add_i64(&p, r->calendar->read_mark);
    enum err_code rc = pg_acquire(r->worker->parts.pool, r->deadline, &s, err);
    if (rc == ERR_OK) {
        rc = pg_exec(s, &SQL_EVENT_UNSEEN, &p, co_after(STORE_MS), r->arena, &rows, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    int64_t unseen = pg_get_i64(rows, 0, 0);
    int64_t total = pg_get_i64(rows, 0, 1);
    struct str hash = pg_get_bytea(rows, 0, 2);
    if (unseen == 0) {
        return ERR_OK;
    }
    if (unseen > SWEEP_FREE_ROWS && unseen * 100 > total * r->worker->conf->sweep_share &&
        !str_eq(hash, r->calendar->sweep_held_hash)) {
        return hold(r, s, hash, unseen, err);
    }
    metric_inc(METRIC_SYNC_SWEEPS, "done");
    rc = delete_unseen(r, s, err);
    if (rc == ERR_OK) {
        pg_params_init(&p, r->arena);
        pg_add_i64(&p, r->calendar->id);
        rc = pg_exec(s, &SQL_CALENDAR_RELEASE_SWEEP, &p, co_after(STORE_MS), r->arena, NULL, err);
    }
    return rc;
}

/* ---- pages
 * ------------------------------------------------------------------------------------------ */

/* Changing what a listing asks for changes what its cursor means: then everything is read again. */
static struct str query_shape(const struct reading *r)
{
    uint8_t *hash = arena_alloc(r->arena, CRYPTO_SHA256_LEN);
    struct str shape = arena_strf(r->arena, "%s/1", r->access->provider->name);
    crypto_sha256(shape, hash);
    return (struct str){(const char *)hash, CRYPTO_SHA256_LEN};
}

static enum err_code begin_full(struct reading *r, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    enum err_code rc = pg_acquire(r->worker->parts.pool, r->deadline, &s, err);
    if (rc == ERR_OK) {
        rc = store_full_read_begin(s, r->calendar, query_shape(r), co_after(STORE_MS), r->arena,
                                   err);
    }
    return rc;
}

/* The last page of a full read: its events first, then the sweep, then the cursor, so that a kill
 * between them repeats the page and never skips the sweep. */
static enum err_code end_full(struct reading *r, struct store_page *page, struct arena *arena,
                              struct err *err)
{
    struct store_page_result result = {0};
    page->moves_cursor = false;
    enum err_code rc = apply(r, page, arena, &result, err);
    if (rc == ERR_OK) {
        rc = reread(r, result.reread, result.reread_count, arena, err);
    }
    if (rc == ERR_OK) {
        rc = sweep(r, err);
    }
    if (rc == ERR_OK) {
        struct store_page end = {.moves_cursor = true,
                                 .cursor = page->cursor,
                                 .covered_from = page->covered_from,
                                 .covered_to = page->covered_to,
                                 .covers = true};
        rc = apply(r, &end, arena, &result, err);
    }
    if (rc == ERR_OK) {
        r->calendar->full_read = false;
        r->calendar->covered = true;
        r->calendar->covered_from = page->covered_from;
        r->calendar->covered_to = page->covered_to;
    }
    return rc;
}

static enum err_code store(struct reading *r, struct collected *got,
                           const struct provider_page *answer, struct arena *arena, bool *ret_last,
                           struct str *ret_cursor, struct err *err)
{
    struct store_page page = {.events = got->events.ptr,
                              .event_count = got->events.len,
                              .bad = got->bad.ptr,
                              .bad_count = got->bad.len,
                              .mark = r->calendar->change_counter,
                              .next_page = answer->next_page,
                              .cursor = answer->next_cursor,
                              .moves_cursor = true};
    struct store_page_result result = {0};
    *ret_last = answer->next_page.len == 0;
    set_window(r, &page);
    if (*ret_last && r->calendar->full_read) {
        return end_full(r, &page, arena, err);
    }
    if (*ret_last && got->events.len == 0 && got->bad.len == 0 &&
        r->calendar->page_cursor.len == 0) {
        /* Nothing new: the cursor is written together with many others'. */
        *ret_cursor = arena_str(r->arena, answer->next_cursor);
        return ERR_OK;
    }
    enum err_code rc = apply(r, &page, arena, &result, err);
    if (rc == ERR_OK) {
        r->calendar->page_cursor = arena_str(r->arena, answer->next_page);
        rc = reread(r, result.reread, result.reread_count, arena, err);
    }
    return rc;
}

static enum err_code read_page(struct reading *r, bool *ret_last, struct str *ret_cursor,
                               struct err *err)
{
    struct arena arena CLEANUP(arena_fini);
    struct collected got CLEANUP(collected_fini) = {.arena = &arena};
    struct provider_page answer = {0};

    arena_init(&arena);
    map_init(&got.places);
    struct provider_changes_req req = {
        .calendar_id = r->calendar->provider_id,
        .cursor = r->calendar->full_read ? STR("") : r->calendar->cursor,
        .page_token = r->calendar->page_cursor,
        .window_start = window_from(r),
        .window_end = window_to(r),
        .on_event = on_event,
        .on_bad = on_bad,
        .arg = &got,
    };
    int64_t began = co_now();
    enum err_code rc = r->access->provider->list_changes(&r->access->session, &req,
                                                         co_after(CALL_MS), &arena, &answer, err);
    if (rc != ERR_OK) {
        return rc;
    }
    metric_observe(METRIC_SYNC_PAGE_SECONDS, NULL, (double)(co_now() - began) / 1000);
    drop_bad_that_are_good(&got);
    return store(r, &got, &answer, &arena, ret_last, ret_cursor, err);
}

/* The window slides with time: series are expanded again once it has moved by a month. */
static enum err_code slide(struct reading *r, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    struct store_calendar *c = r->calendar;
    if (!c->covered || window_to(r) - c->covered_to < 30 * DAY_MS) {
        return ERR_OK;
    }
    enum err_code rc = pg_acquire(r->worker->parts.pool, r->deadline, &s, err);
    if (rc == ERR_OK) {
        rc = store_spans_slide(s, r->worker->zones, c, window_from(r), window_to(r),
                               co_after(STORE_MS), r->arena, err);
    }
    return rc;
}

enum err_code read_calendar(struct reading *r, struct str *ret_new_cursor, struct err *err)
{
    struct store_calendar *c = r->calendar;
    bool last = false;
    bool restarted = false;
    bool fresh = !c->full_read && (c->cursor.len == 0 || !str_eq(c->query_shape, query_shape(r)));
    enum err_code rc = fresh ? begin_full(r, err) : ERR_OK;

    *ret_new_cursor = STR("");
    for (int pages = 0; rc == ERR_OK && !last; pages++) {
        if (pages > 0) {
            rc = note_counter(r, err);
        }
        if (rc == ERR_OK) {
            rc = read_page(r, &last, ret_new_cursor, err);
        }
        if (rc != ERR_OK && err->act == ERR_ACT_RESYNC && !restarted) {
            LOG_INFO("sync.cursor.dead", "the cursor is no longer valid, everything is read again",
                     F_I64("cal", c->id), F_ERR(err));
            metric_inc(METRIC_SYNC_RESYNCS, NULL);
            restarted = true;
            rc = note_counter(r, err);
            if (rc == ERR_OK) {
                rc = begin_full(r, err);
            }
        }
    }
    return rc == ERR_OK ? slide(r, err) : rc;
}

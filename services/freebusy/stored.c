/* Spans of calendars from Redis, and from Postgres what Redis does not have. */
#include "freebusy.h"

#include "freebusy_core/sql.h"
#include "observe/log.h"
#include "observe/metric.h"
#include "runtime/failpoint.h"
#include "service/context.h"

#define KEYS_MAX 256 /* of one MGET: bounds a reply */

/* One connection's spans in one block. */
struct slot {
    struct fb_connection *connection;
    struct fb_window window;
    struct str key;
    bool hit;
    bool known;
    struct fb_cached value;
};

struct load {
    struct freebusy *fb;
    struct fb_window window;
    struct arena *arena;
    int64_t deadline;
    struct slot *slots; /* of each connection that is loaded, block_count in a row */
    size_t slot_count;
    size_t block_count;
    struct fb_block blocks[FB_BLOCKS_MAX];
};

static bool any_covered(const struct fb_connection *c, struct fb_window w)
{
    for (size_t i = 0; i < c->calendar_count; i++) {
        const struct fb_calendar *k = &c->calendars[i];
        if (k->covered && k->covered_from < w.to_at && k->covered_to > w.from_at) {
            return true;
        }
    }
    return false;
}

static void plan(struct load *x, const struct fb_snapshot *snap)
{
    size_t connections = 0;
    for (size_t i = 0; i < snap->person_count; i++) {
        connections += snap->people[i].connection_count;
    }
    x->block_count = fb_blocks_of(x->window, x->blocks);
    x->slots = ARENA_ARRAY(x->arena, struct slot, connections * x->block_count);
    for (size_t i = 0; i < snap->person_count; i++) {
        const struct fb_person *person = &snap->people[i];
        for (size_t k = 0; k < person->connection_count; k++) {
            struct fb_connection *c = &person->connections[k];
            for (size_t b = 0; any_covered(c, x->window) && b < x->block_count; b++) {
                x->slots[x->slot_count++] = (struct slot){
                    .connection = c,
                    .window = fb_block_window(x->blocks[b]),
                    .key = fb_cache_key(c->id, c->counter, x->blocks[b], x->arena),
                };
            }
        }
    }
}

/* ---- Redis ----------------------------------------------------------------------------------- */

static enum err_code get_some(struct load *x, struct slot *slots, size_t count, struct err *err)
{
    struct str *keys = ARENA_ARRAY(x->arena, struct str, count);
    struct str *values = ARENA_ARRAY(x->arena, struct str, count);
    for (size_t i = 0; i < count; i++) {
        keys[i] = slots[i].key;
    }
    int64_t deadline = MIN(x->deadline, co_after(x->fb->redis_ms));
    enum err_code rc = redis_mget(x->fb->redis, x->arena, deadline, count, keys, values, err);
    for (size_t i = 0; rc == ERR_OK && i < count; i++) {
        if (values[i].ptr == NULL) {
            continue;
        }
        slots[i].hit =
            fb_cache_decode(slots[i].window, values[i], x->arena, &slots[i].value, NULL) == ERR_OK;
        slots[i].known = slots[i].hit;
        if (!slots[i].hit) {
            metric_inc(METRIC_FREEBUSY_CACHE, "bad");
        }
    }
    return rc;
}

/* Without Redis, or while it is slow, Postgres answers alone. */
static void ask_redis(struct load *x)
{
    struct err err = {0};
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < x->slot_count; i += KEYS_MAX) {
        rc = get_some(x, x->slots + i, MIN(x->slot_count - i, (size_t)KEYS_MAX), &err);
    }
    if (rc != ERR_OK) {
        static struct log_limit limit;
        int64_t dropped = 0;
        metric_inc(METRIC_FREEBUSY_CACHE, "error");
        if (log_limit_pass(&limit, co_now(), 10000, &dropped)) {
            LOG_WARN("freebusy.cache.failed", "Redis cannot be asked; Postgres is", F_ERR(&err),
                     F_I64("dropped", dropped));
        }
    }
    size_t hits = 0;
    for (size_t i = 0; i < x->slot_count; i++) {
        hits += x->slots[i].hit;
    }
    metric_add(METRIC_FREEBUSY_CACHE, "hit", (double)hits);
    metric_add(METRIC_FREEBUSY_CACHE, "miss", (double)(x->slot_count - hits));
}

/* What is to be kept, written by a coroutine of its own: an answer does not wait for it. */
struct keep {
    struct freebusy *fb;
    struct arena arena;
    struct str *keys;
    struct str *values;
    size_t count;
};

static void keep_entry(void *arg)
{
    struct keep *k = arg;
    struct err err = {0};
    request_context_end(); /* the question's, which may end before */
    enum err_code rc = failpoint("freebusy.before_store", &err);
    for (size_t i = 0; rc == ERR_OK && i < k->count; i++) {
        rc = redis_set(k->fb->redis, co_after(k->fb->redis_ms), k->keys[i], k->values[i],
                       FB_CACHE_TTL_MS, REDIS_SET_ALWAYS, NULL, &err);
    }
    if (rc != ERR_OK) {
        metric_inc(METRIC_FREEBUSY_CACHE, "error");
        LOG_DEBUG("freebusy.cache.unkept", "spans were not kept", F_ERR(&err));
    }
    arena_fini(&k->arena);
    free(k);
}

static void keep_slots(struct load *x)
{
    struct keep *k = xcalloc(1, sizeof *k);
    struct buf value CLEANUP(buf_fini);
    buf_init(&value, FB_CACHE_MAX_BYTES);
    k->fb = x->fb;
    arena_init(&k->arena);
    k->keys = ARENA_ARRAY(&k->arena, struct str, x->slot_count);
    k->values = ARENA_ARRAY(&k->arena, struct str, x->slot_count);
    for (size_t i = 0; i < x->slot_count; i++) {
        const struct slot *slot = &x->slots[i];
        buf_reset(&value);
        if (!slot->hit && fb_cache_encode(slot->window, &slot->value, &value, NULL) == ERR_OK) {
            k->keys[k->count] = arena_str(&k->arena, slot->key);
            k->values[k->count++] = arena_str(&k->arena, buf_str(&value));
        }
    }
    if (k->count == 0 || co_spawn(x->fb->group, "freebusy.keep", keep_entry, k, NULL) != ERR_OK) {
        arena_fini(&k->arena);
        free(k);
    }
}

/* ---- Postgres -------------------------------------------------------------------------------- */

/* Columns of spans.sql. */
enum column { BLOCK, COUNTER, NOW_AT, CALENDAR, START_AT, END_AT, SHOW_AS };

/* Rows [from, to) are one calendar's, sorted by start. */
static struct fb_busy read_busy(const struct load *x, const struct slot *slot,
                                const struct pg_result *r, size_t from, size_t to)
{
    struct calendar_span *spans = ARENA_ARRAY(x->arena, struct calendar_span, 2 * (to - from));
    for (size_t i = from; i < to; i++) {
        struct calendar_span *s = &spans[i - from];
        s->start_at = pg_get_time(r, i, START_AT);
        s->end_at = pg_get_time(r, i, END_AT);
        s->show_as = CALENDAR_BUSY; /* what cannot be told blocks */
        calendar_show_as_parse(pg_get_str(r, i, SHOW_AS), &s->show_as);
    }
    size_t n = calendar_spans_merge(spans, to - from);
    n = calendar_spans_clip(spans, n, slot->window.from_at, slot->window.to_at);
    return (struct fb_busy){pg_get_i64(r, from, CALENDAR), spans, n};
}

/* Rows [from, to) are one block's. */
static void read_slot(const struct load *x, struct slot *slot, const struct pg_result *r,
                      size_t from, size_t to)
{
    slot->known = true;
    slot->value = (struct fb_cached){.computed_at = pg_get_time(r, from, NOW_AT),
                                     .calendars = ARENA_ARRAY(x->arena, struct fb_busy, to - from)};
    for (size_t i = from; i < to && !pg_is_null(r, i, CALENDAR);) {
        size_t end = i + 1;
        while (end < to && pg_get_i64(r, end, CALENDAR) == pg_get_i64(r, i, CALENDAR)) {
            end++;
        }
        struct fb_busy busy = read_busy(x, slot, r, i, end);
        if (busy.span_count > 0) {
            slot->value.calendars[slot->value.calendar_count++] = busy;
        }
        i = end;
    }
}

static enum err_code moved(struct err *err)
{
    return ERR_SET_ACT(err, ERR_CONFLICT, ERR_ACT_RETRY, "spans changed since they were counted");
}

static enum err_code read_rows(const struct load *x, struct slot **missing, size_t count,
                               const struct pg_result *r, struct err *err)
{
    size_t rows = pg_row_count(r);
    for (size_t i = 0; i < rows;) {
        int64_t number = pg_get_i64(r, i, BLOCK);
        size_t end = i + 1;
        if (number < 1 || (size_t)number > count) {
            return ERR_SET(err, ERR_INTERNAL, "spans of a block that was not asked for");
        }
        struct slot *slot = missing[number - 1];
        if (pg_get_i64(r, i, COUNTER) != slot->connection->counter) {
            return moved(err);
        }
        while (end < rows && pg_get_i64(r, end, BLOCK) == number) {
            end++;
        }
        read_slot(x, slot, r, i, end);
        i = end;
    }
    for (size_t i = 0; i < count; i++) {
        if (!missing[i]->known) {
            return moved(err); /* the connection has gone */
        }
    }
    return ERR_OK;
}

static enum err_code ask_postgres(struct load *x, struct pg_session *exact, struct slot **missing,
                                  size_t count, struct err *err)
{
    struct pg_session *own CLEANUP(pg_release_ptr) = NULL;
    struct uuid *connections = ARENA_ARRAY(x->arena, struct uuid, count);
    int64_t *from = ARENA_ARRAY(x->arena, int64_t, count);
    int64_t *to = ARENA_ARRAY(x->arena, int64_t, count);
    const struct pg_result *r;
    struct pg_params p;

    for (size_t i = 0; i < count; i++) {
        connections[i] = missing[i]->connection->id;
        from[i] = missing[i]->window.from_at;
        to[i] = missing[i]->window.to_at;
    }
    pg_params_init(&p, x->arena);
    pg_add_uuid_array(&p, connections, NULL, count);
    pg_add_time_array(&p, from, NULL, count);
    pg_add_time_array(&p, to, NULL, count);
    enum err_code rc = exact != NULL ? ERR_OK : pg_acquire(x->fb->pool, x->deadline, &own, err);
    if (rc == ERR_OK) {
        rc = pg_exec(exact != NULL ? exact : own, &SQL_FREEBUSY_SPANS, &p, x->deadline, x->arena,
                     &r, err);
    }
    return rc == ERR_OK ? read_rows(x, missing, count, r, err) : rc;
}

/* ---- together -------------------------------------------------------------------------------- */

static const struct fb_busy *find_busy(const struct fb_cached *value, int64_t calendar)
{
    for (size_t i = 0; i < value->calendar_count; i++) {
        if (value->calendars[i].calendar == calendar) {
            return &value->calendars[i];
        }
    }
    return NULL;
}

static void join(const struct load *x, const struct slot *slots, struct fb_calendar *c)
{
    size_t count = 0, n = 0;
    c->source = FB_SOURCE_CACHE;
    c->computed_at = INT64_MAX;
    for (size_t i = 0; i < x->block_count; i++) {
        const struct fb_busy *busy = find_busy(&slots[i].value, c->id);
        count += busy != NULL ? busy->span_count : 0;
        c->source = slots[i].hit ? c->source : FB_SOURCE_STORE;
        c->computed_at = MIN(c->computed_at, slots[i].value.computed_at);
    }
    c->spans = ARENA_ARRAY(x->arena, struct calendar_span, 2 * count);
    for (size_t i = 0; i < x->block_count; i++) {
        const struct fb_busy *busy = find_busy(&slots[i].value, c->id);
        if (busy != NULL && busy->span_count > 0) {
            memcpy(c->spans + n, busy->spans, busy->span_count * sizeof *busy->spans);
            n += busy->span_count;
        }
    }
    n = calendar_spans_merge(c->spans, n); /* what a block's border had cut */
    c->span_count = calendar_spans_clip(c->spans, n, x->window.from_at, x->window.to_at);
}

static void join_all(const struct load *x)
{
    for (size_t i = 0; i < x->slot_count; i += x->block_count) {
        struct fb_connection *c = x->slots[i].connection;
        for (size_t k = 0; k < c->calendar_count; k++) {
            struct fb_calendar *calendar = &c->calendars[k];
            if (calendar->covered && calendar->covered_from < x->window.to_at &&
                calendar->covered_to > x->window.from_at) {
                join(x, x->slots + i, calendar);
            }
        }
    }
}

enum err_code fb_stored_load(struct freebusy *fb, struct fb_snapshot *snap, struct fb_window window,
                             struct pg_session *exact, int64_t deadline, struct arena *arena,
                             struct err *err)
{
    struct load x = {.fb = fb, .window = window, .arena = arena, .deadline = deadline};
    plan(&x, snap);
    if (x.slot_count == 0) {
        return ERR_OK;
    }
    bool cached = fb->redis != NULL && exact == NULL;
    if (cached) {
        ask_redis(&x);
    }
    struct slot **missing = ARENA_ARRAY(arena, struct slot *, x.slot_count);
    size_t count = 0;
    for (size_t i = 0; i < x.slot_count; i++) {
        if (!x.slots[i].hit) {
            missing[count++] = &x.slots[i];
        }
    }
    if (count > 0) {
        enum err_code rc = ask_postgres(&x, exact, missing, count, err);
        if (rc != ERR_OK) {
            return rc;
        }
        if (cached) {
            keep_slots(&x);
        }
    }
    join_all(&x);
    return ERR_OK;
}

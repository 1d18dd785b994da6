/* One run: an account's calendars, those that are dirty or due. */
#include "worker.h"

#include "base/hash.h"
#include "messages/messages.h"
#include "messages/topics.h"
#include "observe/log.h"
#include "observe/metric.h"
#include "service/context.h"
#include "store/sql.h"

#define RUN_MS 600000      /* a first import of a large account */
#define POLL_MINUTES 15    /* the host's default */
#define POLL_MINUTES_MIN 5 /* and its range */
#define POLL_MINUTES_MAX 60
#define FAIL_BASE_MS 30000  /* a calendar that failed waits so long, doubled each time, ... */
#define FAIL_MAX_MS 3600000 /* ... at most this */

/* ---- what comes in ----------------------------------------------------------------------------
 */

static enum kafka_priority priority_of(uint64_t reason)
{
    switch (reason) {
    case MESSAGE_SYNC_USER:
    case MESSAGE_SYNC_CONNECTED:
    case MESSAGE_SYNC_STALE:
        return KAFKA_INTERACTIVE;
    default:
        return KAFKA_WEBHOOK;
    }
}

static enum kafka_class classify_sync(struct str value, struct kafka_core_item *item,
                                      struct arena *arena, const char **ret_error_class)
{
    struct message_sync m;
    *ret_error_class = "undecodable";
    if (message_decode(MESSAGE_sync, value, arena, &m, NULL) != ERR_OK || m.calendar < 0 ||
        m.reason < 1 || m.reason > 31) {
        return KAFKA_CLASS_DEAD_LETTER;
    }
    if (!str_eq(item->key, uuid_bytes(&m.account))) {
        *ret_error_class = "key_differs";
        return KAFKA_CLASS_DEAD_LETTER;
    }
    item->item = (uint64_t)m.calendar;
    item->reasons = 1U << m.reason;
    item->priority = priority_of(m.reason);
    return KAFKA_CLASS_WORK;
}

static enum kafka_class classify(void *ctx UNUSED, const struct kafka_record *record,
                                 struct kafka_core_item *item, const char **ret_error_class)
{
    struct arena arena CLEANUP(arena_fini);
    int type = 0;
    arena_init(&arena);
    *ret_error_class = "undecodable";
    if (record->value.ptr == NULL || message_type(record->value, &type, NULL) != ERR_OK) {
        return KAFKA_CLASS_DEAD_LETTER;
    }
    if (type == MESSAGE_tick) {
        return KAFKA_CLASS_WAKE;
    }
    if (type != MESSAGE_sync) {
        return KAFKA_CLASS_DEAD_LETTER;
    }
    return classify_sync(record->value, item, &arena, ret_error_class);
}

static enum kafka_priority due_priority(struct str reason)
{
    static const char *const interactive[] = {"import", "resume", "choice", "local", "connected"};
    for (size_t i = 0; i < ARRAY_LEN(interactive); i++) {
        if (str_eq_c(reason, interactive[i])) {
            return KAFKA_INTERACTIVE;
        }
    }
    return KAFKA_POLL;
}

static size_t shards_of(const struct kafka_due_query *query, int16_t *shards)
{
    size_t n = 0;
    for (size_t i = 0; i < query->partition_count; i++) {
        const struct kafka_partition *p = &query->partitions[i];
        for (int32_t shard = p->partition; shard < TOPIC_SHARDS; shard += p->partition_count) {
            shards[n++] = (int16_t)shard;
        }
    }
    return n;
}

static void due(void *ctx, const struct kafka_due_query *query)
{
    struct worker *w = ctx;
    struct arena arena CLEANUP(arena_fini);
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    int16_t shards[TOPIC_SHARDS];
    struct store_due *rows = NULL;
    size_t count = 0;
    struct err err;
    int64_t deadline = co_after(5000);

    if (query->partition_count == 0) {
        return;
    }
    arena_init(&arena);
    enum err_code rc = pg_acquire(w->parts.pool, deadline, &s, &err);
    if (rc == ERR_OK) {
        rc = store_due(s, shards, shards_of(query, shards), (int64_t)query->limit, deadline, &arena,
                       &rows, &count, &err);
    }
    if (rc != ERR_OK) {
        static struct log_limit limit;
        int64_t dropped = 0;
        if (rc != ERR_CANCELED && log_limit_pass(&limit, co_now(), 10000, &dropped)) {
            LOG_WARN("sync.due.failed", "due rows cannot be read", F_ERR(&err),
                     F_I64("dropped", dropped));
        }
        return;
    }
    int32_t partitions = query->partitions[0].partition_count;
    for (size_t i = 0; i < count; i++) {
        const uint64_t seed[2] = {1, 2}; /* only spreads tenants; nobody's secret */
        struct kafka_core_item item = {
            .key = uuid_bytes(&rows[i].account),
            .item = (uint64_t)rows[i].calendar,
            .reasons = 1,
            .priority = due_priority(rows[i].reason),
            .tenant = hash_siphash(seed, uuid_bytes(&rows[i].organization)) | 1,
        };
        (void)kafka_engine_due(w->sync, TOPIC_SYNC, rows[i].shard % partitions, &item);
    }
}

static void on_change(void *ctx, const struct kafka_partition *partitions, size_t count,
                      bool gained)
{
    struct worker *w = ctx;
    for (size_t i = 0; i < count; i++) {
        if (w->owned == NULL || w->partitions != partitions[i].partition_count) {
            free(w->owned);
            w->partitions = partitions[i].partition_count;
            w->owned = xcalloc((size_t)w->partitions, sizeof *w->owned);
        }
        w->owned[partitions[i].partition] = gained;
    }
}

bool worker_owns_shard(const struct worker *w, int16_t shard)
{
    return w->owned != NULL && w->owned[shard % w->partitions];
}

static void on_fatal(void *ctx UNUSED, const struct err *err)
{
    LOG_ERROR("sync.engine.fatal", "the consumer cannot go on", F_ERR(err));
    service_end(70);
}

/* ---- a run -------------------------------------------------------------------------------------
 */

/* Stable phase, flat load: the slot of an interval that the calendar's number falls into. */
static int64_t next_due(const struct store_calendar *c, int64_t now)
{
    int64_t minutes = c->poll_minutes > 0 ? c->poll_minutes : POLL_MINUTES;
    minutes = MIN(MAX(minutes, (int64_t)POLL_MINUTES_MIN), (int64_t)POLL_MINUTES_MAX);
    int64_t interval = minutes * 60000;
    int64_t phase = (c->id * INT64_C(2654435761)) % interval; /* Knuth's multiplicative hash */
    return (now - phase) / interval * interval + interval + phase;
}

static int64_t fail_due(const struct store_calendar *c, const struct err *why, int64_t now)
{
    int64_t wait = FAIL_BASE_MS;
    for (int32_t i = 0; i < c->fail_count && wait < FAIL_MAX_MS; i++) {
        wait *= 2;
    }
    wait = MIN(wait, (int64_t)FAIL_MAX_MS);
    wait += wait / 4 * (c->id % 5) / 4; /* not all at once */
    return now + MAX(wait, (int64_t)why->retry_after_ms);
}

struct sync_run {
    struct worker *worker;
    struct kafka_run *run;
    struct uuid account;
    struct arena *arena;
    struct store_calendar *calendars;
    size_t count;
    int64_t deadline;
    bool retry; /* something is worth trying again soon */
    struct err why;
};

static enum err_code open_calendars(struct sync_run *x, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    size_t n = x->run->core->item_count;
    int64_t *ids = ARENA_ARRAY(x->arena, int64_t, n);
    for (size_t i = 0; i < n; i++) {
        ids[i] = (int64_t)x->run->core->items[i].item;
    }
    if (n > 0 && ids[0] == 0) {
        n = 0; /* all */
    }
    enum err_code rc = pg_acquire(x->worker->parts.pool, x->deadline, &s, err);
    if (rc == ERR_OK) {
        rc = store_calendars_open(s, x->account, ids, n, x->deadline, x->arena, &x->calendars,
                                  &x->count, err);
    }
    struct pg_params p;
    pg_params_init(&p, x->arena);
    if (rc == ERR_OK && x->count < MAX(n, (size_t)1)) {
        pg_add_uuid(&p, x->account);
        return pg_exec(s, &SQL_CALENDAR_REST, &p, x->deadline, x->arena, NULL, err);
    }
    if (rc == ERR_OK && (x->run->core->reasons & (1U << MESSAGE_SYNC_WEBHOOK))) {
        for (size_t i = 0; i < x->count && i < n; i++) {
            ids[i] = x->calendars[i].id;
        }
        pg_add_i64_array(&p, ids, NULL, MIN(x->count, n));
        rc = pg_exec(s, &SQL_CALENDAR_PUSHED, &p, x->deadline, x->arena, NULL, err);
    }
    return rc;
}

/* Moves the calendar's due time and says why. */
static void fail_calendar(struct sync_run *x, const struct store_calendar *c, const struct err *why)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    struct err err;
    int64_t deadline = co_after(10000);
    int64_t at = fail_due(c, why, co_wall_now());
    metric_inc(METRIC_SYNC_FAILURES, err_code_name(why->code));
    LOG_WARN("sync.calendar.failed", "calendar waits", F_UUID("account", x->account),
             F_I64("cal", c->id), F_I64("fails", c->fail_count + 1), F_ERR(why));
    if (pg_acquire(x->worker->parts.pool, deadline, &s, &err) != ERR_OK ||
        store_calendar_fail(s, c, at, err_code_name(why->code), str_c(why->text), deadline,
                            x->arena, &err) != ERR_OK) {
        x->retry = true;
        x->why = err;
    }
}

/* Its token or mailbox failed: all of the account waits. */
static void fail_account(struct sync_run *x, const struct store_calendar *c, const struct err *why)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    struct err err;
    int64_t deadline = co_after(10000);
    int64_t at = fail_due(c, why, co_wall_now());
    metric_inc(METRIC_SYNC_FAILURES, err_code_name(why->code));
    LOG_WARN("sync.account.failed", "account waits", F_UUID("account", x->account), F_ERR(why));
    if (pg_acquire(x->worker->parts.pool, deadline, &s, &err) != ERR_OK ||
        store_account_park(s, x->account, at, err_code_name(why->code), str_c(why->text), deadline,
                           x->arena, &err) != ERR_OK) {
        x->retry = true;
        x->why = err;
    }
}

/* Whether a failure is to be written down. Not: what is paused or gone, the end of the process, and
 * what the run itself tries again soon. */
static bool is_final(struct sync_run *x, const struct err *why)
{
    bool from_record = x->run->core->record_count > 0;
    if (why->code == ERR_NOT_FOUND || why->code == ERR_CANCELED) {
        return false;
    }
    if (why->code == ERR_CONFLICT ||
        (from_record && !x->run->core->park && why->act == ERR_ACT_RETRY)) {
        x->retry = true;
        x->why = *why;
        return false;
    }
    return true;
}

/* A poll that found what push should have brought: the channel has gone silent. */
static bool is_push_miss(const struct sync_run *x, const struct reading *r, bool was_full)
{
    const struct store_calendar *c = r->calendar;
    return r->changed > 0 && !was_full && c->channel_expires_at > co_wall_now() &&
           str_eq_c(c->due_reason, "poll") &&
           !(x->run->core->reasons & (1U << MESSAGE_SYNC_WEBHOOK));
}

static void count_push_miss(struct sync_run *x, struct reading *r)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    struct pg_params p;
    struct err err;
    int64_t deadline = co_after(10000);
    r->channel_is_silent = true;
    metric_inc(METRIC_PUSH_MISSES, NULL);
    pg_params_init(&p, x->arena);
    pg_add_i64(&p, r->calendar->id);
    if (pg_acquire(x->worker->parts.pool, deadline, &s, &err) != ERR_OK ||
        pg_exec(s, &SQL_CALENDAR_MISSED, &p, deadline, x->arena, NULL, &err) != ERR_OK) {
        LOG_WARN("sync.miss.uncounted", "a push miss is not counted in the calendar's row",
                 F_I64("cal", r->calendar->id), F_ERR(&err));
    }
}

static void sync_one(struct sync_run *x, struct access_session *access, struct store_calendar *c)
{
    struct err err = {0};
    struct str cursor = STR("");
    struct reading r = {.worker = x->worker,
                        .run = x->run,
                        .access = access,
                        .calendar = c,
                        .arena = x->arena,
                        .deadline = x->deadline};
    bool was_full = c->full_read || c->cursor.len == 0;
    enum err_code rc = read_calendar(&r, &cursor, &err);
    if (rc == ERR_OK) {
        if (is_push_miss(x, &r, was_full)) {
            count_push_miss(x, &r);
        }
        channels_ensure(&r);
        rc = finish_calendar(x->worker->finish, c, next_due(c, co_wall_now()), cursor,
                             co_after(20000), &err);
    }
    metric_inc(METRIC_SYNC_RUNS, rc != ERR_OK    ? err_code_name(rc)
                                 : r.changed > 0 ? "changed"
                                                 : "unchanged");
    if (rc != ERR_OK && is_final(x, &err)) {
        fail_calendar(x, c, &err);
    }
}

/* Calendars of one connection are neighbours in no order: access is opened for each connection
 * once. */
static void sync_connection(struct sync_run *x, struct uuid connection)
{
    struct access_session *access = ARENA_NEW(x->arena, struct access_session);
    struct err err = {0};
    enum err_code rc =
        access_open(x->worker->parts.access, connection, x->arena, x->deadline, access, &err);
    for (size_t i = 0; i < x->count; i++) {
        struct store_calendar *c = &x->calendars[i];
        if (!uuid_eq(c->connection, connection) || co_is_canceled()) {
            continue;
        }
        if (rc != ERR_OK) {
            if (is_final(x, &err)) {
                fail_account(x, c, &err);
            }
            return;
        }
        sync_one(x, access, c);
    }
}

static bool seen_before(const struct sync_run *x, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (uuid_eq(x->calendars[k].connection, x->calendars[i].connection)) {
            return true;
        }
    }
    return false;
}

static enum kafka_verdict run(void *ctx, struct kafka_run *kafka_run, struct err *err)
{
    struct arena arena CLEANUP(arena_fini);
    struct request_context context;
    struct sync_run x = {.worker = ctx, .run = kafka_run, .arena = &arena};
    char traceparent[TRACEPARENT_LEN + 1];

    arena_init(&arena);
    if (kafka_run->core->key.len != sizeof x.account.bytes) {
        IGNORE(ERR_SET(err, ERR_PROTO, "the key is no account"));
        return KAFKA_DEAD;
    }
    memcpy(x.account.bytes, kafka_run->core->key.ptr, sizeof x.account.bytes);
    request_context_begin(
        &context, kafka_run->has_trace ? trace_print(&kafka_run->trace, traceparent) : STR(""));
    x.deadline = co_after(RUN_MS);
    kafka_run_reads(kafka_run);
    enum err_code rc = open_calendars(&x, err);
    if (rc == ERR_OK) {
        for (size_t i = 0; i < x.count; i++) {
            if (!seen_before(&x, i)) {
                sync_connection(&x, x.calendars[i].connection);
            }
        }
    }
    request_context_end();
    if (rc != ERR_OK) {
        return KAFKA_RETRY;
    }
    if (x.retry) {
        *err = x.why;
        return x.why.code == ERR_CONFLICT ? KAFKA_AGAIN : KAFKA_RETRY;
    }
    return kafka_run->core->park ? KAFKA_PARKED : KAFKA_DONE;
}

const struct kafka_engine_ops sync_engine_ops = {
    .classify = classify, .run = run, .due = due, .on_change = on_change, .on_fatal = on_fatal};

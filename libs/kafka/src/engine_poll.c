#include "engine_int.h"
#include "observe/log.h"
#include "observe/metric.h"

/* Records in one go; then others on the loop have their turn. */
#define ROUND_RECORDS 512
/* The group drops a member that does not poll, and a lost wake-up must not last. */
#define POLL_EVERY_MS 100
#define DEAD_LETTERS_MAX 64
#define DEAD_LETTER_TIMEOUT_MS 10000

void kafka_engine_poke(struct kafka_engine *e)
{
    e->poll_wanted = true;
    co_signal_raise(&e->polled);
}

void kafka_kept_free(struct kept *kept)
{
    if (kept != NULL) {
        rd_kafka_event_destroy(kept->event);
        free(kept);
    }
}

/* ---- dead letters ------------------------------------------------------------------------------
 */

enum err_code kafka_dead_letter(struct kafka_producer *p, const char *topic,
                                const struct kafka_record *record, const char *error_class,
                                int64_t deadline, struct err *err)
{
    struct kafka_header headers[KAFKA_HEADERS_MAX + 5];
    char partition[12], offset[24], timestamp[24];
    size_t n = record->header_count;
    memcpy(headers, record->headers, n * sizeof *headers);
    snprintf(partition, sizeof partition, "%d", record->partition);
    snprintf(offset, sizeof offset, "%lld", (long long)record->offset);
    snprintf(timestamp, sizeof timestamp, "%lld", (long long)record->timestamp);
    headers[n++] = (struct kafka_header){"x-orig-topic", str_c(record->topic)};
    headers[n++] = (struct kafka_header){"x-orig-partition", str_c(partition)};
    headers[n++] = (struct kafka_header){"x-orig-offset", str_c(offset)};
    headers[n++] = (struct kafka_header){"x-orig-ts", str_c(timestamp)};
    headers[n++] = (struct kafka_header){"x-error-class", str_c(error_class)};
    metric_inc(METRIC_KAFKA_DEAD_LETTERS, error_class);
    return kafka_produce(p,
                         &(struct kafka_message){.topic = topic,
                                                 .partition = -1,
                                                 .key = record->key,
                                                 .value = record->value,
                                                 .headers = headers,
                                                 .header_count = n},
                         deadline, err);
}

/* Until it is written down, or we are cancelled: then the record is read again by the next owner.
 */
static enum err_code dead_letter_surely(struct kafka_engine *e, const struct kafka_record *record,
                                        const char *error_class)
{
    struct err err;
    if (e->opts.dead_letter_topic == NULL) {
        metric_inc(METRIC_KAFKA_DEAD_LETTERS, error_class);
        LOG_WARN("kafka.dead_letter.dropped", "a dead record and no topic for it",
                 F_C("class", error_class), F_C("topic", record->topic),
                 F_I64("part", record->partition), F_I64("off", record->offset));
        return ERR_OK;
    }
    for (;;) {
        enum err_code rc = kafka_dead_letter(e->opts.producer, e->opts.dead_letter_topic, record,
                                             error_class, co_after(DEAD_LETTER_TIMEOUT_MS), &err);
        if (rc == ERR_OK || rc == ERR_CANCELED || rc == ERR_CLOSED) {
            return rc;
        }
        LOG_WARN("kafka.dead_letter.failed", "a dead letter is tried again", F_ERR(&err));
        if ((rc = co_sleep(500, NULL)) != ERR_OK) {
            return rc;
        }
    }
}

struct dead_letter {
    struct kafka_engine *engine;
    struct kept *kept;
    const char *error_class;
    int32_t slot;
    uint64_t epoch;
};

static void dead_letter_main(void *arg)
{
    struct dead_letter *d = arg;
    struct kafka_engine *e = d->engine;
    if (dead_letter_surely(e, &d->kept->record, d->error_class) == ERR_OK) {
        kafka_core_complete(e->core, d->slot, d->epoch, d->kept->record.offset);
    }
    kafka_kept_free(d->kept);
    free(d);
    e->dead_letters--;
    kafka_engine_poke(e);
}

/* ---- taking ------------------------------------------------------------------------------------
 */

static struct kept *keep(rd_kafka_event_t *event, const struct kafka_record *record)
{
    struct kept *kept = xmalloc(sizeof *kept);
    kept->event = event;
    kept->record = *record;
    kept->bytes = sizeof *kept + record->key.len + record->value.len;
    return kept;
}

static enum kafka_taken take_dead(struct kafka_engine *e, struct engine_part *part,
                                  rd_kafka_event_t *event, const struct kafka_record *record,
                                  const char *error_class)
{
    if (e->dead_letters >= DEAD_LETTERS_MAX) {
        return KAFKA_TAKEN_LATER;
    }
    enum kafka_taken taken =
        kafka_core_hold(e->core, part->slot, record->offset, record->timestamp);
    if (taken != KAFKA_TAKEN) {
        return taken;
    }
    struct dead_letter *d = xmalloc(sizeof *d);
    *d = (struct dead_letter){.engine = e,
                              .kept = keep(event, record),
                              .error_class = error_class != NULL ? error_class : "unknown",
                              .slot = part->slot,
                              .epoch = kafka_core_epoch(e->core, part->slot)};
    e->dead_letters++;
    if (co_spawn(&e->runs, "kafka.dead_letter", dead_letter_main, d, NULL) != ERR_OK) {
        /* Held and never completed in this assignment: the next one reads it again. */
        kafka_kept_free(d->kept);
        free(d);
        e->dead_letters--;
    }
    return taken;
}

static enum kafka_taken take_done(struct kafka_engine *e, struct engine_part *part,
                                  const struct kafka_record *record)
{
    enum kafka_taken taken =
        kafka_core_hold(e->core, part->slot, record->offset, record->timestamp);
    if (taken == KAFKA_TAKEN) {
        kafka_core_complete(e->core, part->slot, kafka_core_epoch(e->core, part->slot),
                            record->offset);
        taken = KAFKA_TAKEN_COVERED;
    }
    return taken;
}

static enum kafka_taken take_work(struct kafka_engine *e, struct engine_part *part,
                                  rd_kafka_event_t *event, const struct kafka_record *record,
                                  struct kafka_core_item *item)
{
    struct trace trace;
    struct str header;
    struct kept *kept = NULL;
    if (kafka_record_header(record, "traceparent", &header) && trace_parse(header, &trace)) {
        _Static_assert(sizeof trace == KAFKA_TRACE_LEN, "the core copies a trace's bytes");
        item->trace = (const uint8_t *)&trace;
    }
    if (!e->opts.core.coalesce) {
        kept = keep(event, record);
        item->cookie = kept;
        item->bytes = kept->bytes;
    }
    enum kafka_taken taken = kafka_core_record(e->core, part->slot, item, co_now());
    if (taken != KAFKA_TAKEN) {
        free(kept); /* the event stays with the caller */
    }
    return taken;
}

static enum kafka_taken take(struct kafka_engine *e, struct engine_part *part,
                             rd_kafka_event_t *event, const struct kafka_record *record,
                             bool *ret_kept)
{
    const char *error_class = NULL;
    struct kafka_core_item item = {.offset = record->offset,
                                   .timestamp = record->timestamp,
                                   .key = record->key,
                                   .reasons = 1,
                                   .priority = KAFKA_WEBHOOK};
    enum kafka_class class = KAFKA_CLASS_WORK;
    if (e->opts.ops->classify != NULL) {
        class = e->opts.ops->classify(e->opts.ctx, record, &item, &error_class);
    }
    enum kafka_taken taken = KAFKA_TAKEN_SKIP;
    switch (class) {
    case KAFKA_CLASS_WORK:
        taken = take_work(e, part, event, record, &item);
        *ret_kept = taken == KAFKA_TAKEN && !e->opts.core.coalesce;
        break;
    case KAFKA_CLASS_WAKE:
        kafka_engine_wake(e);
        taken = take_done(e, part, record);
        break;
    case KAFKA_CLASS_DROP:
        taken = take_done(e, part, record);
        break;
    case KAFKA_CLASS_DEAD_LETTER:
        taken = take_dead(e, part, event, record, error_class);
        *ret_kept = taken == KAFKA_TAKEN;
        break;
    }
    return taken;
}

/* Consumes the event, or leaves it in part->waiting. */
static void on_record(struct kafka_engine *e, struct engine_part *part, rd_kafka_event_t *event)
{
    struct kafka_record record;
    const rd_kafka_message_t *m = NULL;
    bool is_kept = false;
    size_t count = rd_kafka_event_message_array(event, (const rd_kafka_message_t **)&m, 1);
    if (count == 0 || m->err != RD_KAFKA_RESP_ERR_NO_ERROR || part == NULL || !part->assigned) {
        rd_kafka_event_destroy(event);
        return;
    }
    kafka_record_view(m, &record);
    if (take(e, part, event, &record, &is_kept) == KAFKA_TAKEN_LATER) {
        part->waiting = event;
    } else if (!is_kept) {
        rd_kafka_event_destroy(event);
    }
}

/* ---- polling
 * ------------------------------------------------------------------------------------- */

static void on_event(struct kafka_engine *e, rd_kafka_event_t *event)
{
    bool fatal = false;
    const rd_kafka_message_t *m;
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_REBALANCE:
        kafka_engine_on_rebalance(e, event);
        break;
    case RD_KAFKA_EVENT_OFFSET_COMMIT:
        kafka_engine_on_commit(e, event);
        break;
    case RD_KAFKA_EVENT_FETCH: /* before its partition's queue was taken out of the common one */
        if (rd_kafka_event_message_array(event, (const rd_kafka_message_t **)&m, 1) > 0) {
            on_record(e, kafka_engine_part_find(e, rd_kafka_topic_name(m->rkt), m->partition),
                      event);
            return;
        }
        break;
    default:
        kafka_event_common(e->handle->rk, event, &fatal);
        break;
    }
    if (fatal) {
        struct err err;
        char text[160] = "";
        rd_kafka_resp_err_t code = rd_kafka_fatal_error(e->handle->rk, text, sizeof text);
        kafka_err(&err, code, "the consumer cannot go on");
        kafka_engine_failed(e, &err);
    }
    rd_kafka_event_destroy(event);
}

static size_t poll_part(struct kafka_engine *e, struct engine_part *part, size_t budget)
{
    size_t count = 0;
    if (part->waiting != NULL) {
        rd_kafka_event_t *event = part->waiting;
        part->waiting = NULL;
        on_record(e, part, event);
        count++;
    }
    while (count < budget && part->waiting == NULL && part->queue != NULL &&
           kafka_core_wants(e->core, part->slot)) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(part->queue, 0);
        if (event == NULL) {
            break;
        }
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_FETCH) {
            on_record(e, part, event);
        } else {
            on_event(e, event);
        }
        count++;
    }
    return count;
}

static void poll_all(struct kafka_engine *e)
{
    rd_kafka_event_t *event;
    e->last_poll = co_now();
    while ((event = rd_kafka_queue_poll(e->queue, 0)) != NULL) {
        on_event(e, event);
    }
    while (e->closing != NULL && (event = rd_kafka_queue_poll(e->closing, 0)) != NULL) {
        on_event(e, event);
    }
    size_t budget = ROUND_RECORDS;
    size_t n = e->parts.len;
    for (size_t i = 0; i < n && budget > 0; i++) {
        struct engine_part *part = e->parts.ptr[(e->poll_from + i) % n];
        if (part->assigned) {
            size_t share = MAX(budget / 4, (size_t)16);
            size_t took = poll_part(e, part, MIN(share, budget));
            budget -= MIN(took, budget);
            e->poll_wanted |= took == share;
        }
    }
    e->poll_wanted |= budget == 0;
    e->poll_from++;
}

/* ---- runs
 * ---------------------------------------------------------------------------------------- */

struct running {
    struct kafka_run pub;
    int64_t started_ns;
};

static void run_main(void *arg)
{
    struct running *r = arg;
    struct kafka_engine *e = r->pub.engine;
    struct kafka_core_run *core = r->pub.core;
    struct kept *kept = core->cookie;
    struct err err = {0};
    enum kafka_verdict verdict = e->opts.ops->run(e->opts.ctx, &r->pub, &err);
    if (verdict == KAFKA_DEAD && kept != NULL && kafka_core_is_current(e->core, core) &&
        dead_letter_surely(e, &kept->record, err_code_name(err.code)) != ERR_OK) {
        verdict = KAFKA_AGAIN;
    }
    bool again = verdict == KAFKA_RETRY || verdict == KAFKA_AGAIN;
    bool back = again && kafka_core_is_current(e->core, core);
    kafka_core_finish(e->core, core, verdict, err.retry_after_ms, co_now());
    if (!back) {
        kafka_kept_free(kept);
    }
    metric_observe(METRIC_KAFKA_RUN_SECONDS, e->opts.group,
                   (double)(co_clock_ns() - r->started_ns) / 1e9);
    free(r);
    co_signal_raise(&e->progress);
    kafka_engine_poke(e);
}

static void start_runs(struct kafka_engine *e)
{
    for (struct kafka_core_run *core; (core = kafka_core_next(e->core, co_now())) != NULL;) {
        const struct engine_part *part = e->parts.ptr[core->partition];
        const struct kept *kept = core->cookie;
        struct running *r = xcalloc(1, sizeof *r);
        r->started_ns = co_clock_ns();
        r->pub = (struct kafka_run){.engine = e,
                                    .core = core,
                                    .topic = part->id.topic,
                                    .partition = part->id.partition,
                                    .record = kept != NULL ? &kept->record : NULL,
                                    .has_trace = core->trace != NULL};
        if (core->trace != NULL) {
            memcpy(&r->pub.trace, core->trace, sizeof r->pub.trace);
        }
        if (co_spawn(&e->runs, "kafka.run", run_main, r, NULL) != ERR_OK) {
            free(r); /* no coroutine left: the next round tries again */
            kafka_core_finish(e->core, core, KAFKA_AGAIN, 0, co_now());
            break;
        }
    }
}

void kafka_run_reads(struct kafka_run *run)
{
    kafka_core_reads(run->engine->core, run->core);
}

bool kafka_run_is_current(const struct kafka_run *run)
{
    return kafka_core_is_current(run->engine->core, run->core);
}

/* ---- the coroutine
 * ------------------------------------------------------------------------------- */

static void note_stall(struct kafka_engine *e)
{
    /* librdkafka's threads stood still with us (SIGSTOP, a frozen machine). Its own notice that
     * the session is over can be late, so the time decides as well. */
    if (e->last_poll != 0 && e->owned > 0 && co_now() - e->last_poll > e->opts.session_timeout_ms) {
        LOG_WARN("kafka.engine.stalled", "stood still past the session, nothing is committed",
                 F_I64("dur_ms", co_now() - e->last_poll));
        e->doubt_until = co_now() + e->opts.session_timeout_ms;
    }
}

void kafka_engine_poll_task(void *engine)
{
    struct kafka_engine *e = engine;
    enum err_code rc = ERR_OK;
    while (rc != ERR_CANCELED) {
        note_stall(e);
        e->poll_wanted = false;
        poll_all(e);
        start_runs(e);
        kafka_engine_show_figures(e);
        if (e->poll_wanted) {
            rc = co_yield (NULL);
        } else {
            int64_t tick = kafka_core_next_tick(e->core);
            rc = co_signal_wait(&e->polled, MIN(tick, co_after(POLL_EVERY_MS)), NULL);
        }
    }
}

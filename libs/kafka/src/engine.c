#include "engine_int.h"
#include "observe/log.h"
#include "observe/metric.h"

#define SESSION_STATIC_MS 45000
#define SESSION_DYNAMIC_MS 10000
#define CLOSE_MS 3000
#define FIGURES_EVERY_MS 1000

/* ---- figures ------------------------------------------------------------------------------------
 */

static void show_counters(struct kafka_engine *e, const struct kafka_core_stats *now)
{
    const char *g = e->opts.group;
    struct kafka_core_stats *was = &e->shown;
    metric_set(METRIC_KAFKA_IN_FLIGHT, g, (double)now->in_flight);
    metric_set(METRIC_KAFKA_READY, g, (double)now->ready);
    metric_set(METRIC_KAFKA_WAITING, g, (double)now->waiting);
    metric_add(METRIC_KAFKA_RUNS, g, (double)(now->runs - was->runs));
    metric_add(METRIC_KAFKA_TAKEN, g, (double)(now->taken - was->taken));
    metric_add(METRIC_KAFKA_COALESCED, g, (double)(now->coalesced - was->coalesced));
    metric_add(METRIC_KAFKA_RETRIES, g, (double)(now->retries - was->retries));
    metric_add(METRIC_KAFKA_PARKED, g, (double)(now->parked - was->parked));
    metric_add(METRIC_KAFKA_REPLAYED, g, (double)(now->replayed - was->replayed));
    metric_add(METRIC_KAFKA_SKIPPED, g, (double)(now->skipped - was->skipped));
    metric_add(METRIC_KAFKA_STALE, g, (double)(now->stale - was->stale));
    metric_add(METRIC_KAFKA_HOLES, g, (double)(now->holes - was->holes));
    *was = *now;
}

struct figures {
    int64_t backlog;
    int64_t oldest_at; /* INT64_MAX: none */
    int64_t incomplete;
    int64_t owned;
};

static void add_part(const struct kafka_engine *e, const struct engine_part *part,
                     struct figures *f)
{
    struct kafka_core_partition_stats s;
    int64_t first, end;
    if (!part->assigned || !kafka_core_partition_stats(e->core, part->slot, &s)) {
        return;
    }
    f->owned++;
    f->incomplete += (int64_t)s.incomplete;
    if (s.incomplete > 0) {
        f->oldest_at = MIN(f->oldest_at, s.oldest_at);
    }
    if (rd_kafka_get_watermark_offsets(e->handle->rk, part->id.topic, part->id.partition, &first,
                                       &end) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        end >= 0) {
        int64_t low = s.low >= 0 ? s.low : MAX(first, (int64_t)0);
        f->backlog += MAX(end - low - (int64_t)s.done_above, (int64_t)0);
    }
}

void kafka_engine_show_figures(struct kafka_engine *e)
{
    if (co_now() - e->last_figures < FIGURES_EVERY_MS) {
        return;
    }
    e->last_figures = co_now();
    struct kafka_core_stats stats;
    kafka_core_stats(e->core, &stats);
    show_counters(e, &stats);
    for (size_t t = 0; t < e->opts.topic_count; t++) {
        struct figures f = {.oldest_at = INT64_MAX};
        vec_foreach (p, &e->parts) {
            if ((*p)->topic_index == t) {
                add_part(e, *p, &f);
            }
        }
        int64_t age = f.oldest_at != INT64_MAX ? MAX(co_wall_now() - f.oldest_at, (int64_t)0) : 0;
        metric_set(METRIC_KAFKA_BACKLOG, e->opts.topics[t], (double)f.backlog);
        metric_set(METRIC_KAFKA_OLDEST_AGE, e->opts.topics[t], (double)age / 1000);
        metric_set(METRIC_KAFKA_INCOMPLETE, e->opts.topics[t], (double)f.incomplete);
        metric_set(METRIC_KAFKA_PARTITIONS, e->opts.topics[t], (double)f.owned);
    }
}

struct kafka_engine_health kafka_engine_health(const struct kafka_engine *e)
{
    struct figures f = {.oldest_at = INT64_MAX};
    struct kafka_engine_health h = {
        .assigned = e->owned > 0,
        .joined = e->joined,
        .draining = e->draining,
        .last_poll_age_ms = e->last_poll > 0 ? co_loop_now(e->loop) - e->last_poll : 0,
        .fatal = e->fatal,
        .partitions = e->owned,
        .rebalances = e->rebalance_count,
    };
    kafka_core_stats(e->core, &h.core);
    vec_foreach (p, &e->parts) {
        add_part(e, *p, &f);
    }
    h.backlog = f.backlog;
    h.oldest_age_ms = f.oldest_at != INT64_MAX ? MAX(co_wall_now() - f.oldest_at, (int64_t)0) : 0;
    return h;
}

void kafka_engine_failed(struct kafka_engine *e, const struct err *err)
{
    if (!e->fatal) {
        e->fatal = true;
        LOG_ERROR("kafka.engine.fatal", "the engine cannot go on", F_C("group", e->opts.group),
                  F_ERR(err));
        if (e->opts.ops->on_fatal != NULL) {
            e->opts.ops->on_fatal(e->opts.ctx, err);
        }
    }
}

/* ---- due work -----------------------------------------------------------------------------------
 */

void kafka_engine_wake(struct kafka_engine *e)
{
    e->due_wanted = true;
    co_signal_raise(&e->due_wake);
}

bool kafka_engine_due(struct kafka_engine *e, const char *topic, int32_t partition,
                      const struct kafka_core_item *due)
{
    const struct engine_part *part = kafka_engine_part_find(e, topic, partition);
    bool taken = part != NULL && part->assigned &&
                 kafka_core_due(e->core, part->slot, due, co_loop_now(e->loop));
    if (taken) {
        kafka_engine_poke(e);
    }
    return taken;
}

static void look_for_due(struct kafka_engine *e)
{
    VEC(struct kafka_partition) owned = {0};
    size_t held;
    struct kafka_due_query query = {.room = kafka_core_due_room(e->core, &held)};
    if (query.room == 0 || e->owned == 0 || e->draining) {
        return;
    }
    vec_foreach (p, &e->parts) {
        if ((*p)->assigned) {
            vec_push(&owned, (*p)->id);
        }
    }
    query.limit = query.room + held;
    query.partitions = owned.ptr;
    query.partition_count = owned.len;
    e->opts.ops->due(e->opts.ctx, &query);
    vec_fini(&owned);
}

static void due_task(void *engine)
{
    struct kafka_engine *e = engine;
    enum err_code rc = ERR_OK;
    while (rc != ERR_CANCELED) {
        if (!e->due_wanted) {
            rc = co_signal_wait(&e->due_wake, co_after(e->opts.due_ms), NULL);
        }
        e->due_wanted = false;
        if (rc != ERR_CANCELED) {
            look_for_due(e);
            rc = co_yield (NULL); /* a hook that wakes us again must not keep the loop */
        }
    }
}

/* ---- start
 * --------------------------------------------------------------------------------------- */

static void set_defaults(struct kafka_engine_opts *o)
{
    if (o->session_timeout_ms == 0) {
        o->session_timeout_ms = o->instance_id != NULL ? SESSION_STATIC_MS : SESSION_DYNAMIC_MS;
    }
    o->drain_ms = o->drain_ms > 0 ? o->drain_ms : 3000;
    o->commit_ms = o->commit_ms > 0 ? o->commit_ms : 250;
    o->due_ms = o->due_ms > 0 ? o->due_ms : 250;
    o->prefetch = o->prefetch > 0 ? o->prefetch : 10000;
}

static enum err_code make_handle(const struct kafka_engine_opts *o, rd_kafka_t **ret_rk,
                                 struct err *err)
{
    struct kafka_conf c = kafka_conf_new(&o->cluster, err);
    int heartbeat = o->session_timeout_ms / 10;
    kafka_conf_set(&c, "group.id", o->group);
    if (o->instance_id != NULL) {
        kafka_conf_set(&c, "group.instance.id", o->instance_id);
    }
    kafka_conf_set_int(&c, "session.timeout.ms", o->session_timeout_ms);
    kafka_conf_set_int(&c, "heartbeat.interval.ms", heartbeat > 3000 ? 3000 : heartbeat);
    kafka_conf_set(&c, "max.poll.interval.ms", "300000");
    /* Cooperative assignors have five known faults before 2.10; range keeps lanes together. */
    kafka_conf_set(&c, "partition.assignment.strategy", "range");
    kafka_conf_set(&c, "enable.auto.commit", "false");
    kafka_conf_set(&c, "enable.auto.offset.store", "false");
    kafka_conf_set(&c, "auto.offset.reset", "earliest");
    kafka_conf_set(&c, "allow.auto.create.topics", "false");
    kafka_conf_set(&c, "fetch.wait.max.ms", "100");
    kafka_conf_set(&c, "fetch.min.bytes", "1");
    kafka_conf_set(&c, "fetch.error.backoff.ms", "100");
    kafka_conf_set(&c, "fetch.message.max.bytes", "262144");
    /* Above these, counted for each partition since its queue is its own, no Fetch is sent; and
     * where that is so for all partitions of a broker, none for a second. 2.2 has a setting. */
    kafka_conf_set_int(&c, "queued.min.messages", o->prefetch);
    kafka_conf_set(&c, "queued.max.messages.kbytes", "4096");
    kafka_conf_try(&c, "fetch.queue.backoff.ms", "5");
    rd_kafka_conf_set_events(c.conf, RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_REBALANCE |
                                         RD_KAFKA_EVENT_OFFSET_COMMIT | RD_KAFKA_EVENT_ERROR |
                                         RD_KAFKA_EVENT_LOG);
    return kafka_conf_make(&c, &o->cluster, RD_KAFKA_CONSUMER, ret_rk);
}

static void on_pump(void *ctx)
{
    kafka_engine_poke(ctx);
}

static struct kafka_engine *engine_new(struct co_loop *loop, const struct kafka_engine_opts *opts,
                                       rd_kafka_t *rk)
{
    struct kafka_engine *e = xcalloc(1, sizeof *e);
    e->loop = loop;
    e->opts = *opts;
    e->core = kafka_core_new(&opts->core);
    kafka_jobs_init(&e->jobs);
    e->handle = kafka_handle_new(loop, &e->jobs, rk);
    rd_kafka_poll_set_consumer(rk);
    e->queue = rd_kafka_queue_get_consumer(rk);
    rd_kafka_set_log_queue(rk, e->queue);
    e->pump = kafka_pump_new(loop, &e->jobs, on_pump, e);
    kafka_pump_watch(e->pump, e->queue);
    co_group_init(&e->tasks, loop);
    co_group_init(&e->runs, loop);
    co_signal_init(&e->polled);
    co_signal_init(&e->progress);
    co_signal_init(&e->rebalanced);
    co_signal_init(&e->due_wake);
    co_sem_init(&e->commit_lock, 1);
    list_init(&e->commits);
    list_init(&e->rebalances);
    return e;
}

static enum err_code subscribe(struct kafka_engine *e, struct err *err)
{
    rd_kafka_topic_partition_list_t *topics =
        rd_kafka_topic_partition_list_new((int)e->opts.topic_count);
    for (size_t i = 0; i < e->opts.topic_count; i++) {
        rd_kafka_topic_partition_list_add(topics, e->opts.topics[i], RD_KAFKA_PARTITION_UA);
    }
    rd_kafka_resp_err_t code = rd_kafka_subscribe(e->handle->rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? ERR_OK : kafka_err(err, code, "subscribe");
}

static enum err_code start_tasks(struct kafka_engine *e, struct err *err)
{
    static const struct {
        const char *name;
        co_entry_fn entry;
    } tasks[] = {
        {"kafka.poll", kafka_engine_poll_task},
        {"kafka.commit", kafka_engine_commit_task},
        {"kafka.group", kafka_engine_group_task},
        {"kafka.due", due_task},
    };
    size_t count = ARRAY_LEN(tasks) - (e->opts.ops->due == NULL); /* the last one */
    for (size_t i = 0; i < count; i++) {
        enum err_code rc = co_spawn(&e->tasks, tasks[i].name, tasks[i].entry, e, err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    return ERR_OK;
}

enum err_code kafka_engine_start(struct co_loop *loop, const struct kafka_engine_opts *opts,
                                 struct kafka_engine **ret_engine, struct err *err)
{
    struct kafka_engine_opts o = *opts;
    rd_kafka_t *rk;
    set_defaults(&o);
    enum err_code rc = make_handle(&o, &rk, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct kafka_engine *e = engine_new(loop, &o, rk);
    rc = subscribe(e, err);
    rc = rc == ERR_OK ? start_tasks(e, err) : rc;
    if (rc != ERR_OK) {
        kafka_engine_stop(e, co_now());
        kafka_engine_free(e);
        return rc;
    }
    *ret_engine = e;
    return ERR_OK;
}

/* ---- stop
 * ---------------------------------------------------------------------------------------- */

static void wait_for_runs(struct kafka_engine *e, int64_t deadline)
{
    struct kafka_core_stats stats;
    for (;;) {
        kafka_core_stats(e->core, &stats);
        if (stats.in_flight == 0 || co_signal_wait(&e->progress, deadline, NULL) != ERR_OK) {
            return;
        }
    }
}

/* The consumer's close revokes what is left, which the group coroutine answers. */
static void close_consumer(struct kafka_engine *e)
{
    rd_kafka_t *rk = e->handle->rk;
    e->closing = rd_kafka_queue_new(rk);
    kafka_pump_watch(e->pump, e->closing);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(rk, e->closing);
    if (error != NULL) {
        LOG_DEBUG("kafka.close.failed", "the consumer does not close",
                  F_C("code", rd_kafka_error_name(error)));
        rd_kafka_error_destroy(error);
        return;
    }
    int64_t deadline = co_after(CLOSE_MS);
    while (!rd_kafka_consumer_closed(rk) && co_now() < deadline && co_sleep(5, NULL) == ERR_OK) {
        kafka_engine_poke(e);
    }
}

static void release(struct kafka_engine *e)
{
    kafka_engine_drop_all(e);
    kafka_pump_silence(e->queue);
    rd_kafka_queue_destroy(e->queue);
    if (e->closing != NULL) {
        kafka_pump_silence(e->closing);
        rd_kafka_queue_destroy(e->closing);
    }
    e->pump = kafka_pump_free(e->pump);
    kafka_handle_put(e->handle);
}

void kafka_engine_stop(struct kafka_engine *e, int64_t deadline)
{
    struct err err;
    if (e == NULL) {
        return;
    }
    e->stopping = e->draining = true;
    kafka_engine_hold_all(e);
    wait_for_runs(e, deadline);
    co_group_cancel(&e->runs);
    bool joined = co_group_join(&e->runs, co_after(1000), NULL) == ERR_OK;
    if (kafka_engine_commit(e, co_after(2000), &err) != ERR_OK) {
        LOG_WARN("kafka.stop.uncommitted", "the last commit failed: the next owner replays",
                 F_ERR(&err));
    }
    close_consumer(e);
    co_group_cancel(&e->tasks);
    joined = co_group_join(&e->tasks, co_after(1000), NULL) == ERR_OK && joined;
    release(e);
    bool idle = kafka_jobs_wait(&e->jobs, co_after(5000));
    e->stopped = joined && idle;
}

struct kafka_engine *kafka_engine_free(struct kafka_engine *e)
{
    if (e == NULL || !e->stopped) { /* a run or a thread that does not end still has it */
        return NULL;
    }
    list_foreach_safe (node, &e->commits) {
        struct commit *c = LIST_ENTRY(node, struct commit, node);
        vec_fini(&c->entries);
        free(c);
    }
    vec_foreach (p, &e->parts) {
        free(*p);
    }
    vec_fini(&e->parts);
    kafka_core_free(e->core);
    free(e);
    return NULL;
}

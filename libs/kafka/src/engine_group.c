#include "engine_int.h"
#include "observe/log.h"
#include "observe/metric.h"
#include "runtime/failpoint.h"

#define BROKER_TIMEOUT_MS 5000
#define REVOKE_COMMIT_MS 2000

struct engine_part *kafka_engine_part_find(const struct kafka_engine *e, const char *topic,
                                           int32_t partition)
{
    vec_foreach (p, &e->parts) {
        if ((*p)->id.partition == partition && strcmp((*p)->id.topic, topic) == 0) {
            return *p;
        }
    }
    return NULL;
}

static struct engine_part *part_get(struct kafka_engine *e, const char *topic, int32_t partition)
{
    struct engine_part *part = kafka_engine_part_find(e, topic, partition);
    if (part != NULL) {
        return part;
    }
    for (size_t i = 0; i < e->opts.topic_count; i++) {
        if (strcmp(e->opts.topics[i], topic) == 0) {
            part = xcalloc(1, sizeof *part);
            part->id = (struct kafka_partition){e->opts.topics[i], partition, 0};
            part->topic_index = i;
            part->slot = (int32_t)e->parts.len;
            vec_push(&e->parts, part);
        }
    }
    return part;
}

static void tell(struct kafka_engine *e, bool gained)
{
    VEC(struct kafka_partition) changed = {0};
    vec_foreach (p, &e->parts) {
        if ((*p)->assigned) {
            vec_push(&changed, (*p)->id);
        }
    }
    if (changed.len > 0 && e->opts.ops->on_change != NULL) {
        e->opts.ops->on_change(e->opts.ctx, changed.ptr, changed.len, gained);
    }
    vec_fini(&changed);
}

void kafka_engine_hold_all(struct kafka_engine *e)
{
    vec_foreach (p, &e->parts) {
        if ((*p)->assigned) {
            kafka_core_revoke(e->core, (*p)->slot);
        }
    }
}

void kafka_engine_drop_all(struct kafka_engine *e)
{
    vec_foreach (p, &e->parts) {
        struct engine_part *part = *p;
        if (!part->assigned) {
            continue;
        }
        part->assigned = false;
        kafka_core_unassign(e->core, part->slot);
        if (part->waiting != NULL) {
            rd_kafka_event_destroy(part->waiting);
            part->waiting = NULL;
        }
        kafka_pump_silence(part->queue);
        rd_kafka_queue_destroy(part->queue);
        part->queue = NULL;
    }
    for (struct kept *kept; (kept = kafka_core_dropped(e->core)) != NULL;) {
        kafka_kept_free(kept);
    }
    e->owned = 0;
}

/* ---- events -------------------------------------------------------------------------------------
 */

void kafka_engine_on_rebalance(struct kafka_engine *e, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    struct rebalance *r = xcalloc(1, sizeof *r);
    r->number = ++e->rebalance_number;
    r->assign = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    r->lost = !r->assign && rd_kafka_assignment_lost(e->handle->rk) != 0;
    r->partitions = rd_kafka_topic_partition_list_copy(rd_kafka_event_topic_partition_list(event));
    list_push(&e->rebalances, &r->node);
    e->rebalance_count++;
    metric_inc(METRIC_KAFKA_REBALANCES, r->assign ? "assign" : r->lost ? "lost" : "revoke");
    LOG_DEBUG("kafka.rebalance", "the group rebalances", F_C("group", e->opts.group),
              F_C("kind", r->assign ? "assign"
                          : r->lost ? "lost"
                                    : "revoke"),
              F_I64("partitions", r->partitions->cnt));
    co_signal_raise(&e->rebalanced);
    co_signal_raise(&e->progress);
}

static bool superseded(const struct kafka_engine *e, const struct rebalance *r)
{
    return r->number != e->rebalance_number;
}

/* ---- assign
 * -------------------------------------------------------------------------------------- */

struct offsets_job {
    struct kafka_job job;
    rd_kafka_topic_partition_list_t *committed; /* in: partitions; out: offset, metadata */
    rd_kafka_topic_partition_list_t *recent;    /* in: times; out: offsets; NULL: not asked */
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code;
};

/* Where nothing is that recent the answer is "the end", which is asked for as a number: what comes
 * from here on must not be passed over. */
static rd_kafka_resp_err_t find_recent(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *recent)
{
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(rk, recent, BROKER_TIMEOUT_MS);
    for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < recent->cnt; i++) {
        rd_kafka_topic_partition_t *tp = &recent->elems[i];
        int64_t first;
        code = tp->err;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && tp->offset < 0) {
            code = rd_kafka_query_watermark_offsets(rk, tp->topic, tp->partition, &first,
                                                    &tp->offset, BROKER_TIMEOUT_MS);
        }
    }
    return code;
}

static void offsets_work(struct kafka_job *job, rd_kafka_t *rk)
{
    struct offsets_job *o = CONTAINER_OF(job, struct offsets_job, job);
    o->code = rd_kafka_committed(rk, o->committed, BROKER_TIMEOUT_MS);
    for (int i = 0; o->code == RD_KAFKA_RESP_ERR_NO_ERROR && i < o->committed->cnt; i++) {
        o->code = o->committed->elems[i].err;
    }
    if (o->code == RD_KAFKA_RESP_ERR_NO_ERROR && o->recent != NULL) {
        o->code = find_recent(rk, o->recent);
    }
    if (o->code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        o->code = rd_kafka_metadata(rk, 0, NULL, &o->metadata, BROKER_TIMEOUT_MS);
    }
}

static void offsets_free(struct kafka_job *job)
{
    struct offsets_job *o = CONTAINER_OF(job, struct offsets_job, job);
    rd_kafka_topic_partition_list_destroy(o->committed);
    if (o->recent != NULL) {
        rd_kafka_topic_partition_list_destroy(o->recent);
    }
    if (o->metadata != NULL) {
        rd_kafka_metadata_destroy(o->metadata);
    }
    free(o);
}

static struct offsets_job *offsets_new(const struct kafka_engine *e, const struct rebalance *r)
{
    struct offsets_job *o = xcalloc(1, sizeof *o);
    o->job.work = offsets_work;
    o->job.free = offsets_free;
    o->committed = rd_kafka_topic_partition_list_copy(r->partitions);
    if (e->opts.skip_older_ms > 0) {
        o->recent = rd_kafka_topic_partition_list_copy(r->partitions);
        for (int i = 0; i < o->recent->cnt; i++) {
            o->recent->elems[i].offset = co_wall_now() - e->opts.skip_older_ms;
        }
    }
    return o;
}

/* Asks until it is answered; NULL where the rebalance was superseded or we are cancelled. */
static struct offsets_job *ask_offsets(struct kafka_engine *e, const struct rebalance *r)
{
    while (!superseded(e, r) && !e->stopping) {
        struct offsets_job *o = offsets_new(e, r);
        if (kafka_job_run(e->handle, &o->job, co_after(4 * BROKER_TIMEOUT_MS), NULL) != ERR_OK) {
            return NULL;
        }
        if (o->code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return o;
        }
        LOG_DEBUG("kafka.offsets.unknown", "the committed offsets are asked for again",
                  F_C("code", rd_kafka_err2name(o->code)));
        offsets_free(&o->job);
        if (co_sleep(200, NULL) != ERR_OK) {
            return NULL;
        }
    }
    return NULL;
}

static int32_t partition_count(const struct rd_kafka_metadata *metadata, const char *topic)
{
    for (int i = 0; i < metadata->topic_cnt; i++) {
        if (strcmp(metadata->topics[i].topic, topic) == 0) {
            return metadata->topics[i].partition_cnt;
        }
    }
    return 0;
}

/* Gives one partition to the core and takes its queue out of the common one, before any record of
 * it can be there: a record that overtook another would make that one look like a gap. */
static void begin(struct kafka_engine *e, const struct offsets_job *o, int i)
{
    rd_kafka_topic_partition_t *tp = &o->committed->elems[i];
    struct engine_part *part = part_get(e, tp->topic, tp->partition);
    struct str metadata = {tp->metadata, tp->metadata_size};
    if (part == NULL) {
        return;
    }
    const rd_kafka_topic_partition_t *recent =
        o->recent != NULL ? rd_kafka_topic_partition_list_find(o->recent, tp->topic, tp->partition)
                          : NULL;
    if (recent != NULL && recent->offset > tp->offset) {
        tp->offset = recent->offset;
        metadata = (struct str){0};
    }
    part->id.partition_count = partition_count(o->metadata, tp->topic);
    if (!kafka_core_assign(e->core, part->slot, tp->offset >= 0 ? tp->offset : -1, metadata)) {
        LOG_WARN("kafka.metadata.ignored", "commit metadata cannot be read: more is replayed",
                 F_C("topic", tp->topic), F_I64("part", tp->partition));
    }
    part->queue = rd_kafka_queue_get_partition(e->handle->rk, tp->topic, tp->partition);
    rd_kafka_queue_forward(part->queue, NULL);
    kafka_pump_watch(e->pump, part->queue);
    part->assigned = true;
    e->owned++;
}

static void take_over(struct kafka_engine *e, const struct offsets_job *o)
{
    rd_kafka_topic_partition_list_t *start =
        rd_kafka_topic_partition_list_new(o->committed->cnt + 1);
    kafka_engine_drop_all(e);
    e->doubt_until = 0;
    for (int i = 0; i < o->committed->cnt; i++) {
        begin(e, o, i);
        const rd_kafka_topic_partition_t *tp = &o->committed->elems[i];
        rd_kafka_topic_partition_list_add(start, tp->topic, tp->partition)->offset =
            tp->offset >= 0 ? tp->offset : RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_assign(e->handle->rk, start);
    rd_kafka_topic_partition_list_destroy(start);
    e->joined = true;
    tell(e, true);
    kafka_engine_wake(e);
    kafka_engine_poke(e);
}

static void do_assign(struct kafka_engine *e, const struct rebalance *r)
{
    int64_t began = co_clock_ns();
    struct offsets_job *o = ask_offsets(e, r);
    enum err_code rc = o != NULL ? failpoint("kafka.assign.before", NULL) : ERR_CANCELED;
    if (e->stopping) { /* it must be answered, or the consumer does not close */
        rd_kafka_assign(e->handle->rk, NULL);
    } else if (rc != ERR_CANCELED && !superseded(e, r)) {
        take_over(e, o);
        metric_observe(METRIC_KAFKA_REBALANCE_SECONDS, "assign",
                       (double)(co_clock_ns() - began) / 1e9);
    }
    if (o != NULL) {
        offsets_free(&o->job);
    }
}

/* ---- revoke
 * -------------------------------------------------------------------------------------- */

static bool drained(const struct kafka_engine *e)
{
    vec_foreach (p, &e->parts) {
        if ((*p)->assigned && !kafka_core_drained(e->core, (*p)->slot)) {
            return false;
        }
    }
    return true;
}

/* False: superseded meanwhile, or cancelled. */
static bool drain_and_commit(struct kafka_engine *e, const struct rebalance *r)
{
    int64_t deadline = co_after(e->opts.drain_ms);
    enum err_code rc = ERR_OK;
    while (rc == ERR_OK && !drained(e) && !superseded(e, r)) {
        rc = co_signal_wait(&e->progress, deadline, NULL);
    }
    if (superseded(e, r) || rc == ERR_CANCELED) {
        return false;
    }
    struct err err;
    rc = failpoint("kafka.revoke.drained", &err);
    rc = rc == ERR_OK ? kafka_engine_commit(e, co_after(REVOKE_COMMIT_MS), &err) : rc;
    rc = rc == ERR_OK ? failpoint("kafka.revoke.committed", &err) : rc;
    if (rc != ERR_OK) {
        LOG_DEBUG("kafka.revoke.uncommitted", "the next owner replays", F_ERR(&err));
    }
    return rc != ERR_CANCELED && !superseded(e, r);
}

static void do_revoke(struct kafka_engine *e, const struct rebalance *r)
{
    int64_t began = co_clock_ns();
    e->draining = true;
    kafka_engine_hold_all(e);
    tell(e, false);
    if (r->lost || co_now() < e->doubt_until || drain_and_commit(e, r)) {
        kafka_engine_drop_all(e);
        rd_kafka_assign(e->handle->rk, NULL);
    }
    e->draining = e->stopping;
    metric_observe(METRIC_KAFKA_REBALANCE_SECONDS, "drain", (double)(co_clock_ns() - began) / 1e9);
}

static void rebalance_free(struct rebalance *r)
{
    rd_kafka_topic_partition_list_destroy(r->partitions);
    free(r);
}

void kafka_engine_group_task(void *engine)
{
    struct kafka_engine *e = engine;
    enum err_code rc = ERR_OK;
    while (rc != ERR_CANCELED) {
        struct list *node = list_pop(&e->rebalances);
        if (node == NULL) {
            rc = co_signal_wait(&e->rebalanced, CO_FOREVER, NULL);
            continue;
        }
        struct rebalance *r = LIST_ENTRY(node, struct rebalance, node);
        if (!superseded(e, r)) { /* the newer one ends what this one began */
            r->assign ? do_assign(e, r) : do_revoke(e, r);
        }
        rebalance_free(r);
    }
    for (struct list *node; (node = list_pop(&e->rebalances)) != NULL;) {
        rebalance_free(LIST_ENTRY(node, struct rebalance, node));
    }
}

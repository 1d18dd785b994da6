#include "engine_int.h"
#include "observe/log.h"
#include "observe/metric.h"
#include "runtime/failpoint.h"

#define COMMIT_TIMEOUT_MS 10000

static void commit_free(struct commit *c)
{
    list_remove(&c->node);
    vec_fini(&c->entries);
    free(c);
}

/* The dirty partitions' marks; NULL if there are none. */
static rd_kafka_topic_partition_list_t *gather(struct kafka_engine *e, struct commit *c)
{
    rd_kafka_topic_partition_list_t *list = NULL;
    struct buf metadata CLEANUP(buf_fini);
    buf_init(&metadata, KAFKA_METADATA_MAX);
    vec_foreach (p, &e->parts) {
        struct engine_part *part = *p;
        int64_t offset;
        uint64_t version;
        if (!part->assigned ||
            !kafka_core_commit_get(e->core, part->slot, &offset, &metadata, &version)) {
            continue;
        }
        if (list == NULL) {
            list = rd_kafka_topic_partition_list_new((int)e->parts.len);
        }
        rd_kafka_topic_partition_t *tp =
            rd_kafka_topic_partition_list_add(list, part->id.topic, part->id.partition);
        tp->offset = offset;
        if (metadata.len > 0) { /* librdkafka frees it with free() */
            tp->metadata = xmalloc(metadata.len);
            memcpy(tp->metadata, metadata.ptr, metadata.len);
            tp->metadata_size = metadata.len;
        }
        vec_push(&c->entries,
                 (struct commit_entry){part->slot, kafka_core_epoch(e->core, part->slot), version});
    }
    return list;
}

static struct commit_entry *entry_of(struct kafka_engine *e, struct commit *c,
                                     const rd_kafka_topic_partition_t *tp)
{
    const struct engine_part *part = kafka_engine_part_find(e, tp->topic, tp->partition);
    vec_foreach (entry, &c->entries) {
        if (part != NULL && entry->slot == part->slot) {
            return entry;
        }
    }
    return NULL;
}

void kafka_engine_on_commit(struct kafka_engine *e, rd_kafka_event_t *event)
{
    struct commit *c = rd_kafka_event_opaque(event);
    rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (c == NULL) {
        return;
    }
    for (int i = 0; list != NULL && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *tp = &list->elems[i];
        struct commit_entry *entry = entry_of(e, c, tp);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && tp->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
            entry != NULL) {
            kafka_core_commit_done(e->core, entry->slot, entry->epoch, entry->version);
        } else if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            code = tp->err;
        }
    }
    c->answered = true;
    c->code = code == RD_KAFKA_RESP_ERR_NO_ERROR ? ERR_OK : ERR_UNAVAILABLE;
    if (c->code != ERR_OK) {
        metric_inc(METRIC_KAFKA_COMMIT_FAILURES, e->opts.group);
        LOG_DEBUG("kafka.commit.refused", "an offset commit was refused",
                  F_C("code", rd_kafka_err2name(code)));
    }
    if (c->abandoned) {
        commit_free(c);
    } else {
        co_wake(&c->wait);
    }
}

/* Asks the cluster; the answer comes as an event. c is freed on failure. */
static enum err_code ask_commit(struct kafka_engine *e, struct commit *c,
                                const rd_kafka_topic_partition_list_t *list, struct err *err)
{
    rd_kafka_queue_t *queue = e->closing != NULL ? e->closing : e->queue;
    enum err_code rc = failpoint("kafka.commit.before", err);
    if (rc == ERR_OK) {
        rd_kafka_resp_err_t code = rd_kafka_commit_queue(e->handle->rk, list, queue, NULL, c);
        rc = code != RD_KAFKA_RESP_ERR_NO_ERROR ? kafka_err(err, code, "offset commit") : ERR_OK;
    }
    if (rc != ERR_OK) {
        commit_free(c);
    }
    return rc;
}

static enum err_code await_commit(struct kafka_engine *e, struct commit *c, int64_t deadline,
                                  struct err *err)
{
    enum err_code rc = co_wait(&c->wait, deadline, err);
    if (rc != ERR_OK && !c->answered) {
        c->abandoned = true;
        metric_inc(METRIC_KAFKA_COMMIT_FAILURES, e->opts.group);
        return rc;
    }
    rc = c->code;
    commit_free(c);
    return rc == ERR_OK ? failpoint("kafka.commit.after", err)
                        : ERR_SET_ACT(err, rc, ERR_ACT_RETRY, "offset commit refused");
}

static enum err_code commit_now(struct kafka_engine *e, int64_t deadline, struct err *err)
{
    struct commit *c = xcalloc(1, sizeof *c);
    co_wait_init(&c->wait);
    list_push(&e->commits, &c->node);
    bool may = co_now() >= e->doubt_until && !e->fatal;
    rd_kafka_topic_partition_list_t *list = may ? gather(e, c) : NULL;
    if (list == NULL) {
        commit_free(c);
        return ERR_OK;
    }
    int64_t began = co_clock_ns();
    enum err_code rc = ask_commit(e, c, list, err);
    rd_kafka_topic_partition_list_destroy(list);
    if (rc == ERR_OK) {
        rc = await_commit(e, c, deadline, err);
        metric_observe(METRIC_KAFKA_COMMIT_SECONDS, e->opts.group,
                       (double)(co_clock_ns() - began) / 1e9);
    }
    return rc;
}

enum err_code kafka_engine_commit(struct kafka_engine *e, int64_t deadline, struct err *err)
{
    enum err_code rc = co_sem_acquire(&e->commit_lock, deadline, err);
    if (rc == ERR_OK) {
        rc = commit_now(e, deadline, err);
        co_sem_release(&e->commit_lock);
    }
    return rc;
}

void kafka_engine_commit_task(void *engine)
{
    struct kafka_engine *e = engine;
    enum err_code rc = ERR_OK;
    while (rc != ERR_CANCELED) {
        rc = co_sleep(e->opts.commit_ms, NULL);
        if (rc == ERR_OK) {
            rc = kafka_engine_commit(e, co_after(COMMIT_TIMEOUT_MS), NULL);
        }
    }
}

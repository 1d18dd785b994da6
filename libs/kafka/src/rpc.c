/* The asking side. */
#include "kafka/rpc.h"
#include "client_int.h"
#include "observe/log.h"
#include "observe/metric.h"
#include "rpc_wire.h"

#define PENDING_MAX 4096
#define BROKER_TIMEOUT_MS 5000
#define HEADERS_EXTRA 4

struct asked {
    uint64_t seq;
    struct co_wait wait;
    bool answered;
    enum err_code code;
    struct err *err;
    struct buf *reply;
    struct kafka_delivery delivery;
};

struct kafka_rpc {
    struct co_loop *loop;
    struct kafka_rpc_opts opts;
    struct kafka_jobs jobs;
    struct kafka_handle *handle;
    rd_kafka_queue_t *queue;
    struct kafka_pump *pump;
    struct rpc_keys keys;
    uint8_t incarnation[RPC_INCARNATION_LEN];
    uint64_t counter;
    int32_t partition;   /* -1: not open */
    struct asked **ring; /* by seq */
    struct kafka_rpc_stats stats;
    bool closed;
};

/* ---- replies
 * -------------------------------------------------------------------------------------- */

static void settle(struct asked *a, enum err_code code, const struct err *err)
{
    a->answered = true;
    a->code = code;
    if (err != NULL && a->err != NULL) {
        *a->err = *err;
    }
    co_wake(&a->wait);
}

static void deliver(struct asked *a, struct str plain)
{
    struct err err;
    if (plain.len == 0 || plain.ptr[0] == RPC_REPLY_EXPIRED) {
        ERR_SET(&err, ERR_EXPIRED, "it was too late when its turn came");
        settle(a, ERR_EXPIRED, &err);
        return;
    }
    buf_add(a->reply, str_sub(plain, 1, SIZE_MAX));
    enum err_code rc = buf_ok(a->reply, &err);
    settle(a, rc, rc == ERR_OK ? NULL : &err);
}

static void on_reply(struct kafka_rpc *rpc, const struct kafka_record *record)
{
    struct str header;
    struct rpc_reply_head head;
    struct err err;
    if (!kafka_record_header(record, RPC_REPLY_HEADER, &header) ||
        !rpc_reply_parse(header, &head) ||
        memcmp(head.asker, rpc->incarnation, sizeof head.asker) != 0) {
        rpc->stats.foreign++;
        return;
    }
    struct asked *a = rpc->ring[head.asker_counter & (rpc->opts.pending_max - 1)];
    if (a == NULL || a->seq != head.asker_counter || a->answered) {
        rpc->stats.late++;
        metric_inc(METRIC_KAFKA_RPC_DROPPED, "late");
        return;
    }
    struct rpc_bound bound = {.reply = true,
                              .header = header,
                              .topic = str_c(record->topic),
                              .partition = record->partition};
    struct buf plain CLEANUP(buf_fini);
    buf_init(&plain, KAFKA_RPC_PAYLOAD_MAX + 1);
    if (record->value.len > KAFKA_RPC_PAYLOAD_MAX + 1 + CRYPTO_GCM_TAG_LEN ||
        rpc_open(&rpc->keys, rpc->opts.bus_keys, &head.from, &bound, record->value, &plain, &err) !=
            ERR_OK) {
        /* Whoever can produce can write this; the true reply may still come. */
        rpc->stats.refused++;
        metric_inc(METRIC_KAFKA_RPC_DROPPED, "refused");
        return;
    }
    rpc->stats.replies++;
    deliver(a, buf_str(&plain));
}

static void drain(void *ctx)
{
    struct kafka_rpc *rpc = ctx;
    struct kafka_record record;
    const rd_kafka_message_t *m;
    bool fatal = false;
    for (rd_kafka_event_t *e; (e = rd_kafka_queue_poll(rpc->queue, 0)) != NULL;) {
        if (!kafka_event_common(rpc->handle->rk, e, &fatal) &&
            rd_kafka_event_type(e) == RD_KAFKA_EVENT_FETCH) {
            while ((m = rd_kafka_event_message_next(e)) != NULL) {
                if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                    kafka_record_view(m, &record);
                    on_reply(rpc, &record);
                }
            }
        }
        rd_kafka_event_destroy(e);
    }
}

/* ---- life
 * ----------------------------------------------------------------------------------------- */

static enum err_code make_handle(const struct kafka_rpc_opts *o, rd_kafka_t **ret_rk,
                                 struct err *err)
{
    struct kafka_conf c = kafka_conf_new(&o->cluster, err);
    /* assign() wants a group's name; nothing is committed and no group is joined. */
    kafka_conf_set(&c, "group.id", "calfleet-replies");
    kafka_conf_set(&c, "enable.auto.commit", "false");
    kafka_conf_set(&c, "enable.auto.offset.store", "false");
    kafka_conf_set(&c, "auto.offset.reset", "earliest");
    kafka_conf_set(&c, "allow.auto.create.topics", "false");
    /* Long: a real broker wakes a waiting fetch at once, so this is only idle traffic. */
    kafka_conf_set(&c, "fetch.wait.max.ms", "500");
    kafka_conf_set(&c, "fetch.min.bytes", "1");
    kafka_conf_set(&c, "fetch.error.backoff.ms", "50");
    kafka_conf_set(&c, "queued.min.messages", "20000");
    kafka_conf_set(&c, "queued.max.messages.kbytes", "16384");
    rd_kafka_conf_set_events(c.conf,
                             RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
    return kafka_conf_make(&c, &o->cluster, RD_KAFKA_CONSUMER, ret_rk);
}

enum err_code kafka_rpc_new(struct co_loop *loop, const struct kafka_rpc_opts *opts,
                            struct kafka_rpc **ret_rpc, struct err *err)
{
    rd_kafka_t *rk;
    enum err_code rc = make_handle(opts, &rk, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct kafka_rpc *rpc = xcalloc(1, sizeof *rpc);
    rpc->loop = loop;
    rpc->opts = *opts;
    rpc->opts.pending_max = opts->pending_max > 0 ? opts->pending_max : PENDING_MAX;
    BUG_ON((rpc->opts.pending_max & (rpc->opts.pending_max - 1)) != 0);
    rpc->ring = xcalloc(rpc->opts.pending_max, sizeof *rpc->ring);
    rpc->partition = -1;
    crypto_random(rpc->incarnation, sizeof rpc->incarnation);
    kafka_jobs_init(&rpc->jobs);
    rpc->handle = kafka_handle_new(loop, &rpc->jobs, rk);
    rd_kafka_poll_set_consumer(rk);
    rpc->queue = rd_kafka_queue_get_consumer(rk);
    rd_kafka_set_log_queue(rk, rpc->queue);
    rpc->pump = kafka_pump_new(loop, &rpc->jobs, drain, rpc);
    kafka_pump_watch(rpc->pump, rpc->queue);
    *ret_rpc = rpc;
    return ERR_OK;
}

struct end_job {
    struct kafka_job job;
    char topic[256];
    uint64_t spread;
    int32_t partition;
    int64_t end;
    rd_kafka_resp_err_t code;
};

static int32_t count_partitions(rd_kafka_t *rk, const char *name, rd_kafka_resp_err_t *ret_code)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    int32_t count = 0;
    *ret_code = rd_kafka_metadata(rk, 0, topic, &metadata, BROKER_TIMEOUT_MS);
    if (*ret_code == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topic_cnt == 1) {
        *ret_code = metadata->topics[0].err;
        count = metadata->topics[0].partition_cnt;
    }
    if (metadata != NULL) {
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(topic);
    return count;
}

static void end_work(struct kafka_job *job, rd_kafka_t *rk)
{
    struct end_job *j = CONTAINER_OF(job, struct end_job, job);
    int64_t first;
    int32_t count = count_partitions(rk, j->topic, &j->code);
    if (j->code == RD_KAFKA_RESP_ERR_NO_ERROR && count > 0) {
        j->partition = (int32_t)(j->spread % (uint64_t)count);
        j->code = rd_kafka_query_watermark_offsets(rk, j->topic, j->partition, &first, &j->end,
                                                   BROKER_TIMEOUT_MS);
    } else if (j->code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        j->code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    }
}

static void end_free(struct kafka_job *job)
{
    free(CONTAINER_OF(job, struct end_job, job));
}

enum err_code kafka_rpc_open(struct kafka_rpc *rpc, int64_t deadline, struct err *err)
{
    if (rpc->partition >= 0) {
        return ERR_OK;
    }
    struct end_job *j = xcalloc(1, sizeof *j);
    j->job.work = end_work;
    j->job.free = end_free;
    snprintf(j->topic, sizeof j->topic, "%s", rpc->opts.reply_topic);
    memcpy(&j->spread, rpc->incarnation, sizeof j->spread);
    enum err_code rc = kafka_job_run(rpc->handle, &j->job, deadline, err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (j->code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rc = kafka_err(err, j->code, rpc->opts.reply_topic);
    } else {
        /* At that number, so that no reply to what is asked from here on can be missed, even if
         * the fetch begins late. */
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, rpc->opts.reply_topic, j->partition)->offset =
            j->end;
        rd_kafka_resp_err_t code = rd_kafka_assign(rpc->handle->rk, list);
        rd_kafka_topic_partition_list_destroy(list);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            rc = kafka_err(err, code, "assign");
        } else {
            rpc->partition = j->partition;
        }
    }
    end_free(&j->job);
    return rc;
}

bool kafka_rpc_ready(const struct kafka_rpc *rpc)
{
    return rpc->partition >= 0 && !rpc->closed;
}

void kafka_rpc_close(struct kafka_rpc *rpc, int64_t deadline)
{
    struct err err;
    ERR_SET(&err, ERR_CLOSED, "the asking side is closed");
    rpc->closed = true;
    for (size_t i = 0; i < rpc->opts.pending_max; i++) {
        if (rpc->ring[i] != NULL && !rpc->ring[i]->answered) {
            settle(rpc->ring[i], ERR_CLOSED, &err);
        }
    }
    while (rpc->stats.pending > 0 && co_now() < deadline && co_yield (NULL) == ERR_OK) {
    }
    kafka_pump_silence(rpc->queue);
    rd_kafka_queue_destroy(rpc->queue);
    rpc->pump = kafka_pump_free(rpc->pump);
    kafka_handle_put(rpc->handle);
    kafka_jobs_wait(&rpc->jobs, MAX(deadline, co_after(3000)));
}

struct kafka_rpc *kafka_rpc_free(struct kafka_rpc *rpc)
{
    if (rpc != NULL && rpc->jobs.count == 0 && rpc->stats.pending == 0) {
        crypto_wipe(&rpc->keys, sizeof rpc->keys);
        free(rpc->ring);
        free(rpc);
    }
    return NULL;
}

struct kafka_rpc_stats kafka_rpc_stats(const struct kafka_rpc *rpc)
{
    return rpc->stats;
}

/* ---- asking
 * --------------------------------------------------------------------------------------- */

static void on_delivery(struct kafka_delivery *d, enum err_code code, const struct err *err)
{
    struct asked *a = d->ctx;
    if (code != ERR_OK && !a->answered) {
        settle(a, code, err);
    }
}

static enum err_code send_request(struct kafka_rpc *rpc, const struct kafka_rpc_call *call,
                                  int64_t deadline, struct asked *a, struct err *err)
{
    const struct crypto_key *bus_key = crypto_keyring_current(rpc->opts.bus_keys);
    int64_t left = MIN(deadline - co_now(), (int64_t)KAFKA_RPC_DEADLINE_MAX_MS / 2);
    struct rpc_request_head head = {.from = {.key_id = bus_key->id, .counter = a->seq},
                                    .deadline_at = co_wall_now() + left,
                                    .reply_partition = rpc->partition};
    uint8_t header[RPC_REQUEST_LEN];
    memcpy(head.from.incarnation, rpc->incarnation, sizeof head.from.incarnation);
    rpc_request_print(&head, header);
    struct rpc_bound bound = {.header = {(const char *)header, sizeof header},
                              .topic = str_c(call->topic),
                              .key = call->key,
                              .caller = call->caller};
    struct buf sealed CLEANUP(buf_fini);
    buf_init(&sealed, KAFKA_RPC_PAYLOAD_MAX + CRYPTO_GCM_TAG_LEN);
    rpc_seal(&rpc->keys, bus_key, &head.from, &bound, call->payload, &sealed);
    struct kafka_header headers[2 + HEADERS_EXTRA] = {{RPC_REQUEST_HEADER, bound.header},
                                                      {RPC_CALLER_HEADER, call->caller}};
    for (size_t i = 0; i < call->header_count; i++) {
        headers[2 + i] = call->headers[i];
    }
    struct kafka_message message = {.topic = call->topic,
                                    .partition = -1,
                                    .key = call->key,
                                    .value = buf_str(&sealed),
                                    .headers = headers,
                                    .header_count = 2 + call->header_count};
    return kafka_produce_start(rpc->opts.producer, &message, &a->delivery, err);
}

static enum err_code ask(struct kafka_rpc *rpc, const struct kafka_rpc_call *call, int64_t deadline,
                         struct buf *reply, struct err *err)
{
    struct asked a = {.seq = ++rpc->counter, .err = err, .reply = reply};
    struct asked **slot = &rpc->ring[a.seq & (rpc->opts.pending_max - 1)];
    if (*slot != NULL) {
        return ERR_SET_ACT(err, ERR_BUSY, ERR_ACT_RETRY, "%zu questions are open",
                           rpc->stats.pending);
    }
    co_wait_init(&a.wait);
    a.delivery = (struct kafka_delivery){.fn = on_delivery, .ctx = &a};
    enum err_code rc = send_request(rpc, call, deadline, &a, err);
    if (rc != ERR_OK) {
        return rc;
    }
    *slot = &a;
    rpc->stats.pending++;
    rc = co_wait(&a.wait, deadline, err);
    *slot = NULL;
    rpc->stats.pending--;
    kafka_delivery_detach(&a.delivery);
    return rc == ERR_OK ? a.code : rc;
}

enum err_code kafka_rpc_ask(struct kafka_rpc *rpc, const struct kafka_rpc_call *call,
                            int64_t deadline, struct buf *reply, struct err *err)
{
    if (rpc->closed) {
        return ERR_SET(err, ERR_CLOSED, "the asking side is closed");
    }
    if (rpc->partition < 0) {
        return ERR_SET_ACT(err, ERR_UNAVAILABLE, ERR_ACT_RETRY, "no reply partition yet");
    }
    if (call->payload.len > KAFKA_RPC_PAYLOAD_MAX || call->caller.len > KAFKA_RPC_CALLER_MAX ||
        call->header_count > HEADERS_EXTRA) {
        return ERR_SET(err, ERR_TOO_BIG, "a question of %zu bytes", call->payload.len);
    }
    int64_t began = co_clock_ns();
    metric_set(METRIC_KAFKA_RPC_PENDING, NULL, (double)rpc->stats.pending + 1);
    enum err_code rc = ask(rpc, call, deadline, reply, err);
    metric_set(METRIC_KAFKA_RPC_PENDING, NULL, (double)rpc->stats.pending);
    if (rc == ERR_OK) {
        metric_observe(METRIC_KAFKA_RPC_SECONDS, call->topic,
                       (double)(co_clock_ns() - began) / 1e9);
    } else {
        metric_inc(METRIC_KAFKA_RPC_FAILURES, err_code_name(rc));
    }
    return rc;
}

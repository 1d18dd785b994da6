#include "kafka/producer.h"
#include "client_int.h"
#include "observe/log.h"
#include "observe/metric.h"

/* One librdkafka handle. There are two for the moment in which the first has met a fatal error and
 * its undelivered records move to the second. */
struct link {
    struct list node;
    struct kafka_producer *producer;
    struct kafka_handle *handle;
    rd_kafka_queue_t *queue;
    struct kafka_pump *pump;
    rd_kafka_topic_t **topics; /* as opts.topics */
    bool leaving;
};

/* A record without a report. */
struct flight {
    struct list node;
    struct kafka_producer *producer;
    struct kafka_delivery *delivery; /* NULL: detached */
    const char *topic;
    int64_t sent_at; /* ms of the loop */
    int64_t sent_ns;
};

struct kafka_producer {
    struct co_loop *loop;
    struct kafka_producer_opts opts;
    struct kafka_jobs jobs;
    struct list links; /* the last one takes new records */
    struct list flights;
    int64_t flight_count;
    struct co_signal landed;
    int64_t recreated;
    bool closed;
};

static struct link *current(const struct kafka_producer *p)
{
    return LIST_ENTRY(p->links.prev, struct link, node);
}

/* ---- reports
 * ---------------------------------------------------------------------------------------- */

static void land(struct flight *f, enum err_code code, const struct err *err)
{
    struct kafka_producer *p = f->producer;
    struct kafka_delivery *d = f->delivery;
    list_remove(&f->node);
    p->flight_count--;
    if (code == ERR_OK) {
        metric_observe(METRIC_KAFKA_PRODUCE_SECONDS, f->topic,
                       (double)(co_clock_ns() - f->sent_ns) / 1e9);
    } else {
        metric_inc(METRIC_KAFKA_PRODUCE_FAILURES, err_code_name(code));
    }
    free(f);
    if (d != NULL) {
        d->flight = NULL;
        d->fn(d, code, err);
    }
    co_signal_raise(&p->landed);
}

static rd_kafka_topic_t *topic_find(const struct link *link, const char *name, size_t *ret_index)
{
    const struct kafka_producer_opts *o = &link->producer->opts;
    for (size_t i = 0; i < o->topic_count; i++) {
        if (o->topics[i] == name || strcmp(o->topics[i], name) == 0) {
            *ret_index = i;
            return link->topics[i];
        }
    }
    return NULL;
}

/* The record of a report goes out again by the new handle; false if that does not take it. */
static bool resend(struct link *link, struct flight *f, const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers = NULL;
    size_t index;
    rd_kafka_topic_t *topic = topic_find(link, f->topic, &index);
    if (co_loop_now(f->producer->loop) - f->sent_at > f->producer->opts.message_timeout_ms) {
        return false;
    }
    if (rd_kafka_message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        headers = rd_kafka_headers_copy(headers);
    } else {
        headers = rd_kafka_headers_new(0);
    }
    rd_kafka_resp_err_t rc = rd_kafka_producev(
        link->handle->rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(m->partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(m->key, m->key_len),
        RD_KAFKA_V_VALUE(m->payload, m->len), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_TIMESTAMP(rd_kafka_message_timestamp(m, NULL)), RD_KAFKA_V_OPAQUE(f),
        RD_KAFKA_V_END);
    if (rc != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_headers_destroy(headers);
    }
    return rc == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void replace(struct link *link);

static void on_report(struct link *link, const rd_kafka_message_t *m)
{
    struct flight *f = m->_private;
    struct kafka_producer *p = link->producer;
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
        rd_kafka_fatal_error(link->handle->rk, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        replace(link); /* the reports can come before the error's own event */
    }
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        land(f, ERR_OK, NULL);
    } else if (!(link->leaving && !p->closed && resend(current(p), f, m))) {
        struct err err;
        enum err_code code = kafka_err(&err, m->err, "delivery");
        land(f, code, &err);
    }
}

/* ---- handles
 * ---------------------------------------------------------------------------------------- */

static void drain(void *ctx);

static enum err_code link_conf(const struct kafka_producer_opts *o, rd_kafka_t **ret_rk,
                               struct err *err)
{
    struct kafka_conf c = kafka_conf_new(&o->cluster, err);
    kafka_conf_set(&c, "enable.idempotence", "true");
    kafka_conf_set(&c, "acks", "all");
    kafka_conf_set(&c, "linger.ms", "0");
    kafka_conf_set(&c, "batch.size", "1000000");
    kafka_conf_set(&c, "partitioner", "murmur2_random");
    kafka_conf_set(&c, "compression.codec", o->compress ? "lz4" : "none");
    kafka_conf_set_int(&c, "message.timeout.ms", o->message_timeout_ms);
    kafka_conf_set_int(&c, "queue.buffering.max.messages", o->queue_messages);
    kafka_conf_set_int(&c, "queue.buffering.max.kbytes", o->queue_kbytes);
    rd_kafka_conf_set_events(c.conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
    return kafka_conf_make(&c, &o->cluster, RD_KAFKA_PRODUCER, ret_rk);
}

static enum err_code link_open(struct kafka_producer *p, struct err *err)
{
    rd_kafka_t *rk;
    enum err_code rc = link_conf(&p->opts, &rk, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct link *link = xcalloc(1, sizeof *link);
    link->producer = p;
    link->handle = kafka_handle_new(p->loop, &p->jobs, rk);
    link->queue = rd_kafka_queue_get_main(rk);
    rd_kafka_set_log_queue(rk, NULL);
    link->topics = xcalloc(p->opts.topic_count + 1, sizeof(rd_kafka_topic_t *));
    for (size_t i = 0; i < p->opts.topic_count; i++) {
        /* Known from here, so that the first record does not wait half a second for it. */
        link->topics[i] = rd_kafka_topic_new(rk, p->opts.topics[i], NULL);
    }
    list_push(&p->links, &link->node);
    link->pump = kafka_pump_new(p->loop, &p->jobs, drain, link);
    kafka_pump_watch(link->pump, link->queue);
    return ERR_OK;
}

static void link_close(struct link *link)
{
    list_remove(&link->node);
    kafka_pump_silence(link->queue);
    kafka_pump_free(link->pump);
    rd_kafka_queue_destroy(link->queue);
    for (size_t i = 0; i < link->producer->opts.topic_count; i++) {
        rd_kafka_topic_destroy(link->topics[i]);
    }
    kafka_handle_put(link->handle);
    free(link->topics);
    free(link);
}

/* A fatal error of the idempotent producer means that it can no longer tell what the broker has.
 * For us a duplicate is legal and a loss is not: a new handle sends the rest again. */
static void replace(struct link *link)
{
    struct kafka_producer *p = link->producer;
    struct err err;
    if (link->leaving || p->closed) {
        return;
    }
    if (link_open(p, &err) != ERR_OK) {
        LOG_ERROR("kafka.producer.stuck", "no new handle after a fatal error", F_ERR(&err));
        return;
    }
    link->leaving = true;
    p->recreated++;
    metric_inc(METRIC_KAFKA_PRODUCER_RECREATED, NULL);
    LOG_WARN("kafka.producer.recreated", "fatal error, the handle is replaced",
             F_C("code", rd_kafka_err2name(rd_kafka_fatal_error(link->handle->rk, NULL, 0))));
    rd_kafka_purge(link->handle->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                         RD_KAFKA_PURGE_F_NON_BLOCKING);
}

static void drain(void *ctx)
{
    struct link *link = ctx;
    bool fatal = false;
    for (rd_kafka_event_t *e; (e = rd_kafka_queue_poll(link->queue, 0)) != NULL;) {
        if (!kafka_event_common(link->handle->rk, e, &fatal) &&
            rd_kafka_event_type(e) == RD_KAFKA_EVENT_DR) {
            for (const rd_kafka_message_t *m; (m = rd_kafka_event_message_next(e)) != NULL;) {
                on_report(link, m);
            }
        }
        rd_kafka_event_destroy(e);
    }
    if (fatal) {
        replace(link);
    }
    if (link->leaving && rd_kafka_outq_len(link->handle->rk) == 0) {
        link_close(link);
    }
}

/* ---- life
 * -----------------------------------------------------------------------------------------------
 */

enum err_code kafka_producer_new(struct co_loop *loop, const struct kafka_producer_opts *opts,
                                 struct kafka_producer **ret_producer, struct err *err)
{
    struct kafka_producer *p = xcalloc(1, sizeof *p);
    p->loop = loop;
    p->opts = *opts;
    p->opts.message_timeout_ms = opts->message_timeout_ms > 0 ? opts->message_timeout_ms : 2500;
    p->opts.queue_messages = opts->queue_messages > 0 ? opts->queue_messages : 100000;
    p->opts.queue_kbytes = opts->queue_kbytes > 0 ? opts->queue_kbytes : 65536;
    kafka_jobs_init(&p->jobs);
    list_init(&p->links);
    list_init(&p->flights);
    co_signal_init(&p->landed);
    enum err_code rc = link_open(p, err);
    if (rc != ERR_OK) {
        free(p);
        return rc;
    }
    *ret_producer = p;
    return ERR_OK;
}

static void wait_for_reports(struct kafka_producer *p, int64_t deadline)
{
    while (p->flight_count > 0 && co_signal_wait(&p->landed, deadline, NULL) == ERR_OK) {
    }
}

void kafka_producer_close(struct kafka_producer *p, int64_t deadline)
{
    wait_for_reports(p, deadline);
    p->closed = true;
    if (p->flight_count > 0) {
        list_foreach (node, &p->links) {
            rd_kafka_purge(LIST_ENTRY(node, struct link, node)->handle->rk,
                           RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                               RD_KAFKA_PURGE_F_NON_BLOCKING);
        }
        wait_for_reports(p, co_after(1000));
    }
    list_foreach_safe (node, &p->links) {
        link_close(LIST_ENTRY(node, struct link, node));
    }
    list_foreach_safe (node, &p->flights) {
        struct err err;
        ERR_SET(&err, ERR_CANCELED, "the producer is closed");
        land(LIST_ENTRY(node, struct flight, node), ERR_CANCELED, &err);
    }
    kafka_jobs_wait(&p->jobs, co_after(5000));
}

struct kafka_producer *kafka_producer_free(struct kafka_producer *p)
{
    if (p != NULL && p->jobs.count == 0) { /* else librdkafka hangs in a thread and still has it */
        BUG_ON(!list_empty(&p->links));
        free(p);
    }
    return NULL;
}

/* ---- warm
 * -----------------------------------------------------------------------------------------------
 */

struct warm_job {
    struct kafka_job job;
    const struct kafka_producer_opts *opts;
    int timeout_ms;
    rd_kafka_resp_err_t code;
    const struct rd_kafka_metadata *metadata;
};

static void warm_work(struct kafka_job *job, rd_kafka_t *rk)
{
    struct warm_job *w = CONTAINER_OF(job, struct warm_job, job);
    w->code = rd_kafka_metadata(rk, 0, NULL, &w->metadata, w->timeout_ms);
}

static void warm_free(struct kafka_job *job)
{
    struct warm_job *w = CONTAINER_OF(job, struct warm_job, job);
    if (w->metadata != NULL) {
        rd_kafka_metadata_destroy(w->metadata);
    }
    free(w);
}

static enum err_code warm_result(const struct kafka_producer *p, const struct warm_job *w,
                                 struct err *err)
{
    if (w->code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return kafka_err(err, w->code, "metadata");
    }
    for (size_t i = 0; i < p->opts.topic_count; i++) {
        rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        for (int t = 0; t < w->metadata->topic_cnt; t++) {
            if (strcmp(w->metadata->topics[t].topic, p->opts.topics[i]) == 0) {
                code = w->metadata->topics[t].err;
            }
        }
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return kafka_err(err, code, p->opts.topics[i]);
        }
    }
    return ERR_OK;
}

enum err_code kafka_producer_warm(struct kafka_producer *p, int64_t deadline, struct err *err)
{
    struct err last;
    for (;;) {
        if (p->closed) {
            return ERR_SET(err, ERR_CLOSED, "the producer is closed");
        }
        struct warm_job *w = xcalloc(1, sizeof *w);
        w->job.work = warm_work;
        w->job.free = warm_free;
        w->timeout_ms = kafka_timeout(deadline, 5000);
        enum err_code rc = kafka_job_run(current(p)->handle, &w->job, deadline + 100, err);
        if (rc != ERR_OK) {
            return rc;
        }
        rc = warm_result(p, w, &last);
        warm_free(&w->job);
        if (rc == ERR_OK) {
            return ERR_OK;
        }
        if (co_now() + 200 >= deadline) { /* its words say more than a timeout's */
            if (err != NULL) {
                *err = last;
            }
            return rc;
        }
        if ((rc = co_sleep(200, err)) != ERR_OK) {
            return rc;
        }
    }
}

/* ---- producing
 * -------------------------------------------------------------------------------------------- */

static rd_kafka_headers_t *headers_of(const struct kafka_message *message)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(message->header_count);
    for (size_t i = 0; i < message->header_count; i++) {
        const struct kafka_header *h = &message->headers[i];
        rd_kafka_header_add(headers, h->name, -1, h->value.ptr, (ssize_t)h->value.len);
    }
    return headers;
}

static rd_kafka_resp_err_t send_by(struct link *link, size_t topic,
                                   const struct kafka_message *message, struct flight *f)
{
    rd_kafka_headers_t *headers = headers_of(message);
    rd_kafka_resp_err_t code = rd_kafka_producev(
        link->handle->rk, RD_KAFKA_V_RKT(link->topics[topic]),
        RD_KAFKA_V_PARTITION(message->partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY((void *)(uintptr_t)message->key.ptr, message->key.len),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)message->value.ptr, message->value.len),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_TIMESTAMP(message->timestamp), RD_KAFKA_V_OPAQUE(f),
        RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_headers_destroy(headers);
    }
    return code;
}

enum err_code kafka_produce_start(struct kafka_producer *p, const struct kafka_message *message,
                                  struct kafka_delivery *d, struct err *err)
{
    size_t topic;
    d->flight = NULL;
    if (p->closed) {
        return ERR_SET(err, ERR_CLOSED, "the producer is closed");
    }
    if (topic_find(current(p), message->topic, &topic) == NULL) {
        return ERR_SET(err, ERR_INVALID, "topic %s is not one of the producer's", message->topic);
    }
    struct flight *f = xcalloc(1, sizeof *f);
    *f = (struct flight){.producer = p,
                         .delivery = d,
                         .topic = p->opts.topics[topic],
                         .sent_at = co_loop_now(p->loop),
                         .sent_ns = co_clock_ns()};
    rd_kafka_resp_err_t code = send_by(current(p), topic, message, f);
    if (code == RD_KAFKA_RESP_ERR__FATAL) { /* before its event came to us */
        replace(current(p));
        code = send_by(current(p), topic, message, f);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        free(f);
        metric_inc(METRIC_KAFKA_PRODUCE_FAILURES, err_code_name(kafka_err_code(code)));
        return kafka_err(err, code, "produce");
    }
    list_push(&p->flights, &f->node);
    p->flight_count++;
    d->flight = f;
    return ERR_OK;
}

void kafka_delivery_detach(struct kafka_delivery *d)
{
    if (d->flight != NULL) {
        ((struct flight *)d->flight)->delivery = NULL;
        d->flight = NULL;
    }
}

struct awaited {
    struct kafka_delivery delivery;
    struct co_wait wait;
    enum err_code code;
    struct err *err;
};

static void on_awaited(struct kafka_delivery *d, enum err_code code, const struct err *err)
{
    struct awaited *a = CONTAINER_OF(d, struct awaited, delivery);
    a->code = code;
    if (err != NULL && a->err != NULL) {
        *a->err = *err;
    }
    co_wake(&a->wait);
}

enum err_code kafka_produce(struct kafka_producer *p, const struct kafka_message *message,
                            int64_t deadline, struct err *err)
{
    struct awaited a = {.delivery.fn = on_awaited, .err = err};
    co_wait_init(&a.wait);
    enum err_code rc = kafka_produce_start(p, message, &a.delivery, err);
    if (rc != ERR_OK) {
        return rc;
    }
    rc = co_wait(&a.wait, deadline, err);
    if (rc != ERR_OK) {
        kafka_delivery_detach(&a.delivery);
        return rc;
    }
    return a.code;
}

struct kafka_producer_health kafka_producer_health(const struct kafka_producer *p)
{
    struct kafka_producer_health h = {
        .queue_share = (double)p->flight_count / (double)p->opts.queue_messages,
        .in_flight = p->flight_count,
        .recreated = p->recreated,
    };
    if (!list_empty(&p->flights)) {
        h.oldest_age_ms =
            co_loop_now(p->loop) - LIST_ENTRY(p->flights.next, struct flight, node)->sent_at;
    }
    return h;
}

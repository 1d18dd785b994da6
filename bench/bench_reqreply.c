/* The baseline of free/busy: produce, consume, one indexed SELECT and one Redis GET, produce,
 * consume; nothing sealed, decoded or decided between. librdkafka, libpq and hiredis as they are,
 * blocking, in WORKERS threads in the middle, so that questions in flight do not wait for each
 * other. Settings of the clients as in libs/kafka. */
#include "reqreply.h"

#include <pthread.h>
#include <stdatomic.h>

#define WORKERS 8 /* as many as the service has sessions */
#define WIDE_MAX 256
#define WARM 500

static struct reqreply_opts opts;
static atomic_bool over;

/* ---- the middle ------------------------------------------------------------------------------ */

struct middle {
    rd_kafka_t *consumer;
    rd_kafka_t *producer;
};

static void answer(const struct middle *m, struct reqreply_stores *stores,
                   const rd_kafka_message_t *question)
{
    char *reply = xcalloc(1, opts.reply_bytes);
    memcpy(reply, question->payload, sizeof(struct reqreply_id));
    struct reqreply_id id;
    memcpy(&id, reply, sizeof id);
    reqreply_look_up(stores, id.slot);
    BUG_ON(rd_kafka_producev(m->producer, RD_KAFKA_V_TOPIC(REQREPLY_REPLIES),
                             RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE(reply, opts.reply_bytes),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_FREE), RD_KAFKA_V_END) != 0);
}

static void *work(void *arg)
{
    struct middle *m = arg;
    struct reqreply_stores stores;
    reqreply_stores_open(&stores, &opts);
    while (!atomic_load(&over)) {
        rd_kafka_message_t *question = rd_kafka_consumer_poll(m->consumer, 50);
        if (question != NULL && question->err == 0) {
            answer(m, &stores, question);
        }
        if (question != NULL) {
            rd_kafka_message_destroy(question);
        }
        rd_kafka_poll(m->producer, 0);
    }
    reqreply_stores_close(&stores);
    return NULL;
}

/* ---- the asker ------------------------------------------------------------------------------- */

struct asker {
    rd_kafka_t *producer;
    rd_kafka_t *consumer;
    int64_t began[WIDE_MAX];
    struct samples samples;
    size_t answered;
};

static void ask(struct asker *a, uint32_t slot)
{
    char *question = xcalloc(1, opts.request_bytes);
    struct reqreply_id id = {.run = opts.run, .slot = slot};
    memcpy(question, &id, sizeof id);
    a->began[slot] = bench_clock_ns();
    BUG_ON(rd_kafka_producev(a->producer, RD_KAFKA_V_TOPIC(REQREPLY_QUESTIONS),
                             RD_KAFKA_V_PARTITION((int32_t)(slot % REQREPLY_PARTITIONS)),
                             RD_KAFKA_V_VALUE(question, opts.request_bytes),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_FREE), RD_KAFKA_V_END) != 0);
}

/* True if it was an answer to one of ours. */
static bool take_reply(struct asker *a, uint32_t *ret_slot)
{
    rd_kafka_message_t *reply = rd_kafka_consumer_poll(a->consumer, 10000);
    struct reqreply_id id = {0};
    BUG_ON(reply == NULL);
    bool ours = reply->err == 0 && reply->len >= sizeof id;
    if (ours) {
        memcpy(&id, reply->payload, sizeof id);
        ours = id.run == opts.run && id.slot < opts.wide;
    }
    rd_kafka_message_destroy(reply);
    *ret_slot = id.slot;
    return ours;
}

static void measure(struct asker *a)
{
    int64_t from = 0;
    double cpu_us = 0;
    size_t asked = opts.wide;
    for (uint32_t slot = 0; slot < opts.wide; slot++) {
        ask(a, slot);
    }
    while (a->answered < WARM + opts.count) {
        uint32_t slot;
        if (!take_reply(a, &slot)) {
            continue;
        }
        int64_t now = bench_clock_ns();
        if (++a->answered == WARM) {
            from = now;
            cpu_us = bench_cpu_us();
        } else if (a->answered > WARM) {
            vec_push(&a->samples.ns, now - a->began[slot]);
        }
        if (asked < WARM + opts.count) {
            ask(a, slot);
            asked++;
        }
        rd_kafka_poll(a->producer, 0);
    }
    samples_print(&a->samples, "reqreply", (double)(bench_clock_ns() - from) / 1e9,
                  bench_cpu_us() - cpu_us);
}

int main(int argc, char **argv)
{
    pthread_t threads[WORKERS];
    struct asker *a = xcalloc(1, sizeof *a);
    if (!reqreply_read_opts(argc, argv, &opts) || opts.wide > WIDE_MAX) {
        return 64;
    }
    reqreply_prepare(&opts);
    struct middle m = {.consumer = reqreply_consumer(&opts, REQREPLY_QUESTIONS, "100"),
                       .producer = reqreply_producer(&opts)};
    a->producer = reqreply_producer(&opts);
    a->consumer = reqreply_consumer(&opts, REQREPLY_REPLIES, "500");
    for (size_t i = 0; i < WORKERS; i++) {
        BUG_ON(pthread_create(&threads[i], NULL, work, &m) != 0);
    }
    measure(a);
    atomic_store(&over, true);
    for (size_t i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
    }
    rd_kafka_destroy(a->consumer);
    rd_kafka_destroy(m.consumer);
    rd_kafka_flush(m.producer, 2000);
    rd_kafka_destroy(m.producer);
    rd_kafka_destroy(a->producer);
    vec_fini(&a->samples.ns);
    free(a);
    return 0;
}

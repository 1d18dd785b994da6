/* The baseline of the webhook's time to an answer: a bare producer of librdkafka that sends the
 * record that ingest writes for a notice (same bytes, keys of as many accounts), idempotent, linger
 * 0, WIDE in flight, for SECONDS after a warm-up; the time from produce to the delivery report. */
#include "messages/messages.h"
#include "messages/topics.h"
#include "samples.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#define ACCOUNTS 10000
#define WARM_NS INT64_C(1000000000)
#define RECORD_MAX 256

struct load {
    rd_kafka_t *producer;
    struct samples samples;
    struct uuid *accounts;
    int64_t measure_from; /* samples before it are the warm-up */
    int in_flight;
    int failed;
};

static void delivered(rd_kafka_t *rk UNUSED, const rd_kafka_message_t *m, void *arg)
{
    struct load *load = arg;
    int64_t began = (int64_t)(intptr_t)m->_private;
    load->in_flight--;
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        load->failed++;
    } else if (began >= load->measure_from) {
        vec_push(&load->samples.ns, bench_clock_ns() - began);
    }
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "bench_producer: %s\n", text);
        exit(78);
    }
}

static void open_producer(struct load *load, const char *brokers)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", brokers);
    set(conf, "socket.nagle.disable", "true");
    set(conf, "enable.idempotence", "true");
    set(conf, "linger.ms", "0");
    set(conf, "batch.size", "1000000");
    set(conf, "partitioner", "murmur2_random");
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_opaque(conf, load);
    load->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (load->producer == NULL) {
        fprintf(stderr, "bench_producer: %s\n", text);
        exit(75);
    }
}

static void send_one(struct load *load)
{
    static const char parent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const struct uuid *account = &load->accounts[random() % ACCOUNTS];
    struct message_sync m = {.account = *account, .calendar = 1, .reason = MESSAGE_SYNC_WEBHOOK};
    struct buf value CLEANUP(buf_fini);
    int64_t now = bench_clock_ns();

    buf_init(&value, RECORD_MAX);
    MESSAGE_SET(sync, &m, asked_at, (int64_t)time(NULL) * 1000);
    BUG_ON(message_encode(MESSAGE_sync, &m, &value, NULL) != ERR_OK);
    rd_kafka_resp_err_t rc = rd_kafka_producev(
        load->producer, RD_KAFKA_V_TOPIC(TOPIC_SYNC), RD_KAFKA_V_KEY(account->bytes, 16),
        RD_KAFKA_V_VALUE(value.ptr, value.len), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_HEADER("traceparent", parent, sizeof parent - 1),
        RD_KAFKA_V_OPAQUE((void *)(intptr_t)now), RD_KAFKA_V_END);
    BUG_ON(rc != RD_KAFKA_RESP_ERR_NO_ERROR);
    load->in_flight++;
}

int main(int argc, char **argv)
{
    struct load load = {0};
    int64_t wide;
    int64_t seconds;
    if (argc != 4 || !str_to_i64(str_c(argv[2]), &wide) || !str_to_i64(str_c(argv[3]), &seconds) ||
        wide < 1 || seconds < 1) {
        fputs("usage: bench_producer BROKERS WIDE SECONDS\n", stderr);
        return 64;
    }
    load.accounts = xcalloc(ACCOUNTS, sizeof *load.accounts);
    for (int i = 0; i < ACCOUNTS; i++) {
        load.accounts[i] = uuid_random();
    }
    open_producer(&load, argv[1]);
    load.measure_from = bench_clock_ns() + WARM_NS;
    double cpu_us = 0;
    int64_t end = load.measure_from + seconds * INT64_C(1000000000);
    while (bench_clock_ns() < end) {
        while (load.in_flight < wide) {
            send_one(&load);
        }
        rd_kafka_poll(load.producer, 10);
        if (cpu_us == 0 && bench_clock_ns() >= load.measure_from) {
            cpu_us = bench_cpu_us();
        }
    }
    rd_kafka_flush(load.producer, 5000);
    rd_kafka_destroy(load.producer);
    if (load.failed > 0 || load.samples.ns.len == 0) {
        fprintf(stderr, "bench_producer: %d records failed\n", load.failed);
        return 1;
    }
    samples_print(&load.samples, "producer", (double)seconds, bench_cpu_us() - cpu_us);
    vec_fini(&load.samples.ns);
    free(load.accounts);
    return 0;
}

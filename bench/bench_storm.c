/* A storm of notices, as ingest records them: reads lines "ACCOUNT CALENDAR" and produces one
 * sync record for each, as fast as the broker takes them. */
#include "messages/messages.h"
#include "messages/topics.h"
#include "samples.h"

#include <librdkafka/rdkafka.h>

#define RECORD_MAX 256

static int failed;

static void delivered(rd_kafka_t *rk UNUSED, const rd_kafka_message_t *m, void *arg UNUSED)
{
    failed += m->err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_t *open_producer(const char *brokers)
{
    char text[256];
    static const char *const settings[][2] = {
        {"enable.idempotence", "true"}, {"linger.ms", "1"}, {"partitioner", "murmur2_random"}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    BUG_ON(rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof text) != 0);
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        BUG_ON(rd_kafka_conf_set(conf, settings[i][0], settings[i][1], text, sizeof text) != 0);
    }
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (rk == NULL) {
        fprintf(stderr, "bench_storm: %s\n", text);
        exit(75);
    }
    return rk;
}

static bool send_line(rd_kafka_t *rk, struct str line)
{
    struct message_sync m = {.reason = MESSAGE_SYNC_WEBHOOK};
    struct str account;
    struct str calendar;
    struct buf value CLEANUP(buf_fini);
    if (!str_split(&line, ' ', &account) || !uuid_parse(account, &m.account) ||
        !str_split(&line, ' ', &calendar) || !str_to_i64(calendar, &m.calendar)) {
        return false;
    }
    buf_init(&value, RECORD_MAX);
    BUG_ON(message_encode(MESSAGE_sync, &m, &value, NULL) != ERR_OK);
    BUG_ON(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(TOPIC_SYNC),
                             RD_KAFKA_V_KEY(m.account.bytes, sizeof m.account.bytes),
                             RD_KAFKA_V_VALUE(value.ptr, value.len),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END) != 0);
    return true;
}

int main(int argc, char **argv)
{
    char line[128];
    size_t count = 0;
    if (argc != 2) {
        fputs("usage: bench_storm BROKERS <ACCOUNTS-AND-CALENDARS\n", stderr);
        return 64;
    }
    rd_kafka_t *rk = open_producer(argv[1]);
    int64_t began = bench_clock_ns();
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (!send_line(rk, str_trim(str_c(line)))) {
            fputs("bench_storm: a line is not ACCOUNT CALENDAR\n", stderr);
            return 65;
        }
        count++;
        rd_kafka_poll(rk, 0);
    }
    rd_kafka_flush(rk, 10000);
    rd_kafka_destroy(rk);
    printf("{\"bench\":\"storm\",\"count\":%zu,\"failed\":%d,\"seconds\":%.3f}\n", count, failed,
           (double)(bench_clock_ns() - began) / 1e9);
    return failed > 0;
}

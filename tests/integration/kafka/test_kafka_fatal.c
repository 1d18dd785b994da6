/* A fatal error of the idempotent producer, which only a broker that lies can cause: librdkafka's
 * mock cluster injects it. */
#include "harness.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#define RECORDS 200
#define PRODUCE_API_KEY 0

struct world {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *mock;
    int good, bad;
};

static void on_delivery(struct kafka_delivery *d, enum err_code code, const struct err *err UNUSED)
{
    struct world *w = d->ctx;
    code == ERR_OK ? w->good++ : w->bad++;
}

static bool all_reported(void *arg)
{
    struct world *w = arg;
    return w->good + w->bad == RECORDS;
}

static void fatal(void *arg)
{
    struct world *w = arg;
    struct err err = {0};
    const char *topics[] = {"t"};
    struct kafka_producer *p = NULL;
    struct kafka_producer_opts opts = {
        .cluster = {.bootstrap = rd_kafka_mock_cluster_bootstraps(w->mock)},
        .topics = topics,
        .topic_count = 1,
        .message_timeout_ms = 20000};
    EXPECT(kafka_producer_new(co_loop_current(), &opts, &p, &err) == ERR_OK, &err);
    send_text(p, "t", 0, "k", "first");

    /* The second request is refused out of sequence although none before it is in doubt. */
    rd_kafka_mock_push_request_errors(w->mock, PRODUCE_API_KEY, 1,
                                      RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    struct kafka_delivery *d = xcalloc(RECORDS, sizeof *d);
    for (int i = 0; i < RECORDS; i++) {
        struct kafka_header header = {"n", STR("v")};
        struct kafka_message m = {.topic = "t",
                                  .partition = -1,
                                  .key = STR("key"),
                                  .value = STR("value"),
                                  .headers = &header,
                                  .header_count = 1};
        d[i] = (struct kafka_delivery){.fn = on_delivery, .ctx = w};
        EXPECT(kafka_produce_start(p, &m, &d[i], &err) == ERR_OK, &err);
        if (i % 50 == 0) {
            EXPECT(co_sleep(1, NULL) == ERR_OK, NULL);
        }
    }
    EXPECT(wait_until(all_reported, w, 20000), NULL);
    EXPECT(w->good == RECORDS && w->bad == 0, NULL);
    EXPECT(kafka_producer_health(p).recreated == 1, NULL);
    send_text(p, "t", 0, "k", "last");
    kafka_producer_close(p, co_after(5000));
    kafka_producer_free(p);
    free(d);
}

static void test_fatal_error_replaces_the_handle_and_loses_nothing(void **state UNUSED)
{
    char text[200];
    struct world w = {0};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(rd_kafka_conf_set(conf, "socket.nagle.disable", "true", text, sizeof text),
                     RD_KAFKA_CONF_OK);
    w.rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    assert_non_null(w.rk);
    w.mock = rd_kafka_mock_cluster_new(w.rk, 1);
    rd_kafka_mock_topic_create(w.mock, "t", 1, 1);
    in_loop(fatal, &w);
    rd_kafka_mock_cluster_destroy(w.mock);
    rd_kafka_destroy(w.rk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fatal_error_replaces_the_handle_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The producer against a real broker, its restart included. */
#include "harness.h"

#include <signal.h>

static struct kafka_producer *new_producer(const struct kafka_cluster *cluster, const char *topic)
{
    static const char *topics[1];
    struct kafka_producer *p = NULL;
    struct err err = {0};
    topics[0] = topic;
    struct kafka_producer_opts opts = {.cluster = *cluster, .topics = topics, .topic_count = 1};
    EXPECT(kafka_producer_new(co_loop_current(), &opts, &p, &err) == ERR_OK, &err);
    return p;
}

static void end_producer(struct kafka_producer *p)
{
    kafka_producer_close(p, co_after(5000));
    kafka_producer_free(p);
}

/* ---- acks
 * ---------------------------------------------------------------------------------------- */

struct burst {
    struct kafka_delivery deliveries[1000];
    int good;
    int bad;
};

static void on_delivery(struct kafka_delivery *d, enum err_code code, const struct err *err UNUSED)
{
    struct burst *b = d->ctx;
    code == ERR_OK ? b->good++ : b->bad++;
}

static bool burst_is_over(void *arg)
{
    struct burst *b = arg;
    return b->good + b->bad == ARRAY_LEN(b->deliveries);
}

static void produce_and_ack(void *arg)
{
    struct kafka_cluster *cluster = arg;
    struct err err = {0};
    const char *topic = fresh_name("ack");
    make_topic(cluster, topic, 3);
    struct kafka_producer *p = new_producer(cluster, topic);
    EXPECT(kafka_producer_warm(p, co_after(10000), &err) == ERR_OK, &err);
    send_text(p, topic, -1, "key", "value");

    struct burst *b = xcalloc(1, sizeof *b);
    for (size_t i = 0; i < ARRAY_LEN(b->deliveries); i++) {
        b->deliveries[i] = (struct kafka_delivery){.fn = on_delivery, .ctx = b};
        struct kafka_message m = {.topic = topic, .partition = -1, .value = STR("burst")};
        EXPECT(kafka_produce_start(p, &m, &b->deliveries[i], &err) == ERR_OK, &err);
    }
    EXPECT(kafka_producer_health(p).in_flight == ARRAY_LEN(b->deliveries), NULL);
    EXPECT(wait_until(burst_is_over, b, 10000), NULL);
    EXPECT(b->bad == 0, NULL);
    EXPECT(kafka_producer_health(p).in_flight == 0, NULL);
    EXPECT(kafka_producer_health(p).oldest_age_ms == 0, NULL);
    free(b);

    struct kafka_message m = {.topic = "another-topic", .partition = -1};
    EXPECT(kafka_produce(p, &m, co_after(1000), &err) == ERR_INVALID, &err);
    m = (struct kafka_message){.topic = topic, .partition = 7};
    EXPECT(kafka_produce(p, &m, co_after(5000), &err) == ERR_INVALID, &err);
    end_producer(p);
}

static void test_records_are_acknowledged_and_wrong_ones_refused(void **state UNUSED)
{
    struct kafka_cluster cluster = shared_cluster();
    in_loop(produce_and_ack, &cluster);
}

static void warm_names_a_missing_topic(void *arg)
{
    struct err err = {0};
    const char *topic = fresh_name("missing");
    struct kafka_producer *p = new_producer(arg, topic);
    EXPECT(kafka_producer_warm(p, co_after(1000), &err) == ERR_NOT_FOUND, &err);
    EXPECT(strstr(err.text, topic) != NULL, &err);
    end_producer(p);
}

static void test_missing_topic_is_named_before_readiness(void **state UNUSED)
{
    struct kafka_cluster cluster = shared_cluster();
    in_loop(warm_names_a_missing_topic, &cluster);
}

static void full_queue(void *arg)
{
    struct err err = {0};
    (void)arg;
    const char *topics[] = {"any"};
    struct kafka_producer *p = NULL;
    struct kafka_producer_opts opts = {.cluster = {.bootstrap = "127.0.0.1:1"},
                                       .topics = topics,
                                       .topic_count = 1,
                                       .message_timeout_ms = 1000,
                                       .queue_messages = 10};
    EXPECT(kafka_producer_new(co_loop_current(), &opts, &p, &err) == ERR_OK, &err);
    struct burst *b = xcalloc(1, sizeof *b);
    enum err_code rc = ERR_OK;
    for (int i = 0; rc == ERR_OK && i < 20; i++) {
        b->deliveries[i] = (struct kafka_delivery){.fn = on_delivery, .ctx = b};
        struct kafka_message m = {.topic = "any", .partition = -1, .value = STR("x")};
        rc = kafka_produce_start(p, &m, &b->deliveries[i], &err);
    }
    EXPECT(rc == ERR_BUSY, &err);
    EXPECT(kafka_producer_health(p).queue_share >= 1.0, NULL);
    /* The message timeout holds although no broker was ever reached. */
    int64_t began = co_now();
    while (b->bad < 10 && co_now() - began < 5000 && co_sleep(20, NULL) == ERR_OK) {
    }
    EXPECT(b->bad == 10 && co_now() - began < 3500, NULL);
    end_producer(p);
    free(b);
}

static void test_full_queue_is_busy_at_once_and_reports_come_without_a_broker(void **state UNUSED)
{
    in_loop(full_queue, NULL);
}

/* ---- the broker goes away
 * -------------------------------------------------------------------------- */

struct restart {
    struct stack stack;
    const char *topic;
    struct kafka_producer *p;
    bool stop;
    int acked;
    int failed;
};

static void keep_producing(void *arg)
{
    struct restart *r = arg;
    struct err err;
    while (!r->stop) {
        struct kafka_message m = {.topic = r->topic, .partition = -1, .value = STR("tick")};
        enum err_code rc = kafka_produce(r->p, &m, co_after(10000), &err);
        if (rc == ERR_OK) {
            r->acked++;
        } else {
            r->failed++;
            EXPECT(rc == ERR_UNAVAILABLE || rc == ERR_BUSY, &err);
        }
        if (co_sleep(5, NULL) != ERR_OK) {
            return;
        }
    }
}

static void broker_restart(void *arg)
{
    struct restart *r = arg;
    struct co_group g;
    struct err err = {0};
    make_topic(&r->stack.cluster, r->topic, 1);
    r->p = new_producer(&r->stack.cluster, r->topic);
    co_group_init(&g, co_loop_current());
    EXPECT(co_spawn(&g, "produce", keep_producing, r, &err) == ERR_OK, &err);
    while (r->acked < 50 && co_sleep(5, NULL) == ERR_OK) {
    }
    stack_signal(&r->stack, 1, SIGKILL); /* in mid-call: one record is always under way */
    int64_t dark = co_now();
    while (r->failed == 0 && co_now() - dark < 10000 && co_sleep(10, NULL) == ERR_OK) {
    }
    /* The message timeout of 2.5 s, which librdkafka looks at once in a second, twice. */
    EXPECT(r->failed > 0 && co_now() - dark < 5000, NULL);
    stack_restart(&r->stack);
    int before = r->acked;
    int64_t light = co_now();
    while (r->acked < before + 50 && co_now() - light < 20000 && co_sleep(10, NULL) == ERR_OK) {
    }
    EXPECT(r->acked >= before + 50, NULL);
    r->stop = true;
    EXPECT(co_group_join(&g, co_after(10000), &err) == ERR_OK, &err);
    end_producer(r->p);
}

static void test_killed_broker_is_unavailable_in_time_and_used_again_when_back(void **state UNUSED)
{
    struct restart r = {.topic = fresh_name("restart")};
    stack_up(&r.stack, 1);
    in_loop(broker_restart, &r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_are_acknowledged_and_wrong_ones_refused),
        cmocka_unit_test(test_missing_topic_is_named_before_readiness),
        cmocka_unit_test(test_full_queue_is_busy_at_once_and_reports_come_without_a_broker),
        test_with_stack(test_killed_broker_is_unavailable_in_time_and_used_again_when_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

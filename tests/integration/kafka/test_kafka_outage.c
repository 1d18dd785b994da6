/* The engine, topics and questions when the only broker is killed and comes back. */
#include "harness.h"

#include "kafka/engine.h"
#include "kafka/rpc.h"

#include <signal.h>

struct world {
    struct stack stack;
    const char *topics[2];
    struct kafka_producer *producer;
    struct kafka_engine *engine;
    int runs;
    int64_t run_ms;
};

static enum kafka_verdict run(void *ctx, struct kafka_run *r, struct err *err)
{
    struct world *w = ctx;
    kafka_run_reads(r);
    if (co_sleep(w->run_ms, err) != ERR_OK) {
        return KAFKA_RETRY;
    }
    w->runs++;
    return KAFKA_DONE;
}

static const struct kafka_engine_ops ops = {.run = run};

static void start(struct world *w)
{
    struct err err = {0};
    w->topics[0] = fresh_name("outage");
    w->topics[1] = fresh_name("outage-replies");
    make_topic(&w->stack.cluster, w->topics[0], 2);
    make_topic(&w->stack.cluster, w->topics[1], 1);
    struct kafka_producer_opts popts = {
        .cluster = w->stack.cluster, .topics = w->topics, .topic_count = 2};
    EXPECT(kafka_producer_new(co_loop_current(), &popts, &w->producer, &err) == ERR_OK, &err);
    struct kafka_engine_opts opts = {.cluster = w->stack.cluster,
                                     .group = w->topics[0],
                                     .session_timeout_ms = 6000,
                                     .topics = w->topics,
                                     .topic_count = 1,
                                     .core = {.coalesce = true, .min_interval_ms = -1},
                                     .ops = &ops,
                                     .ctx = w};
    EXPECT(kafka_engine_start(co_loop_current(), &opts, &w->engine, &err) == ERR_OK, &err);
}

static bool wait_for_runs(struct world *w, int runs, int64_t ms)
{
    int64_t deadline = co_after(ms);
    while (w->runs < runs && co_now() < deadline && co_sleep(10, NULL) == ERR_OK) {
    }
    return w->runs >= runs;
}

static void outage(void *arg)
{
    static const struct crypto_keyring keys = {.count = 1, .keys = {{.id = 1, .bytes = {1}}}};
    struct world *w = arg;
    struct err err = {0};
    struct kafka_rpc *rpc = NULL;
    struct buf reply CLEANUP(buf_fini);
    buf_init(&reply, 100);
    start(w);
    struct kafka_rpc_opts ropts = {.cluster = w->stack.cluster,
                                   .producer = w->producer,
                                   .reply_topic = w->topics[1],
                                   .bus_keys = &keys};
    EXPECT(kafka_rpc_new(co_loop_current(), &ropts, &rpc, &err) == ERR_OK, &err);
    send_text(w->producer, w->topics[0], -1, "a", "x");
    EXPECT(wait_for_runs(w, 1, 15000), NULL);

    stack_signal(&w->stack, 1, SIGKILL);
    /* Asked before it was ever open, and in the dark: an answer in time, and no crash. */
    struct kafka_rpc_call call = {.topic = w->topics[0], .key = STR("k"), .payload = STR("p")};
    EXPECT(kafka_rpc_ask(rpc, &call, co_after(500), &reply, &err) == ERR_UNAVAILABLE, &err);
    enum err_code rc = kafka_rpc_open(rpc, co_after(1000), &err);
    EXPECT(rc == ERR_TIMEOUT || rc == ERR_UNAVAILABLE, &err);
    struct kafka_topic topic = {.name = w->topics[0], .partitions = 2, .replicas = -1};
    rc = kafka_topics_check(co_loop_current(), &w->stack.cluster, &topic, 1, co_after(1000), &err);
    EXPECT(rc == ERR_TIMEOUT || rc == ERR_UNAVAILABLE, &err);

    stack_restart(&w->stack);
    send_text(w->producer, w->topics[0], -1, "b", "x");
    EXPECT(wait_for_runs(w, 2, 20000), NULL);
    topic.partitions = 3;
    rc = kafka_topics_check(co_loop_current(), &w->stack.cluster, &topic, 1, co_after(10000), &err);
    EXPECT(rc == ERR_CONFLICT && strstr(err.text, "has 2 partitions, configured are 3") != NULL,
           &err);
    EXPECT(kafka_rpc_open(rpc, co_after(10000), &err) == ERR_OK, &err);

    /* Stopped in the dark, with a run that does not want to end: bounded all the same. */
    w->run_ms = 600000;
    send_text(w->producer, w->topics[0], -1, "c", "x");
    EXPECT(co_sleep(500, NULL) == ERR_OK, NULL);
    stack_signal(&w->stack, 1, SIGKILL);
    int64_t began = co_now();
    kafka_engine_stop(w->engine, co_after(500));
    EXPECT(co_now() - began < 500 + 12000, NULL);
    kafka_engine_free(w->engine);
    kafka_rpc_close(rpc, co_after(500));
    kafka_rpc_free(rpc);
    kafka_producer_close(w->producer, co_after(500));
    kafka_producer_free(w->producer);
    print_message("stopped in the dark after %d ms\n", (int)(co_now() - began));
}

static void test_outage_is_survived_and_a_stop_within_it_is_bounded(void **state UNUSED)
{
    static struct world w;
    stack_up(&w.stack, 1);
    in_loop(outage, &w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_stack(test_outage_is_survived_and_a_stop_within_it_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

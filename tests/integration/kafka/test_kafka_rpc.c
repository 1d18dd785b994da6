/* Sealed questions and answers over a real broker. */
#include "harness.h"

#include "base/vec.h"
#include "kafka/engine.h"
#include "kafka/rpc.h"

#define SECRET "a-title-that-nobody-may-read"

static const struct crypto_keyring bus_keys = {
    .count = 2, .keys = {{.id = 7, .bytes = {1, 2, 3}}, {.id = 6, .bytes = {9, 9, 9}}}};

/* A service that answers with the caller and the question. */
struct service {
    struct kafka_cluster *cluster;
    const char *topics[3]; /* requests, replies, dead letters */
    struct kafka_producer *producer;
    struct kafka_engine *engine;
    struct kafka_rpc_server *server;
    int64_t delay_ms;
    int answered, expired, refused, replayed;
    /* The last request as it came, for forgers. */
    char value[512];
    size_t value_len;
    struct kafka_header headers[4];
    char header_bytes[4][256];
    size_t header_count;
};

static void remember(struct service *s, const struct kafka_record *r)
{
    s->value_len = MIN(r->value.len, sizeof s->value);
    memcpy(s->value, r->value.ptr, s->value_len);
    s->header_count = MIN(r->header_count, ARRAY_LEN(s->headers));
    for (size_t i = 0; i < s->header_count; i++) {
        size_t len = MIN(r->headers[i].value.len, sizeof s->header_bytes[i]);
        memcpy(s->header_bytes[i], r->headers[i].value.ptr, len);
        s->headers[i] = (struct kafka_header){
            str_eq_c(str_c(r->headers[i].name), "cf-rq") ? "cf-rq" : "cf-caller",
            {s->header_bytes[i], len}};
    }
}

static enum kafka_verdict serve(void *ctx, struct kafka_run *run, struct err *err)
{
    struct service *s = ctx;
    struct kafka_rpc_request request;
    struct arena arena CLEANUP(arena_fini);
    arena_init(&arena);
    remember(s, run->record);
    enum err_code rc =
        kafka_rpc_request_open(s->server, run->record, co_wall_now(), &arena, &request, err);
    if (rc == ERR_EXPIRED) {
        s->expired++;
        rc = kafka_rpc_reply_expired(s->server, &request, co_after(5000), err);
        return rc == ERR_OK ? KAFKA_DONE : KAFKA_RETRY;
    }
    if (rc == ERR_EXISTS) {
        s->replayed++;
        return KAFKA_DONE;
    }
    if (rc != ERR_OK) {
        s->refused++;
        return KAFKA_DEAD;
    }
    if (s->delay_ms > 0 && co_sleep(s->delay_ms, err) != ERR_OK) {
        return KAFKA_RETRY;
    }
    struct str answer =
        arena_strf(&arena, "%.*s asked %.*s", STR_ARG(request.caller), STR_ARG(request.payload));
    s->answered++;
    rc = kafka_rpc_reply(s->server, &request, answer, co_after(5000), err);
    return rc == ERR_OK ? KAFKA_DONE : KAFKA_RETRY;
}

static const struct kafka_engine_ops ops = {.run = serve};

static void service_start(struct service *s, struct kafka_cluster *cluster)
{
    struct err err = {0};
    *s = (struct service){.cluster = cluster};
    s->topics[0] = fresh_name("questions");
    s->topics[1] = fresh_name("replies");
    s->topics[2] = fresh_name("rpc-dead");
    make_topic(cluster, s->topics[0], 2);
    make_topic(cluster, s->topics[1], 1); /* all askers share it */
    make_topic(cluster, s->topics[2], 1);
    struct kafka_producer_opts opts = {.cluster = *cluster, .topics = s->topics, .topic_count = 3};
    EXPECT(kafka_producer_new(co_loop_current(), &opts, &s->producer, &err) == ERR_OK, &err);
    EXPECT(kafka_producer_warm(s->producer, co_after(10000), &err) == ERR_OK, &err);
    s->server = kafka_rpc_server_new(&(struct kafka_rpc_server_opts){
        .producer = s->producer, .reply_topic = s->topics[1], .bus_keys = &bus_keys});
    struct kafka_engine_opts eopts = {.cluster = *cluster,
                                      .group = s->topics[0],
                                      .topics = s->topics,
                                      .topic_count = 1,
                                      .producer = s->producer,
                                      .dead_letter_topic = s->topics[2],
                                      .ops = &ops,
                                      .ctx = s};
    EXPECT(kafka_engine_start(co_loop_current(), &eopts, &s->engine, &err) == ERR_OK, &err);
}

static void service_stop(struct service *s)
{
    kafka_engine_stop(s->engine, co_after(3000));
    kafka_engine_free(s->engine);
    kafka_rpc_server_free(s->server);
    kafka_producer_close(s->producer, co_after(3000));
    kafka_producer_free(s->producer);
}

static struct kafka_rpc *asker(struct service *s)
{
    struct err err = {0};
    struct kafka_rpc *rpc = NULL;
    struct kafka_rpc_opts opts = {.cluster = *s->cluster,
                                  .producer = s->producer,
                                  .reply_topic = s->topics[1],
                                  .bus_keys = &bus_keys};
    EXPECT(kafka_rpc_new(co_loop_current(), &opts, &rpc, &err) == ERR_OK, &err);
    EXPECT(kafka_rpc_open(rpc, co_after(10000), &err) == ERR_OK, &err);
    return rpc;
}

static void asker_end(struct kafka_rpc *rpc)
{
    kafka_rpc_close(rpc, co_after(3000));
    kafka_rpc_free(rpc);
}

static enum err_code ask(struct service *s, struct kafka_rpc *rpc, const char *caller,
                         const char *text, int64_t ms, struct buf *reply, struct err *err)
{
    struct kafka_rpc_call call = {
        .topic = s->topics[0], .key = str_c(text), .caller = str_c(caller), .payload = str_c(text)};
    return kafka_rpc_ask(rpc, &call, co_after(ms), reply, err);
}

/* ---- there and back
 * ---------------------------------------------------------------------------------- */

struct many {
    struct service *s;
    struct kafka_rpc *rpc;
    char caller[16];
    int good;
    struct co_group *g;
};

static void ask_often(void *arg)
{
    struct many *m = arg;
    for (int i = 0; i < 50; i++) {
        char text[16], want[64];
        struct err err = {0};
        struct buf reply CLEANUP(buf_fini);
        buf_init(&reply, 1000);
        snprintf(text, sizeof text, "q%d", i);
        snprintf(want, sizeof want, "%s asked %s", m->caller, text);
        EXPECT(ask(m->s, m->rpc, m->caller, text, 15000, &reply, &err) == ERR_OK, &err);
        EXPECT(str_eq_c(buf_str(&reply), want), NULL);
        m->good += str_eq_c(buf_str(&reply), want);
    }
}

static void two_askers(void *arg)
{
    struct service s;
    service_start(&s, arg);
    struct many many[20] = {0};
    struct kafka_rpc *rpcs[2] = {asker(&s), asker(&s)};
    struct co_group g;
    co_group_init(&g, co_loop_current());
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i] = (struct many){.s = &s, .rpc = rpcs[i % 2]};
        snprintf(many[i].caller, sizeof many[i].caller, "user-%zu", i);
        EXPECT(co_spawn(&g, "ask", ask_often, &many[i], NULL) == ERR_OK, NULL);
    }
    EXPECT(co_group_join(&g, co_after(30000), NULL) == ERR_OK, NULL);
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        EXPECT(many[i].good == 50, NULL);
    }
    for (int i = 0; i < 2; i++) {
        struct kafka_rpc_stats stats = kafka_rpc_stats(rpcs[i]);
        EXPECT(stats.replies == 500 && stats.foreign > 400, NULL);
        EXPECT(stats.refused == 0 && stats.pending == 0, NULL);
        asker_end(rpcs[i]);
    }
    service_stop(&s);
}

static void test_two_askers_share_a_reply_partition(void **state UNUSED)
{
    struct kafka_cluster cluster = shared_cluster();
    in_loop(two_askers, &cluster);
}

static void deadlines(void *arg)
{
    struct service s;
    struct err err = {0};
    struct buf reply CLEANUP(buf_fini);
    buf_init(&reply, 1000);
    service_start(&s, arg);
    struct kafka_rpc *rpc = asker(&s);
    EXPECT(ask(&s, rpc, "u", "warm", 15000, &reply, &err) == ERR_OK, &err);
    s.delay_ms = 500; /* what began is finished; the asker has gone */
    EXPECT(ask(&s, rpc, "u", "slow", 100, &reply, &err) == ERR_TIMEOUT, &err);
    /* The next question of that key waits behind it, and is too late before it began. */
    EXPECT(ask(&s, rpc, "u", "slow", 100, &reply, &err) == ERR_TIMEOUT, &err);
    int64_t began = co_now();
    while (s.expired < 1 && co_now() - began < 5000 && co_sleep(10, NULL) == ERR_OK) {
    }
    EXPECT(s.expired == 1 && s.answered == 2, NULL);
    while (kafka_rpc_stats(rpc).late < 2 && co_now() - began < 5000 &&
           co_sleep(10, NULL) == ERR_OK) {
    }
    EXPECT(kafka_rpc_stats(rpc).late == 2, NULL);
    asker_end(rpc);
    service_stop(&s);
}

static void test_late_work_is_not_begun_and_begun_work_is_finished(void **state UNUSED)
{
    struct kafka_cluster cluster = shared_cluster();
    in_loop(deadlines, &cluster);
}

/* ---- forgers
 * ------------------------------------------------------------------------------------------- */

static void forge(struct service *s, const char *key)
{
    struct err err = {0};
    struct kafka_message m = {.topic = s->topics[0],
                              .partition = -1,
                              .key = str_c(key),
                              .value = {s->value, s->value_len},
                              .headers = s->headers,
                              .header_count = s->header_count};
    EXPECT(kafka_produce(s->producer, &m, co_after(5000), &err) == ERR_OK, &err);
}

static void wait_for(const int *figure, int value)
{
    int64_t began = co_now();
    while (*figure < value && co_now() - began < 10000 && co_sleep(5, NULL) == ERR_OK) {
    }
    EXPECT(*figure == value, NULL);
}

static void forgers(void *arg)
{
    static struct service s, f;
    struct err err = {0};
    struct buf reply CLEANUP(buf_fini);
    buf_init(&reply, 1000);
    service_start(&s, arg);
    struct kafka_rpc *rpc = asker(&s);
    EXPECT(ask(&s, rpc, "alice", SECRET, 15000, &reply, &err) == ERR_OK, &err);
    f = s; /* the true request, as a forger may read it */
    for (size_t i = 0; i < f.header_count; i++) {
        f.headers[i].value.ptr = f.header_bytes[i];
    }

    forge(&f, SECRET); /* the same again: a replay */
    wait_for(&s.replayed, 1);
    forge(&f, "another-key");
    wait_for(&s.refused, 1);
    f.value[0] ^= 1; /* an altered payload */
    forge(&f, SECRET);
    wait_for(&s.refused, 2);
    f.value[0] ^= 1;
    for (size_t i = 0; i < f.header_count; i++) { /* another caller; another header */
        f.header_bytes[i][f.headers[i].value.len - 1] ^= 1;
        forge(&f, SECRET);
        wait_for(&s.refused, 3 + (int)i);
        f.header_bytes[i][f.headers[i].value.len - 1] ^= 1;
    }
    EXPECT(s.answered == 1, NULL);
    /* A reply that nobody sealed does not disturb the one who waits. */
    s.delay_ms = 300;
    struct kafka_header fake = {"cf-rp", {f.header_bytes[0], 38}};
    struct kafka_message m = {.topic = s.topics[1],
                              .partition = 0,
                              .value = STR("you are free"),
                              .headers = &fake,
                              .header_count = 1};
    EXPECT(kafka_produce(s.producer, &m, co_after(5000), &err) == ERR_OK, &err);
    buf_reset(&reply);
    EXPECT(ask(&s, rpc, "alice", "again", 15000, &reply, &err) == ERR_OK, &err);
    EXPECT(str_eq_c(buf_str(&reply), "alice asked again"), NULL);
    asker_end(rpc);
    service_stop(&s);
}

static void test_forged_altered_and_replayed_requests_are_refused(void **state UNUSED)
{
    struct kafka_cluster cluster = shared_cluster();
    in_loop(forgers, &cluster);
}

/* ---- the broker's disk
 * ------------------------------------------------------------------------------------ */

static void ask_in_secret(void *arg)
{
    struct stack *stack = arg;
    struct service s;
    struct err err = {0};
    struct buf reply CLEANUP(buf_fini);
    buf_init(&reply, 1000);
    service_start(&s, &stack->cluster);
    struct kafka_rpc *rpc = asker(&s);
    struct kafka_rpc_call call = {.topic = s.topics[0],
                                  .key = STR("k"),
                                  .caller = STR("visible-caller-id"),
                                  .payload = STR(SECRET)};
    EXPECT(kafka_rpc_ask(rpc, &call, co_after(15000), &reply, &err) == ERR_OK, &err);
    EXPECT(str_find(buf_str(&reply), STR(SECRET)) != SIZE_MAX, NULL);
    asker_end(rpc);
    service_stop(&s);
}

static void test_payloads_are_never_in_clear_on_a_brokers_disk(void **state UNUSED)
{
    struct stack stack;
    stack_up(&stack, 1);
    in_loop(ask_in_secret, &stack);
    assert_true(stack_log_holds(stack.dir, STR("visible-caller-id"))); /* the search finds things */
    assert_false(stack_log_holds(stack.dir, STR(SECRET)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_askers_share_a_reply_partition),
        cmocka_unit_test(test_late_work_is_not_begun_and_begun_work_is_finished),
        cmocka_unit_test(test_forged_altered_and_replayed_requests_are_refused),
        test_with_stack(test_payloads_are_never_in_clear_on_a_brokers_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

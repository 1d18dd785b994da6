/* Free/busy through the bus and back, as ingest asks it, without HTTP: WIDE coroutines, each with a
 * question under way, over the people read from standard input (lines "USER ORGANIZATION"; each
 * asks about himself). The keys are CALFLEET_BUS_KEYS, as for the services. */
#include "kafka/rpc.h"
#include "messages/messages.h"
#include "messages/topics.h"
#include "samples.h"

#include "crypto/crypto.h"
#include "runtime/co.h"

#define WARM 500
#define ASK_MS 10000
#define WINDOW_MS (7 * INT64_C(86400000))

struct person {
    struct uuid user;
    struct uuid organization;
    uint8_t key[CRYPTO_SHA256_LEN];
};

struct asker {
    const char *brokers;
    struct crypto_keyring keys;
    VEC(struct person) people;
    size_t wide;
    size_t count; /* to be measured, after the warm-up */
    size_t asked;
    size_t answered;
    size_t refused; /* answers that are not 200 */
    size_t reply_bytes;
    int64_t from;
    double cpu_us;
    int64_t time_min;
    struct samples samples;
    struct kafka_rpc *rpc;
};

static struct asker a;

static void check(enum err_code rc, const struct err *err)
{
    if (rc != ERR_OK) {
        fprintf(stderr, "bench_freebusy: %s: %s\n", err_code_name(rc), err->text);
        exit(75);
    }
}

static void encode(const struct person *p, struct buf *caller, struct buf *question)
{
    struct message_caller who = {.role = MESSAGE_ROLE_USER, .request_id = uuid_random()};
    struct message_freebusy m = {.time_min = a.time_min, .time_max = a.time_min + WINDOW_MS};
    MESSAGE_SET(caller, &who, user, p->user);
    MESSAGE_SET(caller, &who, organization, p->organization);
    MESSAGE_SET(freebusy, &m, organization, p->organization);
    MESSAGE_SET(freebusy, &m, users, (struct message_uuids){&p->user, 1});
    BUG_ON(message_encode(MESSAGE_caller, &who, caller, NULL) != ERR_OK);
    BUG_ON(message_encode(MESSAGE_freebusy, &m, question, NULL) != ERR_OK);
}

static void take(struct str bytes)
{
    struct arena arena CLEANUP(arena_fini);
    struct message_reply m = {0};
    arena_init(&arena);
    BUG_ON(message_decode(MESSAGE_reply, bytes, &arena, &m, NULL) != ERR_OK);
    a.refused += m.status != 200;
    a.reply_bytes = bytes.len;
}

static void ask(const struct person *p)
{
    static const char parent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    struct kafka_header header = {"traceparent", {parent, sizeof parent - 1}};
    struct buf caller CLEANUP(buf_fini);
    struct buf question CLEANUP(buf_fini);
    struct buf reply CLEANUP(buf_fini);
    struct err err;
    int64_t began = bench_clock_ns();

    buf_init(&caller, KAFKA_RPC_CALLER_MAX);
    buf_init(&question, MESSAGE_MAX_BYTES);
    buf_init(&reply, KAFKA_RPC_PAYLOAD_MAX);
    encode(p, &caller, &question);
    struct kafka_rpc_call call = {.topic = TOPIC_FREEBUSY,
                                  .key = {(const char *)p->key, 16},
                                  .caller = buf_str(&caller),
                                  .payload = buf_str(&question),
                                  .headers = &header,
                                  .header_count = 1};
    check(kafka_rpc_ask(a.rpc, &call, co_after(ASK_MS), &reply, &err), &err);
    int64_t now = bench_clock_ns();
    take(buf_str(&reply));
    if (++a.answered == WARM) {
        a.from = now;
        a.cpu_us = bench_cpu_us();
    } else if (a.answered > WARM) {
        vec_push(&a.samples.ns, now - began);
    }
}

static void ask_often(void *arg UNUSED)
{
    while (a.asked < WARM + a.count) {
        ask(&a.people.ptr[a.asked++ % a.people.len]);
    }
}

static void root(void *arg UNUSED)
{
    static const char *const topics[] = {TOPIC_FREEBUSY, TOPIC_REPLIES};
    struct kafka_producer_opts opts = {
        .cluster = {.bootstrap = a.brokers}, .topics = topics, .topic_count = 2};
    struct kafka_producer *producer;
    struct co_group group;
    struct err err;

    check(kafka_producer_new(co_loop_current(), &opts, &producer, &err), &err);
    check(kafka_producer_warm(producer, co_after(10000), &err), &err);
    struct kafka_rpc_opts rpc = {.cluster = opts.cluster,
                                 .producer = producer,
                                 .reply_topic = TOPIC_REPLIES,
                                 .bus_keys = &a.keys};
    check(kafka_rpc_new(co_loop_current(), &rpc, &a.rpc, &err), &err);
    check(kafka_rpc_open(a.rpc, co_after(10000), &err), &err);
    co_group_init(&group, co_loop_current());
    for (size_t i = 0; i < a.wide; i++) {
        check(co_spawn(&group, "ask", ask_often, NULL, &err), &err);
    }
    check(co_group_join(&group, CO_FOREVER, &err), &err);
    double seconds = (double)(bench_clock_ns() - a.from) / 1e9;
    double cpu_us = bench_cpu_us() - a.cpu_us;
    kafka_rpc_close(a.rpc, co_after(2000));
    kafka_rpc_free(a.rpc);
    kafka_producer_close(producer, co_after(2000));
    kafka_producer_free(producer);
    if (a.refused == 0) {
        fprintf(stderr, "{\"reply_bytes\":%zu}\n", a.reply_bytes);
        samples_print(&a.samples, "freebusy", seconds, cpu_us);
    }
}

static bool read_people(void)
{
    char line[128];
    while (fgets(line, sizeof line, stdin) != NULL) {
        struct str rest = str_trim(str_c(line));
        struct str user;
        struct str organization;
        struct person p;
        if (!str_split(&rest, ' ', &user) || !uuid_parse(user, &p.user) ||
            !str_split(&rest, ' ', &organization) || !uuid_parse(organization, &p.organization)) {
            return false;
        }
        crypto_sha256(uuid_bytes(&p.user), p.key);
        vec_push(&a.people, p);
    }
    return a.people.len > 0;
}

int main(int argc, char **argv)
{
    int64_t wide;
    int64_t count;
    struct err err;
    if (argc != 4 || !str_to_i64(str_c(argv[2]), &wide) || wide < 1 ||
        !str_to_i64(str_c(argv[3]), &count) || count < 1 || !read_people()) {
        fputs("usage: bench_freebusy BROKERS WIDE COUNT <USERS-AND-ORGANIZATIONS\n", stderr);
        return 64;
    }
    check(crypto_keyring_parse(str_c(getenv("CALFLEET_BUS_KEYS")), &a.keys, &err), &err);
    a.brokers = argv[1];
    a.wide = (size_t)wide;
    a.count = (size_t)count;
    a.time_min = time(NULL) * INT64_C(1000);
    struct co_loop *loop = co_loop_new(NULL);
    co_loop_run(loop, "bench", root, NULL);
    co_loop_free(loop);
    vec_fini(&a.samples.ns);
    vec_fini(&a.people);
    if (a.refused > 0) {
        fprintf(stderr, "bench_freebusy: %zu answers were not 200\n", a.refused);
    }
    return a.refused > 0;
}

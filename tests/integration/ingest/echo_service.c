/* A service that answers every question with who asks it and what was asked. A meeting's title may
 * say how: "status 409", "again", "no reply", "no message". */
#include "kafka/engine.h"
#include "kafka/rpc.h"
#include "messages/messages.h"
#include "messages/topics.h"
#include "observe/log.h"
#include "service/config_groups.h"
#include "service/service.h"
#include "service/values.h"
#include "json/write.h"

#define ECHO_CONFIG(C) KAFKA_CONFIG(C) BUS_CONFIG(C)
CONFIG_STRUCT(echo_config, ECHO_CONFIG)
static CONFIG_TABLE(echo_config, ECHO_CONFIG)

    static const char *const requests[] = {TOPIC_CONNECTIONS, TOPIC_FREEBUSY, TOPIC_SCHEDULE};
static const char *const replies[] = {TOPIC_REPLIES};

struct echo {
    struct arena arena;
    struct crypto_keyring bus_keys;
    struct kafka_producer *producer;
    struct kafka_engine *engine;
    struct kafka_rpc_server *server;
};

static struct str title_of(const struct kafka_rpc_request *request, struct arena *arena)
{
    struct message_schedule_create m = {0};
    return message_decode(MESSAGE_schedule_create, request->payload, arena, &m, NULL) == ERR_OK
               ? m.title
               : STR("");
}

static void print_who(struct json_writer *w, const struct kafka_rpc_request *request,
                      struct arena *arena)
{
    struct message_caller who = {0};
    int type = 0;
    BUG_ON(message_decode(MESSAGE_caller, request->caller, arena, &who, NULL) != ERR_OK);
    BUG_ON(message_type(request->payload, &type, NULL) != ERR_OK);
    json_open(w, '{');
    json_member_i64(w, "role", (int64_t)who.role);
    json_member_c(w, "user", UUID_C(who.user));
    json_member_c(w, "organization", UUID_C(who.organization));
    json_member_c(w, "request_id", UUID_C(who.request_id));
    json_member_i64(w, "type", type);
    json_close(w, '}');
}

static enum err_code answer(const struct kafka_rpc_request *request, struct arena *arena,
                            struct buf *out, struct err *err)
{
    struct message_reply reply = {.status = 200};
    struct buf body CLEANUP(buf_fini);
    struct str title = title_of(request, arena);
    int64_t status = 0;

    buf_init(&body, 4096);
    struct json_writer w = {.out = &body};
    print_who(&w, request, arena);
    if (str_eq_c(title, "no message")) {
        buf_add_c(out, "{}");
        return ERR_OK;
    }
    if (str_starts(title, STR("status ")) && str_to_i64(str_sub(title, 7, 9), &status)) {
        reply.status = (uint64_t)status;
    }
    if (str_eq_c(title, "again")) {
        reply.status = 503;
        MESSAGE_SET(reply, &reply, retry_after_ms, 1500);
    }
    MESSAGE_SET(reply, &reply, body, buf_str(&body));
    return message_encode(MESSAGE_reply, &reply, out, err);
}

static enum kafka_verdict serve(void *ctx, struct kafka_run *run, struct err *err)
{
    struct echo *e = ctx;
    struct kafka_rpc_request request;
    struct arena arena CLEANUP(arena_fini);
    struct buf reply CLEANUP(buf_fini);

    arena_init(&arena);
    buf_init(&reply, 65536);
    enum err_code rc =
        kafka_rpc_request_open(e->server, run->record, co_wall_now(), &arena, &request, err);
    if (rc == ERR_EXPIRED) {
        rc = kafka_rpc_reply_expired(e->server, &request, co_after(5000), err);
        return rc == ERR_OK ? KAFKA_DONE : KAFKA_RETRY;
    }
    if (rc != ERR_OK) {
        return KAFKA_DONE;
    }
    if (str_eq_c(title_of(&request, &arena), "no reply")) {
        return KAFKA_DONE;
    }
    rc = answer(&request, &arena, &reply, err);
    if (rc == ERR_OK) {
        rc = kafka_rpc_reply(e->server, &request, buf_str(&reply), co_after(5000), err);
    }
    return rc == ERR_OK ? KAFKA_DONE : KAFKA_RETRY;
}

static enum err_code open_engine(struct echo *e, struct co_loop *loop,
                                 const struct kafka_cluster *cluster, struct err *err)
{
    static const struct kafka_engine_ops ops = {.run = serve};
    struct kafka_engine_opts opts = {
        .cluster = *cluster,
        .group = "echo",
        .topics = requests,
        .topic_count = ARRAY_LEN(requests),
        .skip_older_ms = 5000,
        .core = {.min_interval_ms = -1, .seed = 1},
        .ops = &ops,
        .ctx = e,
    };
    return kafka_engine_start(loop, &opts, &e->engine, err);
}

static enum err_code start(struct service_run *run, struct err *err)
{
    const struct echo_config *conf = run->config;
    struct echo *e = xcalloc(1, sizeof *e);
    struct kafka_cluster cluster;

    arena_init(&e->arena);
    service_keyring(&conf->bus_keys, &e->bus_keys);
    enum err_code rc = SERVICE_KAFKA_CLUSTER(conf, &e->arena, &cluster, err);
    struct kafka_producer_opts producer = {
        .cluster = cluster, .topics = replies, .topic_count = ARRAY_LEN(replies)};
    if (rc == ERR_OK) {
        rc = kafka_producer_new(run->loop, &producer, &e->producer, err);
    }
    if (rc == ERR_OK) {
        rc = kafka_producer_warm(e->producer, co_after(10000), err);
    }
    if (rc != ERR_OK) {
        return rc; /* the process ends, and a test fails with its log */
    }
    struct kafka_rpc_server_opts server = {
        .producer = e->producer, .reply_topic = TOPIC_REPLIES, .bus_keys = &e->bus_keys};
    e->server = kafka_rpc_server_new(&server);
    run->state = e;
    return open_engine(e, run->loop, &cluster, err);
}

static void stop(struct service_run *run)
{
    struct echo *e = run->state;
    kafka_engine_stop(e->engine, co_after(3000));
    kafka_engine_free(e->engine);
    kafka_producer_close(e->producer, co_after(1000));
    kafka_rpc_server_free(e->server);
    kafka_producer_free(e->producer);
    arena_fini(&e->arena);
    free(e);
}

static void ready(struct service_run *run, struct service_ready *ready)
{
    struct echo *e = run->state;
    service_ready_add(ready, "kafka",
                      kafka_engine_health(e->engine).assigned ? NULL : "no_partitions");
}

static const struct service echo = {
    .name = "echo",
    .about = "Answers every question with who asks it and what was asked",
    .config = echo_config_table,
    .start = start,
    .stop = stop,
    .ready = ready,
};

int main(int argc, char **argv)
{
    return service_main(&echo, argc, argv);
}

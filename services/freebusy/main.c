/* freebusy: says when people are busy. */
#include "serve.h"

#include "messages/topics.h"
#include "observe/log.h"
#include "service/service.h"
#include "worker/parts.h"

#define FREEBUSY_CONFIG(C)                                                                         \
    WORKER_CONFIG(C)                                                                               \
    REDIS_CONFIG(C)                                                                                \
    C(max_in_flight, INT, "256", 1, 4000, "questions", 0,                                          \
      "most questions that are answered at a time")                                                \
    C(live_in_flight, INT, "64", 1, 4000, "calls", 0,                                              \
      "most accounts whose provider is asked at a time")                                           \
    C(live_timeout, DURATION, "8s", 100, 60000, "", 0,                                             \
      "bound on asking providers for one question; what they do not say by then is told as "       \
      "unknown")

CONFIG_STRUCT(freebusy_config, FREEBUSY_CONFIG)
const struct config_table *freebusy_config_table(void);
CONFIG_TABLE(freebusy_config, FREEBUSY_CONFIG)

/* Older questions at assignment: nobody waits for them any more. */
#define SKIP_OLDER_MS 5000

struct worker {
    struct fb_server server; /* first: what the engine's ops are given */
    const struct freebusy_config *conf;
    struct service_run *run;
    struct worker_parts parts;
    struct kafka_engine *engine;
};

static enum err_code open_redis(struct worker *w, struct err *err)
{
    const struct freebusy_config *conf = w->conf;
    struct str password = config_secret(&conf->redis_password);
    struct redis_opts opts = {
        .host = conf->redis_address.host.len > 0 ? conf->redis_address.host.ptr : "127.0.0.1",
        .port = conf->redis_address.port,
        .user = conf->redis_user.len > 0 ? conf->redis_user.ptr : NULL,
        .password = password.len > 0 ? password.ptr : NULL,
        .db = (int)conf->redis_database,
        .command_timeout_ms = conf->redis_timeout,
    };
    w->server.core.redis_ms = conf->redis_timeout;
    return redis_client_new(w->run->loop, &opts, &w->server.core.redis, err);
}

static enum err_code open_parts(struct worker *w, struct err *err)
{
    static const char *const produced[] = {TOPIC_SYNC, TOPIC_REPLIES, TOPIC_DEADLETTER};
    struct worker_settings settings = WORKER_SETTINGS(w->conf);
    enum err_code rc = worker_parts_open(&w->parts, w->run->loop, &settings, "calfleet-freebusy",
                                         produced, ARRAY_LEN(produced), err);
    w->server.core.pool = w->parts.pool;
    w->server.core.access = w->parts.access;
    w->server.core.producer = w->parts.producer;
    w->server.rpc = w->parts.rpc;
    return rc;
}

static enum err_code start_engine(struct worker *w, struct err *err)
{
    static const char *const topics[] = {TOPIC_FREEBUSY};
    struct kafka_engine_opts opts = {
        .cluster = w->parts.cluster,
        .group = "calfleet-freebusy",
        .topics = topics,
        .topic_count = ARRAY_LEN(topics),
        .skip_older_ms = SKIP_OLDER_MS,
        .core = {.max_in_flight = (size_t)w->conf->max_in_flight, .min_interval_ms = -1},
        .producer = w->parts.producer,
        .dead_letter_topic = TOPIC_DEADLETTER,
        .ops = &fb_engine_ops,
        .ctx = &w->server,
    };
    return kafka_engine_start(w->run->loop, &opts, &w->engine, err);
}

static void close_all(struct worker *w)
{
    struct freebusy *core = &w->server.core;
    w->engine = kafka_engine_free(w->engine);
    core->redis = redis_client_free(core->redis, co_after(1000));
    worker_parts_close(&w->parts);
    free(w);
}

static enum err_code start(struct service_run *run, struct err *err)
{
    struct worker *w = run->state = xcalloc(1, sizeof *w);
    w->run = run;
    w->conf = run->config;
    w->server.core.group = run->group;
    w->server.core.live_ms = w->conf->live_timeout;
    w->server.core.live_max = (size_t)w->conf->live_in_flight;
    freebusy_init(&w->server.core);
    enum err_code rc = open_redis(w, err);
    if (rc == ERR_OK) {
        rc = open_parts(w, err);
    }
    if (rc == ERR_OK) {
        rc = start_engine(w, err);
    }
    return rc;
}

static void drain(struct service_run *run, int64_t deadline)
{
    struct worker *w = run->state;
    kafka_engine_stop(w->engine, deadline);
}

static void stop(struct service_run *run)
{
    close_all(run->state);
}

/* Redis is no dependency: without it Postgres answers alone. */
static void ready(struct service_run *run, struct service_ready *ready)
{
    struct worker *w = run->state;
    service_ready_add(ready, "postgres", pg_pool_healthy(w->parts.pool) ? NULL : "unavailable");
    service_ready_add(ready, "requests",
                      kafka_engine_health(w->engine).joined ? NULL : "not_joined");
}

static bool secret_changed(struct service_run *run, const char *option)
{
    struct worker *w = run->state;
    struct worker_settings settings = WORKER_SETTINGS(w->conf);
    return worker_parts_secret_changed(&w->parts, &settings, option);
}

static const struct service freebusy = {
    .name = "freebusy",
    .about = "Says when people are busy, from stored spans or from their providers.",
    .config = freebusy_config_table,
    .start = start,
    .drain = drain,
    .stop = stop,
    .ready = ready,
    .secret_changed = secret_changed,
};

int main(int argc, char **argv)
{
    return service_main(&freebusy, argc, argv);
}

/* freebusy: says when people are busy. */
#include "serve.h"

#include "accounts/link.h"
#include "messages/topics.h"
#include "observe/log.h"
#include "service/config_groups.h"
#include "service/service.h"
#include "service/values.h"

#define FREEBUSY_CONFIG(C)                                                                         \
    KAFKA_CONFIG(C)                                                                                \
    BUS_CONFIG(C)                                                                                  \
    POSTGRES_CONFIG(C)                                                                             \
    REDIS_CONFIG(C)                                                                                \
    GOOGLE_CONFIG(C)                                                                               \
    PROVIDER_CONFIG(C)                                                                             \
    OAUTH_CONFIG(C)                                                                                \
    TOKEN_CONFIG(C)                                                                                \
    C(max_in_flight, INT, "256", 1, 4000, "questions", 0,                                          \
      "most questions that are answered at a time")                                                \
    C(live_in_flight, INT, "64", 1, 4000, "calls", 0,                                              \
      "most accounts whose provider is asked at a time")                                           \
    C(live_timeout, DURATION, "8s", 100, 60000, "", 0,                                             \
      "bound on asking providers for one question; what they do not say by then is told as "       \
      "unknown")

CONFIG_STRUCT(freebusy_config, FREEBUSY_CONFIG)
static CONFIG_TABLE(freebusy_config, FREEBUSY_CONFIG)

/* Older questions at assignment: nobody waits for them any more. */
#define SKIP_OLDER_MS 5000

    struct worker {
    struct fb_server server; /* first: what the engine's ops are given */
    const struct freebusy_config *conf;
    struct service_run *run;
    struct arena arena; /* of the process */
    struct kafka_cluster cluster;
    struct crypto_keyring bus_keys;
    struct crypto_keyring token_keys;
    struct access_links links;
    struct kafka_producer *producer;
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

static enum err_code open_stores(struct worker *w, struct err *err)
{
    const struct freebusy_config *conf = w->conf;
    struct freebusy *core = &w->server.core;
    struct pg_opts pg = {.conninfo = conf->postgres_dsn.ptr,
                         .application_name = "calfleet-freebusy",
                         .max_connections = (size_t)conf->postgres_pool,
                         .max_waiters = 8192,
                         .connect_timeout_ms = conf->postgres_connect_timeout,
                         .statement_timeout_ms = conf->postgres_statement_timeout};
    struct access_settings settings = ACCESS_SETTINGS(conf);

    enum err_code rc = pg_pool_new(w->run->loop, &pg, &core->pool, err);
    if (rc == ERR_OK) {
        rc = open_redis(w, err);
    }
    if (rc == ERR_OK) {
        rc = access_links_open(w->run->loop, &settings, &w->links, err);
    }
    if (rc == ERR_OK) {
        core->access = access_new(&(struct access_opts){.pool = core->pool,
                                                        .token_keys = &w->token_keys,
                                                        .providers = w->links.providers,
                                                        .provider_count = w->links.count,
                                                        .call_ms = conf->provider_timeout});
    }
    return rc;
}

static enum err_code open_bus(struct worker *w, struct err *err)
{
    static const char *const produced[] = {TOPIC_SYNC, TOPIC_REPLIES, TOPIC_DEADLETTER};
    enum err_code rc = SERVICE_KAFKA_CLUSTER(w->conf, &w->arena, &w->cluster, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct kafka_producer_opts opts = {
        .cluster = w->cluster, .topics = produced, .topic_count = ARRAY_LEN(produced)};
    rc = kafka_producer_new(w->run->loop, &opts, &w->producer, err);
    if (rc == ERR_OK) {
        rc = kafka_producer_warm(w->producer, co_after(30000), err);
    }
    if (rc == ERR_OK) {
        w->server.core.producer = w->producer;
        w->server.rpc = kafka_rpc_server_new(&(struct kafka_rpc_server_opts){
            .producer = w->producer, .reply_topic = TOPIC_REPLIES, .bus_keys = &w->bus_keys});
    }
    return rc;
}

static enum err_code start_engine(struct worker *w, struct err *err)
{
    static const char *const topics[] = {TOPIC_FREEBUSY};
    struct kafka_engine_opts opts = {
        .cluster = w->cluster,
        .group = "calfleet-freebusy",
        .topics = topics,
        .topic_count = ARRAY_LEN(topics),
        .skip_older_ms = SKIP_OLDER_MS,
        .core = {.max_in_flight = (size_t)w->conf->max_in_flight, .min_interval_ms = -1},
        .producer = w->producer,
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
    if (w->producer != NULL) {
        kafka_producer_close(w->producer, co_after(5000));
        w->producer = kafka_producer_free(w->producer);
    }
    w->server.rpc = kafka_rpc_server_free(w->server.rpc);
    core->access = access_free(core->access);
    access_links_close(&w->links);
    core->redis = redis_client_free(core->redis, co_after(1000));
    core->pool = pg_pool_free(core->pool);
    arena_fini(&w->arena);
    free(w);
}

static enum err_code start(struct service_run *run, struct err *err)
{
    struct worker *w = run->state = xcalloc(1, sizeof *w);
    w->run = run;
    w->conf = run->config;
    arena_init(&w->arena);
    service_keyring(&w->conf->bus_keys, &w->bus_keys);
    service_keyring(&w->conf->token_keys, &w->token_keys);
    w->server.core.group = run->group;
    w->server.core.live_ms = w->conf->live_timeout;
    w->server.core.live_max = (size_t)w->conf->live_in_flight;
    freebusy_init(&w->server.core);
    enum err_code rc = open_stores(w, err);
    if (rc == ERR_OK) {
        rc = open_bus(w, err);
    }
    if (rc == ERR_OK) {
        rc = pg_pool_ping(w->server.core.pool, co_after(30000), err);
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
    service_ready_add(ready, "postgres",
                      pg_pool_healthy(w->server.core.pool) ? NULL : "unavailable");
    service_ready_add(ready, "requests",
                      kafka_engine_health(w->engine).joined ? NULL : "not_joined");
}

static void secret_changed(struct service_run *run, const char *option UNUSED)
{
    struct worker *w = run->state;
    service_keyring(&w->conf->bus_keys, &w->bus_keys);
    service_keyring(&w->conf->token_keys, &w->token_keys);
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

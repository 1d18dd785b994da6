/* scheduler: books, moves and cancels meetings on external calendars. */
#include "messages/topics.h"
#include "observe/log.h"
#include "scheduler.h"
#include "service/values.h"

#define RECOVERIES 16 /* commands taken up at a time */

CONFIG_TABLE(scheduler_config, SCHEDULER_CONFIG)

static enum err_code open_stores(struct scheduler *w, struct err *err)
{
    const struct scheduler_config *conf = w->conf;
    struct pg_opts pg = {.conninfo = conf->postgres_dsn.ptr,
                         .application_name = "calfleet-scheduler",
                         .max_connections = (size_t)conf->postgres_pool,
                         .max_waiters = 8192,
                         .connect_timeout_ms = conf->postgres_connect_timeout,
                         .statement_timeout_ms = conf->postgres_statement_timeout};
    struct access_settings settings = ACCESS_SETTINGS(conf);

    service_keyring(&conf->bus_keys, &w->bus_keys);
    service_keyring(&conf->token_keys, &w->token_keys);
    w->zones = calendar_zones_new(NULL);
    co_sem_init(&w->recovering, RECOVERIES);
    enum err_code rc = pg_pool_new(w->run->loop, &pg, &w->pool, err);
    if (rc == ERR_OK) {
        rc = access_links_open(w->run->loop, &settings, &w->links, err);
    }
    if (rc == ERR_OK) {
        w->access = access_new(&(struct access_opts){.pool = w->pool,
                                                     .token_keys = &w->token_keys,
                                                     .providers = w->links.providers,
                                                     .provider_count = w->links.count,
                                                     .call_ms = conf->provider_timeout});
    }
    return rc;
}

static enum err_code open_bus(struct scheduler *w, struct err *err)
{
    static const char *const produced[] = {TOPIC_REPLIES, TOPIC_DEADLETTER};
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
        w->rpc = kafka_rpc_server_new(&(struct kafka_rpc_server_opts){
            .producer = w->producer, .reply_topic = TOPIC_REPLIES, .bus_keys = &w->bus_keys});
    }
    return rc;
}

static enum err_code start_engine(struct scheduler *w, struct err *err)
{
    static const char *const topics[] = {TOPIC_SCHEDULE};
    struct kafka_engine_opts opts = {
        .cluster = w->cluster,
        .group = "calfleet-scheduler",
        .topics = topics,
        .topic_count = 1,
        .core = {.max_in_flight = 256, .min_interval_ms = -1},
        .producer = w->producer,
        .dead_letter_topic = TOPIC_DEADLETTER,
        .ops = &scheduler_engine_ops,
        .ctx = w,
    };
    return kafka_engine_start(w->run->loop, &opts, &w->engine, err);
}

static void close_all(struct scheduler *w)
{
    w->engine = kafka_engine_free(w->engine);
    if (w->producer != NULL) {
        kafka_producer_close(w->producer, co_after(5000));
        w->producer = kafka_producer_free(w->producer);
    }
    w->rpc = kafka_rpc_server_free(w->rpc);
    w->access = access_free(w->access);
    access_links_close(&w->links);
    w->pool = pg_pool_free(w->pool);
    w->zones = calendar_zones_free(w->zones);
    free(w->owned);
    arena_fini(&w->arena);
    free(w);
}

static enum err_code start(struct service_run *run, struct err *err)
{
    struct scheduler *w = run->state = xcalloc(1, sizeof *w);
    w->run = run;
    w->conf = run->config;
    arena_init(&w->arena);
    enum err_code rc = open_stores(w, err);
    if (rc == ERR_OK) {
        rc = open_bus(w, err);
    }
    if (rc == ERR_OK) {
        rc = pg_pool_ping(w->pool, co_after(30000), err);
    }
    if (rc == ERR_OK) {
        rc = start_engine(w, err);
    }
    if (rc == ERR_OK) {
        rc = co_spawn(run->group, "recover", recover_run, w, err);
    }
    return rc;
}

static void drain(struct service_run *run, int64_t deadline)
{
    struct scheduler *w = run->state;
    kafka_engine_stop(w->engine, deadline);
}

static void stop(struct service_run *run)
{
    close_all(run->state);
}

static void ready(struct service_run *run, struct service_ready *ready)
{
    struct scheduler *w = run->state;
    service_ready_add(ready, "postgres", pg_pool_healthy(w->pool) ? NULL : "unavailable");
    service_ready_add(ready, "schedule",
                      kafka_engine_health(w->engine).joined ? NULL : "not_joined");
}

static void secret_changed(struct service_run *run, const char *option UNUSED)
{
    struct scheduler *w = run->state;
    service_keyring(&w->conf->bus_keys, &w->bus_keys);
    service_keyring(&w->conf->token_keys, &w->token_keys);
}

static const struct service scheduler = {
    .name = "scheduler",
    .about = "Books, moves and cancels meetings on external calendars.",
    .config = scheduler_config_table,
    .start = start,
    .drain = drain,
    .stop = stop,
    .ready = ready,
    .secret_changed = secret_changed,
};

int main(int argc, char **argv)
{
    return service_main(&scheduler, argc, argv);
}

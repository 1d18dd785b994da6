/* sync-worker: keeps events in step with the providers, and serves requests about connections. */
#include "worker.h"

#include "messages/topics.h"
#include "observe/log.h"
#include "service/values.h"

static CONFIG_TABLE(sync_worker_config, SYNC_WORKER_CONFIG)

    static enum err_code open_stores(struct worker *w, struct err *err)
{
    const struct sync_worker_config *conf = w->conf;
    struct pg_opts pg = {.conninfo = conf->postgres_dsn.ptr,
                         .application_name = "calfleet-sync-worker",
                         .max_connections = (size_t)conf->postgres_pool,
                         .max_waiters = 8192,
                         .connect_timeout_ms = conf->postgres_connect_timeout,
                         .statement_timeout_ms = conf->postgres_statement_timeout};
    struct access_settings settings = ACCESS_SETTINGS(conf);

    service_keyring(&conf->bus_keys, &w->bus_keys);
    service_keyring(&conf->token_keys, &w->token_keys);
    service_keyring(&conf->webhook_keys, &w->webhook_keys);
    w->zones = calendar_zones_new(NULL);
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
        w->rpc = kafka_rpc_server_new(&(struct kafka_rpc_server_opts){
            .producer = w->producer, .reply_topic = TOPIC_REPLIES, .bus_keys = &w->bus_keys});
    }
    return rc;
}

static enum err_code start_engines(struct worker *w, struct err *err)
{
    static const char *const sync_topics[] = {TOPIC_SYNC};
    static const char *const command_topics[] = {TOPIC_CONNECTIONS};
    struct kafka_engine_opts sync = {
        .cluster = w->cluster,
        .group = "calfleet-sync",
        .instance_id = w->conf->instance_id.len > 0 ? w->conf->instance_id.ptr : NULL,
        .topics = sync_topics,
        .topic_count = 1,
        .core = {.coalesce = true, .max_in_flight = (size_t)w->conf->max_in_flight},
        .producer = w->producer,
        .dead_letter_topic = TOPIC_DEADLETTER,
        .ops = &sync_engine_ops,
        .ctx = w,
    };
    struct kafka_engine_opts commands = {
        .cluster = w->cluster,
        .group = "calfleet-connections",
        .topics = command_topics,
        .topic_count = 1,
        .core = {.max_in_flight = 64, .min_interval_ms = -1},
        .producer = w->producer,
        .dead_letter_topic = TOPIC_DEADLETTER,
        .ops = &commands_engine_ops,
        .ctx = w,
    };
    enum err_code rc = kafka_engine_start(w->run->loop, &sync, &w->sync, err);
    return rc == ERR_OK ? kafka_engine_start(w->run->loop, &commands, &w->commands, err) : rc;
}

static void close_all(struct worker *w)
{
    w->sync = kafka_engine_free(w->sync);
    w->commands = kafka_engine_free(w->commands);
    if (w->producer != NULL) {
        kafka_producer_close(w->producer, co_after(5000));
        w->producer = kafka_producer_free(w->producer);
    }
    w->rpc = kafka_rpc_server_free(w->rpc);
    w->finish = finish_queue_free(w->finish);
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
    struct worker *w = run->state = xcalloc(1, sizeof *w);
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
        w->finish = finish_queue_new(w);
        rc = co_spawn(run->group, "finish", finish_queue_run, w->finish, err);
    }
    if (rc == ERR_OK) {
        rc = co_spawn(run->group, "purge", purge_loop, w, err);
    }
    if (rc == ERR_OK) {
        rc = co_spawn(run->group, "lists", calendar_list_loop, w, err);
    }
    if (rc == ERR_OK) {
        rc = start_engines(w, err);
    }
    return rc;
}

static void drain(struct service_run *run, int64_t deadline)
{
    struct worker *w = run->state;
    kafka_engine_stop(w->commands, deadline);
    kafka_engine_stop(w->sync, deadline);
}

static void stop(struct service_run *run)
{
    close_all(run->state);
}

static void ready(struct service_run *run, struct service_ready *ready)
{
    struct worker *w = run->state;
    service_ready_add(ready, "postgres", pg_pool_healthy(w->pool) ? NULL : "unavailable");
    service_ready_add(ready, "sync", kafka_engine_health(w->sync).joined ? NULL : "not_joined");
    service_ready_add(ready, "connections",
                      kafka_engine_health(w->commands).joined ? NULL : "not_joined");
}

static void secret_changed(struct service_run *run, const char *option UNUSED)
{
    struct worker *w = run->state;
    service_keyring(&w->conf->bus_keys, &w->bus_keys);
    service_keyring(&w->conf->token_keys, &w->token_keys);
    service_keyring(&w->conf->webhook_keys, &w->webhook_keys);
}

static const struct service sync_worker = {
    .name = "sync-worker",
    .about = "Keeps events in step between calendar providers and Postgres.",
    .config = sync_worker_config_table,
    .start = start,
    .drain = drain,
    .stop = stop,
    .ready = ready,
    .secret_changed = secret_changed,
};

int main(int argc, char **argv)
{
    return service_main(&sync_worker, argc, argv);
}

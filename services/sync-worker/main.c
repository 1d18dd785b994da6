/* sync-worker: keeps events in step with the providers, and serves requests about connections. */
#include "worker.h"

#include "messages/topics.h"
#include "observe/log.h"
#include "service/values.h"

CONFIG_TABLE(sync_worker_config, SYNC_WORKER_CONFIG)

static enum err_code open_parts(struct worker *w, struct err *err)
{
    static const char *const produced[] = {TOPIC_SYNC, TOPIC_REPLIES, TOPIC_DEADLETTER};
    struct worker_settings settings = WORKER_SETTINGS(w->conf);
    return worker_parts_open(&w->parts, w->run->loop, &settings, "calfleet-sync-worker", produced,
                             ARRAY_LEN(produced), err);
}

static enum err_code start_engines(struct worker *w, struct err *err)
{
    static const char *const sync_topics[] = {TOPIC_SYNC};
    static const char *const command_topics[] = {TOPIC_CONNECTIONS};
    struct kafka_engine_opts sync = {
        .cluster = w->parts.cluster,
        .group = "calfleet-sync",
        .instance_id = w->conf->instance_id.len > 0 ? w->conf->instance_id.ptr : NULL,
        .topics = sync_topics,
        .topic_count = 1,
        .core = {.coalesce = true, .max_in_flight = (size_t)w->conf->max_in_flight},
        .producer = w->parts.producer,
        .dead_letter_topic = TOPIC_DEADLETTER,
        .ops = &sync_engine_ops,
        .ctx = w,
    };
    struct kafka_engine_opts commands = {
        .cluster = w->parts.cluster,
        .group = "calfleet-connections",
        .topics = command_topics,
        .topic_count = 1,
        .core = {.max_in_flight = 64, .min_interval_ms = -1},
        .producer = w->parts.producer,
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
    w->finish = finish_queue_free(w->finish);
    worker_parts_close(&w->parts);
    crypto_wipe(&w->webhook_keys, sizeof w->webhook_keys);
    w->zones = calendar_zones_free(w->zones);
    free(w->owned);
    free(w);
}

static enum err_code start(struct service_run *run, struct err *err)
{
    struct worker *w = run->state = xcalloc(1, sizeof *w);
    w->run = run;
    w->conf = run->config;
    w->zones = calendar_zones_new(NULL);
    service_keyring(&w->conf->webhook_keys, &w->webhook_keys);
    enum err_code rc = open_parts(w, err);
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
    service_ready_add(ready, "postgres", pg_pool_healthy(w->parts.pool) ? NULL : "unavailable");
    service_ready_add(ready, "sync", kafka_engine_health(w->sync).joined ? NULL : "not_joined");
    service_ready_add(ready, "connections",
                      kafka_engine_health(w->commands).joined ? NULL : "not_joined");
}

static bool secret_changed(struct service_run *run, const char *option)
{
    struct worker *w = run->state;
    struct worker_settings settings = WORKER_SETTINGS(w->conf);
    if (strcmp(option, "webhook_keys") == 0) {
        service_keyring(&w->conf->webhook_keys, &w->webhook_keys);
        return true;
    }
    return worker_parts_secret_changed(&w->parts, &settings, option);
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

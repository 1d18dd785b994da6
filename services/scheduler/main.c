/* scheduler: books, moves and cancels meetings on external calendars. */
#include "messages/topics.h"
#include "observe/log.h"
#include "scheduler.h"

#define RECOVERIES 16 /* commands taken up at a time */

CONFIG_TABLE(scheduler_config, SCHEDULER_CONFIG)

static enum err_code open_parts(struct scheduler *w, struct err *err)
{
    static const char *const produced[] = {TOPIC_REPLIES, TOPIC_DEADLETTER};
    struct worker_settings settings = WORKER_SETTINGS(w->conf);
    return worker_parts_open(&w->parts, w->run->loop, &settings, "calfleet-scheduler", produced,
                             ARRAY_LEN(produced), err);
}

static enum err_code start_engine(struct scheduler *w, struct err *err)
{
    static const char *const topics[] = {TOPIC_SCHEDULE};
    struct kafka_engine_opts opts = {
        .cluster = w->parts.cluster,
        .group = "calfleet-scheduler",
        .topics = topics,
        .topic_count = 1,
        .core = {.max_in_flight = 256, .min_interval_ms = -1},
        .producer = w->parts.producer,
        .dead_letter_topic = TOPIC_DEADLETTER,
        .ops = &scheduler_engine_ops,
        .ctx = w,
    };
    return kafka_engine_start(w->run->loop, &opts, &w->engine, err);
}

static void close_all(struct scheduler *w)
{
    w->engine = kafka_engine_free(w->engine);
    worker_parts_close(&w->parts);
    w->zones = calendar_zones_free(w->zones);
    free(w->owned);
    free(w);
}

static enum err_code start(struct service_run *run, struct err *err)
{
    struct scheduler *w = run->state = xcalloc(1, sizeof *w);
    w->run = run;
    w->conf = run->config;
    w->zones = calendar_zones_new(NULL);
    co_sem_init(&w->recovering, RECOVERIES);
    enum err_code rc = open_parts(w, err);
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
    service_ready_add(ready, "postgres", pg_pool_healthy(w->parts.pool) ? NULL : "unavailable");
    service_ready_add(ready, "schedule",
                      kafka_engine_health(w->engine).joined ? NULL : "not_joined");
}

static bool secret_changed(struct service_run *run, const char *option)
{
    struct scheduler *w = run->state;
    struct worker_settings settings = WORKER_SETTINGS(w->conf);
    return worker_parts_secret_changed(&w->parts, &settings, option);
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

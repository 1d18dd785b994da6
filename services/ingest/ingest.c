/* The process: what it opens, when it is ready, how it ends. */
#include "ingest.h"

#include "messages/topics.h"
#include "observe/log.h"
#include "service/service.h"
#include "service/values.h"

#define PRODUCER_CLOSE_MS 3000
/* A look-up of the replies' end that is under way is waited for: it bounds itself to 5 s. */
#define RPC_CLOSE_MS 8000
#define CONNECT_TRY_MS 10000
#define CONNECT_PAUSE_MS 1000
/* From these on a notice would rather be answered by another replica. */
#define QUEUE_FULL_SHARE 0.8
#define REPORT_LATE_MS 2000
/* The server's own bound comes after ours, so that ours gives the answer. */
#define SERVER_GRACE_MS 5000

CONFIG_TABLE(ingest_config, INGEST_CONFIG)

/* ---- the bus ------------------------------------------------------------------------------- */

/* The listener opens before the cluster is there: notices are then answered 503, not refused. */
static void warm_up(void *arg)
{
    struct ingest *in = arg;
    struct err err = {0};

    while (!in->warm && !co_is_canceled()) {
        if (kafka_producer_warm(in->producer, co_after(CONNECT_TRY_MS), &err) == ERR_OK) {
            in->warm = true;
            LOG_INFO("ingest.bus.warm", "every topic is known");
        } else if (err.code != ERR_CANCELED) {
            LOG_WARN("ingest.bus.away", "the topics cannot be reached, trying again", F_ERR(&err));
            IGNORE(co_sleep(CONNECT_PAUSE_MS, NULL)); /* the loop's condition sees a cancel */
        }
    }
}

static void open_replies(void *arg)
{
    struct ingest *in = arg;
    struct err err = {0};

    while (!co_is_canceled()) {
        if (kafka_rpc_open(in->rpc, co_after(CONNECT_TRY_MS), &err) == ERR_OK) {
            LOG_INFO("ingest.replies.open", "replies are read");
            return;
        }
        if (err.code != ERR_CANCELED) {
            LOG_WARN("ingest.replies.away", "replies cannot be read, trying again", F_ERR(&err));
            IGNORE(co_sleep(CONNECT_PAUSE_MS, NULL)); /* the loop's condition sees a cancel */
        }
    }
}

static enum err_code open_bus(struct ingest *in, struct co_loop *loop, struct err *err)
{
    static const char *const topics[] = {TOPIC_SYNC, TOPIC_CONNECTIONS, TOPIC_FREEBUSY,
                                         TOPIC_SCHEDULE};
    struct kafka_cluster cluster;
    enum err_code rc = SERVICE_KAFKA_CLUSTER(in->conf, &in->arena, &cluster, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct kafka_producer_opts producer = {
        .cluster = cluster, .topics = topics, .topic_count = ARRAY_LEN(topics)};
    rc = kafka_producer_new(loop, &producer, &in->producer, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct kafka_rpc_opts rpc = {
        .cluster = cluster,
        .producer = in->producer,
        .reply_topic = TOPIC_REPLIES,
        .bus_keys = &in->bus_keys,
    };
    return kafka_rpc_new(loop, &rpc, &in->rpc, err);
}

/* ---- the front ----------------------------------------------------------------------------- */

/* The pages go into a Location header as they are. */
static enum err_code check_pages(const struct config_list *pages, struct err *err)
{
    for (size_t i = 0; i < pages->count; i++) {
        struct str page = pages->items[i];
        bool ok = str_find(page, STR("://")) != SIZE_MAX && str_find_char(page, '#') == SIZE_MAX;
        for (size_t k = 0; k < page.len; k++) {
            ok = ok && page.ptr[k] > ' ' && page.ptr[k] < 0x7f;
        }
        if (!ok) {
            return ERR_SET_ACT(err, ERR_CONFIG, ERR_ACT_CONFIG,
                               "app_return_urls: item %zu is no URL without a fragment", i + 1);
        }
    }
    return ERR_OK;
}

static enum err_code open_front(struct ingest *in, struct co_loop *loop, struct err *err)
{
    const struct config_address *listen = &in->conf->listen;
    struct http_server_opts opts = {
        .name = "front",
        .address = listen->host.len > 0 ? listen->host.ptr : "0.0.0.0",
        .port = listen->port,
        .handler = front_handle,
        .arg = in,
        .max_connections = (size_t)in->conf->max_connections,
        .max_body_bytes = (size_t)in->conf->max_body,
        .request_ms = MAX(in->conf->request_timeout, in->conf->webhook_timeout) + SERVER_GRACE_MS,
    };
    enum err_code rc = http_server_new(loop, &opts, &in->server, err);
    if (rc != ERR_OK) {
        return err_wrap(err, "listen");
    }
    LOG_INFO("ingest.listen", "taking requests", F_I64("port", http_server_port(in->server)));
    return ERR_OK;
}

/* ---- the service --------------------------------------------------------------------------- */

static void close_all(struct ingest *in)
{
    http_server_free(in->server);
    if (in->rpc != NULL) {
        kafka_rpc_close(in->rpc, co_after(RPC_CLOSE_MS));
    }
    if (in->producer != NULL) {
        kafka_producer_close(in->producer, co_after(PRODUCER_CLOSE_MS));
    }
    kafka_rpc_free(in->rpc);
    kafka_producer_free(in->producer);
    notices_fini(&in->notices);
    crypto_wipe(&in->bus_keys, sizeof in->bus_keys);
    crypto_wipe(&in->webhook_keys, sizeof in->webhook_keys);
    arena_fini(&in->arena);
    free(in);
}

static enum err_code start(struct service_run *run, struct err *err)
{
    struct ingest *in = run->state = xcalloc(1, sizeof *in);
    in->conf = run->config;
    arena_init(&in->arena);
    notices_init(&in->notices, webhook_send, in);
    service_keyring(&in->conf->bus_keys, &in->bus_keys);
    service_keyring(&in->conf->webhook_keys, &in->webhook_keys);
    in->openapi = openapi_document(in->conf->public_url, &in->arena);

    enum err_code rc = check_pages(&in->conf->app_return_urls, err);
    if (rc == ERR_OK) {
        rc = open_bus(in, run->loop, err);
    }
    if (rc == ERR_OK) {
        rc = open_front(in, run->loop, err);
    }
    if (rc == ERR_OK) {
        rc = co_spawn(run->group, "warm", warm_up, in, err);
    }
    if (rc == ERR_OK) {
        rc = co_spawn(run->group, "replies", open_replies, in, err);
    }
    return rc;
}

static void drain(struct service_run *run, int64_t deadline)
{
    struct ingest *in = run->state;
    struct err err = {0};
    if (in->server != NULL && http_server_drain(in->server, deadline, &err) != ERR_OK) {
        LOG_WARN("ingest.drain.left", "requests are left without an answer", F_ERR(&err));
    }
}

static void stop(struct service_run *run)
{
    close_all(run->state);
}

/* Replies have no say: a process that only takes notices is of use. */
static void ready(struct service_run *run, struct service_ready *ready)
{
    const struct ingest *in = run->state;
    struct kafka_producer_health health = kafka_producer_health(in->producer);
    const char *code = NULL;
    if (!in->warm) {
        code = "not_connected";
    } else if (health.queue_share > QUEUE_FULL_SHARE) {
        code = "queue_full";
    } else if (health.oldest_age_ms > REPORT_LATE_MS) {
        code = "unavailable";
    }
    service_ready_add(ready, "kafka", code);
}

/* The token's secret and the service key are read at each use. */
static bool secret_changed(struct service_run *run, const char *option)
{
    struct ingest *in = run->state;
    if (strcmp(option, "bus_keys") == 0) {
        service_keyring(&in->conf->bus_keys, &in->bus_keys);
    } else if (strcmp(option, "webhook_keys") == 0) {
        service_keyring(&in->conf->webhook_keys, &in->webhook_keys);
    }
    return strcmp(option, "kafka_secret_settings") != 0;
}

static const struct service ingest = {
    .name = "ingest",
    .about = "Takes providers' notices, cron ticks and users' requests to the bus",
    .config = ingest_config_table,
    .start = start,
    .drain = drain,
    .stop = stop,
    .ready = ready,
    .secret_changed = secret_changed,
};

int main(int argc, char **argv)
{
    return service_main(&ingest, argc, argv);
}

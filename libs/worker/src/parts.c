#include "worker/parts.h"

#include "messages/topics.h"
#include "service/values.h"

#define OPEN_MS 30000
#define PRODUCER_CLOSE_MS 5000
#define PG_WAITERS 8192

static enum err_code open_stores(struct worker_parts *p, struct co_loop *loop,
                                 const struct worker_settings *settings, const char *name,
                                 struct err *err)
{
    struct pg_opts pg = settings->postgres;
    pg.application_name = name;
    pg.max_waiters = PG_WAITERS;
    enum err_code rc = pg_pool_new(loop, &pg, &p->pool, err);
    if (rc == ERR_OK) {
        rc = access_links_open(loop, &settings->access, &p->links, err);
    }
    if (rc == ERR_OK) {
        p->access = access_new(&(struct access_opts){.pool = p->pool,
                                                     .token_keys = &p->token_keys,
                                                     .providers = p->links.providers,
                                                     .provider_count = p->links.count,
                                                     .call_ms = settings->provider_ms});
    }
    return rc;
}

static enum err_code open_bus(struct worker_parts *p, struct co_loop *loop,
                              const struct worker_settings *settings, const char *const *topics,
                              size_t topic_count, struct err *err)
{
    enum err_code rc = service_kafka_cluster(
        settings->kafka_brokers, settings->kafka_client_id, settings->kafka_settings,
        settings->kafka_secret_settings, &p->arena, &p->cluster, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct kafka_producer_opts opts = {
        .cluster = p->cluster, .topics = topics, .topic_count = topic_count};
    rc = kafka_producer_new(loop, &opts, &p->producer, err);
    if (rc == ERR_OK) {
        rc = kafka_producer_warm(p->producer, co_after(OPEN_MS), err);
    }
    if (rc == ERR_OK) {
        p->rpc = kafka_rpc_server_new(&(struct kafka_rpc_server_opts){
            .producer = p->producer, .reply_topic = TOPIC_REPLIES, .bus_keys = &p->bus_keys});
    }
    return rc;
}

enum err_code worker_parts_open(struct worker_parts *parts, struct co_loop *loop,
                                const struct worker_settings *settings, const char *name,
                                const char *const *topics, size_t topic_count, struct err *err)
{
    arena_init(&parts->arena);
    service_keyring(settings->bus_keys, &parts->bus_keys);
    service_keyring(settings->token_keys, &parts->token_keys);
    enum err_code rc = open_stores(parts, loop, settings, name, err);
    if (rc == ERR_OK) {
        rc = open_bus(parts, loop, settings, topics, topic_count, err);
    }
    return rc == ERR_OK ? pg_pool_ping(parts->pool, co_after(OPEN_MS), err) : rc;
}

void worker_parts_close(struct worker_parts *parts)
{
    if (parts->producer != NULL) {
        kafka_producer_close(parts->producer, co_after(PRODUCER_CLOSE_MS));
        parts->producer = kafka_producer_free(parts->producer);
    }
    parts->rpc = kafka_rpc_server_free(parts->rpc);
    parts->access = access_free(parts->access);
    access_links_close(&parts->links);
    parts->pool = pg_pool_free(parts->pool);
    crypto_wipe(&parts->bus_keys, sizeof parts->bus_keys);
    crypto_wipe(&parts->token_keys, sizeof parts->token_keys);
    arena_fini(&parts->arena);
}

bool worker_parts_secret_changed(struct worker_parts *parts, const struct worker_settings *settings,
                                 const char *option)
{
    if (strcmp(option, "bus_keys") == 0) {
        service_keyring(settings->bus_keys, &parts->bus_keys);
    } else if (strcmp(option, "token_keys") == 0) {
        service_keyring(settings->token_keys, &parts->token_keys);
    } else if (strcmp(option, "google_client_secret") == 0) {
        access_links_secret(&parts->links, &settings->access);
    } else {
        return false;
    }
    return true;
}

/* What every worker opens: Postgres, access to the providers, the producer, and the answering side
 * of requests on the bus. A worker's own struct holds it, and its settings begin with
 * WORKER_CONFIG:
 *
 *   #define SCHEDULER_CONFIG(C) WORKER_CONFIG(C) C(hold_seconds, DURATION, ...) */
#ifndef WORKER_PARTS_H
#define WORKER_PARTS_H

#include "accounts/link.h"
#include "kafka/rpc.h"
#include "service/config_groups.h"

#define WORKER_CONFIG(C)                                                                           \
    KAFKA_CONFIG(C)                                                                                \
    BUS_CONFIG(C)                                                                                  \
    POSTGRES_CONFIG(C)                                                                             \
    GOOGLE_CONFIG(C)                                                                               \
    PROVIDER_CONFIG(C)                                                                             \
    OAUTH_CONFIG(C)                                                                                \
    TOKEN_CONFIG(C)

struct worker_parts {
    struct arena arena; /* of the process */
    struct kafka_cluster cluster;
    struct crypto_keyring bus_keys;
    struct crypto_keyring token_keys;
    struct pg_pool *pool;
    struct access_links links;
    struct access *access;
    struct kafka_producer *producer;
    struct kafka_rpc_server *rpc;
};

/* What is read of a worker's settings. */
struct worker_settings {
    const struct config_list *kafka_brokers, *kafka_settings, *kafka_secret_settings;
    struct str kafka_client_id;
    const struct config_keyring *bus_keys, *token_keys;
    struct pg_opts postgres; /* without the application's name */
    struct access_settings access;
    int64_t provider_ms; /* bound on one provider call */
};

/* Takes them out of a config struct that has WORKER_CONFIG's fields, in which they stay. */
#define WORKER_SETTINGS(conf)                                                                      \
    ((struct worker_settings){                                                                     \
        .kafka_brokers = &(conf)->kafka_brokers,                                                   \
        .kafka_settings = &(conf)->kafka_settings,                                                 \
        .kafka_secret_settings = &(conf)->kafka_secret_settings,                                   \
        .kafka_client_id = (conf)->kafka_client_id,                                                \
        .bus_keys = &(conf)->bus_keys,                                                             \
        .token_keys = &(conf)->token_keys,                                                         \
        .postgres = {.conninfo = (conf)->postgres_dsn.ptr,                                         \
                     .max_connections = (size_t)(conf)->postgres_pool,                             \
                     .connect_timeout_ms = (conf)->postgres_connect_timeout,                       \
                     .statement_timeout_ms = (conf)->postgres_statement_timeout},                  \
        .access = ACCESS_SETTINGS(conf),                                                           \
        .provider_ms = (conf)->provider_timeout})

/* name: as Postgres shows the sessions' application, static. topics: all that the worker produces
 * to, static. Waits until the brokers and Postgres are there, half a minute for each. The parts
 * must stay where they are. errs: ERR_CONFIG; Kafka's; Postgres's. What was open by then is for
 * worker_parts_close. */
CO_FN MUST_CHECK enum err_code worker_parts_open(struct worker_parts *parts, struct co_loop *loop,
                                                 const struct worker_settings *settings,
                                                 const char *name, const char *const *topics,
                                                 size_t topic_count, struct err *err);
/* After the engines. What was never opened may be zero. */
CO_FN void worker_parts_close(struct worker_parts *parts);

/* struct service's secret_changed for the settings above; before worker_parts_open: no effect. */
bool worker_parts_secret_changed(struct worker_parts *parts, const struct worker_settings *settings,
                                 const char *option);

#endif

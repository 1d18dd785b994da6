/* The parts of the ingest process, among themselves. */
#ifndef INGEST_INGEST_H
#define INGEST_INGEST_H

#include "crypto/keyring.h"
#include "http/server.h"
#include "kafka/producer.h"
#include "kafka/rpc.h"
#include "notice.h"
#include "refusal.h"
#include "route.h"
#include "service/context.h"
#include "settings.h"

struct ingest {
    const struct ingest_config *conf;
    struct arena arena; /* of the process: settings in other forms */
    struct crypto_keyring bus_keys;
    struct crypto_keyring webhook_keys;
    struct kafka_producer *producer;
    struct kafka_rpc *rpc;
    struct http_server *server;
    struct notices notices;
    struct str openapi;
    bool warm; /* every topic is known */
};

/* One request under way. */
struct call {
    struct ingest *in;
    struct http_exchange *x;
    struct request_context ctx;
    struct routed routed;
    int64_t begun_at; /* co_now() */
};

/* The server's handler; arg: the struct ingest. */
CO_FN void front_handle(struct http_exchange *x, void *arg);

/* ---- answers: each is the call's one reply ------------------------------------------------- */

/* body: JSON text or empty. retry_after_ms: 0: not said. */
void answer_json(struct call *c, int status, struct str body, int64_t retry_after_ms);
void answer_refusal(struct call *c, const struct refusal *refusal);
/* 302, never kept by a cache and never told to the next page. */
void answer_redirect(struct call *c, struct str location);
/* 204 to OPTIONS, with what the browser asks where the origin is known. */
void answer_preflight(struct call *c);

/* From a failure of the bus to what the client is told. */
void refusal_of_bus(enum err_code code, struct refusal *ret_refusal);

/* ---- routes -------------------------------------------------------------------------------- */

/* Is it a provider's notice, by its headers? */
bool webhook_is_google(const struct http_exchange *x);
CO_FN void webhook_google(struct call *c);
/* For notices_init; arg: the struct ingest. */
enum err_code webhook_send(void *arg, const struct notice_key *key, struct notice_flight *flight,
                           struct err *err);

CO_FN void tick_handle(struct call *c);
void oauth_redirect_handle(struct call *c);

struct message_caller;
/* Asks the service that the route belongs to, and passes its answer on. */
CO_FN void ask_handle(struct call *c, struct message_caller *caller);

/* The document with its server's address; lives in arena. */
struct str openapi_document(struct str public_url, struct arena *arena);

#endif

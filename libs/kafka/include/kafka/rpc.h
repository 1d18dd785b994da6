/* Request and reply over Kafka, both sealed.
 *
 * An asker reads one reply partition by assign() at its high watermark: no group, no rebalance.
 * Several askers may share a partition; each skips what is not for its incarnation.
 *
 * Sealed: a key is derived (HKDF-SHA256) from the bus key and the sender's random incarnation; the
 * payload is AES-256-GCM with the sender's counter as nonce. Topic, key, correlation, reply
 * partition, caller and deadline are associated data: nobody who can merely produce can speak for
 * a user, and a payload cannot be read on a broker's disk. The header's layout is in
 * src/rpc_wire.h, once.
 *
 * Payloads are opaque here (messages/ gives them form). */
#ifndef KAFKA_RPC_H
#define KAFKA_RPC_H

#include "base/arena.h"
#include "crypto/keyring.h"
#include "kafka/producer.h"

#define KAFKA_RPC_CALLER_MAX 2048
#define KAFKA_RPC_PAYLOAD_MAX (256 * 1024)
#define KAFKA_RPC_DEADLINE_MAX_MS 120000 /* a request with a later one is refused */

/* ---- the asking side ------------------------------------------------------------------------ */

struct kafka_rpc;

struct kafka_rpc_opts {
    struct kafka_cluster cluster;
    struct kafka_producer *producer; /* knows the request topics */
    const char *reply_topic;
    const struct crypto_keyring *bus_keys; /* borrowed; re-read it in place to rotate */
    size_t pending_max;                    /* 0: 4096; a power of two */
};

MUST_CHECK enum err_code kafka_rpc_new(struct co_loop *loop, const struct kafka_rpc_opts *opts,
                                       struct kafka_rpc **ret_rpc, struct err *err);
/* Finds its reply partition and its end; before this calls answer ERR_UNAVAILABLE.
 * errs: ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_CANCELED; call again. */
CO_FN MUST_CHECK enum err_code kafka_rpc_open(struct kafka_rpc *rpc, int64_t deadline,
                                              struct err *err);
bool kafka_rpc_ready(const struct kafka_rpc *rpc);
/* Waiters end with ERR_CLOSED. */
CO_FN void kafka_rpc_close(struct kafka_rpc *rpc, int64_t deadline);
struct kafka_rpc *kafka_rpc_free(struct kafka_rpc *rpc);

struct kafka_rpc_call {
    const char *topic;
    struct str key;
    struct str caller; /* who asks, as proved; the services take it for the truth */
    struct str payload;
    const struct kafka_header *headers; /* further ones, in clear (traceparent); at most 4 */
    size_t header_count;
};

/* Asks and waits. The deadline travels with the request. reply: payload is appended.
 * errs: ERR_BUSY (too many pending, queue full), ERR_UNAVAILABLE, ERR_TIMEOUT (the work may have
 * been done), ERR_EXPIRED (it was not begun), ERR_CLOSED, ERR_CANCELED, ERR_TOO_BIG. */
CO_FN MUST_CHECK enum err_code kafka_rpc_ask(struct kafka_rpc *rpc,
                                             const struct kafka_rpc_call *call, int64_t deadline,
                                             struct buf *reply, struct err *err);

struct kafka_rpc_stats {
    size_t pending;
    uint64_t replies;
    uint64_t late;    /* for us, but nobody waits any more */
    uint64_t foreign; /* for another asker of this partition */
    uint64_t refused; /* for us, but does not open */
};
struct kafka_rpc_stats kafka_rpc_stats(const struct kafka_rpc *rpc);

/* ---- the answering side --------------------------------------------------------------------- */

struct kafka_rpc_server;

struct kafka_rpc_server_opts {
    struct kafka_producer *producer; /* knows the reply topic */
    const char *reply_topic;
    const struct crypto_keyring *bus_keys; /* borrowed */
};

struct kafka_rpc_server *kafka_rpc_server_new(const struct kafka_rpc_server_opts *opts);
struct kafka_rpc_server *kafka_rpc_server_free(struct kafka_rpc_server *s);

struct kafka_rpc_request {
    struct str caller;
    struct str payload;
    struct str key;
    int64_t deadline_at; /* UTC ms */
    int32_t reply_partition;
    uint8_t asker[16]; /* incarnation */
    uint64_t seq;      /* with asker: the correlation */
};

/* Opens a request; its texts live in the arena. A record that was handed out before (the same
 * offset) opens again; the same request at another offset is a replay.
 * errs: ERR_PROTO and ERR_AUTH: forged, altered or foreign: to the dead letters; ERR_EXISTS: a
 * replay: drop; ERR_EXPIRED: its time is over and ret_request is filled all the same: answer
 * kafka_rpc_reply_expired(); ERR_CONFIG: sealed with a key that is not in the ring: retry. */
MUST_CHECK enum err_code kafka_rpc_request_open(struct kafka_rpc_server *s,
                                                const struct kafka_record *record, int64_t now_at,
                                                struct arena *arena,
                                                struct kafka_rpc_request *ret_request,
                                                struct err *err);

/* Seals and produces the reply, waits for its report. errs: as kafka_produce. */
CO_FN MUST_CHECK enum err_code kafka_rpc_reply(struct kafka_rpc_server *s,
                                               const struct kafka_rpc_request *request,
                                               struct str payload, int64_t deadline,
                                               struct err *err);
CO_FN MUST_CHECK enum err_code kafka_rpc_reply_expired(struct kafka_rpc_server *s,
                                                       const struct kafka_rpc_request *request,
                                                       int64_t deadline, struct err *err);

#endif

/* The headers of sealed requests and replies, and the sealing. All numbers big-endian.
 *
 * cf-rq, a request, 38 bytes:            cf-rp, a reply, 50 bytes:
 *    0  form: 1                             0  form: 1
 *    1  key id                              1  key id
 *    2  asker's incarnation, 16             2  answerer's incarnation, 16
 *   18  asker's counter, 8                 18  answerer's counter, 8
 *   26  deadline, UTC ms, 8                26  asker's incarnation, 16
 *   34  reply partition, 4                 42  asker's counter, 8
 * cf-caller: who asks, opaque.
 *
 * Key: HKDF-SHA256(bus key, salt = sender's incarnation, info by direction). Nonce: four zero bytes
 * and the sender's counter, which an incarnation uses once. Associated data: the direction, then
 * header, topic, key and caller (request) or header, topic and partition (reply), each with its
 * length before it. A reply's plain text has its kind in the first byte. */
#ifndef KAFKA_RPC_WIRE_H
#define KAFKA_RPC_WIRE_H

#include "base/buf.h"
#include "crypto/keyring.h"
#include "kafka/client.h"

#define RPC_FORM 1
#define RPC_REQUEST_HEADER "cf-rq"
#define RPC_REPLY_HEADER "cf-rp"
#define RPC_CALLER_HEADER "cf-caller"
#define RPC_REQUEST_LEN 38
#define RPC_REPLY_LEN 50
#define RPC_INCARNATION_LEN 16

enum rpc_reply_kind { RPC_REPLY_PAYLOAD, RPC_REPLY_EXPIRED };

struct rpc_sender {
    uint8_t key_id;
    uint8_t incarnation[RPC_INCARNATION_LEN];
    uint64_t counter;
};

struct rpc_request_head {
    struct rpc_sender from;
    int64_t deadline_at;
    int32_t reply_partition;
};

struct rpc_reply_head {
    struct rpc_sender from;
    uint8_t asker[RPC_INCARNATION_LEN];
    uint64_t asker_counter;
};

void rpc_request_print(const struct rpc_request_head *head, uint8_t out[RPC_REQUEST_LEN]);
/* False for another form or length. */
bool rpc_request_parse(struct str header, struct rpc_request_head *ret_head);
void rpc_reply_print(const struct rpc_reply_head *head, uint8_t out[RPC_REPLY_LEN]);
bool rpc_reply_parse(struct str header, struct rpc_reply_head *ret_head);

/* Derived keys that were used lately; deriving takes two HMACs. */
#define RPC_KEYS 64

struct rpc_keys {
    struct {
        bool used;
        bool reply;
        uint8_t bus_key[CRYPTO_KEY_LEN];
        uint8_t incarnation[RPC_INCARNATION_LEN];
        uint8_t key[CRYPTO_KEY_LEN];
    } slots[RPC_KEYS];
};

/* What is sealed with a text; the header's bytes as they travel. */
struct rpc_bound {
    bool reply;
    struct str header;
    struct str topic;
    struct str key;    /* request */
    struct str caller; /* request */
    int32_t partition; /* reply */
};

void rpc_seal(struct rpc_keys *keys, const struct crypto_key *bus_key,
              const struct rpc_sender *from, const struct rpc_bound *bound, struct str plain,
              struct buf *out);
/* errs: ERR_CONFIG: the ring lacks the key; ERR_AUTH. */
MUST_CHECK enum err_code rpc_open(struct rpc_keys *keys, const struct crypto_keyring *ring,
                                  const struct rpc_sender *from, const struct rpc_bound *bound,
                                  struct str sealed, struct buf *out, struct err *err);

#endif

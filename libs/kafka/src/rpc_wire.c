#include "rpc_wire.h"

/* ---- headers
 * -------------------------------------------------------------------------------------- */

static uint8_t *put(uint8_t *at, uint64_t value, size_t bytes)
{
    for (size_t i = bytes; i-- > 0;) {
        *at++ = (uint8_t)(value >> (8 * i));
    }
    return at;
}

static uint64_t get(const uint8_t **at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        value = value << 8 | *(*at)++;
    }
    return value;
}

static uint8_t *put_sender(uint8_t *at, const struct rpc_sender *s)
{
    at = put(at, RPC_FORM, 1);
    at = put(at, s->key_id, 1);
    memcpy(at, s->incarnation, RPC_INCARNATION_LEN);
    return put(at + RPC_INCARNATION_LEN, s->counter, 8);
}

static void get_sender(const uint8_t **at, struct rpc_sender *s)
{
    *at += 1;
    s->key_id = (uint8_t)get(at, 1);
    memcpy(s->incarnation, *at, RPC_INCARNATION_LEN);
    *at += RPC_INCARNATION_LEN;
    s->counter = get(at, 8);
}

void rpc_request_print(const struct rpc_request_head *head, uint8_t out[RPC_REQUEST_LEN])
{
    uint8_t *at = put_sender(out, &head->from);
    at = put(at, (uint64_t)head->deadline_at, 8);
    put(at, (uint32_t)head->reply_partition, 4);
}

bool rpc_request_parse(struct str header, struct rpc_request_head *ret_head)
{
    const uint8_t *at = (const uint8_t *)header.ptr;
    if (header.len != RPC_REQUEST_LEN || at[0] != RPC_FORM) {
        return false;
    }
    get_sender(&at, &ret_head->from);
    ret_head->deadline_at = (int64_t)get(&at, 8);
    ret_head->reply_partition = (int32_t)get(&at, 4);
    return true;
}

void rpc_reply_print(const struct rpc_reply_head *head, uint8_t out[RPC_REPLY_LEN])
{
    uint8_t *at = put_sender(out, &head->from);
    memcpy(at, head->asker, RPC_INCARNATION_LEN);
    put(at + RPC_INCARNATION_LEN, head->asker_counter, 8);
}

bool rpc_reply_parse(struct str header, struct rpc_reply_head *ret_head)
{
    const uint8_t *at = (const uint8_t *)header.ptr;
    if (header.len != RPC_REPLY_LEN || at[0] != RPC_FORM) {
        return false;
    }
    get_sender(&at, &ret_head->from);
    memcpy(ret_head->asker, at, RPC_INCARNATION_LEN);
    at += RPC_INCARNATION_LEN;
    ret_head->asker_counter = get(&at, 8);
    return true;
}

/* ---- sealing
 * -------------------------------------------------------------------------------------- */

static const uint8_t *derive(struct rpc_keys *keys, const struct crypto_key *bus_key,
                             const struct rpc_sender *from, bool reply)
{
    size_t at = (from->incarnation[0] ^ (reply ? 0x55 : 0)) % RPC_KEYS;
    __typeof__(&keys->slots[0]) slot = &keys->slots[at];
    if (!slot->used || slot->reply != reply ||
        memcmp(slot->bus_key, bus_key->bytes, sizeof slot->bus_key) != 0 ||
        memcmp(slot->incarnation, from->incarnation, sizeof slot->incarnation) != 0) {
        slot->used = true;
        slot->reply = reply;
        memcpy(slot->bus_key, bus_key->bytes, sizeof slot->bus_key);
        memcpy(slot->incarnation, from->incarnation, sizeof slot->incarnation);
        crypto_hkdf_sha256((struct str){(const char *)bus_key->bytes, CRYPTO_KEY_LEN},
                           (struct str){(const char *)from->incarnation, RPC_INCARNATION_LEN},
                           reply ? STR("calfleet bus reply 1") : STR("calfleet bus request 1"),
                           slot->key, sizeof slot->key);
    }
    return slot->key;
}

static void add_part(struct buf *out, struct str part)
{
    uint8_t len[4];
    put(len, part.len, sizeof len);
    buf_add(out, (struct str){(const char *)len, sizeof len});
    buf_add(out, part);
}

static void associated(const struct rpc_bound *b, struct buf *out)
{
    uint8_t partition[4];
    buf_add(out, b->reply ? STR("reply") : STR("request"));
    add_part(out, b->header);
    add_part(out, b->topic);
    if (b->reply) {
        put(partition, (uint32_t)b->partition, sizeof partition);
        add_part(out, (struct str){(const char *)partition, sizeof partition});
    } else {
        add_part(out, b->key);
        add_part(out, b->caller);
    }
}

static void nonce_of(const struct rpc_sender *from, uint8_t out[CRYPTO_GCM_NONCE_LEN])
{
    memset(out, 0, CRYPTO_GCM_NONCE_LEN);
    put(out + CRYPTO_GCM_NONCE_LEN - 8, from->counter, 8);
}

void rpc_seal(struct rpc_keys *keys, const struct crypto_key *bus_key,
              const struct rpc_sender *from, const struct rpc_bound *bound, struct str plain,
              struct buf *out)
{
    uint8_t nonce[CRYPTO_GCM_NONCE_LEN];
    struct buf aad CLEANUP(buf_fini);
    buf_init(&aad, SIZE_MAX / 2); /* all of it is ours or was bounded when it came in */
    associated(bound, &aad);
    nonce_of(from, nonce);
    crypto_gcm_seal(derive(keys, bus_key, from, bound->reply), nonce, buf_str(&aad), plain, out);
}

enum err_code rpc_open(struct rpc_keys *keys, const struct crypto_keyring *ring,
                       const struct rpc_sender *from, const struct rpc_bound *bound,
                       struct str sealed, struct buf *out, struct err *err)
{
    uint8_t nonce[CRYPTO_GCM_NONCE_LEN];
    const struct crypto_key *bus_key = crypto_keyring_find(ring, from->key_id);
    if (bus_key == NULL) {
        return ERR_SET_ACT(err, ERR_CONFIG, ERR_ACT_CONFIG, "no bus key with id %u", from->key_id);
    }
    struct buf aad CLEANUP(buf_fini);
    buf_init(&aad, SIZE_MAX / 2);
    associated(bound, &aad);
    nonce_of(from, nonce);
    return crypto_gcm_open(derive(keys, bus_key, from, bound->reply), nonce, buf_str(&aad), sealed,
                           out, err);
}

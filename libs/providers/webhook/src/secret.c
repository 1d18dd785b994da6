#include "providers/webhook.h"

#include "base/encode.h"

#include <inttypes.h>

#define MAC_BYTES 16 /* 128 bits: nobody guesses, and the whole fits Graph's 128 characters */

/* The part that is authenticated is the text itself, with the provider before it. */
static void mac_of(const struct crypto_key *key, const char *provider, struct str text,
                   uint8_t out[CRYPTO_SHA256_LEN])
{
    struct buf data CLEANUP(buf_fini);
    buf_init(&data, 2 * WEBHOOK_SECRET_MAX);
    buf_add_f(&data, "webhook/%s/", provider);
    buf_add(&data, text);
    crypto_hmac_sha256((struct str){(const char *)key->bytes, sizeof key->bytes}, buf_str(&data),
                       out);
}

void webhook_secret_print(const struct crypto_keyring *ring, const char *provider,
                          const struct webhook_channel *channel, struct buf *out)
{
    const struct crypto_key *key = crypto_keyring_current(ring);
    struct buf text CLEANUP(buf_fini);
    uint8_t mac[CRYPTO_SHA256_LEN];

    buf_init(&text, WEBHOOK_SECRET_MAX);
    buf_add_f(&text, "v1.%d.", key->id);
    base64url_encode(&text, uuid_bytes(&channel->account));
    buf_add_f(&text, ".%" PRId64 ".%" PRId64 ".%" PRId64, channel->calendar, channel->channel,
              channel->expires_at / 1000);
    mac_of(key, provider, buf_str(&text), mac);
    buf_add_char(&text, '.');
    base64url_encode(&text, (struct str){(const char *)mac, MAC_BYTES});
    buf_add(out, buf_str(&text));
}

struct parts {
    struct str signed_part;
    struct str account;
    struct str mac;
    int64_t key_id;
    int64_t calendar;
    int64_t channel;
    int64_t expiry;
};

static bool take_number(struct str *rest, int64_t *ret_n)
{
    struct str part;
    return str_split(rest, '.', &part) && str_to_i64(part, ret_n) && *ret_n >= 0;
}

static bool split(struct str secret, struct parts *ret)
{
    struct str rest = secret;
    struct str version;

    if (secret.len == 0 || secret.len > WEBHOOK_SECRET_MAX || !str_split(&rest, '.', &version) ||
        !str_eq_c(version, "v1") || !take_number(&rest, &ret->key_id) ||
        !str_split(&rest, '.', &ret->account) || !take_number(&rest, &ret->calendar) ||
        !take_number(&rest, &ret->channel) || !take_number(&rest, &ret->expiry) ||
        rest.ptr == NULL) {
        return false;
    }
    ret->signed_part = (struct str){secret.ptr, (size_t)(rest.ptr - 1 - secret.ptr)};
    ret->mac = rest;
    return ret->key_id <= UINT8_MAX && ret->expiry <= INT64_MAX / 1000;
}

enum err_code webhook_secret_check(const struct crypto_keyring *ring, const char *provider,
                                   struct str secret, int64_t now_ms,
                                   struct webhook_channel *ret_channel, struct err *err)
{
    struct parts parts;
    struct buf mac CLEANUP(buf_fini);
    struct buf account CLEANUP(buf_fini);
    uint8_t expected[CRYPTO_SHA256_LEN];

    buf_init(&mac, MAC_BYTES);
    buf_init(&account, sizeof(struct uuid));
    if (!split(secret, &parts)) {
        return ERR_SET(err, ERR_AUTH, "not a webhook secret");
    }
    const struct crypto_key *key = crypto_keyring_find(ring, (uint8_t)parts.key_id);
    if (key == NULL) {
        return ERR_SET(err, ERR_AUTH, "webhook secret of key %d, which is gone", (int)parts.key_id);
    }
    mac_of(key, provider, parts.signed_part, expected);
    if (!base64url_decode(&mac, parts.mac) ||
        !str_eq_secret(buf_str(&mac), (struct str){(char *)expected, MAC_BYTES}) ||
        !base64url_decode(&account, parts.account) || account.len != sizeof(struct uuid)) {
        return ERR_SET(err, ERR_AUTH, "webhook secret is not ours");
    }
    *ret_channel = (struct webhook_channel){
        .calendar = parts.calendar, .channel = parts.channel, .expires_at = parts.expiry * 1000};
    memcpy(ret_channel->account.bytes, account.ptr, sizeof ret_channel->account.bytes);
    if (parts.expiry != 0 && ret_channel->expires_at <= now_ms) {
        return ERR_SET(err, ERR_EXPIRED, "webhook secret is past its channel's life");
    }
    return ERR_OK;
}

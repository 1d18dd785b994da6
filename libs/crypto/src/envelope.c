#include "crypto/envelope.h"

#include "base/encode.h"

#define ENVELOPE_PREFIX "v1."
/* Tokens are under 4 KiB, organisations' client secrets shorter; the rest is room. */
#define ENVELOPE_MAX_BYTES 65536

void crypto_envelope_seal(const struct crypto_keyring *ring, struct str context, struct str plain,
                          struct buf *out)
{
    const struct crypto_key *key = crypto_keyring_current(ring);
    struct buf bytes CLEANUP(buf_fini);
    char nonce[CRYPTO_GCM_NONCE_LEN];

    buf_init(&bytes, ENVELOPE_MAX_BYTES);
    crypto_random(nonce, sizeof nonce);
    buf_add(&bytes, (struct str){nonce, sizeof nonce});
    crypto_gcm_seal(key->bytes, (const uint8_t *)nonce, context, plain, &bytes);
    if (bytes.failed) {
        out->failed = true;
        return;
    }
    buf_add_f(out, ENVELOPE_PREFIX "%d.", key->id);
    base64url_encode(out, buf_str(&bytes));
}

/* Takes the key id off the front; 0 if the form is another. */
static uint8_t split_key_id(struct str *envelope)
{
    struct str rest = *envelope;
    struct str id_text;
    int64_t id = 0;

    if (!str_starts(rest, STR(ENVELOPE_PREFIX))) {
        return 0;
    }
    rest = str_sub(rest, sizeof ENVELOPE_PREFIX - 1, SIZE_MAX);
    if (!str_split(&rest, '.', &id_text) || rest.ptr == NULL || !str_to_i64(id_text, &id) ||
        id < 1 || id > 255) {
        return 0;
    }
    *envelope = rest;
    return (uint8_t)id;
}

uint8_t crypto_envelope_key_id(struct str envelope)
{
    return split_key_id(&envelope);
}

enum err_code crypto_envelope_open(const struct crypto_keyring *ring, struct str context,
                                   struct str envelope, struct buf *out, struct err *err)
{
    struct buf bytes CLEANUP(buf_fini);
    uint8_t id = split_key_id(&envelope);

    buf_init(&bytes, ENVELOPE_MAX_BYTES);
    if (id == 0 || !base64url_decode(&bytes, envelope) ||
        bytes.len < CRYPTO_GCM_NONCE_LEN + CRYPTO_GCM_TAG_LEN) {
        return ERR_SET(err, ERR_PROTO, "not an envelope");
    }
    const struct crypto_key *key = crypto_keyring_find(ring, id);
    if (key == NULL) {
        return ERR_SET_ACT(err, ERR_CONFIG, ERR_ACT_CONFIG,
                           "sealed with key %d, which is not in the key ring", id);
    }
    return crypto_gcm_open(key->bytes, (const uint8_t *)bytes.ptr, context,
                           str_sub(buf_str(&bytes), CRYPTO_GCM_NONCE_LEN, SIZE_MAX), out, err);
}

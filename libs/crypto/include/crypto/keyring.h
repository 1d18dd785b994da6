/* Keys by id, so that they can be rotated online: seal with the current one, open with any.
 *
 * The text form, as in a secret file: one key a line, `id:base64 of 32 bytes`, ids 1..255; the
 * first is the current one; blank lines and lines with # are skipped. */
#ifndef CRYPTO_KEYRING_H
#define CRYPTO_KEYRING_H

#include "crypto/crypto.h"

#define CRYPTO_KEYRING_MAX 16

struct crypto_key {
    uint8_t id;
    uint8_t bytes[CRYPTO_KEY_LEN];
};

struct crypto_keyring {
    size_t count;
    struct crypto_key keys[CRYPTO_KEYRING_MAX]; /* [0] is the current one */
};

/* errs: ERR_CONFIG with the line's number; never with its text. */
MUST_CHECK enum err_code crypto_keyring_parse(struct str text, struct crypto_keyring *ret_ring,
                                              struct err *err);
/* NULL if there is none with this id. */
const struct crypto_key *crypto_keyring_find(const struct crypto_keyring *ring, uint8_t id);
/* The current key; the ring must not be empty. */
const struct crypto_key *crypto_keyring_current(const struct crypto_keyring *ring);

#endif

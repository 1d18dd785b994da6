/* The primitives, by OpenSSL's EVP; nothing here invents cryptography. Failures of the library
 * itself (out of memory, a missing algorithm) are bugs of the installation and abort. */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include "base/buf.h"

#define CRYPTO_KEY_LEN 32
#define CRYPTO_SHA256_LEN 32
#define CRYPTO_GCM_NONCE_LEN 12
#define CRYPTO_GCM_TAG_LEN 16

void crypto_random(void *out, size_t len);
/* Overwrites in a way that the compiler keeps. */
void crypto_wipe(void *ptr, size_t len);

void crypto_sha256(struct str data, uint8_t out[CRYPTO_SHA256_LEN]);
void crypto_hmac_sha256(struct str key, struct str data, uint8_t out[CRYPTO_SHA256_LEN]);
/* Extract and expand.  src: RFC 5869.  units: len <= 255 * 32 */
void crypto_hkdf_sha256(struct str ikm, struct str salt, struct str info, uint8_t *out, size_t len);

/* AES-256-GCM: appends ciphertext and tag to out. A nonce is used once with a key. */
void crypto_gcm_seal(const uint8_t key[CRYPTO_KEY_LEN], const uint8_t nonce[CRYPTO_GCM_NONCE_LEN],
                     struct str aad, struct str plain, struct buf *out);
/* errs: ERR_AUTH if anything was altered; out is then as before. */
MUST_CHECK enum err_code crypto_gcm_open(const uint8_t key[CRYPTO_KEY_LEN],
                                         const uint8_t nonce[CRYPTO_GCM_NONCE_LEN], struct str aad,
                                         struct str sealed, struct buf *out, struct err *err);

#endif

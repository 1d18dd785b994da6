/* A secret at rest: "v1.<key id>.<base64url of nonce, ciphertext and tag>", AES-256-GCM with a
 * random nonce. The context (which row and column it belongs to) is associated data, so that an
 * envelope copied to another place does not open. */
#ifndef CRYPTO_ENVELOPE_H
#define CRYPTO_ENVELOPE_H

#include "crypto/keyring.h"

/* Appends the text to out. */
void crypto_envelope_seal(const struct crypto_keyring *ring, struct str context, struct str plain,
                          struct buf *out);
/* errs: ERR_PROTO for another form, ERR_CONFIG if the key id is not in the ring, ERR_AUTH if
 * altered or from another context. */
MUST_CHECK enum err_code crypto_envelope_open(const struct crypto_keyring *ring, struct str context,
                                              struct str envelope, struct buf *out,
                                              struct err *err);
/* The key id an envelope was sealed with; 0 if it is none. For rotation. */
uint8_t crypto_envelope_key_id(struct str envelope);

#endif

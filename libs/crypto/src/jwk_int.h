/* Keys of a JWK set, and the check of a signature with one of them. */
#ifndef CRYPTO_JWK_INT_H
#define CRYPTO_JWK_INT_H

#include "crypto/jwt.h"

#include <openssl/evp.h>

enum jwk_alg { JWK_RS256, JWK_ES256 };

struct jwk {
    char *kid; /* may be "" */
    enum jwk_alg alg;
    EVP_PKEY *key;
};

struct crypto_jwks {
    struct jwk *keys;
    size_t count;
};

/* The key with this kid; where the token names none, the only key of the set. NULL otherwise. */
const struct jwk *jwks_find(const struct crypto_jwks *set, struct str kid);
bool jwk_verify(const struct jwk *key, struct str data, struct str signature);

#endif

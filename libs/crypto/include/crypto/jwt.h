/* JSON web tokens: HS256 by a shared secret, RS256 and ES256 by keys of a JWK set.
 *
 * The algorithm is taken from the key, never from the token: a token signed with HS256 over a
 * public key's text is refused, "none" does not exist.  src: RFC 7515, 7517, 7518, 7519, 8725 */
#ifndef CRYPTO_JWT_H
#define CRYPTO_JWT_H

#include "crypto/crypto.h"
#include "json/json.h"

struct crypto_jwks;

/* Keys of unknown types, uses and algorithms are skipped (section 5 of RFC 7517).
 * errs: ERR_PROTO if the document has another form or holds no usable key. */
MUST_CHECK enum err_code crypto_jwks_parse(struct str json, struct crypto_jwks **ret_set,
                                           struct err *err);
struct crypto_jwks *crypto_jwks_free(struct crypto_jwks *set);
size_t crypto_jwks_count(const struct crypto_jwks *set);

struct crypto_jwt_rules {
    struct str hs256_secret;        /* empty: HS256 is not accepted */
    const struct crypto_jwks *jwks; /* NULL: RS256 and ES256 are not accepted */
    const struct str *issuers;      /* one of them; none: not checked */
    size_t issuer_count;
    struct str audience; /* aud is it or holds it; empty: not checked */
    int64_t skew_ms;     /* allowed for exp, nbf and iat */
    int64_t now_ms;      /* UTC */
};

/* claims live in the arena.
 * errs: ERR_AUTH: not to be trusted (form, signature, issuer, audience, not yet valid, no exp);
 * ERR_EXPIRED: good, but too late; ERR_NOT_FOUND: its kid is not in the set (fetch the set again,
 * at most now and then). */
MUST_CHECK enum err_code crypto_jwt_verify(struct str token, const struct crypto_jwt_rules *rules,
                                           struct arena *arena, const struct json **ret_claims,
                                           struct err *err);

/* Signs claims (a JSON object's text) with HS256: for development and tests. */
void crypto_jwt_sign_hs256(struct str secret, struct str claims, struct buf *out);

#endif

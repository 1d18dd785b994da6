#include "base/encode.h"
#include "jwk_int.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#define JWK_MAX_KEYS 64
#define JWK_MAX_NUMBER_BYTES 1024 /* RSA-8192 */
#define JWK_MIN_RSA_BITS 2048     /* RFC 7518 3.3 */
#define ES256_NUMBER_BYTES 32     /* RFC 7518 3.4 */

static bool get_number(const struct json *jwk, const char *name, struct buf *out)
{
    struct str text;
    buf_init(out, JWK_MAX_NUMBER_BYTES);
    return json_get_str(jwk, name, &text) && base64url_decode(out, text) && out->len > 0 &&
           !out->failed;
}

static EVP_PKEY *key_from_params(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    BUG_ON(ctx == NULL);
    if (EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *rsa_key(const struct json *jwk)
{
    struct buf n CLEANUP(buf_fini);
    struct buf e CLEANUP(buf_fini);
    bool have_n = get_number(jwk, "n", &n);
    bool have_e = get_number(jwk, "e", &e);

    if (!have_n || !have_e) {
        return NULL;
    }
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *bn_n = BN_bin2bn((const unsigned char *)n.ptr, (int)n.len, NULL);
    BIGNUM *bn_e = BN_bin2bn((const unsigned char *)e.ptr, (int)e.len, NULL);
    BUG_ON(build == NULL || bn_n == NULL || bn_e == NULL);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn_n);
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, bn_e);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY *key = key_from_params("RSA", params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(bn_n);
    BN_free(bn_e);
    if (key != NULL && EVP_PKEY_get_bits(key) < JWK_MIN_RSA_BITS) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

static EVP_PKEY *ec_key(const struct json *jwk)
{
    struct buf x CLEANUP(buf_fini);
    struct buf y CLEANUP(buf_fini);
    bool have_x = get_number(jwk, "x", &x);
    bool have_y = get_number(jwk, "y", &y);

    if (!have_x || !have_y || !str_eq_c(json_str_or_empty(jwk, "crv"), "P-256") ||
        x.len != ES256_NUMBER_BYTES || y.len != ES256_NUMBER_BYTES) {
        return NULL;
    }
    unsigned char point[1 + 2 * ES256_NUMBER_BYTES] = {4 /* uncompressed */};
    memcpy(point + 1, x.ptr, x.len);
    memcpy(point + 1 + x.len, y.ptr, y.len);
    char group[] = "prime256v1";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_construct_end(),
    };
    return key_from_params("EC", params);
}

/* A key that is not for RS256 or ES256 signatures gives none. */
static bool parse_key(const struct json *jwk, struct jwk *ret_key)
{
    struct str use = json_str_or_empty(jwk, "use");
    struct str kty = json_str_or_empty(jwk, "kty");
    struct str alg = json_str_or_empty(jwk, "alg");
    struct jwk key = {0};

    if (use.len > 0 && !str_eq_c(use, "sig")) {
        return false;
    }
    if (str_eq_c(kty, "RSA") && (alg.len == 0 || str_eq_c(alg, "RS256"))) {
        key.alg = JWK_RS256;
        key.key = rsa_key(jwk);
    } else if (str_eq_c(kty, "EC") && (alg.len == 0 || str_eq_c(alg, "ES256"))) {
        key.alg = JWK_ES256;
        key.key = ec_key(jwk);
    }
    if (key.key == NULL) {
        ERR_clear_error();
        return false;
    }
    struct str kid = json_str_or_empty(jwk, "kid");
    key.kid = xmalloc(kid.len + 1);
    memcpy(key.kid, kid.ptr, kid.len);
    key.kid[kid.len] = '\0';
    *ret_key = key;
    return true;
}

enum err_code crypto_jwks_parse(struct str json, struct crypto_jwks **ret_set, struct err *err)
{
    struct arena arena CLEANUP(arena_fini);
    const struct json *doc;

    arena_init(&arena);
    enum err_code rc = json_parse(&arena, json, &doc, err);
    if (rc != ERR_OK) {
        return rc;
    }
    const struct json *list = json_get(doc, "keys");
    if (list == NULL || list->kind != JSON_ARRAY || list->count > JWK_MAX_KEYS) {
        return ERR_SET(err, ERR_PROTO, "JWK set: no array \"keys\", or more than %d of them",
                       JWK_MAX_KEYS);
    }
    struct crypto_jwks *set = xcalloc(1, sizeof *set);
    set->keys = xcalloc(list->count, sizeof *set->keys);
    json_foreach(jwk, list)
    {
        set->count += parse_key(jwk, &set->keys[set->count]);
    }
    if (set->count == 0) {
        crypto_jwks_free(set);
        return ERR_SET(err, ERR_PROTO, "JWK set: no key for RS256 or ES256");
    }
    *ret_set = set;
    return ERR_OK;
}

struct crypto_jwks *crypto_jwks_free(struct crypto_jwks *set)
{
    if (set != NULL) {
        for (size_t i = 0; i < set->count; i++) {
            free(set->keys[i].kid);
            EVP_PKEY_free(set->keys[i].key);
        }
        free(set->keys);
        free(set);
    }
    return NULL;
}

size_t crypto_jwks_count(const struct crypto_jwks *set)
{
    return set->count;
}

const struct jwk *jwks_find(const struct crypto_jwks *set, struct str kid)
{
    if (kid.len == 0) {
        return set->count == 1 ? &set->keys[0] : NULL;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (str_eq_c(kid, set->keys[i].kid)) {
            return &set->keys[i];
        }
    }
    return NULL;
}

/* A JWS holds r and s side by side, OpenSSL wants them in DER. The result is free()d by OpenSSL. */
static struct str der_from_raw(struct str raw, unsigned char **ret_der)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BUG_ON(sig == NULL);
    const unsigned char *p = (const unsigned char *)raw.ptr;
    BIGNUM *r = BN_bin2bn(p, ES256_NUMBER_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(p + ES256_NUMBER_BYTES, ES256_NUMBER_BYTES, NULL);
    BUG_ON(r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1);
    *ret_der = NULL;
    int len = i2d_ECDSA_SIG(sig, ret_der);
    ECDSA_SIG_free(sig);
    BUG_ON(len <= 0);
    return (struct str){(const char *)*ret_der, (size_t)len};
}

bool jwk_verify(const struct jwk *key, struct str data, struct str signature)
{
    unsigned char *der = NULL;
    if (key->alg == JWK_ES256) {
        if (signature.len != 2 * (size_t)ES256_NUMBER_BYTES) {
            return false;
        }
        signature = der_from_raw(signature, &der);
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    BUG_ON(ctx == NULL);
    bool good = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key->key) == 1 &&
                EVP_DigestVerify(ctx, (const unsigned char *)signature.ptr, signature.len,
                                 (const unsigned char *)data.ptr, data.len) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    ERR_clear_error();
    return good;
}

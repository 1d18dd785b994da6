#include "crypto/jwt.h"

#include "base/encode.h"
#include "jwk_int.h"

/* Gateways bound headers to 8 or 16 KiB; no honest token is longer. */
#define JWT_MAX_BYTES 16384

struct parts {
    struct str signed_part; /* header.claims as they stand in the token */
    const struct json *header;
    const struct json *claims;
    struct buf signature;
};

static enum err_code bad(struct err *err, const char *why)
{
    return ERR_SET(err, ERR_AUTH, "token refused: %s", why);
}

static bool parse_part(struct str text, struct arena *arena, const struct json **ret_value)
{
    struct buf json CLEANUP(buf_fini);
    buf_init(&json, JWT_MAX_BYTES);
    return base64url_decode(&json, text) &&
           json_parse(arena, buf_str(&json), ret_value, NULL) == ERR_OK &&
           (*ret_value)->kind == JSON_OBJECT;
}

static bool split(struct str token, struct arena *arena, struct parts *ret)
{
    struct str rest = token;
    struct str header;
    struct str claims;
    struct str signature;

    if (token.len > JWT_MAX_BYTES || token.len == 0 || !str_split(&rest, '.', &header) ||
        !str_split(&rest, '.', &claims) || !str_split(&rest, '.', &signature) || rest.ptr != NULL) {
        return false;
    }
    ret->signed_part = (struct str){token.ptr, header.len + 1 + claims.len};
    return parse_part(header, arena, &ret->header) && parse_part(claims, arena, &ret->claims) &&
           base64url_decode(&ret->signature, signature);
}

static enum err_code check_signature(const struct parts *p, const struct crypto_jwt_rules *rules,
                                     struct err *err)
{
    struct str alg = json_str_or_empty(p->header, "alg");

    if (json_get(p->header, "crit") != NULL) {
        return bad(err, "critical extensions"); /* RFC 7515 4.1.11: understood or refused */
    }
    if (str_eq_c(alg, "HS256") && rules->hs256_secret.len > 0) {
        uint8_t mac[CRYPTO_SHA256_LEN];
        crypto_hmac_sha256(rules->hs256_secret, p->signed_part, mac);
        bool good = str_eq_secret(buf_str(&p->signature), (struct str){(char *)mac, sizeof mac});
        return good ? ERR_OK : bad(err, "signature");
    }
    if (rules->jwks == NULL || !(str_eq_c(alg, "RS256") || str_eq_c(alg, "ES256"))) {
        return bad(err, "algorithm");
    }
    const struct jwk *key = jwks_find(rules->jwks, json_str_or_empty(p->header, "kid"));
    if (key == NULL) {
        return ERR_SET(err, ERR_NOT_FOUND, "token refused: its key is not in the set");
    }
    if (!str_eq_c(alg, key->alg == JWK_RS256 ? "RS256" : "ES256") ||
        !jwk_verify(key, p->signed_part, buf_str(&p->signature))) {
        return bad(err, "signature");
    }
    return ERR_OK;
}

static bool audience_fits(const struct json *claims, struct str audience)
{
    const struct json *aud = json_get(claims, "aud");
    if (aud == NULL) {
        return false;
    }
    if (aud->kind == JSON_STRING) {
        return str_eq(aud->text, audience);
    }
    if (aud->kind != JSON_ARRAY) {
        return false;
    }
    json_foreach(one, aud)
    {
        if (one->kind == JSON_STRING && str_eq(one->text, audience)) {
            return true;
        }
    }
    return false;
}

static bool issuer_fits(const struct json *claims, const struct crypto_jwt_rules *rules)
{
    struct str iss = json_str_or_empty(claims, "iss");
    for (size_t i = 0; i < rules->issuer_count; i++) {
        if (str_eq(iss, rules->issuers[i])) {
            return true;
        }
    }
    return rules->issuer_count == 0;
}

/* NumericDate: seconds, perhaps with a fraction. False if the claim is there in another form. */
static bool get_date_ms(const struct json *claims, const char *name, bool *ret_there,
                        int64_t *ret_ms)
{
    const struct json *claim = json_get(claims, name);
    double seconds;
    *ret_there = claim != NULL;
    if (claim == NULL) {
        return true;
    }
    if (!json_f64(claim, &seconds) || !(seconds >= 0 && seconds < 1e11)) {
        return false;
    }
    *ret_ms = (int64_t)(seconds * 1000);
    return true;
}

static enum err_code check_claims(const struct json *claims, const struct crypto_jwt_rules *rules,
                                  struct err *err)
{
    bool there;
    int64_t at = 0;

    if (!issuer_fits(claims, rules)) {
        return bad(err, "issuer");
    }
    if (rules->audience.len > 0 && !audience_fits(claims, rules->audience)) {
        return bad(err, "audience");
    }
    for (size_t i = 0; i < 2; i++) {
        const char *name = i == 0 ? "nbf" : "iat";
        if (!get_date_ms(claims, name, &there, &at) ||
            (there && at > rules->now_ms + rules->skew_ms)) {
            return bad(err, "not valid yet");
        }
    }
    if (!get_date_ms(claims, "exp", &there, &at) || !there) {
        return bad(err, "no expiry");
    }
    if (at + rules->skew_ms <= rules->now_ms) {
        return ERR_SET(err, ERR_EXPIRED, "token expired");
    }
    return ERR_OK;
}

enum err_code crypto_jwt_verify(struct str token, const struct crypto_jwt_rules *rules,
                                struct arena *arena, const struct json **ret_claims,
                                struct err *err)
{
    struct parts parts = {0};
    buf_init(&parts.signature, JWT_MAX_BYTES);
    enum err_code rc =
        split(token, arena, &parts) ? check_signature(&parts, rules, err) : bad(err, "form");
    buf_fini(&parts.signature);
    if (rc == ERR_OK) {
        rc = check_claims(parts.claims, rules, err);
    }
    if (rc == ERR_OK) {
        *ret_claims = parts.claims;
    }
    return rc;
}

void crypto_jwt_sign_hs256(struct str secret, struct str claims, struct buf *out)
{
    struct buf signed_part CLEANUP(buf_fini);
    uint8_t mac[CRYPTO_SHA256_LEN];

    buf_init(&signed_part, JWT_MAX_BYTES);
    base64url_encode(&signed_part, STR("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"));
    buf_add_char(&signed_part, '.');
    base64url_encode(&signed_part, claims);
    crypto_hmac_sha256(secret, buf_str(&signed_part), mac);
    buf_add(out, buf_str(&signed_part));
    buf_add_char(out, '.');
    base64url_encode(out, (struct str){(char *)mac, sizeof mac});
}

/* The keys that a provider signs ID tokens with: fetched when needed, kept as long as the provider
 * says, between 5 minutes and a day. One fetch at a time, whoever asks. */
#ifndef PROVIDERS_JWKS_H
#define PROVIDERS_JWKS_H

#include "providers/provider.h"
#include "json/json.h"

struct provider_jwks_cache *provider_jwks_new(void);
/* Nobody may be waiting for it. Takes NULL. */
struct provider_jwks_cache *provider_jwks_free(struct provider_jwks_cache *cache);

/* The claims of an ID token whose signature, issuer, audience (the client), times and nonce are
 * right. A key that is not known makes the set be fetched again, at most once a minute. An
 * empty nonce is not compared.
 * owns: claims live in arena.
 * errs: ERR_AUTH: not to be trusted; ERR_UNAVAILABLE + RETRY: the keys cannot be had; what
 * http_fetch says. co: suspends. */
CO_FN MUST_CHECK enum err_code
provider_id_token_verify(struct provider_link *link, const struct provider_client *client,
                         struct str id_token, struct str nonce, int64_t deadline,
                         struct arena *arena, const struct json **ret_claims, struct err *err);

/* How long a JWKS answer may be kept by its Cache-Control, ms, within the bounds. Pure. */
int64_t provider_jwks_life_ms(struct str cache_control);

#endif

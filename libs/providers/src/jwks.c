#include "providers/jwks.h"

#include "crypto/jwt.h"
#include "observe/metric.h"

#define KEYS_MAX_BYTES ((size_t)256 << 10)
#define LIFE_MIN_MS (INT64_C(5) * 60 * 1000)
#define LIFE_MAX_MS (INT64_C(24) * 3600 * 1000)
/* A forged kid must not make us a load on the provider. */
#define REFETCH_MS (INT64_C(60) * 1000)
/* Between machines whose clocks are kept. */
#define SKEW_MS (INT64_C(60) * 1000)

struct provider_jwks_cache {
    struct crypto_jwks *set; /* NULL: none yet */
    int64_t tried_at;        /* of co_now(), whether it worked or not */
    int64_t stale_at;
    struct co_sem one; /* who fetches */
};

struct provider_jwks_cache *provider_jwks_new(void)
{
    struct provider_jwks_cache *cache = xcalloc(1, sizeof *cache);
    co_sem_init(&cache->one, 1);
    return cache;
}

struct provider_jwks_cache *provider_jwks_free(struct provider_jwks_cache *cache)
{
    if (cache != NULL) {
        crypto_jwks_free(cache->set);
        free(cache);
    }
    return NULL;
}

int64_t provider_jwks_life_ms(struct str cache_control)
{
    struct str rest = cache_control.ptr != NULL ? cache_control : STR(""), part;
    int64_t seconds = 0;
    while (str_split(&rest, ',', &part)) {
        struct str directive = str_trim(part);
        if (directive.len > 8 && str_eq_nocase(str_sub(directive, 0, 8), STR("max-age=")) &&
            !str_to_i64(str_sub(directive, 8, SIZE_MAX), &seconds)) {
            seconds = 0;
        }
    }
    seconds = MAX(MIN(seconds, LIFE_MAX_MS / 1000), 0);
    return MAX(seconds * 1000, LIFE_MIN_MS);
}

static CO_FN enum err_code fetch(struct provider_link *link, int64_t deadline, struct arena *arena,
                                 struct err *err)
{
    struct provider_jwks_cache *cache = link->jwks;
    struct http_request request = {
        .url = link->ends.jwks_url,
        .deadline = deadline,
        .protocol = link->protocol,
        .max_body_bytes = KEYS_MAX_BYTES,
    };
    struct http_response response = {0};
    cache->tried_at = co_now();
    int64_t began = co_clock_ns();
    enum err_code rc = http_fetch(link->http, &request, arena, &response, err);
    metric_observe(METRIC_PROVIDER_SECONDS, "jwks", (double)(co_clock_ns() - began) / 1e9);
    if (rc != ERR_OK) {
        return rc;
    }
    struct crypto_jwks *set = NULL;
    if (response.status != 200 || crypto_jwks_parse(response.body, &set, NULL) != ERR_OK) {
        return ERR_SET_ACT(err, ERR_UNAVAILABLE, ERR_ACT_RETRY,
                           "the provider's keys cannot be read (HTTP status %d)", response.status);
    }
    struct str control = {0};
    IGNORE(!http_header_find(response.headers, response.header_count, "cache-control", &control));
    crypto_jwks_free(cache->set);
    cache->set = set;
    cache->stale_at = co_now() + provider_jwks_life_ms(control);
    return ERR_OK;
}

/* Makes the cache fresh, or newer than `than` (the tried_at of a set that lacked the key). Who
 * waited for another's fetch finds it done. */
static CO_FN enum err_code refresh(struct provider_link *link, bool newer, int64_t than,
                                   int64_t deadline, struct arena *arena, struct err *err)
{
    struct provider_jwks_cache *cache = link->jwks;
    enum err_code rc = co_sem_acquire(&cache->one, deadline, err);
    if (rc != ERR_OK) {
        return rc;
    }
    bool fresh = cache->set != NULL && co_now() < cache->stale_at;
    if (!fresh || (newer && cache->tried_at <= than)) {
        rc = fetch(link, deadline, arena, err);
        if (rc != ERR_OK && fresh) {
            rc = ERR_OK; /* the keys there are still count; an unknown one stays unknown */
        }
    }
    co_sem_release(&cache->one);
    return rc;
}

static enum err_code verify(const struct provider_link *link, const struct provider_client *client,
                            struct str id_token, struct arena *arena,
                            const struct json **ret_claims, struct err *err)
{
    struct crypto_jwt_rules rules = {
        .jwks = link->jwks->set,
        .issuers = link->ends.issuers,
        .issuer_count = link->ends.issuer_count,
        .audience = client->id,
        .skew_ms = SKEW_MS,
        .now_ms = co_wall_now(),
    };
    return crypto_jwt_verify(id_token, &rules, arena, ret_claims, err);
}

enum err_code provider_id_token_verify(struct provider_link *link,
                                       const struct provider_client *client, struct str id_token,
                                       struct str nonce, int64_t deadline, struct arena *arena,
                                       const struct json **ret_claims, struct err *err)
{
    BUG_ON(link->ends.issuer_count == 0 || client->id.len == 0);
    struct provider_jwks_cache *cache = link->jwks;
    enum err_code rc = refresh(link, false, 0, deadline, arena, err);
    if (rc != ERR_OK) {
        return rc;
    }
    const struct json *claims = NULL;
    rc = verify(link, client, id_token, arena, &claims, err);
    if (rc == ERR_NOT_FOUND && co_now() - cache->tried_at >= REFETCH_MS) {
        rc = refresh(link, true, cache->tried_at, deadline, arena, err);
        if (rc != ERR_OK) {
            return rc;
        }
        rc = verify(link, client, id_token, arena, &claims, err);
    }
    if (rc != ERR_OK) {
        return ERR_SET_ACT(err, ERR_AUTH, ERR_ACT_REAUTH, "the ID token is not to be trusted (%s)",
                           err_code_name(rc));
    }
    if (nonce.len > 0 && !str_eq_secret(json_str_or_empty(claims, "nonce"), nonce)) {
        return ERR_SET_ACT(err, ERR_AUTH, ERR_ACT_REAUTH, "the ID token is not ours: its nonce");
    }
    *ret_claims = claims;
    return ERR_OK;
}

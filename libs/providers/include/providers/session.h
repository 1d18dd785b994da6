/* How a provider is reached: where it lives (endpoints), over which client (link), and one
 * account's access during a run (session).
 *
 * What a call may fail with is decided in one place, providers/transport.h, for all verbs:
 *   ERR_THROTTLED + RETRY     a quota; retry_after_ms where the provider said
 *   ERR_UNAVAILABLE, ERR_IO, ERR_TIMEOUT, ERR_PROTO (an answer that is no answer) + RETRY;
 *                             of a write, ERR_IO, ERR_TIMEOUT and ERR_CANCELED alone are in doubt
 *   ERR_TOO_BIG + RETRY       an answer, or one item of it, over its bound
 *   ERR_AUTH + REAUTH         the grant is dead (after one refresh and one replay)
 *   ERR_DENIED + DROP         known, but not allowed (scope, access level)
 *   ERR_DENIED + RETRY        usage limits for hours
 *   ERR_NOT_FOUND, ERR_GONE, ERR_CONFLICT, ERR_EXISTS, ERR_INVALID
 *   ERR_CONFIG + CONFIG       our client or project is set up wrongly: an operator's matter */
#ifndef PROVIDERS_SESSION_H
#define PROVIDERS_SESSION_H

#include "base/arena.h"
#include "base/uuid.h"
#include "http/client.h"
#include "observe/trace.h"
#include "runtime/co.h"

/* Every outside address is a setting. All borrowed for the life of the process. */
struct provider_endpoints {
    struct str consent_url;
    struct str token_url;
    struct str revoke_url;
    struct str jwks_url;
    struct str api_url;        /* base, without a trailing slash */
    const struct str *issuers; /* accepted in ID tokens */
    size_t issuer_count;
};

struct provider_jwks_cache;

/* One provider as this process reaches it. */
struct provider_link {
    struct http_client *http;
    enum http_protocol protocol;
    struct provider_endpoints ends;
    struct provider_jwks_cache *jwks;
    /* The traceparent of a call that goes out now, as request_context_traceparent of
     * service/context.h gives it; NULL: none is sent. */
    struct str (*traceparent)(char out[TRACEPARENT_LEN + 1]);
};

/* Asked before each call: may wait (a budget) or refuse. cost: in the provider's units.
 * errs: ERR_THROTTLED with retry_after_ms. */
typedef CO_FN enum err_code (*provider_budget_fn)(void *ctx, int32_t cost, int64_t deadline,
                                                  struct err *err);
/* Told what a quota refusal said, so that all processes hold back. */
typedef void (*provider_throttled_fn)(void *ctx, int32_t retry_after_ms);
/* Gives a token that is not `refused` (single-flight across processes; stored before it is given).
 * errs: as the refresh verb. */
typedef CO_FN enum err_code (*provider_token_fn)(void *ctx, struct str refused, int64_t deadline,
                                                 struct arena *arena, struct str *ret_token,
                                                 struct err *err);

/* One account's access, for one run. Owned by its coroutine. */
struct provider_session {
    struct provider_link *link;
    struct arena *arena;     /* of the run: holds the token */
    struct str access_token; /* empty: asked for at the first call */
    provider_token_fn token;
    provider_budget_fn budget;       /* NULL: unlimited */
    provider_throttled_fn throttled; /* NULL: not told */
    void *ctx;                       /* of the three */
    bool interactive;                /* somebody waits: the budget's reserve may be used */
};

#endif

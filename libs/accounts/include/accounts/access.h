/* Access to a connection's account at its provider, and the single flight of its token.
 *
 * A token is refreshed by one coroutine at a time in this process (others wait for its result) and
 * by one process at a time (a lease row by the database's clock, which outlives the HTTP deadline;
 * no transaction is open meanwhile). It is stored before it is used. A good token is always stored;
 * "reauthorise" is written only if the refused version is still the current one. */
#ifndef ACCOUNTS_ACCESS_H
#define ACCOUNTS_ACCESS_H

#include "crypto/keyring.h"
#include "http/client.h"
#include "postgres/postgres.h"
#include "providers/provider.h"

struct access;

/* A provider as this process is configured for it. */
struct access_provider {
    const struct provider *provider;
    struct provider_link link;
    struct provider_client client; /* the platform's own */
};

struct access_opts {
    struct pg_pool *pool;
    const struct crypto_keyring *token_keys; /* borrowed: changed in place on rotation */
    const struct access_provider *providers; /* borrowed: likewise */
    size_t provider_count;
    int64_t call_ms; /* bound on one token call; 0: 30 s */
};

struct access *access_new(const struct access_opts *opts);
/* Nobody may wait. Takes NULL. */
struct access *access_free(struct access *a);

/* NULL if this process does not know the provider. Borrowed. */
const struct access_provider *access_provider(const struct access *a, struct str name);
const struct crypto_keyring *access_token_keys(const struct access *a);

/* One connection's access for one run; must stay where it is, and outlive the session. */
struct access_session {
    struct provider_session session; /* what the verbs take */
    const struct provider *provider;
    struct access *access;
    struct uuid connection;
};

/* Reads and opens the stored token; one that is about to expire is refreshed at its first use.
 * errs: ERR_NOT_FOUND: the connection is gone; ERR_AUTH with REAUTH: it needs a new consent;
 * ERR_UNSUPPORTED: the provider is not configured here; Postgres's. */
CO_FN MUST_CHECK enum err_code access_open(struct access *a, struct uuid connection,
                                           struct arena *arena, int64_t deadline,
                                           struct access_session *ret_session, struct err *err);

/* The associated data of a connection's sealed tokens; column: "access_token" or "refresh_token".
 */
struct str access_token_context(struct uuid connection, const char *column, struct arena *arena);

/* The OAuth client of a connection or flow: the organisation's own where oauth_client is set, else
 * the platform's. errs: ERR_NOT_FOUND, ERR_CONFIG (its secret does not open), Postgres's. */
CO_FN MUST_CHECK enum err_code access_client(struct access *a, struct str provider,
                                             const struct uuid *oauth_client, struct arena *arena,
                                             int64_t deadline, struct provider_client *ret_client,
                                             struct err *err);

#endif

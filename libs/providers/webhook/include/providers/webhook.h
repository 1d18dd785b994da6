/* A provider's notices, as ingest checks them: pure, no database, no token key.
 *
 * The secret of a channel is stateless: HMAC-SHA256 under a webhook key over provider, account,
 * calendar and our own channel number, key id included; so the notice itself says whom it is
 * about, and only we can have written it.
 *
 *   v1.<key id>.<account, 22 base64url>.<calendar>.<channel>.<expiry, seconds>.<mac, 22 base64url>
 *
 * Expiry is an upper bound for Google, and 0 where a renewal cannot change the secret (Graph). */
#ifndef PROVIDERS_WEBHOOK_H
#define PROVIDERS_WEBHOOK_H

#include "base/arena.h"
#include "base/uuid.h"
#include "crypto/keyring.h"

#define WEBHOOK_SECRET_MAX 256 /* Google's bound; Graph's clientState has 128 */

struct webhook_channel {
    struct uuid account;
    int64_t calendar;   /* our number */
    int64_t channel;    /* our number */
    int64_t expires_at; /* UTC ms, whole seconds; 0: none */
};

/* Appends the secret, made with the current key. */
void webhook_secret_print(const struct crypto_keyring *ring, const char *provider,
                          const struct webhook_channel *channel, struct buf *out);
/* errs: ERR_AUTH: not ours, altered, of a key that is gone; ERR_EXPIRED (ret_channel is filled). */
MUST_CHECK enum err_code webhook_secret_check(const struct crypto_keyring *ring,
                                              const char *provider, struct str secret,
                                              int64_t now_ms, struct webhook_channel *ret_channel,
                                              struct err *err);

#endif

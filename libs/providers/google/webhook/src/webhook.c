#include "google/webhook.h"

enum err_code google_notice_check(const struct crypto_keyring *ring,
                                  const struct google_notice *notice, int64_t now_ms,
                                  struct webhook_channel *ret_channel,
                                  enum google_notice_kind *ret_kind, struct err *err)
{
    struct webhook_channel channel;
    enum err_code rc =
        webhook_secret_check(ring, "google", notice->channel_token, now_ms, &channel, err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (str_eq_c(notice->resource_state, "sync")) {
        *ret_kind = GOOGLE_NOTICE_SYNC;
    } else if (str_eq_c(notice->resource_state, "exists") ||
               str_eq_c(notice->resource_state, "not_exists")) {
        /* not_exists: the resource is gone; reading it tells what that means */
        *ret_kind = GOOGLE_NOTICE_CHANGED;
    } else {
        return ERR_SET(err, ERR_PROTO, "notice of an unknown resource state");
    }
    *ret_channel = channel;
    return ERR_OK;
}

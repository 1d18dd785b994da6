/* Google's push notices: an empty POST whose headers say it all.
 * src: developers.google.com/workspace/calendar/api/guides/push, "Receiving notifications" */
#ifndef GOOGLE_WEBHOOK_H
#define GOOGLE_WEBHOOK_H

#include "providers/webhook.h"

/* The headers, as far as they are there (empty where not). */
struct google_notice {
    struct str channel_id;     /* X-Goog-Channel-ID */
    struct str channel_token;  /* X-Goog-Channel-Token: our secret */
    struct str resource_state; /* X-Goog-Resource-State: sync, exists, not_exists */
};

enum google_notice_kind {
    GOOGLE_NOTICE_SYNC = 1, /* the channel's first message: says that it is open, nothing changed */
    GOOGLE_NOTICE_CHANGED,  /* read the calendar */
};

/* Whose channel the notice is of.
 * errs: ERR_AUTH, ERR_EXPIRED as webhook_secret_check; ERR_PROTO for another resource state. */
MUST_CHECK enum err_code google_notice_check(const struct crypto_keyring *ring,
                                             const struct google_notice *notice, int64_t now_ms,
                                             struct webhook_channel *ret_channel,
                                             enum google_notice_kind *ret_kind, struct err *err);

#endif

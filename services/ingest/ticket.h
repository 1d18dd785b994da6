/* What the provider's redirect brought, sealed for the way through the browser: only the user who
 * began can have it exchanged, and nobody on the way can read or change it. */
#ifndef INGEST_TICKET_H
#define INGEST_TICKET_H

#include "base/arena.h"
#include "crypto/keyring.h"

#define TICKET_LIFE_MS (5 * 60 * 1000)
#define TICKET_MAX_BYTES 12288

struct ticket {
    struct str state;
    struct str code;
    struct str scope; /* may be empty */
};

void ticket_seal(const struct crypto_keyring *ring, const struct ticket *ticket, int64_t now_at,
                 struct buf *out);
/* owns: texts live in the arena. errs: ERR_AUTH: not ours or altered; ERR_EXPIRED. */
MUST_CHECK enum err_code ticket_open(const struct crypto_keyring *ring, struct str text,
                                     int64_t now_at, struct arena *arena, struct ticket *ret_ticket,
                                     struct err *err);

#endif

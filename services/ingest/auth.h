/* Who asks, proved by the Authorization header alone. Pure. */
#ifndef INGEST_AUTH_H
#define INGEST_AUTH_H

#include "crypto/jwt.h"
#include "messages/messages.h"
#include "refusal.h"

struct auth_rules {
    struct crypto_jwt_rules jwt;
    struct str service_key; /* opaque key of the service role; empty: none */
};

/* Fills role, user and organization. False and the refusal (401, or 403 for a role that has no
 * business here) where the caller is not known. */
bool auth_check(const struct auth_rules *rules, struct str authorization, struct arena *arena,
                struct message_caller *ret_caller, struct refusal *refusal);

/* For routes that act for a person. */
bool auth_want_user(const struct message_caller *caller, struct refusal *refusal);

#endif

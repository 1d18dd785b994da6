/* From a user's request to the message that asks a service: every route's body is judged here.
 * Pure. */
#ifndef INGEST_QUESTION_H
#define INGEST_QUESTION_H

#include "crypto/keyring.h"
#include "messages/messages.h"
#include "refusal.h"

#define QUESTION_WINDOW_MAX_MS (366 * INT64_C(86400000))
#define QUESTION_PEOPLE_MAX 50
#define QUESTION_ATTENDEES_MAX 200

/* What a request says. */
struct asked {
    struct str body;
    struct str query;
    struct str idempotency_key;          /* the header; ptr NULL: none */
    struct uuid id;                      /* of the path */
    const struct message_caller *caller; /* a user */
    const struct str *return_urls;
    size_t return_url_count;
    const struct crypto_keyring *bus_keys;
    int64_t now_at; /* UTC ms */
    struct arena *arena;
};

/* What goes out; texts live in the arena. */
struct question {
    const char *topic;
    struct str key; /* 16 bytes */
    struct str payload;
};

typedef bool (*question_fn)(const struct asked *in, struct question *out, struct refusal *refusal);

bool question_sync_now(const struct asked *in, struct question *out, struct refusal *refusal);
bool question_oauth_start(const struct asked *in, struct question *out, struct refusal *refusal);
bool question_oauth_exchange(const struct asked *in, struct question *out, struct refusal *refusal);
bool question_connections(const struct asked *in, struct question *out, struct refusal *refusal);
bool question_connection(const struct asked *in, struct question *out, struct refusal *refusal);
bool question_connection_patch(const struct asked *in, struct question *out,
                               struct refusal *refusal);
bool question_connection_delete(const struct asked *in, struct question *out,
                                struct refusal *refusal);
bool question_freebusy(const struct asked *in, struct question *out, struct refusal *refusal);
bool question_schedule(const struct asked *in, struct question *out, struct refusal *refusal);

/* For these functions: encodes message (a struct message_x, type MESSAGE_x) into out.
 * key: 16 bytes, copied. codes: too_long (413). */
bool question_put(const struct asked *in, const char *topic, const void *key, int type,
                  const void *message, struct question *out, struct refusal *refusal);

/* An e-mail address as far as it must have a form to be asked about. */
bool question_address_ok(struct str address);

#endif

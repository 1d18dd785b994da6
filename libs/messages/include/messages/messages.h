/* What travels on the bus: MessagePack, [type, version, {key: value}], declared in messages.def.
 *
 * For each message `x` of the table there is `struct message_x` with its fields and `present`, and
 * MESSAGE_x for message_encode and message_decode. Unknown keys are skipped; an unknown type, a
 * missing REQ field and a value of another kind are ERR_PROTO. */
#ifndef MESSAGES_MESSAGES_H
#define MESSAGES_MESSAGES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/uuid.h"

#define MESSAGE_VERSION 1
#define MESSAGE_MAX_BYTES (1 << 20) /* Kafka's own default for a record */

enum message_sync_reason {
    MESSAGE_SYNC_WEBHOOK = 1,
    MESSAGE_SYNC_USER = 2,      /* "sync now", or something that a user waits for */
    MESSAGE_SYNC_CONNECTED = 3, /* first import */
    MESSAGE_SYNC_STALE = 4,     /* free/busy found it stale */
    MESSAGE_SYNC_LIFECYCLE = 5, /* a provider's notice; what it says is stored in Postgres */
    MESSAGE_SYNC_OPERATOR = 6,
};

enum message_role { MESSAGE_ROLE_USER = 1, MESSAGE_ROLE_SERVICE = 2 };

struct message_strs {
    const struct str *ptr;
    size_t len;
};
struct message_i64s {
    const int64_t *ptr;
    size_t len;
};
struct message_uuids {
    const struct uuid *ptr;
    size_t len;
};

#define MESSAGE_C_U64 uint64_t
#define MESSAGE_C_I64 int64_t
#define MESSAGE_C_BOOL bool
#define MESSAGE_C_UUID struct uuid
#define MESSAGE_C_STR struct str
#define MESSAGE_C_BYTES struct str
#define MESSAGE_C_STRS struct message_strs
#define MESSAGE_C_I64S struct message_i64s
#define MESSAGE_C_UUIDS struct message_uuids

/* struct message_x: `present` has bit `key` for each field that is there. */
#define MESSAGE_BEGIN(name, type, topic, meaning)                                                  \
    struct message_##name {                                                                        \
        uint64_t present;
#define FIELD(message, name, key, kind, req, meaning) MESSAGE_C_##kind name;
#define MESSAGE_END(name)                                                                          \
    }                                                                                              \
    ;
#include "messages/messages.def"
#undef MESSAGE_BEGIN
#undef FIELD
#undef MESSAGE_END

/* MESSAGE_x: the type number. */
#define MESSAGE_BEGIN(name, type, topic, meaning) enum { MESSAGE_##name = type };
#define FIELD(message, name, key, kind, req, meaning)
#define MESSAGE_END(name)
#include "messages/messages.def"
#undef MESSAGE_BEGIN
#undef FIELD
#undef MESSAGE_END

/* The type of an encoded message. errs: ERR_PROTO. */
MUST_CHECK enum err_code message_type(struct str bytes, int *ret_type, struct err *err);

/* message: a struct message_x for type MESSAGE_x. Which optional fields are written is what
 * `present` says; REQ fields always are. errs: ERR_TOO_BIG by out's maximum. */
MUST_CHECK enum err_code message_encode(int type, const void *message, struct buf *out,
                                        struct err *err);
/* Fills ret_message (a struct message_x); texts and lists live in the arena.
 * errs: ERR_PROTO if the bytes are of another type or malformed. */
MUST_CHECK enum err_code message_decode(int type, struct str bytes, struct arena *arena,
                                        void *ret_message, struct err *err);

/* Whether an optional field is there; marks one that was just set. field is the struct's member. */
bool message_has_key(int type, const void *message, const void *field);
void message_mark_key(int type, void *message, const void *field);
#define MESSAGE_HAS(type_name, m, field)                                                           \
    message_has_key(MESSAGE_##type_name, (m), &((const struct message_##type_name *)(m))->field)
#define MESSAGE_SET(type_name, m, field, ...)                                                      \
    ((m)->field = (__VA_ARGS__), message_mark_key(MESSAGE_##type_name, (m), &(m)->field))

/* The table as Markdown, for docs/MESSAGES.md. */
void messages_print_docs(struct buf *out);

#endif

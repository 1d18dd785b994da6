/* messages.def as data: what the generic encoder, decoder and documentation walk. */
#ifndef MESSAGES_TABLE_INT_H
#define MESSAGES_TABLE_INT_H

#include "messages/messages.h"

enum field_kind {
    FIELD_U64,
    FIELD_I64,
    FIELD_BOOL,
    FIELD_UUID,
    FIELD_STR,
    FIELD_BYTES,
    FIELD_STRS,
    FIELD_I64S,
    FIELD_UUIDS,
};

struct field {
    const char *name;
    const char *meaning;
    size_t offset;
    int key;
    enum field_kind kind;
    bool required;
};

struct message {
    const char *name;
    const char *topic;
    const char *meaning;
    int type;
    size_t size;
    const struct field *fields;
    size_t field_count;
};

extern const struct message message_table[];
extern const size_t message_table_len;

/* Whether one MessagePack value fills bytes exactly, nested no deeper than our messages are, and no
 * length in it claims more than is there: msgpack-c allocates what a length claims before it looks.
 * src: github.com/msgpack/msgpack/blob/master/spec.md */
bool message_bounds_ok(struct str bytes);

#endif

/* UUIDs as 16 bytes.  src: RFC 9562 */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include "base/str.h"

struct uuid {
    uint8_t bytes[16];
};

#define UUID_TEXT_LEN 36

/* The 8-4-4-4-12 form, either case; false on anything else. */
bool uuid_parse(struct str text, struct uuid *ret_id);
/* Lower case, with its NUL. Returns out as a str. */
struct str uuid_print(struct uuid id, char out[UUID_TEXT_LEN + 1]);
/* Version 4. */
struct uuid uuid_random(void);

static inline bool uuid_eq(struct uuid a, struct uuid b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

static inline bool uuid_is_nil(struct uuid id)
{
    return uuid_eq(id, (struct uuid){{0}});
}

/* The bytes as a str, borrowed from id. */
static inline struct str uuid_bytes(const struct uuid *id)
{
    return (struct str){(const char *)id->bytes, sizeof id->bytes};
}

/* For printf("%s"): a compound literal that lives as long as the block. */
#define UUID_C(id) (uuid_print((id), (char[UUID_TEXT_LEN + 1]){0}).ptr)

#endif

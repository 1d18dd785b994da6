#include "base/uuid.h"

#include "base/encode.h"

#include <stdio.h>
#include <sys/random.h>

bool uuid_parse(struct str text, struct uuid *ret_id)
{
    struct uuid id;
    size_t at = 0;

    if (text.len != UUID_TEXT_LEN) {
        return false;
    }
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            if (text.ptr[at++] != '-') {
                return false;
            }
        }
        if (!hex_decode(str_sub(text, at, 2), &id.bytes[i], 1)) {
            return false;
        }
        at += 2;
    }
    *ret_id = id;
    return true;
}

struct str uuid_print(struct uuid id, char out[UUID_TEXT_LEN + 1])
{
    const uint8_t *b = id.bytes;
    snprintf(out, UUID_TEXT_LEN + 1,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
    return (struct str){out, UUID_TEXT_LEN};
}

struct uuid uuid_random(void)
{
    struct uuid id;
    BUG_ON(getrandom(id.bytes, sizeof id.bytes, 0) != (ssize_t)sizeof id.bytes);
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x40);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    return id;
}

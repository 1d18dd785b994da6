#include "table_int.h"

#define BOUNDS_MAX_DEPTH 4 /* [type, version, {key: [item]}] */

struct cursor {
    const unsigned char *at;
    const unsigned char *end;
};

static bool take_number(struct cursor *c, size_t width, uint64_t *ret_n)
{
    uint64_t n = 0;
    if ((size_t)(c->end - c->at) < width) {
        return false;
    }
    for (size_t i = 0; i < width; i++) {
        n = n << 8 | *c->at++;
    }
    *ret_n = n;
    return true;
}

/* Reads one head: how many bytes of payload follow it, and how many values it contains. */
static bool take_head(struct cursor *c, uint64_t *ret_payload, uint64_t *ret_values)
{
    static const uint8_t fixed[] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8}; /* ca..d3: numbers */
    if (c->at == c->end) {
        return false;
    }
    unsigned char head = *c->at++;
    *ret_payload = 0;
    *ret_values = 0;
    if (head <= 0x7f || head >= 0xe0 || head == 0xc0 || head == 0xc2 || head == 0xc3) {
        return true;
    }
    if (head <= 0x8f) {
        *ret_values = 2 * (head & 0x0fU);
        return true;
    }
    if (head <= 0x9f) {
        *ret_values = head & 0x0fU;
        return true;
    }
    if (head <= 0xbf) {
        *ret_payload = head & 0x1fU;
        return true;
    }
    if (head >= 0xca && head <= 0xd3) {
        *ret_payload = fixed[head - 0xca];
        return true;
    }
    switch (head) {
    case 0xc4: /* bin 8, 16, 32 */
    case 0xc5:
    case 0xc6:
        return take_number(c, (size_t)1 << (head - 0xc4), ret_payload);
    case 0xd9: /* str 8, 16, 32 */
    case 0xda:
    case 0xdb:
        return take_number(c, (size_t)1 << (head - 0xd9), ret_payload);
    case 0xdc: /* array 16, 32 */
    case 0xdd:
        return take_number(c, (size_t)2 << (head - 0xdc), ret_values);
    case 0xde: /* map 16, 32 */
    case 0xdf:
        if (!take_number(c, (size_t)2 << (head - 0xde), ret_values)) {
            return false;
        }
        *ret_values *= 2;
        return true;
    default: /* extension types: none of our messages has them */
        return false;
    }
}

bool message_bounds_ok(struct str bytes)
{
    struct cursor c = {(const unsigned char *)bytes.ptr,
                       (const unsigned char *)bytes.ptr + bytes.len};
    uint64_t left[BOUNDS_MAX_DEPTH + 1] = {1}; /* values still to come at each depth */
    size_t depth = 0;

    if (bytes.len == 0 || bytes.len > MESSAGE_MAX_BYTES) {
        return false;
    }
    while (true) {
        while (left[depth] == 0) {
            if (depth == 0) {
                return c.at == c.end;
            }
            depth--;
        }
        left[depth]--;
        uint64_t payload;
        uint64_t values;
        if (!take_head(&c, &payload, &values)) {
            return false;
        }
        uint64_t rest = (uint64_t)(c.end - c.at);
        if (payload > rest || values > rest) { /* each value takes a byte at least */
            return false;
        }
        c.at += payload;
        if (values > 0) {
            if (depth == BOUNDS_MAX_DEPTH) {
                return false;
            }
            left[++depth] = values;
        }
    }
}

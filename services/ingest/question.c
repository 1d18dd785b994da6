#include "question.h"

/* The bus carries at most 256 KiB of payload; what passes the limits of the fields is below. */
#define PAYLOAD_MAX_BYTES (256 * 1024)

bool question_put(const struct asked *in, const char *topic, const void *key, int type,
                  const void *message, struct question *out, struct refusal *refusal)
{
    struct buf bytes CLEANUP(buf_fini);
    buf_init(&bytes, PAYLOAD_MAX_BYTES);
    if (message_encode(type, message, &bytes, NULL) != ERR_OK) {
        return refuse(refusal, 413, "too_long", "The request is too long.");
    }
    out->topic = topic;
    out->key = arena_str(in->arena, (struct str){key, sizeof(struct uuid)});
    out->payload = arena_str(in->arena, buf_str(&bytes));
    return true;
}

bool question_address_ok(struct str address)
{
    size_t at = str_find_char(address, '@');
    if (at == SIZE_MAX || at == 0 || at + 1 >= address.len || address.len > 254 ||
        str_find_char(str_sub(address, at + 1, address.len), '@') != SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < address.len; i++) {
        unsigned char c = (unsigned char)address.ptr[i];
        if (c <= ' ' || c == 0x7f || c == ',' || c == ';' || c == '<' || c == '>') {
            return false;
        }
    }
    return true;
}

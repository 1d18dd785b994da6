#include "simulator/google/opaque.h"

#include "crypto/crypto.h"

#include <inttypes.h>

#define TAG_LEN 12

static void add_tag(const struct google *g, struct buf *text)
{
    uint8_t mac[CRYPTO_SHA256_LEN];
    crypto_hmac_sha256((struct str){(const char *)g->token_key, sizeof g->token_key}, buf_str(text),
                       mac);
    buf_add(text, (struct str){(const char *)mac, TAG_LEN});
}

void g_opaque_print(const struct google *g, const struct g_opaque *o, struct buf *out)
{
    struct buf text;
    buf_init(&text, 4096);
    buf_add_f(&text, "%c|%.*s|%.*s", o->kind, STR_ARG(o->owner), STR_ARG(o->target));
    for (size_t i = 0; i < OPAQUE_NUMBERS; i++) {
        buf_add_f(&text, "|%" PRIu64, o->numbers[i]);
    }
    add_tag(g, &text);
    base64url_encode(out, buf_str(&text));
    buf_add_char(out, '='); /* as Google's look: a client that trims them fails here too */
    buf_fini(&text);
}

static bool tag_good(const struct google *g, struct str plain)
{
    struct buf again;
    buf_init(&again, 8192);
    buf_add(&again, str_sub(plain, 0, plain.len - TAG_LEN));
    add_tag(g, &again);
    bool good = str_eq_secret(buf_str(&again), plain);
    buf_fini(&again);
    return good;
}

bool g_opaque_parse(const struct google *g, struct str token, struct arena *arena,
                    struct g_opaque *ret_o)
{
    struct buf plain_buf;
    struct str part;
    if (!str_ends(token, STR("=")) || token.len > 8192) {
        return false;
    }
    buf_init(&plain_buf, 8192);
    bool good = base64url_decode(&plain_buf, str_sub(token, 0, token.len - 1)) &&
                plain_buf.len > TAG_LEN && tag_good(g, buf_str(&plain_buf));
    struct str plain = arena_str(arena, buf_str(&plain_buf));
    buf_fini(&plain_buf);
    if (!good) {
        return false;
    }

    struct str rest = str_sub(plain, 0, plain.len - TAG_LEN);
    struct g_opaque o = {0};
    if (!str_split(&rest, '|', &part) || part.len != 1) {
        return false;
    }
    o.kind = part.ptr[0];
    if (!str_split(&rest, '|', &o.owner) || !str_split(&rest, '|', &o.target)) {
        return false;
    }
    for (size_t i = 0; i < OPAQUE_NUMBERS; i++) {
        int64_t number;
        if (!str_split(&rest, '|', &part) || !str_to_i64(part, &number)) {
            return false;
        }
        o.numbers[i] = (uint64_t)number;
    }
    *ret_o = o;
    return true;
}

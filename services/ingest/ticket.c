#include "ticket.h"

#include "crypto/envelope.h"
#include "json/write.h"

#define CONTEXT STR("oauth-ticket")

void ticket_seal(const struct crypto_keyring *ring, const struct ticket *ticket, int64_t now_at,
                 struct buf *out)
{
    struct buf plain CLEANUP(buf_fini);
    buf_init(&plain, TICKET_MAX_BYTES);
    struct json_writer w = {.out = &plain};
    json_open(&w, '{');
    json_member_i64(&w, "expires_at", now_at + TICKET_LIFE_MS);
    json_member_str(&w, "state", ticket->state);
    json_member_str(&w, "code", ticket->code);
    json_member_str(&w, "scope", ticket->scope);
    json_close(&w, '}');
    crypto_envelope_seal(ring, CONTEXT, buf_str(&plain), out);
    crypto_wipe(plain.ptr, plain.len);
}

enum err_code ticket_open(const struct crypto_keyring *ring, struct str text, int64_t now_at,
                          struct arena *arena, struct ticket *ret_ticket, struct err *err)
{
    struct buf plain CLEANUP(buf_fini);
    const struct json *root = NULL;
    int64_t expires_at = 0;

    buf_init(&plain, TICKET_MAX_BYTES);
    if (crypto_envelope_open(ring, CONTEXT, text, &plain, NULL) != ERR_OK ||
        json_parse(arena, buf_str(&plain), &root, NULL) != ERR_OK ||
        !json_get_i64(root, "expires_at", &expires_at)) {
        return ERR_SET(err, ERR_AUTH, "the ticket is not ours");
    }
    if (now_at >= expires_at) {
        return ERR_SET(err, ERR_EXPIRED, "the ticket has expired");
    }
    ret_ticket->state = json_str_or_empty(root, "state");
    ret_ticket->code = json_str_or_empty(root, "code");
    ret_ticket->scope = json_str_or_empty(root, "scope");
    return ERR_OK;
}

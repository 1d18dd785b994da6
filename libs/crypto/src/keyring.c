#include "crypto/keyring.h"

#include "base/encode.h"

static enum err_code parse_line(struct str line, int number, struct crypto_key *ret_key,
                                struct err *err)
{
    struct str rest = line;
    struct str id_text;
    int64_t id = 0;
    struct buf bytes CLEANUP(buf_fini);

    buf_init(&bytes, 64);
    if (!str_split(&rest, ':', &id_text) || rest.ptr == NULL || !str_to_i64(id_text, &id) ||
        id < 1 || id > 255) {
        return ERR_SET(err, ERR_CONFIG, "key ring line %d: want id:base64, id from 1 to 255",
                       number);
    }
    if (!base64_decode(&bytes, rest) || bytes.len != CRYPTO_KEY_LEN) {
        return ERR_SET(err, ERR_CONFIG,
                       "key ring line %d: want the base64 of 32 bytes (openssl rand -base64 32)",
                       number);
    }
    ret_key->id = (uint8_t)id;
    memcpy(ret_key->bytes, bytes.ptr, CRYPTO_KEY_LEN);
    crypto_wipe(bytes.ptr, bytes.len);
    return ERR_OK;
}

enum err_code crypto_keyring_parse(struct str text, struct crypto_keyring *ret_ring,
                                   struct err *err)
{
    struct crypto_keyring ring = {0};
    struct str rest = text.len > 0 ? text : STR("");
    struct str line;

    for (int number = 1; str_split(&rest, '\n', &line); number++) {
        line = str_trim(line);
        if (line.len == 0 || line.ptr[0] == '#') {
            continue;
        }
        struct crypto_key key;
        enum err_code rc = parse_line(line, number, &key, err);
        if (rc != ERR_OK) {
            return rc;
        }
        if (crypto_keyring_find(&ring, key.id) != NULL) {
            return ERR_SET(err, ERR_CONFIG, "key ring line %d: id %d twice", number, key.id);
        }
        if (ring.count == CRYPTO_KEYRING_MAX) {
            return ERR_SET(err, ERR_CONFIG, "key ring: more than %d keys", CRYPTO_KEYRING_MAX);
        }
        ring.keys[ring.count++] = key;
    }
    if (ring.count == 0) {
        return ERR_SET(err, ERR_CONFIG, "key ring: no key (want lines of id:base64)");
    }
    *ret_ring = ring;
    return ERR_OK;
}

const struct crypto_key *crypto_keyring_find(const struct crypto_keyring *ring, uint8_t id)
{
    for (size_t i = 0; i < ring->count; i++) {
        if (ring->keys[i].id == id) {
            return &ring->keys[i];
        }
    }
    return NULL;
}

const struct crypto_key *crypto_keyring_current(const struct crypto_keyring *ring)
{
    BUG_ON(ring->count == 0);
    return &ring->keys[0];
}

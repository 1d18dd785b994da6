#include "simulator/google/oauth.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

struct g_id_key {
    EVP_PKEY *pkey;
    char id[20];
};

struct g_id_key *g_id_key_new(void)
{
    struct g_id_key *key = xcalloc(1, sizeof *key);
    key->pkey = EVP_RSA_gen(2048);
    BUG_ON(key->pkey == NULL);
    snprintf(key->id, sizeof key->id, "calfleet-sim-1");
    return key;
}

struct g_id_key *g_id_key_free(struct g_id_key *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->pkey);
        free(key);
    }
    return NULL;
}

static void add_part(struct buf *out, const json_t *part)
{
    struct buf text;
    buf_init(&text, 65536);
    tree_dump(&text, part, false);
    base64url_encode(out, buf_str(&text));
    buf_fini(&text);
}

void g_id_key_sign(const struct g_id_key *key, const json_t *claims, struct buf *out)
{
    size_t start = out->len;
    unsigned char signature[256];
    size_t len = sizeof signature;
    json_t *head = json_object();
    tree_set_c(head, "alg", "RS256");
    tree_set_c(head, "kid", key->id);
    tree_set_c(head, "typ", "JWT");
    add_part(out, head);
    json_decref(head);
    buf_add_char(out, '.');
    add_part(out, claims);

    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    struct str signed_text = str_sub(buf_str(out), start, SIZE_MAX);
    BUG_ON(ctx == NULL || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) != 1 ||
           EVP_DigestSign(ctx, signature, &len, (const unsigned char *)signed_text.ptr,
                          signed_text.len) != 1);
    EVP_MD_CTX_free(ctx);
    buf_add_char(out, '.');
    base64url_encode(out, (struct str){(const char *)signature, len});
}

static void set_number(json_t *object, const char *member, EVP_PKEY *pkey, const char *param)
{
    BIGNUM *number = NULL;
    unsigned char bytes[512];
    struct buf text;
    BUG_ON(EVP_PKEY_get_bn_param(pkey, param, &number) != 1);
    int len = BN_bn2bin(number, bytes);
    BN_free(number);
    buf_init(&text, 1024);
    base64url_encode(&text, (struct str){(const char *)bytes, (size_t)len});
    tree_set_str(object, member, buf_str(&text));
    buf_fini(&text);
}

json_t *g_id_key_set(const struct g_id_key *key)
{
    json_t *jwk = json_object();
    tree_set_c(jwk, "kty", "RSA");
    tree_set_c(jwk, "use", "sig");
    tree_set_c(jwk, "alg", "RS256");
    tree_set_c(jwk, "kid", key->id);
    set_number(jwk, "n", key->pkey, OSSL_PKEY_PARAM_RSA_N);
    set_number(jwk, "e", key->pkey, OSSL_PKEY_PARAM_RSA_E);
    json_t *keys = json_array();
    json_array_append_new(keys, jwk);
    json_t *set = json_object();
    tree_set(set, "keys", keys);
    return set;
}

#include "crypto/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sys/random.h>

void crypto_random(void *out, size_t len)
{
    unsigned char *at = out;
    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);
        BUG_ON(n <= 0);
        at += n;
        len -= (size_t)n;
    }
}

void crypto_wipe(void *ptr, size_t len)
{
    OPENSSL_cleanse(ptr, len);
}

void crypto_sha256(struct str data, uint8_t out[CRYPTO_SHA256_LEN])
{
    BUG_ON(EVP_Digest(data.ptr, data.len, out, NULL, EVP_sha256(), NULL) != 1);
}

void crypto_hmac_sha256(struct str key, struct str data, uint8_t out[CRYPTO_SHA256_LEN])
{
    static const unsigned char none[1];
    const void *key_ptr = key.len > 0 ? key.ptr : (const char *)none;
    const unsigned char *in = data.len > 0 ? (const unsigned char *)data.ptr : none;
    BUG_ON(key.len > INT32_MAX);
    BUG_ON(HMAC(EVP_sha256(), key_ptr, (int)key.len, in, data.len, out, NULL) == NULL);
}

void crypto_hkdf_sha256(struct str ikm, struct str salt, struct str info, uint8_t *out, size_t len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    BUG_ON(kdf == NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    BUG_ON(ctx == NULL);
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)ikm.ptr, ikm.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt.ptr,
                                          salt.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info.ptr,
                                          info.len),
        OSSL_PARAM_construct_end(),
    };
    BUG_ON(EVP_KDF_derive(ctx, out, len, params) != 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

/* EVP takes lengths as int; everything that is sealed here is far below. */
static int int_len(struct str s)
{
    BUG_ON(s.len > INT32_MAX);
    return (int)s.len;
}

void crypto_gcm_seal(const uint8_t key[CRYPTO_KEY_LEN], const uint8_t nonce[CRYPTO_GCM_NONCE_LEN],
                     struct str aad, struct str plain, struct buf *out)
{
    unsigned char *to = (unsigned char *)buf_reserve(out, plain.len + CRYPTO_GCM_TAG_LEN);
    if (to == NULL) {
        return; /* out is marked failed */
    }
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    BUG_ON(ctx == NULL);
    int n = 0;
    BUG_ON(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) != 1);
    BUG_ON(EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)aad.ptr, int_len(aad)) != 1);
    BUG_ON(plain.len > 0 &&
           EVP_EncryptUpdate(ctx, to, &n, (const unsigned char *)plain.ptr, int_len(plain)) != 1);
    BUG_ON(EVP_EncryptFinal_ex(ctx, to + plain.len, &n) != 1);
    BUG_ON(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, CRYPTO_GCM_TAG_LEN, to + plain.len) !=
           1);
    EVP_CIPHER_CTX_free(ctx);
    buf_used(out, plain.len + CRYPTO_GCM_TAG_LEN);
}

enum err_code crypto_gcm_open(const uint8_t key[CRYPTO_KEY_LEN],
                              const uint8_t nonce[CRYPTO_GCM_NONCE_LEN], struct str aad,
                              struct str sealed, struct buf *out, struct err *err)
{
    if (sealed.len < CRYPTO_GCM_TAG_LEN) {
        return ERR_SET(err, ERR_AUTH, "sealed text is too short");
    }
    size_t len = sealed.len - CRYPTO_GCM_TAG_LEN;
    unsigned char *to = (unsigned char *)buf_reserve(out, len);
    if (to == NULL) {
        return buf_ok(out, err);
    }
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    BUG_ON(ctx == NULL);
    const unsigned char *in = (const unsigned char *)sealed.ptr;
    unsigned char tag[CRYPTO_GCM_TAG_LEN];
    int n = 0;
    memcpy(tag, in + len, sizeof tag);
    bool good =
        EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
        EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)aad.ptr, int_len(aad)) == 1 &&
        (len == 0 || EVP_DecryptUpdate(ctx, to, &n, in, (int)len) == 1) &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)sizeof tag, tag) == 1 &&
        EVP_DecryptFinal_ex(ctx, to + len, &n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!good) {
        crypto_wipe(to, len);
        to[0] = '\0';
        return ERR_SET(err, ERR_AUTH, "sealed text does not open");
    }
    buf_used(out, len);
    return ERR_OK;
}

/* Primitives against published vectors, key rings, and envelopes that open only in their place. */
#include "crypto/envelope.h"

#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void assert_hex(const uint8_t *bytes, size_t len, const char *expected)
{
    struct buf hex CLEANUP(buf_fini);
    buf_init(&hex, 1000);
    hex_encode(&hex, (struct str){(const char *)bytes, len});
    assert_string_equal(buf_c(&hex), expected);
}

static void test_hmac_matches_rfc4231_case_2(void **state UNUSED)
{
    uint8_t mac[CRYPTO_SHA256_LEN];
    crypto_hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"), mac);
    assert_hex(mac, sizeof mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void test_hkdf_matches_rfc5869_case_1(void **state UNUSED)
{
    uint8_t out[42];
    char ikm[22];
    memset(ikm, 0x0b, sizeof ikm);
    crypto_hkdf_sha256((struct str){ikm, sizeof ikm},
                       STR("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c"),
                       STR("\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9"), out, sizeof out);
    assert_hex(
        out, sizeof out,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

static void test_gcm_matches_nist_case_16_and_refuses_changes(void **state UNUSED)
{
    uint8_t key[32];
    uint8_t nonce[12];
    uint8_t plain[60];
    uint8_t aad[20];
    assert_true(hex_decode(STR("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"),
                           key, 32));
    assert_true(hex_decode(STR("cafebabefacedbaddecaf888"), nonce, 12));
    assert_true(hex_decode(STR("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                               "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"),
                           plain, 60));
    assert_true(hex_decode(STR("feedfacedeadbeeffeedfacedeadbeefabaddad2"), aad, 20));
    struct str aad_s = {(char *)aad, sizeof aad};
    struct buf sealed CLEANUP(buf_fini);
    struct buf opened CLEANUP(buf_fini);
    buf_init(&sealed, 1000);
    buf_init(&opened, 1000);
    crypto_gcm_seal(key, nonce, aad_s, (struct str){(char *)plain, sizeof plain}, &sealed);
    assert_hex((uint8_t *)sealed.ptr, sealed.len,
               "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
               "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
               "76fc6ece0f4e1768cddf8853bb2d551b");
    assert_int_equal(crypto_gcm_open(key, nonce, aad_s, buf_str(&sealed), &opened, NULL), ERR_OK);
    assert_memory_equal(opened.ptr, plain, sizeof plain);
    for (size_t i = 0; i < sealed.len; i++) {
        buf_reset(&opened);
        sealed.ptr[i] ^= 1;
        assert_int_equal(crypto_gcm_open(key, nonce, aad_s, buf_str(&sealed), &opened, NULL),
                         ERR_AUTH);
        assert_int_equal(opened.len, 0);
        sealed.ptr[i] ^= 1;
    }
    assert_int_equal(crypto_gcm_open(key, nonce, STR("x"), buf_str(&sealed), &opened, NULL),
                     ERR_AUTH);
}

#define KEY_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY_B "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

static void test_keyring_tells_the_line_and_never_the_key(void **state UNUSED)
{
    struct crypto_keyring ring;
    struct err err;
    assert_int_equal(crypto_keyring_parse(STR("# old\n2:" KEY_B "\n\n1:" KEY_A "\n"), &ring, &err),
                     ERR_OK);
    assert_int_equal(ring.count, 2);
    assert_int_equal(crypto_keyring_current(&ring)->id, 2);
    static const char *const bad[] = {
        "", "1:" KEY_A "\n1:" KEY_B, "0:" KEY_A, "256:" KEY_A, "1:AAAA", KEY_A};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(crypto_keyring_parse(str_c(bad[i]), &ring, &err), ERR_CONFIG);
        assert_null(strstr(err.text, "AAAA"));
    }
}

static void test_envelope_opens_with_an_old_key_and_only_in_its_context(void **state UNUSED)
{
    struct crypto_keyring old_ring;
    struct crypto_keyring ring;
    struct buf envelope CLEANUP(buf_fini);
    struct buf plain CLEANUP(buf_fini);
    buf_init(&envelope, 1000);
    buf_init(&plain, 1000);
    assert_int_equal(crypto_keyring_parse(STR("1:" KEY_A), &old_ring, NULL), ERR_OK);
    assert_int_equal(crypto_keyring_parse(STR("2:" KEY_B "\n1:" KEY_A), &ring, NULL), ERR_OK);
    crypto_envelope_seal(&old_ring, STR("connection/7/refresh"), STR("secret"), &envelope);
    assert_int_equal(crypto_envelope_key_id(buf_str(&envelope)), 1);
    assert_int_equal(
        crypto_envelope_open(&ring, STR("connection/7/refresh"), buf_str(&envelope), &plain, NULL),
        ERR_OK);
    assert_string_equal(buf_c(&plain), "secret");
    assert_int_equal(
        crypto_envelope_open(&ring, STR("connection/8/refresh"), buf_str(&envelope), &plain, NULL),
        ERR_AUTH);
    ring.count = 1;
    assert_int_equal(
        crypto_envelope_open(&ring, STR("connection/7/refresh"), buf_str(&envelope), &plain, NULL),
        ERR_CONFIG);
    assert_int_equal(crypto_envelope_open(&ring, STR("x"), STR("v1.2.AAAA"), &plain, NULL),
                     ERR_PROTO);
    assert_int_equal(crypto_envelope_open(&ring, STR("x"), STR("hello"), &plain, NULL), ERR_PROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hmac_matches_rfc4231_case_2),
        cmocka_unit_test(test_hkdf_matches_rfc5869_case_1),
        cmocka_unit_test(test_gcm_matches_nist_case_16_and_refuses_changes),
        cmocka_unit_test(test_keyring_tells_the_line_and_never_the_key),
        cmocka_unit_test(test_envelope_opens_with_an_old_key_and_only_in_its_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Channel secrets: only ours check, each altered byte is refused, keys rotate, expiry is seen. */
#include "providers/webhook.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define KEY_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY_B "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

static struct crypto_keyring ring_of(const char *text)
{
    struct crypto_keyring ring;
    assert_int_equal(crypto_keyring_parse(str_c(text), &ring, NULL), ERR_OK);
    return ring;
}

static const struct webhook_channel channel = {
    .account = {{1, 2, 3, 255}}, .calendar = 4711, .channel = 99, .expires_at = 1795000000000};

static void test_secret_checks_until_its_expiry_and_with_an_old_key(void **state UNUSED)
{
    struct crypto_keyring old_ring = ring_of("1:" KEY_A);
    struct crypto_keyring both = ring_of("2:" KEY_B "\n1:" KEY_A);
    struct crypto_keyring later = ring_of("2:" KEY_B);
    struct webhook_channel got = {0};
    struct buf secret CLEANUP(buf_fini);
    buf_init(&secret, WEBHOOK_SECRET_MAX);
    webhook_secret_print(&old_ring, "google", &channel, &secret);
    assert_int_equal(buf_ok(&secret, NULL), ERR_OK);
    assert_true(secret.len <= 128);
    struct str s = buf_str(&secret);
    assert_int_equal(webhook_secret_check(&both, "google", s, 1, &got, NULL), ERR_OK);
    assert_true(uuid_eq(got.account, channel.account) && got.calendar == 4711 &&
                got.channel == 99 && got.expires_at == channel.expires_at);
    assert_int_equal(webhook_secret_check(&both, "google", s, channel.expires_at, &got, NULL),
                     ERR_EXPIRED);
    assert_int_equal(webhook_secret_check(&both, "microsoft", s, 1, &got, NULL), ERR_AUTH);
    assert_int_equal(webhook_secret_check(&later, "google", s, 1, &got, NULL), ERR_AUTH);
}

static void test_every_altered_or_missing_byte_is_refused(void **state UNUSED)
{
    struct crypto_keyring ring = ring_of("1:" KEY_A "\n2:" KEY_B);
    struct webhook_channel got;
    struct buf secret CLEANUP(buf_fini);
    buf_init(&secret, WEBHOOK_SECRET_MAX);
    webhook_secret_print(&ring, "google", &channel, &secret);
    for (size_t i = 0; i < secret.len; i++) {
        char before = secret.ptr[i];
        secret.ptr[i] = before == '1' ? '2' : '1';
        assert_int_equal(webhook_secret_check(&ring, "google", buf_str(&secret), 1, &got, NULL),
                         ERR_AUTH);
        secret.ptr[i] = before;
        assert_int_equal(
            webhook_secret_check(&ring, "google", str_sub(buf_str(&secret), 0, i), 1, &got, NULL),
            ERR_AUTH);
    }
    static const char *const bad[] = {"",
                                      "v1",
                                      "v1.1",
                                      "v1.....",
                                      "v2.1.a.1.1.1.a",
                                      "v1.1.a.-1.1.1.a",
                                      "v1.257.AQ.1.1.1.AA",
                                      "v1.1.AQ.1.1.99999999999999999999.AA"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(webhook_secret_check(&ring, "google", str_c(bad[i]), 1, &got, NULL),
                         ERR_AUTH);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_checks_until_its_expiry_and_with_an_old_key),
        cmocka_unit_test(test_every_altered_or_missing_byte_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

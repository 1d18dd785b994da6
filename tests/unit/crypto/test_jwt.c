/* Tokens: the RFCs' own examples verify, and every known way to forge one is refused. */
#include "crypto/jwt.h"

#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>

/* RFC 7515 A.2 and A.3: the same claims (iss joe, exp 1300819380) by RS256 and by ES256. */
#define RSA_N                                                                                      \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4" \
    "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re" \
    "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX" \
    "FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
#define RS_TOKEN                                                                                   \
    "eyJhbGciOiJSUzI1NiJ9."                                                                        \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ."                                                                                          \
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5" \
    "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb" \
    "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO" \
    "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
#define ES_TOKEN                                                                                   \
    "eyJhbGciOiJFUzI1NiJ9."                                                                        \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

static struct crypto_jwks *rsa_set(void)
{
    struct crypto_jwks *set = NULL;
    assert_int_equal(crypto_jwks_parse(STR("{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" RSA_N
                                           "\",\"e\":\"AQAB\"},{\"kty\":\"oct\",\"k\":\"AA\"}]}"),
                                       &set, NULL),
                     ERR_OK);
    assert_int_equal(crypto_jwks_count(set), 1);
    return set;
}

static enum err_code verify(const char *token, const struct crypto_jwt_rules *rules)
{
    struct arena arena CLEANUP(arena_fini);
    const struct json *claims;
    struct err err;
    arena_init(&arena);
    return crypto_jwt_verify(str_c(token), rules, &arena, &claims, &err);
}

static void test_rs256_and_es256_examples_verify(void **state UNUSED)
{
    struct crypto_jwks *rsa = rsa_set();
    struct crypto_jwks *ec = NULL;
    struct str joe = STR("joe");
    assert_int_equal(crypto_jwks_parse(STR("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
                                           "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
                                           "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}"),
                                       &ec, NULL),
                     ERR_OK);
    struct crypto_jwt_rules rules = {
        .jwks = rsa, .issuers = &joe, .issuer_count = 1, .now_ms = 1300819379000};
    assert_int_equal(verify(RS_TOKEN, &rules), ERR_OK);
    assert_int_equal(verify(ES_TOKEN, &rules), ERR_AUTH); /* the key is for another algorithm */
    rules.jwks = ec;
    assert_int_equal(verify(ES_TOKEN, &rules), ERR_OK);
    rules.now_ms = 1300819380000;
    assert_int_equal(verify(ES_TOKEN, &rules), ERR_EXPIRED);
    rules.skew_ms = 1000;
    assert_int_equal(verify(ES_TOKEN, &rules), ERR_OK);
    rules.audience = STR("calfleet");
    assert_int_equal(verify(ES_TOKEN, &rules), ERR_AUTH);
    crypto_jwks_free(rsa);
    crypto_jwks_free(ec);
}

static void sign(struct buf *out, const char *secret, const char *claims)
{
    buf_init(out, 10000);
    crypto_jwt_sign_hs256(str_c(secret), str_c(claims), out);
}

static void test_hs256_over_a_public_key_is_refused(void **state UNUSED)
{
    struct crypto_jwks *set = rsa_set();
    struct crypto_jwt_rules rules = {.jwks = set, .now_ms = 1};
    struct buf token CLEANUP(buf_fini);
    sign(&token, RSA_N, "{\"sub\":\"x\",\"exp\":99}");
    assert_int_equal(verify(buf_c(&token), &rules), ERR_AUTH);
    crypto_jwks_free(set);
}

static void test_claims_are_checked(void **state UNUSED)
{
    static const struct {
        const char *claims;
        enum err_code expected;
    } cases[] = {
        {"{\"sub\":\"u\",\"exp\":1000,\"aud\":[\"a\",\"calfleet\"],\"iss\":\"host\"}", ERR_OK},
        {"{\"sub\":\"u\",\"exp\":1000.5,\"aud\":\"calfleet\",\"iss\":\"host\",\"nbf\":100}",
         ERR_OK},
        {"{\"sub\":\"u\",\"exp\":1000,\"aud\":\"other\",\"iss\":\"host\"}", ERR_AUTH},
        {"{\"sub\":\"u\",\"exp\":1000,\"aud\":\"calfleet\",\"iss\":\"evil\"}", ERR_AUTH},
        {"{\"sub\":\"u\",\"exp\":1000,\"aud\":\"calfleet\"}", ERR_AUTH},
        {"{\"sub\":\"u\",\"aud\":\"calfleet\",\"iss\":\"host\"}", ERR_AUTH},
        {"{\"sub\":\"u\",\"exp\":\"1000\",\"aud\":\"calfleet\",\"iss\":\"host\"}", ERR_AUTH},
        {"{\"sub\":\"u\",\"exp\":1e300,\"aud\":\"calfleet\",\"iss\":\"host\"}", ERR_AUTH},
        {"{\"sub\":\"u\",\"exp\":1000,\"nbf\":600,\"aud\":\"calfleet\",\"iss\":\"host\"}",
         ERR_AUTH},
        {"{\"sub\":\"u\",\"exp\":400,\"aud\":\"calfleet\",\"iss\":\"host\"}", ERR_EXPIRED},
    };
    struct str host = STR("host");
    struct crypto_jwt_rules rules = {.hs256_secret = STR("s3cret"),
                                     .issuers = &host,
                                     .issuer_count = 1,
                                     .audience = STR("calfleet"),
                                     .now_ms = 500000};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf token CLEANUP(buf_fini);
        sign(&token, "s3cret", cases[i].claims);
        if (verify(buf_c(&token), &rules) != cases[i].expected) {
            fail_msg("%s", cases[i].claims);
        }
    }
}

static void test_altered_unsigned_and_misshapen_tokens_are_refused(void **state UNUSED)
{
    struct crypto_jwt_rules rules = {.hs256_secret = STR("s3cret"), .now_ms = 1};
    struct buf token CLEANUP(buf_fini);
    sign(&token, "s3cret", "{\"sub\":\"u\",\"exp\":99}");
    assert_int_equal(verify(buf_c(&token), &rules), ERR_OK);
    for (size_t i = 0; i < token.len; i++) {
        char before = token.ptr[i];
        token.ptr[i] = before == 'A' ? 'B' : 'A';
        assert_int_equal(verify(token.ptr, &rules), ERR_AUTH);
        token.ptr[i] = before;
    }
    assert_int_equal(verify("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1IiwiZXhwIjo5OX0.", &rules), ERR_AUTH);
    assert_int_equal(verify("", &rules), ERR_AUTH);
    assert_int_equal(verify("a.b", &rules), ERR_AUTH);
    assert_int_equal(verify("a.b.c.d", &rules), ERR_AUTH);
    rules.hs256_secret = (struct str){0};
    assert_int_equal(verify(buf_c(&token), &rules), ERR_AUTH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rs256_and_es256_examples_verify),
        cmocka_unit_test(test_hs256_over_a_public_key_is_refused),
        cmocka_unit_test(test_claims_are_checked),
        cmocka_unit_test(test_altered_unsigned_and_misshapen_tokens_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

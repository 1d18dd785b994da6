/* str, buf, encode, hash, uuid, map: the small types that everything stands on. */
#include "base/encode.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void test_split_gives_each_part_and_empty_ones(void **state UNUSED)
{
    struct str rest = STR("a,,b");
    struct str part;
    assert_true(str_split(&rest, ',', &part) && str_eq_c(part, "a"));
    assert_true(str_split(&rest, ',', &part) && part.len == 0);
    assert_true(str_split(&rest, ',', &part) && str_eq_c(part, "b"));
    assert_false(str_split(&rest, ',', &part));
}

static void test_number_refuses_overflow_and_trailing_text(void **state UNUSED)
{
    int64_t n = 7;
    assert_true(str_to_i64(STR("-9223372036854775808"), &n));
    assert_true(n == INT64_MIN);
    assert_false(str_to_i64(STR("9223372036854775808"), &n));
    assert_false(str_to_i64(STR("12x"), &n));
    assert_false(str_to_i64(STR("-"), &n));
    assert_false(str_to_i64(STR(""), &n));
}

static void test_utf8_refuses_overlong_surrogate_and_nul(void **state UNUSED)
{
    assert_true(str_is_utf8(STR("z\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")));
    assert_false(str_is_utf8(STR("\xc0\xaf")));
    assert_false(str_is_utf8(STR("\xed\xa0\x80")));
    assert_false(str_is_utf8(STR("\xf4\x90\x80\x80")));
    assert_false(str_is_utf8(STR("a\0b")));
    assert_false(str_is_utf8(STR("\xe2\x82")));
}

static void test_buffer_over_its_maximum_fails_once_and_stays_failed(void **state UNUSED)
{
    struct err err;
    struct buf b CLEANUP(buf_fini);
    buf_init(&b, 5);
    buf_add_c(&b, "abc");
    buf_add_c(&b, "defg");
    buf_add_c(&b, "h");
    assert_int_equal(buf_ok(&b, &err), ERR_TOO_BIG);
    assert_string_equal(buf_c(&b), "abc");
    buf_reset(&b);
    buf_add_c(&b, "12345");
    assert_int_equal(buf_ok(&b, &err), ERR_OK);
}

static void test_encodings_match_rfc4648_vectors(void **state UNUSED)
{
    struct buf b CLEANUP(buf_fini);
    buf_init(&b, 1000);
    base64_encode(&b, STR("foob"));
    assert_string_equal(buf_c(&b), "Zm9vYg==");
    buf_reset(&b);
    base32hex_encode(&b, STR("foobar"));
    assert_string_equal(buf_c(&b), "cpnmuoj1e8"); /* section 10, lower case, no padding */
    buf_reset(&b);
    assert_true(base64_decode(&b, STR("Zm9vYmE=")));
    assert_string_equal(buf_c(&b), "fooba");
    buf_reset(&b);
    assert_false(base64_decode(&b, STR("Zm9vYmF")));
    buf_reset(&b);
    assert_false(base64url_decode(&b, STR("Zm9vYh"))); /* unused bits are not zero */
    buf_reset(&b);
    base64url_encode(&b, STR("\xff\xfe"));
    assert_string_equal(buf_c(&b), "__4");
}

static void test_form_decodes_and_refuses_broken_escapes(void **state UNUSED)
{
    struct arena arena CLEANUP(arena_fini);
    struct str value;
    arena_init(&arena);
    assert_true(form_find(STR("a=1&b=x%20y+z&c"), "b", &arena, &value));
    assert_true(str_eq_c(value, "x y z"));
    assert_true(form_find(STR("a=1&c"), "c", &arena, &value) && value.len == 0);
    assert_false(form_find(STR("a=%zz"), "a", &arena, &value));
    assert_false(form_find(STR("a=%00"), "a", &arena, &value));
    assert_false(form_find(STR(""), "a", &arena, &value));
}

static void test_murmur2_matches_the_java_client(void **state UNUSED)
{
    /* Kafka's UtilsTest vectors, made positive as its partitioner does. */
    static const struct {
        const char *text;
        int32_t hash;
    } vectors[] = {{"21", -973932308},
                   {"foobar", -790332482},
                   {"a-little-bit-long-string", -985981536},
                   {"a-little-bit-longer-string", -1486304829},
                   {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
                   {"abc", 479470107}};
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        uint32_t positive = (uint32_t)vectors[i].hash & 0x7fffffffU;
        assert_int_equal(hash_murmur2(str_c(vectors[i].text)), positive);
    }
}

static void test_siphash_matches_the_reference(void **state UNUSED)
{
    const uint64_t key[2] = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
    char data[15];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (char)i;
    }
    assert_true(hash_siphash(key, (struct str){data, 15}) == 0xa129ca6149be45e5ULL);
}

static void test_uuid_round_trip_and_bad_forms(void **state UNUSED)
{
    struct uuid id;
    char text[UUID_TEXT_LEN + 1];
    assert_true(uuid_parse(STR("F81D4FAE-7dec-11d0-a765-00a0c91e6bf6"), &id));
    assert_string_equal(uuid_print(id, text).ptr, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
    assert_false(uuid_parse(STR("f81d4fae7dec11d0a76500a0c91e6bf6"), &id));
    assert_false(uuid_parse(STR("f81d4fae-7dec-11d0-a765-00a0c91e6bfg"), &id));
}

static void test_map_keeps_entries_through_growth_and_removal(void **state UNUSED)
{
    struct map m CLEANUP(map_fini);
    char key[16];
    static int values[1000];
    map_init(&m);
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_null(map_put(&m, str_c(key), &values[i]));
    }
    for (int i = 0; i < 1000; i += 2) {
        snprintf(key, sizeof key, "k%d", i);
        assert_ptr_equal(map_remove(&m, str_c(key)), &values[i]);
    }
    assert_int_equal(m.len, 500);
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_ptr_equal(map_find(&m, str_c(key)), i % 2 ? &values[i] : NULL);
    }
    size_t at = 0;
    size_t seen = 0;
    void *value;
    while (map_next(&m, &at, NULL, &value)) {
        seen++;
    }
    assert_int_equal(seen, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_gives_each_part_and_empty_ones),
        cmocka_unit_test(test_number_refuses_overflow_and_trailing_text),
        cmocka_unit_test(test_utf8_refuses_overlong_surrogate_and_nul),
        cmocka_unit_test(test_buffer_over_its_maximum_fails_once_and_stays_failed),
        cmocka_unit_test(test_encodings_match_rfc4648_vectors),
        cmocka_unit_test(test_form_decodes_and_refuses_broken_escapes),
        cmocka_unit_test(test_murmur2_matches_the_java_client),
        cmocka_unit_test(test_siphash_matches_the_reference),
        cmocka_unit_test(test_uuid_round_trip_and_bad_forms),
        cmocka_unit_test(test_map_keeps_entries_through_growth_and_removal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

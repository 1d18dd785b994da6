/* config: which texts a type takes, and what they become. */
#include "rig.h"

/* Loads one value by its variable; secrets have no other way in. */
static bool takes(struct rig *r, const char *name, const char *value)
{
    char env[2048];
    snprintf(env, sizeof env, "CALFLEET_%s=%s", name, value);
    rig_load(r, ARGS(), ARGS(env));
    assert_int_equal(r->exit_code, r->config != NULL ? 0 : CONFIG_EXIT_CONFIG);
    return r->config != NULL;
}

static bool refuses(const char *name, const char *value)
{
    struct rig r CLEANUP(rig_fini);
    return !takes(&r, name, value);
}

static void test_durations(void **state UNUSED)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"1000ms", 1000}, {"1s", 1000}, {"10m", 600000}, {"5m", 300000}};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct rig r CLEANUP(rig_fini);
        assert_true(takes(&r, "IDLE_TIMEOUT", good[i].text));
        assert_int_equal(r.conf.idle_timeout, good[i].ms);
    }
    static const char *const bad[] = {"",
                                      "s",
                                      "30",
                                      "30 s",
                                      "30S",
                                      "-1s",
                                      "1.5s",
                                      "999ms",
                                      "601s",
                                      "1h30m",
                                      "0",
                                      "99999999999999999999s",
                                      "9223372036854775807d"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_true(refuses("IDLE_TIMEOUT", bad[i]));
    }
}

static void test_sizes(void **state UNUSED)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {{"1", 1}, {"512", 512}, {"2KiB", 2048}, {"1MiB", 1048576}};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct rig r CLEANUP(rig_fini);
        assert_true(takes(&r, "BODY_LIMIT", good[i].text));
        assert_int_equal(r.conf.body_limit, good[i].bytes);
    }
    static const char *const bad[] = {"0", "1KB", "1kib", "1048577", "8796093022208GiB", "KiB"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_true(refuses("BODY_LIMIT", bad[i]));
    }
}

static void test_urls(void **state UNUSED)
{
    static const char *const good[][2] = {
        {"https://example.com", "https://example.com"},
        {"https://example.com/", "https://example.com"},
        {"http://127.0.0.1:8080/calendar/v3//", "http://127.0.0.1:8080/calendar/v3"},
        {"http://[::1]:8080/x", "http://[::1]:8080/x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct rig r CLEANUP(rig_fini);
        assert_true(takes(&r, "API_URL", good[i][0]));
        assert_string_equal(r.conf.api_url.ptr, good[i][1]);
    }
    static const char *const bad[] = {"example.com",
                                      "ftp://example.com",
                                      "https://",
                                      "https:///path",
                                      "https://user:pw@example.com",
                                      "https://example.com:0",
                                      "https://example.com:65536",
                                      "https://example.com:",
                                      "https://exa mple.com",
                                      "https://example.com/a b",
                                      "https://example.com?x=1",
                                      "https://example.com/?x=1",
                                      "https://example.com/#x",
                                      "https://[::1",
                                      "https://a\\b"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_true(refuses("API_URL", bad[i]));
    }
}

static void test_addresses(void **state UNUSED)
{
    static const struct {
        const char *text;
        const char *host;
        uint16_t port;
    } good[] = {{"127.0.0.1:80", "127.0.0.1", 80},
                {":9090", "", 9090},
                {"[::1]:0", "::1", 0},
                {"redis.svc:6379", "redis.svc", 6379}};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct rig r CLEANUP(rig_fini);
        assert_true(takes(&r, "LISTEN", good[i].text));
        assert_string_equal(r.conf.listen.host.ptr, good[i].host);
        assert_int_equal(r.conf.listen.port, good[i].port);
    }
    static const char *const bad[] = {"80",     "host",  "host:",   "host:x", "host:65536",
                                      "::1:80", "[::1]", "[::1]80", "a b:1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_true(refuses("LISTEN", bad[i]));
    }
}

static void test_lists(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    assert_true(takes(&r, "ORIGINS", " https://a.example , https://b.example"));
    assert_int_equal(r.conf.origins.count, 2);
    assert_string_equal(r.conf.origins.items[0].ptr, "https://a.example");
    assert_string_equal(r.conf.origins.items[1].ptr, "https://b.example");
    assert_true(refuses("ORIGINS", "a,,b"));
    assert_true(refuses("ORIGINS", "a,b,c,d"));
    assert_true(refuses("ORIGINS", ","));

    struct rig hidden CLEANUP(rig_fini);
    assert_true(takes(&hidden, "HIDDEN_LIST", "sasl.password=a,b\n\nx=y\n"));
    assert_int_equal(hidden.conf.hidden_list.count, 2);
    assert_string_equal(hidden.conf.hidden_list.items[0].ptr, "sasl.password=a,b");
}

static void test_numbers_texts_and_words(void **state UNUSED)
{
    assert_true(refuses("WORKERS", "0"));
    assert_true(refuses("WORKERS", "65"));
    assert_true(refuses("WORKERS", "4x"));
    assert_true(refuses("WORKERS", ""));
    assert_true(refuses("NAME", "ninechars"));
    assert_true(refuses("NAME", "a\nb"));
    assert_true(refuses("NAME", "\xff"));
    assert_true(refuses("MODE", "fas"));
    assert_true(refuses("MODE", "fast|safe"));
    assert_true(refuses("HTTP2", "TRUE"));
}

#define KEY_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY_B "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

static void test_key_rings(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    assert_true(takes(&r, "TOKEN_KEYS", "# current\n7:" KEY_B "\n\n 1:" KEY_A " \n"));
    assert_int_equal(r.conf.token_keys.count, 2);
    assert_int_equal(r.conf.token_keys.keys[0].id, 7);
    assert_int_equal(r.conf.token_keys.keys[0].bytes[31], 1);
    assert_int_equal(r.conf.token_keys.keys[1].id, 1);

    static const char *const bad[] = {"# none",
                                      KEY_A,
                                      "0:" KEY_A,
                                      "256:" KEY_A,
                                      "1:" KEY_A "=",
                                      "1:AAAA",
                                      "1:" KEY_A "\n1:" KEY_B};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_true(refuses("TOKEN_KEYS", bad[i]));
    }
    char many[17 * 64] = "";
    for (int i = 1, at = 0; i <= 17; i++) {
        at += snprintf(many + at, sizeof many - (size_t)at, "%d:" KEY_A "\n", i);
    }
    assert_true(refuses("TOKEN_KEYS", many));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_urls),      cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_lists),     cmocka_unit_test(test_numbers_texts_and_words),
        cmocka_unit_test(test_key_rings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

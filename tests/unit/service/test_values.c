/* From settings to what the adapters take. */
#include "service/values.h"

#include "service/config_groups.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define ALL_CONFIG(C)                                                                              \
    KAFKA_CONFIG(C)                                                                                \
    BUS_CONFIG(C)                                                                                  \
    POSTGRES_CONFIG(C)                                                                             \
    REDIS_CONFIG(C)                                                                                \
    GOOGLE_CONFIG(C)                                                                               \
    PROVIDER_CONFIG(C)                                                                             \
    OAUTH_CONFIG(C)                                                                                \
    TOKEN_CONFIG(C)                                                                                \
    WEBHOOK_CONFIG(C)                                                                              \
    JWT_CONFIG(C)

CONFIG_STRUCT(all_config, ALL_CONFIG)
static CONFIG_TABLE(all_config, ALL_CONFIG)

#define KEY_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY_B "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

    struct load {
    struct all_config conf;
    struct config_binding binding;
    struct config_spec spec;
    struct config *config;
    struct arena arena;
};

static void load_fini(struct load *l)
{
    config_free(l->config);
    arena_fini(&l->arena);
}

/* Everything that is required, and two variables of the test's. */
static void load(struct load *l, const char *one, const char *two)
{
    struct buf out CLEANUP(buf_fini);
    struct buf messages CLEANUP(buf_fini);
    const char *const required[] = {
        "CALFLEET_KAFKA_BROKERS=a:1, b:2",
        "CALFLEET_BUS_KEYS=9:" KEY_B "\n1:" KEY_A,
        "CALFLEET_POSTGRES_DSN=host=x",
        "CALFLEET_REDIS_ADDRESS=r:6379",
        "CALFLEET_GOOGLE_CLIENT_ID=id",
        "CALFLEET_GOOGLE_CLIENT_SECRET=secret",
        "CALFLEET_OAUTH_REDIRECT_URL=https://x.example/cb",
        "CALFLEET_TOKEN_KEYS=1:" KEY_A,
        "CALFLEET_WEBHOOK_KEYS=1:" KEY_A,
        "CALFLEET_JWT_SECRET=0123456789abcdef0123456789abcdef",
        one,
        two,
    };
    char *env[ARRAY_LEN(required) + 1] = {0};
    char *argv[] = {(char[]){"all"}};
    int code;

    *l = (struct load){.binding = {all_config_table(), &l->conf}};
    l->spec = (struct config_spec){
        .program = "all", .version = "0", .about = "All", .tables = &l->binding, .table_count = 1};
    arena_init(&l->arena);
    buf_init(&out, 1 << 20);
    buf_init(&messages, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(required) && required[i] != NULL; i++) {
        env[i] = arena_cstr(&l->arena, str_c(required[i]));
    }
    l->config = config_load(&l->spec, 1, argv, env, &out, &messages, &code);
    assert_string_equal(buf_c(&messages), "");
    assert_non_null(l->config);
}

static void test_key_ring_keeps_ids_and_order(void **state UNUSED)
{
    struct load l CLEANUP(load_fini);
    struct crypto_keyring ring;
    load(&l, NULL, NULL);
    service_keyring(&l.conf.bus_keys, &ring);
    assert_int_equal(ring.count, 2);
    assert_int_equal(crypto_keyring_current(&ring)->id, 9);
    assert_int_equal(crypto_keyring_find(&ring, 9)->bytes[31], 1);
    assert_int_equal(crypto_keyring_find(&ring, 1)->bytes[31], 0);
}

static void test_cluster_has_brokers_and_properties_secret_ones_last(void **state UNUSED)
{
    struct load l CLEANUP(load_fini);
    struct kafka_cluster cluster;
    struct err err;
    load(&l, "CALFLEET_KAFKA_SETTINGS=security.protocol=SASL_SSL, sasl.mechanism = PLAIN",
         "CALFLEET_KAFKA_SECRET_SETTINGS=sasl.password=a=b,c\n");
    assert_int_equal(SERVICE_KAFKA_CLUSTER(&l.conf, &l.arena, &cluster, &err), ERR_OK);
    assert_string_equal(cluster.bootstrap, "a:1,b:2");
    assert_string_equal(cluster.client_id, "calfleet");
    assert_int_equal(cluster.setting_count, 3);
    assert_string_equal(cluster.settings[1].name, "sasl.mechanism");
    assert_string_equal(cluster.settings[1].value, "PLAIN");
    assert_string_equal(cluster.settings[2].name, "sasl.password");
    assert_string_equal(cluster.settings[2].value, "a=b,c");
}

static void test_property_without_a_name_is_refused_unquoted(void **state UNUSED)
{
    static const char *const bad[] = {"CALFLEET_KAFKA_SETTINGS==hunter2",
                                      "CALFLEET_KAFKA_SECRET_SETTINGS=hunter2"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct load l CLEANUP(load_fini);
        struct kafka_cluster cluster;
        struct err err;
        load(&l, bad[i], NULL);
        assert_int_equal(SERVICE_KAFKA_CLUSTER(&l.conf, &l.arena, &cluster, &err), ERR_CONFIG);
        assert_null(strstr(err.text, "hunter2"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_ring_keeps_ids_and_order),
        cmocka_unit_test(test_cluster_has_brokers_and_properties_secret_ones_last),
        cmocka_unit_test(test_property_without_a_name_is_refused_unquoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

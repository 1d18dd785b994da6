#include "service/values.h"

_Static_assert(CONFIG_KEYRING_MAX <= CRYPTO_KEYRING_MAX, "every ring of a setting fits");
_Static_assert(CONFIG_KEY_LEN == CRYPTO_KEY_LEN, "keys are of one length");

void service_keyring(const struct config_keyring *from, struct crypto_keyring *ret_ring)
{
    *ret_ring = (struct crypto_keyring){.count = from->count};
    for (size_t i = 0; i < from->count; i++) {
        ret_ring->keys[i].id = from->keys[i].id;
        memcpy(ret_ring->keys[i].bytes, from->keys[i].bytes, CRYPTO_KEY_LEN);
    }
}

static const char *join(const struct config_list *items, struct arena *arena)
{
    struct str all = STR("");
    for (size_t i = 0; i < items->count; i++) {
        all = arena_strf(arena, "%.*s%s%.*s", STR_ARG(all), i > 0 ? "," : "",
                         STR_ARG(items->items[i]));
    }
    return all.ptr;
}

/* setting: which list, for the message; the item itself is not quoted, it may hold a password. */
static enum err_code add_properties(const char *setting, const struct config_list *items,
                                    struct arena *arena, struct kafka_setting *settings,
                                    size_t *count, struct err *err)
{
    for (size_t i = 0; i < items->count; i++) {
        struct str item = items->items[i];
        size_t equals = str_find_char(item, '=');
        if (equals == SIZE_MAX || equals == 0) {
            return ERR_SET(err, ERR_CONFIG, "%s: item %zu is not name=value", setting, i + 1);
        }
        struct str name = str_trim(str_sub(item, 0, equals));
        settings[(*count)++] = (struct kafka_setting){
            .name = arena_cstr(arena, name),
            .value = arena_cstr(arena, str_trim(str_sub(item, equals + 1, item.len))),
        };
    }
    return ERR_OK;
}

enum err_code service_kafka_cluster(const struct config_list *brokers, struct str client_id,
                                    const struct config_list *settings,
                                    const struct config_list *secret_settings, struct arena *arena,
                                    struct kafka_cluster *ret_cluster, struct err *err)
{
    size_t most = settings->count + secret_settings->count;
    struct kafka_setting *all = ARENA_ARRAY(arena, struct kafka_setting, most + 1);
    size_t count = 0;

    enum err_code rc = add_properties("kafka_settings", settings, arena, all, &count, err);
    if (rc == ERR_OK) {
        rc = add_properties("kafka_secret_settings", secret_settings, arena, all, &count, err);
    }
    if (rc == ERR_OK) {
        *ret_cluster = (struct kafka_cluster){
            .bootstrap = join(brokers, arena),
            .client_id = client_id.len > 0 ? arena_cstr(arena, client_id) : NULL,
            .settings = all,
            .setting_count = count,
        };
    }
    return rc;
}

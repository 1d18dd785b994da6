/* From settings (service/config_groups.h) to what the adapters take. */
#ifndef SERVICE_VALUES_H
#define SERVICE_VALUES_H

#include "base/arena.h"
#include "config/config.h"
#include "crypto/keyring.h"
#include "kafka/client.h"

/* The key ring of a setting; call it again in place when the secret changed. */
void service_keyring(const struct config_keyring *from, struct crypto_keyring *ret_ring);

/* The cluster of a struct with KAFKA_CONFIG's fields.
 * owns: the texts live in arena and in the settings.
 * errs: ERR_CONFIG if an item is not name=value, or if a secret stands where it would be printed.
 */
#define SERVICE_KAFKA_CLUSTER(conf, arena, ret_cluster, err)                                       \
    service_kafka_cluster(&(conf)->kafka_brokers, (conf)->kafka_client_id,                         \
                          &(conf)->kafka_settings, &(conf)->kafka_secret_settings, (arena),        \
                          (ret_cluster), (err))
MUST_CHECK enum err_code
service_kafka_cluster(const struct config_list *brokers, struct str client_id,
                      const struct config_list *settings, const struct config_list *secret_settings,
                      struct arena *arena, struct kafka_cluster *ret_cluster, struct err *err);

#endif

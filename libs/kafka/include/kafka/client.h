/* What all Kafka clients of a process share: where the cluster is, a record as it was read, and
 * the translation of librdkafka's errors.
 *
 * Everything here runs on one loop's thread. librdkafka's own threads reach us only through
 * queues that raise an eventfd, so no call of this library blocks the loop. Needs librdkafka
 * 2.0.2; what a newer one offers is probed property by property. */
#ifndef KAFKA_CLIENT_H
#define KAFKA_CLIENT_H

#include "base/err.h"
#include "base/str.h"

struct kafka_setting {
    const char *name; /* a property of librdkafka: "security.protocol" */
    const char *value;
};

/* Borrowed until the object that was made from it is freed. */
struct kafka_cluster {
    const char *bootstrap;                /* host:port, comma separated */
    const char *client_id;                /* NULL: "calfleet" */
    const struct kafka_setting *settings; /* after ours, so they win; TLS, SASL */
    size_t setting_count;
};

struct kafka_header {
    const char *name;
    struct str value;
};

/* More headers than this are not shown; ours are at most 6. */
#define KAFKA_HEADERS_MAX 16

/* A record as read; all of it borrowed for the time that its giver says. */
struct kafka_record {
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp; /* UTC ms, the producer's; -1: none */
    struct str key;    /* ptr NULL: no key */
    struct str value;  /* ptr NULL: no value */
    size_t header_count;
    struct kafka_header headers[KAFKA_HEADERS_MAX];
};

/* The last header of that name; false if absent. */
bool kafka_record_header(const struct kafka_record *record, const char *name,
                         struct str *ret_value);

/* The version that is linked, as in rd_kafka_version(): 0x020002ff. */
int kafka_library_version(void);

#endif

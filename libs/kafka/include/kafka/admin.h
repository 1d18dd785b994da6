/* Topics: created when they are missing, compared with what the configuration says when not. */
#ifndef KAFKA_ADMIN_H
#define KAFKA_ADMIN_H

#include "kafka/client.h"
#include "runtime/co.h"

struct kafka_topic {
    const char *name;
    int32_t partitions;
    int32_t replicas;                     /* -1: the cluster's default */
    const struct kafka_setting *settings; /* "retention.ms", ... */
    size_t setting_count;
};

struct kafka_topic_state {
    int32_t partitions; /* 0: there is no such topic */
    int32_t replicas;
    int32_t leaderless; /* partitions that nobody serves now */
};

/* Creates those that are missing; existing ones are left as they are, so it may be called again.
 * Waits until all of them have leaders. errs: ERR_CONFLICT: a partition count differs (named in
 * err; changing one is a documented drain); ERR_UNAVAILABLE, ERR_DENIED, ERR_TIMEOUT,
 * ERR_CANCELED, ERR_CONFIG. */
CO_FN MUST_CHECK enum err_code kafka_topics_create(struct co_loop *loop,
                                                   const struct kafka_cluster *cluster,
                                                   const struct kafka_topic *topics, size_t count,
                                                   int64_t deadline, struct err *err);

/* ret_states: count of them. errs: ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_CANCELED, ERR_CONFIG. */
CO_FN MUST_CHECK enum err_code
kafka_topics_describe(struct co_loop *loop, const struct kafka_cluster *cluster,
                      const struct kafka_topic *topics, size_t count, int64_t deadline,
                      struct kafka_topic_state *ret_states, struct err *err);

/* Compares; describes every difference. errs: ERR_NOT_FOUND, ERR_CONFLICT, and as describe. */
CO_FN MUST_CHECK enum err_code kafka_topics_check(struct co_loop *loop,
                                                  const struct kafka_cluster *cluster,
                                                  const struct kafka_topic *topics, size_t count,
                                                  int64_t deadline, struct err *err);

#endif

/* The idempotent producer: linger 0 (five requests in flight make their own batches), acks=all,
 * partitions chosen by murmur2 as Kafka's Java client does.
 *
 * A delivery report means that the record is durable; nothing is answered to anybody before it.
 * A report that did not come in time says nothing: the record may still be written later. */
#ifndef KAFKA_PRODUCER_H
#define KAFKA_PRODUCER_H

#include "base/list.h"
#include "kafka/client.h"
#include "runtime/co.h"

struct kafka_producer;

struct kafka_producer_opts {
    struct kafka_cluster cluster;
    const char *const *topics; /* all that will be produced to: known before the first record */
    size_t topic_count;
    int32_t message_timeout_ms; /* 0: 2500; the report comes at latest about then */
    int32_t queue_messages;     /* 0: 100,000 */
    int32_t queue_kbytes;       /* 0: 65,536 */
    bool compress;              /* lz4, for bulk; records below 1 KB gain nothing */
};

struct kafka_message {
    const char *topic; /* one of opts.topics */
    int32_t partition; /* -1: by key (murmur2), random without one */
    struct str key;    /* ptr NULL: none */
    struct str value;
    const struct kafka_header *headers;
    size_t header_count;
    int64_t timestamp; /* UTC ms; 0: now */
};

/* errs: ERR_CONFIG for a setting that librdkafka refuses. */
MUST_CHECK enum err_code kafka_producer_new(struct co_loop *loop,
                                            const struct kafka_producer_opts *opts,
                                            struct kafka_producer **ret_producer, struct err *err);
/* Flushes until the deadline, then gives up what is left: its deliveries end with ERR_CANCELED. */
CO_FN void kafka_producer_close(struct kafka_producer *p, int64_t deadline);
/* After close. Takes NULL. */
struct kafka_producer *kafka_producer_free(struct kafka_producer *p);

/* Waits until the cluster knows every topic, so that the first record is not a slow one. Call
 * before readiness. errs: ERR_UNAVAILABLE, ERR_NOT_FOUND (a topic is missing: named in err),
 * ERR_TIMEOUT, ERR_CANCELED. */
CO_FN MUST_CHECK enum err_code kafka_producer_warm(struct kafka_producer *p, int64_t deadline,
                                                   struct err *err);

/* Produces and waits for the delivery report. errs: ERR_BUSY at once where the queue is full;
 * ERR_UNAVAILABLE (the cluster did not take it), ERR_TOO_BIG, ERR_INVALID (unknown topic or
 * partition), ERR_TIMEOUT and ERR_CANCELED: it may be written all the same. */
CO_FN MUST_CHECK enum err_code kafka_produce(struct kafka_producer *p,
                                             const struct kafka_message *message, int64_t deadline,
                                             struct err *err);

/* The same without a coroutine for each record. The memory is the caller's until fn was called or
 * kafka_delivery_detach() returned. fn runs on the loop, outside of any coroutine; it must not
 * wait, and may free the delivery. */
struct kafka_delivery;
typedef void (*kafka_delivery_fn)(struct kafka_delivery *d, enum err_code code,
                                  const struct err *err);
struct kafka_delivery {
    kafka_delivery_fn fn;
    void *ctx;
    void *flight; /* the producer's; NULL: not under way */
};

/* message is copied. errs: ERR_BUSY, ERR_TOO_BIG, ERR_INVALID, ERR_CLOSED: fn is not called. */
MUST_CHECK enum err_code kafka_produce_start(struct kafka_producer *p,
                                             const struct kafka_message *message,
                                             struct kafka_delivery *d, struct err *err);
/* fn will not be called; harmless when it was. */
void kafka_delivery_detach(struct kafka_delivery *d);

struct kafka_producer_health {
    double queue_share;    /* 0..1 of the queue's bound */
    int64_t oldest_age_ms; /* of the oldest record without a report; 0: none */
    int64_t in_flight;
    int64_t recreated; /* handles replaced after a fatal error */
};
struct kafka_producer_health kafka_producer_health(const struct kafka_producer *p);

#endif

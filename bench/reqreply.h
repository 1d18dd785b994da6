/* What bench_reqreply.c stands on: topics, clients and the two look-ups. */
#ifndef BENCH_REQREPLY_H
#define BENCH_REQREPLY_H

#include "samples.h"

#include "base/str.h"

#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#define REQREPLY_QUESTIONS "bench.questions"
#define REQREPLY_REPLIES "bench.replies"
#define REQREPLY_PARTITIONS 8
#define REQREPLY_ROWS 10000

struct reqreply_opts {
    const char *brokers;
    const char *dsn;
    uint16_t redis_port;
    size_t wide;          /* questions in flight */
    size_t count;         /* to be measured, after the warm-up */
    size_t request_bytes; /* of a record's value */
    size_t reply_bytes;
    uint64_t run; /* drawn: replies of an earlier run are passed over */
};

/* At the front of each question and reply. */
struct reqreply_id {
    uint64_t run;
    uint32_t slot;
    uint32_t unused;
};

/* A thread's own sessions. */
struct reqreply_stores {
    PGconn *pg;
    redisContext *redis;
};

bool reqreply_read_opts(int argc, char **argv, struct reqreply_opts *ret_opts);
/* Topics, table and keys; safe to repeat. Ends the process where a server is not there. */
void reqreply_prepare(const struct reqreply_opts *opts);
rd_kafka_t *reqreply_producer(const struct reqreply_opts *opts);
/* Assigned to all partitions of the topic, at their ends. */
rd_kafka_t *reqreply_consumer(const struct reqreply_opts *opts, const char *topic,
                              const char *fetch_wait_ms);

void reqreply_stores_open(struct reqreply_stores *s, const struct reqreply_opts *opts);
void reqreply_stores_close(struct reqreply_stores *s);
/* One SELECT by primary key, prepared, and one GET. */
void reqreply_look_up(struct reqreply_stores *s, uint32_t item);

#endif

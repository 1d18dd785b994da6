/* The engine: a consumer group's member that runs many keys at once and commits only what is done.
 *
 * kafka/engine_core.h decides; this part feeds it from the broker and starts its runs as
 * coroutines. Per partition one queue, so that a full partition is simply not polled while the
 * others flow. A rebalance is an event: a drain coroutine lets runs finish (bounded), commits and
 * only then gives the partitions back; partitions that were lost are not committed.
 *
 * Kill the process at any instant: nothing is lost; replayed is at most what completed since the
 * last acknowledged commit (asked every 250 ms) and what was in flight. */
#ifndef KAFKA_ENGINE_H
#define KAFKA_ENGINE_H

#include "kafka/engine_core.h"
#include "kafka/producer.h"
#include "observe/trace.h"

struct kafka_engine;

/* What a run is about; borrowed for the run's time. */
struct kafka_run {
    struct kafka_engine *engine;
    struct kafka_core_run *core; /* key, items, priority, reasons, tries, park ... */
    const char *topic;
    int32_t partition;
    const struct kafka_record *record; /* command mode; NULL in level-triggered mode */
    bool has_trace;
    struct trace trace; /* of the record that caused it (one of them) */
};

/* Call before the first read of what the run looks at; see kafka_core_reads(). */
void kafka_run_reads(struct kafka_run *run);
/* False: the partition has gone to another member; what the run writes must be fenced anyway, but
 * it may as well stop. */
bool kafka_run_is_current(const struct kafka_run *run);

enum kafka_class {
    KAFKA_CLASS_WORK,        /* item is filled */
    KAFKA_CLASS_WAKE,        /* nothing to run: hurries the look at due work */
    KAFKA_CLASS_DROP,        /* done at once */
    KAFKA_CLASS_DEAD_LETTER, /* to the dead-letter topic; ret_error_class says why */
};

struct kafka_partition {
    const char *topic;
    int32_t partition;
    int32_t partition_count; /* of its topic */
};

struct kafka_due_query {
    const struct kafka_partition *partitions; /* owned and not being given back */
    size_t partition_count;
    size_t room;  /* keys that would be taken */
    size_t limit; /* rows to ask for, oldest first: those under way are among them */
};

struct kafka_engine_ops {
    /* Pure: decides by the bytes. item has offset, timestamp, key and bytes filled in; to set are
     * item, reasons, priority, tenant. *ret_error_class: static. NULL: all is work on item 0 at
     * webhook priority. */
    enum kafka_class (*classify)(void *ctx, const struct kafka_record *record,
                                 struct kafka_core_item *item, const char **ret_error_class);
    /* One run, in a coroutine of its own. With KAFKA_RETRY err says why, and after how long
     * (retry_after_ms); with KAFKA_DEAD err->code is the error class. */
    CO_FN enum kafka_verdict (*run)(void *ctx, struct kafka_run *run, struct err *err);
    /* Looks for due work and offers it with kafka_engine_due(); every 250 ms while there is room,
     * and on a wake-up. One call at a time. NULL: there is none. */
    CO_FN void (*due)(void *ctx, const struct kafka_due_query *query);
    /* On the loop, no waiting; NULL: not told. gained: they are ours from now on; otherwise no run
     * of them will start any more. */
    void (*on_change)(void *ctx, const struct kafka_partition *partitions, size_t count,
                      bool gained);
    /* The engine cannot go on (fenced by another member of the same instance id, unauthorised):
     * leave the process. NULL: the error stays in kafka_engine_health(). */
    void (*on_fatal)(void *ctx, const struct err *err);
};

struct kafka_engine_opts {
    struct kafka_cluster cluster;
    const char *group;
    const char *instance_id; /* static member, session 45 s; NULL: dynamic, 10 s, leaves on close */
    int32_t session_timeout_ms; /* 0: as above */
    const char *const *topics;
    size_t topic_count;
    /* > 0: records older than this at assignment are passed over, for questions that nobody waits
     * for any more. */
    int64_t skip_older_ms;
    struct kafka_core_opts core;
    int64_t drain_ms;  /* for runs on revoke; 0: 3000 */
    int64_t commit_ms; /* 0: 250 */
    int64_t due_ms;    /* 0: 250 */
    int32_t
        prefetch; /* records per partition that librdkafka keeps ready; 0: 10,000, at most 4 MiB */
    struct kafka_producer *producer;    /* for dead letters; NULL with dead_letter_topic NULL */
    const char *dead_letter_topic;      /* NULL: such records are counted and dropped */
    const struct kafka_engine_ops *ops; /* static */
    void *ctx;
};

/* Joins the group; opts is copied, what it points to is borrowed. errs: ERR_CONFIG. */
MUST_CHECK enum err_code kafka_engine_start(struct co_loop *loop,
                                            const struct kafka_engine_opts *opts,
                                            struct kafka_engine **ret_engine, struct err *err);
/* Stops taking, lets runs finish until the deadline, cancels the rest, commits, leaves (a dynamic
 * member) and closes. Returns in any case by the deadline and a little (5 s). Takes NULL. */
CO_FN void kafka_engine_stop(struct kafka_engine *e, int64_t deadline);
/* After stop. Takes NULL. */
struct kafka_engine *kafka_engine_free(struct kafka_engine *e);

/* Hurries the next look at due work. */
void kafka_engine_wake(struct kafka_engine *e);
/* From ops.due (or any time): offers due work for a key of an owned partition. item.offset,
 * timestamp, bytes and cookie are not used. False: not taken, it stays due. */
bool kafka_engine_due(struct kafka_engine *e, const char *topic, int32_t partition,
                      const struct kafka_core_item *due);

struct kafka_engine_health {
    bool assigned; /* owns at least one partition */
    bool joined;   /* an assignment (maybe an empty one) was received */
    bool draining; /* a revoke or the stop is under way */
    int64_t last_poll_age_ms;
    bool fatal;
    struct kafka_core_stats core;
    size_t partitions;
    int64_t backlog;       /* records not done, of the owned partitions */
    int64_t oldest_age_ms; /* 0: nothing waits */
    int64_t rebalances;
};
struct kafka_engine_health kafka_engine_health(const struct kafka_engine *e);

/* The original bytes with headers x-orig-topic, x-orig-partition, x-orig-offset, x-orig-ts and
 * x-error-class; waits for the delivery report. errs: as kafka_produce. */
CO_FN MUST_CHECK enum err_code kafka_dead_letter(struct kafka_producer *p, const char *topic,
                                                 const struct kafka_record *record,
                                                 const char *error_class, int64_t deadline,
                                                 struct err *err);

#endif

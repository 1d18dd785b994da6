/* Inside the engine's glue; see kafka/engine.h.
 *
 * engine.c         life, options, figures
 * engine_poll.c    from the broker's queues into the core, and the core's runs as coroutines
 * engine_commit.c  offset commits
 * engine_group.c   assignments come and go
 *
 * Four coroutines: poll, commit, due, group; and one for each run. */
#ifndef KAFKA_ENGINE_INT_H
#define KAFKA_ENGINE_INT_H

#include "base/vec.h"
#include "client_int.h"
#include "kafka/engine.h"

/* A partition that was ours at some time; its index in engine.parts is the core's slot. */
struct engine_part {
    struct kafka_partition id;
    size_t topic_index;
    int32_t slot;
    bool assigned;
    rd_kafka_queue_t *queue;
    rd_kafka_event_t *waiting; /* a record that the core had no room for */
};

/* A record whose bytes are needed until its run or dead letter is done. */
struct kept {
    rd_kafka_event_t *event; /* owns them */
    struct kafka_record record;
    size_t bytes;
};

struct rebalance {
    struct list node;
    uint64_t number;
    bool assign;
    bool lost;
    rd_kafka_topic_partition_list_t *partitions;
};

struct commit_entry {
    int32_t slot;
    uint64_t epoch;
    uint64_t version;
};

struct commit {
    struct list node;
    struct co_wait wait;
    bool answered;
    bool abandoned;
    enum err_code code;
    VEC(struct commit_entry) entries;
};

struct kafka_engine {
    struct co_loop *loop;
    struct kafka_engine_opts opts;
    struct kafka_core *core;
    struct kafka_jobs jobs;
    struct kafka_handle *handle;
    struct kafka_pump *pump;
    rd_kafka_queue_t *queue;   /* the consumer's: rebalances, errors, commits' answers */
    rd_kafka_queue_t *closing; /* takes its place while the consumer closes */

    VEC(struct engine_part *) parts;
    size_t owned;
    size_t poll_from; /* which partition is first in the next round */

    struct co_group tasks;
    struct co_group runs;
    struct co_signal polled;   /* there is something to poll or to start */
    struct co_signal progress; /* a run has ended, a rebalance came */
    struct co_signal rebalanced;
    struct co_signal due_wake;
    struct co_sem commit_lock; /* one OffsetCommit at a time */
    struct list commits;       /* asked, not answered */
    struct list rebalances;    /* received, not done */
    uint64_t rebalance_number;

    bool poll_wanted;
    bool due_wanted;
    bool stopping;
    bool stopped;
    bool fatal;
    bool joined;
    bool draining;
    /* We stood still past the session: until then, or the next assignment, what we think we own may
     * be another's. Where only the loop stood still, the group kept us and nothing else comes. */
    int64_t doubt_until;
    size_t dead_letters;
    int64_t last_poll;
    int64_t last_figures;
    int64_t rebalance_count;
    struct kafka_core_stats shown; /* of the counters: up to here they are in the metrics */
};

/* ---- poll ------------------------------------------------------------------------------------ */

void kafka_engine_poll_task(void *engine);
/* Makes the poll coroutine look again. */
void kafka_engine_poke(struct kafka_engine *e);
void kafka_kept_free(struct kept *kept);

/* ---- commit ---------------------------------------------------------------------------------- */

void kafka_engine_commit_task(void *engine);
/* Commits what is dirty and waits for the answer. errs: ERR_TIMEOUT, ERR_CANCELED,
 * ERR_UNAVAILABLE: it may have been taken all the same. */
CO_FN MUST_CHECK enum err_code kafka_engine_commit(struct kafka_engine *e, int64_t deadline,
                                                   struct err *err);
void kafka_engine_on_commit(struct kafka_engine *e, rd_kafka_event_t *event);

/* ---- group ----------------------------------------------------------------------------------- */

void kafka_engine_group_task(void *engine);
void kafka_engine_on_rebalance(struct kafka_engine *e, rd_kafka_event_t *event);
/* No new runs of anything. */
void kafka_engine_hold_all(struct kafka_engine *e);
/* Ends all assignments in the core and lets go of their queues. */
void kafka_engine_drop_all(struct kafka_engine *e);
struct engine_part *kafka_engine_part_find(const struct kafka_engine *e, const char *topic,
                                           int32_t partition);

/* ---- engine ---------------------------------------------------------------------------------- */

void kafka_engine_show_figures(struct kafka_engine *e);
void kafka_engine_failed(struct kafka_engine *e, const struct err *err);

#endif

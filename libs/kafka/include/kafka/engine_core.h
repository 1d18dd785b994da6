/* The engine's core: which record is done, which key may run, what may be committed.
 *
 * Pure: no Kafka, no loop, no clock; times are given in. kafka/engine.h drives it against a broker
 * and tests/unit/kafka/test_core_model.c against a model. It calls nothing of its user: it hands
 * out runs (kafka_core_next) and is told what became of them.
 *
 * Keys. A key has at most one run at a time in this process, also across a rebalance that takes
 * the partition away and gives it back. Work that arrives for a key waits for its next run.
 *
 * Level-triggered mode (coalesce): a record says "look at `item` of this key" (item 0: all of it).
 * The backlog of a key is one run and a dirty set of items, at the highest priority asked. A
 * record is acknowledged by a run whose first read came after the record was handed in. A later
 * record completes at once if an earlier, still incomplete dirty record of the key covers its
 * item and reasons (after a crash the earlier one replays); so a storm never fills the window.
 * Command mode: a record is a run, first come first served by key.
 *
 * Due work (rows of a table that stay due until a run moves them) joins a key's dirty set, takes
 * only free slots, carries no offset and is never remembered for a running key.
 *
 * Offsets. Per partition a window of 65,536 offsets above the low-water mark (all below it are
 * done), at most 1,536 incomplete. What is done above the mark travels in the commit's metadata.
 * kafka_core_wants() says when to stop polling the partition.
 *
 * Failure. A run that asks for a retry blocks its key only: full jitter, 0.5 to 60 s, not earlier
 * than the provider allowed. After 5 tries or 60 s the next run is asked to park: to write down
 * elsewhere that and why the work waits, and be done.
 *
 * Epochs. Each assignment of a partition has its own; a run that began in an older one completes
 * nothing. */
#ifndef KAFKA_ENGINE_CORE_H
#define KAFKA_ENGINE_CORE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct kafka_core;

#define KAFKA_WINDOW 65536        /* offsets above the low-water mark */
#define KAFKA_INCOMPLETE_MAX 1536 /* always fits Kafka's 4,096 bytes of metadata */
#define KAFKA_METADATA_MAX 4096   /* offset.metadata.max.bytes */
#define KAFKA_TRACE_LEN 25        /* as struct trace of observe/trace.h */
#define KAFKA_ITEMS_MAX 64        /* items of a dirty set; more become "all" */

enum kafka_priority { KAFKA_INTERACTIVE, KAFKA_WEBHOOK, KAFKA_POLL, KAFKA_PRIORITIES };

/* What became of a run. */
enum kafka_verdict {
    KAFKA_DONE,   /* acknowledges what it covered */
    KAFKA_RETRY,  /* the same again, later */
    KAFKA_AGAIN,  /* the same again, not a failure (another writer was first) */
    KAFKA_PARKED, /* written down elsewhere; acknowledges as DONE does */
    KAFKA_DEAD,   /* can never succeed; the user keeps the record elsewhere, then as DONE */
};

struct kafka_core_opts {
    bool coalesce;
    size_t max_in_flight;     /* runs at a time; 0: 512 */
    size_t interactive_slots; /* of these kept for interactive runs; 0: a sixteenth, at least 1 */
    int64_t min_interval_ms;  /* between the starts of two runs of a key; <0: none, 0: 1000 */
    int32_t tries_max;        /* 0: 5 */
    int64_t retry_span_ms;    /* 0: 60,000 */
    size_t partition_bytes;   /* record bytes held for a partition; 0: 8 MiB */
    size_t total_bytes;       /* of all partitions; 0: 64 MiB */
    uint64_t seed;            /* of the jitter */
};

/* A record, or due work, as the core needs it. */
struct kafka_core_item {
    int64_t offset;    /* records only */
    int64_t timestamp; /* records only; UTC ms of the record, for ages */
    struct str key;    /* copied; ptr NULL: ordered with nothing */
    uint64_t item;     /* 0: all of the key */
    uint32_t reasons;  /* bits, the user's */
    enum kafka_priority priority;
    uint64_t tenant;      /* equal priorities are served tenant by tenant; 0: not known */
    const uint8_t *trace; /* KAFKA_TRACE_LEN bytes, copied; NULL: none */
    size_t bytes;         /* held by cookie */
    void *cookie;         /* command mode: comes back in the run, or from kafka_core_dropped */
};

struct kafka_core_dirty {
    uint64_t item; /* 0: all, then it is the only one */
    uint32_t reasons;
};

/* A run, borrowed from its start until kafka_core_finish(). */
struct kafka_core_run {
    int32_t partition; /* the slot given to kafka_core_assign */
    uint64_t epoch;
    struct str key;
    enum kafka_priority priority;
    uint32_t reasons;               /* of all items */
    struct kafka_core_dirty *items; /* may grow until kafka_core_reads() */
    size_t item_count;
    size_t record_count;    /* records that it will acknowledge */
    int64_t oldest_at;      /* timestamp of the oldest of them; 0: none */
    int32_t tries;          /* failed runs before this one */
    bool park;              /* asked to park */
    int32_t retry_after_ms; /* park: what the last failure asked for */
    const uint8_t *trace;   /* of the oldest record that has one; NULL: none */
    void *cookie;           /* command mode */
    void *user;             /* the driver's */
};

struct kafka_core *kafka_core_new(const struct kafka_core_opts *opts);
/* Takes NULL. Runs that are still out are freed as well; cookies are first to be taken with
 * kafka_core_dropped() after an unassign. */
struct kafka_core *kafka_core_free(struct kafka_core *core);

/* ---- partitions ---------------------------------------------------------------------------- */

/* A new assignment of slot `partition` (any small number that the driver keeps for a topic's
 * partition). committed: -1: none. metadata: what was committed with it; what cannot be read is
 * ignored (false), and then more replays. An assigned slot is unassigned first. */
bool kafka_core_assign(struct kafka_core *core, int32_t partition, int64_t committed,
                       struct str metadata);
/* No new runs of it, no records; runs that are out go on and acknowledge. */
void kafka_core_revoke(struct kafka_core *core, int32_t partition);
/* The end of the assignment: all of its state goes, runs that are out turn stale. */
void kafka_core_unassign(struct kafka_core *core, int32_t partition);
/* No run of the current assignment is out. */
bool kafka_core_drained(const struct kafka_core *core, int32_t partition);

/* ---- records and due work ------------------------------------------------------------------ */

enum kafka_taken {
    KAFKA_TAKEN,         /* the core has it */
    KAFKA_TAKEN_COVERED, /* completed at once, coalesced */
    KAFKA_TAKEN_SKIP,    /* was done before, or is not of a current assignment */
    KAFKA_TAKEN_LATER,   /* no room: offer the same record again when kafka_core_wants() */
};

/* More records of the partition? */
bool kafka_core_wants(const struct kafka_core *core, int32_t partition);
/* In offset order. Anything but KAFKA_TAKEN leaves the cookie with the caller. */
enum kafka_taken kafka_core_record(struct kafka_core *core, int32_t partition,
                                   const struct kafka_core_item *record, int64_t now);
/* Takes a record that no run will serve: it is incomplete until kafka_core_complete(). */
enum kafka_taken kafka_core_hold(struct kafka_core *core, int32_t partition, int64_t offset,
                                 int64_t timestamp);
void kafka_core_complete(struct kafka_core *core, int32_t partition, uint64_t epoch,
                         int64_t offset);
uint64_t kafka_core_epoch(const struct kafka_core *core, int32_t partition);

/* How many keys of due work the core would take now, and how many keys hold due work already: ask
 * for at most `ret_held` + the result rows, oldest first, or rows under way hide the others. */
size_t kafka_core_due_room(const struct kafka_core *core, size_t *ret_held);
/* False: not taken (no room, key running, not assigned); it stays due. */
bool kafka_core_due(struct kafka_core *core, int32_t partition, const struct kafka_core_item *due,
                    int64_t now);

/* ---- runs ---------------------------------------------------------------------------------- */

/* The next run to start; NULL if there is none or no slot. */
struct kafka_core_run *kafka_core_next(struct kafka_core *core, int64_t now);
/* Call before the run's first read of what it looks at: its items are final from here, and what
 * is handed in later waits for the next run. A run that never says so counts as having read at
 * its start. */
void kafka_core_reads(struct kafka_core *core, struct kafka_core_run *run);
/* Still of the current assignment? */
bool kafka_core_is_current(const struct kafka_core *core, const struct kafka_core_run *run);
/* retry_after_ms: with KAFKA_RETRY, 0: not said. The run is freed. */
void kafka_core_finish(struct kafka_core *core, struct kafka_core_run *run,
                       enum kafka_verdict verdict, int32_t retry_after_ms, int64_t now);

/* When kafka_core_tick() is due; INT64_MAX: never. */
int64_t kafka_core_next_tick(const struct kafka_core *core);
void kafka_core_tick(struct kafka_core *core, int64_t now);

/* Cookies of records that no run will serve any more; NULL at the end. */
void *kafka_core_dropped(struct kafka_core *core);

/* ---- commits ------------------------------------------------------------------------------- */

/* What there is to commit; false if nothing changed since the last acknowledged commit. metadata:
 * reset and filled; max >= KAFKA_METADATA_MAX. */
bool kafka_core_commit_get(struct kafka_core *core, int32_t partition, int64_t *ret_offset,
                           struct buf *metadata, uint64_t *ret_version);
/* The cluster has it. */
void kafka_core_commit_done(struct kafka_core *core, int32_t partition, uint64_t epoch,
                            uint64_t version);

/* ---- figures ------------------------------------------------------------------------------- */

struct kafka_core_partition_stats {
    int64_t low;  /* committed next; -1: nothing was read yet */
    int64_t next; /* one past the highest handed in */
    size_t incomplete;
    size_t done_above; /* done between low and next */
    int64_t oldest_at; /* timestamp of the oldest incomplete record; 0: none */
    size_t keys;
    size_t running;
    size_t bytes;
};
bool kafka_core_partition_stats(const struct kafka_core *core, int32_t partition,
                                struct kafka_core_partition_stats *ret_stats);

struct kafka_core_stats {
    size_t in_flight;
    size_t ready;   /* keys that wait for a slot */
    size_t waiting; /* keys in back-off or in their minimum interval */
    size_t bytes;
    uint64_t taken;
    uint64_t coalesced; /* completed at once, or acknowledged beside another by one run */
    uint64_t runs;
    uint64_t retries;
    uint64_t parked;
    uint64_t replayed; /* handed in again though a commit had seen a later one done */
    uint64_t skipped;  /* not handed out again thanks to the metadata */
    uint64_t stale;    /* runs that ended after their assignment */
    uint64_t holes;    /* offsets that were never delivered */
};
void kafka_core_stats(const struct kafka_core *core, struct kafka_core_stats *ret_stats);

/* ---- the commit's metadata ------------------------------------------------------------------ */

/* Pure, exposed for tests and fuzzing. incomplete: ascending offsets in [low, end); at least one,
 * the first is low. */
void kafka_metadata_encode(int64_t low, int64_t end, const int64_t *incomplete, size_t count,
                           struct buf *out);
/* ret_incomplete: room for KAFKA_INCOMPLETE_MAX. errs: ERR_PROTO. */
MUST_CHECK enum err_code kafka_metadata_decode(struct str text, int64_t low, int64_t *ret_end,
                                               int64_t *ret_incomplete, size_t *ret_count,
                                               struct err *err);

#endif

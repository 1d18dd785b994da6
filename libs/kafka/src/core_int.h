/* Inside the engine core; see kafka/engine_core.h for what it promises.
 *
 * tracker   core_tracker.c   which offsets are done, the low-water mark
 * metadata  core_metadata.c  the same as text
 * queue     core_queue.c     keys that are ready (by priority and tenant) or wait for a time
 * key       core_key.c       a key's dirty records and due items, coalescing
 * core.c                     the public functions: partitions, records, runs */
#ifndef KAFKA_CORE_INT_H
#define KAFKA_CORE_INT_H

#include "base/list.h"
#include "base/map.h"
#include "base/vec.h"
#include "kafka/engine_core.h"

/* ---- tracker ------------------------------------------------------------------------------- */

struct kafka_tracker {
    int64_t low;                      /* all below are done; -1: nothing is known yet */
    int64_t next;                     /* one past the highest offset handed in; >= low */
    int64_t restored_end;             /* the metadata knew what was done below this */
    uint64_t bits[KAFKA_WINDOW / 64]; /* ring of [low, low + KAFKA_WINDOW): done */
};

enum kafka_tracked { KAFKA_TRACK_NEW, KAFKA_TRACK_DONE, KAFKA_TRACK_FULL, KAFKA_TRACK_REWIND };

void kafka_tracker_init(struct kafka_tracker *t, int64_t low);
/* All of [low, end) but `incomplete` was done. */
void kafka_tracker_restore(struct kafka_tracker *t, int64_t end, const int64_t *incomplete,
                           size_t count);
/* Hands an offset in; those passed over were never delivered and count as done. */
enum kafka_tracked kafka_tracker_add(struct kafka_tracker *t, int64_t offset, uint64_t *holes);
void kafka_tracker_complete(struct kafka_tracker *t, int64_t offset);
/* The end of what is worth writing down: one past the highest done offset, low if none. */
int64_t kafka_tracker_end(const struct kafka_tracker *t);
/* Offsets in [low, end) that are not done; at most max. */
size_t kafka_tracker_incomplete(const struct kafka_tracker *t, int64_t end, int64_t *ret_offsets,
                                size_t max);

/* ---- keys ---------------------------------------------------------------------------------- */

struct core_record {
    struct list by_offset; /* partition's incomplete */
    struct list in_key;    /* key's dirty or run's taken; alone if held */
    int64_t offset;
    int64_t timestamp;
    uint64_t item;
    uint32_t reasons;
    enum kafka_priority priority;
    size_t bytes;
    void *cookie;
    bool has_trace;
    uint8_t trace[KAFKA_TRACE_LEN];
};

struct core_items {
    struct kafka_core_dirty *ptr;
    size_t len;
    size_t cap;
};

enum core_where { CORE_NOWHERE, CORE_READY, CORE_TIMED };

struct core_key {
    struct core_part *part;
    struct str bytes; /* owned; ptr NULL: a record without a key */
    struct list node; /* ready queue of its tenant; or part->keyless while not there */
    struct list keyless;
    struct list dirty; /* records, by offset */
    struct core_items due;
    struct core_run *run;
    enum core_where where;
    enum kafka_priority priority; /* of the work that waits */
    uint64_t tenant;
    struct core_tenant *queued_at;
    enum kafka_priority queued_as;
    int64_t last_start;
    int64_t not_before; /* back-off; 0: none */
    bool asked;         /* not_before is the provider's wish, so nobody may hurry it */
    int32_t tries;
    int64_t first_failed_at;
    bool park;
    int32_t retry_after_ms;
    int64_t wake_at;
    size_t heap_index;
};

struct core_run {
    struct kafka_core_run pub;
    struct list node; /* core's runs */
    struct core_key *key;
    struct list taken; /* records that it acknowledges, by offset */
    struct core_items items;
    struct core_items due; /* of these: due work */
    bool read;
    uint8_t trace[KAFKA_TRACE_LEN];
};

enum core_part_state { CORE_PART_NONE, CORE_PART_ASSIGNED, CORE_PART_REVOKED };

struct core_part {
    int32_t slot;
    enum core_part_state state;
    uint64_t epoch;
    struct map keys;
    struct list keyless;
    size_t key_count;
    struct list incomplete; /* records by offset */
    size_t incomplete_count;
    size_t bytes;
    size_t running; /* of this epoch */
    uint64_t version;
    uint64_t committed_version;
    struct kafka_tracker tracker;
};

struct core_tenant {
    uint64_t id;
    size_t keys;
    struct {
        struct list node; /* core's active tenants of this priority */
        struct list keys;
    } lane[KAFKA_PRIORITIES];
};

struct kafka_core {
    struct kafka_core_opts opts;
    VEC(struct core_part *) parts; /* by slot; NULL where never assigned */
    uint64_t epochs;
    uint64_t random;
    struct list runs;
    struct list dropped; /* records whose cookies the driver has to take */
    struct map tenants;
    struct list lanes[KAFKA_PRIORITIES]; /* tenants that have ready keys */
    VEC(struct core_key *) timed;        /* heap by wake_at */
    size_t due_items;
    struct kafka_core_stats stats;
};

/* ---- queue --------------------------------------------------------------------------------- */

void kafka_queue_ready(struct kafka_core *core, struct core_key *key);
void kafka_queue_timed(struct kafka_core *core, struct core_key *key, int64_t wake_at);
/* From wherever it is. */
void kafka_queue_remove(struct kafka_core *core, struct core_key *key);
/* Takes the next of that priority, tenant by tenant; NULL if there is none. */
struct core_key *kafka_queue_pop(struct kafka_core *core, enum kafka_priority priority);
/* The first whose time has come; NULL if there is none. */
struct core_key *kafka_queue_pop_timed(struct kafka_core *core, int64_t now);

/* ---- key ----------------------------------------------------------------------------------- */

struct core_key *kafka_key_find(struct core_part *part, struct str bytes);
struct core_key *kafka_key_new(struct core_part *part, struct str bytes);
/* Not running, in no queue, without records. */
void kafka_key_free(struct kafka_core *core, struct core_key *key);
bool kafka_key_has_work(const struct core_key *key);
/* An earlier dirty record of the key says as much as this one. */
bool kafka_key_covers(const struct core_key *key, uint64_t item, uint32_t reasons);
void kafka_items_add(struct core_items *items, uint64_t item, uint32_t reasons);
/* Moves what waits into the run and fills its public part. */
void kafka_key_take(struct kafka_core *core, struct core_key *key, struct core_run *run);
/* Gives what the run took back to the key, for another try. */
void kafka_key_give_back(struct kafka_core *core, struct core_key *key, struct core_run *run);
/* Books a failure: when, and whether to park. */
void kafka_key_failed(struct kafka_core *core, struct core_key *key, int32_t retry_after_ms,
                      int64_t now);
void kafka_key_succeeded(struct core_key *key);
/* Puts a key that does not run where it belongs: ready, timed, or away. */
void kafka_key_settle(struct kafka_core *core, struct core_key *key, int64_t now);

/* ---- records (core.c) ------------------------------------------------------------------------ */

void kafka_record_complete(struct kafka_core *core, struct core_part *part,
                           struct core_record *record);
void kafka_record_drop(struct kafka_core *core, struct core_part *part, struct core_record *record,
                       bool give_cookie);

#endif

/* The model of the engine core's world: logs, members, a broker. See test_core_model.c. */
#ifndef CORE_MODEL_H
#define CORE_MODEL_H

#include "kafka/engine_core.h"

#define PARTS 3
#define LOG_MAX 240
#define KEYS_MAX 6
#define MEMBERS 3
#define RUNS_MAX 16
#define HELD_MAX 32

struct entry {
    bool gap;    /* never delivered: compaction, a transaction's marker */
    bool poison; /* taken with kafka_core_hold() */
    int key;     /* -1: none */
    uint64_t item;
    uint32_t reasons;
    enum kafka_priority priority;
    bool acked;
};

struct part_log {
    struct entry entries[LOG_MAX];
    int64_t end;
    int owner; /* a member, or -1 */
    int64_t committed;
    char metadata[KAFKA_METADATA_MAX + 1];
    int64_t verified; /* all below are acked */
};

struct out_run {
    struct kafka_core_run *run; /* NULL: free */
    int part;
    int key;
    int64_t offset; /* command mode */
    uint64_t read_event;
    bool current;
};

struct member {
    struct kafka_core *core;
    bool draining;
    struct {
        bool assigned;
        bool fenced;              /* another member owns it, this one does not know yet */
        int64_t position;         /* of the fetcher */
        uint64_t handed[LOG_MAX]; /* event of hand-in; 0: not yet */
        bool known_done[LOG_MAX]; /* by the commit that the assignment began with */
        bool ran[LOG_MAX];        /* command mode: a run of this assignment ended well */
        struct {
            bool used;
            uint64_t epoch;
            int64_t offset;
        } held[HELD_MAX];
    } part[PARTS];
    struct out_run runs[RUNS_MAX];
};

struct world {
    uint64_t seed;
    uint64_t rng;
    bool coalesce;
    bool verbose;
    bool quiet; /* faults are over */
    int keys;
    int items; /* 0..items-1 */
    int reasons;
    int storm; /* percent of the records that go to key 0 */
    int64_t now;
    uint64_t event;
    struct kafka_core_opts opts;
    struct part_log part[PARTS];
    struct member member[MEMBERS];
    char failure[200];
};

extern char key_names[KEYS_MAX][16];

uint64_t rnd(struct world *w);
int pick(struct world *w, int n);
bool chance(struct world *w, int percent);
void say(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The first failure counts. */
void fail_with(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define CHECK(w, cond, ...)                                                                        \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fail_with((w), __VA_ARGS__);                                                           \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* What a commit calls done. */
void model_done_set(int64_t low, struct str metadata, bool ret_done[LOG_MAX]);
void model_check_commit(struct world *w, int part, int64_t low, struct str metadata);
void model_check_start(struct world *w, struct member *member, const struct out_run *out);
void model_check_storm(struct world *w, struct member *member, int part);
void model_check_end(struct world *w);
bool model_all_committed(const struct world *w);
/* Marks the records that a good run covered. */
void model_acknowledge(struct world *w, struct member *member, const struct out_run *out,
                       const struct kafka_core_run *run);

void op_append(struct world *w, int part);
void op_deliver(struct world *w, int m, int part);
void op_release_held(struct world *w, int m, int part);
void op_due(struct world *w, int m, int part);
void op_start(struct world *w, int m);
void op_reads(struct world *w, int m, int i);
void op_finish(struct world *w, int m, int i);
void op_commit(struct world *w, int m, int part, bool acknowledged);
void op_assign(struct world *w, int m, int part);
void op_revoke(struct world *w, int m);
void op_end_revoke(struct world *w, int m);
void op_lost(struct world *w, int m);
void op_fence(struct world *w, int m);
void op_crash(struct world *w, int m);
void member_end(struct member *member);

#endif

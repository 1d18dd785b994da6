/* The sync worker's state, and what its parts ask of each other.
 *
 *   main.c      settings, start, drain
 *   run.c       one run of the engine: an account's calendars
 *   read.c      one calendar: pages, sweep, cursor
 *   finish.c    runs that ended well, written many at a time
 *   channels.c  push channels
 *   commands.c  requests about connections, as the engine hands them out */
#ifndef SYNC_WORKER_WORKER_H
#define SYNC_WORKER_WORKER_H

#include "calendar/zone.h"
#include "kafka/engine.h"
#include "service/service.h"
#include "store/page.h"
#include "worker/parts.h"

#define SYNC_WORKER_CONFIG(C)                                                                      \
    WORKER_CONFIG(C)                                                                               \
    WEBHOOK_CONFIG(C)                                                                              \
    C(instance_id, STRING, "", 0, 249, "", 0,                                                      \
      "static member id in the consumer group (a StatefulSet's pod name); unset: dynamic")         \
    C(max_in_flight, INT, "500", 1, 4000, "runs", 0, "most accounts that are read at a time")      \
    C(window_past, DURATION, "744h", 0, 31622400000, "", 0,                                        \
      "how far back occurrences are kept for free/busy")                                           \
    C(window_future, DURATION, "13176h", 86400000, 94867200000, "", 0,                             \
      "how far ahead occurrences are kept for free/busy")                                          \
    C(sweep_share, INT, "30", 1, 100, "percent", 0,                                                \
      "a full read that would delete more than this share of a calendar is read again, and held "  \
      "until a second one agrees")                                                                 \
    C(revoke_on_disconnect, BOOL, "true", 0, 0, "", 0,                                             \
      "revoke the provider's grant with an account's last connection; Google's ends every grant "  \
      "of the person to the project, its sign-in included")

CONFIG_STRUCT(sync_worker_config, SYNC_WORKER_CONFIG)
const struct config_table *sync_worker_config_table(void);

struct finish_queue;

struct worker {
    const struct sync_worker_config *conf;
    struct service_run *run;
    struct worker_parts parts;
    struct crypto_keyring webhook_keys;
    struct calendar_zones *zones;
    struct kafka_engine *sync;     /* calendar.sync */
    struct kafka_engine *commands; /* calendar.connections.requests */
    struct finish_queue *finish;
    bool *owned; /* by partition of calendar.sync */
    int32_t partitions;
};

/* Whether this process owns a shard of the due table: the partition of calendar.sync that the
 * accounts of the shard meet in is ours. */
bool worker_owns_shard(const struct worker *w, int16_t shard);

/* run.c: struct kafka_engine_ops of calendar.sync; ctx: the worker. */
extern const struct kafka_engine_ops sync_engine_ops;

/* What a run knows while it reads one calendar. */
struct reading {
    struct worker *worker;
    struct kafka_run *run;
    struct access_session *access;
    struct store_calendar *calendar;
    struct arena *arena; /* of the run */
    int64_t deadline;
    size_t changed;         /* rows written or removed */
    bool channel_is_silent; /* push should have brought what this read found */
};

/* Reads a calendar up to its end and stores it; the caller finishes or fails it.
 * errs: as list_changes and store_page_apply; ERR_CONFLICT: another run was first. */
CO_FN MUST_CHECK enum err_code read_calendar(struct reading *r, struct str *ret_new_cursor,
                                             struct err *err);

/* finish.c */
struct finish_queue *finish_queue_new(struct worker *w);
struct finish_queue *finish_queue_free(struct finish_queue *q);
void finish_queue_run(void *queue); /* the coroutine that writes */
/* A calendar was read up to its end; waits until that is written. new_cursor: empty: as it is. */
CO_FN MUST_CHECK enum err_code finish_calendar(struct finish_queue *q,
                                               const struct store_calendar *c, int64_t due_at,
                                               struct str new_cursor, int64_t deadline,
                                               struct err *err);

/* channels.c: opens a channel where there is none or the one there is nears its end, and stops the
 * older ones. Failures are logged: the calendar is polled. */
CO_FN void channels_ensure(struct reading *r);

/* commands.c: struct kafka_engine_ops of calendar.connections.requests; ctx: the worker. */
extern const struct kafka_engine_ops commands_engine_ops;

/* calendar_list.c: reads the provider's list of a connection's calendars and stores it: new ones
 * become due, those that are gone become purges, choices stay.
 * errs: ERR_NOT_FOUND: the connection is gone; ERR_AUTH with REAUTH; the provider's; Postgres's. */
CO_FN MUST_CHECK enum err_code calendars_refresh(struct worker *w, struct uuid connection,
                                                 int64_t deadline, struct err *err);

/* The coroutine that does it for the connections of our shards whose list is due: once a day, and
 * soon where it never could be read. worker: the struct worker. Ends when it is cancelled. */
CO_FN void calendar_list_loop(void *worker);

/* purge.c: the coroutine that works off what connections and calendar choices left behind, for the
 * shards of the partitions that are ours; worker: the struct worker. Ends when it is cancelled. */
CO_FN void purge_loop(void *worker);

#endif

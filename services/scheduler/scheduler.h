/* The scheduler's state, and what its parts ask of each other.
 *
 *   main.c       settings, start, drain
 *   requests.c   which handler serves what
 *   accept.c     a request's transaction into the ledger
 *   create.c     a request to create: refused, or a row in the ledger with its slots held
 *   change.c     the same for change and cancel
 *   ledger.c     rows of the ledger: keys, claims, ends
 *   slots.c      people and holds in a transaction
 *   settle.c     a command of the ledger is brought to its end, whoever began it
 *   store.c      what the provider answered, in one transaction
 *   recover.c    commands that another process left behind; expired holds
 *   plan.c       what needs no server: ids, hashes, people, occurrences
 *
 * Every command is: slots held (committed) -> begun (committed) -> provider -> stored (committed)
 * -> answered. A process may die anywhere: whoever takes the command up next reads the event by its
 * stable id before it writes again. `attempts` of its row is the fence: who claims a command raises
 * it, and each later step of the one before finds no row. */
#ifndef SCHEDULER_SCHEDULER_H
#define SCHEDULER_SCHEDULER_H

#include "calendar/zone.h"
#include "commands/commands.h"
#include "kafka/engine.h"
#include "messages/messages.h"
#include "plan.h"
#include "service/service.h"
#include "worker/parts.h"
#include "json/write.h"

#define SCHEDULER_CONFIG(C)                                                                        \
    WORKER_CONFIG(C)                                                                               \
    C(hold_seconds, DURATION, "120s", 1000, 3600000, "", 0,                                        \
      "how long slots are held for a meeting whose creation has not begun")

CONFIG_STRUCT(scheduler_config, SCHEDULER_CONFIG)
const struct config_table *scheduler_config_table(void);

#define DB_MS 15000 /* bound on one statement or transaction */
#define PERMISSION_SCHEDULE "ce.calendar.schedule"

struct scheduler {
    const struct scheduler_config *conf;
    struct service_run *run;
    struct worker_parts parts;
    struct calendar_zones *zones;
    struct kafka_engine *engine; /* calendar.schedule.requests */
    bool *owned;                 /* by partition */
    int32_t partitions;          /* of the topic; 0: not known yet */
    struct co_sem recovering;
};

/* ---- requests.c ----------------------------------------------------------------------------- */

static inline struct scheduler *command_scheduler(const struct command *c)
{
    return c->ctx;
}

extern const struct kafka_engine_ops scheduler_engine_ops;

/* ---- create.c, change.c --------------------------------------------------------------------- */

CO_FN enum err_code command_create(struct command *c, const void *message, struct err *err);
CO_FN enum err_code command_change(struct command *c, const void *message, struct err *err);
CO_FN enum err_code command_cancel(struct command *c, const void *message, struct err *err);

struct slots;

/* ---- ledger.c ------------------------------------------------------------------------------- */

/* What a new row of the ledger says. */
struct ledger_entry {
    struct uuid id;
    struct uuid organization;
    struct uuid connection;
    struct str key;
    const char *kind;
    int type;            /* MESSAGE_schedule_... */
    const void *message; /* of that type */
    int64_t start_at;    /* as resolved; 0: none */
    int64_t end_at;
};

/* ret_new: the row is ours and the transaction goes on. False: there is one already (the
 * transaction has nothing more to do): see ledger_repeat. */
CO_FN MUST_CHECK enum err_code ledger_insert(struct command *c, struct pg_session *s,
                                             const struct ledger_entry *entry, bool *ret_new,
                                             struct err *err);
/* The same key again: answers as the first one was answered, waits for it while it is under way,
 * takes it up where nobody works on it; 409 where the request is another one. */
CO_FN MUST_CHECK enum err_code ledger_repeat(struct command *c, const struct ledger_entry *entry,
                                             struct err *err);
#define HOLDS_AS_BEFORE SIZE_MAX
CO_FN MUST_CHECK enum err_code ledger_held(struct command *c, struct pg_session *s, struct uuid id,
                                           const struct slots *slots, size_t holds,
                                           struct err *err);
/* ret_attempts: 0: somebody else works on it, or it is done. */
CO_FN MUST_CHECK enum err_code ledger_claim(struct scheduler *w, struct uuid id,
                                            struct arena *arena, int32_t *ret_attempts,
                                            struct err *err);
/* The answer of a settled command; status 0: it waits. */
enum err_code ledger_answer(struct command *c, int status, struct str answer);
/* How long nobody else takes a command up: longer than a provider call. */
int64_t ledger_lease_ms(const struct scheduler *w);

/* ---- slots.c -------------------------------------------------------------------------------- */

/* Whose slots, when. */
struct slots {
    struct uuid organization;
    struct uuid meeting;
    struct uuid asker;
    struct uuid event; /* nil: none; a change's own event is not in its way */
    struct plan_people people;
    struct plan_times times;
    bool overridden;
    int64_t expires_ms; /* 0: never */
};

/* Finds out who is meant: users' addresses, and addresses that are users. False: the command is
 * answered. errs: Postgres's. */
CO_FN MUST_CHECK enum err_code slots_people(struct command *c, struct pg_session *s,
                                            struct uuid organization, struct uuid organizer,
                                            const struct message_uuids *users,
                                            const struct message_strs *addresses,
                                            struct plan_people *ret_people, bool *ret_known,
                                            struct err *err);
/* Nothing in the calendars that the asker may see is in the way. False: answered with 409. */
CO_FN MUST_CHECK enum err_code slots_free(struct command *c, struct pg_session *s,
                                          const struct slots *slots, bool *ret_free,
                                          struct err *err);
/* Takes the slots; those that the meeting had go. errs: ERR_CONFLICT with slots_are_taken(): the
 * transaction has failed; Postgres's. */
CO_FN MUST_CHECK enum err_code slots_take(struct pg_session *s, const struct slots *slots,
                                          struct arena *arena, size_t *ret_count, struct err *err);
bool slots_are_taken(const struct err *err);
/* After a rollback: answers 409 with whose slots are taken, as far as the asker may see them. */
CO_FN MUST_CHECK enum err_code slots_refuse(struct command *c, struct pg_session *s,
                                            const struct slots *slots, struct err *err);
/* Writes who takes part. */
CO_FN MUST_CHECK enum err_code slots_write_people(struct pg_session *s, struct uuid meeting,
                                                  const struct plan_people *people,
                                                  struct arena *arena, struct err *err);
CO_FN MUST_CHECK enum err_code slots_read_people(struct pg_session *s, struct uuid meeting,
                                                 struct arena *arena,
                                                 struct plan_people *ret_people, struct err *err);

/* ---- accept.c ------------------------------------------------------------------------------- */

/* A request on its way into the ledger. */
struct acceptance {
    struct command *c;
    struct pg_session *s;
    struct ledger_entry entry;
    struct slots slots;
    bool allow_overlap;
};

/* What is done between BEGIN and COMMIT; again where the transaction lost against another.
 * ret_go false: it is answered (c->status), or the ledger has the key already; nothing stays. */
typedef CO_FN enum err_code (*accept_fn)(struct acceptance *a, bool *ret_go, struct err *err);
/* Accepts, brings to its end, and answers. errs: Postgres's. */
CO_FN MUST_CHECK enum err_code accept_command(struct acceptance *a, accept_fn fn, struct err *err);
/* Checks calendars and takes the slots; *ret_go false: busy, and answered. before: what is written
 * in the same savepoint as the slots, as it says whether they are booked over; NULL: nothing. */
CO_FN MUST_CHECK enum err_code accept_slots(struct acceptance *a, accept_fn before, bool *ret_go,
                                            struct err *err);
/* A row of person/place.sql can be written to. False: answered. */
bool accept_place(struct command *c, const struct pg_result *place);

/* ---- settle.c ------------------------------------------------------------------------------- */

/* A command of the ledger while it is worked on. */
struct job {
    struct scheduler *scheduler;
    struct arena *arena;
    struct uuid id;
    int32_t attempts;
    bool begun; /* it had begun before: read before writing */
    struct str kind;
    int type;
    union {
        struct message_schedule_create create;
        struct message_schedule_change change;
        struct message_schedule_cancel cancel;
    } m;
    struct uuid organization, user, connection, meeting;
    int64_t calendar;
    struct str provider_calendar, zone, event_id_at_provider, etag, start_zone, title;
    int64_t starts_at, ends_at; /* as they are to be */
    int64_t was_start, was_end; /* of the meeting as it stands */
    struct str *recurrence;
    size_t recurrence_count;
    bool overridden;     /* as it is to be */
    bool was_overridden; /* as it stands */
    bool connected;
    bool has_event, has_activity;
    struct uuid event, activity;
    struct provider_session *session;
    const struct provider *provider;

    int status; /* the answer, when it is at its end; 0: it waits */
    struct str answer;
    int64_t retry_after_ms;
};

/* Brings a claimed command to its end, or leaves it due. ret_status 0: it waits, and is taken up
 * again; answer lives in arena. errs: ERR_CONFLICT: somebody else carries on; Postgres's. */
CO_FN MUST_CHECK enum err_code settle(struct scheduler *w, struct uuid id, int32_t attempts,
                                      struct arena *arena, int *ret_status, struct str *ret_answer,
                                      struct err *err);

/* ---- store.c -------------------------------------------------------------------------------- */

/* The provider has the meeting as `event` says: rows, spans, activity, ledger, in one transaction;
 * fills the answer. errs: ERR_CONFLICT: somebody else was first; Postgres's. */
CO_FN MUST_CHECK enum err_code store_meeting(struct job *j, const struct calendar_event *event,
                                             struct err *err);
/* It is gone there. */
CO_FN MUST_CHECK enum err_code store_cancelled(struct job *j, struct err *err);
/* It will never be: slots are given back (or are as before the change), and the command ends.
 * state: "refused" or "abandoned". frees_key: what stood in the way may pass. */
CO_FN MUST_CHECK enum err_code store_refused(struct job *j, const char *state, int status,
                                             const char *code, const char *message, bool frees_key,
                                             struct err *err);

/* ---- recover.c ------------------------------------------------------------------------------ */

void recover_run(void *scheduler); /* the coroutine */

#endif

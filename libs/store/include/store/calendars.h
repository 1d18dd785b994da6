/* Calendars as the sync engine sees them: what is due, what a run may read, how a run ended. */
#ifndef STORE_CALENDARS_H
#define STORE_CALENDARS_H

#include "base/uuid.h"
#include "postgres/postgres.h"

/* A row of the due table. */
struct store_due {
    int64_t calendar;
    struct uuid account;
    struct uuid organization;
    int16_t shard;
    struct str reason;
};

/* What is due in these shards, oldest first.  owns: rows live in arena. */
CO_FN MUST_CHECK enum err_code store_due(struct pg_session *s, const int16_t *shards,
                                         size_t shard_count, int64_t limit, int64_t deadline,
                                         struct arena *arena, struct store_due **ret_rows,
                                         size_t *ret_count, struct err *err);

/* A calendar that a run may read. Texts live in the run's arena. */
struct store_calendar {
    int64_t id;
    struct uuid connection;
    struct uuid organization;
    struct uuid user;
    struct str provider;
    struct str provider_id;
    struct str zone; /* empty: not known, then UTC */
    bool watchable;
    struct str cursor; /* empty: a full read is due */
    int64_t version;
    struct str page_cursor; /* empty: none */
    struct str query_shape;
    int64_t generation;
    bool full_read;
    int64_t read_mark;
    bool covered;
    int64_t covered_from;
    int64_t covered_to;
    bool due;
    int64_t due_at;
    struct str due_reason;
    int32_t fail_count;
    struct str sweep_held_hash;
    int64_t change_counter;     /* noted now, before the provider is asked */
    int32_t poll_minutes;       /* of the organisation; 0: it has no settings */
    int64_t channel_expires_at; /* 0: no channel */
};

/* The calendars of an account, or these of them, that are chosen and whose connection is live,
 * enabled and authorised. */
CO_FN MUST_CHECK enum err_code store_calendars_open(struct pg_session *s, struct uuid account,
                                                    const int64_t *calendars, size_t count,
                                                    int64_t deadline, struct arena *arena,
                                                    struct store_calendar **ret_calendars,
                                                    size_t *ret_count, struct err *err);

/* A full read begins: a new generation and mark; updates c. errs: ERR_CONFLICT: another run was
 * first. */
CO_FN MUST_CHECK enum err_code store_full_read_begin(struct pg_session *s, struct store_calendar *c,
                                                     struct str query_shape, int64_t deadline,
                                                     struct arena *arena, struct err *err);

/* A calendar's read failed and waits until due_at, unless it was made due meanwhile. code: stable;
 * words: the provider's, or ours. */
CO_FN MUST_CHECK enum err_code store_calendar_fail(struct pg_session *s,
                                                   const struct store_calendar *c, int64_t due_at,
                                                   const char *code, struct str words,
                                                   int64_t deadline, struct arena *arena,
                                                   struct err *err);
CO_FN MUST_CHECK enum err_code store_account_park(struct pg_session *s, struct uuid account,
                                                  int64_t due_at, const char *code,
                                                  struct str words, int64_t deadline,
                                                  struct arena *arena, struct err *err);

#endif

/* The core of the service: one question in, one answer out. No bus but the hint to calendar.sync,
 * so that tests drive it without one.
 *
 *   snapshot.c   what the database says, in one snapshot
 *   freshness.c  which stored spans may be believed
 *   cache.c      the form of what Redis keeps
 *   stored.c     spans of calendars, from Redis or Postgres
 *   live.c       spans of calendars that cannot be believed, from the provider
 *   stale.c      tells calendar.sync what was found stale
 *   people.c     an answer as JSON
 *   answer.c     the flow
 *   serve.c      requests of the bus, main.c settings, start, drain */
#ifndef FREEBUSY_FREEBUSY_H
#define FREEBUSY_FREEBUSY_H

#include "accounts/access.h"
#include "cache.h"
#include "kafka/producer.h"
#include "redis/redis.h"

#define FB_WINDOW_MAX_MS (366 * INT64_C(86400000))
#define FB_PEOPLE_MAX 50
#define FB_STALE_SLOTS 4096

struct freebusy {
    struct pg_pool *pool;
    struct redis_client *redis; /* NULL: none, everything is read from Postgres */
    int64_t redis_ms;           /* bound on one call */
    int64_t live_ms;            /* bound on asking providers for one question */
    size_t live_max;            /* providers' calls at a time, of this process */
    struct access *access;
    struct kafka_producer *producer; /* of TOPIC_SYNC; NULL: nobody is told what is stale */
    struct co_group *group;          /* of what outlives a question */
    struct co_sem live;              /* live_max places */
    struct {
        int64_t calendar;
        int64_t told_at; /* co_now() */
    } stale[FB_STALE_SLOTS];
};

/* After the fields above it are set. */
void freebusy_init(struct freebusy *fb);

struct freebusy_answer {
    int status; /* HTTP */
    int64_t retry_after_ms;
    struct buf body; /* JSON; init and fini by the caller */
};

/* Answers in any case: a question that is wrong, not allowed or cannot be served is a status and a
 * coded body. deadline: of the whole question; providers are asked until a reserve before it. */
CO_FN void freebusy_answer(struct freebusy *fb, const struct message_caller *caller,
                           const struct message_freebusy *question, int64_t deadline,
                           struct arena *arena, struct freebusy_answer *answer);

/* stored.c: fills in spans, source and computed_at of every calendar that is covered at least in
 * part. errs: Postgres's; ERR_CONFLICT with RETRY: a counter moved since the snapshot, which has to
 * be read again (not with `exact`, a session within the snapshot's own transaction). */
CO_FN MUST_CHECK enum err_code fb_stored_load(struct freebusy *fb, struct fb_snapshot *snap,
                                              struct fb_window window, struct pg_session *exact,
                                              int64_t deadline, struct arena *arena,
                                              struct err *err);

/* live.c: asks the providers about the calendars whose state is FB_ASK, and fills in what they
 * said; what they did not leaves the calendar as it is, with the code of why. */
CO_FN void fb_live_ask(struct freebusy *fb, struct fb_snapshot *snap, struct fb_window window,
                       int64_t deadline, struct arena *arena);

/* stale.c: sends the calendar to calendar.sync, at most every half a minute from this process;
 * does not wait. */
void fb_stale_tell(struct freebusy *fb, struct uuid account, int64_t calendar);

/* people.c */
void fb_people_write(const struct fb_snapshot *snap, struct fb_window window, struct arena *arena,
                     struct buf *out);

#endif

/* A migrated database with two organisations, a Redis and a simulator of the test's own, and the
 * core of the service as its own database role sees it. */
#ifndef TESTS_FREEBUSY_SCENE_H
#define TESTS_FREEBUSY_SCENE_H

#include "freebusy.h"
#include "world.h"

#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)

struct scene {
    struct world *world; /* the simulator, with a session of ana's */
    struct access_provider google;
    struct freebusy fb;
    struct co_group group;
    struct arena arena;
    struct crypto_keyring keys;
    int64_t base; /* a midnight (UTC), a week ahead */
    int status;   /* of the last answer */
};

/* In organisation 1: ana, ben (may see spans), mia (may see details), eve (may not ask). zoe, who
 * may see all, is of organisation 2; max of both. */
extern const struct uuid ANA_ID, BEN_ID, MIA_ID, EVE_ID, ZOE_ID, MAX_ID, ORG1, ORG2;

int scene_start(void **state);
int scene_stop(void **state);
/* Runs body in a loop, without any connection, with an empty Redis. */
void scene_run(void (*body)(struct scene *s));

/* SQL as the owner of everything; fails the test on an error. */
void sql(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* "'2026-10-20T09:00:00Z'" */
const char *at(struct scene *s, int64_t utc_ms);

struct linked {
    struct uuid account;
    struct uuid connection;
    int64_t calendar; /* ana@example.com at the provider; read a minute ago, covered for a year */
};
/* A connection with an access token of ana's in the simulator, and one calendar. */
struct linked link_account(struct scene *s, struct uuid user, struct uuid organization,
                           const char *address);
/* A stored occurrence; the change counter moves with it, as writers do it. */
void add_span(struct scene *s, const struct linked *l, int64_t from_at, int64_t to_at,
              const char *show_as);

/* An hour's hold on somebody's time, of a meeting that this person organises in organisation 1;
 * expires and event: SQL, "NULL" for neither. */
void hold_slot(struct scene *s, const struct linked *of, struct uuid user, int64_t from_at,
               const char *expires, const char *event);

struct asked_for {
    struct uuid asker;
    const struct uuid *organization; /* NULL: not named */
    const struct uuid *users;
    size_t user_count;
    const char *address; /* NULL: none */
    int64_t from_at;
    int64_t to_at;
    int64_t ms; /* until the deadline; 0: 10 s */
};
/* The answer; its status is s->status. */
const struct json *ask(struct scene *s, const struct asked_for *question);
/* One user of organisation 1, by another, about one day from s->base; the person of the answer. */
const struct json *ask_day(struct scene *s, struct uuid asker, struct uuid user);

/* Waits until what the question left behind is done (spans kept in Redis). */
void settle(struct scene *s);

size_t busy_count(const struct json *person);
bool is_null(const struct json *person, const char *key);
/* Of the first source; "" if there is none. */
struct str source_of(const struct json *person);
bool has_error(const struct json *person, const char *code);
bool is_complete(const struct json *person);

/* The Redis of the test. */
void redis_start(void);
void redis_kill(void);
void redis_pause(void);
void redis_resume(void);
struct redis_client *redis_client_of_test(void);

#endif

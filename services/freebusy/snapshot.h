/* What one question is decided by, as one statement read it in one snapshot: people, their
 * connections and calendars, counters and holds. Everything lives in the question's arena. */
#ifndef FREEBUSY_SNAPSHOT_H
#define FREEBUSY_SNAPSHOT_H

#include "calendar/span.h"
#include "messages/messages.h"
#include "postgres/postgres.h"

/* How much the asker may know of a person. */
enum fb_level { FB_LEVEL_NONE, FB_LEVEL_SPANS, FB_LEVEL_DETAILS, FB_LEVEL_OWN };

enum fb_source { FB_SOURCE_NONE, FB_SOURCE_STORE, FB_SOURCE_CACHE, FB_SOURCE_PROVIDER };

struct fb_calendar {
    int64_t id;
    struct str provider_id;
    bool covered;                     /* any window is */
    int64_t covered_from, covered_to; /* UTC ms, as all times here */
    int64_t last_read_at;             /* 0: never */
    int64_t parked_until;             /* 0: not */
    bool parked;                      /* its last read failed */
    struct str park_reason;           /* stable code of ours */
    int64_t watched_until;            /* 0: no push channel */
    int64_t push_missed_at;           /* 0: never */
    int64_t error_rows;

    /* The answer's, filled in step by step. */
    enum fb_source source;
    bool fresh;
    bool ask;              /* the provider has to be asked */
    const char *code;      /* why it is not fresh, stable; NULL: it is */
    const char *live_code; /* why the provider did not answer; NULL: it did, or was not asked */
    int64_t computed_at;
    struct calendar_span *spans; /* disjoint, within the window */
    size_t span_count;
};

struct fb_connection {
    struct uuid id;
    struct uuid account;
    bool enabled;
    bool active; /* false: it is to be authorised again */
    bool listed; /* its calendar list was read */
    int64_t account_parked_until;
    int64_t counter;
    struct fb_calendar *calendars;
    size_t calendar_count;
};

struct fb_person {
    bool by_address;
    struct str address;
    struct uuid user; /* nil: nobody known by that address */
    enum fb_level level;
    struct fb_connection *connections;
    size_t connection_count;
    struct calendar_span *holds; /* disjoint, within the window */
    size_t hold_count;
};

struct fb_snapshot {
    bool has_organization;
    struct uuid organization;
    bool may;
    int64_t now_at; /* the database's clock */
    int64_t interval_ms;
    struct fb_person *people; /* users, then addresses, as asked */
    size_t person_count;
};

/* errs: Postgres's. */
CO_FN MUST_CHECK enum err_code fb_snapshot_read(struct pg_session *s,
                                                const struct message_caller *caller,
                                                const struct message_freebusy *question,
                                                int64_t deadline, struct arena *arena,
                                                struct fb_snapshot *ret_snapshot, struct err *err);

#endif

/* Google's side of the world: people, their calendars, events, each calendar with one sequence of
 * changes from which etags, sync tokens and page tokens are made.
 *
 * An event is the JSON that the service answers, kept as a tree and, once it was asked for, as
 * text; beside it only what the service has to search by. */
#ifndef SIMULATOR_GOOGLE_MODEL_H
#define SIMULATOR_GOOGLE_MODEL_H

#include "base/list.h"
#include "base/map.h"
#include "base/vec.h"
#include "simulator/quota.h"
#include "simulator/sim.h"

enum g_role { G_ROLE_NONE, G_ROLE_FREE_BUSY, G_ROLE_READER, G_ROLE_WRITER, G_ROLE_OWNER };

struct g_user {
    char *email;
    char *sub; /* never changes, 21 digits */
    char *name;
    char *zone;
    struct list link;    /* google.users */
    struct list entries; /* struct g_entry.in_user, in the order of their changes */
    uint64_t list_seq;   /* of the calendar list */
    uint64_t list_generation;
    struct quota_window calls; /* by this user in one project */
};

/* One calendar in one person's list. */
struct g_entry {
    struct g_user *user;
    struct g_calendar *calendar;
    struct list in_user;
    struct list in_calendar;
    enum g_role role;
    bool primary;
    bool selected;
    bool hidden;
    bool deleted;           /* a tombstone of the list */
    char *summary_override; /* NULL: none */
    uint64_t seq;
};

struct g_calendar {
    char *id;
    char *summary;
    char *description; /* NULL: none */
    char *zone;
    struct g_user *owner; /* NULL: nobody, e.g. holidays */
    struct list link;     /* google.calendars */
    struct list entries;
    struct map events;   /* id -> struct g_event */
    struct map uids;     /* iCalUID -> the event that was created with it */
    struct list changes; /* struct g_event.in_changes, by seq */
    struct list channels;
    uint64_t seq;
    uint64_t generation; /* a sync token of an older one is expired */
    uint64_t version;    /* of the calendar's own fields */
    int64_t updated_at;
    bool watchable;
    bool sparse;    /* tombstones carry id and status only */
    bool read_only; /* usage limit reached: every write is refused */
    struct quota_window writes;
    size_t live; /* events that are not cancelled */
};

struct g_event {
    struct g_calendar *calendar;
    char *id;
    json_t *body;
    char *text; /* body as the owner's reply holds it, compact; NULL: not made yet */
    size_t text_len;
    struct list in_changes;
    uint64_t seq;
    int64_t updated_at;
    int64_t start_at; /* UTC ms; of a series, the first occurrence's */
    int64_t end_at;
    bool all_day;
    bool cancelled;
    struct g_event *master; /* of an exception; NULL for an orphan as well */
    struct list in_master;
    struct list exceptions;
    int64_t original_at; /* of an exception: the occurrence's scheduled start */
    bool recurring;      /* a master: has recurrence lines */
};

struct g_oauth;

struct google {
    struct sim *sim;
    struct list users;
    struct map users_by_email;
    struct list calendars;
    struct map calendars_by_id;
    struct map channels_by_id;
    struct list dirty_channels;
    struct g_oauth *oauth;
    struct quota_window project_calls;
    struct {
        int64_t user_per_minute; /* 0: not limited */
        int64_t project_per_minute;
        int64_t calendar_writes_per_minute;
        int status; /* of a refusal: 403 or 429 */
        int64_t retry_after_s;
    } limits;
    struct {
        int64_t free_busy_max_days; /* longer: timeRangeTooLong */
        int64_t free_busy_max_calendars;
        bool free_busy_omit; /* the last calendar of a question is left out of the answer */
        int64_t page_short;  /* every n-th page is one row short; 0: none */
        int64_t page_empty;  /* every n-th page is empty, with a token */
        int64_t updated_min_days;
        bool sync_message_late; /* the sync notification follows the answer */
        bool testing;           /* grants end after seven days */
        bool auto_consent;      /* the consent page accepts at once */
        bool spurious_412;
    } modes;
    int64_t pages;            /* served, for the two page modes */
    void (*on_dirty)(void *); /* a channel has something to send: call google_flush_channels soon */
    void *on_dirty_arg;
    uint8_t token_key[32]; /* of the opaque tokens */
};

struct google *google_new(struct sim *s);
struct google *google_free(struct google *g);
/* Forgets people and calendars; the clients and the signing key stay. */
void google_reset(struct google *g);

/* ---- people and calendars ------------------------------------------------------------------ */

/* With a primary calendar of the same address; the one that is there where the address is known. */
struct g_user *g_user_add(struct google *g, struct str email, struct str name, struct str zone);
struct g_user *g_user_find(const struct google *g, struct str email);

/* id empty: one is made. NULL if the id is taken. */
struct g_calendar *g_calendar_add(struct google *g, struct g_user *owner, struct str id,
                                  struct str summary, struct str zone);
/* "primary" is the user's own. NULL if there is none. user may be NULL. */
struct g_calendar *g_calendar_find(const struct google *g, const struct g_user *user,
                                   struct str id);
/* Takes it from everybody's list. */
void g_calendar_remove(struct google *g, struct g_calendar *c);

/* G_ROLE_NONE takes the calendar away. touch: the change shows in an incremental list. */
struct g_entry *g_entry_set(struct g_user *user, struct g_calendar *c, enum g_role role,
                            bool touch);
struct g_entry *g_entry_find(const struct g_user *user, const struct g_calendar *c);
/* The next value of the user's list sequence. */
void g_entry_touch(struct g_entry *e);
enum g_role g_role_of(const struct g_user *user, const struct g_calendar *c);
const char *g_role_name(enum g_role role);
bool g_role_parse(struct str name, enum g_role *ret_role);

/* ---- events -------------------------------------------------------------------------------- */

struct g_event *g_event_find(const struct g_calendar *c, struct str id);
/* Takes body, which has its id; the event is not in the sequence of changes before g_event_touch.
 */
struct g_event *g_event_add(struct g_calendar *c, json_t *body);
/* Gives the event the calendar's next change: etag, updated (not for a change of reminders alone),
 * what is searched by; forgets the text; tells the channels. */
void g_event_touch(struct google *g, struct g_event *e, bool keep_updated);
/* A tombstone, with all of its exceptions where it is a master. */
void g_event_cancel(struct google *g, struct g_event *e);
/* Forgets it altogether, as after the purge of tombstones. */
void g_event_purge(struct g_event *e);
/* The compact text, made once. */
struct str g_event_text(struct g_event *e);

#endif

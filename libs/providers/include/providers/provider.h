/* A calendar provider as the services see it: one const table of verbs, one shape for all.
 *
 * Google, Microsoft and what may follow are rows of a registry; a provider is a folder with three
 * parts: mapping (pure: bytes to our event model and back), verbs (sequential, over the transport
 * of providers/transport.h, which alone knows retries, budgets, token refresh, metrics), and the
 * webhook checks (pure, a library of its own: providers/webhook.h, all that ingest links).
 *
 * No slot is NULL: what a provider cannot do answers ERR_UNSUPPORTED, and `caps` says so before. */
#ifndef PROVIDERS_PROVIDER_H
#define PROVIDERS_PROVIDER_H

#include "calendar/event.h"
#include "calendar/span.h"
#include "providers/session.h"

enum provider_cap {
    PROVIDER_CAP_WATCH = 1 << 0,            /* pushes notices */
    PROVIDER_CAP_WATCH_RENEW = 1 << 1,      /* a channel's life is prolonged in place */
    PROVIDER_CAP_WINDOWED_CURSOR = 1 << 2,  /* a cursor belongs to a window of time */
    PROVIDER_CAP_FREE_BUSY_OTHERS = 1 << 3, /* can be asked about colleagues without a connection */
    PROVIDER_CAP_CHOSEN_ID = 1 << 4,        /* the creator chooses the event's id */
};

/* ---- consent and identity ------------------------------------------------------------------- */

/* One OAuth client: the platform's, or an organisation's own. */
struct provider_client {
    struct str id;
    struct str secret;
    struct str redirect_uri;
};

struct provider_consent {
    const struct provider_client *client;
    struct str state;
    struct str code_challenge; /* S256 */
    struct str nonce;
    struct str login_hint; /* may be empty */
};

struct provider_tokens {
    struct str access_token;
    struct str refresh_token; /* empty: none was given, keep the one there is */
    int64_t expires_at;       /* UTC ms */
    struct str scope;    /* granted, as the provider names them; the truth about capabilities */
    struct str id_token; /* empty where none was given */
};

enum provider_grant {
    PROVIDER_GRANT_READ = 1 << 0,      /* read events */
    PROVIDER_GRANT_WRITE = 1 << 1,     /* create, change, delete events */
    PROVIDER_GRANT_CALENDARS = 1 << 2, /* list calendars */
    PROVIDER_GRANT_FREE_BUSY = 1 << 3, /* ask for free/busy */
};

struct provider_identity {
    struct str subject; /* never changes; with provider and project the account's key */
    struct str address; /* for display; may change */
};

/* ---- calendars ------------------------------------------------------------------------------ */

enum provider_role { /* what the account may do with a calendar; an unknown one is the least */
                     PROVIDER_ROLE_NONE,
                     PROVIDER_ROLE_FREE_BUSY,
                     PROVIDER_ROLE_READER,
                     PROVIDER_ROLE_WRITER,
                     PROVIDER_ROLE_OWNER,
};

struct provider_calendar {
    struct str id; /* canonical: never an alias such as "primary" */
    struct str name;
    struct str zone; /* IANA */
    struct str color;
    enum provider_role role;
    bool primary;
    bool deleted;   /* a tombstone of an incremental listing */
    bool watchable; /* false: known not to be */
};

/* Called for each item as it arrives, while the page is still on the wire; must not suspend. The
 * item lives until it returns. An error ends the verb with it. A verb that fails later leaves a
 * part of a page behind, which the caller throws away. */
typedef enum err_code (*provider_calendar_fn)(void *arg, const struct provider_calendar *calendar,
                                              struct err *err);
typedef enum err_code (*provider_event_fn)(void *arg, const struct calendar_event *event,
                                           struct err *err);

/* ---- changes -------------------------------------------------------------------------------- */

struct provider_changes_req {
    struct str calendar_id;
    struct str cursor;     /* empty: a full read */
    struct str page_token; /* empty: the first page */
    int64_t window_start;  /* UTC ms; only where PROVIDER_CAP_WINDOWED_CURSOR */
    int64_t window_end;
    size_t page_size; /* 0: the provider's largest */
    provider_event_fn on_event;
    /* An item that could not be mapped: its id (may be empty) and why; the page goes on. */
    void (*on_bad)(void *arg, struct str event_id, const struct err *why);
    void *arg;
};

struct provider_page {
    struct str next_page;   /* empty: this was the last page */
    struct str next_cursor; /* on the last page; empty: none was given, do not store one */
    struct str zone;        /* the calendar's, where the page tells it */
    enum provider_role role;
};

/* ---- writing -------------------------------------------------------------------------------- */

enum provider_notify { PROVIDER_NOTIFY_NONE, PROVIDER_NOTIFY_ALL };

struct provider_put_req {
    struct str calendar_id;
    const struct calendar_event *event; /* what is sent: see fields */
    uint32_t fields;                    /* CALENDAR_FIELD_ bits; a change sends only these */
    struct str etag;                    /* empty: create; else If-Match */
    enum provider_notify notify;
    bool conference; /* ask for a video link */
    /* Our mark, kept where only we see it, by which a write in doubt is recognised. */
    struct str mark;
};

struct provider_remove_req {
    struct str calendar_id;
    struct str event_id;
    struct str etag; /* empty: whatever it is */
    enum provider_notify notify;
};

/* ---- free/busy ------------------------------------------------------------------------------ */

struct provider_busy {
    struct str calendar_id; /* as asked */
    const struct calendar_span *spans;
    size_t span_count;
    enum err_code code; /* not ERR_OK: unknown, never free */
    struct str reason;  /* the provider's word, e.g. "notFound" */
};

struct provider_free_busy_req {
    const struct str *calendar_ids;
    size_t calendar_count;
    int64_t time_min; /* UTC ms */
    int64_t time_max;
};

/* ---- push ----------------------------------------------------------------------------------- */

struct provider_watch_req {
    struct str calendar_id;
    struct str channel_id; /* ours, unique */
    struct str address;    /* https, public */
    struct str secret;     /* comes back with each notice */
    int64_t expires_at;    /* wanted, UTC ms */
};

struct provider_channel {
    struct str channel_id;
    struct str resource_id; /* the provider's */
    int64_t expires_at;     /* as the provider decided */
};

/* ---- the table ------------------------------------------------------------------------------ */

struct provider {
    const char *name; /* "google": in tables, paths, metrics */
    uint32_t caps;
    size_t free_busy_max;      /* calendars in one question */
    int64_t free_busy_span_ms; /* longest window of one question */
    int64_t channel_life_ms;   /* longest life that a channel can be asked for */
    int32_t in_flight_per_account;

    /* Appends the address of the consent page. Pure. */
    enum err_code (*consent_url)(const struct provider_endpoints *ends,
                                 const struct provider_consent *req, struct buf *out,
                                 struct err *err);
    /* errs of both: ERR_AUTH with ERR_ACT_REAUTH: the grant is dead or the code is used;
     * ERR_CONFIG: our client is wrong; anything else with ERR_ACT_RETRY: an outage, which says
     * nothing about the grant. err->text holds the provider's own words. */
    CO_FN enum err_code (*exchange)(struct provider_link *link,
                                    const struct provider_client *client, struct str code,
                                    struct str verifier, int64_t deadline, struct arena *arena,
                                    struct provider_tokens *ret_tokens, struct err *err);
    CO_FN enum err_code (*refresh)(struct provider_link *link, const struct provider_client *client,
                                   struct str refresh_token, int64_t deadline, struct arena *arena,
                                   struct provider_tokens *ret_tokens, struct err *err);
    /* Success also where the grant was dead already. */
    CO_FN enum err_code (*revoke)(struct provider_link *link, struct str token, int64_t deadline,
                                  struct err *err);
    /* Who consented, from the ID token whose signature, issuer, audience, time and nonce are
     * checked; never from an unsigned answer. errs: ERR_AUTH, ERR_UNAVAILABLE. */
    CO_FN enum err_code (*identify)(struct provider_link *link,
                                    const struct provider_client *client, struct str id_token,
                                    struct str nonce, int64_t deadline, struct arena *arena,
                                    struct provider_identity *ret_identity, struct err *err);
    /* PROVIDER_GRANT_ bits of a scope text. Pure. */
    uint32_t (*grants)(struct str scope);

    /* All calendars of the account, page after page. errs of this and all below: see session.h. */
    CO_FN enum err_code (*list_calendars)(struct provider_session *s,
                                          provider_calendar_fn on_calendar, void *arg,
                                          int64_t deadline, struct err *err);
    /* One page of one calendar's changes. errs: ERR_GONE with ERR_ACT_RESYNC: the cursor is dead.
     */
    CO_FN enum err_code (*list_changes)(struct provider_session *s,
                                        const struct provider_changes_req *req, int64_t deadline,
                                        struct arena *arena, struct provider_page *ret_page,
                                        struct err *err);
    /* One event as it stands; a deleted one comes with status cancelled where the provider keeps
     * it. errs: ERR_NOT_FOUND, ERR_GONE. */
    CO_FN enum err_code (*get)(struct provider_session *s, struct str calendar_id,
                               struct str event_id, int64_t deadline, struct arena *arena,
                               struct calendar_event *ret_event, struct err *err);
    /* Creates or changes. errs: ERR_EXISTS: the id is taken (read it: it may be ours);
     * ERR_CONFLICT: the etag is old; ERR_IO, ERR_TIMEOUT: in doubt, read before writing again. */
    CO_FN enum err_code (*put)(struct provider_session *s, const struct provider_put_req *req,
                               int64_t deadline, struct arena *arena,
                               struct calendar_event *ret_event, struct err *err);
    /* Success also where it was gone already. errs: ERR_CONFLICT. */
    CO_FN enum err_code (*remove)(struct provider_session *s, const struct provider_remove_req *req,
                                  int64_t deadline, struct err *err);
    /* One answer for each calendar asked, in order; at most free_busy_max of them and
     * free_busy_span_ms long (provider_free_busy() of providers/verbs.h splits and joins). */
    CO_FN enum err_code (*free_busy)(struct provider_session *s,
                                     const struct provider_free_busy_req *req, int64_t deadline,
                                     struct arena *arena, struct provider_busy *ret_busy,
                                     struct err *err);
    /* errs: ERR_UNSUPPORTED with ERR_ACT_DROP: this calendar cannot be watched, poll it. */
    CO_FN enum err_code (*watch)(struct provider_session *s, const struct provider_watch_req *req,
                                 int64_t deadline, struct arena *arena,
                                 struct provider_channel *ret_channel, struct err *err);
    CO_FN enum err_code (*unwatch)(struct provider_session *s,
                                   const struct provider_channel *channel, int64_t deadline,
                                   struct err *err);
};

/* NULL if there is none of that name. The registry is an explicit array in the library
 * `providers_all` (libs/providers/all), which services link. */
const struct provider *provider_find(struct str name);

#endif

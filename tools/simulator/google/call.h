/* One call of a Google service: who calls, with which scopes, and the error envelope. */
#ifndef SIMULATOR_GOOGLE_CALL_H
#define SIMULATOR_GOOGLE_CALL_H

#include "simulator/google/model.h"

struct g_call {
    struct google *g;
    const struct sim_request *rq;
    struct sim_reply *rp;
    struct arena *arena;
    struct g_user *user;    /* NULL: nobody is known */
    uint32_t scopes;        /* G_SCOPE_ bits */
    json_t *body;           /* borrowed; NULL: none */
    struct str calendar_id; /* path parameters, decoded */
    struct str event_id;
    bool pretty;
    bool trusted; /* from the admin API or the pages: no token, no quota */
};

struct g_error {
    int status;
    const char *domain; /* "global", "calendar", "usageLimits" */
    const char *reason;
    const char *message;
    const char *location_type; /* NULL: none */
    const char *location;
};

/* Replies with the envelope; for use as the last statement of a handler. */
void g_fail(struct g_call *call, const struct g_error *error);
/* The common ones. */
void g_fail_invalid(struct g_call *call, const char *message, const char *parameter);
void g_fail_required(struct g_call *call, const char *message);
void g_fail_not_found(struct g_call *call);
void g_fail_auth(struct g_call *call);
void g_fail_scope(struct g_call *call);
/* status 403 or 429; retry_after_s < 0: without the header. */
void g_fail_quota(struct g_call *call, int status, const char *reason, int64_t retry_after_s);

/* The body: as the caller asked for it (prettyPrint, fields). Takes tree. */
void g_reply(struct g_call *call, json_t *tree);
void g_reply_empty(struct g_call *call);

/* A boolean parameter; otherwise where it is absent. */
bool g_query_bool(const struct g_call *call, const char *name, bool otherwise);
/* The parameter, or the empty str. */
struct str g_query(const struct g_call *call, const char *name);

#endif

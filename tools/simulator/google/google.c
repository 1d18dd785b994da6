#include "simulator/google/google.h"

#include "simulator/google/batch.h"
#include "simulator/google/calendars.h"
#include "simulator/google/events.h"
#include "simulator/google/freebusy.h"
#include "simulator/google/list.h"
#include "simulator/google/oauth.h"
#include "simulator/google/rules.h"
#include "simulator/google/watch.h"

#define SEGMENTS_MAX 8
#define BASE "/calendar/v3"

enum route_flag {
    ROUTE_READ = 1 << 0,  /* of a calendar that the caller can see */
    ROUTE_WRITE = 1 << 1, /* into a calendar that the caller can write */
    ROUTE_EVENT_BODY = 1 << 2,
    ROUTE_BODY = 1 << 3,
};

struct route {
    const char *method;
    const char *path; /* {c} calendar, {e} event */
    uint32_t scope;
    int32_t cost; /* quota units */
    unsigned flags;
    void (*handle)(struct g_call *call);
    const char *params; /* documented, blank-separated, beside the common ones */
};

#define LIST_PARAMS                                                                                \
    "maxResults pageToken syncToken singleEvents showDeleted timeMin timeMax updatedMin orderBy "  \
    "eventTypes iCalUID privateExtendedProperty sharedExtendedProperty q maxAttendees "            \
    "showHiddenInvitations timeZone alwaysIncludeEmail"
#define WRITE_PARAMS                                                                               \
    "sendUpdates sendNotifications conferenceDataVersion supportsAttachments maxAttendees "        \
    "eventLabelVersion alwaysIncludeEmail"
#define EVENTS "calendars/{c}/events"

static const struct route routes[] = {
    {"GET", "users/me/calendarList", G_SCOPE_LIST, 1, 0, g_calendar_list,
     "maxResults pageToken syncToken showHidden showDeleted minAccessRole "
     "showOwnOrganizationOnly"},
    {"GET", "users/me/calendarList/{c}", G_SCOPE_LIST_GET, 1, 0, g_calendar_list_get, ""},
    {"POST", "users/me/calendarList/watch", G_SCOPE_LIST, 1, ROUTE_BODY, g_list_watch,
     "maxResults pageToken syncToken showHidden showDeleted minAccessRole"},
    {"GET", "calendars/{c}", G_SCOPE_CALENDAR, 1, ROUTE_READ, g_calendars_get, ""},
    {"POST", "calendars", G_SCOPE_CALENDAR_WRITE, 1, ROUTE_BODY, g_calendars_insert, ""},
    {"PATCH", "calendars/{c}", G_SCOPE_CALENDAR_WRITE, 3, ROUTE_READ | ROUTE_BODY,
     g_calendars_patch, ""},
    {"PUT", "calendars/{c}", G_SCOPE_CALENDAR_WRITE, 1, ROUTE_READ | ROUTE_BODY, g_calendars_patch,
     ""},
    {"DELETE", "calendars/{c}", G_SCOPE_CALENDAR_WRITE, 1, ROUTE_READ, g_calendars_delete, ""},
    {"GET", EVENTS, G_SCOPE_EVENTS_READ, 1, ROUTE_READ, g_events_list, LIST_PARAMS},
    {"POST", EVENTS, G_SCOPE_EVENTS_WRITE, 1, ROUTE_WRITE | ROUTE_EVENT_BODY, g_events_insert,
     WRITE_PARAMS},
    {"POST", EVENTS "/import", G_SCOPE_EVENTS_WRITE, 1, ROUTE_WRITE | ROUTE_EVENT_BODY,
     g_events_import, "conferenceDataVersion supportsAttachments eventLabelVersion"},
    {"POST", EVENTS "/watch", G_SCOPE_EVENTS_READ, 1, ROUTE_READ | ROUTE_BODY, g_events_watch,
     LIST_PARAMS},
    {"GET", EVENTS "/{e}", G_SCOPE_EVENTS_READ, 1, ROUTE_READ, g_events_get,
     "maxAttendees timeZone alwaysIncludeEmail"},
    {"PATCH", EVENTS "/{e}", G_SCOPE_EVENTS_WRITE, 3, ROUTE_WRITE | ROUTE_EVENT_BODY,
     g_events_patch, WRITE_PARAMS},
    {"PUT", EVENTS "/{e}", G_SCOPE_EVENTS_WRITE, 1, ROUTE_WRITE | ROUTE_EVENT_BODY, g_events_update,
     WRITE_PARAMS},
    {"DELETE", EVENTS "/{e}", G_SCOPE_EVENTS_WRITE, 1, ROUTE_WRITE, g_events_delete,
     "sendUpdates sendNotifications"},
    {"GET", EVENTS "/{e}/instances", G_SCOPE_EVENTS_READ, 1, ROUTE_READ, g_events_instances,
     "maxResults timeMin timeMax originalStart showDeleted pageToken maxAttendees timeZone "
     "alwaysIncludeEmail"},
    {"POST", EVENTS "/{e}/move", G_SCOPE_EVENTS_MOVE, 1, ROUTE_WRITE, g_events_move,
     "destination sendUpdates sendNotifications"},
    {"POST", "channels/stop", G_SCOPE_STOP, 1, ROUTE_BODY, g_channels_stop, ""},
    {"POST", "freeBusy", G_SCOPE_FREE_BUSY, 1, ROUTE_BODY, g_free_busy, ""},
    {"GET", "colors", G_SCOPE_COLORS, 1, 0, g_colors, ""},
    {"GET", "users/me/settings", G_SCOPE_SETTINGS, 1, 0, g_settings, "maxResults pageToken"},
    {"GET", "users/me/settings/{e}", G_SCOPE_SETTINGS, 1, 0, g_settings, ""},
};

static const char common_params[] = "alt fields key oauth_token access_token prettyPrint quotaUser "
                                    "userIp callback uploadType upload_protocol $.xgafv";

static const struct {
    const char *method; /* NULL: any */
    const char *path;
    void (*handle)(struct g_call *call);
} whole_paths[] = {
    {"GET", "/o/oauth2/v2/auth", g_auth_page},
    {"POST", "/o/oauth2/v2/auth", g_auth_consent},
    {"POST", "/token", g_token},
    {"POST", "/revoke", g_revoke},
    {NULL, "/tokeninfo", g_tokeninfo},
    {NULL, "/userinfo", g_userinfo},
    {NULL, "/v1/userinfo", g_userinfo},
    {"GET", "/certs", g_certs},
    {"GET", "/oauth2/v3/certs", g_certs},
    {"POST", "/batch/calendar/v3", g_batch},
};

bool google_serves(struct str path)
{
    for (size_t i = 0; i < ARRAY_LEN(whole_paths); i++) {
        if (str_eq_c(path, whole_paths[i].path)) {
            return true;
        }
    }
    return str_starts(path, STR(BASE "/"));
}

/* ---- who ----------------------------------------------------------------------------------- */

static struct g_access *access_of(const struct google *g, const struct sim_request *rq)
{
    struct str header = sim_request_header(rq, "authorization");
    struct str token = STR("");
    if (header.len > 7 && str_eq_nocase(str_sub(header, 0, 7), STR("Bearer "))) {
        token = str_sub(header, 7, SIZE_MAX);
    } else if (!sim_request_query(rq, "oauth_token", &token)) {
        sim_request_query(rq, "access_token", &token);
    }
    return g_access_live(g->oauth, str_trim(token));
}

struct str google_account(const struct google *g, const struct sim_request *rq)
{
    const struct g_access *access = access_of(g, rq);
    return access != NULL ? str_c(access->grant->user->email) : STR("");
}

/* ---- which --------------------------------------------------------------------------------- */

static bool route_fits(const struct route *r, const struct str *segments, size_t count,
                       struct g_call *call)
{
    struct str rest = str_c(r->path);
    struct str part;
    size_t i = 0;
    for (; str_split(&rest, '/', &part); i++) {
        if (i == count) {
            return false;
        }
        if (str_eq_c(part, "{c}")) {
            call->calendar_id = segments[i];
        } else if (str_eq_c(part, "{e}")) {
            call->event_id = segments[i];
        } else if (!str_eq(part, segments[i])) {
            return false;
        }
    }
    return i == count;
}

/* NULL if no path of the table is that. */
static const struct route *find_route(struct g_call *call, struct str path)
{
    struct str segments[SEGMENTS_MAX];
    size_t count;
    if (!sim_path_split(str_sub(path, sizeof BASE - 1, SIZE_MAX), call->arena, segments,
                        SEGMENTS_MAX, &count)) {
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        call->calendar_id = call->event_id = STR("");
        if (str_eq_c(call->rq->method, routes[i].method) &&
            route_fits(&routes[i], segments, count, call)) {
            return &routes[i];
        }
    }
    return NULL;
}

static bool in_words(struct str words, struct str word)
{
    return word.len > 0 && g_scopes_contain(words, word);
}

static void note_unknown(struct g_call *call, const struct route *r, struct buf *unknown)
{
    struct str rest = call->rq->query;
    struct str name;
    struct str value;
    while (sim_form_next(&rest, call->arena, &name, &value)) {
        if (!in_words(str_c(r->params), name) && !in_words(str_c(common_params), name)) {
            buf_add_f(unknown, "%s%.*s", unknown->len > 0 ? " " : "", STR_ARG(name));
        }
    }
    if ((r->flags & ROUTE_EVENT_BODY) && json_is_object(call->body)) {
        g_unknown_members(call->body, unknown);
    }
}

/* ---- whether ------------------------------------------------------------------------------- */

static bool quota_allows(struct g_call *call, const struct route *r)
{
    struct google *g = call->g;
    int64_t now = sim_now(g->sim);
    bool user = g->limits.user_per_minute == 0 ||
                quota_take(&call->user->calls, now, r->cost, g->limits.user_per_minute);
    bool project = g->limits.project_per_minute == 0 ||
                   quota_take(&g->project_calls, now, r->cost, g->limits.project_per_minute);
    if (!user || !project) {
        g_fail_quota(call, g->limits.status, "rateLimitExceeded", g->limits.retry_after_s);
        return false;
    }
    return true;
}

static bool write_allowed(struct g_call *call, struct g_calendar *c)
{
    struct google *g = call->g;
    if (g_role_of(call->user, c) < G_ROLE_WRITER) {
        g_fail(call,
               &(struct g_error){403, "calendar", "requiredAccessLevel",
                                 "You need to have writer access to this calendar.", NULL, NULL});
        return false;
    }
    if (call->trusted) {
        return true;
    }
    if (c->read_only) {
        g_fail_quota(call, 403, "quotaExceeded", -1);
        return false;
    }
    if (g->limits.calendar_writes_per_minute > 0 &&
        !quota_take(&c->writes, sim_now(g->sim), 1, g->limits.calendar_writes_per_minute)) {
        g_fail_quota(call, 403, "rateLimitExceeded", -1);
        return false;
    }
    return true;
}

static bool calendar_allows(struct g_call *call, const struct route *r)
{
    if (!(r->flags & (ROUTE_READ | ROUTE_WRITE))) {
        return true;
    }
    struct g_calendar *c = g_calendar_find(call->g, call->user, call->calendar_id);
    enum g_role role = c != NULL ? g_role_of(call->user, c) : G_ROLE_NONE;
    if (role == G_ROLE_NONE || ((call->scopes & G_SCOPE_ONLY_OWNED) && role != G_ROLE_OWNER)) {
        g_fail_not_found(call);
        return false;
    }
    return !(r->flags & ROUTE_WRITE) || write_allowed(call, c);
}

static bool has_body(struct g_call *call, const struct route *r)
{
    if (!(r->flags & (ROUTE_BODY | ROUTE_EVENT_BODY))) {
        return true;
    }
    if (!json_is_object(call->body)) {
        g_fail(call, &(struct g_error){400, "global", "parseError", "Parse Error", NULL, NULL});
        return false;
    }
    return true;
}

/* ---- calls --------------------------------------------------------------------------------- */

static void run_route(struct g_call *call, struct buf *unknown)
{
    const struct route *r = find_route(call, call->rq->path);
    if (r == NULL) {
        g_fail_not_found(call);
        return;
    }
    if (call->rq->body.len > 0) {
        call->body = tree_parse(call->rq->body);
    }
    if (unknown != NULL) {
        note_unknown(call, r, unknown);
    }
    if (!call->trusted && call->user == NULL) {
        g_fail_auth(call);
    } else if (!(call->scopes & r->scope)) {
        g_fail_scope(call);
    } else if ((call->trusted || quota_allows(call, r)) && calendar_allows(call, r) &&
               has_body(call, r)) {
        r->handle(call);
    }
    json_decref(call->body);
}

static struct g_call new_call(struct google *g, const struct sim_request *rq, struct sim_reply *rp)
{
    struct g_call call = {.g = g, .rq = rq, .rp = rp, .arena = rq->arena};
    call.pretty = g_query_bool(&call, "prettyPrint", true);
    return call;
}

void google_handle(struct google *g, const struct sim_request *rq, struct sim_reply *rp,
                   struct buf *unknown)
{
    struct g_call call = new_call(g, rq, rp);
    const struct g_access *access = access_of(g, rq);
    if (access != NULL) {
        call.user = access->grant->user;
        call.scopes = access->bits;
    }
    for (size_t i = 0; i < ARRAY_LEN(whole_paths); i++) {
        if (str_eq_c(rq->path, whole_paths[i].path)) {
            if (whole_paths[i].method == NULL || str_eq_c(rq->method, whole_paths[i].method)) {
                whole_paths[i].handle(&call);
                return;
            }
        }
    }
    if (!str_starts(rq->path, STR(BASE "/"))) {
        sim_reply_text(rp, 405, "text/plain", STR("method not allowed\n"));
        return;
    }
    run_route(&call, unknown);
}

void google_handle_as(struct google *g, struct g_user *user, const struct sim_request *rq,
                      struct sim_reply *rp)
{
    struct g_call call = new_call(g, rq, rp);
    call.user = user;
    call.scopes = G_SCOPE_EVERYTHING;
    call.trusted = true;
    run_route(&call, NULL);
}

void google_fault(struct google *g, const struct sim_request *rq, struct sim_reply *rp,
                  enum fault_kind kind, int status, const char *reason, int64_t retry_after_s)
{
    struct g_call call = new_call(g, rq, rp);
    if (kind == FAULT_throttle) {
        g_fail_quota(&call, status != 0 ? status : 403,
                     reason != NULL ? reason : "rateLimitExceeded", retry_after_s);
        return;
    }
    bool precondition = status == 412;
    g_fail(&call, &(struct g_error){
                      .status = status != 0 ? status : 500,
                      .domain = "global",
                      .reason = reason != NULL ? reason
                                : precondition ? "conditionNotMet"
                                               : "backendError",
                      .message = precondition ? "Precondition check failed." : "Backend Error",
                  });
}

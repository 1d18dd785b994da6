#include "simulator/google/events.h"

#include "crypto/crypto.h"
#include "simulator/google/list_query.h"
#include "simulator/google/rules.h"
#include "simulator/google/scopes.h"
#include "simulator/google/series.h"
#include "simulator/google/view.h"

/* What a path names: an event, or an occurrence of a series that is no row yet. */
struct target {
    struct g_calendar *calendar;
    struct g_event *event;  /* NULL: an occurrence */
    struct g_event *master; /* of the occurrence */
    int64_t original_at;
    json_t *body; /* borrowed from the event, or the occurrence's own */
};

static void target_fini(struct target *t)
{
    if (t->event == NULL) {
        json_decref(t->body);
    }
}

/* False after an error was sent. */
static bool find_target(struct g_call *call, struct target *ret_target)
{
    struct g_occurrence o;
    struct target t = {.calendar = g_calendar_find(call->g, call->user, call->calendar_id)};
    t.event = g_event_find(t.calendar, call->event_id);
    if (t.event != NULL) {
        t.body = t.event->body;
    } else if (g_instance_parse(t.calendar, call->event_id, &t.master, &t.original_at) &&
               g_series_find(t.master, t.original_at, &o)) {
        t.body = g_instance_body(t.master, &o, call->arena);
    } else {
        g_fail_not_found(call);
        return false;
    }
    *ret_target = t;
    return true;
}

static bool etag_in(struct str list, struct str etag)
{
    struct str item;
    while (str_split(&list, ',', &item)) {
        item = str_trim(item);
        if (str_eq_c(item, "*") || str_eq(item, etag)) {
            return true;
        }
    }
    return false;
}

static bool matches(struct g_call *call, const json_t *body)
{
    struct str wanted = sim_request_header(call->rq, "if-match");
    if (wanted.len > 0 && !etag_in(wanted, tree_get_str(body, "etag"))) {
        g_fail(call, &(struct g_error){412, "global", "conditionNotMet", "Precondition Failed",
                                       "header", "If-Match"});
        return false;
    }
    return true;
}

/* ---- answers ------------------------------------------------------------------------------- */

/* As the caller may see it. */
static void reply_event(struct g_call *call, const struct g_event *e, const json_t *body)
{
    int64_t attendees;
    struct g_list_query q = {
        .calendar = e->calendar,
        .role = g_role_of(call->user, e->calendar),
        .max_attendees = str_to_i64(g_query(call, "maxAttendees"), &attendees) ? attendees : -1,
        .zone = g_query(call, "timeZone"),
    };
    q.zone = when_zone_known(q.zone) ? q.zone : STR("");
    q.only_times = q.role == G_ROLE_FREE_BUSY || (call->scopes & G_SCOPE_ONLY_TIMES);
    struct str etag = arena_str(call->arena, tree_get_str(body, "etag"));
    g_reply(call, g_view(&q, e, body));
    sim_reply_header(call->rp, call->arena, "ETag", etag);
}

void g_events_get(struct g_call *call)
{
    struct target t;
    if (!find_target(call, &t)) {
        return;
    }
    struct str known = sim_request_header(call->rq, "if-none-match");
    if (known.len > 0 && etag_in(known, tree_get_str(t.body, "etag"))) {
        sim_reply_text(call->rp, 304, NULL, STR(""));
    } else {
        reply_event(call, t.event != NULL ? t.event : t.master, t.body);
    }
    target_fini(&t);
}

/* ---- creating ------------------------------------------------------------------------------ */

static struct str make_id(struct g_call *call)
{
    uint8_t bytes[16];
    struct buf id;
    crypto_random(bytes, sizeof bytes);
    buf_init(&id, 64);
    base32hex_encode(&id, (struct str){(const char *)bytes, sizeof bytes});
    struct str copy = arena_str(call->arena, buf_str(&id));
    buf_fini(&id);
    return copy;
}

static json_t *person(struct str email, bool self)
{
    json_t *who = json_object();
    tree_set_str(who, "email", email);
    if (self) {
        tree_set_bool(who, "self", true);
    }
    return who;
}

/* The members that the service gives, first as in its answers; the caller's come after. */
static json_t *new_body(struct google *g, const struct g_calendar *c, struct g_user *creator,
                        struct str id, const json_t *from)
{
    char text[WHEN_TEXT_MAX];
    char link[256];
    struct str uid = tree_get_str(from, "iCalUID");
    struct str type = tree_get_str(from, "eventType");
    json_t *body = json_object();
    tree_set_c(body, "kind", "calendar#event");
    tree_set_c(body, "etag", "");
    tree_set_str(body, "id", id);
    tree_set_c(body, "status", "confirmed");
    snprintf(link, sizeof link, "%s/?event=%.*s", g->sim->settings.public_url, STR_ARG(id));
    tree_set_c(body, "htmlLink", link);
    tree_set_c(body, "created", when_print_utc(sim_now(g->sim), text, sizeof text));
    tree_set_c(body, "updated", text);
    g_event_merge(body, from);
    struct str by = creator != NULL ? str_c(creator->email) : str_c(c->id);
    tree_set(body, "creator", person(by, str_eq_c(by, c->id)));
    tree_set(body, "organizer", person(str_c(c->id), true));
    if (uid.len > 0) {
        tree_set_str(body, "iCalUID", uid);
    } else {
        snprintf(link, sizeof link, "%.*s@google.com", STR_ARG(id));
        tree_set_c(body, "iCalUID", link);
    }
    tree_set_str(body, "eventType", type.len > 0 ? type : STR("default"));
    return body;
}

/* Meet, as conferenceDataVersion 1 gives it; without it the member is dropped in silence. */
static void settle_conference(struct g_call *call, json_t *body)
{
    json_t *data = json_object_get(body, "conferenceData");
    const json_t *request = json_object_get(data, "createRequest");
    if (!str_eq_c(g_query(call, "conferenceDataVersion"), "1") || !json_is_object(data)) {
        json_object_del(body, "conferenceData");
        return;
    }
    if (!json_is_object(request) || json_object_get(data, "conferenceId") != NULL) {
        return;
    }
    struct str code = make_id(call);
    struct str uri =
        arena_strf(call->arena, "https://meet.google.com/%.*s", STR_ARG(str_sub(code, 0, 10)));
    json_t *made =
        json_pack("{s:O, s:[{s:s, s:s#, s:s#}], s:{s:{s:s}, s:s}, s:s#}", "createRequest", request,
                  "entryPoints", "entryPointType", "video", "uri", uri.ptr, (int)uri.len, "label",
                  uri.ptr, (int)uri.len, "conferenceSolution", "key", "type", "hangoutsMeet",
                  "name", "Google Meet", "conferenceId", code.ptr, 10);
    json_t *status = json_object();
    tree_set_c(status, "statusCode", "success");
    json_t *answered = json_copy(json_object_get(made, "createRequest"));
    tree_set(answered, "status", status);
    tree_set(made, "createRequest", answered);
    tree_set(body, "conferenceData", made);
    tree_set_str(body, "hangoutLink", uri);
}

static void fail_duplicate(struct g_call *call)
{
    g_fail(call, &(struct g_error){409, "global", "duplicate",
                                   "The requested identifier already exists.", NULL, NULL});
}

static void add_event(struct g_call *call, struct g_calendar *c, json_t *body)
{
    struct g_event *e = g_event_add(c, body);
    g_event_touch(call->g, e, false);
    reply_event(call, e, e->body);
}

void g_events_insert(struct g_call *call)
{
    struct g_calendar *c = g_calendar_find(call->g, call->user, call->calendar_id);
    struct str id = tree_get_str(call->body, "id");
    struct str uid = tree_get_str(call->body, "iCalUID");
    struct g_error error;

    if (id.len > 0 && !g_id_valid(id)) {
        g_fail_invalid(call, "Invalid resource id value.", NULL);
        return;
    }
    if (str_eq_c(tree_get_str(call->body, "eventType"), "fromGmail")) {
        g_fail_invalid(call, "Invalid value for: eventType", NULL);
        return;
    }
    json_t *body = new_body(call->g, c, call->user, id.len > 0 ? id : make_id(call), call->body);
    settle_conference(call, body);
    if (!g_event_settle(c, NULL, body, &error)) {
        json_decref(body);
        g_fail(call, &error);
        return;
    }
    if ((id.len > 0 && g_event_find(c, id) != NULL) ||
        (uid.len > 0 && map_find(&c->uids, uid) != NULL)) {
        json_decref(body);
        fail_duplicate(call);
        return;
    }
    add_event(call, c, body);
}

struct g_event *g_event_create(struct google *g, struct g_calendar *c, struct g_user *creator,
                               json_t *from, struct g_error *ret_error)
{
    json_t *body = new_body(g, c, creator, tree_get_str(from, "id"), from);
    static const char *const links[] = {"recurringEventId", "originalStartTime"};
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        json_t *value = json_object_get(from, links[i]);
        if (value != NULL) {
            json_object_set(body, links[i], value);
        }
    }
    json_decref(from);
    if (!g_event_settle(c, NULL, body, ret_error)) {
        json_decref(body);
        return NULL;
    }
    if (g_event_find(c, tree_get_str(body, "id")) != NULL) {
        *ret_error = (struct g_error){.status = 409, .reason = "duplicate"};
        json_decref(body);
        return NULL;
    }
    struct g_event *e = g_event_add(c, body);
    g_event_touch(g, e, false);
    return e;
}

void g_events_import(struct g_call *call)
{
    struct g_calendar *c = g_calendar_find(call->g, call->user, call->calendar_id);
    struct str uid = tree_get_str(call->body, "iCalUID");
    struct g_event *there = map_find(&c->uids, uid);
    const json_t *organizer = json_object_get(call->body, "organizer");
    struct g_error error;

    if (uid.len == 0) {
        g_fail_required(call, "Missing iCalUID.");
        return;
    }
    struct str id = there != NULL ? str_c(there->id) : make_id(call);
    json_t *body = new_body(call->g, c, call->user, id, call->body);
    tree_set_c(body, "eventType", "default");
    if (json_is_object(organizer)) {
        struct str email = tree_get_str(organizer, "email");
        tree_set(body, "organizer", person(email, str_eq_c(email, c->id)));
    }
    json_object_del(body, "sequence");
    if (!g_event_settle(c, NULL, body, &error)) {
        json_decref(body);
        g_fail(call, &error);
        return;
    }
    if (there == NULL) {
        add_event(call, c, body);
        return;
    }
    json_decref(there->body);
    there->body = body;
    g_event_touch(call->g, there, false);
    reply_event(call, there, there->body);
}

/* ---- changing ------------------------------------------------------------------------------ */

/* Equal but for the members that the service itself counts up. */
static bool nothing_changed(const json_t *before, const json_t *after, bool *ret_reminders_only)
{
    json_t *a = json_copy((json_t *)(uintptr_t)before);
    json_t *b = json_copy((json_t *)(uintptr_t)after);
    bool equal = json_equal(a, b);
    json_object_del(a, "reminders");
    json_object_del(b, "reminders");
    *ret_reminders_only = !equal && json_equal(a, b);
    json_decref(a);
    json_decref(b);
    return equal;
}

/* After a series moved: exceptions whose occurrence no longer exists go, as at Google (one of the
 * two behaviours that were seen there). */
static void drop_strays(struct google *g, struct g_event *master)
{
    list_foreach (node, &master->exceptions) {
        struct g_event *e = LIST_ENTRY(node, struct g_event, in_master);
        struct g_occurrence o;
        if (!e->cancelled && !g_series_find(master, e->original_at, &o)) {
            g_event_cancel(g, e);
        }
    }
}

/* Stores the body that an event or an occurrence now has; takes it. */
static void store(struct g_call *call, struct target *t, json_t *body)
{
    bool reminders_only = false;
    bool same = nothing_changed(t->body, body, &reminders_only);
    if (t->event == NULL) {
        struct g_event *e = g_event_add(t->calendar, body);
        g_event_touch(call->g, e, false);
        json_decref(t->body);
        t->event = e;
        t->body = e->body;
        return;
    }
    if (same) { /* the same values again are no change */
        json_decref(body);
        return;
    }
    bool cancels = !t->event->cancelled && str_eq_c(tree_get_str(body, "status"), "cancelled");
    bool moved =
        !json_equal(json_object_get(t->body, "recurrence"), json_object_get(body, "recurrence")) ||
        !json_equal(json_object_get(t->body, "start"), json_object_get(body, "start"));
    json_decref(t->event->body);
    t->event->body = t->body = body;
    if (cancels) {
        g_event_cancel(call->g, t->event);
        return;
    }
    g_event_touch(call->g, t->event, reminders_only);
    if (moved && !list_empty(&t->event->exceptions)) {
        drop_strays(call->g, t->event);
    }
}

static bool may_change_shared(const json_t *body)
{
    const json_t *organizer = json_object_get(body, "organizer");
    return tree_get_bool(organizer, "self", false) || tree_get_bool(body, "guestsCanModify", false);
}

/* On a guest's copy: the members that all copies share. */
static bool touches_shared(const json_t *before, const json_t *after)
{
    static const char *const shared[] = {
        "summary",
        "description",
        "location",
        "start",
        "end",
        "recurrence",
        "status",
        "guestsCanInviteOthers",
        "guestsCanModify",
        "guestsCanSeeOtherGuests",
    };
    for (size_t i = 0; i < ARRAY_LEN(shared); i++) {
        json_t *a = json_object_get(before, shared[i]);
        json_t *b = json_object_get(after, shared[i]);
        if (a != b && !json_equal(a, b)) {
            return true;
        }
    }
    return false;
}

static void change(struct g_call *call, void (*apply)(json_t *event, const json_t *body))
{
    struct target t;
    struct g_error error;
    if (!find_target(call, &t)) {
        return;
    }
    if (!matches(call, t.body)) {
        target_fini(&t);
        return;
    }
    json_t *body = json_copy(t.body);
    apply(body, call->body);
    const json_t *conference = json_object_get(body, "conferenceData");
    if (conference != NULL && conference != json_object_get(t.body, "conferenceData")) {
        settle_conference(call, body);
    }
    if (!g_event_settle(t.calendar, t.body, body, &error)) {
        g_fail(call, &error);
        json_decref(body);
    } else if (!may_change_shared(t.body) && touches_shared(t.body, body)) {
        g_fail(call, &(struct g_error){
                         403, "calendar", "forbiddenForNonOrganizer",
                         "Shared properties can only be changed by the organizer of the event.",
                         NULL, NULL});
        json_decref(body);
    } else {
        store(call, &t, body);
        reply_event(call, t.event, t.body);
    }
    target_fini(&t);
}

void g_events_patch(struct g_call *call)
{
    change(call, g_event_merge);
}

void g_events_update(struct g_call *call)
{
    change(call, g_event_replace);
}

/* ---- removing ------------------------------------------------------------------------------ */

void g_events_delete(struct g_call *call)
{
    struct target t;
    if (!find_target(call, &t)) {
        return;
    }
    if (t.event != NULL && t.event->cancelled) {
        g_fail(call, &(struct g_error){410, "global", "deleted", "Resource has been deleted", NULL,
                                       NULL});
        return;
    }
    if (!matches(call, t.body)) {
        target_fini(&t);
        return;
    }
    if (t.event == NULL) {
        json_t *body = json_copy(t.body);
        tree_set_c(body, "status", "cancelled");
        store(call, &t, body);
    } else {
        g_event_cancel(call->g, t.event);
    }
    target_fini(&t);
    g_reply_empty(call);
}

/* The copy at the destination is a new row with the same id; the source keeps a tombstone. */
void g_events_move(struct g_call *call)
{
    struct target t;
    struct str to = g_query(call, "destination");
    struct g_calendar *destination = g_calendar_find(call->g, call->user, to);
    if (to.len == 0) {
        g_fail_required(call, "Missing destination calendar.");
        return;
    }
    if (destination == NULL || g_role_of(call->user, destination) < G_ROLE_WRITER) {
        g_fail_not_found(call);
        return;
    }
    if (!find_target(call, &t)) {
        return;
    }
    bool movable = t.event != NULL && !t.event->cancelled &&
                   str_eq_c(tree_get_str(t.body, "eventType"), "default") &&
                   tree_get_str(t.body, "recurringEventId").len == 0;
    if (!movable || !matches(call, t.body)) {
        if (!movable) {
            g_fail_invalid(call, "Cannot move this event.", NULL);
        }
        target_fini(&t);
        return;
    }
    if (g_event_find(destination, str_c(t.event->id)) != NULL) {
        fail_duplicate(call);
        return;
    }
    json_t *body = json_copy(t.body);
    tree_set(body, "organizer", person(str_c(destination->id), true));
    struct g_event *moved = g_event_add(destination, body);
    g_event_touch(call->g, moved, false);
    g_event_cancel(call->g, t.event);
    reply_event(call, t.event, t.event->body);
}

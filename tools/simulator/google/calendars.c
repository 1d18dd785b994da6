#include "simulator/google/calendars.h"

#include "simulator/google/opaque.h"
#include "simulator/google/when.h"

#include <inttypes.h>

static struct str etag_of(struct g_call *call, uint64_t number)
{
    return arena_strf(call->arena, "\"%" PRIu64 "\"", number);
}

static json_t *conference_types(void)
{
    return json_pack("{s:[s]}", "allowedConferenceSolutionTypes", "hangoutsMeet");
}

/* ---- entries of the list ------------------------------------------------------------------- */

static json_t *entry_tree(struct g_call *call, const struct g_entry *e)
{
    const struct g_calendar *c = e->calendar;
    json_t *tree = json_object();
    if (e->deleted) {
        tree_set_c(tree, "kind", "calendar#calendarListEntry");
        tree_set_str(tree, "etag", etag_of(call, e->seq));
        tree_set_c(tree, "id", c->id);
        tree_set_bool(tree, "deleted", true);
        return tree;
    }
    tree_set_c(tree, "kind", "calendar#calendarListEntry");
    tree_set_str(tree, "etag", etag_of(call, e->seq));
    tree_set_c(tree, "id", c->id);
    tree_set_c(tree, "summary", c->summary);
    if (c->description != NULL) {
        tree_set_c(tree, "description", c->description);
    }
    tree_set_c(tree, "timeZone", c->zone);
    if (e->summary_override != NULL) {
        tree_set_c(tree, "summaryOverride", e->summary_override);
    }
    tree_set_c(tree, "colorId", e->primary ? "14" : "7");
    tree_set_c(tree, "backgroundColor", e->primary ? "#9fe1e7" : "#42d692");
    tree_set_c(tree, "foregroundColor", "#000000");
    if (e->hidden) {
        tree_set_bool(tree, "hidden", true);
    }
    if (e->selected) {
        tree_set_bool(tree, "selected", true);
    }
    tree_set_c(tree, "accessRole", g_role_name(e->role));
    json_t *reminders = json_array();
    if (e->primary) {
        json_array_append_new(reminders, json_pack("{s:s,s:i}", "method", "popup", "minutes", 10));
    }
    tree_set(tree, "defaultReminders", reminders);
    if (e->primary) {
        tree_set_bool(tree, "primary", true);
    } else if (c->owner != NULL) {
        tree_set_c(tree, "dataOwner", c->owner->email);
    }
    tree_set(tree, "conferenceProperties", conference_types());
    return tree;
}

struct list_page {
    uint64_t from;
    uint64_t until;
    size_t max;
    bool incremental;
    bool deleted;
    bool hidden;
    enum g_role min_role;
};

static bool fail_token(struct g_call *call, bool expired)
{
    if (expired) {
        g_fail(call, &(struct g_error){410, "calendar", "fullSyncRequired",
                                       "Sync token is no longer valid, a full sync is required.",
                                       "parameter", "syncToken"});
    } else {
        g_fail_invalid(call, "Invalid sync token value.", "syncToken");
    }
    return false;
}

static bool read_tokens(struct g_call *call, struct list_page *p)
{
    struct str sync_token = g_query(call, "syncToken");
    struct str page_token = g_query(call, "pageToken");
    struct g_opaque o;
    p->incremental = sync_token.len > 0;
    if (p->incremental) {
        if (g_query(call, "minAccessRole").len > 0 ||
            g_query(call, "showOwnOrganizationOnly").len > 0 ||
            !g_query_bool(call, "showDeleted", true) || !g_query_bool(call, "showHidden", true)) {
            g_fail_invalid(call, "Sync token cannot be used with other request restrictions",
                           "syncToken");
            return false;
        }
        if (!g_opaque_parse(call->g, sync_token, call->arena, &o) || o.kind != 'S' ||
            !str_eq_c(o.owner, call->user->sub)) {
            return fail_token(call, false);
        }
        if (o.numbers[0] != call->user->list_generation) {
            return fail_token(call, true);
        }
        p->from = o.numbers[1];
    }
    if (page_token.len > 0) {
        if (!g_opaque_parse(call->g, page_token, call->arena, &o) || o.kind != 'P' ||
            !str_eq_c(o.owner, call->user->sub)) {
            g_fail_invalid(call, "Invalid page token value.", "pageToken");
            return false;
        }
        p->from = o.numbers[1];
        p->until = o.numbers[2];
    }
    return true;
}

static bool read_page(struct g_call *call, struct list_page *p)
{
    struct str size = g_query(call, "maxResults");
    int64_t number = 100;
    *p = (struct list_page){
        .until = call->user->list_seq,
        .deleted = g_query_bool(call, "showDeleted", false),
        .hidden = g_query_bool(call, "showHidden", false),
    };
    if (size.len > 0 && (!str_to_i64(size, &number) || number < 1)) {
        g_fail_invalid(call, "Invalid value for: maxResults", "maxResults");
        return false;
    }
    p->max = (size_t)MIN(number, (int64_t)250);
    struct str role = g_query(call, "minAccessRole");
    if (role.len > 0 && !g_role_parse(role, &p->min_role)) {
        g_fail_invalid(call, "Invalid value for: minAccessRole", "minAccessRole");
        return false;
    }
    return read_tokens(call, p);
}

static bool entry_shown(const struct list_page *p, const struct g_entry *e)
{
    if (e->seq <= p->from || e->seq > p->until) {
        return false;
    }
    return p->incremental || ((!e->deleted || p->deleted) && (!e->hidden || p->hidden) &&
                              (e->deleted || e->role >= p->min_role));
}

void g_calendar_list(struct g_call *call)
{
    struct list_page p;
    if (!read_page(call, &p)) {
        return;
    }
    json_t *items = json_array();
    uint64_t last = p.from;
    bool full = false;
    list_foreach (node, &call->user->entries) {
        const struct g_entry *e = LIST_ENTRY(node, struct g_entry, in_user);
        if (!entry_shown(&p, e)) {
            continue;
        }
        if (json_array_size(items) == p.max) {
            full = true;
            break;
        }
        json_array_append_new(items, entry_tree(call, e));
        last = e->seq;
    }
    struct g_opaque o = {
        .kind = full ? 'P' : 'S',
        .owner = str_c(call->user->sub),
        .numbers = {call->user->list_generation, full ? last : p.until, p.until},
    };
    struct buf token;
    buf_init(&token, 8192);
    g_opaque_print(call->g, &o, &token);
    json_t *tree = json_object();
    tree_set_c(tree, "kind", "calendar#calendarList");
    tree_set_str(tree, "etag", arena_strf(call->arena, "\"p%" PRIu64 "\"", call->user->list_seq));
    tree_set_str(tree, full ? "nextPageToken" : "nextSyncToken", buf_str(&token));
    tree_set(tree, "items", items);
    buf_fini(&token);
    g_reply(call, tree);
}

void g_calendar_list_get(struct g_call *call)
{
    const struct g_calendar *c = g_calendar_find(call->g, call->user, call->calendar_id);
    const struct g_entry *e = c != NULL ? g_entry_find(call->user, c) : NULL;
    if (e == NULL || e->deleted) {
        g_fail_not_found(call);
        return;
    }
    g_reply(call, entry_tree(call, e));
}

/* ---- calendars ----------------------------------------------------------------------------- */

static json_t *calendar_tree(struct g_call *call, const struct g_calendar *c)
{
    json_t *tree = json_object();
    tree_set_c(tree, "kind", "calendar#calendar");
    tree_set_str(tree, "etag", etag_of(call, c->version));
    tree_set_c(tree, "id", c->id);
    tree_set_c(tree, "summary", c->summary);
    if (c->description != NULL) {
        tree_set_c(tree, "description", c->description);
    }
    tree_set_c(tree, "timeZone", c->zone);
    tree_set(tree, "conferenceProperties", conference_types());
    if (c->owner != NULL && strcmp(c->owner->email, c->id) != 0) {
        tree_set_c(tree, "dataOwner", c->owner->email);
    }
    return tree;
}

void g_calendars_get(struct g_call *call)
{
    g_reply(call, calendar_tree(call, g_calendar_find(call->g, call->user, call->calendar_id)));
}

void g_calendars_insert(struct g_call *call)
{
    struct str summary = tree_get_str(call->body, "summary");
    struct str zone = tree_get_str(call->body, "timeZone");
    if (summary.len == 0) {
        g_fail_required(call, "Missing title.");
        return;
    }
    struct g_calendar *c = g_calendar_add(call->g, call->user, STR(""), summary,
                                          zone.len > 0 ? zone : str_c(call->user->zone));
    struct str description = tree_get_str(call->body, "description");
    if (description.len > 0) {
        c->description = xstrdup(arena_cstr(call->arena, description));
    }
    g_reply(call, calendar_tree(call, c));
}

static void replace(struct g_call *call, char **text, const char *member)
{
    const json_t *value = json_object_get(call->body, member);
    if (json_is_string(value)) {
        free(*text);
        *text = xstrdup(json_string_value(value));
    }
}

void g_calendars_patch(struct g_call *call)
{
    struct g_calendar *c = g_calendar_find(call->g, call->user, call->calendar_id);
    struct str zone = tree_get_str(call->body, "timeZone");
    struct str wanted = sim_request_header(call->rq, "if-match");
    if (g_role_of(call->user, c) != G_ROLE_OWNER) {
        g_fail(call, &(struct g_error){403, "global", "forbidden", "Forbidden", NULL, NULL});
        return;
    }
    if (wanted.len > 0 && !str_eq_c(wanted, "*") && !str_eq(wanted, etag_of(call, c->version))) {
        g_fail(call, &(struct g_error){412, "global", "conditionNotMet", "Precondition Failed",
                                       "header", "If-Match"});
        return;
    }
    if (zone.len > 0 && !when_zone_known(zone)) {
        g_fail_invalid(call, "Invalid time zone.", NULL);
        return;
    }
    json_t *before = calendar_tree(call, c);
    replace(call, &c->summary, "summary");
    replace(call, &c->description, "description");
    replace(call, &c->zone, "timeZone");
    json_t *after = calendar_tree(call, c);
    c->version += json_equal(before, after) ? 0 : 1;
    json_decref(before);
    json_decref(after);
    g_reply(call, calendar_tree(call, c));
}

void g_calendars_delete(struct g_call *call)
{
    struct g_calendar *c = g_calendar_find(call->g, call->user, call->calendar_id);
    if (c->owner != call->user || strcmp(c->id, call->user->email) == 0) {
        g_fail(call, &(struct g_error){403, "global", "forbidden", "Forbidden", NULL, NULL});
        return;
    }
    g_calendar_remove(call->g, c);
    g_reply_empty(call);
}

/* ---- colours and settings ------------------------------------------------------------------ */

void g_colors(struct g_call *call)
{
    g_reply(call, json_pack("{s:s, s:s, s:{s:{s:s, s:s}}, s:{s:{s:s, s:s}}}", "kind",
                            "calendar#colors", "updated", "2026-01-01T00:00:00.000Z", "calendar",
                            "14", "background", "#9fe1e7", "foreground", "#000000", "event", "1",
                            "background", "#a4bdfc", "foreground", "#1d1d1d"));
}

void g_settings(struct g_call *call)
{
    if (call->event_id.len == 0) {
        g_reply(call,
                json_pack("{s:s, s:[{s:s, s:s, s:s}]}", "kind", "calendar#settings", "items",
                          "kind", "calendar#setting", "id", "timezone", "value", call->user->zone));
    } else if (str_eq_c(call->event_id, "timezone")) {
        g_reply(call, json_pack("{s:s, s:s, s:s}", "kind", "calendar#setting", "id", "timezone",
                                "value", call->user->zone));
    } else {
        g_fail_not_found(call);
    }
}

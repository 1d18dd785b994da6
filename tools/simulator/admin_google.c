#include "simulator/admin_google.h"

#include "simulator/google/google.h"
#include "simulator/google/oauth.h"
#include "simulator/google/watch.h"
#include "simulator/google/when.h"

/* ---- finding ------------------------------------------------------------------------------- */

static struct str member(const struct admin *a, const char *name)
{
    return tree_get_str(a->body, name);
}

static struct g_user *the_user(struct admin *a, struct str email)
{
    struct g_user *user = g_user_find(a->sim->google, email);
    if (user == NULL) {
        admin_fail(a, 404, "no such account");
    }
    return user;
}

/* "primary" in a body needs the body's account. */
static struct g_calendar *the_calendar(struct admin *a, struct str id)
{
    struct g_user *user = g_user_find(a->sim->google, member(a, "account"));
    struct g_calendar *c = g_calendar_find(a->sim->google, user, id);
    if (c == NULL) {
        admin_fail(a, 404, "no such calendar");
    }
    return c;
}

/* ---- people -------------------------------------------------------------------------------- */

static json_t *user_tree(const struct g_user *user)
{
    json_t *calendars = json_array();
    list_foreach (node, &user->entries) {
        const struct g_entry *e = LIST_ENTRY(node, struct g_entry, in_user);
        if (!e->deleted) {
            json_array_append_new(calendars,
                                  json_pack("{s:s, s:s, s:s, s:s, s:I}", "id", e->calendar->id,
                                            "summary", e->calendar->summary, "zone",
                                            e->calendar->zone, "role", g_role_name(e->role),
                                            "events", (json_int_t)e->calendar->live));
        }
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:o}", "email", user->email, "sub", user->sub, "name",
                     user->name, "zone", user->zone, "calendars", calendars);
}

static void list_accounts(struct admin *a)
{
    json_t *list = json_array();
    list_foreach (node, &a->sim->google->users) {
        json_array_append_new(list, user_tree(LIST_ENTRY(node, struct g_user, link)));
    }
    admin_reply(a, 200, list);
}

static void add_account(struct admin *a)
{
    struct str email = member(a, "email");
    if (str_find_char(email, '@') == SIZE_MAX) {
        admin_fail(a, 400, "email is missing");
        return;
    }
    admin_reply(a, 200,
                user_tree(g_user_add(a->sim->google, email, member(a, "name"), member(a, "zone"))));
}

/* ---- calendars ----------------------------------------------------------------------------- */

static json_t *calendar_tree(const struct g_calendar *c)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:b, s:b, s:b}", "id", c->id, "summary",
                     c->summary, "zone", c->zone, "events", (json_int_t)c->live, "rows",
                     (json_int_t)c->events.len, "seq", (json_int_t)c->seq, "watchable",
                     c->watchable, "sparse", c->sparse, "read_only", c->read_only);
}

static void add_calendar(struct admin *a)
{
    struct g_user *user = the_user(a, member(a, "account"));
    if (user == NULL) {
        return;
    }
    struct str zone = member(a, "zone");
    struct g_calendar *c =
        g_calendar_add(a->sim->google, user, member(a, "id"), member(a, "summary"),
                       zone.len > 0 ? zone : str_c(user->zone));
    if (c == NULL) {
        admin_fail(a, 409, "the id is taken");
        return;
    }
    admin_reply(a, 200, calendar_tree(c));
}

/* A change of the zone is not applied to what is stored: use it on empty calendars. */
static void change_calendar(struct admin *a)
{
    struct g_calendar *c = the_calendar(a, a->args[0]);
    if (c == NULL) {
        return;
    }
    struct str summary = member(a, "summary");
    c->watchable = tree_get_bool(a->body, "watchable", c->watchable);
    c->sparse = tree_get_bool(a->body, "sparse", c->sparse);
    c->read_only = tree_get_bool(a->body, "read_only", c->read_only);
    if (summary.len > 0) {
        free(c->summary);
        c->summary = xstrdup(arena_cstr(a->rq->arena, summary));
        c->version++;
    }
    admin_reply(a, 200, calendar_tree(c));
}

static void remove_calendar(struct admin *a)
{
    struct g_calendar *c = the_calendar(a, a->args[0]);
    if (c != NULL) {
        g_calendar_remove(a->sim->google, c);
        admin_done(a);
    }
}

static void share_calendar(struct admin *a)
{
    struct g_calendar *c = the_calendar(a, a->args[0]);
    struct g_user *user = c != NULL ? the_user(a, member(a, "to")) : NULL;
    enum g_role role;
    if (user == NULL) {
        return;
    }
    if (!g_role_parse(member(a, "role"), &role)) {
        admin_fail(a, 400, "unknown role");
        return;
    }
    const struct g_entry *before = g_entry_find(user, c);
    /* A change of the role alone is a change of a read-only member: it does not show in a delta. */
    bool shows = before == NULL || before->deleted || role == G_ROLE_NONE;
    g_entry_set(user, c, role, shows);
    c->generation++; /* sync tokens end with a change of access */
    admin_done(a);
}

static void change_entry(struct admin *a)
{
    struct g_calendar *c = the_calendar(a, a->args[0]);
    struct g_user *user = c != NULL ? the_user(a, member(a, "account")) : NULL;
    struct g_entry *e = user != NULL ? g_entry_find(user, c) : NULL;
    if (e == NULL) {
        if (user != NULL) {
            admin_fail(a, 404, "not in the list");
        }
        return;
    }
    e->hidden = tree_get_bool(a->body, "hidden", e->hidden);
    e->selected = tree_get_bool(a->body, "selected", e->selected);
    g_entry_touch(e);
    admin_done(a);
}

/* Everything that is stored, tombstones included: what "stored = provider" compares with. */
static void dump_calendar(struct admin *a)
{
    struct g_calendar *c = the_calendar(a, a->args[0]);
    if (c == NULL) {
        return;
    }
    json_t *tree = calendar_tree(c);
    json_t *events = json_array();
    list_foreach (node, &c->changes) {
        json_array_append(events, LIST_ENTRY(node, struct g_event, in_changes)->body);
    }
    tree_set(tree, "items", events);
    admin_reply(a, 200, tree);
}

static void expire_cursors(struct admin *a)
{
    struct str id = member(a, "calendar");
    if (id.len > 0) {
        struct g_calendar *c = the_calendar(a, id);
        if (c == NULL) {
            return;
        }
        c->generation++;
    } else {
        list_foreach (node, &a->sim->google->calendars) {
            LIST_ENTRY(node, struct g_calendar, link)->generation++;
        }
        list_foreach (node2, &a->sim->google->users) {
            LIST_ENTRY(node2, struct g_user, link)->list_generation++;
        }
    }
    admin_done(a);
}

/* Gives an event a new place at the end of the changes without a change of its content, so that a
 * master can come after its exceptions. */
static void touch_event(struct admin *a)
{
    struct g_calendar *c = the_calendar(a, a->args[0]);
    struct g_event *e = c != NULL ? g_event_find(c, a->args[1]) : NULL;
    if (e == NULL) {
        if (c != NULL) {
            admin_fail(a, 404, "no such event");
        }
        return;
    }
    g_event_touch(a->sim->google, e, false);
    admin_done(a);
}

/* Without a tombstone, as after Google's own clean-up: a purged master leaves orphans. */
static void purge_event(struct admin *a)
{
    struct g_calendar *c = the_calendar(a, a->args[0]);
    struct g_event *e = c != NULL ? g_event_find(c, a->args[1]) : NULL;
    if (e == NULL) {
        if (c != NULL) {
            admin_fail(a, 404, "no such event");
        }
        return;
    }
    g_event_purge(e);
    admin_done(a);
}

/* ---- consent ------------------------------------------------------------------------------- */

static void add_client(struct admin *a)
{
    struct g_client *c = g_client_add(a->sim->google->oauth, member(a, "id"), member(a, "secret"),
                                      member(a, "project"));
    const json_t *uris = json_object_get(a->body, "redirect_uris");
    for (size_t i = 0; i < json_array_size(uris); i++) {
        const char *uri = json_string_value(json_array_get(uris, i));
        if (uri != NULL) {
            vec_push(&c->redirects, xstrdup(uri));
        }
    }
    admin_done(a);
}

/* Tokens without the pages: for tests of what comes after. */
static void make_tokens(struct admin *a)
{
    struct g_oauth *o = a->sim->google->oauth;
    struct g_user *user = the_user(a, member(a, "account"));
    struct str id = member(a, "client_id");
    struct str scopes = member(a, "scope");
    struct g_client *client = g_client_find(o, id.len > 0 ? id : STR(G_DEFAULT_CLIENT_ID));
    if (user == NULL) {
        return;
    }
    if (client == NULL) {
        admin_fail(a, 404, "no such client");
        return;
    }
    scopes = scopes.len > 0 ? scopes : STR("https://www.googleapis.com/auth/calendar");
    struct g_grant *grant = g_grant_get(o, user, client);
    g_grant_add_scopes(grant, scopes);
    const struct g_refresh *r = g_refresh_new(o, grant, scopes);
    const struct g_access *access = g_access_new(o, grant, scopes);
    admin_reply(a, 200,
                json_pack("{s:s, s:s, s:s}", "access_token", access->token, "refresh_token",
                          r->token, "client_id", client->id));
}

static void revoke_grants(struct admin *a)
{
    struct g_user *user = the_user(a, member(a, "account"));
    if (user != NULL) {
        g_grants_revoke(a->sim->google->oauth, user, NULL);
        admin_done(a);
    }
}

/* The error that refreshes of this person get ("invalid_rapt", "admin_policy_enforced"); none:
 * they work again. */
static void set_policy(struct admin *a)
{
    struct g_user *user = the_user(a, member(a, "account"));
    struct str policy = member(a, "policy");
    if (user == NULL) {
        return;
    }
    list_foreach (node, &a->sim->google->oauth->grants) {
        struct g_grant *grant = LIST_ENTRY(node, struct g_grant, link);
        if (grant->user == user) {
            free(grant->policy);
            grant->policy = policy.len > 0 ? xstrdup(arena_cstr(a->rq->arena, policy)) : NULL;
        }
    }
    admin_done(a);
}

static void expire_access(struct admin *a)
{
    struct str email = member(a, "account");
    struct g_user *user = email.len > 0 ? the_user(a, email) : NULL;
    if (email.len == 0 || user != NULL) {
        g_access_expire(a->sim->google->oauth, user);
        admin_done(a);
    }
}

static void list_grants(struct admin *a)
{
    json_t *list = json_array();
    list_foreach (node, &a->sim->google->oauth->grants) {
        const struct g_grant *grant = LIST_ENTRY(node, struct g_grant, link);
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:I}", "account", grant->user->email,
                                        "client_id", grant->client->id, "scopes", grant->scopes,
                                        "refresh_tokens", (json_int_t)grant->refresh_count));
    }
    admin_reply(a, 200, list);
}

/* ---- modes --------------------------------------------------------------------------------- */

static void set_modes(struct admin *a)
{
    struct google *g = a->sim->google;
    const json_t *b = a->body;
#define MODE_I64(field) g->modes.field = tree_get_i64(b, #field, g->modes.field)
#define MODE_BOOL(field) g->modes.field = tree_get_bool(b, #field, g->modes.field)
#define LIMIT(field) g->limits.field = tree_get_i64(b, #field, g->limits.field)
    MODE_I64(free_busy_max_days);
    MODE_I64(free_busy_max_calendars);
    MODE_BOOL(free_busy_omit);
    MODE_I64(page_short);
    MODE_I64(page_empty);
    MODE_I64(updated_min_days);
    MODE_BOOL(sync_message_late);
    MODE_BOOL(testing);
    MODE_BOOL(auto_consent);
    LIMIT(user_per_minute);
    LIMIT(project_per_minute);
    LIMIT(calendar_writes_per_minute);
    LIMIT(retry_after_s);
#undef MODE_I64
#undef MODE_BOOL
#undef LIMIT
    g->limits.status = (int)tree_get_i64(b, "limit_status", g->limits.status);
    a->sim->settings.token_ttl_s = tree_get_i64(b, "token_ttl_s", a->sim->settings.token_ttl_s);
    admin_done(a);
}

static void list_channels(struct admin *a)
{
    admin_reply(a, 200, g_watch_tree(a->sim->google));
}

/* A channel that dies without a word, or speaks again. */
static void change_channel(struct admin *a)
{
    struct g_channel *ch = map_find(&a->sim->google->channels_by_id, a->args[0]);
    if (ch == NULL) {
        admin_fail(a, 404, "no such channel");
        return;
    }
    ch->silent = tree_get_bool(a->body, "silent", ch->silent);
    ch->expires_at = tree_get_i64(a->body, "expires_at", ch->expires_at);
    admin_done(a);
}

static const struct admin_route routes[] = {
    {"GET", "accounts", list_accounts},
    {"POST", "accounts", add_account},
    {"POST", "calendars", add_calendar},
    {"GET", "calendars/*", dump_calendar},
    {"PATCH", "calendars/*", change_calendar},
    {"DELETE", "calendars/*", remove_calendar},
    {"POST", "calendars/*/share", share_calendar},
    {"POST", "calendars/*/entry", change_entry},
    {"POST", "calendars/*/events/*/touch", touch_event},
    {"POST", "calendars/*/events/*/purge", purge_event},
    {"POST", "cursors/expire", expire_cursors},
    {"POST", "clients", add_client},
    {"POST", "tokens", make_tokens},
    {"POST", "tokens/expire", expire_access},
    {"GET", "grants", list_grants},
    {"POST", "grants/revoke", revoke_grants},
    {"POST", "grants/policy", set_policy},
    {"POST", "modes", set_modes},
    {"GET", "channels", list_channels},
    {"POST", "channels/*", change_channel},
};

const struct admin_route *admin_google_routes(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(routes);
    return routes;
}

bool admin_google_as(struct admin *a)
{
    struct str prefix = STR("/admin/as/");
    if (!str_starts(a->rq->path, prefix)) {
        return false;
    }
    struct str rest = str_sub(a->rq->path, prefix.len, SIZE_MAX);
    size_t slash = str_find_char(rest, '/');
    struct str email[1];
    size_t count;
    struct sim_request rq = *a->rq;
    rq.path = str_sub(rest, slash, SIZE_MAX);
    if (slash == SIZE_MAX || !str_starts(rq.path, STR("/calendar/v3/")) ||
        !sim_path_split(str_sub(rest, 0, slash), rq.arena, email, 1, &count) || count != 1) {
        admin_fail(a, 404, "no such admin call");
        return true;
    }
    struct g_user *user = the_user(a, email[0]);
    if (user != NULL) {
        google_handle_as(a->sim->google, user, &rq, a->rp);
    }
    return true;
}

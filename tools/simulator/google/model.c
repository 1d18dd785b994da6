#include "simulator/google/model.h"

#include "base/hash.h"
#include "crypto/crypto.h"
#include "simulator/google/oauth.h"
#include "simulator/google/watch.h"
#include "simulator/google/when.h"

#include <inttypes.h>

static char *dup(struct str s)
{
    char *copy = xmalloc(s.len + 1);
    memcpy(copy, s.len > 0 ? s.ptr : "", s.len);
    copy[s.len] = 0;
    return copy;
}

static void set_defaults(struct google *g)
{
    memset(&g->limits, 0, sizeof g->limits);
    memset(&g->modes, 0, sizeof g->modes);
    g->limits.status = 403;
    g->limits.retry_after_s = -1;
    g->modes.free_busy_max_days = 90;
    g->modes.free_busy_max_calendars = 50;
    g->modes.updated_min_days = 28;
}

struct google *google_new(struct sim *s)
{
    struct google *g = xcalloc(1, sizeof *g);
    g->sim = s;
    list_init(&g->users);
    list_init(&g->calendars);
    list_init(&g->dirty_channels);
    map_init(&g->users_by_email);
    map_init(&g->calendars_by_id);
    map_init(&g->channels_by_id);
    crypto_random(g->token_key, sizeof g->token_key);
    set_defaults(g);
    g->oauth = g_oauth_new(g);
    return g;
}

/* ---- events -------------------------------------------------------------------------------- */

struct g_event *g_event_find(const struct g_calendar *c, struct str id)
{
    return map_find(&c->events, id);
}

static void link_master(struct g_event *e)
{
    struct str master_id = tree_get_str(e->body, "recurringEventId");
    struct g_event *master = master_id.len > 0 ? g_event_find(e->calendar, master_id) : NULL;
    if (master != e->master) {
        list_remove(&e->in_master);
        e->master = master;
        if (master != NULL) {
            list_push(&master->exceptions, &e->in_master);
        }
    }
}

/* What is searched by, from the body. */
static void index_event(struct g_event *e)
{
    struct when when;
    const char *zone = e->calendar->zone;
    bool cancelled = str_eq_c(tree_get_str(e->body, "status"), "cancelled");

    if (cancelled != e->cancelled) {
        e->calendar->live += cancelled ? (size_t)-1 : 1;
        e->cancelled = cancelled;
    }
    if (when_read(json_object_get(e->body, "start"), zone, &when)) {
        e->start_at = when.at;
        e->all_day = when.all_day;
    }
    if (when_read(json_object_get(e->body, "end"), zone, &when)) {
        e->end_at = when.at;
    }
    if (when_read(json_object_get(e->body, "originalStartTime"), zone, &when)) {
        e->original_at = when.at;
    }
    e->recurring = json_array_size(json_object_get(e->body, "recurrence")) > 0;
    link_master(e);
}

struct g_event *g_event_add(struct g_calendar *c, json_t *body)
{
    struct g_event *e = xcalloc(1, sizeof *e);
    e->calendar = c;
    e->body = body;
    e->id = dup(tree_get_str(body, "id"));
    e->cancelled = true; /* until index_event counts it */
    list_init(&e->in_changes);
    list_init(&e->in_master);
    list_init(&e->exceptions);
    map_put(&c->events, str_c(e->id), e);
    struct str uid = tree_get_str(body, "iCalUID");
    if (uid.len > 0 && tree_get_str(body, "recurringEventId").len == 0 &&
        map_find(&c->uids, uid) == NULL) {
        map_put(&c->uids, uid, e);
    }
    index_event(e);
    return e;
}

void g_event_touch(struct google *g, struct g_event *e, bool keep_updated)
{
    struct g_calendar *c = e->calendar;
    char etag[32];
    char text[32];

    e->seq = ++c->seq;
    list_remove(&e->in_changes);
    list_push(&c->changes, &e->in_changes);
    snprintf(etag, sizeof etag, "\"%" PRIu64 "\"", e->seq);
    tree_set_c(e->body, "etag", etag);
    if (!keep_updated) {
        e->updated_at = sim_now(g->sim);
        c->updated_at = e->updated_at;
        tree_set_c(e->body, "updated", when_print_utc(e->updated_at, text, sizeof text));
    }
    index_event(e);
    free(e->text);
    e->text = NULL;
    g_watch_touch(g, c);
}

void g_event_cancel(struct google *g, struct g_event *e)
{
    list_foreach (node, &e->exceptions) {
        struct g_event *exception = LIST_ENTRY(node, struct g_event, in_master);
        tree_set_c(exception->body, "status", "cancelled");
        g_event_touch(g, exception, false);
    }
    tree_set_c(e->body, "status", "cancelled");
    g_event_touch(g, e, false);
}

void g_event_purge(struct g_event *e)
{
    list_foreach_safe (node, &e->exceptions) {
        struct g_event *exception = LIST_ENTRY(node, struct g_event, in_master);
        list_remove(&exception->in_master);
        exception->master = NULL;
    }
    struct g_calendar *c = e->calendar;
    struct str uid = tree_get_str(e->body, "iCalUID");
    if (map_find(&c->uids, uid) == e) {
        map_remove(&c->uids, uid);
    }
    map_remove(&c->events, str_c(e->id));
    c->live -= e->cancelled ? 0 : 1;
    list_remove(&e->in_master);
    list_remove(&e->in_changes);
    json_decref(e->body);
    free(e->text);
    free(e->id);
    free(e);
}

struct str g_event_text(struct g_event *e)
{
    if (e->text == NULL) {
        struct buf text;
        buf_init(&text, SIM_REPLY_MAX_BYTES);
        tree_dump(&text, e->body, false);
        e->text = buf_take(&text, &e->text_len);
    }
    return (struct str){e->text, e->text_len};
}

/* ---- calendars ----------------------------------------------------------------------------- */

static struct str make_calendar_id(struct google *g, struct arena *arena)
{
    uint8_t bytes[16];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)sim_random(g->sim);
    }
    struct buf id;
    buf_init(&id, 128);
    buf_add_c(&id, "c_");
    hex_encode(&id, (struct str){(const char *)bytes, sizeof bytes});
    buf_add_c(&id, "@group.calendar.google.com");
    struct str copy = arena_str(arena, buf_str(&id));
    buf_fini(&id);
    return copy;
}

struct g_calendar *g_calendar_add(struct google *g, struct g_user *owner, struct str id,
                                  struct str summary, struct str zone)
{
    struct arena arena CLEANUP(arena_fini);
    arena_init(&arena);
    if (id.len == 0) {
        id = make_calendar_id(g, &arena);
    }
    if (map_find(&g->calendars_by_id, id) != NULL) {
        return NULL;
    }
    struct g_calendar *c = xcalloc(1, sizeof *c);
    c->id = dup(id);
    c->summary = dup(str_is_utf8(summary) ? summary : STR("Calendar"));
    c->zone = dup(when_zone_known(zone) ? zone : STR("UTC"));
    c->owner = owner;
    c->watchable = str_find(id, STR("#holiday@")) == SIZE_MAX;
    c->version = 1;
    c->updated_at = sim_now(g->sim);
    list_init(&c->entries);
    list_init(&c->changes);
    list_init(&c->channels);
    map_init(&c->events);
    map_init(&c->uids);
    list_push(&g->calendars, &c->link);
    map_put(&g->calendars_by_id, id, c);
    if (owner != NULL) {
        g_entry_set(owner, c, G_ROLE_OWNER, true);
    }
    return c;
}

struct g_calendar *g_calendar_find(const struct google *g, const struct g_user *user, struct str id)
{
    if (str_eq_c(id, "primary")) {
        return user != NULL ? map_find(&g->calendars_by_id, str_c(user->email)) : NULL;
    }
    return map_find(&g->calendars_by_id, id);
}

static void free_calendar(struct google *g, struct g_calendar *c)
{
    size_t at = 0;
    struct str key;
    void *event;

    g_watch_end(g, c);
    while (map_next(&c->events, &at, &key, &event)) {
        g_event_purge(event);
    }
    map_fini(&c->events);
    map_fini(&c->uids);
    map_remove(&g->calendars_by_id, str_c(c->id));
    list_remove(&c->link);
    free(c->id);
    free(c->summary);
    free(c->description);
    free(c->zone);
    free(c);
}

static void free_entry(struct g_entry *e)
{
    list_remove(&e->in_user);
    list_remove(&e->in_calendar);
    free(e->summary_override);
    free(e);
}

/* The calendar stays as an empty shell: tombstones in people's lists name it. */
void g_calendar_remove(struct google *g, struct g_calendar *c)
{
    size_t at = 0;
    struct str key;
    void *event;

    list_foreach (node, &c->entries) {
        struct g_entry *e = LIST_ENTRY(node, struct g_entry, in_calendar);
        e->role = G_ROLE_NONE;
        e->deleted = true;
        g_entry_touch(e);
    }
    g_watch_end(g, c);
    while (map_next(&c->events, &at, &key, &event)) {
        g_event_purge(event);
    }
    c->generation++;
}

/* ---- lists --------------------------------------------------------------------------------- */

void g_entry_touch(struct g_entry *e)
{
    e->seq = ++e->user->list_seq;
    list_remove(&e->in_user);
    list_push(&e->user->entries, &e->in_user);
}

struct g_entry *g_entry_find(const struct g_user *user, const struct g_calendar *c)
{
    list_foreach (node, &c->entries) {
        struct g_entry *e = LIST_ENTRY(node, struct g_entry, in_calendar);
        if (e->user == user) {
            return e;
        }
    }
    return NULL;
}

struct g_entry *g_entry_set(struct g_user *user, struct g_calendar *c, enum g_role role, bool touch)
{
    struct g_entry *e = g_entry_find(user, c);
    if (e == NULL) {
        e = xcalloc(1, sizeof *e);
        e->user = user;
        e->calendar = c;
        e->selected = true;
        e->primary = strcmp(user->email, c->id) == 0;
        list_init(&e->in_user);
        list_push(&c->entries, &e->in_calendar);
        touch = true;
    }
    e->role = role;
    e->deleted = role == G_ROLE_NONE;
    if (touch) {
        g_entry_touch(e);
    }
    return e;
}

enum g_role g_role_of(const struct g_user *user, const struct g_calendar *c)
{
    const struct g_entry *e = user != NULL ? g_entry_find(user, c) : NULL;
    return e != NULL ? e->role : G_ROLE_NONE;
}

static const char *const role_names[] = {
    [G_ROLE_NONE] = "none",     [G_ROLE_FREE_BUSY] = "freeBusyReader",
    [G_ROLE_READER] = "reader", [G_ROLE_WRITER] = "writer",
    [G_ROLE_OWNER] = "owner",
};

const char *g_role_name(enum g_role role)
{
    return role_names[role];
}

bool g_role_parse(struct str name, enum g_role *ret_role)
{
    for (size_t i = 0; i < ARRAY_LEN(role_names); i++) {
        if (str_eq_c(name, role_names[i])) {
            *ret_role = (enum g_role)i;
            return true;
        }
    }
    return false;
}

/* ---- people -------------------------------------------------------------------------------- */

struct g_user *g_user_find(const struct google *g, struct str email)
{
    return map_find(&g->users_by_email, email);
}

struct g_user *g_user_add(struct google *g, struct str email, struct str name, struct str zone)
{
    static const uint64_t key[2] = {0x63616c666c656574, 0x676f6f676c657375};
    struct g_user *user = g_user_find(g, email);
    if (user != NULL) {
        return user;
    }
    char sub[24];
    /* 21 digits, the same ones for the same address in every run. */
    snprintf(sub, sizeof sub, "1%020" PRIu64, hash_siphash(key, email));
    user = xcalloc(1, sizeof *user);
    user->email = dup(email);
    user->sub = xstrdup(sub);
    user->name = dup(name.len > 0 && str_is_utf8(name) ? name : email);
    user->zone = dup(when_zone_known(zone) ? zone : STR("UTC"));
    list_init(&user->entries);
    list_push(&g->users, &user->link);
    map_put(&g->users_by_email, email, user);
    g_calendar_add(g, user, email, email, str_c(user->zone));
    return user;
}

static void free_user(struct google *g, struct g_user *user)
{
    list_foreach_safe (node, &user->entries) {
        free_entry(LIST_ENTRY(node, struct g_entry, in_user));
    }
    map_remove(&g->users_by_email, str_c(user->email));
    list_remove(&user->link);
    free(user->email);
    free(user->sub);
    free(user->name);
    free(user->zone);
    free(user);
}

void google_reset(struct google *g)
{
    g_watch_reset(g);
    g_oauth_forget(g->oauth);
    list_foreach_safe (node, &g->users) {
        free_user(g, LIST_ENTRY(node, struct g_user, link));
    }
    list_foreach_safe (node, &g->calendars) {
        free_calendar(g, LIST_ENTRY(node, struct g_calendar, link));
    }
    set_defaults(g);
}

struct google *google_free(struct google *g)
{
    google_reset(g);
    g_oauth_free(g->oauth);
    map_fini(&g->users_by_email);
    map_fini(&g->calendars_by_id);
    map_fini(&g->channels_by_id);
    free(g);
    return NULL;
}

#include "simulator/google/watch.h"

#include "base/hash.h"
#include "simulator/google/when.h"

#include <inttypes.h>

/* ---- messages ------------------------------------------------------------------------------ */

static void send(struct google *g, struct g_channel *ch, const char *state)
{
    char text[WHEN_TEXT_MAX];
    struct push *push = push_new(ch->address);
    /* Numbers grow, but not by one. */
    ch->messages += ch->messages == 0 ? 1 : 1 + (int64_t)(sim_random(g->sim) % 3);
    push_header(push, "Content-Type", STR("application/json; utf-8"));
    push_header(push, "X-Goog-Channel-ID", str_c(ch->id));
    if (ch->token != NULL) {
        push_header(push, "X-Goog-Channel-Token", str_c(ch->token));
    }
    push_header(push, "X-Goog-Channel-Expiration",
                str_c(when_print_http(ch->expires_at, text, sizeof text)));
    push_header(push, "X-Goog-Resource-ID", str_c(ch->resource_id));
    push_header(push, "X-Goog-Resource-URI", str_c(ch->resource_uri));
    push_header(push, "X-Goog-Resource-State", str_c(state));
    snprintf(text, sizeof text, "%" PRId64, ch->messages);
    push_header(push, "X-Goog-Message-Number", str_c(text));
    pushes_send(&g->sim->pushes, push, sim_random(g->sim));
}

static bool talks(const struct google *g, const struct g_channel *ch)
{
    return !ch->stopped && !ch->silent && ch->expires_at > sim_now(g->sim);
}

void g_watch_touch(struct google *g, struct g_calendar *c)
{
    bool any = false;
    list_foreach (node, &c->channels) {
        struct g_channel *ch = LIST_ENTRY(node, struct g_channel, link);
        if (talks(g, ch) && list_empty(&ch->dirty)) {
            list_push(&g->dirty_channels, &ch->dirty);
            any = true;
        }
    }
    if (any && g->on_dirty != NULL) {
        g->on_dirty(g->on_dirty_arg);
    }
}

void g_watch_flush(struct google *g)
{
    while (!list_empty(&g->dirty_channels)) {
        struct g_channel *ch = LIST_ENTRY(g->dirty_channels.next, struct g_channel, dirty);
        list_remove(&ch->dirty);
        if (talks(g, ch)) {
            send(g, ch, ch->messages == 0 ? "sync" : "exists");
        }
    }
}

/* ---- life ---------------------------------------------------------------------------------- */

static void end_channel(struct g_channel *ch)
{
    list_remove(&ch->link);
    list_remove(&ch->dirty);
    ch->stopped = true;
    ch->calendar = NULL;
    ch->user = NULL;
}

void g_watch_end(struct google *g, struct g_calendar *c)
{
    (void)g;
    list_foreach_safe (node, &c->channels) {
        end_channel(LIST_ENTRY(node, struct g_channel, link));
    }
}

void g_watch_reset(struct google *g)
{
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(&g->channels_by_id, &at, &key, &value)) {
        struct g_channel *ch = value;
        end_channel(ch);
        map_remove(&g->channels_by_id, key);
        free(ch->id);
        free(ch->resource_id);
        free(ch->resource_uri);
        free(ch->address);
        free(ch->token);
        free(ch);
    }
}

/* ---- opening ------------------------------------------------------------------------------- */

static bool is_loopback(struct str address)
{
    static const char *const hosts[] = {"http://127.0.0.1:", "http://127.0.0.1/",
                                        "http://localhost:", "http://localhost/",
                                        "http://[::1]:",     "http://[::1]/"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        if (str_starts(address, str_c(hosts[i]))) {
            return true;
        }
    }
    return false;
}

static bool fail(struct g_call *call, const char *reason, const char *message)
{
    g_fail(call, &(struct g_error){400, "global", reason, message, NULL, NULL});
    return false;
}

static bool check_request(struct g_call *call, const struct g_calendar *c)
{
    struct str id = tree_get_str(call->body, "id");
    struct str type = tree_get_str(call->body, "type");
    struct str address = tree_get_str(call->body, "address");
    bool allowed = str_starts(address, STR("https://")) ||
                   (call->g->sim->settings.allow_http_webhooks && is_loopback(address));

    if (id.len == 0 || address.len == 0) {
        return fail(call, "required", "Required");
    }
    if (!str_eq_c(type, "web_hook") && !str_eq_c(type, "webhook")) {
        return fail(call, "channelUnknownType", "Unknown channel type");
    }
    if (id.len > 64) {
        return fail(call, "channelIdInvalid", "Invalid channel id");
    }
    if (tree_get_str(call->body, "token").len > 256) {
        return fail(call, "invalid", "Channel token is too long");
    }
    if (!allowed) {
        struct str text =
            arena_strf(call->arena, "WebHook callback must be HTTPS: %.*s", STR_ARG(address));
        return fail(call, "push.webhookUrlNotHttps", text.ptr);
    }
    if (map_find(&call->g->channels_by_id, id) != NULL) {
        return fail(call, "channelIdNotUnique", "Channel id not unique");
    }
    if (c != NULL && !c->watchable) {
        return fail(call, "pushNotSupportedForRequestedResource",
                    "Push notifications are not supported by this resource.");
    }
    return true;
}

static int64_t wanted_end(struct g_call *call)
{
    int64_t now = sim_now(call->g->sim);
    int64_t ttl_s = tree_get_i64(json_object_get(call->body, "params"), "ttl", 0);
    int64_t end = tree_get_i64(call->body, "expiration", 0);
    if (end <= 0) {
        end = now + (ttl_s > 0 && ttl_s < G_CHANNEL_LIFE_MAX_MS / 1000 ? ttl_s * 1000
                                                                       : G_CHANNEL_LIFE_MAX_MS);
    }
    return MIN(end, now + G_CHANNEL_LIFE_MAX_MS);
}

static char *make_resource_id(struct g_call *call, const char *resource)
{
    uint64_t key[2];
    uint64_t hash;
    memcpy(key, call->g->token_key, sizeof key);
    hash = hash_siphash(key, str_c(resource));
    struct buf id;
    buf_init(&id, 64);
    base64url_encode(&id, (struct str){(const char *)&hash, sizeof hash});
    return buf_take(&id, NULL);
}

static char *make_uri(struct g_call *call, const char *what)
{
    struct buf uri;
    buf_init(&uri, 8192);
    buf_add_f(&uri, "%s/calendar/v3/", call->g->sim->settings.public_url);
    if (call->calendar_id.len > 0) {
        buf_add_c(&uri, "calendars/");
        percent_encode(&uri, call->calendar_id);
        buf_add_char(&uri, '/');
    }
    buf_add_f(&uri, "%s?alt=json", what);
    return buf_take(&uri, NULL);
}

static void reply_channel(struct g_call *call, const struct g_channel *ch)
{
    json_t *tree = json_object();
    tree_set_c(tree, "kind", "api#channel");
    tree_set_c(tree, "id", ch->id);
    tree_set_c(tree, "resourceId", ch->resource_id);
    tree_set_c(tree, "resourceUri", ch->resource_uri);
    if (ch->token != NULL) {
        tree_set_c(tree, "token", ch->token);
    }
    tree_set_str(tree, "expiration", arena_strf(call->arena, "%" PRId64, ch->expires_at));
    g_reply(call, tree);
}

static void open_channel(struct g_call *call, struct g_calendar *c, const char *what)
{
    if (!check_request(call, c)) {
        return;
    }
    const char *token = json_string_value(json_object_get(call->body, "token"));
    struct g_channel *ch = xcalloc(1, sizeof *ch);
    ch->id = xstrdup(json_string_value(json_object_get(call->body, "id")));
    ch->address = xstrdup(json_string_value(json_object_get(call->body, "address")));
    ch->token = token != NULL && token[0] != 0 ? xstrdup(token) : NULL;
    ch->resource_id = make_resource_id(call, c != NULL ? c->id : call->user->sub);
    ch->resource_uri = make_uri(call, what);
    ch->user = call->user;
    ch->calendar = c;
    ch->expires_at = wanted_end(call);
    list_init(&ch->link);
    list_init(&ch->dirty);
    if (c != NULL) {
        list_push(&c->channels, &ch->link);
    }
    map_put(&call->g->channels_by_id, str_c(ch->id), ch);
    if (call->g->modes.sync_message_late) {
        list_push(&call->g->dirty_channels, &ch->dirty);
        if (call->g->on_dirty != NULL) {
            call->g->on_dirty(call->g->on_dirty_arg);
        }
    } else {
        send(call->g, ch, "sync");
    }
    reply_channel(call, ch);
}

void g_events_watch(struct g_call *call)
{
    open_channel(call, g_calendar_find(call->g, call->user, call->calendar_id), "events");
}

void g_list_watch(struct g_call *call)
{
    open_channel(call, NULL, "users/me/calendarList");
}

void g_channels_stop(struct g_call *call)
{
    struct g_channel *ch = map_find(&call->g->channels_by_id, tree_get_str(call->body, "id"));
    if (ch == NULL || ch->stopped || ch->user != call->user ||
        ch->expires_at <= sim_now(call->g->sim) ||
        !str_eq_c(tree_get_str(call->body, "resourceId"), ch->resource_id)) {
        struct str text = arena_strf(call->arena, "Channel '%.*s' not found for project",
                                     STR_ARG(tree_get_str(call->body, "id")));
        g_fail(call, &(struct g_error){404, "global", "notFound", text.ptr, NULL, NULL});
        return;
    }
    end_channel(ch);
    g_reply_empty(call);
}

json_t *g_watch_tree(const struct google *g)
{
    size_t at = 0;
    struct str key;
    void *value;
    json_t *list = json_array();
    while (map_next(&g->channels_by_id, &at, &key, &value)) {
        const struct g_channel *ch = value;
        json_t *row = json_object();
        tree_set_c(row, "id", ch->id);
        tree_set_c(row, "resource_id", ch->resource_id);
        tree_set_c(row, "address", ch->address);
        tree_set_i64(row, "expires_at", ch->expires_at);
        tree_set_i64(row, "messages", ch->messages);
        tree_set_bool(row, "stopped", ch->stopped);
        tree_set_bool(row, "live", talks(g, ch));
        tree_set_bool(row, "silent", ch->silent);
        if (ch->calendar != NULL) {
            tree_set_c(row, "calendar", ch->calendar->id);
        }
        if (ch->user != NULL) {
            tree_set_c(row, "account", ch->user->email);
        }
        json_array_append_new(list, row);
    }
    return list;
}

/* Questions about connections, for the sync-worker. All are keyed by the user. */
#include "base/encode.h"
#include "body.h"
#include "messages/topics.h"
#include "question.h"
#include "ticket.h"

#define CALENDARS_MAX 250 /* of one patch; Google lists 250 a page */

#define PUT(in, name, message, out, refusal)                                                       \
    question_put((in), TOPIC_CONNECTIONS, (in)->caller->user.bytes, MESSAGE_##name, (message),     \
                 (out), (refusal))

bool question_sync_now(const struct asked *in, struct question *out, struct refusal *refusal)
{
    static const char *const names[] = {"mode", "connection_id"};
    struct message_sync_now m = {0};
    struct body b;

    if (!body_open(&b, in->body, in->arena, refusal)) {
        return false;
    }
    body_only(&b, names, ARRAY_LEN(names));
    body_uuid(&b, "connection_id", BODY_NEEDED, &m.connection);
    return body_ok(&b) && PUT(in, sync_now, &m, out, refusal);
}

static bool return_url_known(const struct asked *in, struct str url)
{
    for (size_t i = 0; i < in->return_url_count; i++) {
        if (str_eq(in->return_urls[i], url)) {
            return true;
        }
    }
    return false;
}

bool question_oauth_start(const struct asked *in, struct question *out, struct refusal *refusal)
{
    static const char *const names[] = {"provider", "organization_id", "return_to", "login_hint"};
    struct message_oauth_start m = {0};
    struct uuid id;
    struct str text;
    struct body b;

    if (!body_open(&b, in->body, in->arena, refusal)) {
        return false;
    }
    body_only(&b, names, ARRAY_LEN(names));
    if (body_str(&b, "provider", BODY_NEEDED, 32, &m.provider) && !str_eq_c(m.provider, "google")) {
        body_fail(&b, "unsupported_provider", "This provider cannot be connected.");
    }
    if (body_uuid(&b, "organization_id", BODY_OPTIONAL, &id)) {
        MESSAGE_SET(oauth_start, &m, organization, id);
    }
    if (body_str(&b, "return_to", BODY_OPTIONAL, 2048, &text)) {
        if (!return_url_known(in, text)) {
            body_fail(&b, "invalid_field", "The field \"return_to\" is none of the app's pages.");
        }
        MESSAGE_SET(oauth_start, &m, return_to, text);
    }
    if (body_str(&b, "login_hint", BODY_OPTIONAL, 254, &text)) {
        if (!question_address_ok(text)) {
            body_fail(&b, "invalid_field", "The field \"login_hint\" must be an address.");
        }
        MESSAGE_SET(oauth_start, &m, login_hint, text);
    }
    return body_ok(&b) && PUT(in, oauth_start, &m, out, refusal);
}

bool question_oauth_exchange(const struct asked *in, struct question *out, struct refusal *refusal)
{
    static const char *const names[] = {"ticket"};
    struct message_oauth_exchange m = {0};
    struct ticket ticket;
    struct str sealed = STR("");
    struct body b;

    if (!body_open(&b, in->body, in->arena, refusal)) {
        return false;
    }
    body_only(&b, names, ARRAY_LEN(names));
    body_str(&b, "ticket", BODY_NEEDED, 2 * TICKET_MAX_BYTES, &sealed);
    if (!body_ok(&b)) {
        return false;
    }
    enum err_code rc = ticket_open(in->bus_keys, sealed, in->now_at, in->arena, &ticket, NULL);
    if (rc == ERR_EXPIRED) {
        return refuse(refusal, 400, "ticket_expired",
                      "It took too long to come back from the provider. Please connect again.");
    }
    if (rc != ERR_OK) {
        return refuse(refusal, 400, "invalid_ticket", "The ticket is not one of ours.");
    }
    m.state = ticket.state;
    m.code = ticket.code;
    if (ticket.scope.len > 0) {
        MESSAGE_SET(oauth_exchange, &m, scope, ticket.scope);
    }
    return PUT(in, oauth_exchange, &m, out, refusal);
}

bool question_connections(const struct asked *in, struct question *out, struct refusal *refusal)
{
    struct message_connections_list m = {0};
    struct uuid id;
    struct str text;

    if (form_find(in->query, "organization_id", in->arena, &text)) {
        if (!uuid_parse(text, &id)) {
            return refuse(refusal, 400, "invalid_field",
                          "The parameter \"organization_id\" must be a UUID.");
        }
        MESSAGE_SET(connections_list, &m, organization, id);
    }
    return PUT(in, connections_list, &m, out, refusal);
}

bool question_connection(const struct asked *in, struct question *out, struct refusal *refusal)
{
    struct message_connections_list m = {0};
    MESSAGE_SET(connections_list, &m, connection, in->id);
    return PUT(in, connections_list, &m, out, refusal);
}

bool question_connection_delete(const struct asked *in, struct question *out,
                                struct refusal *refusal)
{
    struct message_connection_delete m = {.connection = in->id};
    return PUT(in, connection_delete, &m, out, refusal);
}

/* -1 where the calendar's member says nothing. */
static int64_t tristate(struct body *b, const char *name)
{
    bool value = false;
    return body_bool(b, name, &value) ? value : -1;
}

static void patch_calendars(struct body *b, struct message_connection_patch *m)
{
    static const char *const names[] = {"id", "synced", "counts_as_busy"};
    const struct json *array = NULL;
    size_t n = 0;

    if (!body_array(b, "calendars", CALENDARS_MAX, &array)) {
        return;
    }
    int64_t *ids = ARENA_ARRAY(b->arena, int64_t, array->count);
    int64_t *synced = ARENA_ARRAY(b->arena, int64_t, array->count);
    int64_t *busy = ARENA_ARRAY(b->arena, int64_t, array->count);
    json_foreach(item, array)
    {
        struct body part;
        if (item->kind != JSON_OBJECT) {
            body_fail(b, "invalid_field", "The field \"calendars\" must hold objects only.");
            return;
        }
        body_of(&part, item, b);
        body_only(&part, names, ARRAY_LEN(names));
        body_i64(&part, "id", BODY_NEEDED, 1, INT64_MAX, &ids[n]);
        synced[n] = tristate(&part, "synced");
        busy[n] = tristate(&part, "counts_as_busy");
        b->failed = part.failed;
        n++;
    }
    MESSAGE_SET(connection_patch, m, calendars, (struct message_i64s){ids, n});
    MESSAGE_SET(connection_patch, m, synced, (struct message_i64s){synced, n});
    MESSAGE_SET(connection_patch, m, counts_as_busy, (struct message_i64s){busy, n});
}

bool question_connection_patch(const struct asked *in, struct question *out,
                               struct refusal *refusal)
{
    static const char *const names[] = {"sync_enabled", "conflict_policy", "calendars"};
    struct message_connection_patch m = {.connection = in->id};
    bool enabled;
    struct str policy;
    struct body b;

    if (!body_open(&b, in->body, in->arena, refusal)) {
        return false;
    }
    body_only(&b, names, ARRAY_LEN(names));
    if (body_bool(&b, "sync_enabled", &enabled)) {
        MESSAGE_SET(connection_patch, &m, sync_enabled, enabled);
    }
    if (body_str(&b, "conflict_policy", BODY_OPTIONAL, 16, &policy)) {
        if (!str_eq_c(policy, "provider") && !str_eq_c(policy, "local") &&
            !str_eq_c(policy, "newest")) {
            body_fail(&b, "invalid_field",
                      "The field \"conflict_policy\" is provider, local or newest.");
        }
        MESSAGE_SET(connection_patch, &m, conflict_policy, policy);
    }
    patch_calendars(&b, &m);
    if (body_ok(&b) && m.present == 0) {
        body_fail(&b, "missing_field", "There is nothing to change.");
    }
    return body_ok(&b) && PUT(in, connection_patch, &m, out, refusal);
}

#include "google/mapping.h"

/* ---- calendars ------------------------------------------------------------------------------ */

enum provider_role google_role_parse(struct str text)
{
    static const struct {
        const char *name;
        enum provider_role role;
    } roles[] = {
        {"freeBusyReader", PROVIDER_ROLE_FREE_BUSY},
        {"reader", PROVIDER_ROLE_READER},
        {"writerWithoutPrivateAccess", PROVIDER_ROLE_WRITER},
        {"writer", PROVIDER_ROLE_WRITER},
        {"owner", PROVIDER_ROLE_OWNER},
    };
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (str_eq_c(text, roles[i].name)) {
            return roles[i].role;
        }
    }
    return PROVIDER_ROLE_NONE;
}

enum err_code google_calendar_read(const struct json *item, struct provider_calendar *ret_calendar,
                                   struct err *err)
{
    struct provider_calendar c = {.id = json_str_or_empty(item, "id")};
    if (c.id.len == 0) {
        return ERR_SET_ACT(err, ERR_PROTO, ERR_ACT_DROP, "a calendar without an id");
    }
    c.name = json_str_or_empty(item, "summaryOverride");
    if (c.name.len == 0) {
        c.name = json_str_or_empty(item, "summary");
    }
    c.zone = json_str_or_empty(item, "timeZone");
    c.color = json_str_or_empty(item, "backgroundColor");
    c.role = google_role_parse(json_str_or_empty(item, "accessRole"));
    IGNORE(!json_get_bool(item, "primary", &c.primary)); /* absent: false */
    IGNORE(!json_get_bool(item, "deleted", &c.deleted));
    /* Holidays, birthdays and the like are shared by everybody and never watched. */
    c.watchable = !str_ends(c.id, STR("@group.v.calendar.google.com"));
    *ret_calendar = c;
    return ERR_OK;
}

/* ---- free/busy ------------------------------------------------------------------------------ */

static enum err_code busy_code(struct str reason)
{
    if (str_eq_c(reason, "notFound")) {
        return ERR_NOT_FOUND;
    }
    if (str_eq_c(reason, "tooManyCalendarsRequested") || str_eq_c(reason, "groupTooBig")) {
        return ERR_INVALID;
    }
    return ERR_UNAVAILABLE;
}

static bool read_span(const struct json *value, struct calendar_span *ret_span)
{
    struct calendar_span span = {.show_as = CALENDAR_BUSY};
    if (!calendar_parse_rfc3339(json_str_or_empty(value, "start"), &span.start_at, NULL) ||
        !calendar_parse_rfc3339(json_str_or_empty(value, "end"), &span.end_at, NULL) ||
        span.end_at < span.start_at) {
        return false;
    }
    *ret_span = span;
    return true;
}

void google_busy_read(const struct json *calendar, struct arena *arena,
                      struct provider_busy *ret_busy)
{
    struct provider_busy busy = {.code = ERR_UNAVAILABLE, .reason = STR("missing")};
    const struct json *errors = json_get(calendar, "errors");
    const struct json *list = json_get(calendar, "busy");
    if (errors != NULL && errors->first != NULL) {
        busy.reason = json_str_or_empty(errors->first, "reason");
        busy.code = busy_code(busy.reason);
    } else if (list != NULL && list->kind == JSON_ARRAY) {
        struct calendar_span *spans = ARENA_ARRAY(arena, struct calendar_span, list->count);
        size_t count = 0;
        json_foreach(value, list)
        {
            if (!read_span(value, &spans[count])) {
                *ret_busy = (struct provider_busy){.code = ERR_PROTO, .reason = STR("unreadable")};
                return;
            }
            count++;
        }
        busy = (struct provider_busy){.spans = spans, .span_count = count};
    }
    *ret_busy = busy;
}

/* ---- channels ------------------------------------------------------------------------------- */

enum err_code google_channel_read(const struct json *body, struct provider_channel *ret_channel,
                                  struct err *err)
{
    struct provider_channel channel = {
        .channel_id = json_str_or_empty(body, "id"),
        .resource_id = json_str_or_empty(body, "resourceId"),
    };
    /* A 64-bit number is a string in Google's JSON; a number is taken as well. */
    struct str text;
    bool dated = json_get_i64(body, "expiration", &channel.expires_at) ||
                 (json_get_str(body, "expiration", &text) && str_to_i64(text, &channel.expires_at));
    if (channel.channel_id.len == 0 || channel.resource_id.len == 0 || !dated) {
        return ERR_SET_ACT(err, ERR_PROTO, ERR_ACT_RETRY, "a channel without id, resource or end");
    }
    *ret_channel = channel;
    return ERR_OK;
}

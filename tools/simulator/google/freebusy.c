#include "simulator/google/freebusy.h"

#include "simulator/google/series.h"
#include "simulator/google/when.h"

#define DAY_MS (24LL * 3600 * 1000)

struct span {
    int64_t start_at;
    int64_t end_at;
};

struct busy {
    VEC(struct span) spans;
    const struct g_event *master;
    int64_t from;
    int64_t to;
};

static void add_span(struct busy *b, int64_t start_at, int64_t end_at)
{
    if (end_at > b->from && start_at < b->to) {
        vec_push(&b->spans, (struct span){MAX(start_at, b->from), MIN(end_at, b->to)});
    }
}

static bool add_occurrence(void *arg, const struct g_occurrence *o)
{
    struct busy *b = arg;
    if (g_series_exception(b->master, o->at) == NULL) {
        add_span(b, o->at, o->end_at);
    }
    return true;
}

static bool is_busy(const struct g_event *e)
{
    if (e->cancelled || str_eq_c(tree_get_str(e->body, "transparency"), "transparent")) {
        return false;
    }
    const json_t *attendees = json_object_get(e->body, "attendees");
    for (size_t i = 0; i < json_array_size(attendees); i++) {
        const json_t *attendee = json_array_get(attendees, i);
        if (tree_get_bool(attendee, "self", false) &&
            str_eq_c(tree_get_str(attendee, "responseStatus"), "declined")) {
            return false;
        }
    }
    return true;
}

static int by_start(const void *pa, const void *pb)
{
    const struct span *a = pa;
    const struct span *b = pb;
    return (a->start_at > b->start_at) - (a->start_at < b->start_at);
}

static void collect(struct busy *b, const struct g_calendar *c)
{
    list_foreach (node, &c->changes) {
        const struct g_event *e = LIST_ENTRY(node, struct g_event, in_changes);
        if (!is_busy(e)) {
            continue;
        }
        if (e->recurring) {
            b->master = e;
            g_series_each(e, b->from, b->to, add_occurrence, b);
        } else {
            add_span(b, e->start_at, e->end_at);
        }
    }
    if (b->spans.len > 0) {
        qsort(b->spans.ptr, b->spans.len, sizeof *b->spans.ptr, by_start);
    }
}

/* Overlapping and touching ones become one. */
static json_t *spans_tree(const struct busy *b, const char *zone)
{
    json_t *list = json_array();
    size_t i = 0;
    while (i < b->spans.len) {
        char start[WHEN_TEXT_MAX];
        char end[WHEN_TEXT_MAX];
        struct span span = b->spans.ptr[i];
        for (i++; i < b->spans.len && b->spans.ptr[i].start_at <= span.end_at; i++) {
            span.end_at = MAX(span.end_at, b->spans.ptr[i].end_at);
        }
        json_array_append_new(list,
                              json_pack("{s:s, s:s}", "start",
                                        when_print(span.start_at, zone, start, sizeof start), "end",
                                        when_print(span.end_at, zone, end, sizeof end)));
    }
    return list;
}

static json_t *failed(const char *domain, const char *reason)
{
    return json_pack("{s:[{s:s, s:s}], s:[]}", "errors", "domain", domain, "reason", reason,
                     "busy");
}

static json_t *one_calendar(struct g_call *call, struct str id, int64_t from, int64_t to,
                            const char *zone)
{
    const struct g_calendar *c = g_calendar_find(call->g, call->user, id);
    if (c == NULL || g_role_of(call->user, c) == G_ROLE_NONE) {
        return failed("global", "notFound");
    }
    struct busy b = {.from = from, .to = to};
    collect(&b, c);
    json_t *tree = json_object();
    tree_set(tree, "busy", spans_tree(&b, zone));
    vec_fini(&b.spans);
    return tree;
}

static bool read_window(struct g_call *call, int64_t *ret_from, int64_t *ret_to)
{
    struct str from = tree_get_str(call->body, "timeMin");
    struct str to = tree_get_str(call->body, "timeMax");
    if (from.len == 0 || to.len == 0) {
        g_fail_required(call, from.len == 0 ? "Missing timeMin parameter."
                                            : "Missing timeMax parameter.");
        return false;
    }
    if (!when_parse(from, ret_from) || !when_parse(to, ret_to)) {
        g_fail_invalid(call, "Bad Request", NULL);
        return false;
    }
    if (*ret_to <= *ret_from) {
        g_fail(call,
               &(struct g_error){400, "calendar", "timeRangeEmpty",
                                 "The specified time range is empty.", "parameter", "timeMax"});
        return false;
    }
    if (*ret_to - *ret_from > call->g->modes.free_busy_max_days * DAY_MS) {
        g_fail(call,
               &(struct g_error){400, "calendar", "timeRangeTooLong",
                                 "The requested time range is too long.", "parameter", "timeMax"});
        return false;
    }
    return true;
}

void g_free_busy(struct g_call *call)
{
    int64_t from;
    int64_t to;
    char text[WHEN_TEXT_MAX];
    struct str asked_zone = tree_get_str(call->body, "timeZone");
    const char *zone = when_zone_known(asked_zone) ? asked_zone.ptr : "UTC";
    const json_t *items = json_object_get(call->body, "items");
    size_t count = json_array_size(items);

    if (!read_window(call, &from, &to)) {
        return;
    }
    json_t *calendars = json_object();
    for (size_t i = 0; i < count; i++) {
        struct str id = tree_get_str(json_array_get(items, i), "id");
        if (call->g->modes.free_busy_omit && i + 1 == count) {
            break;
        }
        json_t *one = (int64_t)count > call->g->modes.free_busy_max_calendars
                          ? failed("calendar", "tooManyCalendarsRequested")
                          : one_calendar(call, id, from, to, zone);
        tree_set(calendars, arena_cstr(call->arena, id), one);
    }
    json_t *tree = json_object();
    tree_set_c(tree, "kind", "calendar#freeBusy");
    tree_set_c(tree, "timeMin", when_print_utc(from, text, sizeof text));
    tree_set_c(tree, "timeMax", when_print_utc(to, text, sizeof text));
    tree_set(tree, "calendars", calendars);
    g_reply(call, tree);
}

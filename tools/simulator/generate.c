#include "simulator/generate.h"

#include "simulator/google/events.h"
#include "simulator/google/series.h"
#include "simulator/google/zones.h"

#include <inttypes.h>

#define HOUR_MS (3600LL * 1000)

struct plan {
    struct google *g;
    struct g_calendar *calendar;
    struct calendar_date from;
    int64_t days;
    int64_t series, exceptions, all_day, dst;
    uint64_t random;
    int64_t seed;
    size_t made, made_series, made_exceptions, made_all_day, made_dst;
};

static uint32_t draw(struct plan *p, uint32_t below)
{
    p->random = p->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(p->random >> 33) % below;
}

static bool chance(struct plan *p, int64_t percent)
{
    return draw(p, 100) < percent;
}

static json_t *wall_side(const struct plan *p, struct calendar_date date, int minute, bool all_day)
{
    char text[40];
    json_t *side = json_object();
    if (minute >= 24 * 60) {
        date = calendar_date_of(calendar_days(date) + minute / (24 * 60));
        minute %= 24 * 60;
    }
    if (all_day) {
        snprintf(text, sizeof text, "%04d-%02d-%02d", date.year, date.month, date.day);
        tree_set_c(side, "date", text);
    } else {
        snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:00", date.year, date.month, date.day,
                 minute / 60, minute % 60);
        tree_set_c(side, "dateTime", text);
        tree_set_c(side, "timeZone", p->calendar->zone);
    }
    return side;
}

static void set_rule(struct plan *p, json_t *body, bool dst)
{
    static const char *const rules[] = {
        "RRULE:FREQ=WEEKLY;COUNT=52",
        "RRULE:FREQ=DAILY;INTERVAL=2;COUNT=60",
        "RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR",
        "RRULE:FREQ=MONTHLY;BYDAY=-1FR",
        "RRULE:FREQ=MONTHLY;BYMONTHDAY=31;COUNT=24",
        "RRULE:FREQ=YEARLY",
    };
    const char *rule = dst ? "RRULE:FREQ=DAILY;COUNT=250" : rules[draw(p, ARRAY_LEN(rules))];
    tree_set(body, "recurrence", json_pack("[s]", rule));
}

static json_t *make_body(struct plan *p, size_t i, bool series, bool all_day, bool dst)
{
    char text[80];
    int32_t day = calendar_days(p->from) + (int32_t)draw(p, (uint32_t)p->days);
    int minute = 8 * 60 + (int)draw(p, 20) * 30;
    int length = 30 * (1 + (int)draw(p, 4));
    if (dst) { /* at the hour that is skipped in spring and comes twice in autumn */
        minute = 60 + (int)draw(p, 3) * 30;
    }
    if (all_day) {
        minute = 0;
        length = 24 * 60 * (1 + (int)draw(p, 3));
    }
    json_t *body = json_object();
    snprintf(text, sizeof text, "gen%" PRId64 "e%06zu", p->seed, i);
    tree_set_c(body, "id", text);
    snprintf(text, sizeof text, "%s %zu", series ? "Series" : all_day ? "Day" : "Meeting", i);
    tree_set_c(body, "summary", text);
    tree_set(body, "start", wall_side(p, calendar_date_of(day), minute, all_day));
    tree_set(body, "end", wall_side(p, calendar_date_of(day), minute + length, all_day));
    if (draw(p, 4) == 0) {
        tree_set_c(body, "location", "Room 1");
    }
    if (draw(p, 10) == 0) {
        tree_set_c(body, "transparency", "transparent");
    }
    if (series) {
        set_rule(p, body, dst);
    }
    return body;
}

struct nth {
    size_t left;
    struct g_occurrence found;
    bool any;
};

static bool take_nth(void *arg, const struct g_occurrence *o)
{
    struct nth *n = arg;
    n->found = *o;
    n->any = true;
    return n->left-- > 0;
}

/* Moves one occurrence by an hour (a day), or cancels it. */
static void make_exception(struct plan *p, const struct g_event *master, size_t number)
{
    struct arena arena CLEANUP(arena_fini);
    struct nth nth = {.left = number * 2 + 1};
    struct g_error error;
    arena_init(&arena);
    g_series_each(master, master->start_at, master->start_at + 400 * CALENDAR_DAY_MS, take_nth,
                  &nth);
    if (!nth.any || g_series_exception(master, nth.found.at) != NULL) {
        return;
    }
    json_t *body = g_instance_body(master, &nth.found, &arena);
    if (number % 2 == 1) {
        tree_set_c(body, "status", "cancelled");
    } else {
        int64_t by = master->all_day ? CALENDAR_DAY_MS : HOUR_MS;
        struct when start = {master->all_day, nth.found.at + by};
        struct when end = {master->all_day, nth.found.end_at + by};
        struct str zone = str_c(p->calendar->zone);
        tree_set(body, "start", when_tree(&start, zone.ptr, zone));
        tree_set(body, "end", when_tree(&end, zone.ptr, zone));
        tree_set_c(body, "summary", "Moved");
    }
    if (g_event_create(p->g, p->calendar, p->calendar->owner, body, &error) != NULL) {
        p->made_exceptions++;
    }
}

static void generate(struct plan *p, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool series = chance(p, p->series);
        bool all_day = chance(p, p->all_day);
        bool dst = series && !all_day && chance(p, p->dst);
        struct g_error error;
        struct g_event *e = g_event_create(p->g, p->calendar, p->calendar->owner,
                                           make_body(p, i, series, all_day, dst), &error);
        if (e == NULL) {
            continue; /* the id was there before */
        }
        p->made++;
        p->made_series += series;
        p->made_all_day += all_day;
        p->made_dst += dst;
        if (series && chance(p, p->exceptions)) {
            make_exception(p, e, 0);
            make_exception(p, e, 1);
        }
    }
}

void admin_generate(struct admin *a)
{
    struct g_user *user = g_user_find(a->sim->google, tree_get_str(a->body, "account"));
    struct str id = tree_get_str(a->body, "calendar");
    struct str from = tree_get_str(a->body, "from");
    int64_t count = tree_get_i64(a->body, "count", 1000);
    struct plan p = {
        .g = a->sim->google,
        .days = tree_get_i64(a->body, "days", 365),
        .series = tree_get_i64(a->body, "series", 10),
        .exceptions = tree_get_i64(a->body, "exceptions", 30),
        .all_day = tree_get_i64(a->body, "all_day", 10),
        .dst = tree_get_i64(a->body, "dst", 5),
        .seed = tree_get_i64(a->body, "seed", 1),
    };
    p.calendar = user != NULL ? g_calendar_find(p.g, user, id.len > 0 ? id : STR("primary")) : NULL;
    p.random = (uint64_t)p.seed;
    if (p.calendar == NULL) {
        admin_fail(a, 404, "no such account or calendar");
        return;
    }
    if (count < 0 || count > GENERATE_MAX || p.days < 1 || p.days > 36500 || p.seed < 0 ||
        !calendar_parse_date(from.len > 0 ? from : STR("2026-01-01"), &p.from)) {
        admin_fail(a, 400, "count, days, seed or from out of range");
        return;
    }
    generate(&p, (size_t)count);
    admin_reply(a, 200,
                json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "calendar", p.calendar->id, "events",
                          (json_int_t)p.made, "series", (json_int_t)p.made_series, "exceptions",
                          (json_int_t)p.made_exceptions, "all_day", (json_int_t)p.made_all_day,
                          "dst", (json_int_t)p.made_dst));
}

/* An answer as JSON:
 *
 *   {"time_min", "time_max", "people": [
 *     {"user" or "address",
 *      "busy": [{"start", "end", "show_as"}],   null: nothing is known
 *      "sources": [{"connection", "calendar", "source", "computed_at", "read_at", "covered",
 *                   "fresh"}],
 *      "errors": [{"code", "message", "connection", "calendar", "provider", "reason"}],
 *      "partial": whether something is known to be missing, "complete": nothing is in doubt}]}
 *
 * "provider" says why the provider did not answer, "reason" why the last read failed (for those who
 * see details). Never "free" because something could not be read: whoever is not complete has an
 * error that says why, and who is not known at all has no list. */
#include "freebusy.h"

#include "calendar/time.h"
#include "observe/metric.h"
#include "json/write.h"

static const struct {
    const char *code;
    const char *message;
} messages[] = {
    {"not_visible", "This person's time is not visible to you."},
    {"no_connection", "No calendar of this person is connected."},
    {"no_calendar", "No calendar of this person counts as busy."},
    {"paused", "The owner has paused this calendar; what is known may be old."},
    {"unreadable", "The account has to be connected again; what is known may be old."},
    {"not_read_yet", "The calendar has not been read yet."},
    {"uncovered", "The calendar is not known for the whole window."},
    {"parked", "The calendar could not be read when it was last tried."},
    {"stale", "The calendar has not been read for a while."},
    {"partial", "Events of this calendar could not be understood; their times are missing."},
};

static const char *message_of(const char *code)
{
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        if (strcmp(messages[i].code, code) == 0) {
            return messages[i].message;
        }
    }
    return "The calendar could not be read.";
}

static void put_time(struct json_writer *w, int64_t at)
{
    struct buf text CLEANUP(buf_fini);
    buf_init(&text, 64);
    calendar_print_rfc3339(MIN(MAX(at, CALENDAR_MIN_AT), CALENDAR_MAX_AT), &text);
    json_put_str(w, buf_str(&text));
}

static void member_time(struct json_writer *w, const char *key, int64_t at)
{
    json_key(w, key);
    put_time(w, at);
}

/* ---- busy ------------------------------------------------------------------------------------ */

static const char *source_name(enum fb_source source)
{
    switch (source) {
    case FB_SOURCE_CACHE:
        return "cache";
    case FB_SOURCE_STORE:
        return "store";
    case FB_SOURCE_PROVIDER:
        return "provider";
    case FB_SOURCE_NONE:
        break;
    }
    return "none";
}

/* Where somebody works is for those who see details. */
static bool shows(const struct fb_person *p, enum calendar_show_as show_as)
{
    return p->level > FB_LEVEL_SPANS || calendar_blocks(show_as);
}

static size_t gather(const struct fb_person *p, const struct calendar_span *spans, size_t count,
                     struct calendar_span *out)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (shows(p, spans[i].show_as)) {
            out[n++] = spans[i];
        }
    }
    return n;
}

/* False: nothing is known. */
static bool busy_of(const struct fb_person *p, struct arena *arena,
                    struct calendar_span **ret_spans, size_t *ret_count)
{
    size_t room = p->hold_count, n;
    bool known = p->hold_count > 0;
    for (size_t i = 0; i < p->connection_count; i++) {
        for (size_t k = 0; k < p->connections[i].calendar_count; k++) {
            const struct fb_calendar *c = &p->connections[i].calendars[k];
            room += c->span_count;
            known = known || c->source != FB_SOURCE_NONE;
        }
    }
    struct calendar_span *spans = ARENA_ARRAY(arena, struct calendar_span, 2 * room);
    n = gather(p, p->holds, p->hold_count, spans);
    for (size_t i = 0; i < p->connection_count; i++) {
        for (size_t k = 0; k < p->connections[i].calendar_count; k++) {
            const struct fb_calendar *c = &p->connections[i].calendars[k];
            n += gather(p, c->spans, c->span_count, spans + n);
        }
    }
    *ret_spans = spans;
    *ret_count = calendar_spans_merge(spans, n);
    return known;
}

static void put_busy(struct json_writer *w, const struct fb_person *p, struct arena *arena)
{
    struct calendar_span *spans = NULL;
    size_t count = 0;
    json_key(w, "busy");
    if (!busy_of(p, arena, &spans, &count)) {
        json_put_null(w);
        return;
    }
    json_open(w, '[');
    for (size_t i = 0; i < count; i++) {
        json_open(w, '{');
        member_time(w, "start", spans[i].start_at);
        member_time(w, "end", spans[i].end_at);
        json_member_c(w, "show_as", calendar_show_as_name(spans[i].show_as));
        json_close(w, '}');
    }
    json_close(w, ']');
}

/* ---- sources and errors ---------------------------------------------------------------------- */

static void put_place(struct json_writer *w, const struct fb_person *p,
                      const struct fb_connection *c, const struct fb_calendar *calendar)
{
    char id[UUID_TEXT_LEN + 1];
    json_member_str(w, "connection", uuid_print(c->id, id));
    if (p->level > FB_LEVEL_SPANS && calendar != NULL) {
        json_member_i64(w, "calendar", calendar->id);
    }
}

static void put_source(struct json_writer *w, const struct fb_person *p,
                       const struct fb_connection *c, const struct fb_calendar *calendar,
                       struct fb_window window)
{
    metric_inc(METRIC_FREEBUSY_SOURCES, calendar->fresh || calendar->source == FB_SOURCE_NONE
                                            ? source_name(calendar->source)
                                            : "stale");
    if (calendar->source == FB_SOURCE_NONE) {
        return;
    }
    struct fb_window covered = window;
    if (calendar->source != FB_SOURCE_PROVIDER) {
        covered.from_at = MAX(window.from_at, calendar->covered_from);
        covered.to_at = MIN(window.to_at, calendar->covered_to);
    }
    json_open(w, '{');
    put_place(w, p, c, calendar);
    json_member_c(w, "source", source_name(calendar->source));
    member_time(w, "computed_at", calendar->computed_at);
    if (calendar->source != FB_SOURCE_PROVIDER && calendar->last_read_at > 0) {
        member_time(w, "read_at", calendar->last_read_at);
    }
    json_key(w, "covered");
    json_open(w, '[');
    put_time(w, covered.from_at);
    put_time(w, covered.to_at);
    json_close(w, ']');
    json_member_bool(w, "fresh", calendar->fresh);
    json_close(w, '}');
}

static void put_sources(struct json_writer *w, const struct fb_person *p, struct fb_window window)
{
    json_key(w, "sources");
    json_open(w, '[');
    for (size_t i = 0; i < p->connection_count; i++) {
        const struct fb_connection *c = &p->connections[i];
        for (size_t k = 0; k < c->calendar_count; k++) {
            put_source(w, p, c, &c->calendars[k], window);
        }
    }
    json_close(w, ']');
}

static void put_error(struct json_writer *w, const struct fb_person *p,
                      const struct fb_connection *c, const struct fb_calendar *calendar,
                      const char *code)
{
    json_open(w, '{');
    json_member_c(w, "code", code);
    json_member_c(w, "message", message_of(code));
    if (c != NULL) {
        put_place(w, p, c, calendar);
    }
    if (calendar != NULL && calendar->live_code != NULL && calendar->code == code) {
        json_member_c(w, "provider", calendar->live_code);
    }
    if (calendar != NULL && calendar->park_reason.len > 0 && calendar->code == code &&
        p->level > FB_LEVEL_SPANS) {
        json_member_str(w, "reason", calendar->park_reason);
    }
    json_close(w, '}');
}

/* What the provider answered itself has no holes of ours. */
static bool has_holes(const struct fb_calendar *c)
{
    return c->error_rows > 0 && c->source != FB_SOURCE_PROVIDER;
}

/* Returns how many; *partial: stored events are known to be missing. */
static size_t put_connection_errors(struct json_writer *w, const struct fb_person *p,
                                    const struct fb_connection *c, bool *partial)
{
    size_t n = 0;
    if (c->calendar_count == 0) {
        put_error(w, p, c, NULL,
                  !c->active    ? "unreadable"
                  : !c->enabled ? "paused"
                  : !c->listed  ? "not_read_yet"
                                : "no_calendar");
        return 1;
    }
    for (size_t k = 0; k < c->calendar_count; k++) {
        const struct fb_calendar *calendar = &c->calendars[k];
        if (!calendar->fresh) {
            put_error(w, p, c, calendar, calendar->code);
            n++;
        }
        if (has_holes(calendar)) {
            put_error(w, p, c, calendar, "partial");
            *partial = true;
            n++;
        }
    }
    return n;
}

static void put_errors(struct json_writer *w, const struct fb_person *p)
{
    size_t n = 0;
    bool partial = false;
    json_key(w, "errors");
    json_open(w, '[');
    if (p->level == FB_LEVEL_NONE) {
        /* Whether there is such a user is not told. */
        put_error(w, p, NULL, NULL, p->by_address ? "no_connection" : "not_visible");
        n++;
    } else if (p->connection_count == 0) {
        put_error(w, p, NULL, NULL, "no_connection");
        n++;
    }
    for (size_t i = 0; i < p->connection_count; i++) {
        n += put_connection_errors(w, p, &p->connections[i], &partial);
    }
    json_close(w, ']');
    json_member_bool(w, "partial", partial);
    json_member_bool(w, "complete", n == 0);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void put_person(struct json_writer *w, const struct fb_person *p, struct fb_window window,
                       struct arena *arena)
{
    char id[UUID_TEXT_LEN + 1];
    json_open(w, '{');
    if (p->by_address) {
        json_member_str(w, "address", p->address);
    } else {
        json_member_str(w, "user", uuid_print(p->user, id));
    }
    put_busy(w, p, arena);
    put_sources(w, p, window);
    put_errors(w, p);
    json_close(w, '}');
}

void fb_people_write(const struct fb_snapshot *snap, struct fb_window window, struct arena *arena,
                     struct buf *out)
{
    struct json_writer w = {.out = out};
    json_open(&w, '{');
    member_time(&w, "time_min", window.from_at);
    member_time(&w, "time_max", window.to_at);
    json_key(&w, "people");
    json_open(&w, '[');
    for (size_t i = 0; i < snap->person_count; i++) {
        put_person(&w, &snap->people[i], window, arena);
    }
    json_close(&w, ']');
    json_close(&w, '}');
}

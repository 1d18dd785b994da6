/* Spans of calendars whose stored ones cannot be believed, from their provider. */
#include "freebusy.h"

#include "observe/log.h"
#include "providers/verbs.h"
#include "runtime/failpoint.h"

/* Left for the reply when the provider has answered late or not. */
#define RESERVE_MS 400

/* One connection's question, a coroutine of its own. */
struct ask {
    struct freebusy *fb;
    struct fb_connection *connection;
    struct fb_window window;
    int64_t deadline;
    struct arena *arena; /* the question's */
    struct access_session access;
};

static const char *why(const struct err *err)
{
    if (err->act == ERR_ACT_REAUTH) {
        return "unreadable";
    }
    switch ((int)err->code) {
    case ERR_TIMEOUT:
    case ERR_CANCELED:
        return "timeout";
    case ERR_THROTTLED:
        return "throttled";
    case ERR_NOT_FOUND:
    case ERR_GONE:
    case ERR_DENIED:
        return "refused";
    default:
        return "unavailable";
    }
}

static void take(struct ask *x, struct fb_calendar *c, const struct provider_busy *busy)
{
    if (busy->code != ERR_OK) {
        struct err err = {.code = busy->code};
        c->live_code = why(&err);
        return;
    }
    struct calendar_span *spans = ARENA_ARRAY(x->arena, struct calendar_span, 2 * busy->span_count);
    if (busy->span_count > 0) {
        memcpy(spans, busy->spans, busy->span_count * sizeof *spans);
    }
    size_t n = calendar_spans_merge(spans, busy->span_count);
    c->spans = spans;
    c->span_count = calendar_spans_clip(spans, n, x->window.from_at, x->window.to_at);
    c->source = FB_SOURCE_PROVIDER;
    c->computed_at = co_wall_now();
    c->fresh = true;
    c->code = NULL;
    c->live_code = NULL;
}

static enum err_code ask(struct ask *x, struct fb_calendar **asked, size_t count, struct err *err)
{
    struct str *ids = ARENA_ARRAY(x->arena, struct str, count);
    struct provider_busy *busy = ARENA_ARRAY(x->arena, struct provider_busy, count);
    for (size_t i = 0; i < count; i++) {
        ids[i] = asked[i]->provider_id;
    }
    struct provider_free_busy_req req = {.calendar_ids = ids,
                                         .calendar_count = count,
                                         .time_min = x->window.from_at,
                                         .time_max = x->window.to_at};
    enum err_code rc = failpoint("freebusy.before_provider", err);
    if (rc == ERR_OK) {
        rc = access_open(x->fb->access, x->connection->id, x->arena, x->deadline, &x->access, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    x->access.session.interactive = true;
    rc = provider_free_busy(x->access.provider, &x->access.session, &req, x->deadline, x->arena,
                            busy, err);
    for (size_t i = 0; rc == ERR_OK && i < count; i++) {
        take(x, asked[i], &busy[i]);
    }
    return rc;
}

static size_t to_ask(struct fb_connection *c, struct fb_calendar **asked)
{
    size_t n = 0;
    for (size_t i = 0; i < c->calendar_count; i++) {
        if (c->calendars[i].ask) {
            asked[n++] = &c->calendars[i];
        }
    }
    return n;
}

static void ask_entry(void *arg)
{
    struct ask *x = arg;
    struct err err = {0};
    struct fb_calendar **asked =
        ARENA_ARRAY(x->arena, struct fb_calendar *, x->connection->calendar_count);
    size_t count = to_ask(x->connection, asked);
    enum err_code rc = co_sem_acquire(&x->fb->live, x->deadline, &err);
    if (rc == ERR_OK) {
        rc = ask(x, asked, count, &err);
        co_sem_release(&x->fb->live);
    }
    if (rc == ERR_OK) {
        return;
    }
    static struct log_limit limit;
    int64_t dropped = 0;
    if (log_limit_pass(&limit, co_now(), 1000, &dropped)) {
        LOG_WARN("freebusy.provider.failed", "a provider could not be asked for busy times",
                 F_UUID("connection", x->connection->id), F_ERR(&err), F_I64("dropped", dropped));
    }
    for (size_t i = 0; i < count; i++) {
        asked[i]->live_code = why(&err);
    }
}

static void give_up(struct fb_connection *c, const char *code)
{
    for (size_t i = 0; i < c->calendar_count; i++) {
        if (c->calendars[i].ask) {
            c->calendars[i].live_code = code;
        }
    }
}

static void ask_connection(struct freebusy *fb, struct fb_connection *c, struct fb_window window,
                           int64_t deadline, struct arena *arena, struct co_group *group)
{
    struct fb_calendar **asked = ARENA_ARRAY(arena, struct fb_calendar *, c->calendar_count);
    if (to_ask(c, asked) == 0) {
        return;
    }
    if (deadline <= co_now()) {
        give_up(c, "timeout");
        return;
    }
    struct ask *x = ARENA_NEW(arena, struct ask);
    *x = (struct ask){
        .fb = fb, .connection = c, .window = window, .deadline = deadline, .arena = arena};
    if (co_spawn(group, "freebusy.ask", ask_entry, x, NULL) != ERR_OK) {
        give_up(c, "unavailable");
    }
}

void fb_live_ask(struct freebusy *fb, struct fb_snapshot *snap, struct fb_window window,
                 int64_t deadline, struct arena *arena)
{
    struct co_group group;
    int64_t until = MIN(deadline - RESERVE_MS, co_after(fb->live_ms));

    co_group_init(&group, co_loop_current());
    for (size_t i = 0; i < snap->person_count; i++) {
        struct fb_person *person = &snap->people[i];
        for (size_t k = 0; k < person->connection_count; k++) {
            ask_connection(fb, &person->connections[k], window, until, arena, &group);
        }
    }
    /* Each ends by its own deadline; a little more lets it say why. Then it is cancelled. */
    (void)co_group_join(&group, until + RESERVE_MS / 4, NULL);
    co_group_fini(&group);
}

#include "freebusy.h"

#include "calendar/time.h"
#include "observe/log.h"
#include "observe/metric.h"
#include "runtime/failpoint.h"
#include "json/write.h"

#define TRIES 3
#define RETRY_AFTER_MS 2000

void freebusy_init(struct freebusy *fb)
{
    co_sem_init(&fb->live, fb->live_max);
}

struct asking {
    struct freebusy *fb;
    const struct message_caller *caller;
    const struct message_freebusy *question;
    struct fb_window window;
    int64_t deadline;
    struct arena *arena;
    struct freebusy_answer *answer;
};

/* The body of ingest's own refusals: code, sentence, request id. */
static void refuse(struct asking *x, int status, const char *code, const char *text)
{
    char id[UUID_TEXT_LEN + 1];
    struct json_writer w = {.out = &x->answer->body};
    buf_reset(&x->answer->body);
    json_open(&w, '{');
    json_key(&w, "error");
    json_open(&w, '{');
    json_member_c(&w, "code", code);
    json_member_c(&w, "message", text);
    json_member_str(&w, "request_id", uuid_print(x->caller->request_id, id));
    json_close(&w, '}');
    json_close(&w, '}');
    x->answer->status = status;
}

/* ingest has judged the body; what is checked again is what our memory and time hang on. */
static bool question_ok(struct asking *x)
{
    const struct message_freebusy *q = x->question;
    size_t people = q->users.len + q->addresses.len;
    if (x->caller->role != MESSAGE_ROLE_USER || !MESSAGE_HAS(caller, x->caller, user)) {
        refuse(x, 403, "user_required", "Only a signed-in user can ask this.");
    } else if (people == 0) {
        refuse(x, 400, "missing_field", "Say whom it is about, in \"users\" or \"addresses\".");
    } else if (people > FB_PEOPLE_MAX) {
        refuse(x, 400, "too_many", "At most 50 people can be asked about.");
    } else if (q->time_min < CALENDAR_MIN_AT || q->time_max > CALENDAR_MAX_AT ||
               q->time_max <= q->time_min) {
        refuse(x, 400, "invalid_window", "The window must end after it begins.");
    } else if (q->time_max - q->time_min > FB_WINDOW_MAX_MS) {
        refuse(x, 400, "window_too_long", "The window has at most 366 days.");
    } else {
        return true;
    }
    return false;
}

static void judge(struct fb_snapshot *snap, struct fb_window window)
{
    for (size_t i = 0; i < snap->person_count; i++) {
        struct fb_person *p = &snap->people[i];
        for (size_t k = 0; k < p->connection_count; k++) {
            struct fb_connection *c = &p->connections[k];
            for (size_t n = 0; n < c->calendar_count; n++) {
                struct fb_calendar *calendar = &c->calendars[n];
                enum fb_state state = fb_freshness(c, calendar, window, snap->interval_ms,
                                                   snap->now_at, &calendar->code);
                calendar->fresh = state == FB_FRESH;
                calendar->ask = state == FB_ASK;
            }
        }
    }
}

/* Snapshot and spans apart, with Redis between. errs: ERR_CONFLICT: a counter moved meanwhile. */
static enum err_code read_fast(struct asking *x, struct fb_snapshot *snap, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    enum err_code rc = pg_acquire(x->fb->pool, x->deadline, &s, err);
    if (rc == ERR_OK) {
        rc = fb_snapshot_read(s, x->caller, x->question, x->deadline, x->arena, snap, err);
    }
    pg_release(s);
    s = NULL;
    if (rc == ERR_OK && snap->may) {
        rc = failpoint("freebusy.after_snapshot", err);
    }
    if (rc == ERR_OK && snap->may) {
        rc = fb_stored_load(x->fb, snap, x->window, NULL, x->deadline, x->arena, err);
    }
    return rc;
}

/* Both in one transaction's snapshot: for a calendar that is written all the time. */
static enum err_code read_exact(struct asking *x, struct fb_snapshot *snap, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    enum err_code rc = pg_acquire(x->fb->pool, x->deadline, &s, err);
    if (rc == ERR_OK) {
        rc = pg_begin(s, PG_SNAPSHOT, x->deadline, err);
    }
    if (rc == ERR_OK) {
        rc = fb_snapshot_read(s, x->caller, x->question, x->deadline, x->arena, snap, err);
    }
    if (rc == ERR_OK && snap->may) {
        rc = fb_stored_load(x->fb, snap, x->window, s, x->deadline, x->arena, err);
    }
    return rc;
}

static enum err_code read_all(struct asking *x, struct fb_snapshot *snap, struct err *err)
{
    enum err_code rc = ERR_CONFLICT;
    for (int i = 0; i < TRIES && rc == ERR_CONFLICT; i++) {
        rc = read_fast(x, snap, err);
    }
    return rc == ERR_CONFLICT ? read_exact(x, snap, err) : rc;
}

/* A parked calendar's next read is the sync worker's to choose. */
static void tell_stale(struct asking *x, const struct fb_snapshot *snap)
{
    for (size_t i = 0; i < snap->person_count; i++) {
        const struct fb_person *p = &snap->people[i];
        for (size_t k = 0; k < p->connection_count; k++) {
            const struct fb_connection *c = &p->connections[k];
            for (size_t n = 0; n < c->calendar_count; n++) {
                const struct fb_calendar *calendar = &c->calendars[n];
                if (calendar->ask && calendar->parked_until <= snap->now_at &&
                    c->account_parked_until <= snap->now_at) {
                    fb_stale_tell(x->fb, c->account, calendar->id);
                }
            }
        }
    }
}

static void fail(struct asking *x, const struct err *err)
{
    LOG_ERROR("freebusy.failed", "a question could not be answered", F_ERR(err));
    if (err->code == ERR_TIMEOUT) {
        refuse(x, 504, "timeout", "The answer could not be given in time.");
    } else if (err->code == ERR_INTERNAL || err->code == ERR_INVALID || err->code == ERR_DENIED) {
        refuse(x, 500, "internal", "Something went wrong here. It has been logged.");
    } else {
        refuse(x, 503, "unavailable", "This cannot be served now; please try again.");
        x->answer->retry_after_ms = RETRY_AFTER_MS;
    }
}

static void answer_question(struct asking *x)
{
    struct fb_snapshot snap = {0};
    struct err err = {0};
    if (!question_ok(x)) {
        return;
    }
    if (read_all(x, &snap, &err) != ERR_OK) {
        fail(x, &err);
        return;
    }
    if (!snap.has_organization) {
        refuse(x, 400, "organization_required",
               "Say which organisation it is about: organization_id is missing.");
        return;
    }
    if (!snap.may) {
        refuse(x, 403, "permission_denied",
               "This takes the permission ce.calendar.view in that organisation.");
        return;
    }
    judge(&snap, x->window);
    tell_stale(x, &snap);
    fb_live_ask(x->fb, &snap, x->window, x->deadline, x->arena);
    x->answer->status = 200;
    fb_people_write(&snap, x->window, x->arena, &x->answer->body);
    if (buf_ok(&x->answer->body, NULL) != ERR_OK) {
        refuse(x, 413, "answer_too_long", "Ask about fewer people or a shorter time.");
    }
}

void freebusy_answer(struct freebusy *fb, const struct message_caller *caller,
                     const struct message_freebusy *question, int64_t deadline, struct arena *arena,
                     struct freebusy_answer *answer)
{
    struct asking x = {
        .fb = fb,
        .caller = caller,
        .question = question,
        .window = {question->time_min, question->time_max},
        .deadline = deadline,
        .arena = arena,
        .answer = answer,
    };
    int64_t begun_ns = co_clock_ns();
    answer_question(&x);
    metric_observe(METRIC_FREEBUSY_SECONDS, NULL, (double)(co_clock_ns() - begun_ns) / 1e9);
}

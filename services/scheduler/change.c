/* Requests to change and to cancel a meeting of the caller's. */
#include "scheduler.h"
#include "scheduler/sql.h"

/* Keys of users have no blanks, so this one is none of theirs. */
#define CANCEL_KEY "cancel %s"

/* A meeting that is changed or cancelled. */
struct changing {
    struct acceptance a;
    const struct message_schedule_change *change;
    struct str state;
    int64_t was_start, was_end;
    struct str *recurrence;
    size_t recurrence_count;
    int64_t calendar;
    struct str zone;
};

/* ---- the meeting ---------------------------------------------------------------------------- */

/* Locks it. False: answered. */
static CO_FN enum err_code lock_meeting(struct changing *n, bool *ret_known, struct err *err)
{
    struct acceptance *a = &n->a;
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, a->c->arena);
    pg_add_uuid(&p, a->slots.meeting);
    pg_add_uuid(&p, a->c->caller.user);
    enum err_code rc = pg_exec(a->s, &SQL_MEETING_LOCK, &p, co_after(DB_MS), a->c->arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    *ret_known = pg_row_count(r) == 1;
    if (!*ret_known) {
        return command_refuse(a->c, 404, "meeting_not_found", "There is no such meeting of yours.");
    }
    struct str zone = pg_get_str(r, 0, 9);
    a->entry.organization = a->slots.organization = pg_get_uuid(r, 0, 0);
    a->entry.connection = pg_get_uuid(r, 0, 1);
    n->calendar = pg_get_i64(r, 0, 2);
    n->state = pg_get_str(r, 0, 3);
    n->was_start = pg_get_time(r, 0, 4);
    n->was_end = pg_get_time(r, 0, 5);
    n->recurrence = pg_get_text_array(r, 0, 6, a->c->arena, &n->recurrence_count);
    a->slots.event = pg_get_uuid(r, 0, 7);
    a->slots.overridden = pg_get_bool(r, 0, 8);
    n->zone = zone.ptr != NULL ? zone : STR("UTC");
    return command_may(a->c, a->s, a->entry.organization, PERMISSION_SCHEDULE, ret_known, err);
}

/* False: answered. */
static bool stands(struct changing *n)
{
    if (str_eq_c(n->state, "confirmed")) {
        return true;
    }
    if (str_eq_c(n->state, "cancelled") || str_eq_c(n->state, "failed") ||
        str_eq_c(n->state, "abandoned")) {
        command_refuse(n->a.c, 410, "meeting_cancelled", "This meeting does not take place.");
    } else {
        command_refuse(n->a.c, 409, "in_progress",
                       "Another change of this meeting is under way. Try again.");
        n->a.c->retry_after_ms = 1000;
    }
    return false;
}

static CO_FN enum err_code check_place(struct changing *n, bool *ret_usable, struct err *err)
{
    struct acceptance *a = &n->a;
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, a->c->arena);
    pg_add_uuid(&p, a->c->caller.user);
    pg_add_uuid(&p, a->entry.organization);
    pg_add_uuid(&p, a->entry.connection);
    pg_add_i64(&p, n->calendar);
    enum err_code rc = pg_exec(a->s, &SQL_PERSON_PLACE, &p, co_after(DB_MS), a->c->arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    *ret_usable = pg_row_count(r) == 1 && accept_place(a->c, r);
    return pg_row_count(r) == 1
               ? ERR_OK
               : command_refuse(a->c, 409, "disconnected",
                                "The calendar of this meeting is not connected any more.");
}

static CO_FN enum err_code set_state(struct acceptance *a, const char *state, struct err *err)
{
    struct pg_params p;
    pg_params_init(&p, a->c->arena);
    pg_add_uuid(&p, a->slots.meeting);
    pg_add_text(&p, str_c(state));
    return pg_exec(a->s, &SQL_MEETING_STATE, &p, co_after(DB_MS), a->c->arena, NULL, err);
}

/* The meeting, the ledger, and whether it can be written to at all. */
static CO_FN enum err_code enter(struct changing *n, bool *ret_go, struct err *err)
{
    bool is_new = false;
    enum err_code rc = ledger_insert(n->a.c, n->a.s, &n->a.entry, &is_new, err);
    *ret_go = rc == ERR_OK && is_new && stands(n);
    return *ret_go ? check_place(n, ret_go, err) : rc;
}

/* ---- change --------------------------------------------------------------------------------- */

static bool changes_people(const struct message_schedule_change *m)
{
    return MESSAGE_HAS(schedule_change, m, attendee_addresses) ||
           MESSAGE_HAS(schedule_change, m, attendee_users);
}

static bool changes_time(const struct message_schedule_change *m)
{
    return MESSAGE_HAS(schedule_change, m, start_at) || MESSAGE_HAS(schedule_change, m, end_at) ||
           MESSAGE_HAS(schedule_change, m, zone);
}

/* A start alone moves the meeting as it is. False: answered. */
static bool find_window(struct changing *n)
{
    const struct message_schedule_change *m = n->change;
    struct ledger_entry *e = &n->a.entry;
    e->start_at = MESSAGE_HAS(schedule_change, m, start_at) ? m->start_at : n->was_start;
    e->end_at = MESSAGE_HAS(schedule_change, m, end_at) ? m->end_at
                                                        : e->start_at + (n->was_end - n->was_start);
    if (e->end_at <= e->start_at) {
        command_refuse(n->a.c, 400, "invalid_window", "The meeting must end after it begins.");
        return false;
    }
    return true;
}

/* False: answered. */
static bool find_times(struct changing *n)
{
    struct command *c = n->a.c;
    struct slots *slots = &n->a.slots;
    struct err err;
    struct str zone = MESSAGE_HAS(schedule_change, n->change, zone) ? n->change->zone : n->zone;
    enum err_code rc =
        plan_times(n->a.entry.start_at, n->a.entry.end_at, zone, n->recurrence, n->recurrence_count,
                   command_scheduler(c)->zones, c->arena, &slots->times, &err);
    if (rc == ERR_NOT_FOUND || rc == ERR_PROTO) {
        command_refuse(c, 422, "unknown_zone", "There is no such time zone.");
    } else if (rc != ERR_OK) {
        command_refuse(c, 422, "invalid_recurrence", "The meeting cannot be moved so: %s.",
                       err.text);
    } else if (slots->times.len * slots->people.len > PLAN_HOLDS_MAX) {
        command_refuse(c, 422, "too_many_occurrences", "Occurrences times people are more than %d.",
                       PLAN_HOLDS_MAX);
    }
    return c->status == 0;
}

static CO_FN enum err_code find_people(struct changing *n, bool *ret_known, struct err *err)
{
    struct acceptance *a = &n->a;
    if (!changes_people(n->change)) {
        return slots_read_people(a->s, a->slots.meeting, a->c->arena, &a->slots.people, err);
    }
    return slots_people(a->c, a->s, a->entry.organization, a->c->caller.user,
                        &n->change->attendee_users, &n->change->attendee_addresses,
                        &a->slots.people, ret_known, err);
}

/* Who took part is kept in the ledger, for a change that the provider refuses. */
static CO_FN enum err_code write_people(struct acceptance *a, bool *ret_go UNUSED, struct err *err)
{
    struct changing *n = CONTAINER_OF(a, struct changing, a);
    struct pg_params p;
    if (!changes_people(n->change)) {
        return ERR_OK;
    }
    pg_params_init(&p, a->c->arena);
    pg_add_uuid(&p, a->entry.id);
    pg_add_uuid(&p, a->slots.meeting);
    enum err_code rc =
        pg_exec(a->s, &SQL_COMMAND_BEFORE, &p, co_after(DB_MS), a->c->arena, NULL, err);
    return rc == ERR_OK
               ? slots_write_people(a->s, a->slots.meeting, &a->slots.people, a->c->arena, err)
               : rc;
}

static CO_FN enum err_code accept_change(struct acceptance *a, bool *ret_go, struct err *err)
{
    struct changing *n = CONTAINER_OF(a, struct changing, a);
    enum err_code rc = lock_meeting(n, ret_go, err);
    if (rc != ERR_OK || !*ret_go) {
        return rc;
    }
    *ret_go = find_window(n);
    if (*ret_go) {
        rc = enter(n, ret_go, err);
    }
    if (rc == ERR_OK && *ret_go) {
        rc = set_state(a, "changing", err);
    }
    if (rc != ERR_OK || !*ret_go) {
        return rc;
    }
    if (!changes_time(n->change) && !changes_people(n->change)) {
        return ledger_held(a->c, a->s, a->entry.id, &a->slots, HOLDS_AS_BEFORE, err);
    }
    rc = find_people(n, ret_go, err);
    if (rc != ERR_OK || !*ret_go) {
        return rc;
    }
    *ret_go = find_times(n);
    return *ret_go ? accept_slots(a, write_people, ret_go, err) : ERR_OK;
}

enum err_code command_change(struct command *c, const void *message, struct err *err)
{
    const struct message_schedule_change *m = message;
    struct changing n = {
        .a = {.c = c,
              .entry = {.id = uuid_random(),
                        .key = m->idempotency_key,
                        .kind = "change",
                        .type = MESSAGE_schedule_change,
                        .message = m},
              .slots = {.asker = c->caller.user, .meeting = m->meeting},
              .allow_overlap = MESSAGE_HAS(schedule_change, m, allow_overlap) && m->allow_overlap},
        .change = m};
    return accept_command(&n.a, accept_change, err);
}

/* ---- cancel --------------------------------------------------------------------------------- */

static CO_FN enum err_code accept_cancel(struct acceptance *a, bool *ret_go, struct err *err)
{
    struct changing *n = CONTAINER_OF(a, struct changing, a);
    enum err_code rc = lock_meeting(n, ret_go, err);
    if (rc == ERR_OK && *ret_go) {
        rc = enter(n, ret_go, err);
    }
    if (rc == ERR_OK && *ret_go) {
        rc = set_state(a, "cancelling", err);
    }
    return rc == ERR_OK && *ret_go
               ? ledger_held(a->c, a->s, a->entry.id, &a->slots, HOLDS_AS_BEFORE, err)
               : rc;
}

enum err_code command_cancel(struct command *c, const void *message, struct err *err)
{
    const struct message_schedule_cancel *m = message;
    struct changing n = {
        .a = {.c = c,
              .entry = {.id = uuid_random(),
                        .key = arena_strf(c->arena, CANCEL_KEY, UUID_C(m->meeting)),
                        .kind = "cancel",
                        .type = MESSAGE_schedule_cancel,
                        .message = m},
              .slots = {.asker = c->caller.user, .meeting = m->meeting}}};
    return accept_command(&n.a, accept_cancel, err);
}

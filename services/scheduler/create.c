/* A request to create a meeting: refused, or a row in the ledger with its slots held.
 *
 * What is refused before the ledger has it leaves nothing behind: the same key may be tried again
 * when the slot is free or the permission is there. */
#include "scheduler.h"
#include "scheduler/sql.h"
#include "store/sql.h"

#define MINUTES_DEFAULT 30
#define MINUTES_MIN 15
#define MINUTES_MAX 480

/* A creation on its way into the ledger. */
struct creating {
    struct acceptance a;
    const struct message_schedule_create *m;
    const struct pg_result *place; /* person/place.sql: one row */
    int64_t calendar;
    struct str zone;
};

/* ---- where ---------------------------------------------------------------------------------- */

/* The organisation that is named, else the token's, else the only one; nil: the connection that is
 * named has one. */
static CO_FN enum err_code find_organization(struct creating *n, struct uuid *ret_organization,
                                             bool *ret_known, struct err *err)
{
    const struct message_caller *caller = &n->a.c->caller;
    bool named = MESSAGE_HAS(schedule_create, n->m, organization);
    if (!named && !MESSAGE_HAS(caller, caller, organization) &&
        MESSAGE_HAS(schedule_create, n->m, connection)) {
        *ret_known = true; /* the connection says it */
        *ret_organization = (struct uuid){{0}};
        return ERR_OK;
    }
    return command_organization(n->a.c, n->a.s, named ? &n->m->organization : NULL, ret_known,
                                ret_organization, err);
}

static CO_FN enum err_code read_places(struct creating *n, struct uuid organization,
                                       const struct pg_result **ret_rows, struct err *err)
{
    const struct message_schedule_create *m = n->m;
    struct pg_params p;
    pg_params_init(&p, n->a.c->arena);
    pg_add_uuid(&p, n->a.c->caller.user);
    if (uuid_is_nil(organization)) {
        pg_add_null(&p);
    } else {
        pg_add_uuid(&p, organization);
    }
    if (MESSAGE_HAS(schedule_create, m, connection)) {
        pg_add_uuid(&p, m->connection);
    } else {
        pg_add_null(&p);
    }
    if (MESSAGE_HAS(schedule_create, m, calendar)) {
        pg_add_i64(&p, m->calendar);
    } else {
        pg_add_null(&p);
    }
    return pg_exec(n->a.s, &SQL_PERSON_PLACE, &p, co_after(DB_MS), n->a.c->arena, ret_rows, err);
}

/* False: answered. */
static bool take_place(struct creating *n)
{
    const struct pg_result *r = n->place;
    if (pg_row_count(r) == 0) {
        command_refuse(n->a.c, 404, "connection_not_found",
                       "There is no such connection or calendar of yours in that organisation.");
        return false;
    }
    if (pg_row_count(r) > 1) {
        command_refuse(n->a.c, 400, "connection_required",
                       "Say on which connection to book: connection_id is missing.");
        return false;
    }
    n->a.entry.connection = pg_get_uuid(r, 0, 0);
    n->a.entry.organization = pg_get_uuid(r, 0, 1);
    n->calendar = pg_get_i64(r, 0, 5);
    struct str zone = pg_get_str(r, 0, 6);
    n->zone = MESSAGE_HAS(schedule_create, n->m, zone) ? n->m->zone
              : zone.ptr != NULL                       ? zone
                                                       : STR("UTC");
    return true;
}

static CO_FN enum err_code find_place(struct creating *n, bool *ret_known, struct err *err)
{
    struct uuid organization;
    enum err_code rc = find_organization(n, &organization, ret_known, err);
    if (rc != ERR_OK || !*ret_known) {
        return rc;
    }
    bool named = !uuid_is_nil(organization);
    if (named) { /* before anything is told about connections there */
        rc = command_may(n->a.c, n->a.s, organization, PERMISSION_SCHEDULE, ret_known, err);
    }
    if (rc == ERR_OK && *ret_known) {
        rc = read_places(n, organization, &n->place, err);
    }
    if (rc == ERR_OK && *ret_known) {
        *ret_known = take_place(n);
    }
    if (rc == ERR_OK && *ret_known && !named) {
        rc = command_may(n->a.c, n->a.s, n->a.entry.organization, PERMISSION_SCHEDULE, ret_known,
                         err);
    }
    return rc;
}

/* ---- when ----------------------------------------------------------------------------------- */

static CO_FN enum err_code default_end(struct creating *n, int64_t *ret_end, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    int64_t minutes = MINUTES_DEFAULT;
    if (MESSAGE_HAS(schedule_create, n->m, end_at)) {
        *ret_end = n->m->end_at;
        return ERR_OK;
    }
    pg_params_init(&p, n->a.c->arena);
    pg_add_uuid(&p, n->a.entry.organization);
    enum err_code rc =
        pg_exec(n->a.s, &SQL_PERSON_MINUTES, &p, co_after(DB_MS), n->a.c->arena, &r, err);
    if (rc == ERR_OK && pg_row_count(r) == 1) {
        minutes = MIN(MAX(pg_get_i64(r, 0, 0), MINUTES_MIN), MINUTES_MAX);
    }
    *ret_end = n->m->start_at + minutes * 60000;
    return rc;
}

/* False: answered. */
static bool find_times(struct creating *n)
{
    struct err err;
    enum err_code rc = plan_times(
        n->a.entry.start_at, n->a.entry.end_at, n->zone, n->m->recurrence.ptr, n->m->recurrence.len,
        command_scheduler(n->a.c)->zones, n->a.c->arena, &n->a.slots.times, &err);
    if (rc == ERR_NOT_FOUND || rc == ERR_PROTO) {
        command_refuse(n->a.c, 422, "unknown_zone", "There is no such time zone.");
    } else if (rc != ERR_OK) {
        command_refuse(n->a.c, 422, "invalid_recurrence", "The recurrence cannot be booked: %s.",
                       err.text);
    } else if (n->a.slots.times.len * n->a.slots.people.len > PLAN_HOLDS_MAX) {
        command_refuse(n->a.c, 422, "too_many_occurrences",
                       "Occurrences times people are more than %d.", PLAN_HOLDS_MAX);
    }
    return n->a.c->status == 0;
}

/* ---- into the ledger ------------------------------------------------------------------------ */

static CO_FN enum err_code insert_meeting(struct acceptance *a, bool *ret_go UNUSED,
                                          struct err *err)
{
    struct creating *n = CONTAINER_OF(a, struct creating, a);
    struct arena *arena = a->c->arena;
    struct pg_params p;
    pg_params_init(&p, arena);
    pg_add_uuid(&p, a->slots.meeting);
    pg_add_uuid(&p, a->entry.organization);
    pg_add_uuid(&p, a->c->caller.user);
    pg_add_uuid(&p, a->entry.connection);
    pg_add_i64(&p, n->calendar);
    pg_add_text(&p, plan_event_id(a->entry.organization, a->c->caller.user, a->entry.key, arena));
    pg_add_time(&p, a->entry.start_at);
    pg_add_time(&p, a->entry.end_at);
    if (n->m->recurrence.len > 0) {
        pg_add_text_array(&p, n->m->recurrence.ptr, n->m->recurrence.len);
    } else {
        pg_add_null(&p);
    }
    pg_add_bool(&p, a->slots.overridden);
    enum err_code rc = pg_exec(a->s, &SQL_MEETING_INSERT, &p, co_after(DB_MS), arena, NULL, err);
    return rc == ERR_OK ? slots_write_people(a->s, a->slots.meeting, &a->slots.people, arena, err)
                        : rc;
}

static CO_FN enum err_code accept_create(struct acceptance *a, bool *ret_go, struct err *err)
{
    struct creating *n = CONTAINER_OF(a, struct creating, a);
    bool is_new = false;
    enum err_code rc = find_place(n, ret_go, err);
    if (rc != ERR_OK || !*ret_go) {
        return rc;
    }
    a->slots.organization = a->entry.organization;
    a->entry.start_at = n->m->start_at;
    rc = default_end(n, &a->entry.end_at, err);
    if (rc == ERR_OK) {
        rc = ledger_insert(a->c, a->s, &a->entry, &is_new, err);
    }
    /* Asked after the ledger: a repetition is answered also where the connection was paused since.
     */
    *ret_go = rc == ERR_OK && is_new && accept_place(a->c, n->place);
    if (!*ret_go) {
        return rc;
    }
    rc = slots_people(a->c, a->s, a->entry.organization, a->c->caller.user, &n->m->attendee_users,
                      &n->m->attendee_addresses, &a->slots.people, ret_go, err);
    if (rc != ERR_OK || !*ret_go) {
        return rc;
    }
    *ret_go = find_times(n);
    return *ret_go ? accept_slots(a, insert_meeting, ret_go, err) : ERR_OK;
}

enum err_code command_create(struct command *c, const void *message, struct err *err)
{
    const struct message_schedule_create *m = message;
    struct creating n = {
        .a = {.c = c,
              .entry = {.id = uuid_random(),
                        .key = m->idempotency_key,
                        .kind = "create",
                        .type = MESSAGE_schedule_create,
                        .message = m},
              .slots = {.asker = c->caller.user,
                        .meeting = uuid_random(),
                        .expires_ms = command_scheduler(c)->conf->hold_seconds},
              .allow_overlap = MESSAGE_HAS(schedule_create, m, allow_overlap) && m->allow_overlap},
        .m = m};
    if (MESSAGE_HAS(schedule_create, m, end_at) && m->end_at <= m->start_at) {
        return command_refuse(c, 400, "invalid_window", "The meeting must end after it begins.");
    }
    return accept_command(&n.a, accept_create, err);
}

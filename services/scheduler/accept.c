/* A request's transaction into the ledger: its row and its slots, or nothing. */
#include "runtime/failpoint.h"
#include "scheduler.h"

#define TRIES 3 /* of a transaction that lost against another */

bool accept_place(struct command *c, const struct pg_result *r)
{
    struct str role = pg_is_null(r, 0, 7) ? STR("") : pg_get_str(r, 0, 7);
    if (!str_eq_c(pg_get_str(r, 0, 2), "active")) {
        command_refuse(c, 409, "reauthorize", "This calendar must be connected again first.");
    } else if (!pg_get_bool(r, 0, 3)) {
        command_refuse(c, 409, "paused", "This connection is paused.");
    } else if (pg_is_null(r, 0, 5)) {
        command_refuse(c, 409, "calendar_unknown",
                       "The calendars of this connection are not known yet. Try again.");
    } else if (!pg_get_bool(r, 0, 8)) {
        command_refuse(c, 409, "calendar_not_chosen", "This calendar is not chosen for sync.");
    } else if (!str_eq_c(role, "owner") && !str_eq_c(role, "writer")) {
        command_refuse(c, 403, "calendar_read_only", "This calendar cannot be written to.");
    }
    return c->status == 0;
}

/* ---- slots ---------------------------------------------------------------------------------- */

static CO_FN enum err_code take(struct acceptance *a, accept_fn before, struct err *err)
{
    size_t count = 0;
    bool go = true;
    enum err_code rc = before != NULL ? before(a, &go, err) : ERR_OK;
    if (rc == ERR_OK) {
        rc = slots_take(a->s, &a->slots, a->c->arena, &count, err);
    }
    if (rc == ERR_OK) {
        rc = ledger_held(a->c, a->s, a->entry.id, &a->slots, count, err);
    }
    return rc;
}

/* Booked over only where something is in the way: else the meeting keeps others out. */
static CO_FN enum err_code take_or_override(struct acceptance *a, accept_fn before, struct err *err)
{
    enum err_code rc = pg_exec_simple(a->s, "SAVEPOINT slots", co_after(DB_MS), err);
    if (rc == ERR_OK) {
        rc = take(a, before, err);
    }
    if (rc == ERR_CONFLICT && slots_are_taken(err)) {
        a->slots.overridden = true;
        rc = pg_exec_simple(a->s, "ROLLBACK TO SAVEPOINT slots", co_after(DB_MS), err);
        if (rc == ERR_OK) {
            rc = take(a, before, err);
        }
    }
    return rc;
}

enum err_code accept_slots(struct acceptance *a, accept_fn before, bool *ret_go, struct err *err)
{
    bool is_free = false;
    enum err_code rc = slots_free(a->c, a->s, &a->slots, &is_free, err);
    *ret_go = rc == ERR_OK && (is_free || a->allow_overlap);
    if (!*ret_go) {
        return rc;
    }
    a->c->status = 0; /* busy, and booked over */
    buf_reset(&a->c->body);
    a->slots.overridden = !is_free;
    return a->allow_overlap && is_free ? take_or_override(a, before, err) : take(a, before, err);
}

/* ---- the transaction ------------------------------------------------------------------------ */

static CO_FN enum err_code transact(struct acceptance *a, accept_fn fn, bool *ret_go,
                                    struct err *err)
{
    *ret_go = true;
    enum err_code rc = pg_begin(a->s, PG_READ_COMMITTED, co_after(DB_MS), err);
    if (rc == ERR_OK) {
        rc = fn(a, ret_go, err);
    }
    if (rc == ERR_OK && *ret_go) {
        return pg_commit(a->s, co_after(DB_MS), err);
    }
    bool taken = rc == ERR_CONFLICT && slots_are_taken(err);
    if (rc == ERR_OK || taken) {
        *ret_go = false;
        rc = pg_rollback(a->s, co_after(DB_MS), err);
    } else if (pg_in_transaction(a->s)) {
        IGNORE(pg_rollback(a->s, co_after(DB_MS), NULL)); /* else the session is dropped */
    }
    return rc == ERR_OK && taken ? slots_refuse(a->c, a->s, &a->slots, err) : rc;
}

static CO_FN enum err_code accept_row(struct acceptance *a, accept_fn fn, bool *ret_go,
                                      struct err *err)
{
    enum err_code rc = pg_acquire(command_scheduler(a->c)->parts.pool, co_after(DB_MS), &a->s, err);
    for (int i = 0; rc == ERR_OK || i > 0; i++) {
        a->slots.people = (struct plan_people){0};
        rc = transact(a, fn, ret_go, err);
        if (rc != ERR_CONFLICT || err->act != ERR_ACT_RETRY || i + 1 == TRIES) {
            break; /* else a deadlock or a serialisation failure: the whole of it again */
        }
    }
    pg_release(a->s); /* none is held while the provider is asked */
    a->s = NULL;
    return rc;
}

enum err_code accept_command(struct acceptance *a, accept_fn fn, struct err *err)
{
    struct command *c = a->c;
    bool go = false;
    int status;
    struct str answer;
    enum err_code rc = accept_row(a, fn, &go, err);
    if (rc != ERR_OK || c->status != 0) {
        return rc;
    }
    if (!go) {
        return ledger_repeat(c, &a->entry, err);
    }
    rc = failpoint("schedule.after_hold", err);
    if (rc == ERR_OK) {
        rc = settle(command_scheduler(c), a->entry.id, 1, c->arena, &status, &answer, err);
    }
    if (rc == ERR_CONFLICT) {
        return ledger_repeat(c, &a->entry, err); /* another scheduler carries on */
    }
    return rc == ERR_OK ? ledger_answer(c, status, answer) : rc;
}

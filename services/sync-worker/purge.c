/* What is left to do for connections and calendar choices that went: stop channels, revoke the
 * grant, delete the mirrored rows. Nothing is deleted at the provider.
 *
 * Each step can be done twice and leaves a mark when it is done, so the process may die anywhere,
 * and two owners for a moment do no harm. */
#include "purge.h"

#include "messages/topics.h"
#include "observe/log.h"
#include "runtime/failpoint.h"
#include "store/sql.h"

#define LOOK_MS 500
#define AT_ONCE 16 /* purges at a time */
#define BATCH_ROWS 500
#define DB_MS 20000
#define WAIT_MIN_MS 5000 /* after a failure, doubled each time, ... */
#define WAIT_MAX_MS 3600000
#define PRUNE_MS 3600000

enum err_code purge_exec(struct purge *x, const struct pg_stmt *stmt,
                         const struct pg_params *params, const struct pg_result **ret_result,
                         struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    enum err_code rc = pg_acquire(x->worker->parts.pool, co_after(DB_MS), &s, err);
    if (rc == ERR_OK) {
        rc = pg_exec(s, stmt, params, co_after(DB_MS), x->arena, ret_result, err);
    }
    return rc;
}

enum err_code purge_mark(struct purge *x, const struct pg_stmt *stmt, struct err *err)
{
    struct pg_params p;
    pg_params_init(&p, x->arena);
    pg_add_i64(&p, x->id);
    return purge_exec(x, stmt, &p, NULL, err);
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* A batch of one kind of row, in a transaction that sees to it that a calendar whose choice was
 * taken back keeps them. *ret_chosen: it was, and there is nothing left to do. */
static enum err_code batch(struct purge *x, const struct pg_stmt *stmt,
                           const struct pg_params *params, bool *ret_here, bool *ret_chosen,
                           int64_t *ret_rows, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    const struct pg_result *r;
    struct pg_params p;
    enum err_code rc = pg_acquire(x->worker->parts.pool, co_after(DB_MS), &s, err);
    if (rc == ERR_OK) {
        rc = pg_begin(s, PG_READ_COMMITTED, co_after(DB_MS), err);
    }
    if (rc == ERR_OK && !x->whole) {
        pg_params_init(&p, x->arena);
        pg_add_i64(&p, x->calendars[0]);
        rc = pg_exec(s, &SQL_PURGE_HOLD_CHOICE, &p, co_after(DB_MS), x->arena, &r, err);
        if (rc == ERR_OK) {
            *ret_here = pg_row_count(r) > 0;
            *ret_chosen = *ret_here && pg_get_bool(r, 0, 0);
        }
    }
    if (rc != ERR_OK || *ret_chosen || stmt == NULL) {
        return rc;
    }
    rc = pg_exec(s, stmt, params, co_after(DB_MS), x->arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    *ret_rows = pg_affected(r);
    pg_params_init(&p, x->arena);
    pg_add_i64(&p, x->id);
    pg_add_i64(&p, *ret_rows);
    rc = pg_exec(s, &SQL_PURGE_PROGRESS, &p, co_after(DB_MS), x->arena, NULL, err);
    return rc == ERR_OK ? pg_commit(s, co_after(DB_MS), err) : rc;
}

static enum err_code all_batches(struct purge *x, const struct pg_stmt *stmt, bool by_connection,
                                 bool *ret_chosen, struct err *err)
{
    enum err_code rc = ERR_OK;
    bool here = false;
    int64_t rows = 1;
    while (rc == ERR_OK && rows > 0 && !*ret_chosen) {
        struct pg_params p;
        pg_params_init(&p, x->arena);
        if (by_connection) {
            pg_add_uuid(&p, x->connection);
        }
        pg_add_i64_array(&p, x->calendars, NULL, x->calendar_count);
        pg_add_i64(&p, BATCH_ROWS);
        rc = batch(x, stmt, &p, &here, ret_chosen, &rows, err);
    }
    return rc;
}

/* Under a calendar that is there but not chosen, meetings of ours keep their place: chosen again,
 * its full read finds them. Where it is gone they are kept without it. */
static enum err_code delete_rows(struct purge *x, struct err *err)
{
    bool here = false;
    bool chosen = false;
    int64_t rows = 0;
    struct pg_params p;
    enum err_code rc = batch(x, NULL, NULL, &here, &chosen, &rows, err);
    if (rc == ERR_OK && !here && !chosen) {
        rc = all_batches(x, &SQL_PURGE_DETACH, false, &chosen, err);
    }
    if (rc == ERR_OK && !chosen) {
        rc = all_batches(x, &SQL_PURGE_ROWS, false, &chosen, err);
    }
    if (rc != ERR_OK || here || chosen) {
        return rc;
    }
    rc = all_batches(x, &SQL_PURGE_TOMBSTONES, false, &chosen, err);
    if (rc == ERR_OK) {
        rc = all_batches(x, &SQL_PURGE_CONFLICTS, true, &chosen, err);
    }
    if (rc == ERR_OK) {
        pg_params_init(&p, x->arena);
        pg_add_uuid(&p, x->account);
        pg_add_i64_array(&p, x->calendars, NULL, x->calendar_count);
        rc = purge_exec(x, &SQL_PURGE_NOTICES, &p, NULL, err);
    }
    return rc;
}

/* ---- one purge ------------------------------------------------------------------------------ */

/* With an account's last connection the account is forgotten as well; where something still refers
 * to it, it stays. */
static void forget_account(struct purge *x)
{
    struct pg_params p;
    struct err err;
    pg_params_init(&p, x->arena);
    pg_add_uuid(&p, x->account);
    if (purge_exec(x, &SQL_ACCOUNT_FORGET, &p, NULL, &err) != ERR_OK) {
        LOG_DEBUG("purge.account.kept", "an account is still referred to",
                  F_UUID("account", x->account), F_ERR(&err));
    }
}

static enum err_code work_off(struct purge *x, struct err *err)
{
    enum err_code rc = ERR_OK;
    if (!x->channels_stopped) {
        rc = purge_stop_channels(x, err);
    }
    if (rc == ERR_OK) {
        rc = failpoint("purge.after_stop", err);
    }
    if (rc == ERR_OK && x->whole && !x->revoked) {
        rc = purge_revoke(x, err);
    }
    if (rc == ERR_OK) {
        rc = delete_rows(x, err);
    }
    if (rc == ERR_OK) {
        rc = failpoint("purge.after_rows", err);
    }
    if (rc == ERR_OK) {
        rc = purge_mark(x, &SQL_PURGE_DONE, err);
    }
    if (rc == ERR_OK && x->whole) {
        forget_account(x);
    }
    return rc;
}

static void put_off(struct purge *x, const struct err *why)
{
    struct err err;
    struct pg_params p;
    int64_t wait = WAIT_MIN_MS;
    for (int64_t i = 0; i < x->attempts && wait < WAIT_MAX_MS; i++) {
        wait *= 2;
    }
    wait = MAX(MIN(wait, (int64_t)WAIT_MAX_MS), (int64_t)why->retry_after_ms);
    bool counts = why->code != ERR_BUSY; /* somebody holds the lease: that says nothing */
    if (!counts) {
        wait = WAIT_MIN_MS;
    }
    LOG_WARN("purge.failed", "what a connection left behind waits", F_I64("purge", x->id),
             F_UUID("conn", x->connection), F_I64("attempts", x->attempts + 1), F_ERR(why));
    pg_params_init(&p, x->arena);
    pg_add_i64(&p, x->id);
    pg_add_i64(&p, wait);
    pg_add_text(&p, str_c(err_code_name(why->code)));
    pg_add_bool(&p, counts);
    if (purge_exec(x, &SQL_PURGE_RETRY, &p, NULL, &err) != ERR_OK) {
        LOG_DEBUG("purge.unsaved", "a failed purge is due again at once", F_ERR(&err));
    }
}

static struct purge read_purge(struct worker *w, struct arena *arena, const struct pg_result *r,
                               size_t row)
{
    struct purge x = {.worker = w,
                      .id = pg_get_i64(r, row, 0),
                      .whole = str_eq_c(pg_get_str(r, row, 1), "connection"),
                      .connection = pg_get_uuid(r, row, 2),
                      .account = pg_get_uuid(r, row, 3),
                      .provider = pg_get_str(r, row, 4),
                      .access_sealed = pg_get_str(r, row, 6),
                      .refresh_sealed = pg_get_str(r, row, 7),
                      .expires_at = pg_get_time(r, row, 8),
                      .has_client = !pg_is_null(r, row, 9),
                      .client_row = pg_get_uuid(r, row, 9),
                      .attempts = pg_get_i64(r, row, 10),
                      .channels_stopped = pg_get_bool(r, row, 11),
                      .revoked = pg_get_bool(r, row, 12)};
    x.calendars = pg_get_i64_array(r, row, 5, arena, &x.calendar_count);
    return x;
}

static void run_purge(void *arg)
{
    struct purge *x = arg;
    struct arena arena;
    struct err why = {0};
    arena_init(&arena);
    x->arena = &arena;
    if (work_off(x, &why) == ERR_OK) {
        LOG_INFO("purge.done", "what a connection left behind is gone", F_I64("purge", x->id),
                 F_UUID("conn", x->connection));
    } else if (why.code != ERR_CANCELED) {
        put_off(x, &why);
    }
    arena_fini(&arena);
}

/* ---- the loop ------------------------------------------------------------------------------- */

static enum err_code find_due(struct worker *w, struct arena *arena, const struct pg_result **ret,
                              struct err *err)
{
    int16_t shards[TOPIC_SHARDS];
    size_t n = 0;
    struct pg_params p;
    struct purge any = {.worker = w, .arena = arena};
    for (int16_t shard = 0; shard < TOPIC_SHARDS; shard++) {
        if (worker_owns_shard(w, shard)) {
            shards[n++] = shard;
        }
    }
    pg_params_init(&p, arena);
    pg_add_i16_array(&p, shards, NULL, n);
    pg_add_i64(&p, AT_ONCE);
    return purge_exec(&any, &SQL_PURGE_DUE, &p, ret, err);
}

static enum err_code look(struct worker *w, struct arena *arena, struct err *err)
{
    const struct pg_result *r;
    struct co_group group;
    enum err_code rc = find_due(w, arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct purge *purges = ARENA_ARRAY(arena, struct purge, pg_row_count(r));
    co_group_init(&group, co_loop_current());
    for (size_t i = 0; rc == ERR_OK && i < pg_row_count(r); i++) {
        purges[i] = read_purge(w, arena, r, i);
        rc = co_spawn(&group, "purge", run_purge, &purges[i], err);
    }
    if (rc == ERR_OK) {
        rc = co_group_join(&group, CO_FOREVER, err);
    }
    co_group_fini(&group);
    return rc;
}

static void prune(struct worker *w, struct arena *arena)
{
    struct purge any = {.worker = w, .arena = arena};
    struct err err;
    if (purge_exec(&any, &SQL_FLOW_PRUNE, NULL, NULL, &err) != ERR_OK) {
        LOG_DEBUG("purge.prune.failed", "old consents stay for an hour more", F_ERR(&err));
    }
}

void purge_loop(void *worker)
{
    struct worker *w = worker;
    int64_t prune_at = co_now();
    while (co_sleep(LOOK_MS, NULL) == ERR_OK) {
        struct arena arena;
        struct err err;
        arena_init(&arena);
        if (look(w, &arena, &err) != ERR_OK && err.code != ERR_CANCELED) {
            static struct log_limit limit;
            int64_t dropped = 0;
            if (log_limit_pass(&limit, co_now(), 10000, &dropped)) {
                LOG_WARN("purge.look.failed", "purges cannot be read", F_ERR(&err),
                         F_I64("dropped", dropped));
            }
        }
        if (co_now() >= prune_at) {
            prune_at = co_now() + PRUNE_MS;
            prune(w, &arena);
        }
        arena_fini(&arena);
    }
}

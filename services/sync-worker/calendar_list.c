/* The calendars of a connection, as the provider lists them: read when it is connected, and once a
 * day. */
#include "worker.h"

#include "base/vec.h"
#include "messages/topics.h"
#include "observe/log.h"
#include "store/sql.h"

/* Far above what a person has; a list without an end must not be kept in memory. */
#define CALENDARS_MAX 2000
#define LOOK_MS 2000
#define AT_ONCE 16
#define LIST_MS 60000
#define DB_MS 15000

struct listing {
    struct arena *arena;
    VEC(struct str) ids;
    VEC(struct str) names;
    VEC(struct str) zones;
    VEC(struct str) roles;
    VEC(bool) primary;
    VEC(bool) chosen;
    VEC(bool) watchable;
};

static void listing_fini(struct listing *l)
{
    vec_fini(&l->ids);
    vec_fini(&l->names);
    vec_fini(&l->zones);
    vec_fini(&l->roles);
    vec_fini(&l->primary);
    vec_fini(&l->chosen);
    vec_fini(&l->watchable);
}

/* The role as the table names it. */
static struct str role_text(enum provider_role role)
{
    switch (role) {
    case PROVIDER_ROLE_FREE_BUSY:
        return STR("freebusy");
    case PROVIDER_ROLE_READER:
        return STR("reader");
    case PROVIDER_ROLE_WRITER:
        return STR("writer");
    case PROVIDER_ROLE_OWNER:
        return STR("owner");
    case PROVIDER_ROLE_NONE:
    default:
        return STR("none");
    }
}

static bool is_listed(const struct listing *l, struct str id)
{
    vec_foreach (have, &l->ids) {
        if (str_eq(*have, id)) {
            return true; /* pages may overlap where the list changes meanwhile */
        }
    }
    return false;
}

static enum err_code on_calendar(void *arg, const struct provider_calendar *c, struct err *err)
{
    struct listing *l = arg;
    if (c->deleted || c->id.len == 0 || is_listed(l, c->id)) {
        return ERR_OK;
    }
    if (l->ids.len == CALENDARS_MAX) {
        return ERR_SET_ACT(err, ERR_TOO_BIG, ERR_ACT_DROP, "more than %d calendars", CALENDARS_MAX);
    }
    vec_push(&l->ids, arena_str(l->arena, c->id));
    vec_push(&l->names, arena_str(l->arena, c->name));
    vec_push(&l->zones, c->zone.len > 0 ? arena_str(l->arena, c->zone) : (struct str){0});
    vec_push(&l->roles, role_text(c->role));
    vec_push(&l->primary, c->primary);
    vec_push(&l->chosen, c->primary || c->role == PROVIDER_ROLE_OWNER);
    vec_push(&l->watchable, c->watchable);
    return ERR_OK;
}

/* In the order of locks: the connection is locked already, then its counter, then calendars. */
static enum err_code write_listing(struct pg_session *s, struct uuid connection,
                                   const struct pg_result *conn, const struct listing *l,
                                   int64_t deadline, struct arena *arena, struct err *err)
{
    struct pg_params p;
    pg_params_init(&p, arena);
    pg_add_uuid(&p, connection);
    enum err_code rc = pg_exec(s, &SQL_CONNECTION_NEXT_STAMP, &p, deadline, arena, NULL, err);
    if (rc == ERR_OK) {
        pg_params_init(&p, arena);
        pg_add_uuid(&p, connection);
        pg_add_text_array(&p, l->ids.ptr, l->ids.len);
        rc = pg_exec(s, &SQL_CALENDAR_DROP_UNLISTED, &p, deadline, arena, NULL, err);
    }
    if (rc == ERR_OK) {
        pg_params_init(&p, arena);
        pg_add_uuid(&p, connection);
        pg_add_uuid(&p, pg_get_uuid(conn, 0, 0));
        pg_add_i64(&p, pg_get_i64(conn, 0, 1));
        pg_add_bool(&p, pg_get_bool(conn, 0, 2));
        pg_add_text_array(&p, l->ids.ptr, l->ids.len);
        pg_add_text_array(&p, l->names.ptr, l->ids.len);
        pg_add_text_array(&p, l->zones.ptr, l->ids.len);
        pg_add_text_array(&p, l->roles.ptr, l->ids.len);
        pg_add_bool_array(&p, l->primary.ptr, NULL, l->ids.len);
        pg_add_bool_array(&p, l->chosen.ptr, NULL, l->ids.len);
        pg_add_bool_array(&p, l->watchable.ptr, NULL, l->ids.len);
        rc = pg_exec(s, &SQL_CALENDAR_IMPORT, &p, deadline, arena, NULL, err);
    }
    if (rc == ERR_OK) {
        pg_params_init(&p, arena);
        pg_add_uuid(&p, connection);
        rc = pg_exec(s, &SQL_CONNECTION_LISTED, &p, deadline, arena, NULL, err);
    }
    return rc;
}

static enum err_code store_listing(struct worker *w, struct uuid connection,
                                   const struct listing *l, int64_t deadline, struct arena *arena,
                                   struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    const struct pg_result *conn;
    struct pg_params p;
    pg_params_init(&p, arena);
    pg_add_uuid(&p, connection);
    enum err_code rc = pg_acquire(w->parts.pool, deadline, &s, err);
    if (rc == ERR_OK) {
        rc = pg_begin(s, PG_READ_COMMITTED, deadline, err);
    }
    if (rc == ERR_OK) {
        rc = pg_exec(s, &SQL_CONNECTION_LOCK, &p, deadline, arena, &conn, err);
    }
    if (rc == ERR_OK && pg_row_count(conn) == 0) {
        return ERR_SET(err, ERR_NOT_FOUND, "the connection is gone");
    }
    if (rc == ERR_OK) {
        rc = write_listing(s, connection, conn, l, deadline, arena, err);
    }
    return rc == ERR_OK ? pg_commit(s, deadline, err) : rc;
}

static enum err_code list(struct worker *w, struct uuid connection, int64_t deadline,
                          struct arena *arena, struct listing *l, struct err *err)
{
    struct access_session access;
    enum err_code rc = access_open(w->parts.access, connection, arena, deadline, &access, err);
    if (rc == ERR_OK) {
        access.session.interactive = true;
        rc = access.provider->list_calendars(&access.session, on_calendar, l, deadline, err);
    }
    if (rc == ERR_OK && l->ids.len == 0) {
        /* Every account has a primary calendar: nothing is dropped on the word of such a list. */
        return ERR_SET_ACT(err, ERR_PROTO, ERR_ACT_RETRY, "a list without a calendar");
    }
    return rc;
}

enum err_code calendars_refresh(struct worker *w, struct uuid connection, int64_t deadline,
                                struct err *err)
{
    struct arena arena;
    arena_init(&arena);
    struct listing l = {.arena = &arena};
    enum err_code rc = list(w, connection, deadline, &arena, &l, err);
    if (rc == ERR_OK) {
        rc = store_listing(w, connection, &l, deadline, &arena, err);
    }
    if (rc == ERR_OK) {
        LOG_INFO("calendars.listed", "a connection's calendars were listed",
                 F_UUID("conn", connection), F_I64("calendars", l.ids.len));
    }
    listing_fini(&l);
    arena_fini(&arena);
    return rc;
}

/* ---- once a day ----------------------------------------------------------------------------- */

struct job {
    struct worker *worker;
    struct uuid connection;
};

static void list_later(const struct job *job, const struct err *why)
{
    struct arena arena CLEANUP(arena_fini);
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    struct pg_params p;
    struct err err;
    LOG_WARN("calendars.list.failed", "a connection's calendars could not be listed",
             F_UUID("conn", job->connection), F_ERR(why));
    arena_init(&arena);
    pg_params_init(&p, &arena);
    pg_add_uuid(&p, job->connection);
    pg_add_i64(&p, why->retry_after_ms);
    if (pg_acquire(job->worker->parts.pool, co_after(DB_MS), &s, &err) != ERR_OK ||
        pg_exec(s, &SQL_CONNECTION_LIST_LATER, &p, co_after(DB_MS), &arena, NULL, &err) != ERR_OK) {
        LOG_DEBUG("calendars.list.unsaved", "a failed list is due again at once", F_ERR(&err));
    }
}

static void run_job(void *arg)
{
    const struct job *job = arg;
    struct err why = {0};
    enum err_code rc = calendars_refresh(job->worker, job->connection, co_after(LIST_MS), &why);
    if (rc != ERR_OK && rc != ERR_NOT_FOUND && rc != ERR_CANCELED) {
        list_later(job, &why);
    }
}

static enum err_code find_due(struct worker *w, struct arena *arena, struct job *jobs,
                              size_t *ret_count, struct err *err)
{
    int16_t shards[TOPIC_SHARDS];
    size_t n = 0;
    const struct pg_result *r;
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    struct pg_params p;
    *ret_count = 0;
    for (int16_t shard = 0; shard < TOPIC_SHARDS; shard++) {
        if (worker_owns_shard(w, shard)) {
            shards[n++] = shard;
        }
    }
    if (n == 0) {
        return ERR_OK;
    }
    pg_params_init(&p, arena);
    pg_add_i16_array(&p, shards, NULL, n);
    pg_add_i64(&p, AT_ONCE);
    enum err_code rc = pg_acquire(w->parts.pool, co_after(DB_MS), &s, err);
    if (rc == ERR_OK) {
        rc = pg_exec(s, &SQL_CONNECTION_LISTS_DUE, &p, co_after(DB_MS), arena, &r, err);
    }
    for (size_t i = 0; rc == ERR_OK && i < pg_row_count(r); i++) {
        jobs[i] = (struct job){.worker = w, .connection = pg_get_uuid(r, i, 0)};
        *ret_count = i + 1;
    }
    return rc;
}

/* *ret_full: there may be more. */
static enum err_code look(struct worker *w, bool *ret_full, struct err *err)
{
    struct arena arena CLEANUP(arena_fini);
    struct job jobs[AT_ONCE];
    struct co_group group;
    size_t count = 0;
    arena_init(&arena);
    enum err_code rc = find_due(w, &arena, jobs, &count, err);
    if (rc != ERR_OK) {
        return rc;
    }
    co_group_init(&group, co_loop_current());
    for (size_t i = 0; rc == ERR_OK && i < count; i++) {
        rc = co_spawn(&group, "list", run_job, &jobs[i], err);
    }
    if (rc == ERR_OK) {
        rc = co_group_join(&group, CO_FOREVER, err);
    }
    co_group_fini(&group);
    *ret_full = count == AT_ONCE;
    return rc;
}

void calendar_list_loop(void *worker)
{
    struct worker *w = worker;
    bool full = false;
    while (co_sleep(full ? 0 : LOOK_MS, NULL) == ERR_OK) {
        struct err err;
        full = false;
        if (look(w, &full, &err) != ERR_OK && err.code != ERR_CANCELED) {
            static struct log_limit limit;
            int64_t dropped = 0;
            if (log_limit_pass(&limit, co_now(), 10000, &dropped)) {
                LOG_WARN("calendars.look.failed", "lists that are due cannot be read", F_ERR(&err),
                         F_I64("dropped", dropped));
            }
        }
    }
}

/* The pool: a fair semaphore over sessions, the most recently used first. */
#include "observe/log.h"
#include "observe/metric.h"
#include "postgres/sql.h"
#include "session_int.h"

#define MAX_CONNECTIONS 8
#define MAX_WAITERS 1024
#define CONNECT_TIMEOUT_MS 5000
#define STATEMENT_TIMEOUT_MS 30000
#define IDLE_MS 300000

/* A rollback that takes longer says that the session is better replaced. */
#define RESET_MS 2000
/* How often a server that was lost is looked for, and how long an answer may take. */
#define PROBE_EVERY_MS 500
#define PROBE_MS 5000

static char *dup_text(const char *text)
{
    return text != NULL ? xstrdup(text) : NULL;
}

static void free_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

/* Closes what has been idle for too long. */
static void idle_entry(void *arg)
{
    struct pg_pool *pool = arg;
    int64_t period_ms = MAX(pool->opts.idle_ms / 4, 10);
    while (co_sleep(period_ms, NULL) == ERR_OK) {
        while (!list_empty(&pool->idle)) {
            struct pg_session *s = LIST_ENTRY(pool->idle.next, struct pg_session, node);
            if (co_now() - s->idle_since < pool->opts.idle_ms) {
                break;
            }
            list_remove(&s->node);
            session_free(s);
        }
    }
}

/* A pool that nobody uses would not notice that its server is back, and an idle service would never
 * be ready again. Where all sessions are out, their users find out. */
static void probe_entry(void *arg)
{
    struct pg_pool *pool = arg;
    while (co_sleep(PROBE_EVERY_MS, NULL) == ERR_OK) {
        struct err err;
        if (pool->reached && !pool->healthy && pool->slots.free > 0 &&
            pg_pool_ping(pool, co_after(PROBE_MS), &err) != ERR_OK) {
            LOG_DEBUG("pg.probe.failed", "the server is not back", F_ERR(&err));
        }
    }
}

enum err_code pg_pool_new(struct co_loop *loop, const struct pg_opts *opts,
                          struct pg_pool **ret_pool, struct err *err)
{
    enum err_code rc = conninfo_check(opts->conninfo, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct pg_pool *pool = xcalloc(1, sizeof *pool);
    struct pg_opts *own = &pool->opts;
    *own = *opts;
    own->conninfo = dup_text(opts->conninfo);
    own->application_name =
        dup_text(opts->application_name != NULL ? opts->application_name : "calfleet");
    own->role = dup_text(opts->role);
    own->max_connections = own->max_connections > 0 ? own->max_connections : MAX_CONNECTIONS;
    own->max_waiters = own->max_waiters > 0 ? own->max_waiters : MAX_WAITERS;
    own->connect_timeout_ms =
        own->connect_timeout_ms > 0 ? own->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    own->statement_timeout_ms =
        own->statement_timeout_ms > 0 ? own->statement_timeout_ms : STATEMENT_TIMEOUT_MS;
    own->idle_ms = own->idle_ms > 0 ? own->idle_ms : IDLE_MS;
    pool->loop = loop;
    list_init(&pool->idle);
    co_sem_init(&pool->slots, own->max_connections);
    co_group_init(&pool->group, loop);
    rc = co_spawn(&pool->group, "pg.idle", idle_entry, pool, err);
    if (rc == ERR_OK) {
        rc = co_spawn(&pool->group, "pg.probe", probe_entry, pool, err);
    }
    if (rc != ERR_OK) {
        pg_pool_free(pool);
        return rc;
    }
    *ret_pool = pool;
    return ERR_OK;
}

struct pg_pool *pg_pool_free(struct pg_pool *pool)
{
    if (pool == NULL) {
        return NULL;
    }
    BUG_ON(pool->waiting > 0);
    co_group_fini(&pool->group); /* a rollback under way is given up, its session dropped */
    BUG_ON(pool->out > 0);
    struct list *node;
    while ((node = list_pop(&pool->idle)) != NULL) {
        session_free(LIST_ENTRY(node, struct pg_session, node));
    }
    free_text(pool->opts.conninfo);
    free_text(pool->opts.application_name);
    free_text(pool->opts.role);
    free(pool);
    return NULL;
}

bool pg_pool_healthy(const struct pg_pool *pool)
{
    return pool->healthy;
}

enum err_code pg_pool_ping(struct pg_pool *pool, int64_t deadline, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    enum err_code rc = pg_acquire(pool, deadline, &s, err);
    return rc == ERR_OK ? pg_exec(s, &SQL_PG_PING, NULL, deadline, NULL, NULL, err) : rc;
}

/* ---- acquire and release ------------------------------------------------------------------- */

static struct pg_session *take_idle(struct pg_pool *pool)
{
    if (list_empty(&pool->idle)) {
        return NULL;
    }
    struct pg_session *s = LIST_ENTRY(pool->idle.prev, struct pg_session, node);
    list_remove(&s->node);
    s->idle = false;
    return s;
}

static void slot_free(struct pg_pool *pool)
{
    pool->out--;
    metric_add(METRIC_PG_SESSIONS_USED, NULL, -1);
    co_sem_release(&pool->slots);
}

enum err_code pg_acquire(struct pg_pool *pool, int64_t deadline, struct pg_session **ret_session,
                         struct err *err)
{
    if (pool->slots.free == 0 && pool->waiting >= pool->opts.max_waiters) {
        return ERR_SET_ACT(err, ERR_BUSY, ERR_ACT_RETRY, "%zu wait for a Postgres session already",
                           pool->waiting);
    }
    int64_t began_ns = co_clock_ns();
    pool->waiting++;
    enum err_code rc = co_sem_acquire(&pool->slots, deadline, err);
    pool->waiting--;
    if (rc != ERR_OK) {
        return rc;
    }
    pool->out++;
    metric_add(METRIC_PG_SESSIONS_USED, NULL, 1);
    struct pg_session *s = take_idle(pool);
    if (s == NULL) {
        rc = session_connect(pool, deadline, &s, err);
        if (rc != ERR_OK) {
            slot_free(pool);
            return rc;
        }
    }
    metric_observe(METRIC_PG_ACQUIRE, NULL, (double)(co_clock_ns() - began_ns) / 1e9);
    *ret_session = s;
    return ERR_OK;
}

static void put_back(struct pg_session *s)
{
    struct pg_pool *pool = s->pool;
    if (s->pq == NULL) {
        session_free(s);
    } else {
        session_rest(s);
        s->idle = true;
        s->idle_since = co_loop_now(pool->loop);
        list_push(&pool->idle, &s->node);
    }
    slot_free(pool);
}

static void reset_entry(void *arg)
{
    struct pg_session *s = arg;
    if (pg_rollback(s, co_after(RESET_MS), NULL) != ERR_OK) {
        session_drop(s);
    }
    put_back(s);
}

void pg_release(struct pg_session *s)
{
    if (s == NULL) {
        return;
    }
    if (s->pq == NULL || !pg_in_transaction(s)) {
        put_back(s);
        return;
    }
    struct err err;
    if (co_spawn(&s->pool->group, "pg.reset", reset_entry, s, &err) != ERR_OK) {
        LOG_DEBUG("pg.session.dropped", "no coroutine for a rollback", F_ERR(&err));
        session_drop(s);
        put_back(s);
    }
}

void pg_release_ptr(struct pg_session **session)
{
    pg_release(*session);
    *session = NULL;
}

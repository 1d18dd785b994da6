/* Commands that another process left behind, and holds that have expired. */
#include "messages/topics.h"
#include "observe/log.h"
#include "observe/metric.h"
#include "scheduler.h"
#include "scheduler/sql.h"
#include "service/context.h"

#define LOOK_MS 2000
#define BATCH 64
#define PURGE_BATCH 500

struct recovery {
    struct scheduler *scheduler;
    struct uuid id;
};

static CO_FN enum err_code recover(struct scheduler *w, struct uuid id, struct arena *arena,
                                   int *ret_status, struct err *err)
{
    int32_t attempts = 0;
    struct str answer;
    enum err_code rc = ledger_claim(w, id, arena, &attempts, err);
    *ret_status = 0;
    return rc == ERR_OK && attempts > 0 ? settle(w, id, attempts, arena, ret_status, &answer, err)
                                        : rc;
}

static void recover_one(void *arg)
{
    struct recovery r = *(struct recovery *)arg;
    struct request_context context;
    struct arena arena;
    struct err err;
    int status = 0;
    free(arg);
    arena_init(&arena);
    request_context_begin(&context, STR(""));
    if (recover(r.scheduler, r.id, &arena, &status, &err) != ERR_OK) {
        LOG_WARN("schedule.recover.failed", "a command stays due", F_UUID("command", r.id),
                 F_ERR(&err));
    } else if (status != 0) {
        metric_inc(METRIC_SCHEDULE_RECOVERED, NULL);
        LOG_INFO("schedule.recovered", "a command that was left behind is at its end",
                 F_UUID("command", r.id), F_I64("status", status));
    }
    request_context_end();
    arena_fini(&arena);
    co_sem_release(&r.scheduler->recovering);
}

static size_t own_shards(const struct scheduler *w, int16_t *shards)
{
    size_t n = 0;
    for (int32_t shard = 0; w->partitions > 0 && shard < TOPIC_SHARDS; shard++) {
        if (w->owned[shard % w->partitions]) {
            shards[n++] = (int16_t)shard;
        }
    }
    return n;
}

/* What is due is handed to coroutines as far as there are free places; the rest stays due. */
static CO_FN enum err_code look(struct scheduler *w, struct arena *arena, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    const struct pg_result *r;
    struct pg_params p;
    int16_t shards[TOPIC_SHARDS];
    size_t count = own_shards(w, shards);
    if (count == 0) {
        return ERR_OK;
    }
    enum err_code rc = pg_acquire(w->parts.pool, co_after(DB_MS), &s, err);
    if (rc == ERR_OK) {
        pg_params_init(&p, arena);
        pg_add_i16_array(&p, shards, NULL, count);
        pg_add_i64(&p, BATCH);
        rc = pg_exec(s, &SQL_COMMAND_DUE, &p, co_after(DB_MS), arena, &r, err);
    }
    for (size_t i = 0; rc == ERR_OK && i < pg_row_count(r) && co_sem_try(&w->recovering); i++) {
        struct recovery *job = xmalloc(sizeof *job);
        *job = (struct recovery){w, pg_get_uuid(r, i, 0)};
        rc = co_spawn(w->run->group, "recover.one", recover_one, job, err);
        if (rc != ERR_OK) {
            co_sem_release(&w->recovering);
            free(job);
        }
    }
    if (rc == ERR_OK) {
        pg_params_init(&p, arena);
        pg_add_i64(&p, PURGE_BATCH);
        rc = pg_exec(s, &SQL_HOLD_PURGE, &p, co_after(DB_MS), arena, NULL, err);
    }
    return rc;
}

void recover_run(void *scheduler)
{
    struct scheduler *w = scheduler;
    struct arena arena;
    arena_init(&arena);
    while (co_sleep(LOOK_MS, NULL) == ERR_OK) {
        struct err err;
        enum err_code rc = look(w, &arena, &err);
        if (rc != ERR_OK && rc != ERR_CANCELED) {
            static struct log_limit limit;
            int64_t dropped = 0;
            if (log_limit_pass(&limit, co_now(), 10000, &dropped)) {
                LOG_WARN("schedule.recover.blind", "due commands cannot be read", F_ERR(&err),
                         F_I64("dropped", dropped));
            }
        }
        arena_reset(&arena);
    }
    arena_fini(&arena);
}

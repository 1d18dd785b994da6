/* Runs that found nothing new are most of all runs: they are written many at a time in one
 * statement, and acknowledged after it. */
#include "worker.h"

#include "base/vec.h"
#include "observe/log.h"
#include "store/sql.h"

#define FLUSH_EVERY_MS 25 /* an entry waits no longer for others to join it */
#define FLUSH_MAX 250     /* their pointers fit a frame */
#define SINGLE_TRIES 5
#define SINGLE_WAIT_MS 20

struct entry {
    struct list node;
    struct co_wait wait;
    int64_t calendar;
    struct uuid connection;
    int64_t version;
    int64_t due_at;
    int64_t read_at;
    struct str cursor; /* ptr NULL: as it is */
    int64_t seen;      /* the due time at the run's begin */
    bool was_due;      /* there was one */
    bool written;
    enum err_code code;
    struct err err;
};

struct finish_queue {
    struct worker *worker;
    struct list entries;
    size_t count;
    struct co_signal filled;
};

struct finish_queue *finish_queue_new(struct worker *w)
{
    struct finish_queue *q = xcalloc(1, sizeof *q);
    q->worker = w;
    list_init(&q->entries);
    co_signal_init(&q->filled);
    return q;
}

struct finish_queue *finish_queue_free(struct finish_queue *q)
{
    if (q != NULL) {
        BUG_ON(q->count > 0);
        free(q);
    }
    return NULL;
}

/* Marks those of the batch that the statement returned. */
static enum err_code write_batch(struct pg_session *s, struct entry **batch, size_t n,
                                 struct arena *arena, struct err *err)
{
    int64_t *ids = ARENA_ARRAY(arena, int64_t, n);
    int64_t *versions = ARENA_ARRAY(arena, int64_t, n);
    int64_t *due = ARENA_ARRAY(arena, int64_t, n);
    int64_t *read = ARENA_ARRAY(arena, int64_t, n);
    struct str *cursors = ARENA_ARRAY(arena, struct str, n);
    int64_t *seen = ARENA_ARRAY(arena, int64_t, n);
    bool *no_due = ARENA_ARRAY(arena, bool, n);
    const struct pg_result *r;
    struct pg_params p;

    for (size_t i = 0; i < n; i++) {
        ids[i] = batch[i]->calendar;
        versions[i] = batch[i]->version;
        due[i] = batch[i]->due_at;
        read[i] = batch[i]->read_at;
        cursors[i] = batch[i]->cursor;
        seen[i] = batch[i]->seen;
        no_due[i] = !batch[i]->was_due;
    }
    pg_params_init(&p, arena);
    pg_add_i64_array(&p, ids, NULL, n);
    pg_add_i64_array(&p, versions, NULL, n);
    pg_add_time_array(&p, due, NULL, n);
    pg_add_time_array(&p, read, NULL, n);
    pg_add_text_array(&p, cursors, n);
    pg_add_time_array(&p, seen, no_due, n);
    enum err_code rc = pg_exec(s, &SQL_CALENDAR_FINISH, &p, co_after(10000), arena, &r, err);
    for (size_t i = 0; rc == ERR_OK && i < pg_row_count(r); i++) {
        for (size_t k = 0; k < n; k++) {
            batch[k]->written = batch[k]->written || batch[k]->calendar == pg_get_i64(r, i, 0);
        }
    }
    return rc;
}

/* Those that were locked by another writer; one whose version moved on is another run's. */
static enum err_code write_singly(struct pg_session *s, struct entry **batch, size_t n,
                                  struct arena *arena, struct err *err)
{
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < n; i++) {
        for (int try = 0; rc == ERR_OK && !batch[i]->written && try < SINGLE_TRIES; try++) {
            rc = co_sleep(SINGLE_WAIT_MS * try, err);
            if (rc == ERR_OK) {
                rc = write_batch(s, &batch[i], 1, arena, err);
            }
        }
    }
    return rc;
}

/* last_sync_at of their connections; in a transaction of its own, after the calendars'. */
static enum err_code write_connections(struct pg_session *s, struct entry **batch, size_t n,
                                       struct arena *arena, struct err *err)
{
    struct uuid *ids = ARENA_ARRAY(arena, struct uuid, n);
    struct pg_params p;
    for (size_t i = 0; i < n; i++) {
        ids[i] = batch[i]->connection;
    }
    pg_params_init(&p, arena);
    pg_add_uuid_array(&p, ids, NULL, n);
    return pg_exec(s, &SQL_CONNECTION_READ, &p, co_after(10000), arena, NULL, err);
}

static void flush(struct finish_queue *q)
{
    struct entry *batch[FLUSH_MAX];
    size_t n = 0;
    struct arena arena CLEANUP(arena_fini);
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    struct err err;

    while (n < FLUSH_MAX && !list_empty(&q->entries)) {
        batch[n++] = LIST_ENTRY(list_pop(&q->entries), struct entry, node);
    }
    q->count -= n;
    arena_init(&arena);
    enum err_code rc = pg_acquire(q->worker->parts.pool, co_after(10000), &s, &err);
    if (rc == ERR_OK) {
        rc = write_batch(s, batch, n, &arena, &err);
    }
    if (rc == ERR_OK) {
        rc = write_singly(s, batch, n, &arena, &err);
    }
    if (rc == ERR_OK) {
        rc = write_connections(s, batch, n, &arena, &err);
    }
    for (size_t i = 0; i < n; i++) {
        batch[i]->code = rc;
        if (rc != ERR_OK) {
            batch[i]->err = err;
        }
        co_wake(&batch[i]->wait);
    }
}

void finish_queue_run(void *queue)
{
    struct finish_queue *q = queue;
    while (!co_is_canceled()) {
        if (list_empty(&q->entries) && co_signal_wait(&q->filled, CO_FOREVER, NULL) != ERR_OK) {
            return;
        }
        if (q->count < FLUSH_MAX && co_sleep(FLUSH_EVERY_MS, NULL) != ERR_OK) {
            return;
        }
        flush(q);
    }
}

enum err_code finish_calendar(struct finish_queue *q, const struct store_calendar *c,
                              int64_t due_at, struct str new_cursor, int64_t deadline,
                              struct err *err)
{
    struct entry entry = {.calendar = c->id,
                          .connection = c->connection,
                          .version = c->version,
                          .due_at = due_at,
                          .read_at = co_wall_now(),
                          .seen = c->due_at,
                          .was_due = c->due,
                          .cursor = new_cursor.len > 0 ? new_cursor : (struct str){0}};
    list_init(&entry.node);
    co_wait_init(&entry.wait);
    list_foreach (node, &q->entries) /* each calendar once a statement */
    {
        struct entry *other = LIST_ENTRY(node, struct entry, node);
        if (other->calendar == c->id) {
            return ERR_SET_ACT(err, ERR_CONFLICT, ERR_ACT_RETRY, "another run ends as well");
        }
    }
    list_push(&q->entries, &entry.node);
    q->count++;
    co_signal_raise(&q->filled);
    enum err_code rc = co_wait(&entry.wait, deadline, err);
    if (rc != ERR_OK) {
        if (!list_empty(&entry.node)) {
            list_remove(&entry.node);
            q->count--;
            return rc;
        }
        /* It is being written: the flush has a bound of its own, and holds a pointer to us. */
        while (co_wait(&entry.wait, CO_FOREVER, NULL) != ERR_OK) {
            IGNORE(co_yield (NULL));
        }
    }
    if (entry.code != ERR_OK && err != NULL) {
        *err = entry.err;
    }
    return entry.code;
}

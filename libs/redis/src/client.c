/* The client's life: one coroutine that connects, watches and connects again. */
#include "redis_int.h"

#include "base/uuid.h"
#include "observe/log.h"
#include "observe/metric.h"

#define PORT 6379
#define CONNECT_TIMEOUT_MS 2000
#define COMMAND_TIMEOUT_MS 1000
#define MAX_IN_FLIGHT 1024
#define MAX_REPLY_BYTES ((size_t)16 * 1024 * 1024)

/* An idle connection is asked this often, so that health is known and dead peers are noticed. */
#define PING_MS 5000
/* A connection that lived so long was a good one: the next attempt follows at once. */
#define STEADY_MS 1000
#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 2000

/* ---- back-off -------------------------------------------------------------------------------- */

/* Between half and all of min * 2^(attempt - 1), so that a fleet does not come back as one. */
static int64_t backoff_ms(int attempt)
{
    if (attempt == 0) {
        return 0;
    }
    int64_t ms = BACKOFF_MIN_MS;
    for (int i = 1; i < attempt && ms < BACKOFF_MAX_MS; i++) {
        ms *= 2;
    }
    ms = MIN(ms, (int64_t)BACKOFF_MAX_MS);
    struct uuid dice = uuid_random();
    return ms / 2 + dice.bytes[0] * (ms - ms / 2) / UINT8_MAX;
}

/* ---- the connecting coroutine ---------------------------------------------------------------- */

static void set_state(struct redis_client *c, enum redis_state state, struct redis_conn *conn)
{
    c->state = state;
    c->conn = conn;
    metric_set(METRIC_REDIS_CONNECTED, NULL, state == REDIS_READY ? 1 : 0);
    co_signal_raise(&c->changed);
}

void redis_client_lost(struct redis_client *c, const struct err *why)
{
    c->why = *why;
    set_state(c, REDIS_CONNECTING, NULL);
}

static void ping(struct redis_client *c)
{
    CLEANUP(arena_fini) struct arena arena;
    struct redis_reply reply;
    struct redis_conn *conn = c->conn;

    arena_init(&arena);
    enum err_code rc = redis_conn_call(conn, NULL, &arena, co_after(c->opts.command_timeout_ms),
                                       &reply, NULL, 1, (struct str[]){STR("PING")});
    if (rc != ERR_OK && rc != ERR_CANCELED) {
        redis_conn_drop(conn); /* the manager's own reference keeps it */
    }
}

/* Until the connection is dead, or this coroutine cancelled. */
static void watch(struct redis_client *c)
{
    int64_t ping_at = co_after(PING_MS);
    while (c->state == REDIS_READY && !co_is_canceled()) {
        if (co_signal_wait(&c->changed, ping_at, NULL) == ERR_TIMEOUT && c->conn != NULL) {
            ping(c);
            ping_at = co_after(PING_MS);
        }
    }
}

static void manage(void *arg)
{
    struct redis_client *c = arg;
    int attempt = 0;
    bool told = false; /* of this outage */

    while (co_sleep(backoff_ms(attempt), NULL) == ERR_OK) {
        struct redis_conn *conn;
        struct err err;
        enum err_code rc = redis_conn_open(c, co_after(c->opts.connect_timeout_ms), &conn, &err);
        metric_inc(METRIC_REDIS_CONNECTS, err_code_name(rc));
        if (rc == ERR_OK) {
            int64_t began = co_now();
            LOG_INFO("redis.connected", "connected", F_I64("attempts", attempt + 1));
            set_state(c, REDIS_READY, conn);
            watch(c);
            redis_conn_drop(conn);
            redis_conn_unref(conn);
            attempt = co_now() - began >= STEADY_MS ? 0 : attempt + 1;
            err = c->why;
            told = false;
        } else {
            attempt++;
        }
        if (rc == ERR_CANCELED || co_is_canceled()) {
            break;
        }
        if (!told) {
            LOG_WARN("redis.lost", "no connection", F_ERR(&err));
            told = true;
        }
        if (rc != ERR_OK || attempt > 1) { /* a first loss is likely mended at once: calls wait */
            c->why = err;
            set_state(c, REDIS_DOWN, NULL);
        }
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static char *dup_text(const char *text)
{
    return text != NULL ? xstrdup(text) : NULL;
}

static void free_secret(const char *text)
{
    if (text != NULL) {
        char *own = (char *)(uintptr_t)text; /* it is dup_text's */
        explicit_bzero(own, strlen(own));
        free(own);
    }
}

void redis_client_unref(struct redis_client *c)
{
    if (--c->refs == 0) {
        free_secret(c->opts.host);
        free_secret(c->opts.user);
        free_secret(c->opts.password);
        free(c);
    }
}

enum err_code redis_client_new(struct co_loop *loop, const struct redis_opts *opts,
                               struct redis_client **ret_client, struct err *err)
{
    if (opts->host == NULL || opts->host[0] == 0) {
        return ERR_SET_ACT(err, ERR_CONFIG, ERR_ACT_CONFIG, "redis: no host is set");
    }
    struct redis_client *c = xcalloc(1, sizeof *c);
    c->loop = loop;
    c->refs = 1;
    c->opts = (struct redis_opts){
        .host = dup_text(opts->host),
        .port = opts->port != 0 ? opts->port : PORT,
        .user = dup_text(opts->user),
        .password = dup_text(opts->password),
        .db = opts->db,
        .connect_timeout_ms =
            opts->connect_timeout_ms > 0 ? opts->connect_timeout_ms : CONNECT_TIMEOUT_MS,
        .command_timeout_ms =
            opts->command_timeout_ms > 0 ? opts->command_timeout_ms : COMMAND_TIMEOUT_MS,
        .max_in_flight = opts->max_in_flight > 0 ? opts->max_in_flight : MAX_IN_FLIGHT,
        .max_reply_bytes = opts->max_reply_bytes > 0 ? opts->max_reply_bytes : MAX_REPLY_BYTES};
    co_signal_init(&c->changed);
    co_sem_init(&c->slots, c->opts.max_in_flight);
    co_group_init(&c->group, loop);
    enum err_code rc = co_spawn(&c->group, "redis.connect", manage, c, err);
    if (rc != ERR_OK) {
        redis_client_unref(c);
        return rc;
    }
    *ret_client = c;
    return ERR_OK;
}

struct redis_client *redis_client_free(struct redis_client *c, int64_t deadline)
{
    if (c == NULL) {
        return NULL;
    }
    c->closing = true;
    co_signal_raise(&c->changed); /* calls that wait for a connection go */
    while (c->refs > 1 && co_signal_wait(&c->changed, deadline, NULL) == ERR_OK) {
    }
    co_group_fini(&c->group); /* drops the connection: what is still in flight fails and returns */
    redis_client_unref(c);
    return NULL;
}

bool redis_healthy(const struct redis_client *c)
{
    return c->state == REDIS_READY && !c->closing && !redis_conn_is_stalled(c->conn);
}

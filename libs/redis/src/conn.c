/* One connection: hiredis's asynchronous context on our loop.
 *
 * The adapter that hiredis ships returns on a poll error, which libuv reports once and then stops
 * polling: a refused port or a killed server was never told to the callbacks. Ours lets hiredis
 * read and find the cause. Time-outs are the callers' waits; hiredis 0.14 has none. */
#include "redis_int.h"

#include "runtime/dns.h"

#include <netinet/in.h>

/* ---- bounds on what a server may send -------------------------------------------------------- */

#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

static bool fits(struct redis_conn *conn, size_t bytes)
{
    size_t max = conn->client->opts.max_reply_bytes;
    if (bytes > max || conn->reply_bytes > max - bytes) {
        conn->too_big = true; /* hiredis ends the connection: to it, memory has run out */
        return false;
    }
    conn->reply_bytes += bytes;
    return true;
}

static void *create_string(const redisReadTask *task, char *text, size_t len)
{
    struct redis_conn *conn = task->privdata;
    return fits(conn, len) ? conn->plain_fn->createString(task, text, len) : NULL;
}

static void *create_array(const redisReadTask *task, element_count count)
{
    struct redis_conn *conn = task->privdata;
    return fits(conn, (size_t)count * (sizeof(redisReply) + sizeof(redisReply *)))
               ? conn->plain_fn->createArray(task, count)
               : NULL;
}

static void bound_replies(struct redis_conn *conn)
{
    redisReader *reader = conn->ac->c.reader;
    conn->plain_fn = reader->fn;
    conn->fn = *reader->fn;
    conn->fn.createString = create_string;
    conn->fn.createArray = create_array;
    reader->fn = &conn->fn;
    reader->privdata = conn;
}

/* ---- polling --------------------------------------------------------------------------------- */

static void on_poll(uv_poll_t *poll, int status, int events);

static void ask_for(struct redis_conn *conn, int events)
{
    if (events == conn->events) {
        return;
    }
    conn->events = events;
    if (events == 0) {
        uv_poll_stop(&conn->poll);
    } else {
        uv_poll_start(&conn->poll, events, on_poll);
    }
}

static void add_read(void *privdata)
{
    struct redis_conn *conn = privdata;
    ask_for(conn, conn->events | UV_READABLE);
}

static void del_read(void *privdata)
{
    struct redis_conn *conn = privdata;
    ask_for(conn, conn->events & ~UV_READABLE);
}

/* hiredis asks at each command, where the poll would take two more system calls and a turn; the
 * commands are written by flush(), and the poll is asked only for what the socket did not take. */
static void add_write(void *privdata)
{
    struct redis_conn *conn = privdata;
    if (conn->writing || !conn->connected) {
        ask_for(conn, conn->events | UV_WRITABLE);
    }
}

static void del_write(void *privdata)
{
    struct redis_conn *conn = privdata;
    ask_for(conn, conn->events & ~UV_WRITABLE);
}

static void on_closed(uv_handle_t *handle)
{
    redis_conn_unref(handle->data);
}

/* hiredis's last word on a context, after the callbacks of what was in flight. */
static void on_cleanup(void *privdata)
{
    struct redis_conn *conn = privdata;
    struct redis_client *client = conn->client;
    struct err why;

    ERR_SET_ACT(&why, ERR_UNAVAILABLE, ERR_ACT_RETRY, "redis: %s",
                conn->too_big        ? "a reply over the maximum"
                : conn->ac->err == 0 ? "connection dropped"
                                     : conn->ac->errstr);
    conn->ac = NULL;
    uv_close((uv_handle_t *)&conn->poll, on_closed);
    co_wake(&conn->opened);
    if (client->conn == conn) {
        redis_client_lost(client, &why);
    }
}

static void write_now(struct redis_conn *conn)
{
    conn->writing = true;
    redisAsyncHandleWrite(conn->ac);
    conn->writing = false;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct redis_conn *conn = poll->data;
    int asked = conn->events;

    if (status != 0) {
        events = asked;
        conn->events = 0; /* libuv has stopped the poll */
    }
    if (conn->ac != NULL && (events & UV_READABLE)) {
        conn->progress_at = co_now();
        redisAsyncHandleRead(conn->ac);
    }
    if (conn->ac != NULL && (events & UV_WRITABLE)) {
        write_now(conn);
    }
    if (conn->ac == NULL) {
        return;
    }
    if (status != 0) {
        ask_for(conn, conn->events | asked);
    }
    const redisReader *reader = conn->ac->c.reader;
    if (reader->len - reader->pos > conn->client->opts.max_reply_bytes) {
        conn->too_big = true;
        redis_conn_drop(conn);
    }
}

static void attach(struct redis_conn *conn)
{
    redisAsyncContext *ac = conn->ac;
    BUG_ON(uv_poll_init(co_loop_uv(conn->client->loop), &conn->poll, ac->c.fd) != 0);
    conn->poll.data = conn;
    ac->data = conn;
    ac->ev.data = conn;
    ac->ev.addRead = add_read;
    ac->ev.delRead = del_read;
    ac->ev.addWrite = add_write;
    ac->ev.delWrite = del_write;
    ac->ev.cleanup = on_cleanup;
    bound_replies(conn);
}

/* ---- commands -------------------------------------------------------------------------------- */

struct waiter {
    struct co_wait wait;
    struct arena *arena;
    struct redis_reply *reply;
    enum err_code code;
    struct err err;
};

/* hiredis holds it until the reply comes or the connection dies. */
struct call {
    struct waiter *waiter; /* NULL: it has given up */
    struct co_sem *slots;
};

/* What the waiter is told; reply is NULL when the connection dies. */
static enum err_code outcome(struct redis_conn *conn, const redisReply *reply,
                             struct waiter *waiter)
{
    if (reply != NULL) {
        return redis_reply_copy(reply, waiter->arena, waiter->reply, &waiter->err);
    }
    if (conn->too_big && !conn->too_big_told) {
        conn->too_big_told = true; /* the first in line is the one whose reply it was */
        return ERR_SET(&waiter->err, ERR_TOO_BIG, "redis: a reply over the maximum");
    }
    return ERR_SET_ACT(&waiter->err, ERR_IO, ERR_ACT_RETRY,
                       "redis: the connection died under the command");
}

static void on_reply(redisAsyncContext *ac, void *data, void *privdata)
{
    struct redis_conn *conn = ac->data;
    struct call *call = privdata;
    struct waiter *waiter = call->waiter;
    const redisReply *reply = data;

    conn->pending--;
    conn->reply_bytes = 0;
    if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        conn->demoted = conn->demoted || str_eq(redis_error_word(reply), STR("READONLY"));
    }
    if (call->slots != NULL) {
        co_sem_release(call->slots);
    }
    free(call);
    if (waiter != NULL) {
        waiter->code = outcome(conn, reply, waiter);
        co_wake(&waiter->wait);
    }
}

static bool submit(struct redis_conn *conn, struct call *call, struct arena *arena, size_t argc,
                   const struct str *argv)
{
    const char **texts = ARENA_ARRAY(arena, const char *, argc);
    size_t *lens = ARENA_ARRAY(arena, size_t, argc);
    for (size_t i = 0; i < argc; i++) {
        texts[i] = argv[i].len > 0 ? argv[i].ptr : "";
        lens[i] = argv[i].len;
    }
    return redisAsyncCommandArgv(conn->ac, on_reply, call, (int)argc, texts, lens) == REDIS_OK;
}

/* The first call of a pass lets the others of it come, then writes for all of them. */
static enum err_code flush(struct redis_conn *conn, struct err *err)
{
    if (conn->unsent) {
        return ERR_OK;
    }
    conn->unsent = true;
    conn->refs++; /* it may die meanwhile */
    enum err_code rc = co_yield (err);
    conn->unsent = false;
    if (conn->ac != NULL) {
        write_now(conn);
    }
    redis_conn_unref(conn);
    return rc;
}

enum err_code redis_conn_call(struct redis_conn *conn, struct co_sem *slots, struct arena *arena,
                              int64_t deadline, struct redis_reply *ret_reply, struct err *err,
                              size_t argc, const struct str *argv)
{
    struct waiter waiter = {.arena = arena, .reply = ret_reply};
    struct call *call = xmalloc(sizeof *call);

    BUG_ON(argc == 0 || argc > INT32_MAX);
    *call = (struct call){.waiter = &waiter, .slots = slots};
    co_wait_init(&waiter.wait);
    if (conn->ac == NULL || !submit(conn, call, arena, argc, argv)) {
        free(call);
        if (slots != NULL) {
            co_sem_release(slots);
        }
        return ERR_SET_ACT(err, ERR_IO, ERR_ACT_RETRY, "redis: the connection is dead");
    }
    if (conn->pending++ == 0) {
        conn->progress_at = co_now();
    }
    enum err_code rc = flush(conn, err); /* conn may be gone after it */
    if (rc == ERR_OK || waiter.wait.woken) {
        rc = co_wait(&waiter.wait, deadline, err);
    }
    if (rc != ERR_OK) {
        call->waiter = NULL; /* not woken, so not freed */
        return rc;
    }
    if (waiter.code != ERR_OK && err != NULL) {
        *err = waiter.err;
    }
    return waiter.code;
}

bool redis_conn_is_stalled(const struct redis_conn *conn)
{
    return conn->pending > 0 && co_loop_now(conn->client->loop) - conn->progress_at >=
                                    conn->client->opts.command_timeout_ms;
}

/* ---- opening --------------------------------------------------------------------------------- */

static void on_connect(const redisAsyncContext *ac, int status)
{
    struct redis_conn *conn = ac->data;
    conn->connected = status == REDIS_OK;
    co_wake(&conn->opened);
}

/* Connected on return; on failure dead or dropped by the caller. */
static enum err_code connect_to(struct redis_conn *conn, const char *host, uint16_t port,
                                int64_t deadline, struct err *err)
{
    struct sockaddr_storage address;
    char text[INET6_ADDRSTRLEN];

    enum err_code rc = co_resolve(host, NULL, deadline, &address, err);
    if (rc != ERR_OK) {
        return rc;
    }
    BUG_ON(uv_ip_name((const struct sockaddr *)&address, text, sizeof text) != 0);
    redisAsyncContext *ac = redisAsyncConnect(text, port);
    BUG_ON(ac == NULL && "out of memory");
    if (ac->err != 0) {
        ERR_SET_ACT(err, ERR_UNAVAILABLE, ERR_ACT_RETRY, "redis: connect: %s", ac->errstr);
        redisAsyncFree(ac);
        return ERR_UNAVAILABLE;
    }
    conn->ac = ac;
    attach(conn);
    conn->refs++; /* libuv's */
    BUG_ON(redisAsyncSetConnectCallback(ac, on_connect) != REDIS_OK);
    rc = co_wait(&conn->opened, deadline, err);
    if (rc == ERR_OK && !conn->connected) {
        return ERR_SET_ACT(err, ERR_UNAVAILABLE, ERR_ACT_RETRY,
                           "redis: the connection was refused");
    }
    return rc;
}

static enum err_code greet(struct redis_conn *conn, const char *what, struct arena *arena,
                           int64_t deadline, struct err *err, size_t argc, const struct str *argv)
{
    struct redis_reply reply;
    enum err_code rc = redis_conn_call(conn, NULL, arena, deadline, &reply, err, argc, argv);
    if (rc == ERR_INVALID) { /* AUTH without a password set there, SELECT of what is not there */
        return ERR_SET_ACT(err, ERR_CONFIG, ERR_ACT_CONFIG, "redis: %s was refused", what);
    }
    if (rc == ERR_IO) {
        return ERR_SET_ACT(err, ERR_UNAVAILABLE, ERR_ACT_RETRY,
                           "redis: the connection died while opening");
    }
    return rc;
}

static enum err_code introduce(struct redis_conn *conn, int64_t deadline, struct err *err)
{
    const struct redis_opts *opts = &conn->client->opts;
    CLEANUP(arena_fini) struct arena arena;
    enum err_code rc = ERR_OK;

    arena_init(&arena);
    if (opts->password != NULL && opts->user != NULL) {
        rc = greet(conn, "AUTH", &arena, deadline, err, 3,
                   (struct str[]){STR("AUTH"), str_c(opts->user), str_c(opts->password)});
    } else if (opts->password != NULL) {
        rc = greet(conn, "AUTH", &arena, deadline, err, 2,
                   (struct str[]){STR("AUTH"), str_c(opts->password)});
    }
    if (rc == ERR_OK && opts->db != 0) {
        rc = greet(conn, "SELECT", &arena, deadline, err, 2,
                   (struct str[]){STR("SELECT"), arena_strf(&arena, "%d", opts->db)});
    }
    if (rc == ERR_OK) { /* refused without a password where one is needed, and while loading */
        rc = greet(conn, "PING", &arena, deadline, err, 1, (struct str[]){STR("PING")});
    }
    return rc;
}

enum err_code redis_conn_open(struct redis_client *client, int64_t deadline,
                              struct redis_conn **ret_conn, struct err *err)
{
    struct redis_conn *conn = xcalloc(1, sizeof *conn);
    conn->client = client;
    conn->refs = 1;
    co_wait_init(&conn->opened);
    enum err_code rc = connect_to(conn, client->opts.host, client->opts.port, deadline, err);
    if (rc == ERR_OK) {
        rc = introduce(conn, deadline, err);
    }
    if (rc == ERR_TIMEOUT) { /* ours, not that of the calls which wait for it */
        rc = ERR_SET_ACT(err, ERR_UNAVAILABLE, ERR_ACT_RETRY, "redis: no answer while connecting");
    }
    if (rc != ERR_OK) {
        redis_conn_drop(conn);
        redis_conn_unref(conn);
        return rc;
    }
    *ret_conn = conn;
    return ERR_OK;
}

void redis_conn_drop(struct redis_conn *conn)
{
    if (conn->ac != NULL) {
        redisAsyncFree(conn->ac); /* calls on_cleanup */
    }
}

void redis_conn_unref(struct redis_conn *conn)
{
    if (--conn->refs == 0) {
        free(conn);
    }
}

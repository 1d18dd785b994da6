/* The client's own view: one client, one live connection at most. */
#ifndef REDIS_REDIS_INT_H
#define REDIS_REDIS_INT_H

#include "redis/redis.h"

#include <hiredis/async.h>

/* ---- connection (conn.c) ------------------------------------------------------------------- */

/* hiredis's context and the poll handle that drives it. Two hold it: who opened it, and libuv until
 * the handle is closed. */
struct redis_conn {
    struct redis_client *client;
    redisAsyncContext *ac; /* NULL: dead */
    uv_poll_t poll;
    int events; /* asked for by hiredis */
    int refs;
    struct co_wait opened;
    bool connected;
    bool writing; /* hiredis is at it: what it asks of the poll is meant */
    bool unsent;  /* someone writes at the end of this pass */
    bool too_big; /* a reply passed the maximum */
    bool too_big_told;
    bool demoted;                 /* it answered READONLY */
    size_t pending;               /* commands without a reply */
    int64_t progress_at;          /* when bytes last came, or were first waited for */
    size_t reply_bytes;           /* of the reply that is being read */
    redisReplyObjectFunctions fn; /* hiredis's own, within our bounds */
    const redisReplyObjectFunctions *plain_fn;
};

/* Connects, authenticates, selects and sees one answer. The caller drops it in the end. */
CO_FN enum err_code redis_conn_open(struct redis_client *client, int64_t deadline,
                                    struct redis_conn **ret_conn, struct err *err);
/* Fails what is in flight and closes; not from a callback of hiredis. Harmless on a dead one. */
void redis_conn_drop(struct redis_conn *conn);
void redis_conn_unref(struct redis_conn *conn);
/* Nothing came for command_timeout_ms though something is waited for. */
bool redis_conn_is_stalled(const struct redis_conn *conn);

/* One command on this connection. slots: NULL, or where a place is given back when the reply comes
 * or the connection dies; that may be after this has returned. */
CO_FN enum err_code redis_conn_call(struct redis_conn *conn, struct co_sem *slots,
                                    struct arena *arena, int64_t deadline,
                                    struct redis_reply *ret_reply, struct err *err, size_t argc,
                                    const struct str *argv);

/* ---- client (client.c) --------------------------------------------------------------------- */

enum redis_state {
    REDIS_CONNECTING, /* calls wait */
    REDIS_READY,
    REDIS_DOWN, /* calls fail at once */
};

struct redis_client {
    struct co_loop *loop;
    struct redis_opts opts; /* texts owned */
    enum redis_state state;
    bool closing;
    int refs;                /* the owner's and one for each call */
    struct redis_conn *conn; /* while READY */
    struct err why;          /* while DOWN */
    struct co_signal changed;
    struct co_sem slots;
    struct co_group group; /* the one coroutine that connects */
};

/* Called once, by the connection that was the client's. */
void redis_client_lost(struct redis_client *client, const struct err *why);
void redis_client_unref(struct redis_client *client);

/* ---- replies (reply.c) --------------------------------------------------------------------- */

/* The leading upper-case word of an error reply; what follows it may quote arguments. */
struct str redis_error_word(const redisReply *reply);
/* Copies into the arena. errs: those of the server's error replies, ERR_PROTO. */
enum err_code redis_reply_copy(const redisReply *from, struct arena *arena,
                               struct redis_reply *ret_reply, struct err *err);

#endif

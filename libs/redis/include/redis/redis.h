/* Redis for coroutines: one connection that all calls of a process share, RESP2.
 *
 * Commands are pipelined in the order of the calls. The client connects by itself, again and again
 * with a jittered back-off; a call waits for a connection that is being made, and fails at once
 * while the last attempt has failed. Never sent here: what changes the shared connection or blocks
 * it (SELECT, MULTI, SUBSCRIBE, MONITOR, BLPOP and their like).
 *
 * A call whose own deadline passes leaves the connection alone, its late answer is thrown away. A
 * server that answers nothing for command_timeout_ms while commands wait is taken for dead, and the
 * connection is dropped. What was in flight may have been done or not: it fails with ERR_IO and
 * ERR_ACT_RETRY, and is sent again only by the calls that say so.
 *
 * Keys and values are never part of an error's text, nor is what the server says beyond its error
 * code (it quotes arguments).
 *
 * errs, everywhere: ERR_TIMEOUT, ERR_CANCELED, ERR_CLOSED (the client is being freed);
 *   ERR_IO, RETRY            the connection died under the command
 *   ERR_UNAVAILABLE, RETRY   no connection; LOADING, BUSY, OOM, READONLY, MASTERDOWN, TRYAGAIN
 *   ERR_CONFIG, CONFIG       NOAUTH, WRONGPASS, NOPERM, a database number that is not there
 *   ERR_INVALID              WRONGTYPE and the server's other refusals
 *   ERR_TOO_BIG              a reply over max_reply_bytes; the connection is dropped */
#ifndef REDIS_REDIS_H
#define REDIS_REDIS_H

#include "base/arena.h"
#include "runtime/co.h"

struct redis_client;

struct redis_opts {
    const char *host;           /* name or address; copied, as all texts */
    uint16_t port;              /* 0: 6379 */
    const char *user;           /* NULL: the default user */
    const char *password;       /* NULL: no AUTH */
    int db;                     /* 0: not selected */
    int64_t connect_timeout_ms; /* 0: 2000; for name, connection, AUTH and SELECT together */
    int64_t command_timeout_ms; /* 0: 1000; bounds every call beside its deadline */
    size_t max_in_flight;       /* more calls wait for their turn; 0: 1024 */
    size_t max_reply_bytes;     /* 0: 16 MiB */
};

/* Starts to connect and returns at once. errs: ERR_CONFIG (no host), ERR_BUSY. */
MUST_CHECK enum err_code redis_client_new(struct co_loop *loop, const struct redis_opts *opts,
                                          struct redis_client **ret_client, struct err *err);
/* Refuses new calls, lets those in flight end until the deadline, then closes. Takes NULL. */
CO_FN struct redis_client *redis_client_free(struct redis_client *client, int64_t deadline);

/* Connected, and it answered within the last seconds: for readiness. */
bool redis_healthy(const struct redis_client *client);

/* ---- replies ------------------------------------------------------------------------------- */

enum redis_kind {
    REDIS_NIL,
    REDIS_STRING, /* bulk and status */
    REDIS_INTEGER,
    REDIS_ARRAY,
    REDIS_ERROR, /* only inside of an array: the error's code in str */
};

struct redis_reply {
    enum redis_kind kind;
    int64_t integer;
    struct str str;
    struct redis_reply *items;
    size_t count;
};

/* ---- commands ------------------------------------------------------------------------------ */

/* Sends argv and waits for the reply, which is copied into the arena. */
CO_FN MUST_CHECK enum err_code redis_command(struct redis_client *client, struct arena *arena,
                                             int64_t deadline, struct redis_reply *ret_reply,
                                             struct err *err, size_t argc, const struct str *argv);
/* The same for a command that may be done twice: sent once more, within the deadline, when the
 * connection dies under it. */
CO_FN MUST_CHECK enum err_code redis_command_again(struct redis_client *client, struct arena *arena,
                                                   int64_t deadline, struct redis_reply *ret_reply,
                                                   struct err *err, size_t argc,
                                                   const struct str *argv);

/* ret_value->ptr is NULL where there is no such key. Sent again as redis_command_again. */
CO_FN MUST_CHECK enum err_code redis_get(struct redis_client *client, struct arena *arena,
                                         int64_t deadline, struct str key, struct str *ret_value,
                                         struct err *err);
/* One value a key, in their order; ptr NULL where there is none. Sent again likewise. */
CO_FN MUST_CHECK enum err_code redis_mget(struct redis_client *client, struct arena *arena,
                                          int64_t deadline, size_t count, const struct str *keys,
                                          struct str *ret_values, struct err *err);

enum redis_set_mode { REDIS_SET_ALWAYS, REDIS_SET_IF_ABSENT };

/* ttl_ms: 0 keeps it for ever. ret_set: false where REDIS_SET_IF_ABSENT found a value; may be
 * NULL. */
CO_FN MUST_CHECK enum err_code redis_set(struct redis_client *client, int64_t deadline,
                                         struct str key, struct str value, int64_t ttl_ms,
                                         enum redis_set_mode mode, bool *ret_set, struct err *err);
/* ret_count: how many there were; may be NULL. */
CO_FN MUST_CHECK enum err_code redis_del(struct redis_client *client, int64_t deadline,
                                         size_t count, const struct str *keys, int64_t *ret_count,
                                         struct err *err);

/* ---- scripts ------------------------------------------------------------------------------- */

/* Static, one for each script: struct redis_script s = {.text = "return ..."}. The server names
 * it by its SHA-1; loaded when first used, and again where a server has lost it. */
struct redis_script {
    const char *text;
    char sha[41];
};

CO_FN MUST_CHECK enum err_code redis_eval(struct redis_client *client, struct arena *arena,
                                          int64_t deadline, struct redis_script *script,
                                          size_t key_count, const struct str *keys,
                                          size_t arg_count, const struct str *args,
                                          struct redis_reply *ret_reply, struct err *err);

#endif

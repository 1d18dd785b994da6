/* A session and its pool, as the files of this library see them. */
#ifndef POSTGRES_SESSION_INT_H
#define POSTGRES_SESSION_INT_H

#include "base/map.h"
#include "postgres/postgres.h"

#include <libpq-fe.h>

/* The socket in the loop. It lives until libuv has called back, which may be after its session. */
struct pg_poll {
    uv_poll_t handle;
    struct pg_session *session; /* NULL: closing */
    struct co_wait *waiter;
    int events; /* what the loop watches now */
};

/* A statement in a session, under the name that the server knows. */
struct pg_prepared {
    unsigned generation; /* goes into the name, so that a stale plan needs no DEALLOCATE */
    bool valid;
};

struct pg_session {
    struct list node; /* in the pool's idle list */
    struct pg_pool *pool;
    PGconn *pq; /* NULL: lost */
    struct pg_poll *poll;
    struct map prepared; /* name of the statement to struct pg_prepared */
    int64_t idle_since;
    bool idle;
};

struct pg_pool {
    struct co_loop *loop;
    struct pg_opts opts; /* the texts are ours */
    struct co_group group;
    struct co_sem slots;
    struct list idle; /* the longest idle first */
    size_t waiting;
    size_t out;
    bool healthy;
    bool reached; /* once, so that the server is looked for where it is lost */
};

/* connect.c: a session that is set up. errs: as pg_acquire. */
CO_FN MUST_CHECK enum err_code session_connect(struct pg_pool *pool, int64_t deadline,
                                               struct pg_session **ret_session, struct err *err);
/* Checks what needs no server. errs: ERR_CONFIG. */
MUST_CHECK enum err_code conninfo_check(const char *conninfo, struct err *err);

/* session.c */

/* Watches the connection's socket, anew: while connecting it changes. */
void session_watch(struct pg_session *s);
void session_unwatch(struct pg_session *s);
/* Waits for events (UV_READABLE, UV_WRITABLE) or an error of the socket.
 * errs: ERR_TIMEOUT, ERR_CANCELED; the session is as it was. */
CO_FN MUST_CHECK enum err_code session_wait(struct pg_session *s, int events, int64_t deadline,
                                            struct err *err);
/* May a call begin? errs: ERR_CLOSED, ERR_TIMEOUT, ERR_CANCELED. */
MUST_CHECK enum err_code session_ready(const struct pg_session *s, int64_t deadline,
                                       struct err *err);
/* Watches for the server's last words while nobody uses the session. */
void session_rest(struct pg_session *s);
/* Closes the connection; the session stays for its owner to release. */
void session_drop(struct pg_session *s);
/* Takes NULL. */
struct pg_session *session_free(struct pg_session *s);

/* sqlstate.c: err from a result that reports an error. */
enum err_code err_from_pg(struct err *err, const char *where, const PGresult *res);
/* From a connection that could not be made or was lost. */
enum err_code err_from_connection(struct err *err, const char *where, const char *message);

#endif

/* One connection of the front end: bytes in, bytes out, with or without TLS; the version on top is
 * a const table. Private to front.c, h1.c, h2.c and tls.c. */
#ifndef SIMULATOR_CONN_H
#define SIMULATOR_CONN_H

#include "base/list.h"
#include "base/vec.h"
#include "simulator/front.h"

struct conn;

/* What a version does with a connection. */
struct conn_ops {
    void *(*open)(struct conn *c);
    /* False ends the connection. */
    bool (*feed)(struct conn *c, void *state, struct str bytes);
    void (*close)(void *state);
};

extern const struct conn_ops conn_h1;
extern const struct conn_ops conn_h2;

struct conn {
    struct front *front;
    uv_tcp_t tcp;
    struct list link;
    SSL *ssl;                   /* NULL: clear */
    const struct conn_ops *ops; /* NULL: not known yet */
    void *state;
    struct buf early; /* what came before the version was known */
    bool closing;
    bool shut; /* to be closed when all is written */
    size_t writing;
};

struct sim *conn_sim(const struct conn *c);
uv_loop_t *conn_loop(const struct conn *c);
/* Sends a copy of the bytes; dropped on a connection that closes. */
void conn_write(struct conn *c, struct str bytes);
/* After what was written. */
void conn_end(struct conn *c);
/* At once, by a TCP reset. */
void conn_reset(struct conn *c);
/* At once. */
void conn_close(struct conn *c);

/* ---- tls.c --------------------------------------------------------------------------------- */

SSL_CTX *tls_context(const char *cert, const char *key, struct err *err);
SSL *tls_new(SSL_CTX *ctx);
/* Bytes from the wire in, plain bytes out to conn_plain; what TLS itself has to say is written.
 * False: broken. */
bool tls_feed(struct conn *c, struct str bytes);
void tls_write(struct conn *c, struct str bytes);

/* Plain bytes that arrived. False ends the connection. */
bool conn_plain(struct conn *c, struct str bytes);
/* Bytes to the wire as they are. */
void conn_write_raw(struct conn *c, struct str bytes);

/* ---- calls --------------------------------------------------------------------------------- */

/* One exchange under way: owned by the version's state; freed by call_free, which stops its timer.
 * done is called once, at once or later, from the loop. */
struct call {
    struct conn *conn;
    struct arena arena;
    struct sim_request rq;
    struct sim_reply rp;
    VEC(struct sim_header) headers;
    struct buf body;
    uv_timer_t *timer; /* NULL: not waiting */
    void (*done)(struct call *call);
    void *owner;
};

struct call *call_new(struct conn *c);
/* rq.method, path (with its query still on) and headers are set, the body is in. */
void call_run(struct call *call, void (*done)(struct call *call));
void call_free(struct call *call);

#endif

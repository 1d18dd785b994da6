#include "simulator/conn.h"

#define BACKLOG 511
#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

struct front {
    struct sim *sim;
    uv_loop_t *loop;
    uv_tcp_t listener;
    SSL_CTX *tls; /* NULL: clear */
    struct list conns;
    bool closing;
};

struct sim *conn_sim(const struct conn *c)
{
    return c->front->sim;
}

uv_loop_t *conn_loop(const struct conn *c)
{
    return c->front->loop;
}

/* ---- life ---------------------------------------------------------------------------------- */

static void on_conn_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    /* Not earlier: the version's code may be what ended the connection. */
    if (c->ops != NULL) {
        c->ops->close(c->state);
    }
    SSL_free(c->ssl);
    buf_fini(&c->early);
    free(c);
}

static void forget(struct conn *c)
{
    c->closing = true;
    list_remove(&c->link);
}

void conn_close(struct conn *c)
{
    if (!c->closing) {
        forget(c);
        uv_close((uv_handle_t *)&c->tcp, on_conn_closed);
    }
}

void conn_reset(struct conn *c)
{
    if (!c->closing) {
        forget(c);
        if (uv_tcp_close_reset(&c->tcp, on_conn_closed) != 0) {
            uv_close((uv_handle_t *)&c->tcp, on_conn_closed);
        }
    }
}

void conn_end(struct conn *c)
{
    c->shut = true;
    if (c->writing == 0) {
        conn_close(c);
    }
}

/* ---- writing ------------------------------------------------------------------------------- */

struct write {
    uv_write_t req;
    struct conn *conn;
    char bytes[];
};

static void on_written(uv_write_t *req, int status)
{
    struct write *w = (struct write *)(void *)req;
    struct conn *c = w->conn;
    free(w);
    c->writing--;
    if (!c->closing && (status < 0 || (c->shut && c->writing == 0))) {
        conn_close(c);
    }
}

void conn_write_raw(struct conn *c, struct str bytes)
{
    if (c->closing || bytes.len == 0) {
        return;
    }
    uv_buf_t whole = uv_buf_init((char *)(uintptr_t)bytes.ptr, (unsigned)bytes.len);
    if (c->writing == 0) { /* most answers fit into the socket's buffer */
        int sent = uv_try_write((uv_stream_t *)&c->tcp, &whole, 1);
        if (sent > 0) {
            bytes = str_sub(bytes, (size_t)sent, SIZE_MAX);
        }
        if (bytes.len == 0) {
            return;
        }
    }
    struct write *w = xmalloc(sizeof *w + bytes.len);
    w->conn = c;
    memcpy(w->bytes, bytes.ptr, bytes.len);
    uv_buf_t rest = uv_buf_init(w->bytes, (unsigned)bytes.len);
    c->writing++;
    if (uv_write(&w->req, (uv_stream_t *)&c->tcp, &rest, 1, on_written) != 0) {
        c->writing--;
        free(w);
        conn_close(c);
    }
}

void conn_write(struct conn *c, struct str bytes)
{
    if (c->ssl != NULL) {
        tls_write(c, bytes);
    } else {
        conn_write_raw(c, bytes);
    }
}

/* ---- reading ------------------------------------------------------------------------------- */

/* Which version the first bytes are; NULL while that is open. */
static const struct conn_ops *version_of(struct str bytes)
{
    struct str preface = STR(H2_PREFACE);
    if (str_starts(bytes, preface)) {
        return &conn_h2;
    }
    return str_starts(preface, bytes) ? NULL : &conn_h1;
}

bool conn_plain(struct conn *c, struct str bytes)
{
    if (c->ops == NULL) {
        buf_add(&c->early, bytes);
        const struct conn_ops *ops = version_of(buf_str(&c->early));
        if (ops == NULL) {
            return true;
        }
        c->ops = ops;
        c->state = ops->open(c);
        return c->ops->feed(c, c->state, buf_str(&c->early)) && !c->closing;
    }
    return c->ops->feed(c, c->state, bytes) && !c->closing;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    /* One buffer for all: what is read is used before the next read. */
    static char bytes[65536];
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(bytes, sizeof bytes);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct conn *c = stream->data;
    if (len < 0) {
        conn_close(c);
        return;
    }
    struct str bytes = {buf->base, (size_t)len};
    bool good = c->ssl != NULL ? tls_feed(c, bytes) : conn_plain(c, bytes);
    if (!good && !c->closing) {
        conn_end(c);
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct front *f = listener->data;
    if (status < 0) {
        return;
    }
    struct conn *c = xcalloc(1, sizeof *c);
    c->front = f;
    c->tcp.data = c;
    buf_init(&c->early, 1u << 20);
    list_init(&c->link);
    uv_tcp_init(f->loop, &c->tcp);
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0) {
        conn_close(c);
        return;
    }
    list_push(&f->conns, &c->link);
    uv_tcp_nodelay(&c->tcp, 1);
    if (f->tls != NULL) {
        c->ssl = tls_new(f->tls);
    }
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

/* ---- calls --------------------------------------------------------------------------------- */

struct call *call_new(struct conn *c)
{
    struct call *call = xcalloc(1, sizeof *call);
    call->conn = c;
    arena_init(&call->arena);
    buf_init(&call->body, SIM_REQUEST_MAX_BYTES);
    sim_reply_init(&call->rp);
    call->rq.arena = &call->arena;
    return call;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

void call_free(struct call *call)
{
    if (call == NULL) {
        return;
    }
    if (call->timer != NULL) {
        uv_close((uv_handle_t *)call->timer, on_timer_closed);
    }
    sim_reply_fini(&call->rp);
    buf_fini(&call->body);
    vec_fini(&call->headers);
    arena_fini(&call->arena);
    free(call);
}

static void on_timer(uv_timer_t *timer)
{
    struct call *call = timer->data;
    uv_close((uv_handle_t *)timer, on_timer_closed);
    call->timer = NULL;
    call->done(call);
}

void call_run(struct call *call, void (*done)(struct call *call))
{
    struct sim_request *rq = &call->rq;
    size_t mark = str_find_char(rq->path, '?');
    rq->query = mark == SIZE_MAX ? STR("") : str_sub(rq->path, mark + 1, SIZE_MAX);
    rq->path = str_sub(rq->path, 0, mark);
    rq->headers = call->headers.ptr;
    rq->header_count = call->headers.len;
    rq->body = buf_str(&call->body);
    call->done = done;
    sim_handle(conn_sim(call->conn), rq, &call->rp);
    if (call->rp.delay_ms <= 0) {
        done(call);
        return;
    }
    call->timer = xmalloc(sizeof *call->timer);
    uv_timer_init(conn_loop(call->conn), call->timer);
    call->timer->data = call;
    uv_timer_start(call->timer, on_timer, (uint64_t)call->rp.delay_ms, 0);
}

/* ---- the listener -------------------------------------------------------------------------- */

static int bind_to(struct front *f, const struct front_options *o)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (uv_ip4_addr(o->host, o->port, &v4) == 0) {
        return uv_tcp_bind(&f->listener, (const struct sockaddr *)&v4, 0);
    }
    if (uv_ip6_addr(o->host, o->port, &v6) == 0) {
        return uv_tcp_bind(&f->listener, (const struct sockaddr *)&v6, 0);
    }
    return UV_EINVAL;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct front *f = handle->data;
    SSL_CTX_free(f->tls);
    free(f);
}

enum err_code front_new(uv_loop_t *loop, struct sim *sim, const struct front_options *options,
                        struct front **ret_front, struct err *err)
{
    SSL_CTX *tls = NULL;
    if (options->tls_cert != NULL) {
        tls = tls_context(options->tls_cert, options->tls_key, err);
        if (tls == NULL) {
            return ERR_CONFIG;
        }
    }
    struct front *f = xcalloc(1, sizeof *f);
    *f = (struct front){.sim = sim, .loop = loop, .tls = tls};
    list_init(&f->conns);
    uv_tcp_init(loop, &f->listener);
    f->listener.data = f;
    int rc = bind_to(f, options);
    if (rc == 0) {
        rc = uv_listen((uv_stream_t *)&f->listener, BACKLOG, on_connection);
    }
    if (rc != 0) {
        uv_close((uv_handle_t *)&f->listener, on_listener_closed);
        return ERR_SET(err, rc == UV_EINVAL ? ERR_CONFIG : ERR_IO, "cannot listen on %s:%u: %s",
                       options->host, options->port, uv_strerror(rc));
    }
    *ret_front = f;
    return ERR_OK;
}

uint16_t front_port(const struct front *f)
{
    struct sockaddr_storage address;
    int len = sizeof address;
    BUG_ON(uv_tcp_getsockname(&f->listener, (struct sockaddr *)&address, &len) != 0);
    return ntohs(address.ss_family == AF_INET6
                     ? ((const struct sockaddr_in6 *)(const void *)&address)->sin6_port
                     : ((const struct sockaddr_in *)(const void *)&address)->sin_port);
}

void front_close(struct front *f)
{
    while (!list_empty(&f->conns)) {
        conn_close(LIST_ENTRY(f->conns.next, struct conn, link));
    }
    uv_close((uv_handle_t *)&f->listener, on_listener_closed);
}

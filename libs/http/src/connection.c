/* One connection: reading requests, running the handler, and what follows a reply.
 *
 * While a handler runs, the socket is still read, so that a client that goes away is noticed; the
 * first bytes that come then are kept, and reading stops until they are used. */
#include "server_int.h"

#include "observe/metric.h"

#include <arpa/inet.h>
#include <stdio.h>

/* How long a peer may go on sending after a refusal. */
#define LINGER_MS 2000

static void next_request(struct conn *c);
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

/* ---- life ------------------------------------------------------------------------------------ */

static void release(struct conn *c)
{
    if (!c->closed || c->busy) {
        return;
    }
    struct http_server *server = c->server;
    request_fini(&c->request);
    buf_fini(&c->ahead);
    buf_fini(&c->out);
    arena_fini(&c->arena);
    list_remove(&c->node);
    free(c);
    server->conn_count--;
    metric_set(METRIC_HTTP_SERVER_CONNECTIONS, server->opts.name, (double)server->conn_count);
    if (server->conn_count == 0) {
        co_signal_raise(&server->drained);
    }
    server_handle_closed(server);
}

static void on_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    c->closed = true;
    release(c);
}

void conn_close(struct conn *c)
{
    if (c->phase != CONN_CLOSING) {
        c->phase = CONN_CLOSING;
        uv_close((uv_handle_t *)&c->tcp, on_closed);
    }
}

static void on_alloc(uv_handle_t *handle, size_t hint UNUSED, uv_buf_t *buf)
{
    /* One buffer serves all connections: on_read copies what it keeps. */
    struct conn *c = handle->data;
    *buf = uv_buf_init(c->server->scratch, sizeof c->server->scratch);
}

static void read_start(struct conn *c)
{
    if (!c->reading && !c->eof) {
        c->reading = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) == 0;
    }
}

static void read_stop(struct conn *c)
{
    if (c->reading) {
        c->reading = false;
        uv_read_stop((uv_stream_t *)&c->tcp);
    }
}

static void set_deadline(struct conn *c, int64_t ms)
{
    c->deadline_at = co_loop_now(c->server->loop) + ms;
}

static void note_peer(struct conn *c)
{
    struct sockaddr_storage address;
    int len = sizeof address;
    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&address, &len) == 0) {
        uv_ip_name((const struct sockaddr *)&address, c->peer, sizeof c->peer);
    }
}

void conn_open(struct http_server *server)
{
    struct conn *c = xcalloc(1, sizeof *c);
    c->server = server;
    uv_tcp_init(co_loop_uv(server->loop), &c->tcp);
    c->tcp.data = c->write.data = c->shutdown.data = c;
    server->handles++;
    server->conn_count++;
    metric_set(METRIC_HTTP_SERVER_CONNECTIONS, server->opts.name, (double)server->conn_count);
    list_push(&server->conns, &c->node);
    request_init(&c->request, &server->limits);
    arena_init(&c->arena);
    buf_init(&c->ahead, SERVER_READ_BYTES);
    buf_init(&c->out, SIZE_MAX / 2);
    c->pub.arena = &c->arena;
    if (uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)&c->tcp) != 0 ||
        server->conn_count > server->opts.max_connections) {
        metric_inc(METRIC_HTTP_SERVER_REFUSED, "connections");
        conn_close(c);
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    note_peer(c);
    c->phase = CONN_READING;
    set_deadline(c, server->opts.idle_ms);
    read_start(c);
}

/* ---- the handler ----------------------------------------------------------------------------- */

static void serve(void *arg)
{
    struct conn *c = arg;
    struct http_server *server = c->server;
    co_set_local(NULL); /* the one of the request before, where that one's coroutine began this */
    server->opts.handler(&c->pub, server->opts.arg);
    if (!c->replied) {
        conn_reply_error(c, 500, "internal", "The request could not be answered.");
    }
    metric_observe(METRIC_HTTP_SERVER_SECONDS, server->opts.name,
                   (double)(co_clock_ns() - c->began_ns) / 1e9);
    arena_reset(&c->arena);
    server->in_flight--;
    c->busy = false;
    if (c->closed) {
        release(c);
    } else {
        conn_reply_taken(c);
    }
}

static void start_handler(struct conn *c)
{
    struct request *r = &c->request;
    struct http_server *server = c->server;
    set_deadline(c, server->opts.request_ms);
    c->phase = CONN_HANDLING;
    c->replied = c->overdue = false;
    c->keep = r->keep_alive;
    c->began_ns = co_clock_ns();
    c->pub = (struct http_exchange){.method = r->method,
                                    .target = r->target,
                                    .path = r->path,
                                    .query = r->query,
                                    .headers = r->headers.ptr,
                                    .header_count = r->headers.len,
                                    .body = buf_str(&r->body),
                                    .peer = str_c(c->peer),
                                    .arena = &c->arena,
                                    .deadline = c->deadline_at};
    if (co_spawn(&server->handlers, server->opts.name, serve, c, NULL) != ERR_OK) {
        c->keep = false;
        conn_reply_error(c, 503, "overloaded", "The server has too much to do.");
        return;
    }
    c->busy = true;
    server->in_flight++;
}

/* ---- reading --------------------------------------------------------------------------------- */

static void refuse(struct conn *c)
{
    const struct request *r = &c->request;
    metric_inc(METRIC_HTTP_SERVER_REFUSED, r->reply_code);
    c->keep = false;
    c->linger = true;
    c->replied = false;
    conn_reply_error(c, r->reply_status, r->reply_code, r->reply_text);
}

/* Gives bytes to the request; what is not its own is kept. */
static void feed(struct conn *c, struct str bytes)
{
    struct request *r = &c->request;
    enum request_phase before = r->phase;
    size_t used = 0;
    enum request_phase phase = request_feed(r, bytes, &used);
    if (used < bytes.len && phase != REQUEST_BAD) {
        buf_add(&c->ahead, str_sub(bytes, used, SIZE_MAX));
        read_stop(c);
    }
    if (phase == REQUEST_BAD) {
        refuse(c);
    } else if (phase == REQUEST_DONE) {
        start_handler(c);
    } else if (phase != before) {
        set_deadline(c,
                     phase == REQUEST_HEAD ? c->server->opts.header_ms : c->server->opts.body_ms);
    }
    if (phase == REQUEST_BODY && r->expects_continue && !c->continued && r->body.len == 0) {
        conn_continue(c);
    }
}

static void on_end(struct conn *c, ssize_t why)
{
    c->reading = false;
    uv_read_stop((uv_stream_t *)&c->tcp);
    c->eof = true;
    /* A peer that has closed its side may still read: what it asked for is answered. */
    if (why != UV_EOF || c->phase == CONN_READING || c->phase == CONN_LINGERING) {
        conn_close(c);
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct conn *c = stream->data;
    if (n < 0) {
        on_end(c, n);
    } else if (n > 0 && c->phase == CONN_READING) {
        feed(c, (struct str){buf->base, (size_t)n});
    } else if (n > 0 && c->phase != CONN_LINGERING) {
        buf_add(&c->ahead, (struct str){buf->base, (size_t)n});
        read_stop(c);
    }
}

/* ---- after a reply --------------------------------------------------------------------------- */

static void on_shutdown(uv_shutdown_t *shutdown, int status)
{
    struct conn *c = shutdown->data;
    if (status != 0) {
        conn_close(c);
    }
}

static void linger(struct conn *c)
{
    c->phase = CONN_LINGERING;
    set_deadline(c, LINGER_MS);
    if (c->eof || uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shutdown) != 0) {
        conn_close(c);
        return;
    }
    read_start(c);
}

void conn_reply_taken(struct conn *c)
{
    if (c->phase != CONN_REPLYING || c->writing) {
        return;
    }
    if (!c->keep && c->linger) {
        linger(c);
    } else if (!c->keep) {
        conn_close(c);
    } else if (!c->busy) {
        next_request(c);
    }
}

static void next_request(struct conn *c)
{
    struct buf ahead = c->ahead;
    request_reset(&c->request);
    c->continued = false;
    c->phase = CONN_READING;
    set_deadline(c, c->server->opts.idle_ms);
    if (ahead.len > 0) {
        buf_init(&c->ahead, SERVER_READ_BYTES);
        feed(c, buf_str(&ahead)); /* puts back what it does not need */
        buf_fini(&ahead);
    }
    if (c->phase == CONN_READING) {
        if (c->eof) {
            conn_close(c);
        } else if (c->server->stopping && c->request.phase == REQUEST_START) {
            conn_close(c);
        } else {
            read_start(c);
        }
    }
}

void conn_close_idle(struct conn *c)
{
    if (c->phase == CONN_READING && c->request.phase == REQUEST_START) {
        conn_close(c);
    }
}

void conn_check_deadline(struct conn *c, int64_t now)
{
    if (now < c->deadline_at) {
        return;
    }
    if (c->phase == CONN_READING && c->request.phase != REQUEST_START) {
        IGNORE(request_refuse(&c->request, 408, "timeout", "The request took too long to come."));
        refuse(c);
    } else if (c->phase == CONN_HANDLING) {
        c->keep = false;
        c->overdue = true;
        conn_reply_error(c, 503, "deadline", "The request could not be answered in time.");
    } else if (c->phase != CONN_REPLYING || c->writing) {
        conn_close(c);
    }
}

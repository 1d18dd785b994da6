/* A server's life: listening, the sweep of deadlines, draining. */
#include "server_int.h"

#include "observe/metric.h"

#include <arpa/inet.h>
#include <signal.h>

/* How far a deadline may be overrun; they are seconds. */
#define SWEEP_MS 50
/* http-parser has a bound of 80 KiB of its own. */
#define HEADER_BYTES_MAX (64 * 1024)

#define DEFAULT(field, value) ((field) = (field) > 0 ? (field) : (value))

static void fill_defaults(struct http_server_opts *o)
{
    o->name = o->name != NULL ? o->name : "http";
    o->address = o->address != NULL ? o->address : "127.0.0.1";
    DEFAULT(o->backlog, 511);
    DEFAULT(o->max_connections, 4096);
    DEFAULT(o->max_header_bytes, 16 * 1024);
    DEFAULT(o->max_headers, 100);
    DEFAULT(o->max_body_bytes, 1024 * 1024);
    DEFAULT(o->header_ms, 5000);
    DEFAULT(o->body_ms, 10000);
    DEFAULT(o->idle_ms, 60000);
    DEFAULT(o->request_ms, 30000);
    DEFAULT(o->write_ms, 10000);
    o->max_header_bytes = MIN(o->max_header_bytes, (size_t)HEADER_BYTES_MAX);
}

void server_handle_closed(struct http_server *server)
{
    if (--server->handles == 0 && server->freed) {
        free(server);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    server_handle_closed(handle->data);
}

static void on_sweep(uv_timer_t *timer)
{
    struct http_server *server = timer->data;
    int64_t now = co_loop_now(server->loop);
    list_foreach_safe (node, &server->conns) {
        conn_check_deadline(LIST_ENTRY(node, struct conn, node), now);
    }
    if (list_empty(&server->conns)) {
        uv_timer_stop(timer);
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct http_server *server = listener->data;
    if (status == 0) {
        conn_open(server);
        if (!uv_is_active((uv_handle_t *)&server->sweep)) {
            uv_timer_start(&server->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
        }
    }
}

/* A peer that is gone is an error code of the write, not the end of the process. */
static void ignore_sigpipe(void)
{
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
        signal(SIGPIPE, SIG_IGN);
    }
}

static enum err_code listen_at(struct http_server *server, struct err *err)
{
    const struct http_server_opts *o = &server->opts;
    struct sockaddr_storage address;
    if (uv_ip4_addr(o->address, o->port, (struct sockaddr_in *)&address) != 0 &&
        uv_ip6_addr(o->address, o->port, (struct sockaddr_in6 *)&address) != 0) {
        return ERR_SET_ACT(err, ERR_CONFIG, ERR_ACT_CONFIG, "%s: not a literal address", o->name);
    }
    int rc = uv_tcp_bind(&server->listener, (const struct sockaddr *)&address, 0);
    if (rc == 0) {
        rc = uv_listen((uv_stream_t *)&server->listener, o->backlog, on_connection);
    }
    if (rc != 0) {
        IGNORE(ERR_SET(err, ERR_IO, "%s: cannot listen on port %u: %s", o->name, o->port,
                       uv_strerror(rc)));
        if (err != NULL) {
            err->sys = -rc;
        }
        return ERR_IO;
    }
    return ERR_OK;
}

enum err_code http_server_new(struct co_loop *loop, const struct http_server_opts *opts,
                              struct http_server **ret_server, struct err *err)
{
    struct http_server *server = xcalloc(1, sizeof *server);
    uv_loop_t *uv = co_loop_uv(loop);
    server->loop = loop;
    server->opts = *opts;
    fill_defaults(&server->opts);
    server->limits = (struct request_limits){.header_bytes = server->opts.max_header_bytes,
                                             .headers = server->opts.max_headers,
                                             .body_bytes = server->opts.max_body_bytes};
    list_init(&server->conns);
    co_group_init(&server->handlers, loop);
    co_signal_init(&server->drained);
    uv_tcp_init(uv, &server->listener);
    uv_timer_init(uv, &server->sweep);
    server->listener.data = server->sweep.data = server;
    server->handles = 2;
    server->accepting = true;
    ignore_sigpipe();
    enum err_code rc = listen_at(server, err);
    if (rc != ERR_OK) {
        http_server_stop_accepting(server);
        uv_close((uv_handle_t *)&server->sweep, on_handle_closed);
        server->freed = true;
        return rc;
    }
    *ret_server = server;
    return ERR_OK;
}

uint16_t http_server_port(const struct http_server *server)
{
    struct sockaddr_storage address;
    int len = sizeof address;
    if (uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &len) != 0) {
        return 0;
    }
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

size_t http_server_connections(const struct http_server *server)
{
    return server->conn_count;
}

size_t http_server_in_flight(const struct http_server *server)
{
    return server->in_flight;
}

void http_server_stop_accepting(struct http_server *server)
{
    server->stopping = true;
    if (server->accepting) {
        server->accepting = false;
        uv_close((uv_handle_t *)&server->listener, on_handle_closed);
    }
}

enum err_code http_server_drain(struct http_server *server, int64_t deadline, struct err *err)
{
    http_server_stop_accepting(server);
    list_foreach_safe (node, &server->conns) {
        conn_close_idle(LIST_ENTRY(node, struct conn, node));
    }
    while (server->conn_count > 0) {
        enum err_code rc = co_signal_wait(&server->drained, deadline, err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    return ERR_OK;
}

struct http_server *http_server_free(struct http_server *server)
{
    if (server == NULL) {
        return NULL;
    }
    http_server_stop_accepting(server);
    list_foreach_safe (node, &server->conns) {
        conn_close(LIST_ENTRY(node, struct conn, node));
    }
    co_group_fini(&server->handlers);
    uv_close((uv_handle_t *)&server->sweep, on_handle_closed);
    server->freed = true; /* handles is at least 1: the sweep's callback comes later */
    return NULL;
}

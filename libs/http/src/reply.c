/* Replies: one buffer for the head, one system call for head and body where the kernel takes both;
 * what it does not take is kept, and the peer has write_ms to read it. */
#include "server_int.h"

#include "observe/metric.h"
#include "json/write.h"

#include <stdio.h>
#include <time.h>

#define KEEP_BYTES 4096

/* src: RFC 9110 15, RFC 6585 */
static const char *status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } known[] = {{200, "OK"},
                 {201, "Created"},
                 {202, "Accepted"},
                 {204, "No Content"},
                 {207, "Multi-Status"},
                 {302, "Found"},
                 {303, "See Other"},
                 {304, "Not Modified"},
                 {400, "Bad Request"},
                 {401, "Unauthorized"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {408, "Request Timeout"},
                 {409, "Conflict"},
                 {410, "Gone"},
                 {412, "Precondition Failed"},
                 {413, "Content Too Large"},
                 {415, "Unsupported Media Type"},
                 {417, "Expectation Failed"},
                 {422, "Unprocessable Content"},
                 {429, "Too Many Requests"},
                 {431, "Request Header Fields Too Large"},
                 {500, "Internal Server Error"},
                 {501, "Not Implemented"},
                 {502, "Bad Gateway"},
                 {503, "Service Unavailable"},
                 {504, "Gateway Timeout"},
                 {505, "HTTP Version Not Supported"}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (known[i].status == status) {
            return known[i].text;
        }
    }
    return "Status"; /* the text is decoration */
}

static struct str date_field(struct http_server *server)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t second = co_wall_now() / 1000;
    if (second != server->date_at || server->date_len == 0) {
        time_t t = (time_t)second;
        struct tm tm;
        gmtime_r(&t, &tm);
        server->date_at = second;
        server->date_len = (size_t)snprintf(server->date, sizeof server->date,
                                            "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
                                            days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
                                            tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    }
    return (struct str){server->date, server->date_len};
}

static void add_field(struct buf *out, struct str name, struct str value)
{
    buf_add(out, name);
    buf_add(out, STR(": "));
    buf_add(out, value);
    buf_add(out, STR("\r\n"));
}

static void build_head(struct conn *c, int status, const struct http_header *headers,
                       size_t header_count, const char *content_type, size_t body_len)
{
    struct buf *out = &c->out;
    char digits[24];
    buf_reset(out);
    buf_add(out, STR("HTTP/1.1 "));
    buf_add(out, (struct str){digits, (size_t)snprintf(digits, sizeof digits, "%d ", status)});
    buf_add_c(out, status_text(status));
    buf_add(out, STR("\r\n"));
    buf_add(out, date_field(c->server));
    if (content_type != NULL) {
        add_field(out, STR("Content-Type"), str_c(content_type));
    }
    if (status != 204 && status != 304) {
        size_t n = (size_t)snprintf(digits, sizeof digits, "%zu", body_len);
        add_field(out, STR("Content-Length"), (struct str){digits, n});
    }
    if (!c->keep) {
        buf_add(out, STR("Connection: close\r\n"));
    } else if (c->request.http_1_0) {
        buf_add(out, STR("Connection: keep-alive\r\n"));
    }
    for (size_t i = 0; i < header_count; i++) {
        add_field(out, headers[i].name, headers[i].value);
    }
    buf_add(out, STR("\r\n"));
}

/* ---- writing --------------------------------------------------------------------------------- */

static void written(struct conn *c)
{
    if (c->out.cap > KEEP_BYTES) {
        buf_fini(&c->out);
    }
    buf_reset(&c->out);
    conn_reply_taken(c);
}

static void on_write(uv_write_t *write, int status)
{
    struct conn *c = write->data;
    c->writing = false;
    if (status != 0) {
        conn_close(c);
        return;
    }
    written(c);
}

/* Sends c->out and then body. */
static void send_reply(struct conn *c, struct str body)
{
    uv_buf_t bufs[2] = {uv_buf_init(c->out.ptr, (unsigned)c->out.len),
                        {.base = (char *)(uintptr_t)body.ptr, .len = body.len}};
    size_t total = c->out.len + body.len;
    int n =
        c->writing ? UV_EAGAIN : uv_try_write((uv_stream_t *)&c->tcp, bufs, body.len > 0 ? 2 : 1);
    if (n < 0 && n != UV_EAGAIN) {
        conn_close(c);
        return;
    }
    size_t done = n > 0 ? (size_t)n : 0;
    if (done == total) {
        written(c);
        return;
    }
    size_t head_done = MIN(done, c->out.len);
    buf_drop_front(&c->out, head_done);
    buf_add(&c->out, str_sub(body, done - head_done, SIZE_MAX));
    c->deadline_at = co_loop_now(c->server->loop) + c->server->opts.write_ms;
    c->writing = true;
    uv_buf_t rest = uv_buf_init(c->out.ptr, (unsigned)c->out.len);
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &rest, 1, on_write) != 0) {
        c->writing = false;
        conn_close(c);
    }
}

/* A value with a line end in it would begin a field, or a reply, of somebody else's making. */
static bool fields_are_clean(const struct http_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct str parts[] = {headers[i].name, headers[i].value};
        for (size_t k = 0; k < ARRAY_LEN(parts); k++) {
            if (str_find_char(parts[k], '\r') != SIZE_MAX ||
                str_find_char(parts[k], '\n') != SIZE_MAX ||
                str_find_char(parts[k], '\0') != SIZE_MAX) {
                return false;
            }
        }
    }
    return true;
}

void conn_reply(struct conn *c, int status, const struct http_header *headers, size_t header_count,
                const char *content_type, struct str body)
{
    char label[8];
    c->replied = true;
    if (c->phase == CONN_CLOSING) {
        return;
    }
    c->phase = CONN_REPLYING;
    c->keep = c->keep && !c->server->stopping;
    snprintf(label, sizeof label, "%d", status);
    metric_inc(METRIC_HTTP_SERVER_REPLIES, label);
    if (status == 204 || status == 304) {
        body = STR("");
        content_type = NULL;
    }
    build_head(c, status, headers, header_count, content_type, body.len);
    send_reply(c, str_eq(c->request.method, STR("HEAD")) ? STR("") : body);
}

void conn_reply_error(struct conn *c, int status, const char *code, const char *message)
{
    struct buf body CLEANUP(buf_fini);
    buf_init(&body, 64 * 1024);
    struct json_writer w = {.out = &body};
    json_open(&w, '{');
    json_key(&w, "error");
    json_open(&w, '{');
    json_member_c(&w, "code", code);
    json_member_c(&w, "message", message);
    json_close(&w, '}');
    json_close(&w, '}');
    conn_reply(c, status, NULL, 0, "application/json", buf_str(&body));
}

void conn_continue(struct conn *c)
{
    static char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    uv_buf_t buf = uv_buf_init(text, sizeof text - 1);
    c->continued = true;
    /* Nothing else is being written, so an empty socket buffer takes it whole, or the peer is not
     * worth waiting for. */
    if (uv_try_write((uv_stream_t *)&c->tcp, &buf, 1) != (int)buf.len) {
        conn_close(c);
    }
}

/* ---- for handlers ---------------------------------------------------------------------------- */

static struct conn *conn_of(const struct http_exchange *x)
{
    return CONTAINER_OF((uintptr_t)x, struct conn, pub);
}

bool http_request_header(const struct http_exchange *x, const char *name, struct str *ret_value)
{
    return http_header_find(x->headers, x->header_count, name, ret_value);
}

void http_reply(struct http_exchange *x, int status, const struct http_header *headers,
                size_t header_count, const char *content_type, struct str body)
{
    struct conn *c = conn_of(x);
    if (c->overdue) {
        return;
    }
    BUG_ON(c->replied || status < 200 || status > 599);
    if (!fields_are_clean(headers, header_count)) {
        conn_reply_error(c, 500, "internal", "The request could not be answered.");
        return;
    }
    conn_reply(c, status, headers, header_count, content_type, body);
}

void http_reply_error(struct http_exchange *x, int status, const char *code, const char *message)
{
    struct conn *c = conn_of(x);
    if (c->overdue) {
        return;
    }
    BUG_ON(c->replied || status < 200 || status > 599);
    conn_reply_error(c, status, code, message);
}

bool http_replied(const struct http_exchange *x)
{
    return conn_of(x)->replied;
}

bool http_client_gone(const struct http_exchange *x)
{
    const struct conn *c = conn_of(x);
    return c->overdue || (!c->replied && (c->eof || c->phase == CONN_CLOSING));
}

/* HTTP/1.1 requests by a reader of its own, small and strict: the simulator shares no parser with
 * the programs that are tested against it. */
#include "simulator/conn.h"

#define HEAD_MAX_BYTES 65536

enum phase { PHASE_HEAD, PHASE_BODY, PHASE_CHUNK_SIZE, PHASE_CHUNK, PHASE_TRAILER, PHASE_CALL };

struct h1 {
    struct conn *conn;
    struct buf in;
    enum phase phase;
    size_t left; /* of the body or the chunk, with its line end */
    struct call *call;
    bool keep_alive;
    bool in_feed;
};

static void *h1_open(struct conn *c)
{
    struct h1 *h = xcalloc(1, sizeof *h);
    h->conn = c;
    buf_init(&h->in, SIM_REQUEST_MAX_BYTES + HEAD_MAX_BYTES);
    return h;
}

static void h1_close(void *state)
{
    struct h1 *h = state;
    call_free(h->call);
    buf_fini(&h->in);
    free(h);
}

/* ---- answers ------------------------------------------------------------------------------- */

static bool has_body(const struct sim_reply *rp)
{
    return rp->status != 204 && rp->status != 304;
}

static void add_head(struct buf *out, const struct h1 *h, const struct sim_reply *rp, bool chunked)
{
    buf_add_f(out, "HTTP/1.1 %d %s\r\n", rp->status, sim_status_text(rp->status));
    if (rp->content_type != NULL) {
        buf_add_f(out, "Content-Type: %s\r\n", rp->content_type);
    }
    for (size_t i = 0; i < rp->header_count; i++) {
        buf_add(out, rp->headers[i].name);
        buf_add_c(out, ": ");
        buf_add(out, rp->headers[i].value);
        buf_add_c(out, "\r\n");
    }
    if (chunked) {
        buf_add_c(out, "Transfer-Encoding: chunked\r\n");
    } else if (has_body(rp)) {
        buf_add_f(out, "Content-Length: %zu\r\n", rp->body.len);
    }
    buf_add_c(out, h->keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
}

/* Large answers come in chunks, as Google's do. */
#define CHUNK_BYTES 32768
#define CHUNKED_FROM_BYTES 65536

static void send_answer(struct h1 *h, const struct sim_reply *rp)
{
    struct buf out;
    struct str body = buf_str(&rp->body);
    bool cut = rp->wire == SIM_WIRE_TRUNCATE;
    bool chunked = has_body(rp) && body.len >= CHUNKED_FROM_BYTES;

    buf_init(&out, SIM_REPLY_MAX_BYTES + HEAD_MAX_BYTES);
    add_head(&out, h, rp, chunked);
    body = str_sub(body, 0, cut ? body.len / 2 : SIZE_MAX);
    if (!chunked) {
        buf_add(&out, has_body(rp) ? body : STR(""));
    } else {
        while (body.len > 0) {
            struct str chunk = str_sub(body, 0, CHUNK_BYTES);
            buf_add_f(&out, "%zx\r\n", chunk.len);
            buf_add(&out, chunk);
            buf_add_c(&out, "\r\n");
            body = str_sub(body, chunk.len, SIZE_MAX);
        }
        buf_add_c(&out, cut ? "" : "0\r\n\r\n");
    }
    conn_write(h->conn, buf_str(&out));
    buf_fini(&out);
    if (cut || !h->keep_alive) {
        conn_end(h->conn);
    }
}

static bool advance(struct h1 *h);

static void on_done(struct call *call)
{
    struct h1 *h = call->owner;
    switch (call->rp.wire) {
    case SIM_WIRE_HANG:
        return; /* the call stays, so nothing more is read of this connection */
    case SIM_WIRE_RESET:
        conn_reset(h->conn);
        return;
    case SIM_WIRE_NORMAL:
    case SIM_WIRE_TRUNCATE:
        break;
    }
    send_answer(h, &call->rp);
    call_free(call);
    h->call = NULL;
    h->phase = PHASE_HEAD;
    if (!h->in_feed && !h->conn->closing && !advance(h)) {
        conn_end(h->conn);
    }
}

/* A request that is no request. */
static bool refuse(struct h1 *h, int status)
{
    struct sim_reply rp;
    sim_reply_init(&rp);
    sim_reply_text(&rp, status, "text/plain", STR("bad request\n"));
    h->keep_alive = false;
    send_answer(h, &rp);
    sim_reply_fini(&rp);
    return true;
}

/* ---- requests ------------------------------------------------------------------------------ */

static bool read_request_line(struct h1 *h, struct str line)
{
    struct call *call = h->call;
    struct str version;
    if (!str_split(&line, ' ', &call->rq.method) || !str_split(&line, ' ', &call->rq.path) ||
        !str_split(&line, ' ', &version) || line.ptr != NULL || call->rq.method.len == 0 ||
        !str_starts(call->rq.path, STR("/"))) {
        return false;
    }
    h->keep_alive = str_eq_c(version, "HTTP/1.1");
    call->rq.version = "HTTP/1.1";
    return h->keep_alive || str_eq_c(version, "HTTP/1.0");
}

static bool read_header_line(struct h1 *h, struct str line)
{
    size_t colon = str_find_char(line, ':');
    if (colon == SIZE_MAX || colon == 0 || h->call->headers.len == SIM_HEADERS_MAX) {
        return false;
    }
    struct sim_header header = {str_sub(line, 0, colon),
                                str_trim(str_sub(line, colon + 1, SIZE_MAX))};
    if (str_find_char(header.name, ' ') != SIZE_MAX) {
        return false;
    }
    vec_push(&h->call->headers, header);
    return true;
}

/* Length and form of the body, from the headers; 0, or the status of a refusal. */
static int read_framing(struct h1 *h)
{
    struct call *call = h->call;
    call->rq.headers = call->headers.ptr;
    call->rq.header_count = call->headers.len;
    struct str length = sim_request_header(&call->rq, "content-length");
    struct str coding = sim_request_header(&call->rq, "transfer-encoding");
    if (str_eq_nocase(sim_request_header(&call->rq, "connection"), STR("close"))) {
        h->keep_alive = false;
    }
    if (str_eq_nocase(sim_request_header(&call->rq, "expect"), STR("100-continue"))) {
        conn_write(h->conn, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    if (coding.len > 0) {
        h->phase = PHASE_CHUNK_SIZE;
        return str_eq_nocase(coding, STR("chunked")) && length.len == 0 ? 0 : 400;
    }
    int64_t left = 0;
    if (length.len > 0 && (!str_to_i64(length, &left) || left < 0)) {
        return 400;
    }
    h->left = (size_t)left;
    h->phase = PHASE_BODY;
    return left > (int64_t)SIM_REQUEST_MAX_BYTES ? 413 : 0;
}

static int read_head(struct h1 *h, size_t len)
{
    h->call = call_new(h->conn);
    h->call->owner = h;
    struct str head = arena_str(&h->call->arena, str_sub(buf_str(&h->in), 0, len));
    buf_drop_front(&h->in, len + 4);
    bool first = true;
    while (head.len > 0) {
        size_t end = str_find(head, STR("\r\n"));
        struct str line = str_sub(head, 0, end);
        head = end == SIZE_MAX ? STR("") : str_sub(head, end + 2, SIZE_MAX);
        if (!(first ? read_request_line(h, line) : read_header_line(h, line))) {
            return 400;
        }
        first = false;
    }
    return first ? 400 : read_framing(h);
}

static bool take_body(struct h1 *h, size_t len)
{
    buf_add(&h->call->body, str_sub(buf_str(&h->in), 0, len));
    buf_drop_front(&h->in, len);
    return !h->call->body.failed;
}

/* "1a;ext" to 26; false on anything else. */
static bool parse_chunk_size(struct str line, size_t *ret_size)
{
    size_t size = 0;
    line = str_trim(str_sub(line, 0, str_find_char(line, ';')));
    for (size_t i = 0; i < line.len; i++) {
        const char *digits = "0123456789abcdef";
        char c = line.ptr[i];
        const char *at = strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);
        if (c == 0 || at == NULL || size > SIM_REQUEST_MAX_BYTES) {
            return false;
        }
        size = size * 16 + (size_t)(at - digits);
    }
    *ret_size = size;
    return line.len > 0 && size <= SIM_REQUEST_MAX_BYTES;
}

enum step { STEP_MORE, STEP_WAIT, STEP_BAD };

static enum step step_line(struct h1 *h)
{
    size_t end = str_find(buf_str(&h->in), STR("\r\n"));
    size_t size;
    if (end == SIZE_MAX) {
        return h->in.len > HEAD_MAX_BYTES ? STEP_BAD : STEP_WAIT;
    }
    struct str line = str_sub(buf_str(&h->in), 0, end);
    if (h->phase == PHASE_TRAILER) {
        h->phase = line.len == 0 ? PHASE_CALL : PHASE_TRAILER;
    } else if (!parse_chunk_size(line, &size)) {
        return STEP_BAD;
    } else {
        h->left = size;
        h->phase = size == 0 ? PHASE_TRAILER : PHASE_CHUNK;
    }
    buf_drop_front(&h->in, end + 2);
    return STEP_MORE;
}

static enum step step_body(struct h1 *h)
{
    size_t more = h->phase == PHASE_CHUNK ? 2 : 0;
    if (h->in.len < h->left + more) {
        return STEP_WAIT;
    }
    if (!take_body(h, h->left)) {
        return STEP_BAD;
    }
    if (more > 0) {
        if (!str_starts(buf_str(&h->in), STR("\r\n"))) {
            return STEP_BAD;
        }
        buf_drop_front(&h->in, more);
    }
    h->phase = h->phase == PHASE_CHUNK ? PHASE_CHUNK_SIZE : PHASE_CALL;
    return STEP_MORE;
}

/* Reads as far as the bytes go. False ends the connection. */
static bool advance(struct h1 *h)
{
    while (!h->conn->closing && !h->conn->shut) {
        enum step step = STEP_MORE;
        if (h->phase == PHASE_HEAD) {
            size_t end = str_find(buf_str(&h->in), STR("\r\n\r\n"));
            if (end == SIZE_MAX) {
                return h->in.len > HEAD_MAX_BYTES ? refuse(h, 431) : true;
            }
            int status = read_head(h, end);
            if (status != 0) {
                return refuse(h, status);
            }
        } else if (h->phase == PHASE_CALL) {
            if (h->call->done != NULL) {
                return true; /* it waits for its answer, and what comes after it as well */
            }
            h->in_feed = true;
            call_run(h->call, on_done);
            h->in_feed = false;
        } else {
            bool sized = h->phase == PHASE_BODY || h->phase == PHASE_CHUNK;
            step = sized ? step_body(h) : step_line(h);
        }
        if (step == STEP_BAD) {
            return refuse(h, 400);
        }
        if (step == STEP_WAIT) {
            return true;
        }
    }
    return true;
}

static bool h1_feed(struct conn *c, void *state, struct str bytes)
{
    struct h1 *h = state;
    (void)c;
    buf_add(&h->in, bytes);
    return !h->in.failed && advance(h);
}

const struct conn_ops conn_h1 = {.open = h1_open, .feed = h1_feed, .close = h1_close};

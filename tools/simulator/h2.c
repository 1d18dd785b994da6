/* HTTP/2 by nghttp2: one call a stream, the same handler. */
#include "simulator/conn.h"

#include <nghttp2/nghttp2.h>

#define STREAMS_MAX 256
#define WINDOW_BYTES (1u << 20)

struct h2 {
    struct conn *conn;
    nghttp2_session *session;
    struct list streams;
    bool in_feed; /* what is to be sent goes out at its end */
};

struct stream {
    struct h2 *h2;
    struct call *call;
    int32_t id;
    size_t sent; /* of the answer's body */
    struct list link;
};

static void stream_free(struct stream *st)
{
    list_remove(&st->link);
    call_free(st->call);
    free(st);
}

/* Everything that the session has to say; a frame at a time would be a write at a time. */
static void flush(struct h2 *h)
{
    struct buf out;
    const uint8_t *bytes;
    ssize_t len;
    buf_init(&out, SIM_REPLY_MAX_BYTES);
    while ((len = nghttp2_session_mem_send(h->session, &bytes)) > 0) {
        buf_add(&out, (struct str){(const char *)bytes, (size_t)len});
        if (out.len >= 262144) {
            conn_write(h->conn, buf_str(&out));
            buf_reset(&out);
        }
    }
    conn_write(h->conn, buf_str(&out));
    buf_fini(&out);
    if (!nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session)) {
        conn_end(h->conn);
    }
}

/* ---- answers ------------------------------------------------------------------------------- */

static ssize_t on_data_wanted(nghttp2_session *session, int32_t id, uint8_t *out, size_t len,
                              uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    struct stream *st = source->ptr;
    struct str body = buf_str(&st->call->rp.body);
    bool cut = st->call->rp.wire == SIM_WIRE_TRUNCATE;
    struct str rest = str_sub(body, st->sent, cut ? body.len / 2 - st->sent : SIZE_MAX);
    size_t n = MIN(len, rest.len);
    (void)session;
    (void)id;
    (void)arg;
    memcpy(out, rest.ptr, n);
    st->sent += n;
    if (n == rest.len) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (cut) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
        }
    }
    return (ssize_t)n;
}

static nghttp2_nv field(struct str name, struct str value)
{
    return (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name.ptr,
        .namelen = name.len,
        .value = (uint8_t *)(uintptr_t)value.ptr,
        .valuelen = value.len,
        .flags = NGHTTP2_NV_FLAG_NONE,
    };
}

/* HTTP/2 wants lower case. */
static struct str lower(struct arena *arena, struct str name)
{
    char *copy = arena_cstr(arena, name);
    for (size_t i = 0; i < name.len; i++) {
        if (copy[i] >= 'A' && copy[i] <= 'Z') {
            copy[i] = (char)(copy[i] + ('a' - 'A'));
        }
    }
    return (struct str){copy, name.len};
}

static void send_answer(struct stream *st)
{
    struct sim_reply *rp = &st->call->rp;
    struct arena *arena = &st->call->arena;
    nghttp2_nv fields[ARRAY_LEN(rp->headers) + 3];
    size_t count = 0;
    fields[count++] = field(STR(":status"), arena_strf(arena, "%d", rp->status));
    if (rp->content_type != NULL) {
        fields[count++] = field(STR("content-type"), str_c(rp->content_type));
    }
    for (size_t i = 0; i < rp->header_count; i++) {
        fields[count++] = field(lower(arena, rp->headers[i].name), rp->headers[i].value);
    }
    bool body = rp->status != 204 && rp->status != 304;
    if (body) {
        fields[count++] = field(STR("content-length"), arena_strf(arena, "%zu", rp->body.len));
    }
    nghttp2_data_provider provider = {.source.ptr = st, .read_callback = on_data_wanted};
    nghttp2_submit_response(st->h2->session, st->id, fields, count,
                            body && rp->body.len > 0 ? &provider : NULL);
}

static void on_done(struct call *call)
{
    struct stream *st = call->owner;
    struct h2 *h = st->h2;
    if (call->rp.wire == SIM_WIRE_HANG) {
        return;
    }
    if (call->rp.wire == SIM_WIRE_RESET) {
        nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, st->id, NGHTTP2_INTERNAL_ERROR);
    } else {
        send_answer(st);
    }
    if (!h->in_feed && !h->conn->closing) {
        flush(h);
    }
}

/* ---- requests ------------------------------------------------------------------------------ */

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h = arg;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }
    struct stream *st = xcalloc(1, sizeof *st);
    st->h2 = h;
    st->id = frame->hd.stream_id;
    st->call = call_new(h->conn);
    st->call->owner = st;
    st->call->rq.version = "HTTP/2";
    list_push(&h->streams, &st->link);
    nghttp2_session_set_stream_user_data(session, st->id, st);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *arg)
{
    struct stream *st = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    (void)flags;
    (void)arg;
    if (st == NULL || st->call->done != NULL) {
        return 0;
    }
    struct str n = arena_str(&st->call->arena, (struct str){(const char *)name, name_len});
    struct str v = arena_str(&st->call->arena, (struct str){(const char *)value, value_len});
    if (str_eq_c(n, ":method")) {
        st->call->rq.method = v;
    } else if (str_eq_c(n, ":path")) {
        st->call->rq.path = v;
    } else if (!str_starts(n, STR(":"))) {
        if (st->call->headers.len == SIM_HEADERS_MAX) {
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        vec_push(&st->call->headers, (struct sim_header){n, v});
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                   size_t len, void *arg)
{
    struct stream *st = nghttp2_session_get_stream_user_data(session, id);
    (void)flags;
    (void)arg;
    if (st != NULL) {
        buf_add(&st->call->body, (struct str){(const char *)bytes, len});
        if (st->call->body.failed) {
            nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
        }
    }
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    (void)arg;
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
        (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)) {
        return 0;
    }
    struct stream *st = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (st != NULL && st->call->done == NULL && !st->call->body.failed) {
        call_run(st->call, on_done);
    }
    return 0;
}

static int on_stream_closed(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
    struct stream *st = nghttp2_session_get_stream_user_data(session, id);
    (void)code;
    (void)arg;
    if (st != NULL) {
        stream_free(st);
    }
    return 0;
}

static void *h2_open(struct conn *c)
{
    struct h2 *h = xcalloc(1, sizeof *h);
    nghttp2_session_callbacks *callbacks;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES},
    };
    h->conn = c;
    list_init(&h->streams);
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_closed);
    BUG_ON(nghttp2_session_server_new(&h->session, callbacks, h) != 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings));
    return h;
}

static bool h2_feed(struct conn *c, void *state, struct str bytes)
{
    struct h2 *h = state;
    h->in_feed = true;
    ssize_t used = nghttp2_session_mem_recv(h->session, (const uint8_t *)bytes.ptr, bytes.len);
    h->in_feed = false;
    if (used < 0) {
        return false;
    }
    if (!c->closing) {
        flush(h);
    }
    return true;
}

static void h2_close(void *state)
{
    struct h2 *h = state;
    list_foreach_safe (node, &h->streams) {
        stream_free(LIST_ENTRY(node, struct stream, link));
    }
    nghttp2_session_del(h->session);
    free(h);
}

const struct conn_ops conn_h2 = {.open = h2_open, .feed = h2_feed, .close = h2_close};

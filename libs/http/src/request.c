/* Bytes to requests. The end of a head is found here, so that the parser gets it whole and the
 * fields can point into it. */
#include "request_int.h"

/* What an idle connection may keep of the memory that its last request needed. */
#define KEEP_BYTES 4096
/* Chunks may be as small as a byte each ("1\r\nx\r\n": five bytes beside it), but not padded. */
#define FRAMING_PER_BODY_BYTE 8

void request_init(struct request *r, const struct request_limits *limits)
{
    *r = (struct request){.limits = limits};
    buf_init(&r->head_bytes, limits->header_bytes);
    buf_init(&r->body, limits->body_bytes);
    buf_init(&r->path_bytes, limits->header_bytes);
}

void request_fini(struct request *r)
{
    buf_fini(&r->head_bytes);
    buf_fini(&r->body);
    buf_fini(&r->path_bytes);
    vec_fini(&r->headers);
}

static void recycle(struct buf *b)
{
    if (b->cap > KEEP_BYTES) {
        buf_fini(b);
    }
    buf_reset(b);
}

void request_reset(struct request *r)
{
    struct request old = *r;
    recycle(&old.head_bytes);
    recycle(&old.body);
    recycle(&old.path_bytes);
    vec_reset(&old.headers);
    *r = (struct request){.limits = old.limits,
                          .head_bytes = old.head_bytes,
                          .body = old.body,
                          .path_bytes = old.path_bytes};
    r->headers.ptr = old.headers.ptr;
    r->headers.cap = old.headers.cap;
}

bool request_refuse(struct request *r, int status, const char *code, const char *text)
{
    r->phase = REQUEST_BAD;
    r->reply_status = status;
    r->reply_code = code;
    r->reply_text = text;
    return false;
}

/* ---- the head -------------------------------------------------------------------------------- */

/* Only CRLF ends a line, no line is folded, and no other control character but the tab is in a
 * head: whoever reads it otherwise would see other requests than we do.
 * src: RFC 9112 2.2, 5.2, RFC 9110 5.5
 * Looked at as bytes come, so that what is no HTTP is refused at once. *ret_used: how many of bytes
 * belong to the head; *ret_ended: its empty line was the last of them. */
static bool is_misplaced(unsigned char c, char before)
{
    bool control = (c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7f;
    bool folds = before == '\n' && (c == ' ' || c == '\t');
    return control || folds || (c == '\n') != (before == '\r');
}

static bool scan_head(struct request *r, struct str bytes, size_t *ret_used, bool *ret_ended)
{
    struct str before = buf_str(&r->head_bytes);
    char last[2]; /* the bytes before the one looked at, newest first */
    for (size_t i = 0; i < sizeof last; i++) {
        last[i] = before.len > i ? before.ptr[before.len - 1 - i] : '\0';
    }
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        if (is_misplaced(c, last[0])) {
            return request_refuse(r, 400, "bad_request", "The request's head is malformed.");
        }
        if (c == '\n' && last[1] == '\n') {
            *ret_used = i + 1;
            *ret_ended = true;
            return true;
        }
        last[1] = last[0];
        last[0] = (char)c;
    }
    *ret_used = bytes.len;
    *ret_ended = false;
    return true;
}

/* One blank between the three parts; the parser would skip more.  src: RFC 9112 3 */
static bool request_line_is_plain(const struct request *r, const struct wire_head *head)
{
    struct str line = buf_str(&r->head_bytes);
    size_t end = head->method.len + 1 + head->target.len;
    return str_starts(line, head->method) && head->target.ptr == line.ptr + head->method.len + 1 &&
           (head->major == 0 || str_starts(str_sub(line, end, SIZE_MAX), STR(" HTTP/")));
}

static bool parse_head(struct request *r)
{
    struct wire_head head = {.max_headers = r->limits->headers};
    vec_reserve(&r->headers, r->limits->headers);
    head.headers = r->headers.ptr;
    wire_init(&r->wire);
    bool ok = wire_parse_head(&r->wire, buf_str(&r->head_bytes), &head);
    r->headers.len = head.header_count;
    if (head.too_many) {
        return request_refuse(r, 431, "headers_too_large", "The request has too many headers.");
    }
    if (!ok || !request_line_is_plain(r, &head)) {
        return request_refuse(r, 400, "bad_request", "The request's head is malformed.");
    }
    return request_check_head(r, &head);
}

/* Empty lines before a request are skipped.  src: RFC 9112 2.2
 * Returns how many bytes are done with; the head then holds a CR whose LF has not come. */
static size_t skip_blank_line(struct request *r, struct str bytes)
{
    if (r->head_bytes.len == 0 && bytes.ptr[0] == '\r') {
        buf_add(&r->head_bytes, STR("\r"));
        return 1;
    }
    if (str_eq(buf_str(&r->head_bytes), STR("\r")) && bytes.ptr[0] == '\n') {
        buf_reset(&r->head_bytes);
        r->phase = REQUEST_START;
        return 1;
    }
    return 0;
}

static void feed_head(struct request *r, struct str bytes, size_t *ret_used)
{
    bool ended = false;
    *ret_used = skip_blank_line(r, bytes);
    if (*ret_used > 0) {
        return;
    }
    r->phase = REQUEST_HEAD;
    size_t part = 0;
    /* No more is looked at than may come, and one byte to know that it is too much. */
    struct str room = str_sub(bytes, 0, r->limits->header_bytes - r->head_bytes.len + 1);
    if (!scan_head(r, room, &part, &ended)) {
        return;
    }
    buf_add(&r->head_bytes, str_sub(bytes, 0, part));
    *ret_used = part;
    if (r->head_bytes.failed) {
        IGNORE(request_refuse(r, 431, "headers_too_large", "The request's head is too large."));
        return;
    }
    if (ended && parse_head(r)) {
        r->phase = r->wire.complete ? REQUEST_DONE : REQUEST_BODY;
    }
}

/* ---- the body -------------------------------------------------------------------------------- */

static bool refuse_body(struct request *r)
{
    return request_refuse(r, 413, "body_too_large", "The request's body is too large.");
}

/* Chunk sizes, extensions and trailers end at `end`: in number bounded by the body that came before
 * them, and made of lines as a head is, since a line feed in an extension is the end of it for some
 * and not for others. */
static bool take_framing(struct request *r, const char *end)
{
    struct str bytes = {r->framing_at, (size_t)(end - r->framing_at)};
    r->framing_at = end;
    r->framing += bytes.len;
    bool ok = r->framing <= r->limits->header_bytes + FRAMING_PER_BODY_BYTE * r->body.len;
    for (size_t i = 0; i < bytes.len && ok; i++) {
        ok = !is_misplaced((unsigned char)bytes.ptr[i], r->framing_last);
        r->framing_last = bytes.ptr[i];
    }
    return ok || request_refuse(r, 400, "bad_request", "The request's body is malformed.");
}

static bool on_chunk(void *ctx, uint64_t size)
{
    struct request *r = ctx;
    return size <= r->limits->body_bytes - r->body.len || refuse_body(r);
}

static bool on_bytes(void *ctx, struct str bytes)
{
    struct request *r = ctx;
    if (!take_framing(r, bytes.ptr)) {
        return false;
    }
    r->framing_at = bytes.ptr + bytes.len;
    r->framing_last = '\0';
    buf_add(&r->body, bytes);
    return !r->body.failed || refuse_body(r);
}

static void feed_body(struct request *r, struct str bytes, size_t *ret_used)
{
    const struct wire_body sink = {.chunk = on_chunk, .bytes = on_bytes, .ctx = r};
    r->framing_at = bytes.ptr;
    bool ok = wire_parse_body(&r->wire, bytes, &sink, ret_used);
    if (r->phase == REQUEST_BAD || !take_framing(r, bytes.ptr + *ret_used)) {
        return;
    }
    if (!ok) {
        IGNORE(request_refuse(r, 400, "bad_request", "The request's body is malformed."));
    } else if (r->wire.complete) {
        r->phase = REQUEST_DONE;
    }
}

enum request_phase request_feed(struct request *r, struct str bytes, size_t *ret_used)
{
    size_t total = 0;
    while (total < bytes.len && r->phase < REQUEST_DONE) {
        struct str rest = str_sub(bytes, total, SIZE_MAX);
        size_t used = 0;
        if (r->phase == REQUEST_BODY) {
            feed_body(r, rest, &used);
        } else {
            feed_head(r, rest, &used);
        }
        total += used;
    }
    *ret_used = total;
    return r->phase;
}

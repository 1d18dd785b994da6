/* The checks that a head must pass beyond being HTTP: whatever another server in front could read
 * differently is refused. */
#include "base/encode.h"
#include "request_int.h"

static bool bad(struct request *r, const char *text)
{
    return request_refuse(r, 400, "bad_request", text);
}

/* src: RFC 9110 5.6.2 */
static bool is_token(struct str s)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  memchr(marks, c, sizeof marks - 1) != NULL;
        if (!ok) {
            return false;
        }
    }
    return s.len > 0;
}

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
    }
    return s.len > 0;
}

/* A host, an IP literal, and a port: nothing that another server could take for more than one. */
static bool is_authority(struct str s)
{
    static const char marks[] = "-._~:[]%";
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  memchr(marks, c, sizeof marks - 1) != NULL;
        if (!ok) {
            return false;
        }
    }
    return s.len > 0;
}

static bool list_has(struct str list, struct str wanted)
{
    struct str part;
    while (list.len > 0 && str_split(&list, ',', &part)) {
        if (str_eq_nocase(str_trim(part), wanted)) {
            return true;
        }
    }
    return false;
}

/* What the fields say about the message itself. */
struct framing {
    int hosts;
    int lengths;
    int codings;
    struct str host;
    struct str length;
    struct str coding;
    struct str expect;
    bool close;
    bool keep_alive;
};

static void note_field(struct framing *f, const struct http_header *h)
{
    if (str_eq_nocase(h->name, STR("host"))) {
        f->hosts++;
        f->host = h->value;
    } else if (str_eq_nocase(h->name, STR("content-length"))) {
        f->lengths++;
        f->length = h->value;
    } else if (str_eq_nocase(h->name, STR("transfer-encoding"))) {
        f->codings++;
        f->coding = h->value;
    } else if (str_eq_nocase(h->name, STR("connection"))) {
        f->close = f->close || list_has(h->value, STR("close"));
        f->keep_alive = f->keep_alive || list_has(h->value, STR("keep-alive"));
    } else if (str_eq_nocase(h->name, STR("expect"))) {
        f->expect = h->value;
    }
}

static bool check_fields(struct request *r, struct framing *f)
{
    vec_foreach (h, &r->headers) {
        /* The parser lets a blank stand before the colon. */
        if (!is_token(h->name)) {
            return bad(r, "A header's name is malformed.");
        }
        h->value = str_trim(h->value);
        note_field(f, h);
    }
    return true;
}

/* src: RFC 9112 3.2 (Host), 6.1, 6.3 (length) */
static bool check_framing(struct request *r, const struct framing *f)
{
    if (f->hosts > 1 || (f->hosts == 0 && !r->http_1_0)) {
        return bad(r, "Exactly one Host header is required.");
    }
    if (f->hosts == 1 && !is_authority(f->host)) {
        return bad(r, "The Host header is malformed.");
    }
    if (f->lengths > 1 || (f->lengths > 0 && f->codings > 0)) {
        return bad(r, "The length of the body is given more than once.");
    }
    if (f->codings > 1 || (f->codings == 1 && !str_eq_nocase(f->coding, STR("chunked")))) {
        return bad(r, "The only transfer coding is chunked.");
    }
    if (f->codings == 1 && r->http_1_0) {
        return bad(r, "HTTP/1.0 has no transfer codings.");
    }
    if (f->lengths == 1) {
        int64_t length = 0;
        if (!is_number(f->length)) {
            return bad(r, "The Content-Length header is malformed.");
        }
        if (!str_to_i64(f->length, &length) || (uint64_t)length > r->limits->body_bytes) {
            return request_refuse(r, 413, "body_too_large", "The request's body is too large.");
        }
    }
    return true;
}

/* Origin form, absolute form, and the asterisk of OPTIONS.  src: RFC 9112 3.2 */
static bool split_target(struct request *r)
{
    struct str rest = r->target;
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.ptr[i] <= ' ' || rest.ptr[i] >= 0x7f || rest.ptr[i] == '#') {
            return bad(r, "The request's target is malformed.");
        }
    }
    size_t scheme = str_find(rest, STR("://"));
    if (!str_starts(rest, STR("/")) && scheme != SIZE_MAX) {
        struct str after = str_sub(rest, scheme + 3, SIZE_MAX);
        size_t slash = str_find_char(after, '/');
        rest = slash != SIZE_MAX ? str_sub(after, slash, SIZE_MAX) : STR("/");
    }
    size_t question = str_find_char(rest, '?');
    r->query = question != SIZE_MAX ? str_sub(rest, question + 1, SIZE_MAX) : STR("");
    r->path = str_sub(rest, 0, question);
    bool asterisk = str_eq(r->target, STR("*")) && str_eq(r->method, STR("OPTIONS"));
    if (!asterisk && !str_starts(r->path, STR("/"))) {
        return bad(r, "The request's target is malformed.");
    }
    if (str_find_char(r->path, '%') != SIZE_MAX) {
        if (!percent_decode(&r->path_bytes, r->path, false)) {
            return bad(r, "The request's path is badly encoded.");
        }
        r->path = buf_str(&r->path_bytes);
    }
    return true;
}

bool request_check_head(struct request *r, const struct wire_head *head)
{
    struct framing f = {0};
    if (head->major != 1 || (head->minor != 0 && head->minor != 1)) {
        return request_refuse(r, 505, "version_not_supported", "Only HTTP/1 is spoken here.");
    }
    r->http_1_0 = head->minor == 0;
    r->method = head->method;
    r->target = head->target;
    if (str_eq(r->method, STR("CONNECT"))) {
        return request_refuse(r, 501, "not_implemented", "This server is no proxy.");
    }
    if (!check_fields(r, &f) || !check_framing(r, &f) || !split_target(r)) {
        return false;
    }
    if (f.expect.len > 0 && !str_eq_nocase(f.expect, STR("100-continue"))) {
        return request_refuse(r, 417, "expectation_failed", "That expectation cannot be met.");
    }
    r->expects_continue = f.expect.len > 0 && !r->http_1_0;
    r->keep_alive = r->http_1_0 ? f.keep_alive && !f.close : !f.close;
    return true;
}

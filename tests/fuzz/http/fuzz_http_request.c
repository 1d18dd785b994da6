/* A connection's bytes: whole and in pieces they must mean the same requests, whatever they are.
 * The first byte chooses the size of the pieces. */
#include "request_int.h"

#define REQUESTS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    size_t count;
    size_t at; /* where reading stopped */
    size_t bodies;
    size_t headers;
    enum request_phase last;
};

static void touch(struct str s)
{
    volatile char c = '\0';
    for (size_t i = 0; i < s.len; i++) {
        c = s.ptr[i];
    }
    (void)c;
}

static void note(struct seen *seen, const struct request *r)
{
    seen->count++;
    seen->bodies += r->body.len;
    seen->headers += r->headers.len;
    BUG_ON(r->path.len == 0 || memchr(r->path.ptr, '\0', r->path.len) != NULL);
    touch(r->method);
    touch(r->target);
    touch(r->path);
    touch(r->query);
    vec_foreach (h, &r->headers) {
        touch(h->name);
        touch(h->value);
    }
}

static struct seen read_all(struct str bytes, size_t step)
{
    static const struct request_limits limits = {
        .header_bytes = 512, .headers = 10, .body_bytes = 256};
    struct seen seen = {0};
    struct request r;
    request_init(&r, &limits);
    while (seen.at < bytes.len && seen.count < REQUESTS_MAX && r.phase != REQUEST_BAD) {
        struct str piece = str_sub(bytes, seen.at, step);
        size_t used = 0;
        request_feed(&r, piece, &used);
        BUG_ON(used > piece.len || (used == 0 && r.phase != REQUEST_BAD));
        seen.at += used;
        if (r.phase == REQUEST_DONE) {
            note(&seen, &r);
            request_reset(&r);
        }
    }
    seen.last = r.phase;
    BUG_ON(r.phase == REQUEST_BAD && (r.reply_status < 400 || r.reply_code == NULL));
    request_fini(&r);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct str bytes = {(const char *)data + 1, size - 1};
    struct seen whole = read_all(bytes, SIZE_MAX);
    struct seen pieces = read_all(bytes, (size_t)(data[0] % 16) + 1);
    BUG_ON(whole.count != pieces.count || whole.bodies != pieces.bodies ||
           whole.headers != pieces.headers);
    BUG_ON((whole.last == REQUEST_BAD) != (pieces.last == REQUEST_BAD));
    return 0;
}

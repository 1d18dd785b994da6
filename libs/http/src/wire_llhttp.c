/* wire_int.h over llhttp. */
#include "wire_int.h"

#include <llhttp.h>

_Static_assert(sizeof(llhttp_t) <= WIRE_STATE_BYTES, "room for the parser's state");

static llhttp_t *parser_of(struct wire *w)
{
    return (llhttp_t *)(void *)w->state;
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct wire *w = parser->data;
    if (w->head != NULL) {
        w->head->target = (struct str){at, len};
    }
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct wire *w = parser->data;
    struct wire_head *head = w->head;
    if (head == NULL) {
        return 0; /* a trailer: nothing of it is kept */
    }
    if (head->header_count == head->max_headers) {
        head->too_many = true;
        return -1;
    }
    head->headers[head->header_count++] = (struct http_header){{at, len}, {at + len, 0}};
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct wire *w = parser->data;
    struct wire_head *head = w->head;
    if (head != NULL && len > 0) {
        head->headers[head->header_count - 1].value = (struct str){at, len};
    }
    return 0;
}

static void note_line(const llhttp_t *parser, struct wire_head *head)
{
    head->method = str_c(llhttp_method_name((llhttp_method_t)parser->method));
    head->major = parser->http_major;
    head->minor = parser->http_minor;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct wire *w = parser->data;
    if (w->head != NULL) {
        note_line(parser, w->head);
    }
    parser->upgrade = 0; /* an Upgrade that is ignored, as RFC 9110 7.8 allows */
    return 0;
}

static int on_chunk_header(llhttp_t *parser)
{
    struct wire *w = parser->data;
    return w->body == NULL || w->body->chunk(w->body->ctx, parser->content_length) ? 0 : -1;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct wire *w = parser->data;
    return w->body != NULL && w->body->bytes(w->body->ctx, (struct str){at, len}) ? 0 : -1;
}

static int on_message_complete(llhttp_t *parser)
{
    struct wire *w = parser->data;
    w->complete = true;
    return HPE_PAUSED; /* what follows belongs to the next request */
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_chunk_header = on_chunk_header,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void wire_init(struct wire *w)
{
    *w = (struct wire){0};
    llhttp_init(parser_of(w), HTTP_REQUEST, &settings);
    parser_of(w)->data = w;
}

/* Bytes used; false if the parser stopped for another reason than the message's end. */
static bool execute(struct wire *w, struct str bytes, size_t *ret_used)
{
    llhttp_t *parser = parser_of(w);
    llhttp_errno_t code = llhttp_execute(parser, bytes.ptr, bytes.len);
    *ret_used = code == HPE_OK ? bytes.len : (size_t)(llhttp_get_error_pos(parser) - bytes.ptr);
    return code == HPE_OK || (code == HPE_PAUSED && w->complete);
}

/* Well formed, but none that llhttp knows: it stops there. */
static bool is_other_version(const llhttp_t *parser)
{
    return llhttp_get_errno(parser) == HPE_INVALID_VERSION &&
           strcmp(llhttp_get_error_reason(parser), "Invalid HTTP version") == 0;
}

bool wire_parse_head(struct wire *w, struct str bytes, struct wire_head *head)
{
    size_t used;
    w->head = head;
    bool ok = execute(w, bytes, &used);
    w->head = NULL;
    if (is_other_version(parser_of(w))) {
        note_line(parser_of(w), head); /* the caller says which versions it speaks */
        return true;
    }
    return ok && used == bytes.len && head->method.len > 0;
}

bool wire_parse_body(struct wire *w, struct str bytes, const struct wire_body *body,
                     size_t *ret_used)
{
    w->body = body;
    bool ok = execute(w, bytes, ret_used);
    w->body = NULL;
    return ok;
}

/* wire_int.h over http-parser 2.9. */
#include "wire_int.h"

#include <http_parser.h>

_Static_assert(sizeof(http_parser) <= WIRE_STATE_BYTES, "room for the parser's state");

static http_parser *parser_of(struct wire *w)
{
    return (http_parser *)(void *)w->state;
}

static int on_url(http_parser *parser, const char *at, size_t len)
{
    struct wire *w = parser->data;
    if (w->head != NULL) {
        w->head->target = (struct str){at, len};
    }
    return 0;
}

static int on_header_field(http_parser *parser, const char *at, size_t len)
{
    struct wire *w = parser->data;
    struct wire_head *head = w->head;
    if (head == NULL) {
        return 0; /* a trailer: nothing of it is kept */
    }
    if (head->header_count == head->max_headers) {
        head->too_many = true;
        return 1;
    }
    head->headers[head->header_count++] = (struct http_header){{at, len}, {at + len, 0}};
    return 0;
}

static int on_header_value(http_parser *parser, const char *at, size_t len)
{
    struct wire *w = parser->data;
    struct wire_head *head = w->head;
    if (head != NULL && len > 0) {
        head->headers[head->header_count - 1].value = (struct str){at, len};
    }
    return 0;
}

static int on_headers_complete(http_parser *parser)
{
    struct wire *w = parser->data;
    if (w->head != NULL) {
        w->head->method = str_c(http_method_str((enum http_method)parser->method));
        w->head->major = parser->http_major;
        w->head->minor = parser->http_minor;
    }
    parser->upgrade = 0; /* an Upgrade that is ignored, as RFC 9110 7.8 allows */
    return 0;
}

static int on_chunk_header(http_parser *parser)
{
    struct wire *w = parser->data;
    return w->body != NULL && !w->body->chunk(w->body->ctx, parser->content_length);
}

static int on_body(http_parser *parser, const char *at, size_t len)
{
    struct wire *w = parser->data;
    return w->body == NULL || !w->body->bytes(w->body->ctx, (struct str){at, len});
}

static int on_message_complete(http_parser *parser)
{
    struct wire *w = parser->data;
    w->complete = true;
    http_parser_pause(parser, 1); /* what follows belongs to the next request */
    return 0;
}

static const http_parser_settings settings = {
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
    http_parser_init(parser_of(w), HTTP_REQUEST);
    parser_of(w)->data = w;
}

static bool failed(const struct wire *w, const http_parser *parser)
{
    enum http_errno code = HTTP_PARSER_ERRNO(parser);
    return code != HPE_OK && !(code == HPE_PAUSED && w->complete);
}

bool wire_parse_head(struct wire *w, struct str bytes, struct wire_head *head)
{
    http_parser *parser = parser_of(w);
    w->head = head;
    size_t used = http_parser_execute(parser, &settings, bytes.ptr, bytes.len);
    w->head = NULL;
    return used == bytes.len && head->method.len > 0 && !failed(w, parser);
}

bool wire_parse_body(struct wire *w, struct str bytes, const struct wire_body *body,
                     size_t *ret_used)
{
    http_parser *parser = parser_of(w);
    w->body = body;
    *ret_used = http_parser_execute(parser, &settings, bytes.ptr, bytes.len);
    w->body = NULL;
    return !failed(w, parser);
}

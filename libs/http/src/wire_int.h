/* What is used of a foreign HTTP/1 parser: splitting a complete head, and taking a body out of its
 * chunks. One file implements it, for http-parser or for llhttp; nothing else includes either.
 *
 * It sees a head only as a whole, in memory that stays where it is, so what it gives are borrowed
 * pieces of that memory. */
#ifndef HTTP_WIRE_INT_H
#define HTTP_WIRE_INT_H

#include "http/header.h"

#include <stdalign.h>

/* Largest state of the two, checked where it is used. */
#define WIRE_STATE_BYTES 256

struct wire_head {
    struct str method;
    struct str target;
    int major;
    int minor;
    struct http_header *headers; /* room for max_headers */
    size_t max_headers;
    size_t header_count;
    bool too_many; /* more than max_headers: the rest is missing */
};

struct wire_body {
    /* Both false where the body gets too long. size: of a chunk whose bytes are still to come. */
    bool (*chunk)(void *ctx, uint64_t size);
    bool (*bytes)(void *ctx, struct str bytes);
    void *ctx;
};

struct wire {
    alignas(max_align_t) unsigned char state[WIRE_STATE_BYTES];
    struct wire_head *head;
    const struct wire_body *body;
    bool complete; /* the message has ended */
};

void wire_init(struct wire *w);
/* bytes: one whole head without folded lines, its empty line included. False if it is not one.
 * w->complete: there is no body. */
bool wire_parse_head(struct wire *w, struct str bytes, struct wire_head *head);
/* Takes body bytes until the message is complete or bytes are used up. False on bad framing or
 * where a callback refused. */
bool wire_parse_body(struct wire *w, struct str bytes, const struct wire_body *body,
                     size_t *ret_used);

#endif

/* Reading one request after the other from a stream of bytes: the checks that decide whether it is
 * one. Pure: no socket, no clock. */
#ifndef HTTP_REQUEST_INT_H
#define HTTP_REQUEST_INT_H

#include "base/buf.h"
#include "base/vec.h"
#include "wire_int.h"

struct request_limits {
    size_t header_bytes;
    size_t headers;
    size_t body_bytes;
};

enum request_phase {
    REQUEST_START, /* nothing of it has come */
    REQUEST_HEAD,  /* some of it */
    REQUEST_BODY,  /* the head has been accepted */
    REQUEST_DONE,
    REQUEST_BAD, /* reply_status, reply_code and reply_text say how to answer; nothing more is read
                  */
};

struct request {
    const struct request_limits *limits;
    enum request_phase phase;
    struct wire wire;
    struct buf head_bytes; /* what follows points into it */
    struct buf body;
    struct buf path_bytes; /* only where the path had escapes */
    VEC(struct http_header) headers;
    struct str method;
    struct str target;
    struct str path;
    struct str query;
    bool http_1_0;
    bool keep_alive; /* as the client wishes */
    bool expects_continue;
    size_t framing;         /* bytes of the body's coding that were not body */
    char framing_last;      /* the last of them; NUL where body came after it */
    const char *framing_at; /* in the bytes at hand: where what is not body begins */
    int reply_status;
    const char *reply_code;
    const char *reply_text;
};

void request_init(struct request *r, const struct request_limits *limits);
void request_fini(struct request *r);
/* For the next one of the connection; gives large memory back. */
void request_reset(struct request *r);

/* Takes bytes until they are used up, or the request is done or bad. ret_used: how many belonged to
 * it. Returns the phase. */
enum request_phase request_feed(struct request *r, struct str bytes, size_t *ret_used);

/* request_check.c: judges a head that the parser has split; false fills the reply. */
bool request_check_head(struct request *r, const struct wire_head *head);
/* Always false. */
bool request_refuse(struct request *r, int status, const char *code, const char *text);

#endif

/* One HTTP exchange as the simulated services see it: no connection, no version, no clock.
 *
 * The front end (front.h, h1.c, h2.c) makes a request of bytes and bytes of a reply; everything
 * between is a plain function from the one to the other, which tests call without a network. */
#ifndef SIMULATOR_MESSAGE_H
#define SIMULATOR_MESSAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/encode.h"

#define SIM_REQUEST_MAX_BYTES (8u << 20) /* a batch of 1,000 calls, a calendar file */
#define SIM_REPLY_MAX_BYTES (256u << 20) /* 2,500 of the largest events */
#define SIM_HEADERS_MAX 100

struct sim_header {
    struct str name;
    struct str value;
};

struct sim_request {
    struct arena *arena; /* lives as long as the exchange */
    struct str method;
    struct str path;  /* still percent-encoded */
    struct str query; /* without '?' */
    struct str body;
    const struct sim_header *headers;
    size_t header_count;
    const char *version; /* "HTTP/1.1" or "HTTP/2" */
};

/* What happens to the answer on its way: a fault acts on the wire, after the handler's work. */
enum sim_wire {
    SIM_WIRE_NORMAL,
    SIM_WIRE_HANG,     /* no answer; the connection stays open until the client leaves */
    SIM_WIRE_RESET,    /* the connection (HTTP/2: the stream) is reset instead of an answer */
    SIM_WIRE_TRUNCATE, /* half of the body, then the end of the connection */
};

struct sim_reply {
    int status;
    const char *content_type; /* static; NULL: none */
    struct buf body;
    struct sim_header headers[12];
    size_t header_count;
    enum sim_wire wire;
    int64_t delay_ms;
};

void sim_reply_init(struct sim_reply *rp);
void sim_reply_fini(struct sim_reply *rp);

/* Any case of the name; empty if absent. */
struct str sim_request_header(const struct sim_request *rq, const char *name);

/* A decoded parameter of the query; false if absent or broken. */
bool sim_request_query(const struct sim_request *rq, const char *name, struct str *ret_value);

/* Takes the next name=value off a query or form; a broken escape gives the text as it stands.
 * Start with *rest = the whole text, false at the end. */
bool sim_form_next(struct str *rest, struct arena *arena, struct str *ret_name,
                   struct str *ret_value);

/* name is static; value is copied into the request's arena. */
void sim_reply_header(struct sim_reply *rp, struct arena *arena, const char *name,
                      struct str value);
void sim_reply_text(struct sim_reply *rp, int status, const char *content_type, struct str body);
void sim_reply_redirect(struct sim_reply *rp, struct arena *arena, struct str location);

/* The path's segments, decoded; false if there are more than max or one is badly encoded. */
bool sim_path_split(struct str path, struct arena *arena, struct str *segments, size_t max,
                    size_t *ret_count);

const char *sim_status_text(int status);

#endif

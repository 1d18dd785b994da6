/* A server's and a connection's state.
 *
 * A connection is in one phase; its deadline is that phase's, and one timer of the server looks at
 * them all: setting a deadline is a store. The memory of a connection goes when both are true:
 * its handle is closed, and no handler runs on it. */
#ifndef HTTP_SERVER_INT_H
#define HTTP_SERVER_INT_H

#include "http/server.h"

#include "request_int.h"

#include <netinet/in.h>

#define SERVER_READ_BYTES (64 * 1024)
#define SERVER_DATE_BYTES 64

enum conn_phase {
    CONN_READING,   /* for a request; request.phase says how far */
    CONN_HANDLING,  /* the handler runs and has not replied */
    CONN_REPLYING,  /* the peer has not taken the whole reply, or the handler has not returned */
    CONN_LINGERING, /* said all, closed our side: drops what still comes, so that the peer reads
                     * our reply instead of a reset */
    CONN_CLOSING,
};

struct conn {
    struct http_exchange pub; /* first: handlers hold its address */
    struct http_server *server;
    struct list node;
    uv_tcp_t tcp;
    uv_write_t write;
    uv_shutdown_t shutdown;
    enum conn_phase phase;
    int64_t deadline_at;
    struct request request;
    struct arena arena;
    struct buf ahead; /* came before the reply to the one before was done */
    struct buf out;   /* what the kernel did not take at once */
    bool reading;
    bool eof;
    bool busy;      /* a handler runs */
    bool replied;   /* to the present request */
    bool overdue;   /* by the server, since the handler took too long */
    bool writing;   /* out is with libuv */
    bool linger;    /* after the reply, since unread bytes may be on their way */
    bool keep;      /* the connection survives the reply */
    bool continued; /* 100 was sent */
    bool closed;    /* its handle is gone */
    int64_t began_ns;
    char peer[INET6_ADDRSTRLEN];
};

struct http_server {
    struct co_loop *loop;
    struct http_server_opts opts;
    struct request_limits limits;
    uv_tcp_t listener;
    uv_timer_t sweep;
    struct list conns;
    size_t conn_count;
    size_t in_flight;
    size_t handles; /* open: the memory goes with the last one */
    bool accepting;
    bool stopping; /* connections end with their request */
    bool freed;
    struct co_group handlers;
    struct co_signal drained;
    char date[SERVER_DATE_BYTES]; /* the whole field */
    size_t date_len;
    int64_t date_at; /* the second it is of */
    char scratch[SERVER_READ_BYTES];
};

/* connection.c */
void conn_open(struct http_server *server);
void conn_close(struct conn *c);
void conn_check_deadline(struct conn *c, int64_t now);
/* Closes it if nothing of a request has come. */
void conn_close_idle(struct conn *c);
/* The kernel or the peer failed, or everything was taken: goes on as c->keep says. */
void conn_reply_taken(struct conn *c);

/* reply.c */
void conn_reply(struct conn *c, int status, const struct http_header *headers, size_t header_count,
                const char *content_type, struct str body);
void conn_reply_error(struct conn *c, int status, const char *code, const char *message);
/* 100 Continue. */
void conn_continue(struct conn *c);

/* server.c */
void server_handle_closed(struct http_server *server);

#endif

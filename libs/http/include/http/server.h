/* An HTTP/1.1 server in the loop: each request is one call of the handler, in a coroutine of its
 * own. TLS and HTTP/2 are the ingress's.
 *
 * What a peer can size or stretch has a bound (struct http_server_opts). A request that could be
 * read differently by another server in front of this one is refused, never repaired: bare line
 * feeds, folded lines, a blank before the colon, other than one Host, Content-Length beside
 * Transfer-Encoding or twice, any transfer coding but chunked. Refusals that the server makes
 * itself carry {"error":{"code":"...","message":"..."}} and close the connection.
 *
 * One request a connection is worked on at a time; what a client sends ahead waits. A client that
 * goes away does not cancel the handler, since most of what it does must not stop half way: it may
 * ask http_client_gone(), and its reply is dropped. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/arena.h"
#include "http/header.h"
#include "runtime/co.h"

struct http_server;

/* One request and its reply. Lives until the handler returned; all texts live as long. To be read
 * only. */
struct http_exchange {
    struct str method; /* as sent: "POST" */
    struct str target; /* as sent */
    struct str path;   /* percent-decoded, without NUL; begins with a slash, or is "*" */
    struct str query;  /* encoded, without its question mark; may be empty (see form_find) */
    const struct http_header *headers;
    size_t header_count;
    struct str body;
    struct str peer; /* the other end's address, without its port */
    struct arena *arena;
    int64_t deadline; /* of co_now(): after it the server answers 503 in the handler's place */
};

/* Answers with http_reply() or http_reply_error(), once; a handler that returns without either has
 * a 500 sent for it. */
typedef CO_FN void (*http_handler_fn)(struct http_exchange *x, void *arg);

/* 0 takes the default in brackets. */
struct http_server_opts {
    const char *name;    /* static: the coroutines' name [http] */
    const char *address; /* literal IPv4 or IPv6 [127.0.0.1] */
    uint16_t port;       /* 0: any free one, see http_server_port() */
    int backlog;         /* [511] */
    http_handler_fn handler;
    void *arg;
    size_t max_connections;  /* further ones are closed at once [4096] */
    size_t max_header_bytes; /* request line included [16 KiB] */
    size_t max_headers;      /* [100] */
    size_t max_body_bytes;   /* [1 MiB] */
    int64_t header_ms;       /* from the first byte of a request to the end of its head [5 s] */
    int64_t body_ms;         /* from there to the end of its body [10 s] */
    int64_t idle_ms;         /* between requests, and before the first [60 s] */
    int64_t request_ms;      /* for the handler [30 s] */
    int64_t write_ms;        /* for the peer to take the reply [10 s] */
};

/* Listens when it returns; the handler is first called in a later turn of the loop.
 * errs: ERR_CONFIG (address), ERR_IO (port in use). */
MUST_CHECK enum err_code http_server_new(struct co_loop *loop, const struct http_server_opts *opts,
                                         struct http_server **ret_server, struct err *err);
uint16_t http_server_port(const struct http_server *server);
size_t http_server_connections(const struct http_server *server);
/* Requests whose handler runs. */
size_t http_server_in_flight(const struct http_server *server);

/* Closes the listening socket; connections live on, but no longer than their current request. */
void http_server_stop_accepting(struct http_server *server);
/* Stops accepting and waits until every request that had begun is answered and the answers are
 * taken.  errs: ERR_TIMEOUT (some are left; call again, or free), ERR_CANCELED. */
CO_FN MUST_CHECK enum err_code http_server_drain(struct http_server *server, int64_t deadline,
                                                 struct err *err);
/* Closes every connection, cancels the handlers and joins them. Takes NULL. */
CO_FN struct http_server *http_server_free(struct http_server *server);

/* ---- for handlers -------------------------------------------------------------------------- */

/* False if absent; the first one counts. */
bool http_request_header(const struct http_exchange *x, const char *name, struct str *ret_value);

/* Sends the reply: does not wait. Content-Length, Date and Connection are added, a body is not sent
 * where there may be none (HEAD, 204, 304). headers, content_type (NULL: none) and body are read
 * before it returns. A second reply is a bug and aborts. */
void http_reply(struct http_exchange *x, int status, const struct http_header *headers,
                size_t header_count, const char *content_type, struct str body);
/* The JSON of an error. code, message: of ours, escaped all the same. */
void http_reply_error(struct http_exchange *x, int status, const char *code, const char *message);

bool http_replied(const struct http_exchange *x);
/* Nobody will read a reply: the peer closed, or the deadline has passed and 503 was sent. (A peer
 * that only closed its sending side looks the same; a reply is still sent to it.) Asked before the
 * reply. */
bool http_client_gone(const struct http_exchange *x);

#endif

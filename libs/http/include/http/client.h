/* HTTP calls that go out: curl's multi interface in the loop, one coroutine call a request.
 *
 * Connections are reused; over TLS HTTP/2 is negotiated. Transfers wait in a queue of ours, by
 * host, and enter curl only when they can run: as many as the host may have connections, times
 * the streams of one where it has shown that it speaks HTTP/2. Redirects are not followed, cookies
 * not kept, proxies of the environment not used. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base/arena.h"
#include "http/header.h"
#include "runtime/co.h"

struct http_client;

/* 0 or NULL takes the default in brackets. Texts are copied. */
struct http_client_opts {
    const char *ca_file;         /* PEM [the system's bundle] */
    const char *proxy;           /* URL [none] */
    const char *user_agent;      /* "gzip" is added: Google compresses only then [calfleet] */
    size_t max_in_flight;        /* transfers in curl, over all hosts [2048] */
    size_t max_waiting;          /* queued before them; more are refused with ERR_BUSY [8192] */
    size_t max_host_connections; /* [32] */
    size_t max_host_streams;     /* a connection, with HTTP/2 [100] */
    size_t max_header_bytes;     /* of a response [64 KiB] */
    size_t max_body_bytes;       /* of a response, decompressed [16 MiB] */
    int64_t connect_ms;          /* name, TCP and TLS together [5 s] */
};

enum http_protocol {
    HTTP_PROTOCOL_AUTO, /* HTTP/2 where TLS negotiates it, else HTTP/1.1 */
    HTTP_PROTOCOL_1_1,
    /* http:// with prior knowledge. Before curl 8.0 (Debian 12 has 7.88) each request has a
     * connection of its own, since curl fails on a reused one: use TLS where streams matter. */
    HTTP_PROTOCOL_2_CLEAR,
};

/* A piece of a 2xx answer's body, decompressed, from inside curl: must not wait, nor call this
 * library. A code other than ERR_OK (with err filled) ends the transfer, and the call with it. */
typedef enum err_code (*http_body_fn)(void *arg, struct str bytes, struct err *err);

struct http_request {
    const char *method; /* NULL: GET */
    struct str url;     /* absolute, see http/url.h */
    const struct http_header *headers;
    size_t header_count;
    struct str body;  /* ptr NULL: none; its type is one of the headers */
    int64_t deadline; /* of co_now(), for queue, connection, and the whole answer */
    enum http_protocol protocol;
    size_t max_body_bytes; /* 0: the client's */
    http_body_fn on_body;  /* NULL: into response->body; so are answers that are not 2xx */
    void *on_body_arg;
    /* curl repeats a request by itself when a connection that it reused turns out to be closed,
     * whatever the method. Set, the request has a new connection and is sent at most once: for
     * what spends something (an authorisation code). */
    bool once;
};

struct http_response {
    int status;
    const struct http_header *headers; /* of the final answer, names as sent */
    size_t header_count;
    struct str body;
    /* The one field that is set in every case, failure included: some of the request may have left
     * this process, so that it may have been applied. False is certain. */
    bool sent;
};

/* The handles live in the loop until it ends or http_client_free was called. errs: ERR_CONFIG (CA
 * file cannot be read). */
MUST_CHECK enum err_code http_client_new(struct co_loop *loop, const struct http_client_opts *opts,
                                         struct http_client **ret_client, struct err *err);
/* No call may be under way. Takes NULL. */
struct http_client *http_client_free(struct http_client *client);

/* Any status is a success: what it means is the caller's.
 * owns: the response lives in arena.
 * errs: ERR_TIMEOUT + RETRY; ERR_UNAVAILABLE + RETRY (not connected: name, refusal); ERR_IO + RETRY
 * (broken off); ERR_IO + CONFIG (the other end's certificate); ERR_PROTO + RETRY (no HTTP);
 * ERR_TOO_BIG (head or body over its maximum); ERR_BUSY + RETRY (queue full); ERR_INVALID (URL,
 * method, header); ERR_CANCELED; whatever on_body said. err->sys is curl's code. */
CO_FN MUST_CHECK enum err_code http_fetch(struct http_client *client,
                                          const struct http_request *request, struct arena *arena,
                                          struct http_response *response, struct err *err);

size_t http_client_in_flight(const struct http_client *client);
size_t http_client_waiting(const struct http_client *client);
/* Connections that are open. */
size_t http_client_connections(const struct http_client *client);

#endif

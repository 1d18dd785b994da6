/* The client's parts: its hosts with their queues, the bridge between curl and the loop, and one
 * transfer. */
#ifndef HTTP_CLIENT_INT_H
#define HTTP_CLIENT_INT_H

#include "http/client.h"
#include "http/url.h"

#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"

#include <curl/curl.h>

/* One origin and protocol. Lives while a call runs or waits at it, and some while longer. */
struct host {
    struct list node;    /* of client.crowded, while somebody waits */
    struct list waiting; /* tickets */
    size_t in_flight;
    bool multiplexes; /* it has spoken HTTP/2 */
};

struct http_client {
    struct co_loop *loop;
    struct http_client_opts opts;
    char *ca_file;
    char *proxy;
    char *user_agent;
    CURLM *multi;
    CURLSH *share; /* TLS sessions: a resumed handshake costs two thirds of a full one */
    uv_timer_t timer;
    struct map hosts;
    struct list crowded; /* hosts at which calls wait, in turn */
    size_t in_flight;
    size_t waiting;
    size_t connections;
    size_t handles; /* open in the loop: the memory goes with the last one */
    bool freed;
};

/* One request's way through curl; on the stack of its coroutine. */
struct transfer {
    struct http_client *client;
    const struct http_request *request;
    struct arena *arena;
    CURL *easy;
    struct curl_slist *fields;
    struct co_wait wait;
    CURLcode result;
    size_t max_body_bytes;
    size_t body_bytes;
    size_t header_bytes;
    VEC(struct http_header) headers;
    struct buf body;
    long status;
    bool head_ended;    /* curl is content with an answer that ends within its head */
    struct err refused; /* code: a callback of ours ended it */
};

/* client_host.c */
struct host *host_of(struct http_client *client, const struct http_url *url,
                     enum http_protocol protocol);
void host_free_all(struct http_client *client);
/* A place at the host; errs: ERR_BUSY, ERR_TIMEOUT, ERR_CANCELED. */
CO_FN MUST_CHECK enum err_code host_enter(struct http_client *client, struct host *host,
                                          int64_t deadline, struct err *err);
void host_leave(struct http_client *client, struct host *host);

/* client_loop.c */
MUST_CHECK enum err_code client_loop_open(struct http_client *client, struct err *err);
/* The memory of client goes in a later turn. */
void client_loop_close(struct http_client *client);
void client_loop_set_sockets(struct http_client *client, CURL *easy);

/* client_transfer.c */
MUST_CHECK enum err_code transfer_check(const struct http_request *request,
                                        struct http_url *ret_url, struct err *err);
MUST_CHECK enum err_code transfer_init(struct transfer *t, struct http_client *client,
                                       const struct http_request *request,
                                       const struct http_url *url, struct arena *arena,
                                       struct err *err);
void transfer_fini(struct transfer *t);
/* Some of the request was given to the connection. */
bool transfer_sent(struct transfer *t);
bool transfer_spoke_http2(struct transfer *t);
/* Whether HTTP/2 without TLS can have more than one request on a connection: not before curl 8.0,
 * which fails on a connection that it reuses with prior knowledge. */
bool transfer_clear2_is_reused(void);
/* The answer, or why there is none. */
MUST_CHECK enum err_code transfer_result(struct transfer *t, struct http_response *response,
                                         struct err *err);
/* The one place where curl's codes become ours. */
enum err_code err_from_curl(CURLcode code, struct err *err);

#endif

#include "runtime/dns.h"

#include <netdb.h>
#include <string.h>

/* Lives until libuv has called back, which may be after the asker has gone. */
struct query {
    uv_getaddrinfo_t req;
    struct co_wait *wait; /* NULL: nobody waits any more */
    int status;
    struct sockaddr_storage address;
};

/* An IPv4 address where there is one: of "localhost" and its like a server that listens on one
 * family only has nearly always that. */
static const struct addrinfo *choose(const struct addrinfo *list)
{
    for (const struct addrinfo *at = list; at != NULL; at = at->ai_next) {
        if (at->ai_family == AF_INET) {
            return at;
        }
    }
    return list;
}

static void on_answer(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct query *q = req->data;
    q->status = status;
    if (status == 0) {
        const struct addrinfo *chosen = choose(list);
        memcpy(&q->address, chosen->ai_addr, chosen->ai_addrlen);
        uv_freeaddrinfo(list);
    }
    if (q->wait != NULL) {
        co_wake(q->wait);
    } else {
        free(q);
    }
}

enum err_code co_resolve(const char *host, const char *port, int64_t deadline,
                         struct sockaddr_storage *ret_address, struct err *err)
{
    struct co_wait wait;
    struct query *q = xcalloc(1, sizeof *q);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};

    co_wait_init(&wait);
    q->wait = &wait;
    q->req.data = q;
    int rc = uv_getaddrinfo(co_loop_uv(co_loop_current()), &q->req, on_answer, host, port, &hints);
    if (rc != 0) {
        free(q);
        return ERR_SET_ACT(err, ERR_UNAVAILABLE, ERR_ACT_RETRY, "resolve: %s", uv_strerror(rc));
    }
    enum err_code waited = co_wait(&wait, deadline, err);
    if (waited != ERR_OK) {
        q->wait = NULL; /* on_answer frees it */
        (void)uv_cancel((uv_req_t *)&q->req);
        return waited;
    }
    enum err_code code = ERR_OK;
    if (q->status != 0) {
        code =
            ERR_SET_ACT(err, ERR_UNAVAILABLE, ERR_ACT_RETRY, "resolve: %s", uv_strerror(q->status));
    } else {
        *ret_address = q->address;
    }
    free(q);
    return code;
}

/* curl's multi_socket interface on libuv. Callbacks note results and wake; the handles themselves
 * are only touched by coroutines. */
#include "client_int.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connection whose bytes nobody acknowledges is given up after this, so that a silent path does
 * not swallow one request after the other on a multiplexed connection. */
#define UNACKNOWLEDGED_MS 20000

struct poll {
    uv_poll_t handle;
    struct http_client *client;
    curl_socket_t fd;
};

static void handle_closed(struct http_client *client)
{
    if (--client->handles == 0 && client->freed) {
        free(client->ca_file);
        free(client->proxy);
        free(client->user_agent);
        free(client);
    }
}

/* After every action, the timer's too. */
static void collect(struct http_client *client)
{
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            struct transfer *t = NULL;
            CURLcode result = message->data.result;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
            t->result = result;
            co_wake(&t->wait);
        }
    }
}

static void act(struct http_client *client, curl_socket_t fd, int events)
{
    int running = 0;
    curl_multi_socket_action(client->multi, fd, events, &running);
    collect(client);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct poll *poll = handle->data;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    flags |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    flags |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    act(poll->client, poll->fd, flags); /* may end poll */
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct poll *poll = handle->data;
    struct http_client *client = poll->client;
    free(poll);
    handle_closed(client);
}

static int on_socket(CURL *easy UNUSED, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct http_client *client = arg;
    struct poll *poll = socket_arg;
    if (what == CURL_POLL_REMOVE) {
        if (poll != NULL) {
            curl_multi_assign(client->multi, fd, NULL);
            uv_close((uv_handle_t *)&poll->handle, on_poll_closed);
        }
        return 0;
    }
    if (poll == NULL) {
        poll = xcalloc(1, sizeof *poll);
        poll->client = client;
        poll->fd = fd;
        if (uv_poll_init_socket(co_loop_uv(client->loop), &poll->handle, fd) != 0) {
            free(poll);
            return -1;
        }
        poll->handle.data = poll;
        client->handles++;
        curl_multi_assign(client->multi, fd, poll);
    }
    int events = (what & CURL_POLL_IN) != 0 ? UV_READABLE : 0;
    events |= (what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0;
    return uv_poll_start(&poll->handle, events, on_poll) == 0 ? 0 : -1;
}

static void on_timer(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timeout(CURLM *multi UNUSED, long ms, void *arg)
{
    struct http_client *client = arg;
    if (ms < 0) {
        uv_timer_stop(&client->timer);
    } else {
        uv_timer_start(&client->timer, on_timer, (uint64_t)ms, 0);
    }
    return 0;
}

/* ---- sockets --------------------------------------------------------------------------------- */

static curl_socket_t open_socket(void *arg, curlsocktype purpose UNUSED, struct curl_sockaddr *a)
{
    struct http_client *client = arg;
    unsigned int silent_ms = UNACKNOWLEDGED_MS;
    int fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
    if (fd >= 0) {
        client->connections++;
        IGNORE(setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silent_ms, sizeof silent_ms));
    }
    return fd;
}

static int close_socket(void *arg, curl_socket_t fd)
{
    struct http_client *client = arg;
    client->connections--;
    return close(fd);
}

void client_loop_set_sockets(struct http_client *client, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, client);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, client);
}

/* ---- life ------------------------------------------------------------------------------------ */

enum err_code client_loop_open(struct http_client *client, struct err *err)
{
    client->multi = curl_multi_init();
    client->share = curl_share_init();
    if (client->multi == NULL || client->share == NULL) {
        return ERR_SET(err, ERR_INTERNAL, "curl cannot be set up");
    }
    curl_share_setopt(client->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    CURLM *m = client->multi;
    curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(m, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(m, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(m, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(m, CURLMOPT_MAX_HOST_CONNECTIONS, (long)client->opts.max_host_connections);
    curl_multi_setopt(m, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)client->opts.max_host_streams);
    /* The default is four times the live transfers: the pool would shrink as a burst ends. */
    curl_multi_setopt(m, CURLMOPT_MAXCONNECTS, (long)client->opts.max_in_flight);
    uv_timer_init(co_loop_uv(client->loop), &client->timer);
    client->timer.data = client;
    client->handles = 1;
    return ERR_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

void client_loop_close(struct http_client *client)
{
    curl_multi_cleanup(client->multi);
    curl_share_cleanup(client->share);
    client->freed = true;
    uv_close((uv_handle_t *)&client->timer, on_timer_closed);
}

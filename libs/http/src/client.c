/* The client's life, and a call from beginning to end. */
#include "client_int.h"

#include "observe/metric.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define DEFAULT(field, value) ((field) = (field) > 0 ? (field) : (value))

static void fill_defaults(struct http_client_opts *o)
{
    DEFAULT(o->max_in_flight, 2048);
    DEFAULT(o->max_waiting, 8192);
    DEFAULT(o->max_host_connections, 32);
    DEFAULT(o->max_host_streams, 100);
    DEFAULT(o->max_header_bytes, 64 * 1024);
    DEFAULT(o->max_body_bytes, 16 * 1024 * 1024);
    DEFAULT(o->connect_ms, 5000);
}

static char *user_agent(const char *name)
{
    struct buf text CLEANUP(buf_fini);
    buf_init(&text, 1024);
    buf_add_f(&text, "%s (gzip)", name != NULL ? name : "calfleet");
    return buf_take(&text, NULL);
}

static enum err_code set_up(struct err *err)
{
    static bool done;
    struct sigaction now;
    if (!done && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return ERR_SET(err, ERR_INTERNAL, "curl cannot be set up");
    }
    done = true;
    /* OpenSSL writes with write(2): a peer that is gone is an error code, not our end. */
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
        signal(SIGPIPE, SIG_IGN);
    }
    return ERR_OK;
}

enum err_code http_client_new(struct co_loop *loop, const struct http_client_opts *opts,
                              struct http_client **ret_client, struct err *err)
{
    static const struct http_client_opts none;
    opts = opts != NULL ? opts : &none;
    if (opts->ca_file != NULL && access(opts->ca_file, R_OK) != 0) {
        return ERR_SET_ACT(err, ERR_CONFIG, ERR_ACT_CONFIG, "CA file cannot be read");
    }
    enum err_code rc = set_up(err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct http_client *client = xcalloc(1, sizeof *client);
    client->loop = loop;
    client->opts = *opts;
    fill_defaults(&client->opts);
    client->ca_file = opts->ca_file != NULL ? xstrdup(opts->ca_file) : NULL;
    client->proxy = opts->proxy != NULL ? xstrdup(opts->proxy) : NULL;
    client->user_agent = user_agent(opts->user_agent);
    map_init(&client->hosts);
    list_init(&client->crowded);
    rc = client_loop_open(client, err);
    if (rc == ERR_OK) {
        *ret_client = client;
    }
    return rc;
}

struct http_client *http_client_free(struct http_client *client)
{
    if (client != NULL) {
        BUG_ON(client->in_flight > 0 || client->waiting > 0);
        host_free_all(client);
        client_loop_close(client);
    }
    return NULL;
}

/* In curl, from entry to removal. */
static CO_FN enum err_code run(struct transfer *t, int64_t deadline, struct http_response *response,
                               struct err *err)
{
    CURLMcode added = curl_multi_add_handle(t->client->multi, t->easy);
    if (added != CURLM_OK) {
        return ERR_SET(err, ERR_INTERNAL, "curl: %s", curl_multi_strerror(added));
    }
    enum err_code rc = co_wait(&t->wait, deadline, err);
    response->sent = transfer_sent(t);
    if (rc == ERR_OK) {
        rc = transfer_result(t, response, err);
    }
    curl_multi_remove_handle(t->client->multi, t->easy);
    return rc;
}

static CO_FN enum err_code call(struct http_client *client, const struct http_request *request,
                                struct arena *arena, struct http_response *response,
                                struct err *err)
{
    struct http_url url;
    struct transfer t CLEANUP(transfer_fini) = {0};
    enum err_code rc = transfer_check(request, &url, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct host *host = host_of(client, &url, request->protocol);
    rc = host_enter(client, host, request->deadline, err);
    if (rc != ERR_OK) {
        return rc;
    }
    rc = transfer_init(&t, client, request, &url, arena, err);
    if (rc == ERR_OK) {
        rc = run(&t, request->deadline, response, err);
    }
    if (rc == ERR_OK) {
        host->multiplexes = transfer_spoke_http2(&t) && (url.https || transfer_clear2_is_reused());
    }
    host_leave(client, host);
    return rc;
}

enum err_code http_fetch(struct http_client *client, const struct http_request *request,
                         struct arena *arena, struct http_response *response, struct err *err)
{
    response->sent = false;
    enum err_code rc = call(client, request, arena, response, err);
    if (rc != ERR_OK) {
        metric_inc(METRIC_HTTP_CLIENT_FAILURES, err_code_name(rc));
    }
    return rc;
}

size_t http_client_in_flight(const struct http_client *client)
{
    return client->in_flight;
}

size_t http_client_waiting(const struct http_client *client)
{
    return client->waiting;
}

size_t http_client_connections(const struct http_client *client)
{
    return client->connections;
}

/* Hosts and the queue before curl. A transfer that waits inside curl costs CPU at each completion
 * of another and is served unfairly, so only what can run is let in. */
#include "client_int.h"

#include "observe/metric.h"

#include <stdio.h>

/* Hosts are settings of ours, and a few that providers name; beyond this idle ones are forgotten.
 */
#define HOSTS_KEPT 256

struct ticket {
    struct list node;
    struct co_wait wait;
};

static void forget_idle(struct http_client *client)
{
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(&client->hosts, &at, &key, &value)) {
        struct host *host = value;
        if (host->in_flight == 0 && list_empty(&host->waiting)) {
            map_remove(&client->hosts, key);
            free(host);
        }
    }
}

struct host *host_of(struct http_client *client, const struct http_url *url,
                     enum http_protocol protocol)
{
    char text[300]; /* a host name has at most 255 bytes */
    int n = snprintf(text, sizeof text, "%d %d %u %.*s", url->https, (int)protocol, url->port,
                     STR_ARG(url->host));
    struct str key = {text, MIN((size_t)n, sizeof text - 1)};
    struct host *host = map_find(&client->hosts, key);
    if (host == NULL) {
        if (client->hosts.len >= HOSTS_KEPT) {
            forget_idle(client);
        }
        host = xcalloc(1, sizeof *host);
        list_init(&host->node);
        list_init(&host->waiting);
        host->multiplexes = protocol == HTTP_PROTOCOL_2_CLEAR && transfer_clear2_is_reused();
        map_put(&client->hosts, key, host);
    }
    return host;
}

void host_free_all(struct http_client *client)
{
    forget_idle(client);
    BUG_ON(client->hosts.len > 0);
    map_fini(&client->hosts);
}

static bool has_place(const struct http_client *client, const struct host *host)
{
    size_t streams = host->multiplexes ? client->opts.max_host_streams : 1;
    return host->in_flight < client->opts.max_host_connections * streams;
}

static void publish(const struct http_client *client)
{
    metric_set(METRIC_HTTP_CLIENT_IN_FLIGHT, NULL, (double)client->in_flight);
    metric_set(METRIC_HTTP_CLIENT_WAITING, NULL, (double)client->waiting);
    metric_set(METRIC_HTTP_CLIENT_CONNECTIONS, NULL, (double)client->connections);
}

static void take_place(struct http_client *client, struct host *host)
{
    host->in_flight++;
    client->in_flight++;
}

/* The first of the first host that has a place; the host then goes to the end of the row. */
static bool admit_one(struct http_client *client)
{
    list_foreach (node, &client->crowded) {
        struct host *host = LIST_ENTRY(node, struct host, node);
        if (has_place(client, host)) {
            struct ticket *ticket = LIST_ENTRY(list_pop(&host->waiting), struct ticket, node);
            client->waiting--;
            take_place(client, host);
            co_wake(&ticket->wait);
            list_remove(&host->node);
            if (!list_empty(&host->waiting)) {
                list_push(&client->crowded, &host->node);
            }
            return true;
        }
    }
    return false;
}

static CO_FN enum err_code wait_for_place(struct http_client *client, struct host *host,
                                          int64_t deadline, struct err *err)
{
    struct ticket ticket;
    co_wait_init(&ticket.wait);
    if (list_empty(&host->waiting)) {
        list_push(&client->crowded, &host->node);
    }
    list_push(&host->waiting, &ticket.node);
    client->waiting++;
    publish(client);
    enum err_code rc = co_wait(&ticket.wait, deadline, err);
    if (rc != ERR_OK) { /* not admitted: admission wakes */
        list_remove(&ticket.node);
        client->waiting--;
        if (list_empty(&host->waiting)) {
            list_remove(&host->node);
        }
    }
    return rc;
}

enum err_code host_enter(struct http_client *client, struct host *host, int64_t deadline,
                         struct err *err)
{
    bool free_place = client->in_flight < client->opts.max_in_flight && has_place(client, host);
    if (free_place && list_empty(&host->waiting)) {
        take_place(client, host);
        publish(client);
        return ERR_OK;
    }
    if (client->waiting >= client->opts.max_waiting) {
        return ERR_SET_ACT(err, ERR_BUSY, ERR_ACT_RETRY, "%zu calls wait", client->waiting);
    }
    return wait_for_place(client, host, deadline, err);
}

void host_leave(struct http_client *client, struct host *host)
{
    host->in_flight--;
    client->in_flight--;
    while (client->in_flight < client->opts.max_in_flight && admit_one(client)) {
    }
    publish(client);
}

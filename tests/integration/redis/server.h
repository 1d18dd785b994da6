/* A Redis of the test's own, on a free port, that it may kill and stop. */
#ifndef TESTS_REDIS_SERVER_H
#define TESTS_REDIS_SERVER_H

#include "redis/redis.h"

#include <sys/types.h>

struct server {
    pid_t pid;
    uint16_t port;
    const char *password; /* NULL: none */
};

/* A port on which nothing listens now. */
uint16_t server_free_port(void);
/* Starts on s->port, and waits until it listens. */
void server_start(struct server *s);
void server_kill(struct server *s);

/* Runs entry(arg) on a loop with the real clock. */
void run(co_entry_fn entry, void *arg);
#define CONNECT_MS 500
/* A client of the server, with CONNECT_MS to connect. */
struct redis_client *client_of(const struct server *s, int64_t command_timeout_ms);
/* Waits until the client is healthy, or is not; 5 s at most. */
void await_health(const struct redis_client *client, bool healthy);
int64_t ms_since(int64_t began_ns);

#endif

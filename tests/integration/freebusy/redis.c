#include "scene.h"
#include "server.h"

#include <signal.h>

static struct server server;

void redis_start(void)
{
    if (server.port == 0) {
        server.port = server_free_port();
    }
    if (server.pid == 0) {
        server_start(&server);
    }
}

void redis_kill(void)
{
    if (server.pid != 0) {
        server_kill(&server);
    }
}

void redis_pause(void)
{
    assert_int_equal(kill(server.pid, SIGSTOP), 0);
}

void redis_resume(void)
{
    assert_int_equal(kill(server.pid, SIGCONT), 0);
}

struct redis_client *redis_client_of_test(void)
{
    struct redis_client *client = client_of(&server, 300);
    await_health(client, true);
    return client;
}

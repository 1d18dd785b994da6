#include "server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
/* cmocka wants setjmp.h and stdarg.h first */
#include <cmocka.h>

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

uint16_t server_free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static bool listens(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return ok;
}

static void exec_server(const struct server *s)
{
    char port[8];
    int null = open("/dev/null", O_RDWR);
    snprintf(port, sizeof port, "%u", (unsigned)s->port);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that dies leaves nothing behind */
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    execlp("redis-server", "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
           "--appendonly", "no", "--enable-debug-command", "yes", "--requirepass",
           s->password != NULL ? s->password : "", NULL);
    _exit(127);
}

void server_start(struct server *s)
{
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        exec_server(s);
    }
    for (int i = 0; i < 500 && !listens(s->port); i++) {
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000}, NULL);
    }
    assert_true(listens(s->port));
}

void server_kill(struct server *s)
{
    int status;
    assert_int_equal(kill(s->pid, SIGKILL), 0);
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    s->pid = 0;
}

void run(co_entry_fn entry, void *arg)
{
    struct co_loop *loop = co_loop_new(NULL);
    co_loop_run(loop, "root", entry, arg);
    co_loop_free(loop);
}

struct redis_client *client_of(const struct server *s, int64_t command_timeout_ms)
{
    struct redis_client *client = NULL;
    struct err err;
    assert_int_equal(
        redis_client_new(co_loop_current(),
                         &(struct redis_opts){.host = "127.0.0.1",
                                              .port = s->port,
                                              .password = s->password,
                                              .connect_timeout_ms = CONNECT_MS,
                                              .command_timeout_ms = command_timeout_ms},
                         &client, &err),
        ERR_OK);
    return client;
}

void await_health(const struct redis_client *client, bool healthy)
{
    for (int i = 0; i < 1000 && redis_healthy(client) != healthy; i++) {
        assert_int_equal(co_sleep(5, NULL), ERR_OK);
    }
    assert_int_equal(redis_healthy(client), healthy);
}

int64_t ms_since(int64_t began_ns)
{
    return (co_clock_ns() - began_ns) / 1000000;
}

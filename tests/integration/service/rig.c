#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 10000

int64_t rig_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void exec_service(const char *env, const char *const *args)
{
    char *argv[24] = {xstrdup("demo")};
    char *envp[3] = {xstrdup("CALFLEET_ADMIN_LISTEN=127.0.0.1:0"),
                     env != NULL ? xstrdup(env) : NULL};
    for (size_t i = 0; args[i] != NULL; i++) {
        argv[i + 1] = xstrdup(args[i]);
    }
    execve(DEMO_SERVICE, argv, envp);
    _exit(127);
}

void rig_spawn(struct rig *rig, const char *env, const char *const *args)
{
    int fds[2];
    *rig = (struct rig){0};
    buf_init(&rig->lines, 1 << 20);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    rig->pid = fork();
    assert_true(rig->pid >= 0);
    if (rig->pid == 0) {
        dup2(fds[1], 1);
        dup2(fds[1], 2);
        exec_service(env, args);
    }
    close(fds[1]);
    rig->out = fds[0];
    assert_int_equal(fcntl(rig->out, F_SETFL, O_NONBLOCK), 0);
}

/* False at the end of the output. */
static bool read_more(struct rig *rig, int wait_ms)
{
    char chunk[4000];
    struct pollfd p = {.fd = rig->out, .events = POLLIN};
    if (poll(&p, 1, wait_ms) == 0) {
        return true;
    }
    ssize_t n = read(rig->out, chunk, sizeof chunk);
    if (n > 0) {
        buf_add(&rig->lines, (struct str){chunk, (size_t)n});
    }
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

void rig_expect(struct rig *rig, const char *text)
{
    int64_t deadline = rig_now_ms() + PATIENCE_MS;
    while (strstr(buf_c(&rig->lines), text) == NULL) {
        if (!read_more(rig, 50) || rig_now_ms() > deadline) {
            fail_msg("no %s in: %s", text, buf_c(&rig->lines));
        }
    }
}

void rig_start(struct rig *rig, const char *env, const char *const *args)
{
    static const char event[] = "\"ev\":\"service.listening\"";
    static const char field[] = "\"port\":";
    rig_spawn(rig, env, args);
    rig_expect(rig, event);
    const char *line = strstr(buf_c(&rig->lines), event);
    while (strchr(line, '\n') == NULL) {
        read_more(rig, 50);
        line = strstr(buf_c(&rig->lines), event);
    }
    const char *port = strstr(line, field);
    assert_non_null(port);
    rig->port = (uint16_t)strtol(port + sizeof field - 1, NULL, 10);
}

int rig_get(struct rig *rig, const char *method, const char *path, const char *header,
            struct buf *reply)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(rig->port)};
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    char chunk[4000];
    ssize_t n;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    dprintf(fd, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", method, path, header);
    buf_reset(reply);
    while ((n = read(fd, chunk, sizeof chunk)) > 0) {
        buf_add(reply, (struct str){chunk, (size_t)n});
    }
    close(fd);
    return reply->len > 12 ? (int)strtol(buf_c(reply) + 9, NULL, 10) : 0;
}

void rig_await(struct rig *rig, const char *path, int status, const char *text)
{
    struct buf reply CLEANUP(buf_fini);
    int64_t deadline = rig_now_ms() + PATIENCE_MS;
    buf_init(&reply, 1 << 20);
    while (rig_get(rig, "GET", path, "", &reply) != status || strstr(buf_c(&reply), text) == NULL) {
        if (rig_now_ms() > deadline) {
            fail_msg("%s does not answer %d but %s", path, status, buf_c(&reply));
        }
        poll(NULL, 0, 20);
    }
}

void rig_signal(struct rig *rig, int sig)
{
    assert_int_equal(kill(rig->pid, sig), 0);
}

int rig_end(struct rig *rig, int max_ms)
{
    int64_t deadline = rig_now_ms() + max_ms;
    while (read_more(rig, 50)) {
        if (rig_now_ms() > deadline) {
            fail_msg("still runs after %d ms: %s", max_ms, buf_c(&rig->lines));
        }
    }
    int status;
    assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
    rig->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void rig_fini(struct rig *rig)
{
    if (rig->pid > 0) {
        kill(rig->pid, SIGKILL);
        waitpid(rig->pid, NULL, 0);
    }
    close(rig->out);
    buf_fini(&rig->lines);
}

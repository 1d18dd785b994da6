#include "raw.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int raw_connect(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    BUG_ON(fd < 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

bool raw_send(int fd, struct str bytes)
{
    size_t at = 0;
    while (at < bytes.len) {
        ssize_t n = send(fd, bytes.ptr + at, bytes.len - at, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        at += (size_t)n;
    }
    return true;
}

bool raw_read(int fd, struct buf *out, const char *until)
{
    while (until == NULL || str_find(buf_str(out), str_c(until)) == SIZE_MAX) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        char *room = buf_reserve(out, 65536);
        if (room == NULL || poll(&p, 1, RAW_WAIT_MS) != 1) {
            return false;
        }
        ssize_t n = recv(fd, room, 65536, 0);
        if (n <= 0) {
            return n == 0;
        }
        buf_used(out, (size_t)n);
    }
    return true;
}

bool raw_exchange(uint16_t port, struct str bytes, struct buf *out)
{
    int fd = raw_connect(port);
    buf_reset(out);
    raw_send(fd, bytes); /* may be cut short by the answer to its beginning */
    bool ok = fd >= 0 && raw_read(fd, out, NULL);
    close(fd);
    return ok;
}

int raw_status(struct str answer)
{
    int64_t status = 0;
    return str_starts(answer, STR("HTTP/1.1 ")) && str_to_i64(str_sub(answer, 9, 3), &status)
               ? (int)status
               : 0;
}

void raw_sleep(int64_t ms)
{
    poll(NULL, 0, (int)ms);
}

int raw_listen(uint16_t *ret_port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    BUG_ON(fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0);
    BUG_ON(listen(fd, 64) != 0 || getsockname(fd, (struct sockaddr *)&address, &len) != 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

int raw_accept(int listener)
{
    struct pollfd p = {.fd = listener, .events = POLLIN};
    return poll(&p, 1, RAW_WAIT_MS) == 1 ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
}

/* ---- threads --------------------------------------------------------------------------------- */

struct job {
    void (*fn)(void *arg);
    void *arg;
    uv_async_t async;
    struct co_wait ended;
    struct co_wait closed;
};

static void *run_job(void *arg)
{
    struct job *job = arg;
    job->fn(job->arg);
    uv_async_send(&job->async);
    return NULL;
}

static void on_closed(uv_handle_t *handle)
{
    struct job *job = handle->data;
    co_wake(&job->closed);
}

static void on_async(uv_async_t *async)
{
    struct job *job = async->data;
    co_wake(&job->ended);
}

void raw_thread(void (*fn)(void *arg), void *arg)
{
    struct job job = {.fn = fn, .arg = arg};
    pthread_t thread;
    co_wait_init(&job.ended);
    co_wait_init(&job.closed);
    uv_async_init(co_loop_uv(co_loop_current()), &job.async, on_async);
    job.async.data = &job;
    BUG_ON(pthread_create(&thread, NULL, run_job, &job) != 0);
    BUG_ON(co_wait(&job.ended, co_after(120000), NULL) != ERR_OK);
    pthread_join(thread, NULL);
    uv_close((uv_handle_t *)&job.async, on_closed);
    BUG_ON(co_wait(&job.closed, co_after(10000), NULL) != ERR_OK);
}

/* Bare sockets for tests, blocking, in a thread beside the loop: what a careless, slow or hostile
 * peer does. Every wait is bounded, so a test fails instead of hanging. */
#ifndef TEST_HTTP_RAW_H
#define TEST_HTTP_RAW_H

#include "base/buf.h"
#include "runtime/co.h"

#define RAW_WAIT_MS 10000

/* -1 if refused. */
int raw_connect(uint16_t port);
bool raw_send(int fd, struct str bytes);
/* Appends until the peer closes, `until` appears (NULL: never), or RAW_WAIT_MS passed without a
 * byte. False in the last case, and when the connection was reset. */
bool raw_read(int fd, struct buf *out, const char *until);
/* Connects, sends, reads until the peer closes; out is reset. */
bool raw_exchange(uint16_t port, struct str bytes, struct buf *out);
/* The status in the first line of an answer; 0 if there is none. */
int raw_status(struct str answer);
void raw_sleep(int64_t ms);

/* A listening socket on any free port of the loopback. */
int raw_listen(uint16_t *ret_port);
int raw_accept(int listener);

/* Runs fn(arg) in a thread and suspends until it ends. */
CO_FN void raw_thread(void (*fn)(void *arg), void *arg);

#endif

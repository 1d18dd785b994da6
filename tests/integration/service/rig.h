/* A process under test: started with arguments, its output read, its admin port asked. */
#ifndef TESTS_SERVICE_RIG_H
#define TESTS_SERVICE_RIG_H

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/types.h>
/* cmocka wants the four above first */
#include <cmocka.h>

struct rig {
    pid_t pid;
    int out;          /* its stdout and stderr */
    struct buf lines; /* what was read of them so far */
    uint16_t port;    /* of the admin port, after rig_start */
};

/* Starts the service with the arguments (the list ends with NULL) on a free admin port, unless
 * they name one. env: one more line for the environment, or NULL. */
void rig_spawn(struct rig *rig, const char *env, const char *const *args);
/* As rig_spawn, then waits until the admin port is open. */
void rig_start(struct rig *rig, const char *env, const char *const *args);
/* Waits until the output holds the text; fails the test after 10 s. */
void rig_expect(struct rig *rig, const char *text);
/* One request on a connection of its own. Returns the status; the whole answer is in reply. */
int rig_get(struct rig *rig, const char *method, const char *path, const char *header,
            struct buf *reply);
/* Waits until path answers with the status and a text that holds this; fails the test after 10 s.
 */
void rig_await(struct rig *rig, const char *path, int status, const char *text);
void rig_signal(struct rig *rig, int sig);
/* Waits for the end, at most max_ms; returns the exit code (128 + signal). */
int rig_end(struct rig *rig, int max_ms);
/* Kills what still runs. */
void rig_fini(struct rig *rig);

int64_t rig_now_ms(void);

#define ARGS(...)                                                                                  \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__ __VA_OPT__(, ) NULL                                                            \
    }

#endif

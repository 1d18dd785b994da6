/* Members in processes of their own, and what their logs say. */
#ifndef KAFKA_MEMBERS_H
#define KAFKA_MEMBERS_H

#include "harness.h"

#include "base/vec.h"

#include <sys/types.h>

struct child {
    pid_t pid; /* 0: not running */
    char log[300];
};

struct child_opts {
    const char *bootstrap;
    const char *topic;
    const char *group;
    const char *instance; /* NULL: dynamic */
    bool coalesce;
    int run_ms;
    int session_ms;
    const char *failpoint; /* NULL: none */
};

/* name: of its log; the same name again appends to it. */
void child_start(struct child *c, const struct child_opts *o, const char *name);
void child_signal(struct child *c, int sig);
/* By a failpoint or SIGSTOP. */
bool child_is_stopped(const struct child *c);
/* Waits; the exit code, -signal if it was killed. */
int child_wait(struct child *c);

/* ---- logs
 * ---------------------------------------------------------------------------------------- */

enum line_kind {
    LINE_GAIN,
    LINE_LOSS,
    LINE_BEGIN,
    LINE_END,
    LINE_STOP,
    LINE_READ,
    LINE_DONE,
    LINE_FATAL
};

struct line {
    enum line_kind kind;
    int64_t at;
    int key; /* "k17"; gain, loss: partitions */
    int seq;
};

struct lines {
    struct line *ptr;
    size_t len;
    size_t cap;
};

/* A last line that a kill cut off is left out. */
void lines_read(const struct child *c, struct lines *out);
size_t lines_count(const struct child *c, enum line_kind kind);
CO_FN bool wait_for_lines(const struct child *c, enum line_kind kind, size_t count, int64_t ms);

/* ---- a stream of records
 * --------------------------------------------------------------------------- */

#define STREAM_KEYS 64

/* Keys k0.., values 0, 1, 2... of each key, until stop. */
struct stream {
    struct kafka_producer *producer;
    const char *topic;
    int every_ms; /* a record of a random key */
    bool stop;
    int sent[STREAM_KEYS];         /* acknowledged */
    int64_t acked_at[STREAM_KEYS]; /* ms of the machine, when the last one was produced */
    int failures;
    struct co_group group;
};

void stream_start(struct stream *s, const struct kafka_cluster *cluster, const char *topic,
                  int every_ms);
/* No more records; all are acknowledged. */
CO_FN void stream_stop(struct stream *s);
CO_FN void stream_end(struct stream *s);

#endif

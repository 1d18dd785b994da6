/* A member of a group in a process of its own, for tests that stop and kill it.
 *
 *   engine_member BOOTSTRAP TOPIC GROUP INSTANCE|- LOG coalesce|commands RUN_MS SESSION_MS
 *
 * Each line of LOG is written at once: what happened, a monotonic time in ms (the machine's), then
 *   gain PARTITIONS | loss PARTITIONS
 *   begin KEY VALUE | end KEY VALUE     a run in command mode
 *   read KEY                            a run's first read in level-triggered mode
 *   done KEY
 * TERM stops it cleanly. Exit: 0 clean, 3 the engine failed for good. */
#include "kafka/engine.h"
#include "runtime/failpoint.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct member {
    char **argv;
    int log;
    int run_ms;
    bool coalesce;
    bool term;
    bool fatal;
    struct co_signal wake;
    uv_signal_t signal;
    bool signal_closed;
};

static void PRINTF_LIKE(2, 3) write_line(struct member *m, const char *fmt, ...)
{
    char text[200];
    va_list ap;
    int n = snprintf(text, sizeof text, "%lld ", (long long)(co_clock_ns() / 1000000));
    va_start(ap, fmt);
    n += vsnprintf(text + n, sizeof text - (size_t)n - 1, fmt, ap);
    va_end(ap);
    text[n++] = '\n';
    if (write(m->log, text, (size_t)n) != n) {
        _exit(4);
    }
}

static enum kafka_verdict run(void *ctx, struct kafka_run *r, struct err *err)
{
    struct member *m = ctx;
    struct str key = r->core->key;
    struct str value = r->record != NULL ? r->record->value : STR("-");
    kafka_run_reads(r);
    write_line(m, "%s %.*s %.*s", m->coalesce ? "read" : "begin", STR_ARG(key), STR_ARG(value));
    if (co_sleep(m->run_ms, err) != ERR_OK) {
        write_line(m, "stop %.*s %.*s", STR_ARG(key), STR_ARG(value));
        return KAFKA_RETRY;
    }
    write_line(m, "%s %.*s %.*s", m->coalesce ? "done" : "end", STR_ARG(key), STR_ARG(value));
    return KAFKA_DONE;
}

static void on_change(void *ctx, const struct kafka_partition *partitions UNUSED, size_t count,
                      bool gained)
{
    write_line(ctx, "%s %zu", gained ? "gain" : "loss", count);
}

static void on_fatal(void *ctx, const struct err *err)
{
    struct member *m = ctx;
    write_line(m, "fatal %s", err_code_name(err->code));
    m->fatal = true;
    co_signal_raise(&m->wake);
}

static void on_term(uv_signal_t *handle, int sig UNUSED)
{
    struct member *m = handle->data;
    m->term = true;
    co_signal_raise(&m->wake);
}

static void on_closed(uv_handle_t *handle)
{
    struct member *m = handle->data;
    m->signal_closed = true;
    co_signal_raise(&m->wake);
}

static void root(void *arg)
{
    static const struct kafka_engine_ops ops = {
        .run = run, .on_change = on_change, .on_fatal = on_fatal};
    struct member *m = arg;
    struct err err;
    struct kafka_engine *e;
    const char *topic = m->argv[2];
    struct kafka_engine_opts opts = {
        .cluster = {.bootstrap = m->argv[1]},
        .group = m->argv[3],
        .instance_id = m->argv[4][0] == '-' ? NULL : m->argv[4],
        .session_timeout_ms = atoi(m->argv[8]),
        .topics = &topic,
        .topic_count = 1,
        .core = {.coalesce = m->coalesce, .max_in_flight = 64, .min_interval_ms = 100},
        .ops = &ops,
        .ctx = m,
    };
    co_signal_init(&m->wake);
    uv_signal_init(co_loop_uv(co_loop_current()), &m->signal);
    m->signal.data = m;
    uv_signal_start(&m->signal, on_term, SIGTERM);
    if (kafka_engine_start(co_loop_current(), &opts, &e, &err) != ERR_OK) {
        fprintf(stderr, "%s\n", err.text);
        _exit(4);
    }
    while (!m->term && !m->fatal && co_signal_wait(&m->wake, CO_FOREVER, NULL) == ERR_OK) {
    }
    kafka_engine_stop(e, co_after(5000));
    kafka_engine_free(e);
    uv_close((uv_handle_t *)&m->signal, on_closed);
    while (!m->signal_closed && co_signal_wait(&m->wake, CO_FOREVER, NULL) == ERR_OK) {
    }
}

int main(int argc, char **argv)
{
    if (argc != 9) {
        return 64;
    }
    struct member m = {.argv = argv,
                       .log = open(argv[5], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600),
                       .run_ms = atoi(argv[7]),
                       .coalesce = strcmp(argv[6], "coalesce") == 0};
    struct err err;
    if (failpoint_setup(&err) != ERR_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 64;
    }
    struct co_loop *loop = co_loop_new(&(struct co_loop_opts){.slice_warn_ms = -1});
    co_loop_run(loop, "member", root, &m);
    co_loop_free(loop);
    return m.fatal ? 3 : 0;
}

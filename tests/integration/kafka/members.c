#include "members.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- children
 * ------------------------------------------------------------------------------------ */

void child_start(struct child *c, const struct child_opts *o, const char *name)
{
    char run_ms[16], session_ms[16];
    snprintf(c->log, sizeof c->log, "%s/%s-%s.log", TEST_BINARY_DIR, o->topic, name);
    snprintf(run_ms, sizeof run_ms, "%d", o->run_ms);
    snprintf(session_ms, sizeof session_ms, "%d", o->session_ms);
    const char *argv[] = {MEMBER_PROGRAM,
                          o->bootstrap,
                          o->topic,
                          o->group,
                          o->instance != NULL ? o->instance : "-",
                          c->log,
                          o->coalesce ? "coalesce" : "commands",
                          run_ms,
                          session_ms,
                          NULL};
    c->pid = fork();
    if (c->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlives a test that dies */
        if (o->failpoint != NULL) {
            setenv("CALFLEET_FAILPOINTS", o->failpoint, 1);
        }
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
}

void child_signal(struct child *c, int sig)
{
    EXPECT(kill(c->pid, sig) == 0, NULL);
}

bool child_is_stopped(const struct child *c)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", c->pid);
    FILE *f = fopen(path, "re");
    bool read = f != NULL && fgets(text, sizeof text, f) != NULL;
    if (f != NULL) {
        fclose(f);
    }
    const char *name_end = strrchr(text, ')');
    return read && name_end != NULL && name_end[1] == ' ' && name_end[2] == 'T';
}

int child_wait(struct child *c)
{
    int status = 0;
    for (int i = 0; i < 1500; i++) {
        pid_t pid = waitpid(c->pid, &status, WNOHANG);
        if (pid == c->pid) {
            c->pid = 0;
            return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        }
        if (co_sleep(10, NULL) != ERR_OK) {
            break;
        }
    }
    kill(c->pid, SIGKILL);
    waitpid(c->pid, &status, 0);
    return -1000; /* did not end by itself */
}

/* ---- logs
 * ----------------------------------------------------------------------------------------- */

static bool parse_line(const char *text, struct line *ret)
{
    static const char *const kinds[] = {
        [LINE_GAIN] = "gain", [LINE_LOSS] = "loss", [LINE_BEGIN] = "begin", [LINE_END] = "end",
        [LINE_STOP] = "stop", [LINE_READ] = "read", [LINE_DONE] = "done",   [LINE_FATAL] = "fatal"};
    char kind[16], key[32] = "", value[32] = "";
    long long at;
    if (sscanf(text, "%lld %15s %31s %31s", &at, kind, key, value) < 3) {
        return false;
    }
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        if (strcmp(kind, kinds[k]) == 0) {
            *ret = (struct line){.kind = (enum line_kind)k,
                                 .at = at,
                                 .key = atoi(key[0] == 'k' ? key + 1 : key),
                                 .seq = atoi(value)};
            return true;
        }
    }
    return false;
}

void lines_read(const struct child *c, struct lines *out)
{
    char text[256];
    struct line line;
    FILE *f = fopen(c->log, "re");
    while (f != NULL && fgets(text, sizeof text, f) != NULL) {
        if (strchr(text, '\n') != NULL && parse_line(text, &line)) {
            vec_push(out, line);
        }
    }
    if (f != NULL) {
        fclose(f);
    }
}

size_t lines_count(const struct child *c, enum line_kind kind)
{
    struct lines lines = {0};
    size_t count = 0;
    lines_read(c, &lines);
    vec_foreach (line, &lines) {
        count += line->kind == kind;
    }
    vec_fini(&lines);
    return count;
}

bool wait_for_lines(const struct child *c, enum line_kind kind, size_t count, int64_t ms)
{
    int64_t deadline = co_after(ms);
    while (lines_count(c, kind) < count) {
        if (co_now() >= deadline || co_sleep(50, NULL) != ERR_OK) {
            return false;
        }
    }
    return true;
}

/* ---- stream
 * --------------------------------------------------------------------------------------- */

static void stream_main(void *arg)
{
    struct stream *s = arg;
    uint64_t random = 1;
    while (!s->stop) {
        char key[16], value[16];
        struct err err = {0};
        random = random * 6364136223846793005u + 1442695040888963407u;
        int k = (int)((random >> 33) % STREAM_KEYS);
        snprintf(key, sizeof key, "k%d", k);
        snprintf(value, sizeof value, "%d", s->sent[k]);
        struct kafka_message m = {
            .topic = s->topic, .partition = -1, .key = str_c(key), .value = str_c(value)};
        int64_t now = co_clock_ns() / 1000000;
        /* A record that was refused is produced again: it may then be there twice. */
        while (kafka_produce(s->producer, &m, co_after(10000), &err) != ERR_OK) {
            s->failures++;
            now = co_clock_ns() / 1000000;
        }
        s->sent[k]++;
        s->acked_at[k] = now;
        if (s->every_ms > 0 && co_sleep(s->every_ms, NULL) != ERR_OK) {
            return;
        }
    }
}

void stream_start(struct stream *s, const struct kafka_cluster *cluster, const char *topic,
                  int every_ms)
{
    struct err err = {0};
    *s = (struct stream){.topic = topic, .every_ms = every_ms};
    struct kafka_producer_opts opts = {.cluster = *cluster, .topics = &s->topic, .topic_count = 1};
    EXPECT(kafka_producer_new(co_loop_current(), &opts, &s->producer, &err) == ERR_OK, &err);
    EXPECT(kafka_producer_warm(s->producer, co_after(10000), &err) == ERR_OK, &err);
    co_group_init(&s->group, co_loop_current());
    EXPECT(co_spawn(&s->group, "stream", stream_main, s, &err) == ERR_OK, &err);
}

void stream_stop(struct stream *s)
{
    s->stop = true;
    EXPECT(co_group_join(&s->group, co_after(30000), NULL) == ERR_OK, NULL);
}

void stream_end(struct stream *s)
{
    kafka_producer_close(s->producer, co_after(3000));
    kafka_producer_free(s->producer);
}

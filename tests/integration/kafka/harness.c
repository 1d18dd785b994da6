#include "harness.h"

#include "base/buf.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int expect_failures;

struct kafka_cluster shared_cluster(void)
{
    const char *bootstrap = getenv("CALFLEET_TEST_KAFKA");
    if (bootstrap == NULL) {
        print_message("CALFLEET_TEST_KAFKA is not set: see scripts/stack env\n");
        skip();
    }
    return (struct kafka_cluster){.bootstrap = bootstrap};
}

void in_loop(void (*body)(void *arg), void *arg)
{
    expect_failures = 0;
    struct co_loop *loop = co_loop_new(&(struct co_loop_opts){.slice_warn_ms = -1});
    co_loop_run(loop, "test", body, arg);
    co_loop_free(loop);
    assert_int_equal(expect_failures, 0);
}

void expect_failed(const char *file, int line, const char *what, const struct err *err)
{
    expect_failures++;
    print_error("%s:%d: not so: %s%s%s\n", file, line, what, err != NULL ? ": " : "",
                err != NULL ? err->text : "");
}

const char *fresh_name(const char *what)
{
    static char names[64][80];
    static int count;
    char *name = names[count % 64];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(name, sizeof names[0], "test-%s-%lld-%d-%d", what, (long long)now.tv_sec, getpid(),
             count++);
    return name;
}

void make_topic(const struct kafka_cluster *cluster, const char *name, int32_t partitions)
{
    struct err err = {0};
    struct kafka_topic topic = {.name = name, .partitions = partitions, .replicas = -1};
    EXPECT(kafka_topics_create(co_loop_current(), cluster, &topic, 1, co_after(20000), &err) ==
               ERR_OK,
           &err);
}

void send_text(struct kafka_producer *p, const char *topic, int32_t partition, const char *key,
               const char *text)
{
    struct err err = {0};
    struct kafka_message message = {
        .topic = topic, .partition = partition, .key = str_c(key), .value = str_c(text)};
    EXPECT(kafka_produce(p, &message, co_after(20000), &err) == ERR_OK, &err);
}

bool wait_until(bool (*cond)(void *arg), void *arg, int64_t ms)
{
    int64_t deadline = co_after(ms);
    while (!cond(arg)) {
        if (co_now() >= deadline || co_sleep(5, NULL) != ERR_OK) {
            return cond(arg);
        }
    }
    return true;
}

/* ---- programs and private stacks
 * ------------------------------------------------------------------ */

/* Lets the loop go on where there is one: what is under test must not stand still meanwhile. */
static void pause_ms(int64_t ms)
{
    if (co_self() == NULL || co_sleep(ms, NULL) != ERR_OK) {
        nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
    }
}

int run_program(const char *const argv[])
{
    pid_t pid = fork();
    if (pid == 0) {
        dup2(2, 1);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    int status;
    pid_t ended;
    while ((ended = waitpid(pid, &status, WNOHANG)) == 0) {
        pause_ms(20);
    }
    return ended == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A process that takes the stack down as soon as the pipe to it is closed: by stack_down(), or by
 * the kernel when the test is killed. */
static struct {
    pid_t pid;
    int pipe;
} keeper;

static int stack_script(const struct stack *s, const char *verb, const char *option)
{
    char port[16];
    snprintf(port, sizeof port, "%d", s->port);
    setenv("CALFLEET_STACK_DIR", s->dir, 1);
    setenv("CALFLEET_STACK_PORT", port, 1);
    const char *argv[] = {TEST_SOURCE_DIR "/scripts/stack", verb, option,
                          verb[0] == 'u' ? "--only=kafka" : NULL, NULL};
    int rc = run_program(argv);
    unsetenv("CALFLEET_STACK_DIR");
    unsetenv("CALFLEET_STACK_PORT");
    return rc;
}

void stack_restart(struct stack *s)
{
    int rc = stack_script(s, "up", s->brokers == 3 ? "--brokers=3" : "--brokers=1");
    EXPECT(rc == 0, NULL);
    if (co_self() == NULL) {
        assert_int_equal(rc, 0);
    }
}

static void keeper_start(const struct stack *s)
{
    int ends[2];
    char byte;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    keeper.pid = fork();
    if (keeper.pid == 0) {
        setsid(); /* what ends the test's group must not end this one */
        close(ends[1]);
        while (read(ends[0], &byte, 1) < 0) {
        }
        _exit(stack_script(s, "down", "--wipe"));
    }
    close(ends[0]);
    keeper.pipe = ends[1];
}

void stack_up(struct stack *s, int brokers)
{
    if (access("/usr/bin/java", X_OK) != 0) {
        print_message("no Java: a private broker cannot be started\n");
        skip();
    }
    memset(s, 0, sizeof *s);
    snprintf(s->dir, sizeof s->dir, "%s/stack-%d-%d", TEST_BINARY_DIR, getpid(), brokers);
    s->brokers = brokers;
    s->port = 20000 + getpid() % 400 * 30; /* below the ports that the kernel gives out */
    for (int i = 0; i < brokers; i++) {
        size_t n = strlen(s->bootstrap);
        snprintf(s->bootstrap + n, sizeof s->bootstrap - n, "%s127.0.0.1:%d", n > 0 ? "," : "",
                 s->port + 2 + i);
    }
    s->cluster = (struct kafka_cluster){.bootstrap = s->bootstrap};
    keeper_start(s);
    stack_restart(s);
}

void stack_down(void)
{
    if (keeper.pid > 0) {
        close(keeper.pipe);
        waitpid(keeper.pid, NULL, 0);
        keeper.pid = 0;
    }
}

int stack_teardown(void **state UNUSED)
{
    stack_down();
    return 0;
}

void stack_signal(struct stack *s, int broker, int sig)
{
    char path[300], text[16] = "";
    snprintf(path, sizeof path, "%s/kafka-%d.pid", s->dir, broker);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
    close(fd);
    pid_t pid = atoi(text);
    assert_true(pid > 1);
    kill(pid, sig);
    for (int i = 0; sig == SIGKILL && i < 500 && kill(pid, 0) == 0; i++) {
        pause_ms(10);
    }
}

static bool file_holds(const char *path, struct str needle)
{
    struct stat st;
    bool found = false;
    int fd = open(path, O_RDONLY);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size < (off_t)256 << 20) {
        char *bytes = xmalloc((size_t)st.st_size);
        ssize_t n = read(fd, bytes, (size_t)st.st_size);
        found = n > 0 && memmem(bytes, (size_t)n, needle.ptr, needle.len) != NULL;
        free(bytes);
    }
    if (fd >= 0) {
        close(fd);
    }
    return found;
}

bool stack_log_holds(const char *dir, struct str needle)
{
    bool found = false;
    DIR *d = opendir(dir);
    for (struct dirent *e; d != NULL && !found && (e = readdir(d)) != NULL;) {
        char path[600];
        if (e->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        found = e->d_type == DT_DIR ? stack_log_holds(path, needle) : file_holds(path, needle);
    }
    if (d != NULL) {
        closedir(d);
    }
    return found;
}

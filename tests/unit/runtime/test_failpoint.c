/* Failpoints: what the environment may say, and that each action happens at its pass. */
#include "runtime/co.h"
#include "runtime/failpoint.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the first two above first */
#include <cmocka.h>

static enum err_code setup(const char *text)
{
    struct err err;
    setenv("CALFLEET_FAILPOINTS", text, 1);
    return failpoint_setup(&err);
}

static void test_malformed_and_unknown_settings_are_refused(void **state UNUSED)
{
    static const char *const bad[] = {
        "test.point",        "test.point=",        "test.point=nap", "test.point=kill@0",
        "test.point=kill@x", "test.point=delay:x", "no.such=kill",   "=kill"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(setup(bad[i]), ERR_CONFIG);
    }
    assert_int_equal(setup(""), ERR_OK);
    assert_int_equal(setup("test.point=error@3;test.point=delay:5"), ERR_OK);
}

static void test_error_comes_at_its_pass_and_once(void **state UNUSED)
{
    struct err err;
    assert_int_equal(setup("test.point=error@2"), ERR_OK);
    assert_int_equal(failpoint("test.point", &err), ERR_OK);
    assert_int_equal(failpoint("test.point", &err), ERR_UNAVAILABLE);
    assert_int_equal(err.act, ERR_ACT_RETRY);
    assert_int_equal(failpoint("test.point", &err), ERR_OK);
}

static void test_kill_kills_and_leaves_its_name(void **state UNUSED)
{
    char path[] = "/tmp/test_failpoint.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    setenv("CALFLEET_FAILPOINT_LOG", path, 1);
    assert_int_equal(setup("test.point=kill"), ERR_OK);
    pid_t pid = fork();
    if (pid == 0) {
        IGNORE(failpoint("test.point", NULL));
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    char text[64] = {0};
    assert_true(read(fd, text, sizeof text - 1) > 0);
    assert_string_equal(text, "test.point\n");
    close(fd);
    unlink(path);
    unsetenv("CALFLEET_FAILPOINT_LOG");
}

static void test_stop_stops_until_it_is_continued(void **state UNUSED)
{
    assert_int_equal(setup("test.point=stop@2"), ERR_OK);
    pid_t pid = fork();
    if (pid == 0) {
        IGNORE(failpoint("test.point", NULL));
        IGNORE(failpoint("test.point", NULL));
        IGNORE(failpoint("test.point", NULL)); /* once only */
        _exit(7);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void test_a_point_outside_of_the_table_aborts_while_any_is_set(void **state UNUSED)
{
    assert_int_equal(setup(""), ERR_OK);
    assert_int_equal(failpoint("no.such.point", NULL), ERR_OK);
    assert_int_equal(setup("test.point=error"), ERR_OK);
    pid_t pid = fork();
    if (pid == 0) {
        fclose(stderr);
        signal(SIGABRT, SIG_DFL);
        IGNORE(failpoint("no.such.point", NULL));
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void delay_root(void *arg UNUSED)
{
    assert_int_equal(failpoint("test.point", NULL), ERR_OK);
    assert_int_equal(co_now(), 250);
    assert_int_equal(failpoint("test.point", NULL), ERR_OK);
    assert_int_equal(co_now(), 500);
}

static void test_delay_suspends_each_time(void **state UNUSED)
{
    assert_int_equal(setup("test.point=delay:250"), ERR_OK);
    struct co_loop *loop = co_loop_new(&(struct co_loop_opts){.virtual_clock = true});
    co_loop_run(loop, "root", delay_root, NULL);
    co_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_malformed_and_unknown_settings_are_refused),
        cmocka_unit_test(test_error_comes_at_its_pass_and_once),
        cmocka_unit_test(test_kill_kills_and_leaves_its_name),
        cmocka_unit_test(test_stop_stops_until_it_is_continued),
        cmocka_unit_test(test_a_point_outside_of_the_table_aborts_while_any_is_set),
        cmocka_unit_test(test_delay_suspends_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

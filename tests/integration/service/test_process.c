/* The shared main, seen from outside: probes, signals, exit codes, events. */
#include "rig.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static const char *after(const char *text, const char *what)
{
    const char *at = strstr(text, what);
    if (at == NULL) {
        fail_msg("no %s in: %s", what, text);
    }
    return at;
}

static void test_probes_tell_starting_from_running(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    struct buf reply CLEANUP(buf_fini);
    buf_init(&reply, 1 << 20);

    rig_start(&r, NULL, ARGS("--start-takes=500ms"));
    assert_int_equal(rig_get(&r, "GET", "/healthz", "", &reply), 200);
    assert_int_equal(rig_get(&r, "GET", "/readyz", "", &reply), 503);
    after(buf_c(&reply), "{\"ready\":false,\"phase\":\"starting\",\"checks\":[]}");
    rig_await(&r, "/readyz", 200, "");
    assert_int_equal(rig_get(&r, "GET", "/readyz", "", &reply), 200);
    after(buf_c(&reply), "{\"ready\":true,\"phase\":\"running\",\"checks\":[{\"name\":\"kafka\","
                         "\"ok\":true},{\"name\":\"postgres\",\"ok\":true}]}");
    rig_signal(&r, SIGTERM);
    assert_int_equal(rig_end(&r, 5000), 0);
}

static void test_missing_dependency_is_named_and_does_not_kill(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    struct buf reply CLEANUP(buf_fini);
    buf_init(&reply, 1 << 20);

    rig_start(&r, NULL, ARGS("--missing=unavailable"));
    rig_expect(&r, "service.running");
    assert_int_equal(rig_get(&r, "GET", "/readyz", "", &reply), 503);
    after(buf_c(&reply), "{\"name\":\"kafka\",\"ok\":true},{\"name\":\"postgres\",\"ok\":false,"
                         "\"code\":\"unavailable\"}]}");
    assert_int_equal(rig_get(&r, "GET", "/healthz", "", &reply), 200);
}

static void test_metrics_and_other_pages(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    struct buf reply CLEANUP(buf_fini);
    buf_init(&reply, 1 << 20);

    rig_start(&r, NULL, ARGS());
    rig_expect(&r, "service.running");
    assert_int_equal(rig_get(&r, "GET", "/metrics", "", &reply), 200);
    after(buf_c(&reply), "Content-Type: text/plain; version=0.0.4");
    after(buf_c(&reply), "calfleet_build_info{version=\"");
    after(buf_c(&reply), "process_resident_memory_bytes ");
    after(buf_c(&reply), "process_open_fds ");
    after(buf_c(&reply), "calfleet_draining 0\n");
    assert_int_equal(rig_get(&r, "POST", "/metrics", "Content-Length: 0\r\n", &reply), 405);
    assert_int_equal(rig_get(&r, "GET", "/nothing", "", &reply), 404);
    assert_int_equal(rig_get(&r, "GET", "/log", "", &reply), 204);
}

static void test_term_drains_stops_and_ends_with_0(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    struct buf reply CLEANUP(buf_fini);
    buf_init(&reply, 1 << 20);

    rig_start(&r, NULL, ARGS("--drain-takes=1s"));
    rig_expect(&r, "service.running");
    rig_signal(&r, SIGTERM);
    rig_expect(&r, "demo.drain");
    assert_int_equal(rig_get(&r, "GET", "/readyz", "", &reply), 503);
    after(buf_c(&reply), "\"phase\":\"draining\"");
    assert_int_equal(rig_get(&r, "GET", "/healthz", "", &reply), 200);
    assert_int_equal(rig_end(&r, 5000), 0);
    const char *at = after(buf_c(&r.lines), "service.signal");
    at = after(at, "service.drain");
    at = after(at, "demo.drain");
    at = after(at, "demo.stop");
    at = after(at, "service.drained");
    after(at, "\"ev\":\"service.ended\"");
}

static void test_int_ends_as_term_does(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    rig_start(&r, NULL, ARGS());
    rig_expect(&r, "service.running");
    rig_signal(&r, SIGINT);
    assert_int_equal(rig_end(&r, 5000), 0);
}

static void test_second_term_ends_at_once(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    rig_start(&r, NULL, ARGS("--drain-takes=60s"));
    rig_expect(&r, "service.running");
    rig_signal(&r, SIGTERM);
    rig_expect(&r, "demo.drain");
    rig_signal(&r, SIGTERM);
    assert_int_equal(rig_end(&r, 2000), 70);
    assert_null(strstr(buf_c(&r.lines), "demo.stop"));
}

static void test_stuck_loop_is_ended_by_the_kernels_clock(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    rig_start(&r, NULL, ARGS("--drain-spins", "--drain-timeout=0"));
    rig_expect(&r, "service.running");
    int64_t began = rig_now_ms();
    rig_signal(&r, SIGTERM);
    assert_int_equal(rig_end(&r, 8000), 70);
    assert_true(rig_now_ms() - began >= 4000);
    after(buf_c(&r.lines), "shutdown deadline passed");
}

static void test_coroutines_that_do_not_end_are_told_and_ended(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    rig_start(&r, NULL, ARGS("--knot"));
    rig_expect(&r, "service.running");
    rig_signal(&r, SIGTERM);
    assert_int_equal(rig_end(&r, 6000), 70);
    after(buf_c(&r.lines), "\"ev\":\"service.stuck\"");
}

static void test_term_ends_a_start_that_waits(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    rig_start(&r, NULL, ARGS("--start-takes=60s"));
    rig_signal(&r, SIGTERM);
    assert_int_equal(rig_end(&r, 3000), 0);
    after(buf_c(&r.lines), "service.start.ended");
    assert_null(strstr(buf_c(&r.lines), "demo.stop"));
}

/* What start had opened before it failed is closed as that of a service that ran: its coroutines
 * have ended before stop frees what they use. */
static void test_start_that_fails_is_drained_and_stopped(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    rig_start(&r, NULL, ARGS("--start-fails=unavailable"));
    assert_int_equal(rig_end(&r, 3000), 75);
    const char *at = after(buf_c(&r.lines), "service.start.failed");
    at = after(at, "demo.drain");
    at = after(at, "demo.tick.ended");
    after(at, "demo.stop");
}

static void test_term_while_start_opens_stops_what_is_open(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    rig_start(&r, NULL, ARGS("--open-takes=60s"));
    rig_signal(&r, SIGTERM);
    assert_int_equal(rig_end(&r, 3000), 0);
    const char *at = after(buf_c(&r.lines), "service.start.ended");
    at = after(at, "demo.tick.ended");
    after(at, "demo.stop");
}

static void test_service_can_end_itself_with_a_code(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    struct buf reply CLEANUP(buf_fini);
    buf_init(&reply, 1 << 20);
    rig_start(&r, NULL, ARGS());
    rig_expect(&r, "service.running");
    rig_get(&r, "GET", "/end", "", &reply);
    assert_int_equal(rig_end(&r, 5000), 75);
    after(buf_c(&r.lines), "demo.stop");
}

static void test_exit_code_says_what_to_do_about_a_failed_start(void **state UNUSED)
{
    static const struct {
        const char *arg;
        int exit_code;
    } cases[] = {{"--start-fails=config", 78},
                 {"--start-fails=unavailable", 75},
                 {"--start-fails=internal", 70},
                 {"--admin-listen=localhost:0", 78}, /* no literal address */
                 {"--workers=3", 64},
                 {"--drain-takes=3", 78},
                 {"--help", 0},
                 {"--version", 0},
                 {"--check-config", 0},
                 {"--print-config", 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig r CLEANUP(rig_fini);
        rig_spawn(&r, NULL, ARGS(cases[i].arg));
        int code = rig_end(&r, 5000);
        if (code != cases[i].exit_code) {
            fail_msg("%s ended with %d: %s", cases[i].arg, code, buf_c(&r.lines));
        }
    }
}

static void test_port_in_use_is_a_reason_to_try_again(void **state UNUSED)
{
    struct rig first CLEANUP(rig_fini);
    struct rig second CLEANUP(rig_fini);
    char flag[64];
    rig_start(&first, NULL, ARGS());
    snprintf(flag, sizeof flag, "--admin-listen=127.0.0.1:%d", first.port);
    rig_spawn(&second, NULL, ARGS(flag));
    assert_int_equal(rig_end(&second, 5000), 75);
    after(buf_c(&second.lines), "admin_listen");
}

static void test_settings_are_logged_with_their_source_and_secrets_are_not(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    rig_start(&r, "CALFLEET_API_SECRET=hunter2-hunter2", ARGS("--named=x"));
    const char *line = after(buf_c(&r.lines), "\"ev\":\"service.config\"");
    after(line, "\"api_secret\":\"*** [env CALFLEET_API_SECRET]\"");
    after(line, "\"named\":\"x [flag --named]\"");
    after(line, "\"drain_timeout\":\"35s [default]\"");
    assert_null(strstr(buf_c(&r.lines), "hunter2"));
}

static void write_file(const char *path, const char *content)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(content, f);
    fclose(f);
}

/* A secret's file and the flag that names it. */
struct secret {
    char path[40];
    char flag[80];
};

static struct secret new_secret(const char *option)
{
    struct secret s = {.path = "/tmp/calfleet-secret-XXXXXX"};
    int fd = mkstemp(s.path);
    assert_true(fd >= 0);
    close(fd);
    write_file(s.path, "eight-by\n");
    snprintf(s.flag, sizeof s.flag, "--%s-file=%s", option, s.path);
    return s;
}

static void test_changed_secret_reaches_the_service(void **state UNUSED)
{
    struct secret secret = new_secret("api-secret");
    struct rig r CLEANUP(rig_fini);
    rig_start(&r, NULL, ARGS(secret.flag, "--secret-reload=1s"));
    rig_expect(&r, "service.running");
    write_file(secret.path, "now-twelve-b\n");
    rig_expect(&r, "demo.secret");
    rig_expect(&r, "\"option\":\"api_secret\",\"len\":12}");
    rig_expect(&r, "service.secret.changed");
    unlink(secret.path);
    rig_expect(&r, "service.secret.failed");
    assert_null(strstr(buf_c(&r.lines), "now-twelve-b"));
}

/* A start may wait long for a dependency; a key that comes meanwhile must not be missed. */
static void test_secret_that_changes_while_start_waits_is_told(void **state UNUSED)
{
    struct secret secret = new_secret("api-secret");
    struct rig r CLEANUP(rig_fini);
    rig_start(&r, NULL, ARGS(secret.flag, "--secret-reload=1s", "--open-takes=60s"));
    write_file(secret.path, "now-twelve-b\n");
    rig_expect(&r, "demo.secret");
    rig_expect(&r, "\"option\":\"api_secret\",\"len\":12}");
    assert_null(strstr(buf_c(&r.lines), "service.running"));
    unlink(secret.path);
}

/* Nobody may believe that a secret is in force which is not. */
static void test_secret_that_takes_a_restart_is_said_to(void **state UNUSED)
{
    struct secret secret = new_secret("boot-secret");
    struct rig r CLEANUP(rig_fini);
    rig_start(&r, NULL, ARGS(secret.flag, "--secret-reload=1s"));
    rig_expect(&r, "service.running");
    write_file(secret.path, "now-twelve-b\n");
    rig_expect(&r, "service.secret.waits");
    assert_null(strstr(buf_c(&r.lines), "service.secret.changed"));
    unlink(secret.path);
}

static void test_set_failpoint_is_warned_of(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    rig_start(&r, "CALFLEET_FAILPOINTS=test.point=kill", ARGS());
    after(buf_c(&r.lines), "\"lvl\":\"warn\",\"svc\":\"demo\"");
    after(buf_c(&r.lines), "\"ev\":\"service.failpoints\"");
}

static void test_wrong_failpoint_is_refused(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    rig_spawn(&r, "CALFLEET_FAILPOINTS=no.such.point=kill", ARGS());
    assert_int_equal(rig_end(&r, 5000), 78);
    after(buf_c(&r.lines), "no.such.point");
}

static void test_log_lines_carry_trace_and_coroutine(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    struct buf reply CLEANUP(buf_fini);
    buf_init(&reply, 1 << 20);
    rig_start(&r, NULL, ARGS());
    rig_expect(&r, "service.running");
    rig_get(&r, "GET", "/log",
            "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n", &reply);
    rig_expect(&r, "\"ev\":\"demo.log\",\"msg\":\"a line\","
                   "\"trace\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"co\":\"admin\"}");
}

static void test_slow_slice_is_logged_and_counted(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    struct buf reply CLEANUP(buf_fini);
    buf_init(&reply, 1 << 20);
    rig_start(&r, NULL, ARGS());
    rig_expect(&r, "service.running");
    rig_get(&r, "GET", "/spin", "", &reply);
    rig_expect(&r, "\"ev\":\"loop.slow_slice\"");
    rig_await(&r, "/metrics", 200, "calfleet_loop_slow_slices_total 1\n");
    rig_await(&r, "/metrics", 200, "calfleet_loop_lag_seconds_bucket{le=\"0.1\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probes_tell_starting_from_running),
        cmocka_unit_test(test_missing_dependency_is_named_and_does_not_kill),
        cmocka_unit_test(test_metrics_and_other_pages),
        cmocka_unit_test(test_term_drains_stops_and_ends_with_0),
        cmocka_unit_test(test_int_ends_as_term_does),
        cmocka_unit_test(test_second_term_ends_at_once),
        cmocka_unit_test(test_stuck_loop_is_ended_by_the_kernels_clock),
        cmocka_unit_test(test_coroutines_that_do_not_end_are_told_and_ended),
        cmocka_unit_test(test_term_ends_a_start_that_waits),
        cmocka_unit_test(test_start_that_fails_is_drained_and_stopped),
        cmocka_unit_test(test_term_while_start_opens_stops_what_is_open),
        cmocka_unit_test(test_service_can_end_itself_with_a_code),
        cmocka_unit_test(test_exit_code_says_what_to_do_about_a_failed_start),
        cmocka_unit_test(test_port_in_use_is_a_reason_to_try_again),
        cmocka_unit_test(test_settings_are_logged_with_their_source_and_secrets_are_not),
        cmocka_unit_test(test_changed_secret_reaches_the_service),
        cmocka_unit_test(test_secret_that_changes_while_start_waits_is_told),
        cmocka_unit_test(test_secret_that_takes_a_restart_is_said_to),
        cmocka_unit_test(test_set_failpoint_is_warned_of),
        cmocka_unit_test(test_wrong_failpoint_is_refused),
        cmocka_unit_test(test_log_lines_carry_trace_and_coroutine),
        cmocka_unit_test(test_slow_slice_is_logged_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

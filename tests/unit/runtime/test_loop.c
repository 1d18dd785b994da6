/* The loop itself: the turn in which a wake runs, stacks, names, and misuse that must abort. */
#include "runtime/co.h"
#include "runtime/dns.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the first two above first */
#include <cmocka.h>

static void run(co_entry_fn entry, void *arg)
{
    struct co_loop *loop = co_loop_new(&(struct co_loop_opts){.virtual_clock = true});
    co_loop_run(loop, "root", entry, arg);
    co_loop_free(loop);
}

static void run_real(co_entry_fn entry, void *arg)
{
    struct co_loop *loop = co_loop_new(NULL);
    co_loop_run(loop, "root", entry, arg);
    co_loop_free(loop);
}

/* ---- turns ----------------------------------------------------------------------------------- */

struct turn {
    uv_prepare_t prepare;
    uv_async_t async;
    struct co_wait wait;
    int turns;
    int called_in;
};

static void count_turn(uv_prepare_t *handle)
{
    struct turn *t = handle->data;
    t->turns++;
}

static void on_async(uv_async_t *handle)
{
    struct turn *t = handle->data;
    t->called_in = t->turns;
    co_wake(&t->wait);
}

static void turn_root(void *arg)
{
    struct turn *t = arg;
    uv_loop_t *uv = co_loop_uv(co_loop_current());
    uv_prepare_init(uv, &t->prepare);
    uv_async_init(uv, &t->async, on_async);
    t->prepare.data = t->async.data = t;
    uv_prepare_start(&t->prepare, count_turn);
    for (int i = 0; i < 100; i++) {
        co_wait_init(&t->wait);
        uv_async_send(&t->async);
        assert_int_equal(co_wait(&t->wait, co_after(5000), NULL), ERR_OK);
        assert_int_equal(t->turns, t->called_in);
    }
    uv_close((uv_handle_t *)&t->prepare, NULL);
    uv_close((uv_handle_t *)&t->async, NULL);
}

static void test_a_wake_in_a_callback_runs_in_the_same_turn(void **state UNUSED)
{
    struct turn t = {0};
    run_real(turn_root, &t);
}

static void ping(void *arg)
{
    int *turns_left = arg;
    while (--*turns_left > 0) {
        assert_int_equal(co_yield (NULL), ERR_OK);
    }
}

static void busy_root(void *arg UNUSED)
{
    struct co_group group;
    int left = 100000;
    co_group_init(&group, co_loop_current());
    assert_int_equal(co_spawn(&group, "ping", ping, &left, NULL), ERR_OK);
    /* One that never rests does not keep the loop from its timers. */
    assert_int_equal(co_sleep(1, NULL), ERR_OK);
    assert_true(left > 0);
    left = 1;
    co_group_fini(&group);
}

static void test_a_coroutine_that_only_yields_does_not_starve_timers(void **state UNUSED)
{
    run_real(busy_root, NULL);
}

static void ignore_slow(const char *name UNUSED, int64_t ms UNUSED)
{
}

static void spin(int64_t ms)
{
    int64_t began = co_clock_ns();
    while (co_clock_ns() - began < ms * 1000000) {
    }
}

static void hog(void *arg UNUSED)
{
    spin(40);
}

static void after_hog(void *arg)
{
    int64_t *slept = arg;
    int64_t began = co_clock_ns();
    assert_int_equal(co_sleep(30, NULL), ERR_OK);
    *slept = (co_clock_ns() - began) / 1000000;
}

static void hog_root(void *arg)
{
    struct co_group group;
    co_group_init(&group, co_loop_current());
    assert_int_equal(co_spawn(&group, "hog", hog, NULL, NULL), ERR_OK);
    assert_int_equal(co_spawn(&group, "after", after_hog, arg, NULL), ERR_OK);
    assert_int_equal(co_group_join(&group, CO_FOREVER, NULL), ERR_OK);
}

static void test_a_long_slice_does_not_eat_the_time_of_the_next_one(void **state UNUSED)
{
    int64_t slept = 0;
    struct co_loop *loop = co_loop_new(&(struct co_loop_opts){.on_slow_slice = ignore_slow});
    co_loop_run(loop, "root", hog_root, &slept);
    co_loop_free(loop);
    assert_true(slept >= 29);
}

/* ---- stacks ---------------------------------------------------------------------------------- */

__attribute__((noinline)) static void eat_stack(volatile char *above, int depth)
{
    volatile char frame[2048];
    frame[0] = (char)depth;
    if (depth > 0) {
        eat_stack(frame, depth - 1);
    }
    above[1] = frame[0];
}

struct used {
    uintptr_t page; /* of the stack's top, when it began */
    int depth;
};

#define DEEP_KIB 100

static void use_stack(void *arg)
{
    struct used *used = arg;
    volatile char top[2];
    used->page = (uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)4095;
    eat_stack(top, used->depth);
}

static bool is_resident(uintptr_t page)
{
    unsigned char in_core = 0;
    assert_int_equal(mincore((void *)page, 4096, &in_core),
                     0); /* NOLINT: an address to ask about */
    return in_core & 1;
}

static void recycle_root(void *arg UNUSED)
{
    struct co_group group;
    struct used deep = {.depth = DEEP_KIB / 2};
    struct used next = {0};
    co_group_init(&group, co_loop_current());
    assert_int_equal(co_spawn(&group, "deep", use_stack, &deep, NULL), ERR_OK);
    assert_int_equal(co_group_join(&group, CO_FOREVER, NULL), ERR_OK);
    assert_int_equal(co_spawn(&group, "next", use_stack, &next, NULL), ERR_OK);
    assert_int_equal(co_group_join(&group, CO_FOREVER, NULL), ERR_OK);
    assert_int_equal(deep.page, next.page); /* the same stack again ... */
    assert_true(is_resident(deep.page));
    for (uintptr_t kib = 32; kib < DEEP_KIB; kib += 4) {
        assert_false(is_resident(deep.page - kib * 1024)); /* ... without what lay deep */
    }
}

static void test_a_stack_is_used_again_and_its_depth_given_back(void **state UNUSED)
{
    run(recycle_root, NULL);
}

/* ---- names ----------------------------------------------------------------------------------- */

static void resolve_cancelled(void *arg UNUSED)
{
    struct sockaddr_storage address;
    assert_int_equal(co_resolve("127.0.0.1", NULL, CO_FOREVER, &address, NULL), ERR_CANCELED);
}

static void resolve_root(void *arg UNUSED)
{
    struct sockaddr_storage address = {0};
    struct co_group group;
    struct err err;
    assert_int_equal(co_resolve("127.0.0.1", "6379", co_after(5000), &address, &err), ERR_OK);
    struct sockaddr_in *in = (struct sockaddr_in *)&address;
    assert_int_equal(in->sin_family, AF_INET);
    assert_int_equal(ntohs(in->sin_port), 6379);
    assert_int_equal(ntohl(in->sin_addr.s_addr), INADDR_LOOPBACK);
    assert_int_equal(co_resolve("::1", NULL, co_after(5000), &address, &err), ERR_OK);
    assert_int_equal(address.ss_family, AF_INET6);
    assert_int_equal(co_resolve("127.0.0.1", "no such port", co_after(5000), &address, &err),
                     ERR_UNAVAILABLE);
    assert_int_equal(err.act, ERR_ACT_RETRY);

    co_group_init(&group, co_loop_current()); /* the answer comes after the asker has gone */
    assert_int_equal(co_spawn(&group, "resolve", resolve_cancelled, NULL, NULL), ERR_OK);
    assert_int_equal(co_yield (NULL), ERR_OK);
    co_group_fini(&group);
}

static void test_addresses_are_resolved_off_the_loop(void **state UNUSED)
{
    run_real(resolve_root, NULL);
}

/* ---- misuse ---------------------------------------------------------------------------------- */

static void overflow_root(void *arg UNUSED)
{
    volatile char top[2];
    eat_stack(top, 1000);
}

static void overflow(void)
{
    run(overflow_root, NULL);
}

static void wait_outside(void)
{
    struct co_wait w;
    co_wait_init(&w);
    IGNORE(co_wait(&w, CO_FOREVER, NULL));
}

static void wait_for(void *arg)
{
    IGNORE(co_wait(arg, CO_FOREVER, NULL));
}

static void double_root(void *arg UNUSED)
{
    struct co_wait w;
    struct co_group group;
    co_wait_init(&w);
    co_group_init(&group, co_loop_current());
    IGNORE(co_spawn(&group, "first", wait_for, &w, NULL));
    IGNORE(co_spawn(&group, "second", wait_for, &w, NULL));
    IGNORE(co_sleep(1, NULL));
    co_group_fini(&group);
}

static void wait_twice(void)
{
    run(double_root, NULL);
}

static void forgetful_root(void *arg)
{
    static struct co_wait w;
    co_group_init(arg, co_loop_current());
    co_wait_init(&w);
    IGNORE(co_spawn(arg, "left behind", wait_for, &w, NULL));
    IGNORE(co_sleep(1, NULL));
}

static void free_with_members(void)
{
    struct co_group group;
    run(forgetful_root, &group);
}

static void deadlock_root(void *arg UNUSED)
{
    struct co_wait w;
    co_wait_init(&w);
    IGNORE(co_wait(&w, CO_FOREVER, NULL));
}

static void deadlock(void)
{
    run(deadlock_root, NULL);
}

static uv_async_t forgotten;

static void handle_root(void *arg UNUSED)
{
    uv_async_init(co_loop_uv(co_loop_current()), &forgotten, NULL);
}

static void leave_handle(void)
{
    run(handle_root, NULL);
}

static void nothing(void *arg UNUSED)
{
}

static void nest_root(void *arg)
{
    co_loop_run(arg, "inner", nothing, NULL);
}

static void nest(void)
{
    struct co_loop *loop = co_loop_new(NULL);
    co_loop_run(loop, "outer", nest_root, loop);
}

/* Runs fn in a child; true if a signal ended it. text: what it must have said before; "" if the
 * kernel or the sanitizer speaks. */
static bool dies(void (*fn)(void), const char *text)
{
    char said[2048] = {0};
    size_t len = 0;
    int out[2];
    assert_int_equal(pipe(out), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], STDERR_FILENO);
        signal(SIGSEGV, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        fn();
        _exit(0);
    }
    close(out[1]);
    ssize_t got;
    while (len < sizeof said - 1 && (got = read(out[0], said + len, sizeof said - 1 - len)) > 0) {
        len += (size_t)got;
    }
    close(out[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return (WIFSIGNALED(status) || WEXITSTATUS(status) != 0) && strstr(said, text) != NULL;
}

static void test_overflow_hits_the_guard(void **state UNUSED)
{
    assert_true(dies(overflow, ""));
}

static void test_misuse_aborts_and_says_why(void **state UNUSED)
{
    assert_true(dies(wait_outside, "a wait outside of a coroutine"));
    assert_true(dies(wait_twice, "two coroutines wait for one co_wait"));
    assert_true(dies(free_with_members, "coroutines are alive"));
    assert_true(dies(deadlock, "a deadlock"));
    assert_true(dies(leave_handle, "an adapter left a handle open"));
    assert_true(dies(nest, "a loop runs inside of another one"));
    assert_false(dies(nest, "another text"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_wake_in_a_callback_runs_in_the_same_turn),
        cmocka_unit_test(test_a_coroutine_that_only_yields_does_not_starve_timers),
        cmocka_unit_test(test_a_long_slice_does_not_eat_the_time_of_the_next_one),
        cmocka_unit_test(test_a_stack_is_used_again_and_its_depth_given_back),
        cmocka_unit_test(test_addresses_are_resolved_off_the_loop),
        cmocka_unit_test(test_overflow_hits_the_guard),
        cmocka_unit_test(test_misuse_aborts_and_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Coroutines on the virtual clock: deadlines, cancellation at every kind of wait, order. */
#include "runtime/co.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the first two above first */
#include <cmocka.h>

#define SLEEPERS 10000

static void run(co_entry_fn entry, void *arg)
{
    struct co_loop *loop = co_loop_new(&(struct co_loop_opts){
        .virtual_clock = true, .virtual_start = 1000, .max_coroutines = SLEEPERS + 1});
    co_loop_run(loop, "root", entry, arg);
    co_loop_free(loop);
}

/* ---- time ------------------------------------------------------------------------------------ */

struct sleepers {
    struct co_group group;
    int64_t woken[SLEEPERS];
    size_t count;
};

static struct sleepers *sleepers;

static void sleeper(void *arg)
{
    int64_t ms = (int64_t)(intptr_t)arg;
    assert_int_equal(co_sleep(ms, NULL), ERR_OK);
    assert_true(co_now() >= ms);
    sleepers->woken[sleepers->count++] = ms;
}

static void sleep_root(void *arg UNUSED)
{
    co_group_init(&sleepers->group, co_loop_current());
    for (int i = 0; i < SLEEPERS; i++) {
        intptr_t ms = (i * INT64_C(7919)) % SLEEPERS * 1000;
        assert_int_equal(co_spawn(&sleepers->group, "sleeper", sleeper, (void *)ms, NULL), ERR_OK);
    }
    assert_int_equal(co_group_join(&sleepers->group, CO_FOREVER, NULL), ERR_OK);
    assert_int_equal(co_now(), (SLEEPERS - 1) * 1000);
    assert_int_equal(co_wall_now(), 1000 + (SLEEPERS - 1) * 1000);
}

static void test_thousands_sleep_in_order_and_take_no_real_time(void **state UNUSED)
{
    sleepers = calloc(1, sizeof *sleepers);
    int64_t began = co_clock_ns();
    run(sleep_root, NULL);
    assert_true(co_clock_ns() - began < INT64_C(20) * 1000000000); /* they slept for hours */
    assert_int_equal(sleepers->count, SLEEPERS);
    for (size_t i = 1; i < SLEEPERS; i++) {
        assert_true(sleepers->woken[i - 1] <= sleepers->woken[i]);
    }
    free(sleepers);
}

static void years_root(void *arg UNUSED)
{
    for (int day = 0; day < 3650; day++) {
        assert_int_equal(co_sleep(INT64_C(86400000), NULL), ERR_OK);
    }
    assert_true(co_now() == INT64_C(3650) * 86400000);
}

static void test_ten_years_pass_day_by_day(void **state UNUSED)
{
    run(years_root, NULL);
}

/* ---- wake, deadline, cancel ------------------------------------------------------------------ */

static void wait_root(void *arg UNUSED)
{
    struct co_wait w;
    struct err err;

    co_wait_init(&w);
    co_wake(&w);
    assert_int_equal(co_wait(&w, co_after(10), &err), ERR_OK); /* remembered */
    assert_int_equal(co_now(), 0);

    co_wait_init(&w);
    assert_int_equal(co_wait(&w, co_after(10), &err), ERR_TIMEOUT);
    assert_int_equal(err.act, ERR_ACT_RETRY);
    assert_int_equal(co_now(), 10);
    co_wait_init(&w);
    assert_int_equal(co_wait(&w, 5, &err), ERR_TIMEOUT); /* passed before */
    assert_int_equal(co_now(), 10);
}

static void test_wake_is_remembered_and_deadline_ends_a_wait(void **state UNUSED)
{
    run(wait_root, NULL);
}

enum kind { WAIT, SLEEP, SIGNAL, SEM, YIELD, JOIN, KINDS };

struct victim {
    enum kind kind;
    enum err_code first;
    enum err_code second;
    struct co_signal signal;
    struct co_sem sem;
    struct co_group idle;
};

static void forever(void *arg UNUSED)
{
    struct co_wait w;
    co_wait_init(&w);
    assert_int_equal(co_wait(&w, CO_FOREVER, NULL), ERR_CANCELED);
}

static enum err_code wait_once(struct victim *v)
{
    struct co_wait w;
    co_wait_init(&w);
    switch (v->kind) {
    case WAIT:
        return co_wait(&w, CO_FOREVER, NULL);
    case SLEEP:
        return co_sleep(INT64_C(1000000), NULL);
    case SIGNAL:
        return co_signal_wait(&v->signal, CO_FOREVER, NULL);
    case SEM:
        return co_sem_acquire(&v->sem, CO_FOREVER, NULL);
    case YIELD:
        while (true) {
            enum err_code rc = co_yield (NULL);
            if (rc != ERR_OK) {
                return rc;
            }
        }
    case JOIN:
        return co_group_join(&v->idle, CO_FOREVER, NULL);
    case KINDS:
        break;
    }
    return ERR_OK;
}

static void victim(void *arg)
{
    struct victim *v = arg;
    co_group_init(&v->idle, co_loop_current());
    assert_int_equal(co_spawn(&v->idle, "idle", forever, NULL, NULL), ERR_OK);
    v->first = wait_once(v);
    v->second = wait_once(v); /* each later wait says so again */
    co_group_fini(&v->idle);
}

static void cancel_root(void *arg UNUSED)
{
    for (enum kind kind = WAIT; kind < KINDS; kind++) {
        struct co_group group;
        struct victim v = {.kind = kind};
        co_signal_init(&v.signal);
        co_sem_init(&v.sem, 0);
        co_group_init(&group, co_loop_current());
        assert_int_equal(co_spawn(&group, "victim", victim, &v, NULL), ERR_OK);
        assert_int_equal(co_group_join(&group, kind == YIELD ? co_now() : co_after(5), NULL),
                         ERR_TIMEOUT);
        assert_int_equal(co_yield (NULL), ERR_OK);
        co_group_fini(&group);
        assert_int_equal(v.first, ERR_CANCELED);
        assert_int_equal(v.second, ERR_CANCELED);
        assert_true(list_empty(&v.signal.waiters) && list_empty(&v.sem.waiters));
        assert_int_equal(co_spawn(&group, "late", forever, NULL, NULL), ERR_CANCELED);
    }
}

static void test_cancel_ends_every_kind_of_wait(void **state UNUSED)
{
    run(cancel_root, NULL);
}

/* ---- semaphores and signals ------------------------------------------------------------------ */

struct queue {
    struct co_sem sem;
    struct co_signal signal;
    char order[16];
    int signaled;
};

static struct queue queue;

static void taker(void *arg)
{
    char name = (char)(intptr_t)arg;
    assert_int_equal(co_sem_acquire(&queue.sem, CO_FOREVER, NULL), ERR_OK);
    strncat(queue.order, &name, 1);
    assert_int_equal(co_sleep(10, NULL), ERR_OK);
    co_sem_release(&queue.sem);
}

static void impatient(void *arg UNUSED)
{
    assert_int_equal(co_sem_acquire(&queue.sem, co_after(5), NULL), ERR_TIMEOUT);
}

static void listener(void *arg UNUSED)
{
    assert_int_equal(co_signal_wait(&queue.signal, CO_FOREVER, NULL), ERR_OK);
    queue.signaled++;
}

static void sem_root(void *arg UNUSED)
{
    struct co_group group;
    queue = (struct queue){0};
    co_sem_init(&queue.sem, 1);
    co_signal_init(&queue.signal);
    co_group_init(&group, co_loop_current());
    assert_int_equal(co_spawn(&group, "a", taker, (void *)(intptr_t)'a', NULL), ERR_OK);
    assert_int_equal(co_spawn(&group, "x", impatient, NULL, NULL), ERR_OK);
    assert_int_equal(co_spawn(&group, "b", taker, (void *)(intptr_t)'b', NULL), ERR_OK);
    assert_int_equal(co_spawn(&group, "c", taker, (void *)(intptr_t)'c', NULL), ERR_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(co_spawn(&group, "l", listener, NULL, NULL), ERR_OK);
    }
    assert_int_equal(co_sleep(1, NULL), ERR_OK);
    assert_false(co_sem_try(&queue.sem));
    co_signal_raise(&queue.signal);
    assert_int_equal(co_group_join(&group, CO_FOREVER, NULL), ERR_OK);
    assert_string_equal(queue.order, "abc");
    assert_int_equal(queue.signaled, 3);
    assert_int_equal(co_now(), 30);
    assert_true(co_sem_try(&queue.sem));
}

static void test_semaphore_is_fair_and_a_signal_wakes_all(void **state UNUSED)
{
    run(sem_root, NULL);
}

/* ---- bounds, locals, the alarm --------------------------------------------------------------- */

static void note_local(void *arg)
{
    *(void **)arg = co_local();
}

static void local_root(void *arg UNUSED)
{
    struct co_group group;
    void *seen = NULL;
    int mine;
    co_group_init(&group, co_loop_current());
    co_set_local(&mine);
    assert_int_equal(co_spawn(&group, "child", note_local, &seen, NULL), ERR_OK);
    assert_int_equal(co_group_join(&group, CO_FOREVER, NULL), ERR_OK);
    assert_ptr_equal(seen, &mine);
}

static void test_local_is_inherited(void **state UNUSED)
{
    run(local_root, NULL);
}

static void full_root(void *arg UNUSED)
{
    struct co_group group;
    struct err err;
    co_group_init(&group, co_loop_current());
    assert_int_equal(co_spawn(&group, "a", forever, NULL, &err), ERR_OK);
    assert_int_equal(co_spawn(&group, "b", forever, NULL, &err), ERR_BUSY);
    co_group_fini(&group);
}

static void test_number_of_coroutines_is_bounded(void **state UNUSED)
{
    struct co_loop *loop =
        co_loop_new(&(struct co_loop_opts){.virtual_clock = true, .max_coroutines = 2});
    co_loop_run(loop, "root", full_root, NULL);
    co_loop_free(loop);
}

static int64_t slow_ms;

static void on_slow(const char *name, int64_t ms)
{
    assert_string_equal(name, "root");
    slow_ms = ms;
}

static void busy_root(void *arg UNUSED)
{
    int64_t began = co_clock_ns();
    while (co_clock_ns() - began < 30 * 1000000) {
    }
}

static void test_a_slice_that_is_too_long_is_reported(void **state UNUSED)
{
    struct co_loop *loop =
        co_loop_new(&(struct co_loop_opts){.slice_warn_ms = 20, .on_slow_slice = on_slow});
    co_loop_run(loop, "root", busy_root, NULL);
    co_loop_free(loop);
    assert_true(slow_ms >= 30);
}

static void real_root(void *arg UNUSED)
{
    int64_t began = co_clock_ns();
    assert_int_equal(co_sleep(20, NULL), ERR_OK);
    int64_t ms = (co_clock_ns() - began) / 1000000;
    assert_true(ms >= 19 && ms < 5000);
}

static void test_real_clock_sleeps(void **state UNUSED)
{
    struct co_loop *loop = co_loop_new(NULL);
    co_loop_run(loop, "root", real_root, NULL);
    co_loop_free(loop);
}

/* ---- order ----------------------------------------------------------------------------------- */

static char order[8];

static void append(void *arg)
{
    char name[2] = {(char)(intptr_t)arg, 0};
    assert_int_equal(co_sleep(name[0] == 'z' ? 1 : 100, NULL), ERR_OK);
    strcat(order, name);
}

static void order_root(void *arg UNUSED)
{
    struct co_group group;
    co_group_init(&group, co_loop_current());
    for (const char *name = "abczd"; *name != 0; name++) {
        assert_int_equal(co_spawn(&group, "append", append, (void *)(intptr_t)*name, NULL), ERR_OK);
    }
    assert_int_equal(co_group_join(&group, CO_FOREVER, NULL), ERR_OK);
}

static void test_equal_deadlines_end_in_the_order_of_the_waits(void **state UNUSED)
{
    order[0] = 0;
    run(order_root, NULL);
    assert_string_equal(order, "zabcd");
}

static void join_root(void *arg UNUSED)
{
    struct co_group group;
    struct err err;
    co_group_init(&group, co_loop_current());
    assert_int_equal(co_spawn(&group, "append", append, (void *)(intptr_t)'a', NULL), ERR_OK);
    assert_int_equal(co_group_join(&group, co_after(60), &err), ERR_TIMEOUT);
    assert_int_equal(co_now(), 60);
    assert_int_equal(co_group_join(&group, co_after(60), &err), ERR_OK);
    assert_int_equal(co_now(), 100);
}

static void test_a_join_that_timed_out_can_be_repeated(void **state UNUSED)
{
    run(join_root, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thousands_sleep_in_order_and_take_no_real_time),
        cmocka_unit_test(test_ten_years_pass_day_by_day),
        cmocka_unit_test(test_wake_is_remembered_and_deadline_ends_a_wait),
        cmocka_unit_test(test_cancel_ends_every_kind_of_wait),
        cmocka_unit_test(test_semaphore_is_fair_and_a_signal_wakes_all),
        cmocka_unit_test(test_local_is_inherited),
        cmocka_unit_test(test_number_of_coroutines_is_bounded),
        cmocka_unit_test(test_a_slice_that_is_too_long_is_reported),
        cmocka_unit_test(test_real_clock_sleeps),
        cmocka_unit_test(test_equal_deadlines_end_in_the_order_of_the_waits),
        cmocka_unit_test(test_a_join_that_timed_out_can_be_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

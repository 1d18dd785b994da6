/* What a coroutine costs, beside what it stands in for, in one run:
 *   switch   two coroutines that yield to each other     / swapcontext between two stacks
 *   wake     uv_async_send, callback, co_wake, co_wait   / uv_async_send and its callback alone
 *   spawn    co_spawn, run, end, join                    / pthread_create and pthread_join
 * Each is warmed up and measured in rounds, the two sides in turn; ns, median of the rounds. */
#include "runtime/co.h"

#include <pthread.h>
#include <stdio.h>
#include <ucontext.h>

#define ROUNDS 7
#define SWITCHES 500000
#define WAKES 50000
#define SPAWNS 5000

struct figures {
    double ours[ROUNDS];
    double base[ROUNDS];
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double values[ROUNDS])
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

static double each_ns(int64_t began, int count)
{
    return (double)(co_clock_ns() - began) / count;
}

static void must(enum err_code rc)
{
    BUG_ON(rc != ERR_OK);
}

/* ---- switch ---------------------------------------------------------------------------------- */

static void yield_often(void *arg UNUSED)
{
    for (int i = 0; i < SWITCHES / 2; i++) {
        must(co_yield (NULL));
    }
}

static double our_switch(void)
{
    struct co_group group;
    co_group_init(&group, co_loop_current());
    int64_t began = co_clock_ns();
    must(co_spawn(&group, "a", yield_often, NULL, NULL));
    must(co_spawn(&group, "b", yield_often, NULL, NULL));
    must(co_group_join(&group, CO_FOREVER, NULL));
    /* A yield is two switches: to the loop, and to the next one. */
    return each_ns(began, SWITCHES * 2);
}

static ucontext_t here;
static ucontext_t there;
static char there_stack[64 * 1024];

static void swap_back(void)
{
    while (true) {
        swapcontext(&there, &here);
    }
}

static double base_switch(void)
{
    getcontext(&there);
    there.uc_stack.ss_sp = there_stack;
    there.uc_stack.ss_size = sizeof there_stack;
    makecontext(&there, swap_back, 0);
    int64_t began = co_clock_ns();
    for (int i = 0; i < SWITCHES / 2; i++) {
        swapcontext(&here, &there);
    }
    return each_ns(began, SWITCHES);
}

/* ---- wake ------------------------------------------------------------------------------------ */

struct bell {
    uv_async_t async;
    struct co_wait wait;
    int left; /* of the bare side */
};

static void on_bell(uv_async_t *async)
{
    struct bell *bell = async->data;
    co_wake(&bell->wait);
}

static void on_bare_bell(uv_async_t *async)
{
    struct bell *bell = async->data;
    if (--bell->left > 0) {
        uv_async_send(async);
    } else {
        co_wake(&bell->wait);
    }
}

static double ring(struct bell *bell, uv_async_cb callback, int waits, int rings)
{
    uv_async_init(co_loop_uv(co_loop_current()), &bell->async, callback);
    bell->async.data = bell;
    bell->left = rings;
    int64_t began = co_clock_ns();
    for (int i = 0; i < waits; i++) {
        co_wait_init(&bell->wait);
        uv_async_send(&bell->async);
        must(co_wait(&bell->wait, co_after(10000), NULL));
    }
    double ns = each_ns(began, WAKES);
    uv_close((uv_handle_t *)&bell->async, NULL);
    must(co_sleep(1, NULL)); /* libuv is done with it */
    return ns;
}

static double our_wake(void)
{
    struct bell bell = {0};
    return ring(&bell, on_bell, WAKES, 0);
}

static double base_wake(void)
{
    struct bell bell = {0};
    return ring(&bell, on_bare_bell, 1, WAKES);
}

/* ---- spawn ----------------------------------------------------------------------------------- */

static void nothing(void *arg UNUSED)
{
}

static double our_spawn(void)
{
    struct co_group group;
    co_group_init(&group, co_loop_current());
    int64_t began = co_clock_ns();
    for (int i = 0; i < SPAWNS; i++) {
        must(co_spawn(&group, "nothing", nothing, NULL, NULL));
        must(co_group_join(&group, CO_FOREVER, NULL));
    }
    return each_ns(began, SPAWNS);
}

static void *thread_nothing(void *arg)
{
    return arg;
}

static double base_spawn(void)
{
    int64_t began = co_clock_ns();
    for (int i = 0; i < SPAWNS; i++) {
        pthread_t thread;
        BUG_ON(pthread_create(&thread, NULL, thread_nothing, NULL) != 0);
        BUG_ON(pthread_join(thread, NULL) != 0);
    }
    return each_ns(began, SPAWNS);
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static void compare(const char *name, double (*ours)(void), double (*base)(void), const char *end)
{
    struct figures f;
    ours();
    base();
    for (int i = 0; i < ROUNDS; i++) {
        f.ours[i] = ours();
        f.base[i] = base();
    }
    double a = median(f.ours);
    double b = median(f.base);
    printf("\"%s_ns\":%.1f,\"%s_base_ns\":%.1f,\"%s_ratio\":%.3f%s", name, a, name, b, name, a / b,
           end);
}

static void root(void *arg UNUSED)
{
    printf("{\"bench\":\"co\",");
    compare("switch", our_switch, base_switch, ",");
    compare("wake", our_wake, base_wake, ",");
    compare("spawn", our_spawn, base_spawn, "}\n");
}

int main(void)
{
    struct co_loop *loop = co_loop_new(NULL);
    co_loop_run(loop, "bench", root, NULL);
    co_loop_free(loop);
    return 0;
}

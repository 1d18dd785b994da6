/* The loop's life: libuv's turns, or a clock that jumps. */
#include "co_int.h"

#include <time.h>

#define MAX_COROUTINES 8192
#define SLICE_WARN_MS 50

static _Thread_local struct co_loop *current_loop;

struct co_loop *co_loop_current(void)
{
    return current_loop;
}

static void on_prepare(uv_prepare_t *handle)
{
    co_run_ready(handle->data);
}

static void on_check(uv_check_t *handle)
{
    co_run_ready(handle->data);
}

struct co_loop *co_loop_new(const struct co_loop_opts *opts)
{
    struct co_loop *loop = xcalloc(1, sizeof *loop);
    if (opts != NULL) {
        loop->opts = *opts;
    }
    loop->opts.max_coroutines =
        loop->opts.max_coroutines > 0 ? loop->opts.max_coroutines : MAX_COROUTINES;
    loop->opts.slice_warn_ms =
        loop->opts.slice_warn_ms != 0 ? loop->opts.slice_warn_ms : SLICE_WARN_MS;
    loop->timer_at = CO_FOREVER;
    list_init(&loop->ready);
    BUG_ON(uv_loop_init(&loop->uv) != 0);
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_check_init(&loop->uv, &loop->check);
    uv_idle_init(&loop->uv, &loop->idle);
    uv_timer_init(&loop->uv, &loop->timer);
    loop->uv.data = loop;
    loop->prepare.data = loop->check.data = loop->idle.data = loop->timer.data = loop;
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_check_start(&loop->check, on_check);
    return loop;
}

static bool is_own(const struct co_loop *loop, const uv_handle_t *handle)
{
    return handle->data == loop && (handle == (const uv_handle_t *)&loop->prepare ||
                                    handle == (const uv_handle_t *)&loop->check ||
                                    handle == (const uv_handle_t *)&loop->idle ||
                                    handle == (const uv_handle_t *)&loop->timer);
}

static void check_handle(uv_handle_t *handle, void *arg)
{
    if (!is_own(arg, handle) && !uv_is_closing(handle)) {
        bug_abort(__FILE__, __LINE__, "an adapter left a handle open in the loop",
                  uv_handle_type_name(handle->type));
    }
}

struct co_loop *co_loop_free(struct co_loop *loop)
{
    if (loop == NULL) {
        return NULL;
    }
    BUG_ON(loop->count > 0 && "coroutines are alive: join their groups first");
    uv_walk(&loop->uv, check_handle, loop);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->check, NULL);
    uv_close((uv_handle_t *)&loop->idle, NULL);
    uv_close((uv_handle_t *)&loop->timer, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    BUG_ON(uv_loop_close(&loop->uv) != 0);
    co_stack_free_all(loop);
    vec_fini(&loop->timers);
    free(loop);
    return NULL;
}

uv_loop_t *co_loop_uv(struct co_loop *loop)
{
    return &loop->uv;
}

static void note_foreign(uv_handle_t *handle, void *arg)
{
    struct co_loop *loop = handle->loop->data;
    if (!is_own(loop, handle)) {
        *(bool *)arg = true;
    }
}

/* Whether anything but a timer of ours could still make a coroutine ready. */
static bool can_wake(struct co_loop *loop)
{
    bool found = loop->uv.active_reqs.count > 0;
    uv_walk(&loop->uv, note_foreign, &found);
    return found;
}

/* One turn with the virtual clock: real handles are polled without waiting; when nothing is ready,
 * time jumps to the next deadline; where there is none either, only a real handle can go on. */
static void virtual_turn(struct co_loop *loop)
{
    co_run_ready(loop);
    if (!list_empty(&loop->ready) || loop->root_ended) {
        return;
    }
    if (co_timers_next(loop) == CO_FOREVER) {
        BUG_ON(!can_wake(loop) && "every coroutine waits for ever: a deadlock");
        uv_run(&loop->uv, UV_RUN_ONCE);
        return;
    }
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    int64_t next = co_timers_next(loop); /* the handles' callbacks may have set an earlier one */
    if (list_empty(&loop->ready) && next != CO_FOREVER) {
        loop->virtual_now = MAX(loop->virtual_now, next);
        co_timers_expire(loop, loop->virtual_now);
    }
}

void co_loop_run(struct co_loop *loop, const char *name, co_entry_fn entry, void *arg)
{
    BUG_ON(current_loop != NULL && "a loop runs inside of another one");
    current_loop = loop;
    loop->root_ended = false;
    (void)co_new(loop, NULL, name, entry, arg);
    while (!loop->root_ended) {
        if (loop->opts.virtual_clock) {
            virtual_turn(loop);
        } else {
            uv_run(&loop->uv, UV_RUN_ONCE);
        }
    }
    current_loop = NULL;
}

int64_t co_loop_now(const struct co_loop *loop)
{
    return loop->opts.virtual_clock ? loop->virtual_now : (int64_t)uv_now(&loop->uv);
}

int64_t co_now(void)
{
    BUG_ON(current_loop == NULL && "co_now() outside of a running loop");
    return co_loop_now(current_loop);
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t co_wall_now(void)
{
    if (current_loop != NULL && current_loop->opts.virtual_clock) {
        return current_loop->opts.virtual_start + current_loop->virtual_now;
    }
    return clock_ns(CLOCK_REALTIME) / 1000000;
}

int64_t co_clock_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

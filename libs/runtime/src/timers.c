/* Deadlines: a binary heap, and one timer of libuv for the earliest. */
#include "co_int.h"

/* Equal deadlines end in the order in which the waits began. */
static bool before(const struct co *a, const struct co *b)
{
    return a->deadline < b->deadline || (a->deadline == b->deadline && a->timer_seq < b->timer_seq);
}

static void put(struct co_loop *loop, size_t i, struct co *co)
{
    loop->timers.ptr[i] = co;
    co->timer = i;
}

static void sift_up(struct co_loop *loop, size_t i)
{
    struct co *co = loop->timers.ptr[i];
    while (i > 0) {
        struct co *parent = loop->timers.ptr[(i - 1) / 2];
        if (before(parent, co)) {
            break;
        }
        put(loop, i, parent);
        i = (i - 1) / 2;
    }
    put(loop, i, co);
}

static void sift_down(struct co_loop *loop, size_t i)
{
    struct co *co = loop->timers.ptr[i];
    while (2 * i + 1 < loop->timers.len) {
        size_t child = 2 * i + 1;
        if (child + 1 < loop->timers.len &&
            before(loop->timers.ptr[child + 1], loop->timers.ptr[child])) {
            child++;
        }
        if (before(co, loop->timers.ptr[child])) {
            break;
        }
        put(loop, i, loop->timers.ptr[child]);
        i = child;
    }
    put(loop, i, co);
}

int64_t co_timers_next(const struct co_loop *loop)
{
    return loop->timers.len > 0 ? loop->timers.ptr[0]->deadline : CO_FOREVER;
}

static void on_timer(uv_timer_t *timer)
{
    struct co_loop *loop = timer->data;
    loop->timer_at = CO_FOREVER;
    co_timers_expire(loop, co_loop_now(loop));
}

/* The timer may fire too early (for a deadline that was removed), never too late. */
static void arm(struct co_loop *loop)
{
    int64_t next = co_timers_next(loop);
    if (loop->opts.virtual_clock || next >= loop->timer_at) {
        return;
    }
    int64_t now = co_loop_now(loop);
    BUG_ON(uv_timer_start(&loop->timer, on_timer, (uint64_t)MAX(next - now, (int64_t)0), 0) != 0);
    loop->timer_at = next;
}

void co_timer_add(struct co *co, int64_t deadline)
{
    struct co_loop *loop = co->loop;
    co->deadline = deadline;
    co->timer_seq = loop->timer_seq++;
    vec_push(&loop->timers, co);
    sift_up(loop, loop->timers.len - 1);
    arm(loop);
}

void co_timer_remove(struct co *co)
{
    struct co_loop *loop = co->loop;
    size_t i = co->timer;
    if (i == CO_NO_TIMER) {
        return;
    }
    co->timer = CO_NO_TIMER;
    struct co *last = loop->timers.ptr[--loop->timers.len];
    if (last != co) {
        put(loop, i, last);
        sift_up(loop, i);
        sift_down(loop, last->timer);
    }
}

void co_timers_expire(struct co_loop *loop, int64_t now)
{
    while (loop->timers.len > 0 && loop->timers.ptr[0]->deadline <= now) {
        struct co *co = loop->timers.ptr[0];
        co_timer_remove(co);
        co_make_ready(co, ERR_TIMEOUT);
    }
    arm(loop);
}

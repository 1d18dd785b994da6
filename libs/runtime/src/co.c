/* Coroutines, groups and the one way to wait. */
#include "co_int.h"

/* A turn runs what is ready, and what that makes ready, so often; then the loop polls. */
#define PASSES_A_TURN 8

/* ---- ready list ------------------------------------------------------------------------------ */

static void on_idle(uv_idle_t *handle UNUSED)
{
}

void co_make_ready(struct co *co, enum err_code code)
{
    struct co_loop *loop = co->loop;
    if (list_empty(&co->ready)) {
        co->code = code;
        list_push(&loop->ready, &co->ready);
        uv_idle_start(&loop->idle, on_idle);
    }
}

static void end(struct co *co)
{
    struct co_loop *loop = co->loop;
    struct co_group *group = co->group;

    co_stack_give(loop, co->stack);
    loop->count--;
    list_remove(&co->member);
    free(co);
    if (group == NULL) {
        loop->root_ended = true;
        return;
    }
    if (--group->count == 0) {
        while (co_waiters_wake_first(&group->joiners)) {
        }
    }
}

static void run(struct co *co)
{
    struct co_loop *loop = co->loop;
    const char *name = co->name;
    int64_t warn_ms = loop->opts.on_slow_slice != NULL ? loop->opts.slice_warn_ms : -1;
    int64_t began = warn_ms >= 0 ? co_clock_ns() : 0;

    co_switch_to(co);
    if (warn_ms >= 0) {
        int64_t ms = (co_clock_ns() - began) / 1000000;
        if (ms > warn_ms) {
            loop->opts.on_slow_slice(name, ms);
        }
        if (ms > 0) {
            uv_update_time(&loop->uv); /* deadlines that start now must not be in the past */
        }
    }
    if (co->ended) {
        end(co);
    }
}

void co_run_ready(struct co_loop *loop)
{
    for (int pass = 0; pass < PASSES_A_TURN && !list_empty(&loop->ready); pass++) {
        struct list now;
        if (pass > 0) {
            uv_update_time(&loop->uv);
        }
        list_push(&loop->ready, &now);
        list_remove(&loop->ready); /* the ring now hangs at `now` */
        struct list *node;
        while ((node = list_pop(&now)) != NULL) {
            run(LIST_ENTRY(node, struct co, ready));
        }
    }
    if (list_empty(&loop->ready)) {
        uv_idle_stop(&loop->idle);
    }
}

struct co *co_new(struct co_loop *loop, struct co_group *group, const char *name, co_entry_fn entry,
                  void *arg)
{
    struct co *co = xcalloc(1, sizeof *co);
    *co = (struct co){.loop = loop,
                      .group = group,
                      .name = name,
                      .entry = entry,
                      .arg = arg,
                      .timer = CO_NO_TIMER,
                      .stack = co_stack_take(loop)};
    list_init(&co->member);
    list_init(&co->ready);
    co_switch_prepare(co);
    loop->count++;
    co_make_ready(co, ERR_OK);
    return co;
}

/* ---- groups ---------------------------------------------------------------------------------- */

void co_group_init(struct co_group *g, struct co_loop *loop)
{
    *g = (struct co_group){.loop = loop};
    list_init(&g->members);
    list_init(&g->joiners);
}

enum err_code co_spawn(struct co_group *g, const char *name, co_entry_fn entry, void *arg,
                       struct err *err)
{
    if (g->canceled) {
        return ERR_SET(err, ERR_CANCELED, "%s: its group is cancelled", name);
    }
    if (g->loop->count >= g->loop->opts.max_coroutines) {
        return ERR_SET_ACT(err, ERR_BUSY, ERR_ACT_RETRY, "%s: %zu coroutines run", name,
                           g->loop->count);
    }
    struct co *co = co_new(g->loop, g, name, entry, arg);
    struct co *self = co_self();
    co->local = self != NULL ? self->local : NULL;
    list_push(&g->members, &co->member);
    g->count++;
    return ERR_OK;
}

void co_group_cancel(struct co_group *g)
{
    g->canceled = true;
    list_foreach (node, &g->members) {
        struct co *co = LIST_ENTRY(node, struct co, member);
        co->canceled = true;
        if (co->wait != NULL && co->shielded == 0) {
            co_make_ready(co, ERR_CANCELED);
        }
    }
}

enum err_code co_group_join(struct co_group *g, int64_t deadline, struct err *err)
{
    while (g->count > 0) {
        enum err_code rc = co_waiters_wait(&g->joiners, deadline, err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    return ERR_OK;
}

void co_group_fini(struct co_group *g)
{
    struct co *self = co_self();
    co_group_cancel(g);
    if (g->count == 0) {
        return;
    }
    BUG_ON(self == NULL && "members are left, and only a coroutine can wait for them");
    self->shielded++;
    BUG_ON(co_group_join(g, CO_FOREVER, NULL) != ERR_OK);
    self->shielded--;
}

/* ---- the running one ------------------------------------------------------------------------- */

struct co *co_self(void)
{
    struct co_loop *loop = co_loop_current();
    return loop != NULL ? loop->running : NULL;
}

const char *co_name(void)
{
    struct co *self = co_self();
    return self != NULL ? self->name : NULL;
}

bool co_is_canceled(void)
{
    struct co *self = co_self();
    return self != NULL && self->canceled;
}

size_t co_count(const struct co_loop *loop)
{
    return loop->count;
}

void co_set_local(void *value)
{
    struct co *self = co_self();
    BUG_ON(self == NULL && "a local outside of a coroutine");
    self->local = value;
}

void *co_local(void)
{
    struct co *self = co_self();
    return self != NULL ? self->local : NULL;
}

/* ---- waiting --------------------------------------------------------------------------------- */

void co_wait_init(struct co_wait *w)
{
    *w = (struct co_wait){0};
}

static enum err_code wait_error(enum err_code code, struct err *err)
{
    if (code == ERR_TIMEOUT) {
        return ERR_SET_ACT(err, ERR_TIMEOUT, ERR_ACT_RETRY, "%s: deadline passed", co_name());
    }
    return ERR_SET(err, ERR_CANCELED, "%s: cancelled", co_name());
}

enum err_code co_wait(struct co_wait *w, int64_t deadline, struct err *err)
{
    struct co *self = co_self();
    BUG_ON(self == NULL && "a wait outside of a coroutine");
    BUG_ON(w->co != NULL && "two coroutines wait for one co_wait");
    if (w->woken) {
        return ERR_OK;
    }
    if (self->canceled && self->shielded == 0) {
        return wait_error(ERR_CANCELED, err);
    }
    if (deadline <= co_loop_now(self->loop)) {
        return wait_error(ERR_TIMEOUT, err);
    }
    w->co = self;
    self->wait = w;
    if (deadline != CO_FOREVER) {
        co_timer_add(self, deadline);
    }
    co_switch_back(self);
    co_timer_remove(self);
    self->wait = NULL;
    w->co = NULL;
    /* What has happened is not lost to a deadline of the same turn. */
    return w->woken ? ERR_OK : wait_error(self->code, err);
}

void co_wake(struct co_wait *w)
{
    w->woken = true;
    if (w->co != NULL) {
        co_make_ready(w->co, ERR_OK);
    }
}

enum err_code co_sleep(int64_t ms, struct err *err)
{
    struct co_wait w;
    struct err own; /* err stays untouched where the time has simply passed */
    if (ms <= 0) {
        return co_yield (err);
    }
    co_wait_init(&w);
    enum err_code rc = co_wait(&w, co_after(ms), &own);
    if (rc == ERR_TIMEOUT) {
        return ERR_OK;
    }
    if (err != NULL) {
        *err = own;
    }
    return rc;
}

/* clang-format off: to it co_yield is a keyword of another language */
enum err_code co_yield (struct err *err) {
    struct co *self = co_self(); BUG_ON(self == NULL && "a yield outside of a coroutine");
    if (self->canceled && self->shielded == 0){return wait_error(ERR_CANCELED, err);}
co_make_ready(self, ERR_OK);
co_switch_back(self);
return ERR_OK;
}
/* clang-format on */

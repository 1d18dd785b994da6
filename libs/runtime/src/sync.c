/* Conditions and semaphores, from co_wait. */
#include "co_int.h"

struct waiter {
    struct list node;
    struct co_wait wait;
};

enum err_code co_waiters_wait(struct list *waiters, int64_t deadline, struct err *err)
{
    struct waiter waiter;
    co_wait_init(&waiter.wait);
    list_push(waiters, &waiter.node);
    enum err_code rc = co_wait(&waiter.wait, deadline, err);
    list_remove(&waiter.node);
    return rc;
}

bool co_waiters_wake_first(struct list *waiters)
{
    struct list *node = list_pop(waiters);
    if (node == NULL) {
        return false;
    }
    co_wake(&LIST_ENTRY(node, struct waiter, node)->wait);
    return true;
}

void co_signal_init(struct co_signal *s)
{
    list_init(&s->waiters);
}

enum err_code co_signal_wait(struct co_signal *s, int64_t deadline, struct err *err)
{
    return co_waiters_wait(&s->waiters, deadline, err);
}

void co_signal_raise(struct co_signal *s)
{
    while (co_waiters_wake_first(&s->waiters)) {
    }
}

void co_sem_init(struct co_sem *s, size_t count)
{
    s->free = count;
    list_init(&s->waiters);
}

bool co_sem_try(struct co_sem *s)
{
    if (s->free == 0 || !list_empty(&s->waiters)) {
        return false;
    }
    s->free--;
    return true;
}

enum err_code co_sem_acquire(struct co_sem *s, int64_t deadline, struct err *err)
{
    /* A waiter that is woken has been given the place by the one who released it. */
    return co_sem_try(s) ? ERR_OK : co_waiters_wait(&s->waiters, deadline, err);
}

void co_sem_release(struct co_sem *s)
{
    if (!co_waiters_wake_first(&s->waiters)) {
        s->free++;
    }
}

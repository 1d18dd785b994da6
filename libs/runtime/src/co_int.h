/* The runtime's own view of a coroutine and its loop. */
#ifndef RUNTIME_CO_INT_H
#define RUNTIME_CO_INT_H

#include "runtime/co.h"

#include "base/vec.h"

#define CO_STACK_BYTES (256 * 1024)
#define CO_NO_TIMER SIZE_MAX

typedef void *fcontext_t;

struct co {
    struct co_loop *loop;
    struct co_group *group; /* NULL: the root */
    struct list member;     /* of the group */
    struct list ready;      /* of the loop's ready list */
    const char *name;
    co_entry_fn entry;
    void *arg;
    void *local;
    fcontext_t context;
    void *stack;          /* lowest address that may be used */
    struct co_wait *wait; /* suspended in; NULL: running, ready to start, or ended */
    enum err_code code;   /* why it was made ready: ERR_OK, ERR_TIMEOUT, ERR_CANCELED */
    int64_t deadline;
    uint64_t timer_seq;
    size_t timer; /* index in the loop's heap, or CO_NO_TIMER */
    int shielded; /* > 0: a cancel is not seen */
    bool canceled;
    bool ended;
    void *fake_stack; /* AddressSanitizer's */
};

struct co_loop {
    uv_loop_t uv;
    uv_prepare_t prepare; /* runs the ready list after timers ... */
    uv_check_t check;     /* ... and after polling */
    uv_idle_t idle;       /* active while the list is not empty: polling then does not block */
    uv_timer_t timer;     /* fires at the earliest deadline */
    int64_t timer_at;     /* CO_FOREVER: not armed */
    struct list ready;
    VEC(struct co *) timers; /* a binary heap by deadline */
    uint64_t timer_seq;
    VEC(void *) free_stacks;
    struct co *running;
    fcontext_t context; /* of the loop, while a coroutine runs */
    size_t count;
    bool root_ended;
    struct co_loop_opts opts;
    int64_t virtual_now;
    /* AddressSanitizer's view of the loop's own stack. */
    void *fake_stack;
    const void *stack_bottom;
    size_t stack_size;
};

/* switch.c: the only place where stacks are switched. */
void co_switch_prepare(struct co *co);
void co_switch_to(struct co *co);
void co_switch_back(struct co *co);

/* stack.c */
void *co_stack_take(struct co_loop *loop);
void co_stack_give(struct co_loop *loop, void *stack);
void co_stack_free_all(struct co_loop *loop);

/* timers.c */
void co_timer_add(struct co *co, int64_t deadline);
void co_timer_remove(struct co *co);
/* Makes ready what is due at now; re-arms the loop's timer. */
void co_timers_expire(struct co_loop *loop, int64_t now);
int64_t co_timers_next(const struct co_loop *loop); /* CO_FOREVER: none */

/* sync.c: a list of suspended coroutines, first come first served. */
CO_FN enum err_code co_waiters_wait(struct list *waiters, int64_t deadline, struct err *err);
bool co_waiters_wake_first(struct list *waiters); /* false: there was none */

/* co.c */
void co_make_ready(struct co *co, enum err_code code);
void co_run_ready(struct co_loop *loop);
struct co *co_new(struct co_loop *loop, struct co_group *group, const char *name, co_entry_fn entry,
                  void *arg);

#endif

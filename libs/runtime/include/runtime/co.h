/* Stackful coroutines over libuv: a flow reads top to bottom, and every wait has a deadline.
 *
 * One co_loop a thread. A coroutine runs until it waits; callbacks of libuv, curl, libpq, hiredis
 * and librdkafka store a result and call co_wake(), they never switch stacks. The ready list runs
 * from one hook of the loop. Every coroutine belongs to a group, and a group is joined before its
 * memory goes.
 *
 * Times: `deadline` is absolute, in ms of co_now() (monotonic; virtual in tests). CO_FOREVER is
 * for waits that only a cancel or an event ends (accept loops); nothing that talks to a peer may
 * use it.
 *
 * Frames stay under 4 KiB (the build warns), stacks are 256 KiB with a guard page, recycled. */
#ifndef RUNTIME_CO_H
#define RUNTIME_CO_H

#include "base/err.h"
#include "base/list.h"

#include <uv.h>

struct co;
struct co_loop;

#define CO_FOREVER INT64_MAX

typedef void (*co_entry_fn)(void *arg);

/* ---- loop ---------------------------------------------------------------------------------- */

struct co_loop_opts {
    /* For tests: time stands still while a coroutine is ready or a handle of libuv has an event,
     * then jumps to the next deadline. Real I/O takes no virtual time, so a deadline may pass
     * before an answer that is under way: tests with real peers use the real clock. Where every
     * coroutine waits for ever and the loop has nothing else, it aborts. */
    bool virtual_clock;
    int64_t virtual_start; /* wall clock at start, UTC ms */
    int64_t slice_warn_ms; /* a run without a wait longer than this is reported; 0: 50, <0: off */
    size_t max_coroutines; /* 0: 8192 (each stack takes two mappings of the kernel's 65,530) */
    /* Called for a slice that was too long; NULL: not reported. Must not wait. */
    void (*on_slow_slice)(const char *co_name, int64_t ms);
};

struct co_loop *co_loop_new(const struct co_loop_opts *opts);
/* All groups must be joined and the adapters' handles closed (else it aborts). Takes NULL. */
struct co_loop *co_loop_free(struct co_loop *loop);

/* Runs entry(arg) as the root coroutine and the loop until the root returns. Handles that adapters
 * leave open in the uv loop are the adapters' to close first. */
void co_loop_run(struct co_loop *loop, const char *name, co_entry_fn entry, void *arg);

uv_loop_t *co_loop_uv(struct co_loop *loop);
/* The loop of the running coroutine. */
struct co_loop *co_loop_current(void);

/* Monotonic ms, read before each pass over what is ready and after each slice that took a
 * millisecond; it stands still while a coroutine runs. co_now() is that of the current loop
 * and may be called from its callbacks as well. */
int64_t co_now(void);
int64_t co_loop_now(const struct co_loop *loop);
/* UTC ms since 1970; follows the system's clock (virtual in tests). For data, never for waits. */
int64_t co_wall_now(void);
/* Monotonic nanoseconds, read afresh: for measuring. Real also under the virtual clock. */
int64_t co_clock_ns(void);

static inline int64_t co_after(int64_t ms)
{
    return ms == CO_FOREVER ? CO_FOREVER : co_now() + ms;
}

/* ---- groups and coroutines ----------------------------------------------------------------- */

/* Owned by its creator; the memory must live until co_group_join returned. */
struct co_group {
    struct co_loop *loop;
    struct list members;
    struct list joiners;
    size_t count;
    bool canceled;
};

void co_group_init(struct co_group *g, struct co_loop *loop);

/* Starts entry(arg) in the group; it first runs in a later turn. name: static, for logs.
 * errs: ERR_BUSY at max_coroutines, ERR_CANCELED if the group was cancelled. */
MUST_CHECK enum err_code co_spawn(struct co_group *g, const char *name, co_entry_fn entry,
                                  void *arg, struct err *err);

/* Wakes every member with ERR_CANCELED, now and at each later wait; refuses new members. */
void co_group_cancel(struct co_group *g);
/* Waits until no member is left. errs: ERR_TIMEOUT (members still run; join again),
 * ERR_CANCELED. */
CO_FN enum err_code co_group_join(struct co_group *g, int64_t deadline, struct err *err);
/* Cancel and join without a bound: for the end of a scope. Not itself cancellable. */
CO_FN void co_group_fini(struct co_group *g);

/* The running coroutine; NULL outside of one. */
struct co *co_self(void);
const char *co_name(void);
bool co_is_canceled(void);
size_t co_count(const struct co_loop *loop);

/* One pointer that a coroutine carries (its trace, its request); inherited by co_spawn. */
void co_set_local(void *value);
void *co_local(void);

/* ---- waiting ------------------------------------------------------------------------------- */

/* One suspension: the "call record" that every adapter uses.
 *
 *   struct co_wait w;
 *   co_wait_init(&w);
 *   start(..., callback with &w);
 *   rc = co_wait(&w, deadline, err);      // co_wake(&w) was called: ERR_OK
 *   if (rc != ERR_OK) stop(...);          // nobody may touch w after this
 *
 * co_wake() before co_wait() is remembered: co_wait() then returns at once. */
struct co_wait {
    struct co *co;
    bool woken;
};

void co_wait_init(struct co_wait *w);
/* A wake that came before the coroutine runs again counts, even past a deadline or a cancel: what
 * was handed over (a place of a semaphore, an answer) is never lost; the cancel is seen at the next
 * wait. A deadline that has passed is ERR_TIMEOUT at once. errs: ERR_TIMEOUT (act RETRY),
 * ERR_CANCELED. */
CO_FN MUST_CHECK enum err_code co_wait(struct co_wait *w, int64_t deadline, struct err *err);
/* From any callback or coroutine of the loop's thread. Waking twice is harmless. */
void co_wake(struct co_wait *w);

/* 0 or less is a yield. errs: ERR_CANCELED. */
CO_FN MUST_CHECK enum err_code co_sleep(int64_t ms, struct err *err);
/* Lets the others run; a cancellation point. */
CO_FN MUST_CHECK enum err_code co_yield (struct err *err);

/* A condition: waiters are woken by raise, all of them; what it means is in the state that the
 * waiter reads again. No memory: a raise without waiters is lost. */
struct co_signal {
    struct list waiters;
};

void co_signal_init(struct co_signal *s);
CO_FN MUST_CHECK enum err_code co_signal_wait(struct co_signal *s, int64_t deadline,
                                              struct err *err);
void co_signal_raise(struct co_signal *s);

/* A counting semaphore, first come first served. */
struct co_sem {
    size_t free;
    struct list waiters;
};

void co_sem_init(struct co_sem *s, size_t count);
CO_FN MUST_CHECK enum err_code co_sem_acquire(struct co_sem *s, int64_t deadline, struct err *err);
bool co_sem_try(struct co_sem *s);
void co_sem_release(struct co_sem *s);

#endif

/* Boost.Context's two C symbols, and the sanitizer's annotations around every switch.
 * src: boost.org/doc/libs/1_74_0/libs/context, "fcontext_t";
 *      llvm.org compiler-rt, sanitizer/common_interface_defs.h, "fiber annotations" */
#include "co_int.h"

#if defined(__SANITIZE_ADDRESS__)
#define CO_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CO_ASAN 1
#endif
#endif
#ifndef CO_ASAN
#define CO_ASAN 0
#endif

#if CO_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

struct transfer {
    fcontext_t from;
    void *data;
};

struct transfer jump_fcontext(fcontext_t const to, void *data);
fcontext_t make_fcontext(void *stack_top, size_t size, void (*fn)(struct transfer));

static void entered(struct co *co, fcontext_t from)
{
    co->loop->context = from;
#if CO_ASAN
    __sanitizer_finish_switch_fiber(co->fake_stack, &co->loop->stack_bottom, &co->loop->stack_size);
#endif
}

static void trampoline(struct transfer t)
{
    struct co *co = t.data;
    entered(co, t.from);
    co->entry(co->arg);
    co->ended = true;
    co_switch_back(co);
    BUG_ON(co->ended && "an ended coroutine was resumed");
}

void co_switch_prepare(struct co *co)
{
    co->context = make_fcontext((char *)co->stack + CO_STACK_BYTES, CO_STACK_BYTES, trampoline);
}

void co_switch_to(struct co *co)
{
    struct co_loop *loop = co->loop;
    loop->running = co;
#if CO_ASAN
    __sanitizer_start_switch_fiber(&loop->fake_stack, co->stack, CO_STACK_BYTES);
#endif
    struct transfer t = jump_fcontext(co->context, co);
#if CO_ASAN
    __sanitizer_finish_switch_fiber(loop->fake_stack, NULL, NULL);
    if (co->ended) {
        __asan_unpoison_memory_region(co->stack, CO_STACK_BYTES); /* its frames are gone */
    }
#endif
    co->context = t.from;
    loop->running = NULL;
}

void co_switch_back(struct co *co)
{
#if CO_ASAN
    __sanitizer_start_switch_fiber(co->ended ? NULL : &co->fake_stack, co->loop->stack_bottom,
                                   co->loop->stack_size);
#endif
    struct transfer t = jump_fcontext(co->loop->context, NULL);
    entered(co, t.from);
}

/* Stacks: mapped once, used again and again, a guard page below each. */
#include "co_int.h"

#include <sys/mman.h>
#include <unistd.h>

#define STACKS_KEPT 512
/* What most runs use, and stays resident in a stack that is kept. */
#define SHALLOW_BYTES (16 * 1024)

static size_t guard_bytes(void)
{
    static size_t page;
    if (page == 0) {
        page = (size_t)sysconf(_SC_PAGESIZE);
    }
    return page;
}

void *co_stack_take(struct co_loop *loop)
{
    if (loop->free_stacks.len > 0) {
        return loop->free_stacks.ptr[--loop->free_stacks.len];
    }
    size_t guard = guard_bytes();
    char *map = mmap(NULL, guard + CO_STACK_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    /* max_coroutines keeps below the kernel's number of mappings (two a stack). */
    BUG_ON(map == MAP_FAILED && "no memory for a stack");
    BUG_ON(mprotect(map, guard, PROT_NONE) != 0 && "no guard page for a stack");
    return map + guard;
}

static void unmap(void *stack)
{
    size_t guard = guard_bytes();
    BUG_ON(munmap((char *)stack - guard, guard + CO_STACK_BYTES) != 0);
}

void co_stack_give(struct co_loop *loop, void *stack)
{
    if (loop->free_stacks.len >= STACKS_KEPT) {
        unmap(stack);
        return;
    }
    /* One deep run must not keep a quarter of a megabyte for ever. Asking first whether there is
     * anything to drop (mincore) takes longer than dropping nothing; a failure costs memory only.
     */
    (void)madvise(stack, CO_STACK_BYTES - SHALLOW_BYTES, MADV_DONTNEED);
    vec_push(&loop->free_stacks, stack);
}

void co_stack_free_all(struct co_loop *loop)
{
    vec_foreach (stack, &loop->free_stacks) {
        unmap(*stack);
    }
    vec_fini(&loop->free_stacks);
}

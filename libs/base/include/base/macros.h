/* The few macros that all code uses, and allocation that cannot fail.
 *
 * Small allocations abort when memory is exhausted: work is at-least-once and idempotent, so a
 * restart is the safe path and unwinding code would be untested code. Whatever a peer can size
 * has a maximum at creation instead (buf_init, arena_init) and fails with ERR_TOO_BIG. */
#ifndef BASE_MACROS_H
#define BASE_MACROS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))

/* Marks a function that may suspend its coroutine: the caller must run in one, and must not hold
 * borrowed pointers into shared state, errno or an iterator across the call. */
#define CO_FN

/* CLEANUP(fn): calls fn(&variable) when the variable leaves its scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Where a failure truly needs no answer: IGNORE(call), with the reason in a comment. */
#define IGNORE(call)                                                                               \
    do {                                                                                           \
        if ((call) != 0) {                                                                         \
        }                                                                                          \
    } while (0)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
/* Also takes the const away: the container is the caller's to know. */
#define CONTAINER_OF(ptr, type, member) ((type *)((uintptr_t)(ptr)-offsetof(type, member)))

/* A bug, not a condition: prints the place and aborts, in every build. */
#define BUG_ON(cond)                                                                               \
    do {                                                                                           \
        if (__builtin_expect(!!(cond), 0)) {                                                       \
            bug_abort(__FILE__, __LINE__, __func__, #cond);                                        \
        }                                                                                          \
    } while (0)

__attribute__((noreturn)) void bug_abort(const char *file, int line, const char *func,
                                         const char *what);

/* As malloc, calloc, realloc, strdup; abort when out of memory. A size of 0 gives a block. */
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *ptr, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));

/* For CLEANUP on a pointer that xmalloc gave. */
void xfree_ptr(void *pptr);

#endif

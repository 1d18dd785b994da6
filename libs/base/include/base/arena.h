/* An arena: memory with one end of life, that of the request, message or job which owns it.
 *
 * Under AddressSanitizer each allocation is a block of its own, so that overruns are found. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

#include <stdarg.h>

struct arena_block;
struct arena_defer;

struct arena {
    struct arena_block *blocks;
    struct arena_defer *defers;
    char *at;
    size_t left;
    size_t total_bytes; /* asked for since init or reset */
};

void arena_init(struct arena *a);
/* Runs what was deferred, newest first, and frees. For CLEANUP(arena_fini). */
void arena_fini(struct arena *a);
/* As fini, then usable again. */
void arena_reset(struct arena *a);

/* Aligned for any type; arena_zalloc zeroes. Never NULL. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, returns_nonnull));
void *arena_zalloc(struct arena *a, size_t size) __attribute__((malloc, returns_nonnull));
#define ARENA_NEW(a, type) ((type *)arena_zalloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_zalloc((a), sizeof(type) * (n)))

/* Copies into the arena; the copy is NUL-terminated as well. */
struct str arena_str(struct arena *a, struct str s);
char *arena_cstr(struct arena *a, struct str s) __attribute__((returns_nonnull));
struct str arena_strf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Calls fn(arg) when the arena ends: for foreign handles (PGresult, json_t). */
void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg);

#endif

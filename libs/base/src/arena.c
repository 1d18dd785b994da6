#include "base/arena.h"

#include <stdalign.h>
#include <stdio.h>

#define ARENA_BLOCK_BYTES 4000 /* one malloc bin below a page, header included */

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_EACH_ITS_OWN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_EACH_ITS_OWN 1
#endif
#endif
#ifndef ARENA_EACH_ITS_OWN
#define ARENA_EACH_ITS_OWN 0
#endif

struct arena_block {
    struct arena_block *next;
    alignas(max_align_t) char data[];
};

struct arena_defer {
    struct arena_defer *next;
    void (*fn)(void *arg);
    void *arg;
};

void arena_init(struct arena *a)
{
    *a = (struct arena){0};
}

static void run_defers(struct arena *a)
{
    while (a->defers != NULL) {
        struct arena_defer *d = a->defers;
        a->defers = d->next;
        d->fn(d->arg);
    }
}

void arena_fini(struct arena *a)
{
    run_defers(a);
    struct arena_block *block = a->blocks;
    while (block != NULL) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    *a = (struct arena){0};
}

void arena_reset(struct arena *a)
{
    arena_fini(a);
}

static void *new_block(struct arena *a, size_t size)
{
    struct arena_block *block = xmalloc(sizeof *block + size);
    block->next = a->blocks;
    a->blocks = block;
    return block->data;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t align = alignof(max_align_t);
    BUG_ON(size > SIZE_MAX / 2);
    size = (MAX(size, (size_t)1) + align - 1) / align * align;
    a->total_bytes += size;
    if (ARENA_EACH_ITS_OWN || size > ARENA_BLOCK_BYTES / 4) {
        return new_block(a, size);
    }
    if (size > a->left) {
        a->at = new_block(a, ARENA_BLOCK_BYTES);
        a->left = ARENA_BLOCK_BYTES;
    }
    void *ptr = a->at;
    a->at += size;
    a->left -= size;
    return ptr;
}

void *arena_zalloc(struct arena *a, size_t size)
{
    void *ptr = arena_alloc(a, size);
    memset(ptr, 0, size);
    return ptr;
}

struct str arena_str(struct arena *a, struct str s)
{
    return (struct str){arena_cstr(a, s), s.len};
}

char *arena_cstr(struct arena *a, struct str s)
{
    char *copy = arena_alloc(a, s.len + 1);
    if (s.len > 0) {
        memcpy(copy, s.ptr, s.len);
    }
    copy[s.len] = '\0';
    return copy;
}

struct str arena_strf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    BUG_ON(n < 0);
    char *text = arena_alloc(a, (size_t)n + 1);
    va_start(ap, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (struct str){text, (size_t)n};
}

void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg)
{
    struct arena_defer *d = ARENA_NEW(a, struct arena_defer);
    *d = (struct arena_defer){.next = a->defers, .fn = fn, .arg = arg};
    a->defers = d;
}

#include "base/macros.h"

#include <stdio.h>
#include <string.h>

void bug_abort(const char *file, int line, const char *func, const char *what)
{
    fprintf(stderr, "BUG at %s:%d in %s: %s\n", file, line, func, what);
    abort();
}

static void *checked(void *ptr)
{
    BUG_ON(ptr == NULL); /* out of memory: see macros.h */
    return ptr;
}

void *xmalloc(size_t size)
{
    return checked(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *ptr, size_t size)
{
    return checked(realloc(ptr, size ? size : 1));
}

char *xstrdup(const char *s)
{
    return checked(strdup(s));
}

void xfree_ptr(void *pptr)
{
    void **p = pptr;
    free(*p);
    *p = NULL;
}

#include "base/buf.h"

#include <stdio.h>

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){.max = max_bytes};
}

void buf_fini(struct buf *b)
{
    free(b->ptr);
    *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->ptr != NULL) {
        b->ptr[0] = '\0';
    }
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->failed || n > b->max - b->len) {
        b->failed = true;
        return NULL;
    }
    size_t need = b->len + n + 1; /* the NUL */
    if (need > b->cap) {
        size_t cap = MAX(need, MIN(b->cap * 2, b->max + 1));
        b->cap = MAX(cap, (size_t)64);
        b->ptr = xrealloc(b->ptr, b->cap);
        b->ptr[b->len] = '\0';
    }
    return b->ptr + b->len;
}

void buf_used(struct buf *b, size_t n)
{
    BUG_ON(b->len + n + 1 > b->cap);
    b->len += n;
    b->ptr[b->len] = '\0';
}

void buf_add(struct buf *b, struct str s)
{
    if (s.len == 0) {
        return;
    }
    char *to = buf_reserve(b, s.len);
    if (to != NULL) {
        memcpy(to, s.ptr, s.len);
        buf_used(b, s.len);
    }
}

void buf_add_c(struct buf *b, const char *cstring)
{
    buf_add(b, str_c(cstring));
}

void buf_add_char(struct buf *b, char c)
{
    buf_add(b, (struct str){&c, 1});
}

void buf_add_v(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    BUG_ON(n < 0);
    char *to = buf_reserve(b, (size_t)n);
    if (to != NULL) {
        vsnprintf(to, (size_t)n + 1, fmt, ap);
        buf_used(b, (size_t)n);
    }
}

void buf_add_f(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_add_v(b, fmt, ap);
    va_end(ap);
}

void buf_drop_front(struct buf *b, size_t n)
{
    BUG_ON(n > b->len);
    if (n > 0) {
        memmove(b->ptr, b->ptr + n, b->len - n + 1);
        b->len -= n;
    }
}

enum err_code buf_ok(const struct buf *b, struct err *err)
{
    if (b->failed) {
        return ERR_SET(err, ERR_TOO_BIG, "more than %zu bytes", b->max);
    }
    return ERR_OK;
}

char *buf_take(struct buf *b, size_t *ret_len)
{
    char *ptr = b->ptr ? b->ptr : xstrdup("");
    if (ret_len != NULL) {
        *ret_len = b->len;
    }
    *b = (struct buf){.max = b->max};
    return ptr;
}

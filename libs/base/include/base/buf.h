/* A growing byte buffer with a maximum that is set at init.
 *
 * Invariants: ptr[len] is NUL whenever ptr is not NULL; len <= max. An append that would pass max
 * appends nothing and marks the buffer failed; so does every later append. Code that builds a text
 * in many steps checks once, at the end, with buf_ok(). */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

#include <stdarg.h>

struct buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t max;
    bool failed;
};

/* No allocation yet. max_bytes: what the largest honest content needs, not "enough". */
void buf_init(struct buf *b, size_t max_bytes);
/* Frees; may be called twice. For CLEANUP(buf_fini). */
void buf_fini(struct buf *b);
/* Empty and not failed again; keeps the memory. */
void buf_reset(struct buf *b);

void buf_add(struct buf *b, struct str s);
void buf_add_c(struct buf *b, const char *cstring);
void buf_add_char(struct buf *b, char c);
void buf_add_f(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_add_v(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
/* Room for n more bytes to write directly (then add n to len with buf_used); NULL if over max. */
char *buf_reserve(struct buf *b, size_t n);
void buf_used(struct buf *b, size_t n);
/* Removes n bytes from the front. */
void buf_drop_front(struct buf *b, size_t n);

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->ptr ? b->ptr : "", b->len};
}

/* NUL-terminated; "" when empty. Borrowed until the next change. */
static inline const char *buf_c(const struct buf *b)
{
    return b->ptr ? b->ptr : "";
}

/* errs: ERR_TOO_BIG if an append was refused. */
MUST_CHECK enum err_code buf_ok(const struct buf *b, struct err *err);

/* Moves the bytes out (NUL-terminated, free()); the buffer is empty afterwards. */
char *buf_take(struct buf *b, size_t *ret_len);

#endif

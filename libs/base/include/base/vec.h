/* A growing array of any element type.
 *
 *   VEC(struct span) spans = {0};
 *   vec_push(&spans, (struct span){...});   spans.ptr[i], spans.len
 *   vec_fini(&spans); */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/macros.h"

#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *ptr;                                                                                 \
        size_t len;                                                                                \
        size_t cap;                                                                                \
    }

#define vec_reserve(v, n)                                                                          \
    do {                                                                                           \
        if ((n) > (v)->cap) {                                                                      \
            (v)->cap = MAX((size_t)(n), MAX((v)->cap * 2, (size_t)8));                             \
            (v)->ptr = xrealloc((v)->ptr, (v)->cap * sizeof *(v)->ptr);                            \
        }                                                                                          \
    } while (0)

#define vec_push(v, ...)                                                                           \
    do {                                                                                           \
        vec_reserve((v), (v)->len + 1);                                                            \
        (v)->ptr[(v)->len++] = (__VA_ARGS__);                                                      \
    } while (0)

#define vec_reset(v) ((void)((v)->len = 0))

#define vec_fini(v)                                                                                \
    do {                                                                                           \
        free((v)->ptr);                                                                            \
        (v)->ptr = NULL;                                                                           \
        (v)->len = (v)->cap = 0;                                                                   \
    } while (0)

/* item: a pointer to each element in turn. */
#define vec_foreach(item, v)                                                                       \
    for (__typeof__(*(v)->ptr) *item = (v)->ptr; item != NULL && item < (v)->ptr + (v)->len; item++)

#endif

/* Text as pointer and length, passed by value, borrowed: not NUL-terminated, may hold NULs. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/macros.h"

#include <stdbool.h>
#include <string.h>

struct str {
    const char *ptr;
    size_t len;
};

/* A literal as a str. */
#define STR(literal)                                                                               \
    (struct str)                                                                                   \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
/* For printf: "%.*s", STR_ARG(s). */
#define STR_ARG(s) (int)MIN((s).len, (size_t)INT32_MAX), ((s).len > 0 ? (s).ptr : "")

/* NULL gives the empty str. */
static inline struct str str_c(const char *cstring)
{
    return (struct str){cstring, cstring ? strlen(cstring) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_eq_c(struct str a, const char *b)
{
    return str_eq(a, str_c(b));
}

static inline bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

/* From start, at most len bytes; both are cut to what is there. */
struct str str_sub(struct str s, size_t start, size_t len);

/* ASCII case only. */
bool str_eq_nocase(struct str a, struct str b);

/* As memcmp, the shorter one first where one is a prefix of the other. */
int str_cmp(struct str a, struct str b);

/* Index of the first byte, or of the first occurrence of needle; SIZE_MAX if absent. */
size_t str_find_char(struct str s, char c);
size_t str_find(struct str s, struct str needle);

/* Takes what stands before sep off *rest and returns it; at the end all of it. False when *rest
 * was used up before. "a,,b" gives "a", "", "b"; the empty str gives one empty part. Start with
 * rest->ptr not NULL. */
bool str_split(struct str *rest, char sep, struct str *ret_part);

/* Without leading and trailing blanks, tabs, CRs and LFs. */
struct str str_trim(struct str s);

/* Whole text as a decimal number; false on anything else, overflow included. */
bool str_to_i64(struct str s, int64_t *ret_value);

/* Equal in a time that depends on the lengths alone: for secrets. */
bool str_eq_secret(struct str a, struct str b);

/* Well-formed UTF-8 without NUL.  src: RFC 3629 */
bool str_is_utf8(struct str s);

#endif

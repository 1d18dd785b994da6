/* JSON as a small tree in an arena, read by yajl: strict, bounded, numbers exact.
 *
 * One parser serves both small documents (json_parse) and provider pages of any size
 * (json/stream.h), so that a body is judged the same way wherever it comes from. Refused: depth
 * over 64, objects of more than 1,024 members, duplicate keys, text after the end, invalid UTF-8,
 * a NUL character in a string.  src: RFC 8259 */
#ifndef JSON_JSON_H
#define JSON_JSON_H

#include "base/arena.h"
#include "base/err.h"

#define JSON_MAX_DEPTH 64
#define JSON_MAX_MEMBERS 1024

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_kind kind;
    bool boolean;
    uint32_t count;     /* of an array or object */
    struct str key;     /* where the parent is an object */
    struct str text;    /* a string's characters; a number as it was written */
    struct json *first; /* of an array or object, in order */
    struct json *last;
    struct json *next;
};

/* owns: the tree and its strings live in the arena.
 * errs: ERR_PROTO with the place in bytes; never with the text itself. */
MUST_CHECK enum err_code json_parse(struct arena *arena, struct str text,
                                    const struct json **ret_value, struct err *err);

/* A member; NULL if absent or if object is NULL or no object. */
const struct json *json_get(const struct json *object, const char *key);

/* True, and the value, if the member is there and of that kind. */
bool json_get_str(const struct json *object, const char *key, struct str *ret_value);
bool json_get_bool(const struct json *object, const char *key, bool *ret_value);
bool json_get_i64(const struct json *object, const char *key, int64_t *ret_value);
/* The member's text, or the empty str. */
struct str json_str_or_empty(const struct json *object, const char *key);

/* A whole number that fits; false for fractions and exponents. */
bool json_i64(const struct json *number, int64_t *ret_value);
bool json_f64(const struct json *number, double *ret_value);

#define json_foreach(item, parent)                                                                 \
    for (const struct json *item = (parent) ? (parent)->first : NULL; item != NULL;                \
         item = item->next)

#endif

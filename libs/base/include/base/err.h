/* Errors: one small struct, filled by value, never allocated.
 *
 * A fallible function returns enum err_code (ERR_OK is 0) and takes `struct err *err` last. On
 * failure err is filled and no ret_ output is touched; on success err is untouched. err may be
 * NULL where the caller wants the code alone. The text is for operators: it never holds a secret,
 * a title, an attendee or an address. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/macros.h"

/* name, stable text (used in logs, metrics and JSON answers) */
#define ERR_CODES(C)                                                                               \
    C(OK, "ok")                                                                                    \
    C(TIMEOUT, "timeout")         /* the deadline passed */                                        \
    C(CANCELED, "canceled")       /* the coroutine or its group was cancelled */                   \
    C(IO, "io")                   /* the operating system or a connection failed */                \
    C(CLOSED, "closed")           /* the peer or the object is closed */                           \
    C(UNAVAILABLE, "unavailable") /* a dependency answers that it cannot serve now */              \
    C(BUSY, "busy")               /* a bound of ours is reached */                                 \
    C(THROTTLED, "throttled")     /* a quota is exhausted; see retry_after_ms */                   \
    C(PROTO, "proto")             /* foreign bytes that do not have the agreed form */             \
    C(INVALID, "invalid")         /* an argument or request that can never be right */             \
    C(RANGE, "range")             /* a number or time outside of its bounds */                     \
    C(TOO_BIG, "too_big")         /* more than the maximum set at creation */                      \
    C(NOT_FOUND, "not_found")     /* no such thing, or none that the caller may know of */         \
    C(EXISTS, "exists")           /* there is one already */                                       \
    C(CONFLICT, "conflict")       /* another writer was first: version, etag, exclusion */         \
    C(GONE, "gone")               /* was there once; also a cursor that is no longer valid */      \
    C(AUTH, "auth")               /* who is asking could not be proved */                          \
    C(DENIED, "denied")           /* known, but not allowed */                                     \
    C(EXPIRED, "expired")         /* too late: ticket, request, token */                           \
    C(CONFIG, "config")           /* a setting is wrong */                                         \
    C(UNSUPPORTED, "unsupported") /* this build or this peer cannot do it */                       \
    C(INTERNAL, "internal")       /* a broken invariant that is not worth dying for */

#define ERR_ENUM(name, text) ERR_##name,
enum err_code { ERR_CODES(ERR_ENUM) ERR_CODE_COUNT };
#undef ERR_ENUM

/* What the one who handles the failure should do. */
enum err_act {
    ERR_ACT_NONE,   /* nothing was said */
    ERR_ACT_RETRY,  /* again later, jittered; after retry_after_ms where that is set */
    ERR_ACT_REAUTH, /* the grant is dead: the user must connect again */
    ERR_ACT_RESYNC, /* the cursor is dead: read everything again */
    ERR_ACT_DROP,   /* this one item can never succeed: isolate it and go on */
    ERR_ACT_CONFIG, /* an operator must mend a setting; never the user's fault */
};

struct err {
    enum err_code code;
    enum err_act act;
    int32_t retry_after_ms; /* 0: not said */
    int sys;                /* errno, HTTP status, curl or Kafka code; 0: none */
    const char *where;      /* file:line, static */
    char text[200];
};

#define ERR_STRINGIFY2(x) #x
#define ERR_STRINGIFY(x) ERR_STRINGIFY2(x)
#define ERR_WHERE __FILE__ ":" ERR_STRINGIFY(__LINE__)

enum err_code err_set_at(struct err *err, enum err_code code, enum err_act act, const char *where,
                         const char *fmt, ...) PRINTF_LIKE(5, 6);

/* The code in sight of the compiler and of analysers, which do not see into err_set_at. */
static inline enum err_code err_same(enum err_code code, enum err_code set UNUSED)
{
    return code;
}

/* Fills err and gives code, so that a failure is one line: return ERR_SET(err, ERR_IO, "..."). */
#define ERR_SET(err, code, ...) ERR_SET_ACT((err), (code), ERR_ACT_NONE, __VA_ARGS__)
/* The same with what to do. */
#define ERR_SET_ACT(err, code, act, ...)                                                           \
    err_same((code), err_set_at((err), (code), (act), ERR_WHERE, __VA_ARGS__))

/* Puts context before the text that is there ("page 3: timeout"); returns err->code. */
enum err_code err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The stable name of a code, of an act. */
const char *err_code_name(enum err_code code);
const char *err_act_name(enum err_act act);

#endif

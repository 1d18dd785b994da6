/* Logs: one JSON object a line on stdout, fixed keys, values typed.
 *
 * `ev` is a stable dotted name ("sync.page.done"), `msg` is for people and holds no values; values
 * are fields. There is no field constructor for a secret, a title, an attendee or an address: ids
 * only. A failure is logged once, by the one who gives up or recovers; libraries log at debug.
 *
 *   LOG_INFO("sync.page.done", "page stored", F_UUID("cal", id), F_I64("rows", n), F_ERR(&err));
 *
 * Always present: ts, lvl, svc, ver, ev, msg, and trace and co where there is one. A line has at
 * most 8 KiB; a text is cut at 1 KiB, and what does not fit is counted in `left_out`. From the
 * loop's thread only, as metrics. */
#ifndef OBSERVE_LOG_H
#define OBSERVE_LOG_H

#include "base/err.h"
#include "base/str.h"
#include "base/uuid.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

enum log_kind {
    LOG_KIND_I64,
    LOG_KIND_F64,
    LOG_KIND_BOOL,
    LOG_KIND_STR,
    LOG_KIND_UUID,
    LOG_KIND_ERR
};

struct log_field {
    const char *key;
    enum log_kind kind;
    union {
        int64_t i64;
        double f64;
        bool b;
        struct str s;
        struct uuid uuid;
        const struct err *err; /* gives the keys err, act, where and err_text */
    } v;
};

#define F_I64(k, x) ((struct log_field){(k), LOG_KIND_I64, {.i64 = (int64_t)(x)}})
#define F_F64(k, x) ((struct log_field){(k), LOG_KIND_F64, {.f64 = (x)}})
#define F_BOOL(k, x) ((struct log_field){(k), LOG_KIND_BOOL, {.b = (x)}})
/* Only for names and codes of ours, never for text that came from a user or a provider's data. */
#define F_STR(k, x) ((struct log_field){(k), LOG_KIND_STR, {.s = (x)}})
#define F_C(k, x) ((struct log_field){(k), LOG_KIND_STR, {.s = str_c(x)}})
#define F_UUID(k, x) ((struct log_field){(k), LOG_KIND_UUID, {.uuid = (x)}})
#define F_ERR(e) ((struct log_field){"err", LOG_KIND_ERR, {.err = (e)}})

/* service, version: static. trace: gives the current W3C trace id (32 hex digits) or NULL; co: the
 * running coroutine's name or NULL; both may be NULL. fd: 1 in services. */
void log_setup(const char *service, const char *version, enum log_level level, int fd,
               const char *(*trace)(void), const char *(*co)(void));
bool log_level_parse(struct str text, enum log_level *ret_level);
bool log_enabled(enum log_level level);

void log_write(enum log_level level, const char *ev, const char *msg,
               const struct log_field *fields, size_t field_count);

#define LOG_AT(level, ev, msg, ...)                                                                \
    do {                                                                                           \
        if (log_enabled(level)) {                                                                  \
            const struct log_field log_fields_[] = {{0}, ##__VA_ARGS__};                           \
            log_write((level), (ev), (msg), log_fields_ + 1, ARRAY_LEN(log_fields_) - 1);          \
        }                                                                                          \
    } while (0)
#define LOG_DEBUG(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define LOG_INFO(...) LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_WARN(...) LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_ERROR(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)

/* For sites that a peer can make repeat: at most one line per site and interval; the next one that
 * passes carries `dropped`. site: static storage, zeroed. now_ms: monotonic. */
struct log_limit {
    int64_t next_at;
    int64_t dropped;
};
bool log_limit_pass(struct log_limit *site, int64_t now_ms, int64_t interval_ms,
                    int64_t *ret_dropped);

#endif

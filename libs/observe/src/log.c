#include "observe/log.h"

#include "observe/metric.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* A line is never longer than this: collectors cut longer ones, which then are no JSON any more. */
#define LINE_MAX_BYTES 8192
/* Kept free for what ends each line: the count of fields left out, the brace and the newline. */
#define LINE_TAIL_BYTES 32
/* Of one text; escaped it is at most six times as long, which still fits a line. */
#define TEXT_MAX_BYTES 1024

static struct {
    const char *service;
    const char *version;
    enum log_level level;
    int fd;
    const char *(*trace)(void);
    const char *(*co)(void);
} log_conf = {.service = "", .version = "", .level = LOG_LEVEL_INFO, .fd = 1};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* A line in the making. A member is written whole or taken back: what is there is always JSON. */
struct line {
    char *ptr;
    size_t len;
    bool full;
    int64_t left_out;
};

static void add(struct line *l, const char *bytes, size_t len)
{
    if (l->full || len > LINE_MAX_BYTES - LINE_TAIL_BYTES - l->len) {
        l->full = true;
        return;
    }
    memcpy(l->ptr + l->len, bytes, len);
    l->len += len;
}

static void add_c(struct line *l, const char *text)
{
    add(l, text, strlen(text));
}

/* Length of the UTF-8 character that begins at s[at]; 0 if there is none. */
static size_t utf8_char_len(struct str s, size_t at)
{
    unsigned char c = (unsigned char)s.ptr[at];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return n <= s.len - at && str_is_utf8(str_sub(s, at, n)) ? n : 0;
}

/* src: RFC 8259 section 7 */
static void add_quoted(struct line *l, struct str s)
{
    size_t end = MIN(s.len, (size_t)TEXT_MAX_BYTES);
    char escape[8];

    add_c(l, "\"");
    for (size_t i = 0; i < end;) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 || c == 0x7f) {
            snprintf(escape, sizeof escape, "\\u%04x", c);
            add_c(l, escape);
            i++;
        } else if (c == '"' || c == '\\') {
            add(l, (const char[]){'\\', (char)c}, 2);
            i++;
        } else if (c < 0x80) {
            add(l, &s.ptr[i], 1);
            i++;
        } else {
            size_t n = utf8_char_len(s, i);
            if (n > 0) {
                add(l, &s.ptr[i], n);
            } else {
                add_c(l, "\xef\xbf\xbd"); /* U+FFFD, the replacement character */
            }
            i += MAX(n, (size_t)1);
        }
    }
    add_c(l, "\"");
}

static void begin_member(struct line *l, const char *key)
{
    add_c(l, ",");
    add_quoted(l, str_c(key));
    add_c(l, ":");
}

static void end_member(struct line *l, size_t start)
{
    if (l->full) {
        l->len = start;
        l->full = false;
        l->left_out++;
    }
}

static void member_str(struct line *l, const char *key, struct str value)
{
    size_t start = l->len;
    begin_member(l, key);
    add_quoted(l, value);
    end_member(l, start);
}

/* value: a JSON number or literal. */
static void member_raw(struct line *l, const char *key, const char *value)
{
    size_t start = l->len;
    begin_member(l, key);
    add_c(l, value);
    end_member(l, start);
}

static void member_i64(struct line *l, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    member_raw(l, key, text);
}

static void member_f64(struct line *l, const char *key, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.15g", value);
    member_raw(l, key, isfinite(value) ? text : "null");
}

static void member_err(struct line *l, const struct err *err)
{
    if (err == NULL) {
        return;
    }
    member_str(l, "err", str_c(err_code_name(err->code)));
    if (err->act != ERR_ACT_NONE) {
        member_str(l, "act", str_c(err_act_name(err->act)));
    }
    if (err->retry_after_ms != 0) {
        member_i64(l, "retry_after_ms", err->retry_after_ms);
    }
    if (err->sys != 0) {
        member_i64(l, "sys", err->sys);
    }
    if (err->where != NULL) {
        member_str(l, "where", str_c(err->where));
    }
    member_str(l, "err_text", (struct str){err->text, strnlen(err->text, sizeof err->text)});
}

static void member(struct line *l, const struct log_field *f)
{
    char text[UUID_TEXT_LEN + 1];

    switch (f->kind) {
    case LOG_KIND_I64:
        member_i64(l, f->key, f->v.i64);
        break;
    case LOG_KIND_F64:
        member_f64(l, f->key, f->v.f64);
        break;
    case LOG_KIND_BOOL:
        member_raw(l, f->key, f->v.b ? "true" : "false");
        break;
    case LOG_KIND_STR:
        member_str(l, f->key, f->v.s);
        break;
    case LOG_KIND_UUID:
        member_str(l, f->key, uuid_print(f->v.uuid, text));
        break;
    case LOG_KIND_ERR:
        member_err(l, f->v.err);
        break;
    }
}

static void add_head(struct line *l, enum log_level level)
{
    struct timespec now;
    struct tm tm;
    char ts[40];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(ts, sizeof ts, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ts + n, sizeof ts - n, ".%03dZ", (int)(now.tv_nsec / 1000000));
    add_c(l, "{\"ts\":\"");
    add_c(l, ts);
    add_c(l, "\"");
    member_str(l, "lvl", str_c(level_names[level]));
    member_str(l, "svc", str_c(log_conf.service));
    member_str(l, "ver", str_c(log_conf.version));
}

/* Where the reader is slow this blocks, as stdout does that was not made non-blocking. */
static void write_all(int fd, const char *ptr, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, ptr, len);
        if (n >= 0) {
            ptr += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            (void)poll(&p, 1, -1);
        } else if (errno != EINTR) {
            return; /* nobody is left to tell */
        }
    }
}

void log_write(enum log_level level, const char *ev, const char *msg,
               const struct log_field *fields, size_t field_count)
{
    static char memory[LINE_MAX_BYTES];
    struct line l = {.ptr = memory};
    int saved_errno = errno;

    add_head(&l, level);
    member_str(&l, "ev", str_c(ev));
    member_str(&l, "msg", str_c(msg));
    const char *trace = log_conf.trace != NULL ? log_conf.trace() : NULL;
    if (trace != NULL) {
        member_str(&l, "trace", str_c(trace));
    }
    const char *co = log_conf.co != NULL ? log_conf.co() : NULL;
    if (co != NULL) {
        member_str(&l, "co", str_c(co));
    }
    for (size_t i = 0; i < field_count; i++) {
        member(&l, &fields[i]);
    }
    if (l.left_out > 0) {
        l.len += (size_t)snprintf(l.ptr + l.len, LINE_TAIL_BYTES, ",\"left_out\":%lld",
                                  (long long)l.left_out);
    }
    memcpy(l.ptr + l.len, "}\n", 2);
    write_all(log_conf.fd, l.ptr, l.len + 2);
    metric_inc(METRIC_LOG_LINES, level_names[level]);
    errno = saved_errno;
}

void log_setup(const char *service, const char *version, enum log_level level, int fd,
               const char *(*trace)(void), const char *(*co)(void))
{
    log_conf.service = service;
    log_conf.version = version;
    log_conf.level = level;
    log_conf.fd = fd;
    log_conf.trace = trace;
    log_conf.co = co;
}

bool log_level_parse(struct str text, enum log_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (str_eq_c(text, level_names[i])) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_enabled(enum log_level level)
{
    return level >= log_conf.level;
}

bool log_limit_pass(struct log_limit *site, int64_t now_ms, int64_t interval_ms,
                    int64_t *ret_dropped)
{
    if (now_ms < site->next_at) {
        site->dropped++;
        return false;
    }
    *ret_dropped = site->dropped;
    site->dropped = 0;
    site->next_at = now_ms + interval_ms;
    return true;
}

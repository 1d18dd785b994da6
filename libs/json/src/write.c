#include "json/write.h"

#include <math.h>

static void separate(struct json_writer *w)
{
    if (w->comma) {
        buf_add_char(w->out, ',');
    }
    w->comma = true;
}

void json_open(struct json_writer *w, char bracket)
{
    separate(w);
    buf_add_char(w->out, bracket);
    w->comma = false;
}

void json_close(struct json_writer *w, char bracket)
{
    buf_add_char(w->out, bracket);
    w->comma = true;
}

void json_key_str(struct json_writer *w, struct str key)
{
    separate(w);
    json_quote(w->out, key);
    buf_add_char(w->out, ':');
    w->comma = false;
}

void json_key(struct json_writer *w, const char *key)
{
    json_key_str(w, str_c(key));
}

/* Length of the well-formed UTF-8 character at the start of s; 0 if there is none. */
static size_t char_len(struct str s)
{
    for (size_t n = 1; n <= MIN(s.len, (size_t)4); n++) {
        if (str_is_utf8(str_sub(s, 0, n))) {
            return n;
        }
    }
    return 0;
}

void json_quote(struct buf *out, struct str s)
{
    size_t plain = 0; /* start of the run that needs no escape */

    buf_add_char(out, '"');
    for (size_t i = 0; i < s.len;) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            i++;
            continue;
        }
        size_t n = c >= 0x80 ? char_len(str_sub(s, i, 4)) : 0;
        if (n > 0) {
            i += n;
            continue;
        }
        buf_add(out, str_sub(s, plain, i - plain));
        if (c >= 0x80) {
            buf_add_c(out, "\xef\xbf\xbd");
        } else if (c == '"' || c == '\\') {
            buf_add_char(out, '\\');
            buf_add_char(out, (char)c);
        } else if (c == '\n') {
            buf_add_c(out, "\\n");
        } else {
            buf_add_f(out, "\\u%04x", c);
        }
        plain = ++i;
    }
    buf_add(out, str_sub(s, plain, s.len - plain));
    buf_add_char(out, '"');
}

void json_put_str(struct json_writer *w, struct str s)
{
    separate(w);
    json_quote(w->out, s);
}

void json_put_i64(struct json_writer *w, int64_t n)
{
    separate(w);
    buf_add_f(w->out, "%lld", (long long)n);
}

void json_put_f64(struct json_writer *w, double n)
{
    separate(w);
    if (isfinite(n)) {
        buf_add_f(w->out, "%.17g", n);
    } else {
        buf_add_c(w->out, "null"); /* JSON has no infinity */
    }
}

void json_put_bool(struct json_writer *w, bool b)
{
    separate(w);
    buf_add_c(w->out, b ? "true" : "false");
}

void json_put_null(struct json_writer *w)
{
    separate(w);
    buf_add_c(w->out, "null");
}

void json_put_raw(struct json_writer *w, struct str json)
{
    separate(w);
    buf_add(w->out, json);
}

/* Recursion is bounded by JSON_MAX_DEPTH, which the parser enforces. */
void json_put_tree(struct json_writer *w, const struct json *value) /* NOLINT(misc-no-recursion) */
{
    switch (value->kind) {
    case JSON_NULL:
        json_put_null(w);
        break;
    case JSON_BOOL:
        json_put_bool(w, value->boolean);
        break;
    case JSON_NUMBER:
        json_put_raw(w, value->text);
        break;
    case JSON_STRING:
        json_put_str(w, value->text);
        break;
    case JSON_ARRAY:
        json_open(w, '[');
        json_foreach(item, value)
        {
            json_put_tree(w, item);
        }
        json_close(w, ']');
        break;
    case JSON_OBJECT:
        json_open(w, '{');
        json_foreach(member, value)
        {
            json_key_str(w, member->key);
            json_put_tree(w, member);
        }
        json_close(w, '}');
        break;
    }
}

void json_member_str(struct json_writer *w, const char *key, struct str s)
{
    json_key(w, key);
    json_put_str(w, s);
}

void json_member_c(struct json_writer *w, const char *key, const char *s)
{
    json_member_str(w, key, str_c(s));
}

void json_member_i64(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_put_i64(w, n);
}

void json_member_bool(struct json_writer *w, const char *key, bool b)
{
    json_key(w, key);
    json_put_bool(w, b);
}

/* Writing JSON into a buf, in order; commas are put by the writer.
 *
 *   struct json_writer w = {.out = &buf};
 *   json_open(&w, '{');  json_key(&w, "id");  json_put_str(&w, id);  json_close(&w, '}'); */
#ifndef JSON_WRITE_H
#define JSON_WRITE_H

#include "base/buf.h"
#include "json/json.h"

struct json_writer {
    struct buf *out;
    bool comma;
};

void json_open(struct json_writer *w, char bracket);
void json_close(struct json_writer *w, char bracket);
/* key is plain ASCII of ours or any UTF-8 text (json_key_str). */
void json_key(struct json_writer *w, const char *key);
void json_key_str(struct json_writer *w, struct str key);
/* Invalid UTF-8 is written as U+FFFD, so that the output is always valid. */
void json_put_str(struct json_writer *w, struct str s);
void json_put_i64(struct json_writer *w, int64_t n);
void json_put_f64(struct json_writer *w, double n);
void json_put_bool(struct json_writer *w, bool b);
void json_put_null(struct json_writer *w);
/* Text that is JSON already. */
void json_put_raw(struct json_writer *w, struct str json);
/* A parsed tree again. */
void json_put_tree(struct json_writer *w, const struct json *value);

/* key and value in one. */
void json_member_str(struct json_writer *w, const char *key, struct str s);
void json_member_c(struct json_writer *w, const char *key, const char *s);
void json_member_i64(struct json_writer *w, const char *key, int64_t n);
void json_member_bool(struct json_writer *w, const char *key, bool b);

/* Only the quoted, escaped string. */
void json_quote(struct buf *out, struct str s);

#endif

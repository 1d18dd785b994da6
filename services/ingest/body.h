/* A JSON body read strictly: an object whose members are all known, of the right type and within
 * their bounds. The first mistake is kept; code that reads many members checks once, at the end,
 * with body_ok(). Pure.
 *
 *   if (!body_open(&b, text, arena, refusal)) return false;
 *   body_only(&b, (const char *[]){"users", "time_min"}, 2);
 *   body_time(&b, "time_min", BODY_NEEDED, &at);
 *   return body_ok(&b); */
#ifndef INGEST_BODY_H
#define INGEST_BODY_H

#include "messages/messages.h"
#include "refusal.h"
#include "json/json.h"

enum body_need { BODY_OPTIONAL, BODY_NEEDED };

struct body {
    const struct json *object;
    struct arena *arena;
    struct refusal *refusal;
    bool failed;
};

/* codes: invalid_json (400; also where it is no object). */
bool body_open(struct body *b, struct str text, struct arena *arena, struct refusal *refusal);
/* A part of a body, an object itself. */
void body_of(struct body *b, const struct json *object, struct body *outer);
/* codes: unknown_field (400). */
void body_only(struct body *b, const char *const *names, size_t count);

/* Each: true where the member is there and right. codes: missing_field, invalid_field, too_many,
 * too_long (400). */
bool body_str(struct body *b, const char *name, enum body_need need, size_t max_bytes,
              struct str *ret_value); /* not empty, where needed */
bool body_uuid(struct body *b, const char *name, enum body_need need, struct uuid *ret_value);
bool body_bool(struct body *b, const char *name, bool *ret_value);
bool body_i64(struct body *b, const char *name, enum body_need need, int64_t min, int64_t max,
              int64_t *ret_value);
bool body_time(struct body *b, const char *name, enum body_need need, int64_t *ret_at);
bool body_uuids(struct body *b, const char *name, size_t max_items, struct message_uuids *ret_list);
bool body_strs(struct body *b, const char *name, size_t max_items, size_t max_bytes,
               struct message_strs *ret_list);
bool body_array(struct body *b, const char *name, size_t max_items, const struct json **ret_array);

/* For what the functions above do not know; the first mistake counts. */
void body_fail(struct body *b, const char *code, const char *fmt, ...) PRINTF_LIKE(3, 4);
static inline bool body_ok(const struct body *b)
{
    return !b->failed;
}

#endif

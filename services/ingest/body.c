#include "body.h"

#include "when.h"

#include <stdarg.h>
#include <stdio.h>

bool body_open(struct body *b, struct str text, struct arena *arena, struct refusal *refusal)
{
    *b = (struct body){.arena = arena, .refusal = refusal};
    struct err err = {0};
    if (json_parse(arena, text, &b->object, &err) != ERR_OK) {
        b->failed = true;
        return refuse(refusal, 400, "invalid_json", "The body is not the JSON that is taken: %s.",
                      err.text);
    }
    if (b->object->kind != JSON_OBJECT) {
        b->failed = true;
        return refuse(refusal, 400, "invalid_json", "The body must be a JSON object.");
    }
    return true;
}

void body_of(struct body *b, const struct json *object, struct body *outer)
{
    *b = (struct body){.object = object,
                       .arena = outer->arena,
                       .refusal = outer->refusal,
                       .failed = outer->failed};
}

void body_fail(struct body *b, const char *code, const char *fmt, ...)
{
    char text[sizeof b->refusal->text];
    va_list ap;

    if (b->failed) {
        return;
    }
    b->failed = true;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    refuse(b->refusal, 400, code, "%s", text);
}

void body_only(struct body *b, const char *const *names, size_t count)
{
    json_foreach(member, b->object)
    {
        size_t i = 0;
        while (i < count && !str_eq_c(member->key, names[i])) {
            i++;
        }
        if (i == count) {
            struct str shown = str_sub(member->key, 0, 64);
            body_fail(b, "unknown_field", "There is no field \"%.*s\" here.", STR_ARG(shown));
        }
    }
}

/* The member, if it is there and of that kind. */
static const struct json *member(struct body *b, const char *name, enum body_need need,
                                 enum json_kind kind, const char *kind_name)
{
    const struct json *m = json_get(b->object, name);
    if (m == NULL) {
        if (need == BODY_NEEDED) {
            body_fail(b, "missing_field", "The field \"%s\" is missing.", name);
        }
        return NULL;
    }
    if (m->kind != kind) {
        body_fail(b, "invalid_field", "The field \"%s\" must be %s.", name, kind_name);
        return NULL;
    }
    return m;
}

bool body_str(struct body *b, const char *name, enum body_need need, size_t max_bytes,
              struct str *ret_value)
{
    const struct json *m = member(b, name, need, JSON_STRING, "a text");
    if (m == NULL) {
        return false;
    }
    if (m->text.len > max_bytes) {
        body_fail(b, "too_long", "The field \"%s\" has at most %zu bytes.", name, max_bytes);
        return false;
    }
    if (need == BODY_NEEDED && str_trim(m->text).len == 0) {
        body_fail(b, "invalid_field", "The field \"%s\" must not be empty.", name);
        return false;
    }
    *ret_value = m->text;
    return true;
}

bool body_uuid(struct body *b, const char *name, enum body_need need, struct uuid *ret_value)
{
    const struct json *m = member(b, name, need, JSON_STRING, "a UUID");
    if (m == NULL) {
        return false;
    }
    if (!uuid_parse(m->text, ret_value)) {
        body_fail(b, "invalid_field", "The field \"%s\" must be a UUID.", name);
        return false;
    }
    return true;
}

bool body_bool(struct body *b, const char *name, bool *ret_value)
{
    const struct json *m = member(b, name, BODY_OPTIONAL, JSON_BOOL, "true or false");
    if (m == NULL) {
        return false;
    }
    *ret_value = m->boolean;
    return true;
}

bool body_i64(struct body *b, const char *name, enum body_need need, int64_t min, int64_t max,
              int64_t *ret_value)
{
    int64_t n;
    const struct json *m = member(b, name, need, JSON_NUMBER, "a whole number");
    if (m == NULL) {
        return false;
    }
    if (!json_i64(m, &n) || n < min || n > max) {
        body_fail(b, "invalid_field", "The field \"%s\" must be a whole number within its bounds.",
                  name);
        return false;
    }
    *ret_value = n;
    return true;
}

bool body_time(struct body *b, const char *name, enum body_need need, int64_t *ret_at)
{
    const struct json *m = member(b, name, need, JSON_STRING, "a time");
    if (m == NULL) {
        return false;
    }
    if (!when_parse(m->text, ret_at)) {
        body_fail(b, "invalid_field",
                  "The field \"%s\" must be a time with an offset, as in 2026-05-01T09:00:00Z.",
                  name);
        return false;
    }
    return true;
}

bool body_array(struct body *b, const char *name, size_t max_items, const struct json **ret_array)
{
    const struct json *m = member(b, name, BODY_OPTIONAL, JSON_ARRAY, "a list");
    if (m == NULL) {
        return false;
    }
    if (m->count > max_items) {
        body_fail(b, "too_many", "The field \"%s\" has at most %zu items.", name, max_items);
        return false;
    }
    *ret_array = m;
    return true;
}

bool body_uuids(struct body *b, const char *name, size_t max_items, struct message_uuids *ret_list)
{
    const struct json *array = NULL;
    if (!body_array(b, name, max_items, &array)) {
        return false;
    }
    struct uuid *ids = ARENA_ARRAY(b->arena, struct uuid, array->count);
    size_t n = 0;
    json_foreach(item, array)
    {
        if (item->kind != JSON_STRING || !uuid_parse(item->text, &ids[n++])) {
            body_fail(b, "invalid_field", "The field \"%s\" must hold UUIDs only.", name);
            return false;
        }
    }
    *ret_list = (struct message_uuids){ids, n};
    return true;
}

bool body_strs(struct body *b, const char *name, size_t max_items, size_t max_bytes,
               struct message_strs *ret_list)
{
    const struct json *array = NULL;
    if (!body_array(b, name, max_items, &array)) {
        return false;
    }
    struct str *texts = ARENA_ARRAY(b->arena, struct str, array->count);
    size_t n = 0;
    json_foreach(item, array)
    {
        if (item->kind != JSON_STRING || item->text.len == 0) {
            body_fail(b, "invalid_field", "The field \"%s\" must hold texts only.", name);
            return false;
        }
        if (item->text.len > max_bytes) {
            body_fail(b, "too_long", "The texts of \"%s\" have at most %zu bytes.", name,
                      max_bytes);
            return false;
        }
        texts[n++] = item->text;
    }
    *ret_list = (struct message_strs){texts, n};
    return true;
}

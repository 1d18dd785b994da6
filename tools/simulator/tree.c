#include "simulator/tree.h"

/* Counts brackets outside of strings: jansson recurses once a level, and its own bound of 2,048
 * levels is more than a small stack holds. */
static bool depth_ok(struct str text)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (in_string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > TREE_MAX_DEPTH) {
                return false;
            }
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

json_t *tree_parse(struct str text)
{
    if (text.len == 0 || !depth_ok(text)) {
        return NULL;
    }
    return json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
}

json_t *tree_str(struct str s)
{
    json_t *value = json_stringn(s.len > 0 ? s.ptr : "", s.len);
    return value != NULL ? value : json_string("");
}

struct str tree_value_str(const json_t *value)
{
    if (!json_is_string(value)) {
        return STR("");
    }
    return (struct str){json_string_value(value), json_string_length(value)};
}

struct str tree_get_str(const json_t *object, const char *key)
{
    return tree_value_str(json_object_get(object, key));
}

int64_t tree_get_i64(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(object, key);
    int64_t number;
    if (json_is_integer(value)) {
        return json_integer_value(value);
    }
    if (json_is_string(value) && str_to_i64(tree_value_str(value), &number)) {
        return number;
    }
    return otherwise;
}

bool tree_get_bool(const json_t *object, const char *key, bool otherwise)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

void tree_set(json_t *object, const char *key, json_t *value)
{
    BUG_ON(json_object_set_new(object, key, value) != 0);
}

void tree_set_str(json_t *object, const char *key, struct str value)
{
    tree_set(object, key, tree_str(value));
}

void tree_set_c(json_t *object, const char *key, const char *value)
{
    tree_set_str(object, key, str_c(value));
}

void tree_set_i64(json_t *object, const char *key, int64_t value)
{
    tree_set(object, key, json_integer(value));
}

void tree_set_bool(json_t *object, const char *key, bool value)
{
    tree_set(object, key, json_boolean(value));
}

static int append(const char *bytes, size_t len, void *arg)
{
    buf_add(arg, (struct str){bytes, len});
    return 0;
}

void tree_dump(struct buf *out, const json_t *value, bool pretty)
{
    json_dump_callback(value, append, out,
                       JSON_ENCODE_ANY | (pretty ? JSON_INDENT(1) : JSON_COMPACT));
}

void tree_release(json_t **value)
{
    json_decref(*value);
}

#include "json/json.h"

#include "tree_int.h"

#include <stdio.h>

static int on_null(void *ctx)
{
    return tree_add(ctx, JSON_NULL, (struct str){0}) != NULL;
}

static int on_bool(void *ctx, int value)
{
    struct json *node = tree_add(ctx, JSON_BOOL, (struct str){0});
    if (node != NULL) {
        node->boolean = value != 0;
    }
    return node != NULL;
}

static int on_number(void *ctx, const char *text, size_t len)
{
    return tree_add(ctx, JSON_NUMBER, (struct str){text, len}) != NULL;
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
    return tree_add(ctx, JSON_STRING, (struct str){len ? (const char *)text : "", len}) != NULL;
}

static int on_object(void *ctx)
{
    return tree_open(ctx, JSON_OBJECT);
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
    return tree_key(ctx, (struct str){len ? (const char *)text : "", len});
}

static int on_array(void *ctx)
{
    return tree_open(ctx, JSON_ARRAY);
}

static int on_close(void *ctx)
{
    return tree_close(ctx);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_close,
    .yajl_start_array = on_array,
    .yajl_end_array = on_close,
};

enum err_code json_parse(struct arena *arena, struct str text, const struct json **ret_value,
                         struct err *err)
{
    struct tree tree = {.arena = arena};
    yajl_handle parser = yajl_alloc(&callbacks, NULL, &tree);
    BUG_ON(parser == NULL);
    yajl_status status = yajl_parse(parser, (const unsigned char *)text.ptr, text.len);
    if (status == yajl_status_ok) {
        status = yajl_complete_parse(parser);
    }
    enum err_code rc = ERR_OK;
    if (status != yajl_status_ok) {
        rc = tree_error(&tree, parser, err);
    } else if (tree.root == NULL) {
        rc = ERR_SET(err, ERR_PROTO, "empty JSON document");
    } else {
        *ret_value = tree.root;
    }
    yajl_free(parser);
    return rc;
}

const struct json *json_get(const struct json *object, const char *key)
{
    if (object == NULL || object->kind != JSON_OBJECT) {
        return NULL;
    }
    json_foreach(member, object)
    {
        if (str_eq_c(member->key, key)) {
            return member;
        }
    }
    return NULL;
}

bool json_get_str(const struct json *object, const char *key, struct str *ret_value)
{
    const struct json *member = json_get(object, key);
    if (member == NULL || member->kind != JSON_STRING) {
        return false;
    }
    *ret_value = member->text;
    return true;
}

struct str json_str_or_empty(const struct json *object, const char *key)
{
    struct str value = STR("");
    (void)json_get_str(object, key, &value);
    return value;
}

bool json_get_bool(const struct json *object, const char *key, bool *ret_value)
{
    const struct json *member = json_get(object, key);
    if (member == NULL || member->kind != JSON_BOOL) {
        return false;
    }
    *ret_value = member->boolean;
    return true;
}

bool json_get_i64(const struct json *object, const char *key, int64_t *ret_value)
{
    return json_i64(json_get(object, key), ret_value);
}

bool json_i64(const struct json *number, int64_t *ret_value)
{
    return number != NULL && number->kind == JSON_NUMBER && str_to_i64(number->text, ret_value);
}

bool json_f64(const struct json *number, double *ret_value)
{
    char *end;
    if (number == NULL || number->kind != JSON_NUMBER) {
        return false;
    }
    *ret_value = strtod(number->text.ptr, &end); /* arena strings end in NUL */
    return end == number->text.ptr + number->text.len;
}

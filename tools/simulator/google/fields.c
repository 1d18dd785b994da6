#include "simulator/google/fields.h"

#define FIELDS_MAX_DEPTH 16

/* One selection is read again for each object that it is applied to: there is no tree of it. */
struct cursor {
    struct str text;
    size_t at;
    size_t depth;
};

static char peek(const struct cursor *c)
{
    return c->at < c->text.len ? c->text.ptr[c->at] : 0;
}

static struct str take_name(struct cursor *c)
{
    size_t start = c->at;
    while (peek(c) != 0 && strchr(",/()", peek(c)) == NULL) {
        c->at++;
    }
    return str_trim(str_sub(c->text, start, c->at - start));
}

/* Skips to the end of the current list: a ')' of this level, or the end of the text. */
static bool find_end(struct str text, size_t at, size_t *ret_end)
{
    size_t depth = 0;
    for (; at < text.len; at++) {
        if (text.ptr[at] == '(') {
            depth++;
        } else if (text.ptr[at] == ')') {
            if (depth == 0) {
                break;
            }
            depth--;
        }
    }
    *ret_end = at;
    return depth == 0;
}

static json_t *select_list(struct str selection, const json_t *tree, size_t depth);

/* Adds what `from` has of the selection to `into`; both of the same object. */
static bool merge(json_t *into, const char *key, json_t *part)
{
    if (part == NULL) {
        return false;
    }
    json_t *there = json_object_get(into, key);
    if (json_is_object(there) && json_is_object(part)) {
        json_object_update_missing(there, part);
        json_decref(part);
    } else {
        json_object_set_new(into, key, part);
    }
    return true;
}

/* One item of a list: a name, then nothing, /rest or (list). */
static bool select_item(struct cursor *c, const json_t *object, json_t *into)
{
    struct str name = take_name(c);
    struct str rest = STR("");
    if (name.len == 0) {
        return false;
    }
    if (peek(c) == '/') {
        size_t start = ++c->at;
        while (peek(c) != 0 && peek(c) != ',' && peek(c) != '(') {
            c->at++;
        }
        if (peek(c) == '(') {
            size_t end;
            if (!find_end(c->text, c->at + 1, &end) || end == c->text.len) {
                return false;
            }
            c->at = end + 1;
        }
        rest = str_sub(c->text, start, c->at - start);
        if (rest.len == 0) {
            return false;
        }
    } else if (peek(c) == '(') {
        size_t end;
        size_t start = ++c->at;
        if (!find_end(c->text, start, &end) || end == c->text.len) {
            return false;
        }
        rest = str_sub(c->text, start, end - start);
        c->at = end + 1;
    }

    void *iter = json_object_iter((json_t *)(uintptr_t)object);
    for (; iter != NULL; iter = json_object_iter_next((json_t *)(uintptr_t)object, iter)) {
        const char *key = json_object_iter_key(iter);
        json_t *value = json_object_iter_value(iter);
        if (!str_eq_c(name, "*") && !str_eq_c(name, key)) {
            continue;
        }
        json_t *part = rest.len > 0 ? select_list(rest, value, c->depth + 1) : json_incref(value);
        if (!merge(into, key, part)) {
            return false;
        }
    }
    return true;
}

static json_t *select_object(struct str selection, const json_t *object, size_t depth)
{
    struct cursor c = {.text = selection, .depth = depth};
    json_t *into = json_object();
    for (;;) {
        if (!select_item(&c, object, into) || (peek(&c) != 0 && peek(&c) != ',')) {
            json_decref(into);
            return NULL;
        }
        if (peek(&c) == 0) {
            return into;
        }
        c.at++;
    }
}

static json_t *select_list(struct str selection, const json_t *tree, size_t depth)
{
    if (depth > FIELDS_MAX_DEPTH) {
        return NULL;
    }
    if (json_is_object(tree)) {
        return select_object(selection, tree, depth);
    }
    if (!json_is_array(tree)) {
        return json_incref((json_t *)(uintptr_t)tree);
    }
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(tree); i++) {
        json_t *part = select_list(selection, json_array_get(tree, i), depth + 1);
        if (part == NULL) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, part);
    }
    return list;
}

json_t *g_fields_apply(struct str selection, const json_t *tree)
{
    return select_list(selection, tree, 0);
}

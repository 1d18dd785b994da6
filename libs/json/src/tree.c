#include "tree_int.h"

#include "base/buf.h"

int tree_stop(struct tree *t, enum err_code code, const char *reason)
{
    t->code = code;
    t->reason = reason;
    return 0; /* tells yajl to stop */
}

static struct str copy_text(struct tree *t, struct str text)
{
    if (!t->nul_replaced || str_find_char(text, '\0') == SIZE_MAX) {
        return arena_str(t->arena, text);
    }
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, text.len * 3);
    for (size_t i = 0; i < text.len; i++) {
        buf_add(&out, text.ptr[i] == '\0' ? STR("\xef\xbf\xbd") : str_sub(text, i, 1));
    }
    return arena_str(t->arena, buf_str(&out));
}

struct json *tree_add(struct tree *t, enum json_kind kind, struct str text)
{
    struct json *parent = t->depth > 0 ? t->stack[t->depth - 1] : NULL;

    if (t->max_bytes > 0 && t->arena->total_bytes + text.len > t->max_bytes) {
        tree_stop(t, ERR_TOO_BIG, "value too big");
        return NULL;
    }
    if (kind == JSON_STRING && !t->nul_replaced && str_find_char(text, '\0') != SIZE_MAX) {
        tree_stop(t, ERR_PROTO, "NUL in a string");
        return NULL;
    }
    struct json *node = ARENA_NEW(t->arena, struct json);
    node->kind = kind;
    node->key = t->key;
    t->key = (struct str){0};
    if (text.ptr != NULL) {
        node->text = copy_text(t, text);
    }
    if (parent == NULL) {
        t->root = node;
        return node;
    }
    if (parent->kind == JSON_OBJECT && parent->count == JSON_MAX_MEMBERS) {
        tree_stop(t, ERR_TOO_BIG, "too many members");
        return NULL;
    }
    if (parent->last != NULL) {
        parent->last->next = node;
    } else {
        parent->first = node;
    }
    parent->last = node;
    parent->count++;
    return node;
}

int tree_open(struct tree *t, enum json_kind kind)
{
    if (t->depth == JSON_MAX_DEPTH) {
        return tree_stop(t, ERR_PROTO, "nested too deeply");
    }
    struct json *node = tree_add(t, kind, (struct str){0});
    if (node == NULL) {
        return 0;
    }
    t->stack[t->depth++] = node;
    return 1;
}

int tree_close(struct tree *t)
{
    t->depth--;
    return 1;
}

int tree_key(struct tree *t, struct str key)
{
    const struct json *object = t->stack[t->depth - 1];
    if (!t->nul_replaced && str_find_char(key, '\0') != SIZE_MAX) {
        return tree_stop(t, ERR_PROTO, "NUL in a key");
    }
    json_foreach(member, object)
    {
        if (str_eq(member->key, key)) {
            return tree_stop(t, ERR_PROTO, "duplicate key");
        }
    }
    t->key = copy_text(t, key);
    return 1;
}

enum err_code tree_error(const struct tree *t, yajl_handle parser, struct err *err)
{
    if (t->code != ERR_OK) {
        return ERR_SET(err, t->code, "JSON: %s near byte %zu", t->reason,
                       yajl_get_bytes_consumed(parser));
    }
    /* yajl's own message quotes the text, which may be somebody's title: the place is enough. */
    return ERR_SET(err, ERR_PROTO, "malformed JSON near byte %zu", yajl_get_bytes_consumed(parser));
}

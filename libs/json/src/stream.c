#include "json/stream.h"

#include "tree_int.h"

/* The outer object and its other members are built in `rest`; each item of the array in `item`,
 * which is emptied after the item was handed over. */
struct json_stream {
    yajl_handle parser;
    struct tree rest;
    struct tree item;
    struct arena rest_arena;
    struct arena item_arena;
    struct str array_key;
    bool in_array;   /* inside of the array that is streamed */
    bool next_is_it; /* the key just read was array_key, at the outer level */
    json_item_fn on_item;
    void *arg;
    struct err *err; /* of the feed that is running */
    enum err_code item_code;
};

static struct tree *current(struct json_stream *s)
{
    s->next_is_it = false;
    return s->in_array ? &s->item : &s->rest;
}

/* After a value: if it was a whole item, hands it over. */
static int item_done(struct json_stream *s)
{
    if (!s->in_array || s->item.depth > 0) {
        return 1;
    }
    s->item_code = s->on_item(s->arg, s->item.root, s->err);
    arena_reset(&s->item_arena);
    s->item.root = NULL;
    return s->item_code == ERR_OK;
}

static int add(struct json_stream *s, enum json_kind kind, struct str text, bool boolean)
{
    struct json *node = tree_add(current(s), kind, text);
    if (node == NULL) {
        return 0;
    }
    node->boolean = boolean;
    return item_done(s);
}

static int on_null(void *ctx)
{
    return add(ctx, JSON_NULL, (struct str){0}, false);
}

static int on_bool(void *ctx, int value)
{
    return add(ctx, JSON_BOOL, (struct str){0}, value != 0);
}

static int on_number(void *ctx, const char *text, size_t len)
{
    return add(ctx, JSON_NUMBER, (struct str){text, len}, false);
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
    return add(ctx, JSON_STRING, (struct str){len ? (const char *)text : "", len}, false);
}

static int on_object(void *ctx)
{
    return tree_open(current(ctx), JSON_OBJECT);
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
    struct json_stream *s = ctx;
    struct str key = {len ? (const char *)text : "", len};
    int go_on = tree_key(current(s), key);
    s->next_is_it = !s->in_array && s->rest.depth == 1 && str_eq(key, s->array_key);
    return go_on;
}

static int on_object_end(void *ctx)
{
    struct json_stream *s = ctx;
    tree_close(current(s));
    return item_done(s);
}

static int on_array(void *ctx)
{
    struct json_stream *s = ctx;
    if (s->next_is_it) {
        /* Leaves an empty array in the rest, so that "the array was there" can be told. */
        struct tree *t = current(s);
        s->in_array = true;
        return tree_open(t, JSON_ARRAY) && tree_close(t);
    }
    return tree_open(current(s), JSON_ARRAY);
}

static int on_array_end(void *ctx)
{
    struct json_stream *s = ctx;
    if (s->in_array && s->item.depth == 0) {
        s->in_array = false;
        return 1;
    }
    tree_close(current(s));
    return item_done(s);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_object_end,
    .yajl_start_array = on_array,
    .yajl_end_array = on_array_end,
};

struct json_stream *json_stream_new(const char *array_key, size_t max_item_bytes,
                                    size_t max_rest_bytes, json_item_fn on_item, void *arg)
{
    struct json_stream *s = xcalloc(1, sizeof *s);
    s->array_key = str_c(array_key);
    s->on_item = on_item;
    s->arg = arg;
    arena_init(&s->rest_arena);
    arena_init(&s->item_arena);
    s->rest =
        (struct tree){.arena = &s->rest_arena, .max_bytes = max_rest_bytes, .nul_replaced = true};
    s->item =
        (struct tree){.arena = &s->item_arena, .max_bytes = max_item_bytes, .nul_replaced = true};
    s->parser = yajl_alloc(&callbacks, NULL, s);
    BUG_ON(s->parser == NULL);
    return s;
}

struct json_stream *json_stream_free(struct json_stream *s)
{
    if (s != NULL) {
        yajl_free(s->parser);
        arena_fini(&s->rest_arena);
        arena_fini(&s->item_arena);
        free(s);
    }
    return NULL;
}

static enum err_code stream_error(struct json_stream *s, struct err *err)
{
    if (s->item_code != ERR_OK) {
        return s->item_code; /* on_item filled err */
    }
    return tree_error(s->item.code != ERR_OK ? &s->item : &s->rest, s->parser, err);
}

enum err_code json_stream_feed(struct json_stream *s, struct str bytes, struct err *err)
{
    s->err = err;
    if (yajl_parse(s->parser, (const unsigned char *)bytes.ptr, bytes.len) != yajl_status_ok) {
        return stream_error(s, err);
    }
    return ERR_OK;
}

enum err_code json_stream_finish(struct json_stream *s, const struct json **ret_rest,
                                 struct err *err)
{
    s->err = err;
    if (yajl_complete_parse(s->parser) != yajl_status_ok) {
        return stream_error(s, err);
    }
    if (s->rest.root == NULL || s->rest.root->kind != JSON_OBJECT) {
        return ERR_SET(err, ERR_PROTO, "the JSON document is no object");
    }
    *ret_rest = s->rest.root;
    return ERR_OK;
}

/* The tree builder behind json_parse and json_stream: yajl's events in, nodes out. */
#ifndef JSON_TREE_INT_H
#define JSON_TREE_INT_H

#include "json/json.h"

#include <yajl/yajl_parse.h>

/* Nodes are taken from the arena that `arena` points to at that moment. */
struct tree {
    struct arena *arena;
    struct json *stack[JSON_MAX_DEPTH];
    size_t depth;
    struct str key; /* of the value that comes next */
    struct json *root;
    size_t max_bytes;   /* of the arena; 0: unbounded (the input is bounded) */
    bool nul_replaced;  /* a NUL in a string becomes U+FFFD instead of being refused */
    enum err_code code; /* why a callback stopped the parser */
    const char *reason;
};

/* Adds a value under the open container; NULL (with code and reason set) if a bound is passed. */
struct json *tree_add(struct tree *t, enum json_kind kind, struct str text);
int tree_open(struct tree *t, enum json_kind kind);
int tree_close(struct tree *t);
int tree_key(struct tree *t, struct str key);
int tree_stop(struct tree *t, enum err_code code, const char *reason);

/* Fills err from a parser that stopped. */
enum err_code tree_error(const struct tree *t, yajl_handle parser, struct err *err);

#endif

/* jansson with the bounds and the str of this project. Trees are reference counted: what a function
 * returns "new" is the caller's, else it is borrowed. */
#ifndef SIMULATOR_TREE_H
#define SIMULATOR_TREE_H

#include "base/buf.h"

#include <jansson.h>

#define TREE_MAX_DEPTH 64

/* A new tree; NULL for anything that is not one JSON value of bounded depth with unique keys. */
json_t *tree_parse(struct str text);

/* A new string; what is not UTF-8 becomes "". */
json_t *tree_str(struct str s);

/* Borrowed; the empty str if absent or of another type. */
struct str tree_get_str(const json_t *object, const char *key);
int64_t tree_get_i64(const json_t *object, const char *key, int64_t otherwise);
bool tree_get_bool(const json_t *object, const char *key, bool otherwise);
struct str tree_value_str(const json_t *value);

void tree_set_str(json_t *object, const char *key, struct str value);
void tree_set_c(json_t *object, const char *key, const char *value);
void tree_set_i64(json_t *object, const char *key, int64_t value);
void tree_set_bool(json_t *object, const char *key, bool value);
/* Moves value in. */
void tree_set(json_t *object, const char *key, json_t *value);

/* Appends the text; pretty is the services' indented form. */
void tree_dump(struct buf *out, const json_t *value, bool pretty);

/* For CLEANUP. */
void tree_release(json_t **value);

#endif

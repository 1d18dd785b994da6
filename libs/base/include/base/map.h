/* A hash map from bytes to a pointer: open addressing, SipHash with a key drawn at start, whole
 * keys compared. Keys are copied; values are the caller's. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/str.h"

struct map_slot {
    uint64_t hash;
    struct str key; /* ptr NULL: empty */
    void *value;
};

struct map {
    struct map_slot *slots;
    size_t cap; /* a power of two, or 0 */
    size_t len;
    size_t used; /* len and tombstones */
};

void map_init(struct map *m);
/* Frees the keys; the values are the caller's. */
void map_fini(struct map *m);

/* NULL if absent. */
void *map_find(const struct map *m, struct str key);
/* Sets, and returns the value that was there before (NULL if none). value is not NULL. */
void *map_put(struct map *m, struct str key, void *value);
/* Removes and returns the value; NULL if absent. */
void *map_remove(struct map *m, struct str key);

/* Walks in no order: start with *at = 0; false at the end. The entry just given may be removed. */
bool map_next(const struct map *m, size_t *at, struct str *ret_key, void **ret_value);

#endif

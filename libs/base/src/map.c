#include "base/map.h"

#include "base/hash.h"

#include <sys/random.h>

static const char tombstone[1];

static uint64_t map_hash(struct str key)
{
    static uint64_t seed[2];
    if (seed[0] == 0) { /* a peer must not be able to choose keys that collide */
        BUG_ON(getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed);
        seed[0] |= 1;
    }
    return hash_siphash(seed, key);
}

void map_init(struct map *m)
{
    *m = (struct map){0};
}

void map_fini(struct map *m)
{
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slots[i].key.ptr != tombstone) {
            free((void *)(uintptr_t)m->slots[i].key.ptr);
        }
    }
    free(m->slots);
    *m = (struct map){0};
}

static struct map_slot *find_slot(const struct map *m, struct str key, uint64_t hash)
{
    if (m->cap == 0) {
        return NULL;
    }
    for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct map_slot *slot = &m->slots[i];
        if (slot->key.ptr == NULL) {
            return NULL;
        }
        if (slot->hash == hash && slot->key.ptr != tombstone && str_eq(slot->key, key)) {
            return slot;
        }
    }
}

static void insert_new(struct map *m, struct map_slot entry)
{
    size_t i = entry.hash & (m->cap - 1);
    while (m->slots[i].key.ptr != NULL && m->slots[i].key.ptr != tombstone) {
        i = (i + 1) & (m->cap - 1);
    }
    m->used += m->slots[i].key.ptr == NULL;
    m->len++;
    m->slots[i] = entry;
}

static void grow(struct map *m)
{
    struct map old = *m;
    size_t cap = MAX((size_t)16, old.cap);
    while (cap < old.len * 2 + 2) {
        cap *= 2;
    }
    *m = (struct map){.slots = xcalloc(cap, sizeof *m->slots), .cap = cap};
    for (size_t i = 0; i < old.cap; i++) {
        if (old.slots[i].key.ptr != NULL && old.slots[i].key.ptr != tombstone) {
            insert_new(m, old.slots[i]);
        }
    }
    free(old.slots);
}

void *map_find(const struct map *m, struct str key)
{
    struct map_slot *slot = find_slot(m, key, map_hash(key));
    return slot ? slot->value : NULL;
}

void *map_put(struct map *m, struct str key, void *value)
{
    BUG_ON(value == NULL);
    uint64_t hash = map_hash(key);
    struct map_slot *slot = find_slot(m, key, hash);
    if (slot != NULL) {
        void *before = slot->value;
        slot->value = value;
        return before;
    }
    if ((m->used + 1) * 4 > m->cap * 3) {
        grow(m);
    }
    char *copy = xmalloc(key.len + 1);
    if (key.len > 0) {
        memcpy(copy, key.ptr, key.len);
    }
    copy[key.len] = '\0';
    insert_new(m, (struct map_slot){.hash = hash, .key = {copy, key.len}, .value = value});
    return NULL;
}

void *map_remove(struct map *m, struct str key)
{
    struct map_slot *slot = find_slot(m, key, map_hash(key));
    if (slot == NULL) {
        return NULL;
    }
    void *value = slot->value;
    free((void *)(uintptr_t)slot->key.ptr);
    *slot = (struct map_slot){.key = {tombstone, 0}};
    m->len--;
    return value;
}

bool map_next(const struct map *m, size_t *at, struct str *ret_key, void **ret_value)
{
    for (; *at < m->cap; (*at)++) {
        const struct map_slot *slot = &m->slots[*at];
        if (slot->key.ptr != NULL && slot->key.ptr != tombstone) {
            if (ret_key != NULL) {
                *ret_key = slot->key;
            }
            *ret_value = slot->value;
            (*at)++;
            return true;
        }
    }
    return false;
}

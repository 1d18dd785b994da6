#include "config_int.h"

#define NAME_MAX_LEN 64

/* Levenshtein's distance: insertions, deletions and replacements of one byte. */
static size_t distance(struct str a, struct str b)
{
    size_t row[NAME_MAX_LEN + 1];

    if (a.len > NAME_MAX_LEN || b.len > NAME_MAX_LEN) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t replace = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            diagonal = row[j];
            row[j] = MIN(replace, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[b.len];
}

const char *config_suggest(const struct config *c, struct str name, bool *ret_file)
{
    static const struct str suffix = {"_file", 5};
    size_t limit = MAX(name.len / 3, (size_t)1); /* further away it is another word */
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;

    for (size_t i = 0; i < c->count; i++) {
        const struct config_option *o = c->settings[i].option;
        struct str bare = name;
        bool file = config_is_hidden(o) && str_ends(name, suffix);
        if (file) {
            bare.len -= suffix.len;
        }
        size_t d = distance(bare, str_c(o->name));
        if (d < best_distance) {
            best_distance = d;
            best = o->name;
            *ret_file = file;
        }
    }
    return best_distance <= limit ? best : NULL;
}

/* Opaque tokens for pages and sync: numbers and names, sealed so that a forged one is noticed. */
#ifndef SIMULATOR_GOOGLE_OPAQUE_H
#define SIMULATOR_GOOGLE_OPAQUE_H

#include "simulator/google/model.h"

#define OPAQUE_NUMBERS 5

struct g_opaque {
    char kind;         /* 's' sync, 'p' page, 'S' and 'P' the same of a calendar list */
    struct str owner;  /* the user's sub */
    struct str target; /* the calendar's id; empty for a list */
    uint64_t numbers[OPAQUE_NUMBERS];
};

void g_opaque_print(const struct google *g, const struct g_opaque *o, struct buf *out);
/* False for anything that g_opaque_print did not make. The texts live in arena. */
bool g_opaque_parse(const struct google *g, struct str token, struct arena *arena,
                    struct g_opaque *ret_o);

#endif

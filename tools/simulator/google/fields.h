/* Partial responses: the `fields` parameter. */
#ifndef SIMULATOR_GOOGLE_FIELDS_H
#define SIMULATOR_GOOGLE_FIELDS_H

#include "simulator/tree.h"

/* A new tree with only what is selected: a comma list of names, `a/b`, `a(b,c)`, `*`. A selection
 * in an array applies to each element. NULL for a selection that is badly formed. */
json_t *g_fields_apply(struct str selection, const json_t *tree);

#endif

/* The stable texts of what providers grant and allow: in the database and in our JSON. Pure. */
#ifndef PROVIDERS_NAMES_H
#define PROVIDERS_NAMES_H

#include "providers/provider.h"

/* "read", "write", "calendars", "free_busy" */
const char *provider_grant_name(enum provider_grant grant);
/* The names of all bits that are set, a blank between them. */
void provider_grants_print(uint32_t grants, struct buf *out);
/* The bits of such a text; unknown names count for nothing. */
uint32_t provider_grants_parse(struct str text);

/* "none", "free_busy", "reader", "writer", "owner" */
const char *provider_role_name(enum provider_role role);
/* An unknown one is PROVIDER_ROLE_NONE. */
enum provider_role provider_role_parse(struct str text);

#endif

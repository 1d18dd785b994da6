/* A statement as it is known at build time; generated from a .sql file by cmake/EmbedSql.cmake. */
#ifndef POSTGRES_STMT_H
#define POSTGRES_STMT_H

#include "base/macros.h"

struct pg_stmt {
    const char *name; /* unique in the process: it is prepared under this name */
    const char *text;
    uint16_t param_count;
};

/* What the head of its .sql file promises; the tests compare it with what the server infers. */
struct pg_stmt_decl {
    const struct pg_stmt *stmt;
    const char *params;  /* types in order: "uuid,bigint,text[]" */
    const char *columns; /* "id uuid,stamp bigint"; "" if it returns no rows */
};

#endif

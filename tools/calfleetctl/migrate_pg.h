/* The runner's connection: one session, one statement at a time, so libpq is called directly and
 * blocks; the services' adapter (libs/postgres) lives on a loop that a command does not have.
 *
 * The session must be Postgres' own or a session pooler's: it holds an advisory lock. */
#ifndef CALFLEETCTL_MIGRATE_PG_H
#define CALFLEETCTL_MIGRATE_PG_H

#include "migrate_plan.h"

#include <libpq-fe.h>

struct migrate_limits {
    int64_t connect_ms;
    int64_t turn_ms; /* for another runner that is at work */
    int64_t lock_ms; /* for a lock within a migration: waiting for one stops the tables' traffic */
};

/* errs: ERR_UNAVAILABLE: no answer; ERR_CONFIG: the server refuses us, or the DSN is wrong. */
MUST_CHECK enum err_code migrate_connect(const char *dsn, const struct migrate_limits *limits,
                                         PGconn **ret_conn, struct err *err);
/* Takes NULL. For CLEANUP. */
void migrate_disconnect(PGconn **conn);

/* Only one runner works on a database: says so on stderr and waits where there is another one.
 * Held until disconnect. errs: ERR_TIMEOUT, ERR_UNAVAILABLE. */
MUST_CHECK enum err_code migrate_take_turn(PGconn *conn, const struct migrate_limits *limits,
                                           struct err *err);

/* What the database says is applied; nothing where the schema is not there yet. */
MUST_CHECK enum err_code migrate_applied(PGconn *conn, struct arena *arena,
                                         struct migration_list *ret_applied, struct err *err);

/* One file in one transaction together with its row in calfleet.migrations.
 * errs: ERR_TIMEOUT: a lock was not to be had; ERR_UNAVAILABLE, ERR_CONFLICT: try again;
 * ERR_CONFIG: the statement is refused, with SQLSTATE and line. */
MUST_CHECK enum err_code migrate_apply(PGconn *conn, const struct migration *m, const char *version,
                                       int64_t *ret_ms, struct err *err);

/* Is the host platform there (or its stand-in)? */
MUST_CHECK enum err_code migrate_host_present(PGconn *conn, bool *ret_present, struct err *err);
/* All the stand-in's files in one transaction. */
MUST_CHECK enum err_code migrate_host_apply(PGconn *conn, const struct migration_list *files,
                                            struct err *err);

#endif

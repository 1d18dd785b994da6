/* Migrations as files, and what is to be done where some are applied already.
 *
 * A folder holds NNNN_name.sql, from 0001 without a gap. They go forward only: what was applied is
 * never edited, which the checksums prove. */
#ifndef CALFLEETCTL_MIGRATE_PLAN_H
#define CALFLEETCTL_MIGRATE_PLAN_H

#include "base/arena.h"
#include "base/err.h"

#define MIGRATION_FILE_MAX_BYTES 4194304
#define MIGRATION_COUNT_MAX 9999

struct migration {
    int32_t version;   /* from 1 */
    struct str name;   /* "foundation" of 0001_foundation.sql */
    char checksum[65]; /* SHA-256 of the file, lower-case hex */
    struct str sql;    /* NUL-terminated; empty where it was read from the database */
};

struct migration_list {
    struct migration *items; /* by version */
    size_t count;
};

/* Version and name of "0001_foundation.sql"; false on anything else. Pure. */
bool migration_name_parse(struct str file_name, int32_t *ret_version, struct str *ret_name);

/* Reads the folder's migrations into the arena. Names that do not end in .sql are skipped.
 * errs: ERR_CONFIG if there are none, one has another form of name, a version is missing or there
 * twice; ERR_IO; ERR_TOO_BIG. */
MUST_CHECK enum err_code migration_list_read(const char *folder, struct arena *arena,
                                             struct migration_list *ret_list, struct err *err);

/* How many of the files' migrations are applied; the rest is to be applied, in order. A database
 * that is ahead of the files (they are of an older release) has nothing to be done. Pure.
 * errs: ERR_CONFIG if an applied one was edited or renamed since, or its versions have a gap. */
MUST_CHECK enum err_code migration_plan(const struct migration_list *files,
                                        const struct migration_list *applied, size_t *ret_applied,
                                        struct err *err);

#endif

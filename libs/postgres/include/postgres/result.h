/* Rows of an answer, in the server's binary formats: exact, and nothing to parse.
 *
 * A result lives as long as the arena that was given to the execution; texts are borrowed from it.
 * Rows and columns are counted from 0. A null reads as 0, false, the nil uuid or a str whose ptr
 * is NULL; an empty text has a ptr. A getter that does not fit the column's type, or an index out
 * of bounds, is a bug and aborts: statements are checked against a real server by the tests. */
#ifndef POSTGRES_RESULT_H
#define POSTGRES_RESULT_H

#include "base/arena.h"
#include "base/uuid.h"

struct pg_result; /* libpq's own */

size_t pg_row_count(const struct pg_result *r);
size_t pg_column_count(const struct pg_result *r);
/* Rows that the statement inserted, updated, deleted or returned. */
int64_t pg_affected(const struct pg_result *r);
bool pg_is_null(const struct pg_result *r, size_t row, size_t column);

/* text, varchar, name, json, jsonb, xml, enums. NUL-terminated as well. */
struct str pg_get_str(const struct pg_result *r, size_t row, size_t column);
struct str pg_get_bytea(const struct pg_result *r, size_t row, size_t column);
/* smallint, integer, bigint, oid. */
int64_t pg_get_i64(const struct pg_result *r, size_t row, size_t column);
bool pg_get_bool(const struct pg_result *r, size_t row, size_t column);
/* real, double precision. */
double pg_get_f64(const struct pg_result *r, size_t row, size_t column);
struct uuid pg_get_uuid(const struct pg_result *r, size_t row, size_t column);
/* timestamptz as UTC ms, rounded down; infinity is PG_TIME_INFINITY (params.h). */
int64_t pg_get_time(const struct pg_result *r, size_t row, size_t column);
/* The same, exact, in UTC microseconds; what lies past the year 294246 reads as infinity. */
int64_t pg_get_time_us(const struct pg_result *r, size_t row, size_t column);
/* date as days since 1970-01-01; infinity is INT32_MAX, -infinity INT32_MIN. */
int32_t pg_get_date(const struct pg_result *r, size_t row, size_t column);

/* text[] of one dimension; a null element has ptr NULL. The array is in the arena, its texts are
 * borrowed from the result and not NUL-terminated. A null array gives NULL and count 0. */
struct str *pg_get_text_array(const struct pg_result *r, size_t row, size_t column,
                              struct arena *arena, size_t *ret_count);
/* bigint[], integer[] or smallint[]; a null element reads as 0. */
int64_t *pg_get_i64_array(const struct pg_result *r, size_t row, size_t column, struct arena *arena,
                          size_t *ret_count);
struct uuid *pg_get_uuid_array(const struct pg_result *r, size_t row, size_t column,
                               struct arena *arena, size_t *ret_count);

#endif

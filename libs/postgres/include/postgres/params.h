/* Parameters of one execution, $1 first, in an arena.
 *
 *   struct pg_params p;
 *   pg_params_init(&p, arena);
 *   pg_add_uuid(&p, connection);
 *   pg_add_text_array(&p, titles, n);
 *
 * Scalars travel as text, so that the server's own input function of the parameter's type reads
 * them: an i64 fits smallint, integer and bigint, a text fits date or jsonb. bytea and arrays
 * travel in binary: no quoting on either side. The price is that an array's element type must be
 * exactly the one that its function names (text[] is not varchar[]); statements say so by a cast.
 *
 * All texts are copied into the arena, so the caller's memory may go. A text that is not UTF-8 or
 * holds a NUL spoils the parameters: the execution then fails with ERR_INVALID, ERR_ACT_DROP and
 * sends nothing. */
#ifndef POSTGRES_PARAMS_H
#define POSTGRES_PARAMS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/uuid.h"

/* More is a mistake in the statement; one array parameter replaces many rows. */
#define PG_PARAMS_MAX 128

/* The two ends of time, as UTC ms. */
#define PG_TIME_INFINITY INT64_MAX
#define PG_TIME_NEG_INFINITY INT64_MIN

struct pg_params {
    struct arena *arena;
    const char **values; /* NULL: null */
    int *lengths;
    int *formats; /* 0 text, 1 binary */
    uint16_t count;
    uint16_t cap;
    uint16_t bad; /* the first parameter that cannot be sent, counted from 1; 0: none */
    bool too_big;
};

void pg_params_init(struct pg_params *p, struct arena *arena);

/* ptr NULL: null, for all that take a str. */
void pg_add_text(struct pg_params *p, struct str text);
void pg_add_bytea(struct pg_params *p, struct str bytes);
/* The text of a JSON value, for json and jsonb; it is the caller's duty that it is one. */
void pg_add_json(struct pg_params *p, struct str json);
void pg_add_i64(struct pg_params *p, int64_t value);
void pg_add_bool(struct pg_params *p, bool value);
void pg_add_f64(struct pg_params *p, double value);
void pg_add_uuid(struct pg_params *p, struct uuid id);
/* timestamptz from UTC ms; the server's range is 4713 BC to 294276 AD. */
void pg_add_time(struct pg_params *p, int64_t at);
/* date from days since 1970-01-01. */
void pg_add_date(struct pg_params *p, int32_t days);
void pg_add_null(struct pg_params *p);

/* Arrays for unnest and = ANY. A str with ptr NULL is a null element; nulls[i] says it for the
 * others, and may itself be NULL: none is. */
void pg_add_text_array(struct pg_params *p, const struct str *items, size_t count);
void pg_add_bytea_array(struct pg_params *p, const struct str *items, size_t count);
void pg_add_jsonb_array(struct pg_params *p, const struct str *items, size_t count);
void pg_add_i16_array(struct pg_params *p, const int16_t *items, const bool *nulls, size_t count);
void pg_add_i32_array(struct pg_params *p, const int32_t *items, const bool *nulls, size_t count);
void pg_add_i64_array(struct pg_params *p, const int64_t *items, const bool *nulls, size_t count);
void pg_add_bool_array(struct pg_params *p, const bool *items, const bool *nulls, size_t count);
void pg_add_uuid_array(struct pg_params *p, const struct uuid *items, const bool *nulls,
                       size_t count);
void pg_add_time_array(struct pg_params *p, const int64_t *items, const bool *nulls, size_t count);
void pg_add_date_array(struct pg_params *p, const int32_t *days, const bool *nulls, size_t count);

/* errs: ERR_INVALID (not UTF-8, a NUL, a time out of the server's range), ERR_TOO_BIG (a parameter
 * over 256 MiB). Both name the parameter, never its value. */
MUST_CHECK enum err_code pg_params_ok(const struct pg_params *p, struct err *err);

#endif

/* Values of the server's binary formats.  src: PostgreSQL 15, the send function of each type */
#include "postgres/result.h"
#include "oid_int.h"
#include "postgres/params.h"

#include <endian.h>
#include <libpq-fe.h>
#include <stdio.h>

size_t pg_row_count(const struct pg_result *r)
{
    return (size_t)PQntuples(r);
}

size_t pg_column_count(const struct pg_result *r)
{
    return (size_t)PQnfields(r);
}

int64_t pg_affected(const struct pg_result *r)
{
    int64_t count = 0;
    /* libpq 15 takes it without const, and does not change it. */
    PGresult *open = (PGresult *)(uintptr_t)r;
    return str_to_i64(str_c(PQcmdTuples(open)), &count) ? count : 0;
}

__attribute__((noreturn)) static void wrong_type(const struct pg_result *r, size_t column,
                                                 const char *wanted)
{
    char text[160];
    snprintf(text, sizeof text, "column %s of type %u read as %s", PQfname(r, (int)column),
             PQftype(r, (int)column), wanted);
    bug_abort(__FILE__, __LINE__, __func__, text);
}

bool pg_is_null(const struct pg_result *r, size_t row, size_t column)
{
    BUG_ON(row >= pg_row_count(r) || column >= pg_column_count(r));
    return PQgetisnull(r, (int)row, (int)column) != 0;
}

static enum pg_oid type_of(const struct pg_result *r, size_t column)
{
    return (enum pg_oid)PQftype(r, (int)column);
}

/* The bytes of a value; ptr NULL: null. */
static struct str value(const struct pg_result *r, size_t row, size_t column)
{
    if (pg_is_null(r, row, column)) {
        return (struct str){NULL, 0};
    }
    return (struct str){PQgetvalue(r, (int)row, (int)column),
                        (size_t)PQgetlength(r, (int)row, (int)column)};
}

/* The same, of that type and width. */
static struct str value_of(const struct pg_result *r, size_t row, size_t column, enum pg_oid type,
                           size_t width, const char *wanted)
{
    struct str v = value(r, row, column);
    if (type_of(r, column) != type || (v.ptr != NULL && width > 0 && v.len != width)) {
        wrong_type(r, column, wanted);
    }
    return v;
}

static uint16_t read_u16(const char *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return be16toh(value);
}

static uint32_t read_u32(const char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return be32toh(value);
}

static uint64_t read_u64(const char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return be64toh(value);
}

struct str pg_get_str(const struct pg_result *r, size_t row, size_t column)
{
    static const enum pg_oid TEXTS[] = {OID_TEXT, OID_VARCHAR, OID_JSON,   OID_NAME,
                                        OID_XML,  OID_BPCHAR,  OID_UNKNOWN};
    struct str v = value(r, row, column);
    enum pg_oid type = type_of(r, column);
    if (type == OID_JSONB) {
        return v.len > 0 ? (struct str){v.ptr + 1, v.len - 1} : v;
    }
    if (type >= OID_FIRST_OWN) {
        return v; /* an enum: its label */
    }
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        if (type == TEXTS[i]) {
            return v;
        }
    }
    wrong_type(r, column, "text");
}

struct str pg_get_bytea(const struct pg_result *r, size_t row, size_t column)
{
    return value_of(r, row, column, OID_BYTEA, 0, "bytea");
}

/* An integer of 2, 4 or 8 bytes. */
static bool read_integer(uint32_t type, const char *at, size_t len, int64_t *ret_value)
{
    if (type == OID_INT8 && len == 8) {
        *ret_value = (int64_t)read_u64(at);
    } else if (type == OID_INT4 && len == 4) {
        *ret_value = (int32_t)read_u32(at);
    } else if (type == OID_INT2 && len == 2) {
        *ret_value = (int16_t)read_u16(at);
    } else if (type == OID_OID && len == 4) {
        *ret_value = read_u32(at);
    } else {
        return false;
    }
    return true;
}

int64_t pg_get_i64(const struct pg_result *r, size_t row, size_t column)
{
    static const char ZERO[8];
    int64_t number = 0;
    struct str v = value(r, row, column);
    enum pg_oid type = type_of(r, column);
    if (v.ptr == NULL) {
        v = (struct str){ZERO, type == OID_INT8 ? 8 : type == OID_INT2 ? 2 : 4};
    }
    if (!read_integer(type, v.ptr, v.len, &number)) {
        wrong_type(r, column, "an integer");
    }
    return number;
}

bool pg_get_bool(const struct pg_result *r, size_t row, size_t column)
{
    struct str v = value_of(r, row, column, OID_BOOL, 1, "boolean");
    return v.ptr != NULL && v.ptr[0] != 0;
}

double pg_get_f64(const struct pg_result *r, size_t row, size_t column)
{
    double wide = 0;
    if (type_of(r, column) == OID_FLOAT4) {
        struct str v = value_of(r, row, column, OID_FLOAT4, sizeof(float), "real");
        float narrow = 0;
        if (v.ptr != NULL) {
            uint32_t bits = read_u32(v.ptr);
            memcpy(&narrow, &bits, sizeof narrow);
        }
        return (double)narrow;
    }
    struct str v = value_of(r, row, column, OID_FLOAT8, sizeof(double), "double precision");
    if (v.ptr != NULL) {
        uint64_t bits = read_u64(v.ptr);
        memcpy(&wide, &bits, sizeof wide);
    }
    return wide;
}

struct uuid pg_get_uuid(const struct pg_result *r, size_t row, size_t column)
{
    struct uuid id = {{0}};
    struct str v = value_of(r, row, column, OID_UUID, sizeof id, "uuid");
    if (v.ptr != NULL) {
        memcpy(id.bytes, v.ptr, sizeof id.bytes);
    }
    return id;
}

/* Microseconds since the server's epoch; its infinities are the ends of the type. */
static int64_t server_time(const struct pg_result *r, size_t row, size_t column)
{
    struct str v = value_of(r, row, column, OID_TIMESTAMPTZ, sizeof(int64_t), "timestamptz");
    return v.ptr != NULL ? (int64_t)read_u64(v.ptr) : -PG_EPOCH_MS * 1000;
}

int64_t pg_get_time(const struct pg_result *r, size_t row, size_t column)
{
    int64_t us = server_time(r, row, column);
    if (us == INT64_MAX || us == INT64_MIN) {
        return us > 0 ? PG_TIME_INFINITY : PG_TIME_NEG_INFINITY;
    }
    return us / 1000 - (us % 1000 < 0 ? 1 : 0) + PG_EPOCH_MS;
}

int64_t pg_get_time_us(const struct pg_result *r, size_t row, size_t column)
{
    int64_t us = server_time(r, row, column);
    int64_t unix_us;
    if (us == INT64_MIN) {
        return PG_TIME_NEG_INFINITY;
    }
    return __builtin_add_overflow(us, PG_EPOCH_MS * 1000, &unix_us) ? PG_TIME_INFINITY : unix_us;
}

int32_t pg_get_date(const struct pg_result *r, size_t row, size_t column)
{
    struct str v = value_of(r, row, column, OID_DATE, sizeof(int32_t), "date");
    if (v.ptr == NULL) {
        return 0;
    }
    int32_t days = (int32_t)read_u32(v.ptr);
    return days == INT32_MAX || days == INT32_MIN ? days : days + PG_EPOCH_DAYS;
}

/* ---- arrays -------------------------------------------------------------------------------- */

struct elements {
    const char *at;
    const char *end;
    uint32_t type;
    size_t count;
};

/* Opens an array of at most one dimension; false if it is null or has another form. */
static bool elements_open(struct str v, struct elements *ret)
{
    if (v.len < 3 * sizeof(uint32_t)) {
        return false;
    }
    uint32_t dimensions = read_u32(v.ptr);
    *ret = (struct elements){.at = v.ptr + 12, .end = v.ptr + v.len, .type = read_u32(v.ptr + 8)};
    if (dimensions == 1) {
        if (v.len < 5 * sizeof(uint32_t)) {
            return false;
        }
        ret->count = read_u32(v.ptr + 12);
        ret->at += 8;
    }
    return dimensions <= 1 && ret->count <= v.len / sizeof(uint32_t);
}

/* ptr NULL: a null element. */
static bool elements_next(struct elements *e, struct str *ret_item)
{
    if ((size_t)(e->end - e->at) < sizeof(uint32_t)) {
        return false;
    }
    uint32_t len = read_u32(e->at);
    e->at += sizeof(uint32_t);
    if (len == UINT32_MAX) {
        *ret_item = (struct str){NULL, 0};
        return true;
    }
    if ((size_t)(e->end - e->at) < len) {
        return false;
    }
    *ret_item = (struct str){e->at, len};
    e->at += len;
    return true;
}

/* Opens the column's array, of which elements_next then gives exactly `count`. */
static bool array_open(const struct pg_result *r, size_t row, size_t column, struct elements *ret)
{
    struct str v = value(r, row, column);
    struct elements walk;
    struct str item;
    if (v.ptr == NULL) {
        return false;
    }
    if (!elements_open(v, &walk)) {
        wrong_type(r, column, "an array of one dimension");
    }
    *ret = walk;
    for (size_t i = 0; i < walk.count; i++) {
        if (!elements_next(&walk, &item)) {
            wrong_type(r, column, "an array");
        }
    }
    return true;
}

struct str *pg_get_text_array(const struct pg_result *r, size_t row, size_t column,
                              struct arena *arena, size_t *ret_count)
{
    struct elements e;
    *ret_count = 0;
    if (!array_open(r, row, column, &e)) {
        return NULL;
    }
    if (e.type != OID_TEXT && e.type != OID_VARCHAR && e.type < OID_FIRST_OWN) {
        wrong_type(r, column, "text[]");
    }
    struct str *items = ARENA_ARRAY(arena, struct str, e.count);
    while (*ret_count < e.count && elements_next(&e, &items[*ret_count])) {
        ++*ret_count;
    }
    return items;
}

int64_t *pg_get_i64_array(const struct pg_result *r, size_t row, size_t column, struct arena *arena,
                          size_t *ret_count)
{
    struct elements e;
    struct str item;
    *ret_count = 0;
    if (!array_open(r, row, column, &e)) {
        return NULL;
    }
    int64_t *items = ARENA_ARRAY(arena, int64_t, e.count);
    while (*ret_count < e.count && elements_next(&e, &item)) {
        if (item.ptr != NULL && !read_integer(e.type, item.ptr, item.len, &items[*ret_count])) {
            wrong_type(r, column, "an array of integers");
        }
        ++*ret_count;
    }
    return items;
}

struct uuid *pg_get_uuid_array(const struct pg_result *r, size_t row, size_t column,
                               struct arena *arena, size_t *ret_count)
{
    struct elements e;
    struct str item;
    *ret_count = 0;
    if (!array_open(r, row, column, &e)) {
        return NULL;
    }
    struct uuid *items = ARENA_ARRAY(arena, struct uuid, e.count);
    while (*ret_count < e.count && elements_next(&e, &item)) {
        if (e.type != OID_UUID || (item.ptr != NULL && item.len != sizeof(struct uuid))) {
            wrong_type(r, column, "uuid[]");
        }
        if (item.ptr != NULL) {
            memcpy(items[*ret_count].bytes, item.ptr, sizeof(struct uuid));
        }
        ++*ret_count;
    }
    return items;
}

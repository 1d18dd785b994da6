/* Parameters: scalars as text, bytea and arrays in the server's binary format.
 * src: PostgreSQL 15, array_recv and the receive function of each element type */
#include "postgres/params.h"
#include "oid_int.h"

#include <endian.h>
#include <math.h>
#include <stdio.h>

/* libpq takes lengths as int, and a message of the server's may have 1 GB; far more than any batch
 * of ours needs. */
#define PARAM_MAX ((size_t)256 << 20)

enum { FORMAT_TEXT, FORMAT_BINARY };

void pg_params_init(struct pg_params *p, struct arena *arena)
{
    *p = (struct pg_params){.arena = arena};
}

static void *grow(struct pg_params *p, const void *old, size_t item_size, uint16_t cap)
{
    void *grown = arena_alloc(p->arena, item_size * cap);
    if (p->count > 0) {
        memcpy(grown, old, item_size * p->count);
    }
    return grown;
}

static void add(struct pg_params *p, const char *value, size_t length, int format)
{
    BUG_ON(p->count >= PG_PARAMS_MAX);
    if (p->count == p->cap) {
        uint16_t cap = (uint16_t)MIN(MAX(2 * p->cap, 8), PG_PARAMS_MAX);
        p->values = grow(p, (const void *)p->values, sizeof *p->values, cap);
        p->lengths = grow(p, p->lengths, sizeof *p->lengths, cap);
        p->formats = grow(p, p->formats, sizeof *p->formats, cap);
        p->cap = cap;
    }
    p->values[p->count] = value;
    p->lengths[p->count] = (int)length;
    p->formats[p->count] = format;
    p->count++;
}

/* Adds a null in place of what cannot be sent, so that the numbers of those after it stay. */
static void add_bad(struct pg_params *p, bool too_big)
{
    add(p, NULL, 0, FORMAT_TEXT);
    if (p->bad == 0) {
        p->bad = p->count;
        p->too_big = too_big;
    }
}

static void add_copy(struct pg_params *p, struct str s, int format)
{
    if (s.ptr == NULL) {
        pg_add_null(p);
    } else if (s.len > PARAM_MAX) {
        add_bad(p, true);
    } else {
        add(p, arena_cstr(p->arena, s), s.len, format);
    }
}

void pg_add_null(struct pg_params *p)
{
    add(p, NULL, 0, FORMAT_TEXT);
}

void pg_add_text(struct pg_params *p, struct str text)
{
    if (text.len <= PARAM_MAX && !str_is_utf8(text)) {
        add_bad(p, false);
    } else {
        add_copy(p, text, FORMAT_TEXT);
    }
}

void pg_add_json(struct pg_params *p, struct str json)
{
    pg_add_text(p, json);
}

void pg_add_bytea(struct pg_params *p, struct str bytes)
{
    add_copy(p, bytes, FORMAT_BINARY);
}

static void add_print(struct pg_params *p, struct str text)
{
    add(p, text.ptr, text.len, FORMAT_TEXT);
}

void pg_add_i64(struct pg_params *p, int64_t value)
{
    add_print(p, arena_strf(p->arena, "%lld", (long long)value));
}

void pg_add_bool(struct pg_params *p, bool value)
{
    add(p, value ? "t" : "f", 1, FORMAT_TEXT);
}

void pg_add_f64(struct pg_params *p, double value)
{
    if (isnan(value)) {
        add_print(p, STR("NaN"));
    } else if (isinf(value)) {
        add_print(p, value > 0 ? STR("Infinity") : STR("-Infinity"));
    } else {
        add_print(p, arena_strf(p->arena, "%.17g", value));
    }
}

void pg_add_uuid(struct pg_params *p, struct uuid id)
{
    char *text = arena_alloc(p->arena, UUID_TEXT_LEN + 1);
    add_print(p, uuid_print(id, text));
}

/* ---- dates and times ----------------------------------------------------------------------- */

struct civil {
    int64_t year; /* 0 is 1 BC */
    int month;
    int day;
};

/* Days since 1970-01-01 to a date of the proleptic Gregorian calendar, which begins its years in
 * March here, so that the leap day is the last.  src: Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms", civil_from_days */
static struct civil civil_from_days(int64_t days)
{
    days += 719468; /* from 0000-03-01 */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int mp = (int)((5 * doy + 2) / 153);
    struct civil c = {.day = (int)(doy - (153 * mp + 2) / 5 + 1),
                      .month = mp < 10 ? mp + 3 : mp - 9};
    c.year = yoe + era * 400 + (c.month <= 2 ? 1 : 0);
    return c;
}

static const char *era_suffix(struct civil c)
{
    return c.year > 0 ? "" : " BC";
}

static long long year_shown(struct civil c)
{
    return c.year > 0 ? c.year : 1 - c.year;
}

static bool time_is_infinite(int64_t at)
{
    return at == PG_TIME_INFINITY || at == PG_TIME_NEG_INFINITY;
}

/* Further than this the server's microseconds do not fit; its own range is narrower. */
static bool time_fits(int64_t at)
{
    return time_is_infinite(at) ||
           (at > INT64_MIN / 1000 + PG_EPOCH_MS && at < INT64_MAX / 1000 + PG_EPOCH_MS);
}

void pg_add_time(struct pg_params *p, int64_t at)
{
    if (time_is_infinite(at)) {
        add_print(p, at > 0 ? STR("infinity") : STR("-infinity"));
        return;
    }
    if (!time_fits(at)) {
        add_bad(p, false);
        return;
    }
    int64_t ms = at % 86400000;
    int64_t days = at / 86400000;
    if (ms < 0) {
        ms += 86400000;
        days--;
    }
    struct civil c = civil_from_days(days);
    add_print(p, arena_strf(p->arena, "%04lld-%02d-%02d %02d:%02d:%02d.%03d+00%s", year_shown(c),
                            c.month, c.day, (int)(ms / 3600000), (int)(ms / 60000 % 60),
                            (int)(ms / 1000 % 60), (int)(ms % 1000), era_suffix(c)));
}

void pg_add_date(struct pg_params *p, int32_t days)
{
    struct civil c = civil_from_days(days);
    add_print(p, arena_strf(p->arena, "%04lld-%02d-%02d%s", year_shown(c), c.month, c.day,
                            era_suffix(c)));
}

/* ---- arrays -------------------------------------------------------------------------------- */

static char *put_u32(char *at, uint32_t value)
{
    value = htobe32(value);
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

#define ARRAY_HEAD_SIZE (5 * sizeof(uint32_t))

/* Writes the head of a one-dimensional array; none of its elements where there are none. */
static char *put_head(char *at, size_t count, bool has_null, uint32_t element)
{
    at = put_u32(at, count > 0 ? 1 : 0); /* dimensions */
    at = put_u32(at, has_null);
    at = put_u32(at, element);
    if (count > 0) {
        at = put_u32(at, (uint32_t)count);
        at = put_u32(at, 1); /* the first index */
    }
    return at;
}

static bool any_null(const bool *nulls, size_t count)
{
    return nulls != NULL && count > 0 && memchr(nulls, true, count) != NULL;
}

static void add_str_array(struct pg_params *p, const struct str *items, size_t count,
                          uint32_t element, bool is_text)
{
    bool has_null = false;
    size_t prefix = element == OID_JSONB ? 1 : 0;
    size_t size = ARRAY_HEAD_SIZE;
    for (size_t i = 0; i < count && size <= PARAM_MAX; i++) {
        has_null = has_null || items[i].ptr == NULL;
        size += sizeof(uint32_t) + prefix + MIN(items[i].len, PARAM_MAX);
        if (size <= PARAM_MAX && is_text && items[i].ptr != NULL && !str_is_utf8(items[i])) {
            add_bad(p, false);
            return;
        }
    }
    if (size > PARAM_MAX) {
        add_bad(p, true);
        return;
    }
    char *bytes = arena_alloc(p->arena, size);
    char *at = put_head(bytes, count, has_null, element);
    for (size_t i = 0; i < count; i++) {
        if (items[i].ptr == NULL) {
            at = put_u32(at, UINT32_MAX);
            continue;
        }
        at = put_u32(at, (uint32_t)(prefix + items[i].len));
        if (prefix > 0) {
            *at++ = PG_JSONB_VERSION;
        }
        memcpy(at, items[i].ptr, items[i].len);
        at += items[i].len;
    }
    add(p, bytes, (size_t)(at - bytes), FORMAT_BINARY);
}

void pg_add_text_array(struct pg_params *p, const struct str *items, size_t count)
{
    add_str_array(p, items, count, OID_TEXT, true);
}

void pg_add_bytea_array(struct pg_params *p, const struct str *items, size_t count)
{
    add_str_array(p, items, count, OID_BYTEA, false);
}

void pg_add_jsonb_array(struct pg_params *p, const struct str *items, size_t count)
{
    add_str_array(p, items, count, OID_JSONB, true);
}

/* Writes the element with that index, as wide as the array's elements are. */
typedef void (*put_fn)(const void *items, size_t index, char *out);

static void add_fixed_array(struct pg_params *p, const void *items, const bool *nulls, size_t count,
                            uint32_t element, size_t width, put_fn put)
{
    if (count > (PARAM_MAX - ARRAY_HEAD_SIZE) / (sizeof(uint32_t) + width)) {
        add_bad(p, true);
        return;
    }
    char *bytes = arena_alloc(p->arena, ARRAY_HEAD_SIZE + count * (sizeof(uint32_t) + width));
    char *at = put_head(bytes, count, any_null(nulls, count), element);
    for (size_t i = 0; i < count; i++) {
        if (nulls != NULL && nulls[i]) {
            at = put_u32(at, UINT32_MAX);
            continue;
        }
        at = put_u32(at, (uint32_t)width);
        put(items, i, at);
        at += width;
    }
    add(p, bytes, (size_t)(at - bytes), FORMAT_BINARY);
}

static void put_i16(const void *items, size_t i, char *out)
{
    uint16_t value = htobe16((uint16_t)((const int16_t *)items)[i]);
    memcpy(out, &value, sizeof value);
}

static void put_i32(const void *items, size_t i, char *out)
{
    put_u32(out, (uint32_t)((const int32_t *)items)[i]);
}

static void put_64(int64_t value, char *out)
{
    uint64_t bytes = htobe64((uint64_t)value);
    memcpy(out, &bytes, sizeof bytes);
}

static void put_i64(const void *items, size_t i, char *out)
{
    put_64(((const int64_t *)items)[i], out);
}

static void put_bool(const void *items, size_t i, char *out)
{
    *out = ((const bool *)items)[i] ? 1 : 0;
}

static void put_uuid(const void *items, size_t i, char *out)
{
    memcpy(out, ((const struct uuid *)items)[i].bytes, sizeof(struct uuid));
}

static void put_time(const void *items, size_t i, char *out)
{
    int64_t at = ((const int64_t *)items)[i];
    put_64(time_is_infinite(at) ? at : (at - PG_EPOCH_MS) * 1000, out);
}

static void put_date(const void *items, size_t i, char *out)
{
    put_u32(out, (uint32_t)(((const int32_t *)items)[i] - PG_EPOCH_DAYS));
}

void pg_add_i16_array(struct pg_params *p, const int16_t *items, const bool *nulls, size_t count)
{
    add_fixed_array(p, items, nulls, count, OID_INT2, sizeof(int16_t), put_i16);
}

void pg_add_i32_array(struct pg_params *p, const int32_t *items, const bool *nulls, size_t count)
{
    add_fixed_array(p, items, nulls, count, OID_INT4, sizeof(int32_t), put_i32);
}

void pg_add_i64_array(struct pg_params *p, const int64_t *items, const bool *nulls, size_t count)
{
    add_fixed_array(p, items, nulls, count, OID_INT8, sizeof(int64_t), put_i64);
}

void pg_add_bool_array(struct pg_params *p, const bool *items, const bool *nulls, size_t count)
{
    add_fixed_array(p, items, nulls, count, OID_BOOL, 1, put_bool);
}

void pg_add_uuid_array(struct pg_params *p, const struct uuid *items, const bool *nulls,
                       size_t count)
{
    add_fixed_array(p, items, nulls, count, OID_UUID, sizeof(struct uuid), put_uuid);
}

void pg_add_time_array(struct pg_params *p, const int64_t *items, const bool *nulls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if ((nulls == NULL || !nulls[i]) && !time_fits(items[i])) {
            add_bad(p, false);
            return;
        }
    }
    add_fixed_array(p, items, nulls, count, OID_TIMESTAMPTZ, sizeof(int64_t), put_time);
}

void pg_add_date_array(struct pg_params *p, const int32_t *days, const bool *nulls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if ((nulls == NULL || !nulls[i]) && days[i] < INT32_MIN + PG_EPOCH_DAYS) {
            add_bad(p, false);
            return;
        }
    }
    add_fixed_array(p, days, nulls, count, OID_DATE, sizeof(int32_t), put_date);
}

enum err_code pg_params_ok(const struct pg_params *p, struct err *err)
{
    if (p->bad == 0) {
        return ERR_OK;
    }
    return p->too_big
               ? ERR_SET_ACT(err, ERR_TOO_BIG, ERR_ACT_DROP, "parameter $%u is over %zu MiB",
                             p->bad, PARAM_MAX >> 20)
               : ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP,
                             "parameter $%u: not UTF-8, a NUL, or out of time's range", p->bad);
}

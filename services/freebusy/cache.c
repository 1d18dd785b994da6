#include "cache.h"

#include "calendar/time.h"

#define FORM 1 /* of a value; another form takes another number */
#define SHORT_DAYS 7
#define LONG_DAYS 28
#define SHORT_WINDOW_MS (35 * CALENDAR_DAY_MS)
#define SHOW_AS_BITS 3

/* ---- blocks ---------------------------------------------------------------------------------- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

size_t fb_blocks_of(struct fb_window w, struct fb_block ret_blocks[FB_BLOCKS_MAX])
{
    int64_t days = w.to_at - w.from_at <= SHORT_WINDOW_MS ? SHORT_DAYS : LONG_DAYS;
    int64_t first = floor_div(w.from_at, days * CALENDAR_DAY_MS);
    int64_t last = floor_div(w.to_at - 1, days * CALENDAR_DAY_MS);
    size_t n = 0;
    for (int64_t i = first; i <= last; i++) {
        BUG_ON(n == FB_BLOCKS_MAX);
        ret_blocks[n++] = (struct fb_block){days, i};
    }
    return n;
}

struct fb_window fb_block_window(struct fb_block b)
{
    int64_t ms = b.days * CALENDAR_DAY_MS;
    return (struct fb_window){b.number * ms, (b.number + 1) * ms};
}

struct str fb_cache_key(struct uuid connection, int64_t counter, struct fb_block block,
                        struct arena *arena)
{
    return arena_strf(arena, "fb:%s:%lld:%lld:%lld", UUID_C(connection), (long long)counter,
                      (long long)block.days, (long long)block.number);
}

/* ---- values ---------------------------------------------------------------------------------- */

static void put(struct buf *out, uint64_t n)
{
    while (n >= 0x80) {
        buf_add_char(out, (char)(n | 0x80));
        n >>= 7;
    }
    buf_add_char(out, (char)n);
}

enum err_code fb_cache_encode(struct fb_window block, const struct fb_cached *value,
                              struct buf *out, struct err *err)
{
    buf_add_char(out, FORM);
    put(out, (uint64_t)value->computed_at);
    put(out, value->calendar_count);
    for (size_t i = 0; i < value->calendar_count; i++) {
        const struct fb_busy *busy = &value->calendars[i];
        int64_t at = block.from_at;
        put(out, (uint64_t)busy->calendar);
        put(out, busy->span_count);
        for (size_t k = 0; k < busy->span_count; k++) {
            const struct calendar_span *s = &busy->spans[k];
            put(out, (uint64_t)(s->start_at - at));
            put(out, (uint64_t)(s->end_at - s->start_at) << SHOW_AS_BITS | (uint64_t)s->show_as);
            at = s->end_at;
        }
    }
    return buf_ok(out, err);
}

struct reader {
    struct str rest;
    bool bad;
};

/* At most 63 bits, so that what is read is an int64_t as well. */
static uint64_t take(struct reader *r)
{
    uint64_t n = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
        if (r->rest.len == 0) {
            break;
        }
        uint8_t byte = (uint8_t)r->rest.ptr[0];
        r->rest = str_sub(r->rest, 1, SIZE_MAX);
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return n;
        }
    }
    r->bad = true;
    return 0;
}

/* A number of things that take `bytes` each at least. */
static size_t take_count(struct reader *r, size_t bytes)
{
    uint64_t n = take(r);
    if (n > r->rest.len / bytes) {
        r->bad = true;
        return 0;
    }
    return (size_t)n;
}

static void take_spans(struct reader *r, struct fb_window block, struct arena *arena,
                       struct fb_busy *busy)
{
    size_t n = take_count(r, 2);
    struct calendar_span *spans = ARENA_ARRAY(arena, struct calendar_span, n);
    int64_t at = block.from_at;
    for (size_t i = 0; i < n && !r->bad; i++) {
        uint64_t gap = take(r);
        uint64_t length = take(r);
        uint64_t show_as = length & ((1U << SHOW_AS_BITS) - 1);
        length >>= SHOW_AS_BITS;
        uint64_t room = (uint64_t)(block.to_at - at);
        if (gap > room || length > room - gap || length == 0 ||
            show_as > CALENDAR_WORKING_ELSEWHERE || show_as == CALENDAR_FREE) {
            r->bad = true;
            return;
        }
        spans[i] = (struct calendar_span){.start_at = at + (int64_t)gap,
                                          .end_at = at + (int64_t)(gap + length),
                                          .show_as = (enum calendar_show_as)show_as};
        at = spans[i].end_at;
    }
    busy->spans = spans;
    busy->span_count = n;
}

enum err_code fb_cache_decode(struct fb_window block, struct str bytes, struct arena *arena,
                              struct fb_cached *ret_value, struct err *err)
{
    struct reader r = {.rest = bytes};
    if (bytes.len > FB_CACHE_MAX_BYTES || take(&r) != FORM) {
        return ERR_SET(err, ERR_PROTO, "a cached value of another form");
    }
    struct fb_cached value = {.computed_at = (int64_t)take(&r)};
    value.calendar_count = take_count(&r, 2);
    value.calendars = ARENA_ARRAY(arena, struct fb_busy, value.calendar_count);
    int64_t before = 0;
    for (size_t i = 0; i < value.calendar_count && !r.bad; i++) {
        value.calendars[i].calendar = (int64_t)take(&r);
        r.bad = r.bad || value.calendars[i].calendar <= before;
        before = value.calendars[i].calendar;
        take_spans(&r, block, arena, &value.calendars[i]);
    }
    if (r.bad || r.rest.len > 0 || value.computed_at > CALENDAR_MAX_AT) {
        return ERR_SET(err, ERR_PROTO, "a cached value that is cut or altered");
    }
    *ret_value = value;
    return ERR_OK;
}

/* Any bytes as a value of Redis: refused, or spans that are disjoint, within their block, and
 * encode and decode to the same again. */
#include "cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct fb_window block = {0, 7 * INT64_C(86400000)};

static void check(const struct fb_cached *value)
{
    for (size_t i = 0; i < value->calendar_count; i++) {
        int64_t at = block.from_at;
        for (size_t k = 0; k < value->calendars[i].span_count; k++) {
            const struct calendar_span *s = &value->calendars[i].spans[k];
            BUG_ON(s->start_at < at || s->end_at <= s->start_at || s->end_at > block.to_at);
            BUG_ON(s->show_as == CALENDAR_FREE || s->show_as > CALENDAR_WORKING_ELSEWHERE);
            at = s->end_at;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena CLEANUP(arena_fini);
    struct buf again CLEANUP(buf_fini);
    struct fb_cached value, second;

    arena_init(&arena);
    buf_init(&again, FB_CACHE_MAX_BYTES);
    struct str bytes = {(const char *)data, size};
    if (fb_cache_decode(block, bytes, &arena, &value, NULL) != ERR_OK) {
        return 0;
    }
    check(&value);
    BUG_ON(fb_cache_encode(block, &value, &again, NULL) != ERR_OK);
    BUG_ON(fb_cache_decode(block, buf_str(&again), &arena, &second, NULL) != ERR_OK);
    BUG_ON(second.calendar_count != value.calendar_count);
    BUG_ON(second.computed_at != value.computed_at);
    return 0;
}

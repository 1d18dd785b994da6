/* Blocks of time, and the value that Redis keeps of one; also bytes that nobody of ours wrote. */
#include "cache.h"

#include "calendar/time.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first */
#include <cmocka.h>

#define HOUR INT64_C(3600000)
#define WEEK (7 * CALENDAR_DAY_MS)
#define AT INT64_C(1790000000000)

static const struct fb_window block = {2960 * WEEK, 2961 * WEEK};

/* ---- blocks ---------------------------------------------------------------------------------- */

static void check_blocks(struct fb_window w, size_t wanted)
{
    struct fb_block blocks[FB_BLOCKS_MAX];
    size_t n = fb_blocks_of(w, blocks);
    assert_int_equal(n, wanted);
    assert_true(fb_block_window(blocks[0]).from_at <= w.from_at);
    assert_true(fb_block_window(blocks[n - 1]).to_at >= w.to_at);
    for (size_t i = 1; i < n; i++) {
        assert_int_equal(fb_block_window(blocks[i]).from_at, fb_block_window(blocks[i - 1]).to_at);
    }
}

static void test_blocks(void **state UNUSED)
{
    check_blocks((struct fb_window){0, WEEK}, 1);
    check_blocks((struct fb_window){0, WEEK + 1}, 2);
    check_blocks((struct fb_window){-1, 1}, 2);
    check_blocks((struct fb_window){-WEEK, 0}, 1);
    check_blocks((struct fb_window){AT, AT + 1}, 1);
    check_blocks((struct fb_window){1, 35 * CALENDAR_DAY_MS + 1}, 6);
    check_blocks((struct fb_window){0, 36 * CALENDAR_DAY_MS}, 2);
    for (int64_t day = 0; day < 56; day++) {
        struct fb_window w = {day * CALENDAR_DAY_MS - 1, (day + 366) * CALENDAR_DAY_MS - 1};
        struct fb_block blocks[FB_BLOCKS_MAX];
        assert_in_range(fb_blocks_of(w, blocks), 14, FB_BLOCKS_MAX);
    }
}

/* Whatever a value depends on is in its key. */
static void test_key(void **state UNUSED)
{
    struct arena arena;
    struct uuid id = {{1}}, other = {{2}};
    arena_init(&arena);
    struct str key = fb_cache_key(id, 7, (struct fb_block){7, 2960}, &arena);
    assert_true(str_eq_c(key, "fb:01000000-0000-0000-0000-000000000000:7:7:2960"));
    assert_false(str_eq(key, fb_cache_key(other, 7, (struct fb_block){7, 2960}, &arena)));
    assert_false(str_eq(key, fb_cache_key(id, 8, (struct fb_block){7, 2960}, &arena)));
    assert_false(str_eq(key, fb_cache_key(id, 7, (struct fb_block){28, 2960}, &arena)));
    assert_false(str_eq(key, fb_cache_key(id, 7, (struct fb_block){7, 2961}, &arena)));
    arena_fini(&arena);
}

/* ---- values ---------------------------------------------------------------------------------- */

static const struct calendar_span first[] = {
    {2960 * WEEK, 2960 * WEEK + HOUR, CALENDAR_BUSY},
    {2960 * WEEK + HOUR, 2960 * WEEK + 2 * HOUR, CALENDAR_SHOW_TENTATIVE},
    {2961 * WEEK - 1, 2961 * WEEK, CALENDAR_OUT_OF_OFFICE},
};
static const struct calendar_span second[] = {
    {2960 * WEEK, 2961 * WEEK, CALENDAR_WORKING_ELSEWHERE},
};

static struct str encoded(struct arena *arena)
{
    struct fb_busy busy[] = {{3, first, ARRAY_LEN(first)}, {INT64_MAX, second, 1}};
    struct fb_cached value = {.computed_at = AT, .calendars = busy, .calendar_count = 2};
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, FB_CACHE_MAX_BYTES);
    assert_int_equal(fb_cache_encode(block, &value, &out, NULL), ERR_OK);
    return arena_str(arena, buf_str(&out));
}

static void test_round_trip(void **state UNUSED)
{
    struct arena arena;
    struct fb_cached got;
    arena_init(&arena);
    assert_int_equal(fb_cache_decode(block, encoded(&arena), &arena, &got, NULL), ERR_OK);
    assert_int_equal(got.computed_at, AT);
    assert_int_equal(got.calendar_count, 2);
    assert_int_equal(got.calendars[0].calendar, 3);
    assert_int_equal(got.calendars[0].span_count, ARRAY_LEN(first));
    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        const struct calendar_span *s = &got.calendars[0].spans[i];
        assert_int_equal(s->start_at, first[i].start_at);
        assert_int_equal(s->end_at, first[i].end_at);
        assert_int_equal(s->show_as, first[i].show_as);
    }
    assert_true(got.calendars[1].calendar == INT64_MAX);
    assert_int_equal(got.calendars[1].spans[0].end_at, block.to_at);
    arena_fini(&arena);
}

static void test_empty(void **state UNUSED)
{
    struct arena arena;
    struct fb_cached value = {.computed_at = AT}, got;
    struct buf out CLEANUP(buf_fini);
    arena_init(&arena);
    buf_init(&out, FB_CACHE_MAX_BYTES);
    assert_int_equal(fb_cache_encode(block, &value, &out, NULL), ERR_OK);
    assert_int_equal(fb_cache_decode(block, buf_str(&out), &arena, &got, NULL), ERR_OK);
    assert_int_equal(got.calendar_count, 0);
    assert_int_equal(got.computed_at, AT);
    arena_fini(&arena);
}

static void refuse(const char *bytes, size_t len)
{
    struct arena arena;
    struct fb_cached got;
    arena_init(&arena);
    assert_int_equal(fb_cache_decode(block, (struct str){bytes, len}, &arena, &got, NULL),
                     ERR_PROTO);
    arena_fini(&arena);
}
#define REFUSE(literal) refuse("" literal, sizeof(literal) - 1)

static void test_cut_and_extended(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena);
    struct str whole = encoded(&arena);
    for (size_t len = 0; len < whole.len; len++) {
        char *cut = xmalloc(len + 1); /* of its own, so that a read past its end is found */
        memcpy(cut, whole.ptr, len);
        refuse(cut, len);
        free(cut);
    }
    char *more = arena_alloc(&arena, whole.len + 1);
    memcpy(more, whole.ptr, whole.len);
    more[whole.len] = 1;
    refuse(more, whole.len + 1);
    arena_fini(&arena);
}

static void test_hostile(void **state UNUSED)
{
    REFUSE("");
    REFUSE("\x02\x01\x00");                                     /* another form */
    REFUSE("\x01\x01\xff\xff\xff\xff\x0f");                     /* more calendars than bytes */
    REFUSE("\x01\x01\x01\x03\xff\xff\xff\xff\x0f");             /* more spans than bytes */
    REFUSE("\x01\x01\x01\x00\x00");                             /* no calendar has the number 0 */
    REFUSE("\x01\x01\x02\x03\x00\x03\x00");                     /* the same twice */
    REFUSE("\x01\x01\x02\x04\x00\x03\x00");                     /* out of order */
    REFUSE("\x01\x01\x01\x03\x01\x00\x00");                     /* an empty span */
    REFUSE("\x01\x01\x01\x03\x01\x00\x09");                     /* free is not a span */
    REFUSE("\x01\x01\x01\x03\x01\x00\x0d");                     /* no such show-as */
    REFUSE("\x01\x01\x01\x03\x01\xff\xff\xff\xff\x0f\x08");     /* begins after the block */
    REFUSE("\x01\x01\x01\x03\x01\x00\xff\xff\xff\xff\xff\x0f"); /* ends after the block */
    REFUSE("\x01\x01\x01\x03\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f"); /* overflow */
    REFUSE("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00");             /* 64 bits */
}

/* Every bit of a value turned: refused, or still spans that are disjoint and within the block. */
static void test_bit_flips(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena);
    struct str whole = encoded(&arena);
    for (size_t bit = 0; bit < whole.len * 8; bit++) {
        char *bytes = arena_cstr(&arena, whole);
        struct fb_cached got = {0};
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << (bit % 8)));
        if (fb_cache_decode(block, (struct str){bytes, whole.len}, &arena, &got, NULL) != ERR_OK) {
            continue;
        }
        for (size_t i = 0; i < got.calendar_count; i++) {
            int64_t at = block.from_at;
            for (size_t k = 0; k < got.calendars[i].span_count; k++) {
                const struct calendar_span *s = &got.calendars[i].spans[k];
                assert_true(s->start_at >= at && s->end_at > s->start_at);
                assert_int_not_equal(s->show_as, CALENDAR_FREE);
                at = s->end_at;
            }
            assert_true(at <= block.to_at);
        }
    }
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),           cmocka_unit_test(test_key),
        cmocka_unit_test(test_round_trip),       cmocka_unit_test(test_empty),
        cmocka_unit_test(test_cut_and_extended), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_bit_flips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

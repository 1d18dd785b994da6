/* Spans, and the table of what counts as busy. */
#include "calendar/span.h"

#include "support.h"

static void test_spans_merge_by_strength_and_clip(void **state UNUSED)
{
    struct calendar_span spans[12] = {{10, 20, CALENDAR_BUSY},
                                      {15, 30, CALENDAR_SHOW_TENTATIVE},
                                      {30, 40, CALENDAR_SHOW_TENTATIVE},
                                      {18, 25, CALENDAR_OUT_OF_OFFICE},
                                      {5, 5, CALENDAR_BUSY},
                                      {50, 45, CALENDAR_BUSY}};
    size_t n = calendar_spans_merge(spans, 6);
    assert_int_equal(n, 3);
    assert_true(spans[0].start_at == 10 && spans[0].end_at == 18 &&
                spans[0].show_as == CALENDAR_BUSY);
    assert_true(spans[1].start_at == 18 && spans[1].end_at == 25 &&
                spans[1].show_as == CALENDAR_OUT_OF_OFFICE);
    assert_true(spans[2].start_at == 25 && spans[2].end_at == 40 &&
                spans[2].show_as == CALENDAR_SHOW_TENTATIVE);
    n = calendar_spans_clip(spans, n, 12, 25);
    assert_int_equal(n, 2);
    assert_true(spans[0].start_at == 12 && spans[1].end_at == 25);
}

/* The whole table of span.h. */
static void test_what_takes_time(void **state UNUSED)
{
    static const struct {
        enum calendar_status status;
        enum calendar_show_as show_as;
        enum calendar_response mine;
        const char *type;
        enum calendar_show_as expected; /* FREE: none */
        bool blocks;
    } rows[] = {
        {CALENDAR_CANCELLED, CALENDAR_BUSY, CALENDAR_ACCEPTED, "default", CALENDAR_FREE, false},
        {CALENDAR_CONFIRMED, CALENDAR_BUSY, CALENDAR_DECLINED, "default", CALENDAR_FREE, false},
        {CALENDAR_CONFIRMED, CALENDAR_OUT_OF_OFFICE, CALENDAR_DECLINED, "default", CALENDAR_FREE,
         false},
        {CALENDAR_CONFIRMED, CALENDAR_FREE, CALENDAR_ACCEPTED, "default", CALENDAR_FREE, false},
        {CALENDAR_CONFIRMED, CALENDAR_FREE, CALENDAR_NONE, "workingLocation", CALENDAR_FREE, false},
        {CALENDAR_CONFIRMED, CALENDAR_BUSY, CALENDAR_RESPONSE_UNKNOWN, "birthday", CALENDAR_FREE,
         false},
        {CALENDAR_CONFIRMED, CALENDAR_WORKING_ELSEWHERE, CALENDAR_ORGANIZER, "default",
         CALENDAR_WORKING_ELSEWHERE, false},
        {CALENDAR_CONFIRMED, CALENDAR_BUSY, CALENDAR_RESPONSE_UNKNOWN, "workingLocation",
         CALENDAR_WORKING_ELSEWHERE, false},
        {CALENDAR_TENTATIVE, CALENDAR_OUT_OF_OFFICE, CALENDAR_NONE, "default",
         CALENDAR_OUT_OF_OFFICE, true},
        {CALENDAR_CONFIRMED, CALENDAR_BUSY, CALENDAR_RESPONSE_UNKNOWN, "outOfOffice",
         CALENDAR_OUT_OF_OFFICE, true},
        {CALENDAR_TENTATIVE, CALENDAR_BUSY, CALENDAR_ACCEPTED, "default", CALENDAR_SHOW_TENTATIVE,
         true},
        {CALENDAR_CONFIRMED, CALENDAR_SHOW_TENTATIVE, CALENDAR_ACCEPTED, "default",
         CALENDAR_SHOW_TENTATIVE, true},
        {CALENDAR_CONFIRMED, CALENDAR_BUSY, CALENDAR_TENTATIVELY, "default",
         CALENDAR_SHOW_TENTATIVE, true},
        {CALENDAR_CONFIRMED, CALENDAR_BUSY, CALENDAR_NONE, "default", CALENDAR_SHOW_TENTATIVE,
         true},
        {CALENDAR_CONFIRMED, CALENDAR_BUSY, CALENDAR_ACCEPTED, "default", CALENDAR_BUSY, true},
        {CALENDAR_CONFIRMED, CALENDAR_BUSY, CALENDAR_ORGANIZER, "focusTime", CALENDAR_BUSY, true},
        {CALENDAR_CONFIRMED, CALENDAR_BUSY, CALENDAR_RESPONSE_UNKNOWN, "", CALENDAR_BUSY, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum calendar_show_as as = CALENDAR_FREE;
        bool takes = calendar_takes_time(rows[i].status, rows[i].show_as, rows[i].mine,
                                         str_c(rows[i].type), &as);
        if (takes != (rows[i].expected != CALENDAR_FREE) || as != rows[i].expected ||
            calendar_blocks(as) != rows[i].blocks) {
            fail_msg("row %zu", i);
        }
    }
}

static void test_subtract_and_find(void **state UNUSED)
{
    static const struct calendar_span busy[] = {
        {10, 20, CALENDAR_BUSY}, {30, 60, CALENDAR_BUSY}, {70, 80, CALENDAR_SHOW_TENTATIVE}};
    static const struct calendar_span minus[] = {{0, 12, CALENDAR_BUSY},
                                                 {15, 16, CALENDAR_BUSY},
                                                 {40, 50, CALENDAR_BUSY},
                                                 {55, 75, CALENDAR_BUSY}};
    static const struct calendar_span expected[] = {{12, 15, CALENDAR_BUSY},
                                                    {16, 20, CALENDAR_BUSY},
                                                    {30, 40, CALENDAR_BUSY},
                                                    {50, 55, CALENDAR_BUSY},
                                                    {75, 80, CALENDAR_SHOW_TENTATIVE}};
    struct calendar_span out[7];
    assert_int_equal(calendar_spans_subtract(busy, 3, minus, 4, out), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_true(out[i].start_at == expected[i].start_at &&
                    out[i].end_at == expected[i].end_at && out[i].show_as == expected[i].show_as);
    }
    assert_int_equal(calendar_spans_subtract(busy, 3, NULL, 0, out), 3);
    assert_int_equal(calendar_spans_subtract(NULL, 0, minus, 4, out), 0);

    assert_null(calendar_spans_find(busy, 3, 20, 30)); /* half-open on both sides */
    assert_ptr_equal(calendar_spans_find(busy, 3, 19, 20), &busy[0]);
    assert_ptr_equal(calendar_spans_find(busy, 3, 20, 31), &busy[1]);
    assert_ptr_equal(calendar_spans_find(busy, 3, 0, 100), &busy[0]);
    assert_null(calendar_spans_find(busy, 3, 80, 100));
    assert_null(calendar_spans_find(busy, 3, 35, 35));
    assert_null(calendar_spans_find(NULL, 0, 0, 100));
}

/* What a minute shows, by looking at all spans. */
static enum calendar_show_as at_minute(const struct calendar_span *s, size_t n, int64_t at)
{
    static const enum calendar_show_as strength[] = {
        CALENDAR_OUT_OF_OFFICE, CALENDAR_BUSY, CALENDAR_SHOW_TENTATIVE, CALENDAR_WORKING_ELSEWHERE};
    for (size_t k = 0; k < ARRAY_LEN(strength); k++) {
        for (size_t i = 0; i < n; i++) {
            if (s[i].show_as == strength[k] && s[i].start_at <= at && at < s[i].end_at) {
                return strength[k];
            }
        }
    }
    return CALENDAR_FREE;
}

static void test_random_spans_show_the_same_before_and_after(void **state UNUSED)
{
    struct random r = {UINT64_C(0x59a4)};
    for (int round = 0; round < 2000; round++) {
        struct calendar_span before[8];
        struct calendar_span after[16];
        struct calendar_span minus[16];
        struct calendar_span out[32];
        size_t n = random_below(&r, 9);
        for (size_t i = 0; i < n; i++) {
            int64_t start = random_below(&r, 40);
            before[i] = (struct calendar_span){start, start - 1 + random_below(&r, 12),
                                               (enum calendar_show_as)random_below(&r, 5)};
            after[i] = before[i];
            minus[i] =
                (struct calendar_span){random_below(&r, 40), random_below(&r, 50), CALENDAR_BUSY};
        }
        size_t count = calendar_spans_merge(after, n);
        size_t minus_count = calendar_spans_merge(minus, n);
        assert_true(count <= 2 * n);
        size_t rest = calendar_spans_subtract(after, count, minus, minus_count, out);
        assert_true(rest <= count + minus_count);
        for (int64_t at = 0; at < 60; at++) {
            enum calendar_show_as shown = at_minute(before, n, at);
            assert_int_equal(at_minute(after, count, at), shown);
            bool covered = at_minute(minus, minus_count, at) != CALENDAR_FREE;
            assert_int_equal(at_minute(out, rest, at), covered ? CALENDAR_FREE : shown);
            assert_int_equal(calendar_spans_find(after, count, at, at + 1) != NULL,
                             shown != CALENDAR_FREE);
        }
        for (size_t i = 0; i < count; i++) {
            assert_true(after[i].start_at < after[i].end_at);
            /* Disjoint, and neighbours that touch differ. */
            assert_true(i == 0 || after[i - 1].end_at < after[i].start_at ||
                        (after[i - 1].end_at == after[i].start_at &&
                         after[i - 1].show_as != after[i].show_as));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans_merge_by_strength_and_clip),
        cmocka_unit_test(test_what_takes_time),
        cmocka_unit_test(test_subtract_and_find),
        cmocka_unit_test(test_random_spans_show_the_same_before_and_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

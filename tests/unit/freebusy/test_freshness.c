/* When stored spans may be taken for the truth. */
#include "freshness.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first */
#include <cmocka.h>

#define NOW INT64_C(1790000000000)
#define MINUTE INT64_C(60000)
#define INTERVAL (15 * MINUTE)
#define DAY (1440 * MINUTE)

static const struct fb_window window = {NOW, NOW + 7 * DAY};

static struct fb_connection good_connection(void)
{
    return (struct fb_connection){.enabled = true, .active = true, .listed = true};
}

static struct fb_calendar good_calendar(void)
{
    return (struct fb_calendar){.id = 1,
                                .covered = true,
                                .covered_from = NOW - 30 * DAY,
                                .covered_to = NOW + 500 * DAY,
                                .last_read_at = NOW - MINUTE};
}

static void expect(struct fb_connection c, struct fb_calendar k, enum fb_state state,
                   const char *code)
{
    const char *got = "untouched";
    assert_int_equal(fb_freshness(&c, &k, window, INTERVAL, NOW, &got), state);
    if (code == NULL) {
        assert_null(got);
    } else {
        assert_string_equal(got, code);
    }
}

static void test_read_lately(void **state UNUSED)
{
    struct fb_calendar k = good_calendar();
    expect(good_connection(), k, FB_FRESH, NULL);
    k.last_read_at = NOW - 2 * INTERVAL;
    expect(good_connection(), k, FB_FRESH, NULL);
    k.last_read_at = NOW - 2 * INTERVAL - 1;
    expect(good_connection(), k, FB_ASK, "stale");
    k.last_read_at = 0;
    expect(good_connection(), k, FB_ASK, "not_read_yet");
}

static void test_push(void **state UNUSED)
{
    struct fb_calendar k = good_calendar();
    k.last_read_at = NOW - 6 * 60 * MINUTE;
    k.watched_until = NOW + 1;
    expect(good_connection(), k, FB_FRESH, NULL);
    k.push_missed_at = k.last_read_at - 1; /* a read since has caught up */
    expect(good_connection(), k, FB_FRESH, NULL);
    k.push_missed_at = k.last_read_at;
    expect(good_connection(), k, FB_ASK, "stale");
    k.push_missed_at = 0;
    k.watched_until = NOW;
    expect(good_connection(), k, FB_ASK, "stale");
    k.watched_until = NOW + DAY;
    k.last_read_at = NOW - FB_PUSH_TRUST_MS - 1;
    expect(good_connection(), k, FB_ASK, "stale");
}

static void test_window(void **state UNUSED)
{
    struct fb_calendar k = good_calendar();
    k.covered_from = window.from_at;
    k.covered_to = window.to_at;
    expect(good_connection(), k, FB_FRESH, NULL);
    k.covered_from++;
    expect(good_connection(), k, FB_ASK, "uncovered");
    k.covered_from--;
    k.covered_to--;
    expect(good_connection(), k, FB_ASK, "uncovered");
    k.covered_to++;
    k.covered = false;
    expect(good_connection(), k, FB_ASK, "uncovered");
}

static void test_parked(void **state UNUSED)
{
    struct fb_calendar k = good_calendar();
    struct fb_connection c = good_connection();
    k.parked = true;
    expect(c, k, FB_ASK, "parked");
    k.parked = false;
    c.account_parked_until = NOW + 1;
    expect(c, k, FB_ASK, "parked");
    c.account_parked_until = NOW;
    expect(c, k, FB_FRESH, NULL);
}

/* Neither is asked at the provider, however fresh the rows look. */
static void test_paused_and_unreadable(void **state UNUSED)
{
    struct fb_connection c = good_connection();
    c.enabled = false;
    expect(c, good_calendar(), FB_PAUSED, "paused");
    c.active = false;
    expect(c, good_calendar(), FB_UNREADABLE, "unreadable");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_lately),
        cmocka_unit_test(test_push),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_parked),
        cmocka_unit_test(test_paused_and_unreadable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Free/busy in pieces: a provider that takes two calendars and ten time units at once. */
#include "providers/verbs.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first */
#include <cmocka.h>

struct script {
    size_t calls;
    size_t fail_call; /* 1: the first; 0: none */
    const char *unknown_id;
    int64_t unknown_from; /* only in the window that begins there */
};

/* Every calendar is busy from 8 to 12, as far as the window shows it. */
static enum err_code fake_free_busy(struct provider_session *s,
                                    const struct provider_free_busy_req *req,
                                    int64_t deadline UNUSED, struct arena *arena,
                                    struct provider_busy *ret_busy, struct err *err)
{
    struct script *script = s->ctx;
    assert_true(req->calendar_count >= 1 && req->calendar_count <= 2);
    assert_true(req->time_max > req->time_min && req->time_max - req->time_min <= 10);
    if (++script->calls == script->fail_call) {
        return ERR_SET_ACT(err, ERR_UNAVAILABLE, ERR_ACT_RETRY, "scripted");
    }
    for (size_t i = 0; i < req->calendar_count; i++) {
        struct calendar_span *span = ARENA_NEW(arena, struct calendar_span);
        *span =
            (struct calendar_span){MAX(8, req->time_min), MIN(12, req->time_max), CALENDAR_BUSY};
        ret_busy[i] = (struct provider_busy){.calendar_id = req->calendar_ids[i],
                                             .spans = span,
                                             .span_count = span->start_at < span->end_at};
        if (script->unknown_id != NULL && str_eq_c(req->calendar_ids[i], script->unknown_id) &&
            script->unknown_from == req->time_min) {
            ret_busy[i] = (struct provider_busy){.code = ERR_NOT_FOUND, .reason = STR("notFound")};
        }
    }
    return ERR_OK;
}

static const struct provider fake = {
    .name = "fake", .free_busy_max = 2, .free_busy_span_ms = 10, .free_busy = fake_free_busy};
static const struct str ids[] = {STR("a"), STR("b"), STR("c")};

static enum err_code ask(struct script *script, struct arena *arena, struct provider_busy busy[3],
                         int64_t from, int64_t to)
{
    struct provider_session s = {.ctx = script};
    struct provider_free_busy_req req = {
        .calendar_ids = ids, .calendar_count = 3, .time_min = from, .time_max = to};
    return provider_free_busy(&fake, &s, &req, 0, arena, busy, NULL);
}

static void test_pieces_are_joined_in_order(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena);
    struct script script = {0};
    struct provider_busy busy[3];
    assert_int_equal(ask(&script, &arena, busy, 0, 25), ERR_OK);
    assert_int_equal(script.calls, 6); /* two chunks, three windows */
    for (size_t i = 0; i < 3; i++) {
        assert_true(str_eq(busy[i].calendar_id, ids[i]));
        assert_int_equal(busy[i].code, ERR_OK);
        /* 8..10 and 10..12 came apart and are one */
        assert_int_equal(busy[i].span_count, 1);
        assert_int_equal(busy[i].spans[0].start_at, 8);
        assert_int_equal(busy[i].spans[0].end_at, 12);
    }
    arena_fini(&arena);
}

static void test_a_calendar_with_one_unknown_window_is_unknown(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena);
    struct script script = {.unknown_id = "b", .unknown_from = 10};
    struct provider_busy busy[3];
    assert_int_equal(ask(&script, &arena, busy, 0, 25), ERR_OK);
    assert_int_equal(busy[0].code, ERR_OK);
    assert_int_equal(busy[1].code, ERR_NOT_FOUND);
    assert_true(str_eq_c(busy[1].reason, "notFound"));
    assert_int_equal(busy[1].span_count, 0);
    assert_int_equal(busy[2].code, ERR_OK);
    arena_fini(&arena);
}

static void test_a_piece_that_fails_ends_it(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena);
    for (size_t k = 1; k <= 6; k++) {
        struct script script = {.fail_call = k};
        struct provider_busy busy[3] = {0};
        assert_int_equal(ask(&script, &arena, busy, 0, 25), ERR_UNAVAILABLE);
        assert_int_equal(script.calls, k);
        assert_int_equal(busy[0].calendar_id.len, 0); /* untouched */
    }
    arena_fini(&arena);
}

static void test_an_empty_window_is_refused(void **state UNUSED)
{
    struct arena arena;
    arena_init(&arena);
    struct script script = {0};
    struct provider_busy busy[3];
    assert_int_equal(ask(&script, &arena, busy, 5, 5), ERR_INVALID);
    assert_int_equal(ask(&script, &arena, busy, 5, INT64_MAX), ERR_INVALID);
    assert_int_equal(script.calls, 0);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_joined_in_order),
        cmocka_unit_test(test_a_calendar_with_one_unknown_window_is_unknown),
        cmocka_unit_test(test_a_piece_that_fails_ends_it),
        cmocka_unit_test(test_an_empty_window_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The request's context: it follows the coroutine, and gives what goes out its traceparent. */
#include "service/context.h"

#include "runtime/co.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define CALLER "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define CALLER_TRACE "00-4bf92f3577b34da6a3ce929d0e0e4736-"
#define CALLER_SPAN "00f067aa0ba902b7"

static void run(co_entry_fn entry)
{
    struct co_loop_opts opts = {.virtual_clock = true};
    struct co_loop *loop = co_loop_new(&opts);
    co_loop_run(loop, "test", entry, NULL);
    co_loop_free(loop);
}

static void in_child(void *arg)
{
    assert_ptr_equal(request_context_current(), arg);
}

static void follows(void *arg UNUSED)
{
    struct request_context ctx;
    struct co_group group;
    char text[TRACEPARENT_LEN + 1];

    assert_null(request_context_current());
    request_context_begin(&ctx, STR(CALLER));
    assert_ptr_equal(request_context_current(), &ctx);
    assert_false(uuid_is_nil(ctx.request_id));

    struct str out = request_context_traceparent(text);
    assert_true(str_starts(out, STR(CALLER_TRACE)));
    assert_true(str_find(out, STR(CALLER_SPAN)) == SIZE_MAX);
    char again[TRACEPARENT_LEN + 1];
    assert_string_not_equal(text, request_context_traceparent(again).ptr);

    co_group_init(&group, co_loop_current());
    assert_int_equal(co_spawn(&group, "child", in_child, &ctx, NULL), ERR_OK);
    assert_int_equal(co_group_join(&group, CO_FOREVER, NULL), ERR_OK);
    request_context_end();
    assert_null(request_context_current());
}

static void test_context_follows_the_coroutine_and_its_children(void **state UNUSED)
{
    run(follows);
}

static void begins_anew(void *arg UNUSED)
{
    static const char *const bad[] = {"", "garbage", "00-" CALLER};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct request_context ctx;
        struct trace t;
        char text[TRACEPARENT_LEN + 1];
        request_context_begin(&ctx, str_c(bad[i]));
        assert_true(trace_parse(request_context_traceparent(text), &t));
        request_context_end();
        assert_true(trace_parse(request_context_traceparent(text), &t));
    }
}

static void test_malformed_or_absent_traceparent_begins_a_trace(void **state UNUSED)
{
    run(begins_anew);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_context_follows_the_coroutine_and_its_children),
        cmocka_unit_test(test_malformed_or_absent_traceparent_begins_a_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

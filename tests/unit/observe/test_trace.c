/* trace: what section 3.2 of the W3C's trace context allows, and nothing else. */
#include "observe/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>

/* The example of section 3.2.3. */
#define GOOD "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static void test_example_of_the_standard_parses_and_prints_back(void **state UNUSED)
{
    struct trace t;
    char text[TRACEPARENT_LEN + 1];
    assert_true(trace_parse(STR(GOOD), &t));
    assert_int_equal(t.trace_id[0], 0x4b);
    assert_int_equal(t.span_id[7], 0xb7);
    assert_true(str_eq(trace_print(&t, text), STR(GOOD)));
    assert_string_equal(text, GOOD);
}

static void test_malformed_ones_are_refused(void **state UNUSED)
{
    static const char *const bad[] = {
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "00-4BF92F3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct trace t = {.flags = 0x55};
        assert_false(trace_parse(str_c(bad[i]), &t));
        assert_int_equal(t.flags, 0x55);
    }
}

static void test_later_version_is_read_as_far_as_we_know_it(void **state UNUSED)
{
    struct trace t;
    char text[TRACEPARENT_LEN + 1];
    assert_true(
        trace_parse(STR("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-more"), &t));
    assert_true(str_eq(trace_print(&t, text), STR(GOOD)));
}

static void test_child_keeps_the_trace_and_has_its_own_span(void **state UNUSED)
{
    struct trace parent = trace_new();
    struct trace child = trace_child(&parent);
    struct trace stranger = trace_new();
    assert_memory_equal(parent.trace_id, child.trace_id, sizeof parent.trace_id);
    assert_memory_not_equal(parent.span_id, child.span_id, sizeof parent.span_id);
    assert_memory_not_equal(parent.trace_id, stranger.trace_id, sizeof parent.trace_id);
    char text[TRACEPARENT_LEN + 1];
    struct trace back;
    assert_true(trace_parse(trace_print(&child, text), &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example_of_the_standard_parses_and_prints_back),
        cmocka_unit_test(test_malformed_ones_are_refused),
        cmocka_unit_test(test_later_version_is_read_as_far_as_we_know_it),
        cmocka_unit_test(test_child_keeps_the_trace_and_has_its_own_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

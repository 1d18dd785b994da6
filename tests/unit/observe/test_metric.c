/* metric: values, the page that Prometheus reads, the bound on label values. */
#include "observe/metric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void print(struct buf *out)
{
    struct err err;
    buf_init(out, 1 << 20);
    metric_print(out);
    assert_int_equal(buf_ok(out, &err), ERR_OK);
}

static void test_page_is_empty_before_first_use(void **state UNUSED)
{
    struct buf page CLEANUP(buf_fini);
    print(&page);
    assert_int_equal(page.len, 0);
}

static void test_counter_and_gauge_are_printed_with_help_and_type(void **state UNUSED)
{
    metric_inc(METRIC_LOOP_SLOW_SLICES, NULL);
    metric_add(METRIC_LOOP_SLOW_SLICES, "", 2);
    metric_set(METRIC_CO_COUNT, NULL, 7);
    metric_add(METRIC_CO_COUNT, NULL, -0.5);
    assert_true(metric_value(METRIC_LOOP_SLOW_SLICES, NULL) == 3);

    struct buf page CLEANUP(buf_fini);
    print(&page);
    assert_non_null(strstr(buf_c(&page), "# HELP calfleet_loop_slow_slices_total "));
    assert_non_null(strstr(buf_c(&page), "# TYPE calfleet_loop_slow_slices_total counter\n"
                                         "calfleet_loop_slow_slices_total 3\n"));
    assert_non_null(strstr(buf_c(&page), "# TYPE calfleet_coroutines gauge\n"
                                         "calfleet_coroutines 6.5\n"));
}

static void test_histogram_buckets_are_cumulative_and_close_with_inf(void **state UNUSED)
{
    metric_observe(METRIC_LOOP_LAG, NULL, 0.0005); /* a bound belongs to its bucket */
    metric_observe(METRIC_LOOP_LAG, NULL, 0.003);
    metric_observe(METRIC_LOOP_LAG, NULL, 61);
    assert_true(metric_value(METRIC_LOOP_LAG, NULL) == 3);

    struct buf page CLEANUP(buf_fini);
    print(&page);
    const char *const lines[] = {
        "calfleet_loop_lag_seconds_bucket{le=\"0.0005\"} 1\n",
        "calfleet_loop_lag_seconds_bucket{le=\"0.0025\"} 1\n",
        "calfleet_loop_lag_seconds_bucket{le=\"0.005\"} 2\n",
        "calfleet_loop_lag_seconds_bucket{le=\"60\"} 2\n",
        "calfleet_loop_lag_seconds_bucket{le=\"+Inf\"} 3\n",
        "calfleet_loop_lag_seconds_sum 61.0035\n",
        "calfleet_loop_lag_seconds_count 3\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        assert_non_null(strstr(buf_c(&page), lines[i]));
    }
}

static void test_label_values_are_sorted_escaped_and_bounded(void **state UNUSED)
{
    metric_inc(METRIC_LOG_LINES, "zeta");
    metric_inc(METRIC_LOG_LINES, "a\"b\\c\nd");
    metric_inc(METRIC_LOG_LINES, "bad \xff bytes");
    metric_inc(METRIC_LOG_LINES, NULL);
    assert_true(metric_value(METRIC_LOG_LINES, "other") == 2);
    for (int i = 0; i < 300; i++) {
        char label[16];
        snprintf(label, sizeof label, "v%03d", i);
        metric_inc(METRIC_LOG_LINES, label);
    }
    assert_true(metric_value(METRIC_LOG_LINES, "v000") == 1);
    assert_true(metric_value(METRIC_LOG_LINES, "v299") == 0);
    assert_true(metric_value(METRIC_LOG_LINES, "other") == 2 + 300 - (256 - 3));

    struct buf page CLEANUP(buf_fini);
    print(&page);
    const char *first = strstr(buf_c(&page), "{level=\"a\\\"b\\\\c\\nd\"} 1\n");
    const char *last = strstr(buf_c(&page), "{level=\"zeta\"} 1\n");
    assert_true(first != NULL && last != NULL && first < last);
}

static void test_docs_name_every_metric(void **state UNUSED)
{
    struct buf docs CLEANUP(buf_fini);
    buf_init(&docs, 1 << 20);
    metric_print_docs(&docs);
    size_t lines = 0;
    for (const char *p = buf_c(&docs); *p != '\0'; p++) {
        lines += *p == '\n';
    }
    assert_int_equal(lines, METRIC_COUNT + 2);
    assert_non_null(strstr(buf_c(&docs), "| `calfleet_loop_lag_seconds` | histogram | |"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_is_empty_before_first_use),
        cmocka_unit_test(test_counter_and_gauge_are_printed_with_help_and_type),
        cmocka_unit_test(test_histogram_buckets_are_cumulative_and_close_with_inf),
        cmocka_unit_test(test_label_values_are_sorted_escaped_and_bounded),
        cmocka_unit_test(test_docs_name_every_metric),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

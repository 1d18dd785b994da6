/* Prometheus metrics, declared in one table: libs/observe/include/observe/metrics.def.
 *
 *   M(id, "calfleet_name_unit", COUNTER|GAUGE|HISTOGRAM, "label" or "", "meaning, unit")
 *
 * At most one label; its values are from closed sets (codes, topics, partitions), never ids of
 * tenants or people. Values live in fixed slots per (metric, label value), at most 256 values a
 * metric; more are counted under "other". No allocation on scrape or on the hot path after the
 * first use of a label value. From the loop's thread only. Histograms have fixed buckets in
 * seconds: 0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 30 60. */
#ifndef OBSERVE_METRIC_H
#define OBSERVE_METRIC_H

#include "base/buf.h"

#define METRIC_ENUM(id, name, kind, label, meaning) METRIC_##id,
enum metric {
#define M METRIC_ENUM
#include "observe/metrics.def"
#undef M
    METRIC_COUNT
};
#undef METRIC_ENUM

/* label: NULL or "" where the metric has none. */
void metric_add(enum metric m, const char *label, double delta);
void metric_set(enum metric m, const char *label, double value);
void metric_observe(enum metric m, const char *label, double seconds);
static inline void metric_inc(enum metric m, const char *label)
{
    metric_add(m, label, 1);
}

/* The text exposition format 0.0.4 of everything that was used. */
void metric_print(struct buf *out);
/* The table as Markdown, for docs/METRICS.md. */
void metric_print_docs(struct buf *out);
/* For tests: the current value (a histogram's count). */
double metric_value(enum metric m, const char *label);

#endif

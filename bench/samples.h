/* Latencies of one measurement, and what is told of them. */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include "base/vec.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

struct samples {
    VEC(int64_t) ns;
};

static inline int64_t bench_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Processor time of the process so far, all of its threads. */
static inline double bench_cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static inline int samples_by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Milliseconds that this share of the sorted samples (0..1) does not pass. */
static inline double samples_ms(const struct samples *s, double share)
{
    size_t at = (size_t)(share * (double)(s->ns.len - 1));
    return (double)s->ns.ptr[at] / 1e6;
}

/* One JSON line; seconds and cpu_us: what the measurement took. */
static inline void samples_print(struct samples *s, const char *name, double seconds, double cpu_us)
{
    qsort(s->ns.ptr, s->ns.len, sizeof *s->ns.ptr, samples_by_value);
    printf("{\"bench\":\"%s\",\"count\":%zu,\"per_s\":%.1f,\"cpu_us\":%.2f,\"p50_ms\":%.3f,\"p99_"
           "ms\":%.3f,"
           "\"max_ms\":%.3f}\n",
           name, s->ns.len, (double)s->ns.len / seconds, cpu_us / (double)s->ns.len,
           samples_ms(s, 0.5), samples_ms(s, 0.99), samples_ms(s, 1));
}

#endif

#include "observe/metric.h"

#include <math.h>
#include <stdio.h>

#define SERIES_MAX 256
/* Longer than any topic's name (249), the longest of the closed sets. */
#define LABEL_MAX_BYTES 255
static const char other[] = "other";

enum kind { COUNTER, GAUGE, HISTOGRAM };
static const char *const kind_names[] = {"counter", "gauge", "histogram"};

static const struct decl {
    const char *name;
    enum kind kind;
    const char *label;
    const char *meaning;
} decls[METRIC_COUNT] = {
#define M(id, name, kind, label, meaning) [METRIC_##id] = {name, kind, label, meaning},
#include "observe/metrics.def"
#undef M
};

static const double bounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                0.25,   0.5,   1,      2.5,   5,    10,    30,   60};
/* As printed: the shortest text of each bound, so that a series' name never changes. */
static const char *const bound_texts[ARRAY_LEN(bounds)] = {
    "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1",
    "0.25",   "0.5",   "1",      "2.5",   "5",    "10",    "30",   "60"};

struct series {
    char *label;
    double value;                            /* a histogram's sum */
    uint64_t buckets[ARRAY_LEN(bounds) + 1]; /* not cumulative; the last is +Inf */
};

/* The series of a metric in the order of their labels, which is the order on the page. */
static struct family {
    struct series **series;
    size_t len;
} families[METRIC_COUNT];

/* Index of the label, or where it belongs. */
static size_t series_at(const struct family *f, const char *label, bool *ret_found)
{
    size_t low = 0;
    size_t high = f->len;

    *ret_found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(f->series[mid]->label, label);
        if (order == 0) {
            *ret_found = true;
            return mid;
        }
        if (order < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static const char *checked_label(enum metric m, const char *label)
{
    if (decls[m].label[0] == '\0') {
        BUG_ON(label != NULL && label[0] != '\0');
        return "";
    }
    if (label == NULL || label[0] == '\0') {
        return other;
    }
    struct str s = str_c(label);
    return s.len <= LABEL_MAX_BYTES && str_is_utf8(s) ? label : other;
}

static struct series *series_find(enum metric m, const char *label)
{
    bool found;
    size_t at = series_at(&families[m], checked_label(m, label), &found);
    return found ? families[m].series[at] : NULL;
}

static struct series *series_get(enum metric m, const char *label)
{
    BUG_ON((size_t)m >= METRIC_COUNT);
    struct family *f = &families[m];
    const char *value = checked_label(m, label);
    bool found;
    size_t at = series_at(f, value, &found);

    if (!found && f->len >= SERIES_MAX) {
        value = other;
        at = series_at(f, value, &found);
    }
    if (!found) {
        if (f->series == NULL) { /* one more than the bound, for "other" */
            f->series = xcalloc(SERIES_MAX + 1, sizeof(struct series *));
        }
        memmove(&f->series[at + 1], &f->series[at], (f->len - at) * sizeof(struct series *));
        f->series[at] = xcalloc(1, sizeof(struct series));
        f->series[at]->label = xstrdup(value);
        f->len++;
    }
    return f->series[at];
}

void metric_add(enum metric m, const char *label, double delta)
{
    struct series *s = series_get(m, label);
    BUG_ON(decls[m].kind == HISTOGRAM || (decls[m].kind == COUNTER && delta < 0));
    s->value += delta;
}

void metric_set(enum metric m, const char *label, double value)
{
    struct series *s = series_get(m, label);
    BUG_ON(decls[m].kind == HISTOGRAM);
    s->value = value;
}

void metric_observe(enum metric m, const char *label, double seconds)
{
    struct series *s = series_get(m, label);
    BUG_ON(decls[m].kind != HISTOGRAM);
    size_t i = 0;
    while (i < ARRAY_LEN(bounds) && seconds > bounds[i]) {
        i++;
    }
    s->buckets[i]++;
    s->value += seconds;
}

static uint64_t histogram_count(const struct series *s)
{
    uint64_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(s->buckets); i++) {
        count += s->buckets[i];
    }
    return count;
}

double metric_value(enum metric m, const char *label)
{
    const struct series *s = series_find(m, label);
    if (s == NULL) {
        return 0;
    }
    return decls[m].kind == HISTOGRAM ? (double)histogram_count(s) : s->value;
}

/* src: Prometheus text exposition format 0.0.4, "Comments, help text, and type information" */
static void add_escaped(struct buf *out, const char *text, bool quotes)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\\') {
            buf_add_c(out, "\\\\");
        } else if (*p == '\n') {
            buf_add_c(out, "\\n");
        } else if (*p == '"' && quotes) {
            buf_add_c(out, "\\\"");
        } else {
            buf_add_char(out, *p);
        }
    }
}

static void add_number(struct buf *out, double value)
{
    if (isnan(value)) {
        buf_add_c(out, "NaN");
    } else if (isinf(value)) {
        buf_add_c(out, value > 0 ? "+Inf" : "-Inf");
    } else {
        buf_add_f(out, "%.15g", value);
    }
}

/* le: NULL outside of buckets. */
static void add_sample_name(struct buf *out, const struct decl *d, const char *suffix,
                            const char *label, const char *le)
{
    buf_add_f(out, "%s%s", d->name, suffix);
    bool has_label = d->label[0] != '\0';
    if (!has_label && le == NULL) {
        buf_add_char(out, ' ');
        return;
    }
    buf_add_char(out, '{');
    if (has_label) {
        buf_add_f(out, "%s=\"", d->label);
        add_escaped(out, label, true);
        buf_add_c(out, le != NULL ? "\"," : "\"");
    }
    if (le != NULL) {
        buf_add_f(out, "le=\"%s\"", le);
    }
    buf_add_c(out, "} ");
}

static void print_histogram(struct buf *out, const struct decl *d, const struct series *s)
{
    uint64_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(s->buckets); i++) {
        count += s->buckets[i];
        add_sample_name(out, d, "_bucket", s->label,
                        i < ARRAY_LEN(bounds) ? bound_texts[i] : "+Inf");
        buf_add_f(out, "%llu\n", (unsigned long long)count);
    }
    add_sample_name(out, d, "_sum", s->label, NULL);
    add_number(out, s->value);
    buf_add_char(out, '\n');
    add_sample_name(out, d, "_count", s->label, NULL);
    buf_add_f(out, "%llu\n", (unsigned long long)count);
}

void metric_print(struct buf *out)
{
    for (size_t m = 0; m < METRIC_COUNT; m++) {
        const struct decl *d = &decls[m];
        if (families[m].len == 0) {
            continue;
        }
        buf_add_f(out, "# HELP %s ", d->name);
        add_escaped(out, d->meaning, false);
        buf_add_f(out, "\n# TYPE %s %s\n", d->name, kind_names[d->kind]);
        for (size_t i = 0; i < families[m].len; i++) {
            const struct series *s = families[m].series[i];
            if (d->kind == HISTOGRAM) {
                print_histogram(out, d, s);
                continue;
            }
            add_sample_name(out, d, "", s->label, NULL);
            add_number(out, s->value);
            buf_add_char(out, '\n');
        }
    }
}

void metric_print_docs(struct buf *out)
{
    buf_add_c(out, "| metric | kind | label | meaning |\n|---|---|---|---|\n");
    for (size_t m = 0; m < METRIC_COUNT; m++) {
        const struct decl *d = &decls[m];
        buf_add_f(out, "| `%s` | %s | ", d->name, kind_names[d->kind]);
        if (d->label[0] != '\0') {
            buf_add_f(out, "`%s` ", d->label);
        }
        buf_add_f(out, "| %s |\n", d->meaning);
    }
}

/* What an occurrence costs, beside libical's iterator, in one run. Both parse the rule, walk it and
 * turn each wall time of 18 months into UTC; libical is told where to begin (set_start).
 *   daily, weekly, monthly, yearly   ns an occurrence, median of the rounds
 *   old        a weekly rule that began in 1990, in the same window
 *   worst      ns of a whole expansion that ends at the bound on its work; ours alone: libical's
 *              iterator does not come back from such rules */
#include "calendar/recurrence.h"
#include "runtime/co.h"

#include <libical/ical.h>
#include <stdio.h>

#define ROUNDS 7
#define REPEATS 200
#define WORST_REPEATS 5

struct rule_case {
    const char *name;
    const char *rule;
    const char *start; /* Europe/Paris */
};

static const struct rule_case cases[] = {
    {"daily", "FREQ=DAILY", "20251103T093000"},
    {"weekly", "FREQ=WEEKLY;BYDAY=MO,WE,FR", "20251103T093000"},
    {"monthly", "FREQ=MONTHLY;BYDAY=2TU,-1FR", "20251111T093000"},
    {"yearly", "FREQ=YEARLY;BYMONTH=3,6,9,12;BYDAY=TH", "20251204T093000"},
    {"old", "FREQ=WEEKLY;BYDAY=MO,WE,FR", "19900101T093000"},
};

struct window {
    const struct calendar_zone *zone;
    icaltimezone *ical_zone;
    int64_t from;
    int64_t to;
};

static size_t ours(const struct window *w, const char *rule, const char *start)
{
    struct arena arena CLEANUP(arena_fini);
    struct buf line CLEANUP(buf_fini);
    struct calendar_wall wall;
    struct calendar_occurrence *found;
    size_t count;
    bool utc;

    arena_init(&arena);
    buf_init(&line, 1000);
    buf_add_f(&line, "RRULE:%s", rule);
    BUG_ON(!calendar_parse_ical_time(str_c(start), &wall, &utc));
    struct str text = buf_str(&line);
    struct calendar_series s = {.lines = &text, .line_count = 1, .zone = w->zone};
    s.start.set = s.end.set = true;
    s.start.at = calendar_zone_instant(w->zone, wall);
    s.end.at = s.start.at + 3600000;
    enum err_code rc = calendar_expand(&s, w->from, w->to, &arena, &found, &count, NULL);
    return rc == ERR_OK ? count : 0;
}

static size_t libicals(const struct window *w, const char *rule, const char *start)
{
    struct icaltimetype first = icaltime_from_string(start);
    icalrecur_iterator *it = icalrecur_iterator_new(icalrecurrencetype_from_string(rule), first);
    struct icaltimetype from = icaltime_from_timet_with_zone(w->from / 1000, 0, w->ical_zone);
    size_t count = 0;
    BUG_ON(it == NULL);
    if (icaltime_compare(from, first) > 0) {
        BUG_ON(!icalrecur_iterator_set_start(it, from));
    }
    for (;;) {
        struct icaltimetype t = icalrecur_iterator_next(it);
        if (icaltime_is_null_time(t)) {
            break;
        }
        int64_t at = (int64_t)icaltime_as_timet_with_zone(t, w->ical_zone) * 1000;
        if (at >= w->to) {
            break;
        }
        count += at >= w->from;
    }
    icalrecur_iterator_free(it);
    return count;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

typedef size_t (*expand_fn)(const struct window *w, const char *rule, const char *start);

static double round_ns(expand_fn fn, const struct window *w, const struct rule_case *c,
                       size_t expected)
{
    int64_t began = co_clock_ns();
    for (int i = 0; i < REPEATS; i++) {
        BUG_ON(fn(w, c->rule, c->start) != expected);
    }
    return (double)(co_clock_ns() - began) / REPEATS / (double)expected;
}

static void run_case(const struct window *w, const struct rule_case *c)
{
    double us[ROUNDS];
    double them[ROUNDS];
    size_t expected = ours(w, c->rule, c->start);
    BUG_ON(expected == 0 || libicals(w, c->rule, c->start) != expected);
    for (int i = 0; i < ROUNDS; i++) {
        us[i] = round_ns(ours, w, c, expected);
        them[i] = round_ns(libicals, w, c, expected);
    }
    qsort(us, ROUNDS, sizeof *us, by_value);
    qsort(them, ROUNDS, sizeof *them, by_value);
    printf("\"%s\":{\"occurrences\":%zu,\"ours_ns\":%.0f,\"libical_ns\":%.0f,\"ratio\":%.2f},",
           c->name, expected, us[ROUNDS / 2], them[ROUNDS / 2], us[ROUNDS / 2] / them[ROUNDS / 2]);
}

/* Every numbered weekday of a year that a rule's text has room for, and no day that fits them. */
static const char *numbered_rule(void)
{
    static char text[CALENDAR_RULE_TEXT_MAX];
    static const char *const days[] = {"MO", "TU", "WE", "TH", "FR", "SA", "SU"};
    size_t len = (size_t)snprintf(text, sizeof text,
                                  "FREQ=YEARLY;COUNT=9;BYMONTHDAY=31;"
                                  "BYYEARDAY=1;BYDAY=1MO");
    for (int n = 2; n <= 53; n++) {
        for (int d = 0; d < 14 && len < 4000; d++) {
            len += (size_t)snprintf(text + len, sizeof text - len, ",%s%d%s", d < 7 ? "" : "-", n,
                                    days[d % 7]);
        }
    }
    return text;
}

static double worst_ns(const struct window *w)
{
    const char *const rules[] = {
        numbered_rule(),
        "FREQ=SECONDLY;BYSECOND=1;BYSETPOS=2",
        "FREQ=HOURLY;BYMONTHDAY=31;BYYEARDAY=1;COUNT=2",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30;COUNT=2",
        "FREQ=YEARLY;BYYEARDAY=1,-366;BYDAY=53MO,-53TU,52WE,-52TH;BYMONTHDAY=31,-31;COUNT=99",
        "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYMONTH=2;BYHOUR=1,2,3;BYSETPOS=300;COUNT=3",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=-30;COUNT=2",
    };
    double worst = 0;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        int64_t began = co_clock_ns();
        for (int k = 0; k < WORST_REPEATS; k++) {
            (void)ours(w, rules[i], "00020101T000000");
        }
        double ns = (double)(co_clock_ns() - began) / WORST_REPEATS;
        worst = MAX(worst, ns);
    }
    return worst;
}

int main(void)
{
    struct calendar_zones *zones = calendar_zones_new(NULL);
    struct window w = {.from = INT64_C(1764547200000), .to = INT64_C(1811808000000)};
    BUG_ON(calendar_zone_find(zones, STR("Europe/Paris"), &w.zone, NULL) != ERR_OK);
    w.ical_zone = icaltimezone_get_builtin_timezone("Europe/Paris");
    BUG_ON(w.ical_zone == NULL);
    printf("{\"bench\":\"recurrence\",");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        run_case(&w, &cases[i]);
    }
    printf("\"worst_ns\":%.0f}\n", worst_ns(&w));
    calendar_zones_free(zones);
    return 0;
}

/* libical as a second opinion: thousands of random rules, and the rules of real files.
 *
 * Compared in wall time, where the two agree on what a rule means; libical's iterator moves to a
 * wrong time after a gap of DST, hangs on rules that never match and applies no exceptions, so
 * zones, bounds and series have tests of their own. */
#include "base/vec.h"
#include "support.h"

#include <libical/ical.h>

#include <dirent.h>

#define LAST_YEAR 2036 /* libical ends at 2037 */

static struct icaltimetype ical_time(int64_t wall)
{
    struct calendar_wall w = calendar_wall_of(wall);
    return (struct icaltimetype){.year = w.date.year,
                                 .month = w.date.month,
                                 .day = w.date.day,
                                 .hour = w.second_of_day / 3600,
                                 .minute = w.second_of_day / 60 % 60,
                                 .second = w.second_of_day % 60};
}

static int64_t wall_of_ical(struct icaltimetype t)
{
    return (int64_t)calendar_days((struct calendar_date){t.year, (int8_t)t.month, (int8_t)t.day}) *
               86400 +
           t.hour * 3600 + t.minute * 60 + t.second;
}

/* Where libical 3.0.16 reads a rule otherwise than RFC 5545 has it (test_model.c checks ours
 * there): negative BYMONTHDAY does not limit a DAILY rule; a YEARLY one with BYMONTHDAY stays in
 * the month of its start; BYSETPOS looks at days only, counts one twice that two
 * numbers name, and is ignored in WEEKLY; negative week
 * numbers, and which year a week over New Year belongs to. */
static bool libical_differs(const struct calendar_rule *r)
{
    bool by_month_day = (r->month_days | r->month_days_minus) != 0;
    bool by_week = r->week_nos != 0;
    return (r->freq == CALENDAR_DAILY && r->month_days_minus != 0) ||
           (r->freq == CALENDAR_YEARLY && by_month_day && r->months == 0) ||
           (r->set_pos.any && (r->freq < CALENDAR_MONTHLY || r->seconds != 0 || r->minutes != 0 ||
                               r->hours != 0 || r->any_nth || r->month_days_minus != 0)) ||
           r->week_nos_minus != 0 ||
           (by_week &&
            (r->interval > 1 || r->set_pos.any || r->week_start != 0 || r->weekdays == 0));
}

/* Compares up to count occurrences; false: libical does not take the rule. */
static bool compare(const char *text, struct calendar_wall start, bool all_day, int count)
{
    /* Not on the stack, where libical's rule takes its 2.5 KB already. */
    static struct calendar_rule rule;
    static struct calendar_rule_iter it;
    int64_t first;
    int64_t ours;
    int64_t last = (int64_t)calendar_days((struct calendar_date){LAST_YEAR, 12, 31}) * 86400;

    assert_int_equal(calendar_rule_parse(str_c(text), &rule, NULL), ERR_OK);
    calendar_rule_iter_init(&it, &rule, start, all_day, INT64_MIN, last, CALENDAR_WORK_MAX);
    if (libical_differs(&rule) || !calendar_rule_next(&it, &first)) {
        return false;
    }
    /* A start that the rule gives: what else happens is for each to say. */
    start = calendar_wall_of(first);
    calendar_rule_iter_init(&it, &rule, start, all_day, INT64_MIN, last, CALENDAR_WORK_MAX);
    struct icaltimetype ical_start = ical_time(first);
    ical_start.is_date = all_day;
    icalrecur_iterator *iter =
        icalrecur_iterator_new(icalrecurrencetype_from_string(text), ical_start);
    if (iter == NULL) {
        return false;
    }
    for (int i = 0; i < count && calendar_rule_next(&it, &ours); i++) {
        if (rule.until_kind == CALENDAR_UNTIL_UTC && ours > calendar_wall_seconds(rule.until)) {
            break; /* the day's grace that the header tells of */
        }
        struct icaltimetype theirs = icalrecur_iterator_next(iter);
        if (icaltime_is_null_time(theirs) || wall_of_ical(theirs) != ours) {
            struct icaltimetype t = ical_time(ours);
            fail_msg("%s from %s, number %d: %s, libical says %s", text,
                     icaltime_as_ical_string(ical_start), i, icaltime_as_ical_string(t),
                     icaltime_as_ical_string(theirs));
        }
    }
    icalrecur_iterator_free(iter);
    return true;
}

static void test_random_rules(void **state UNUSED)
{
    struct random r = {UINT64_C(0x5eed)};
    size_t compared = 0;
    for (int i = 0; i < 6000; i++) {
        struct buf text CLEANUP(buf_fini);
        buf_init(&text, 1000);
        random_rule(&r, false, &text);
        /* Sorted: libical gives BYMINUTE=30,0 in the order of the text. */
        struct calendar_rule rule;
        assert_int_equal(calendar_rule_parse(buf_str(&text), &rule, NULL), ERR_OK);
        buf_reset(&text);
        calendar_rule_print(&rule, &text);
        struct calendar_wall start = {calendar_date_of(10000 + (int32_t)random_below(&r, 8000)),
                                      (int32_t)random_below(&r, 86400)};
        compared += compare(buf_c(&text), start, false, 40);
    }
    print_message("%zu random rules compared\n", compared);
    assert_true(compared > 3500);
}

/* ---- real files ----------------------------------------------------------------------------- */

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rbe");
    struct buf data;
    buf_init(&data, 4 << 20);
    assert_non_null(f);
    char *to = buf_reserve(&data, 4 << 20);
    buf_used(&data, fread(to, 1, 4 << 20, f));
    fclose(f);
    return buf_take(&data, NULL);
}

/* The property as one line, unfolded. */
static struct str line_of(struct arena *arena, icalproperty *p)
{
    const char *folded = icalproperty_as_ical_string(p);
    char *text = arena_alloc(arena, strlen(folded) + 1);
    size_t n = 0;
    for (const char *c = folded; *c != '\0'; c++) {
        if (c[0] == '\r' && c[1] == '\n') {
            c += c[2] == ' ' ? 2 : 1;
        } else {
            text[n++] = *c;
        }
    }
    return (struct str){text, n};
}

struct file_stats {
    size_t series;
    size_t occurrences;
    size_t rules;
};

typedef VEC(int64_t) instants;

static void note_start(icalcomponent *comp UNUSED, struct icaltime_span *span, void *arg)
{
    instants *theirs = arg;
    vec_push(theirs, (int64_t)span->start * 1000);
}

static int compare_instants(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;
    return (*x > *y) - (*x < *y);
}

/* libical gives a rule's occurrences first and those of RDATE behind them. */
static void compare_sets(const char *name, const struct calendar_occurrence *ours, size_t count,
                         const instants *theirs)
{
    size_t at = 0;
    if (theirs->len > 0) {
        qsort(theirs->ptr, theirs->len, sizeof *theirs->ptr, compare_instants);
        /* It leaves a start out that the rule does not give. Google has it as an occurrence: the
         * one such series in these files has an exception that names it. */
        at = count > 0 && ours[0].start_at < theirs->ptr[0];
    }
    for (size_t i = 0; i < theirs->len; i++, at++) {
        if (at >= count || ours[at].start_at != theirs->ptr[i]) {
            fail_msg("%s: libical has %lld, we %lld (%zu of %zu)", name, (long long)theirs->ptr[i],
                     at < count ? (long long)ours[at].start_at : 0, at, count);
        }
    }
    assert_int_equal(at, count);
}

static const struct calendar_zone *zone_of(struct icaltimetype t, const char *tzid)
{
    const struct calendar_zone *zone = calendar_zone_utc();
    if (!icaltime_is_utc(t) && tzid != NULL) {
        /* What only the file's zones knew ("US-Eastern") is UTC, as libical has it now. */
        IGNORE(calendar_zone_find(zones, str_c(tzid), &zone, NULL));
    }
    return zone;
}

static bool read_series(icalcomponent *event, struct arena *arena, struct calendar_series *ret)
{
    static struct str lines[CALENDAR_LINES_MAX];
    icalproperty *start = icalcomponent_get_first_property(event, ICAL_DTSTART_PROPERTY);
    if (start == NULL) {
        return false;
    }
    struct icaltimetype t = icalproperty_get_dtstart(start);
    icalparameter *tzid = icalproperty_get_first_parameter(start, ICAL_TZID_PARAMETER);
    *ret = (struct calendar_series){
        .lines = lines,
        .zones = zones,
        .zone = zone_of(t, tzid != NULL ? icalparameter_get_tzid(tzid) : NULL)};
    struct calendar_wall wall = calendar_wall_of(wall_of_ical(t));
    ret->start = (struct calendar_moment){.set = true,
                                          .all_day = t.is_date,
                                          .date = wall.date,
                                          .at = calendar_zone_instant(ret->zone, wall)};
    for (icalproperty *p = icalcomponent_get_first_property(event, ICAL_ANY_PROPERTY); p != NULL;
         p = icalcomponent_get_next_property(event, ICAL_ANY_PROPERTY)) {
        icalproperty_kind kind = icalproperty_isa(p);
        if (kind == ICAL_RRULE_PROPERTY || kind == ICAL_RDATE_PROPERTY ||
            kind == ICAL_EXDATE_PROPERTY) {
            assert_true(ret->line_count < ARRAY_LEN(lines));
            lines[ret->line_count++] = line_of(arena, p);
        }
    }
    return ret->line_count > 0;
}

static void check_event(icalcomponent *event, const char *name, struct file_stats *stats)
{
    struct arena arena CLEANUP(arena_fini);
    struct calendar_series series;
    struct calendar_occurrence *ours;
    size_t count;
    instants theirs = {0};
    struct err err;
    arena_init(&arena);
    if (!read_series(event, &arena, &series)) {
        return;
    }
    int64_t from = series.start.at - CALENDAR_DAY_MS;
    int64_t to = from + 3650 * CALENDAR_DAY_MS;
    if (calendar_expand(&series, from, to, &arena, &ours, &count, &err) != ERR_OK) {
        fail_msg("%s: %s", name, err.text);
    }
    stats->series++;
    stats->occurrences += count;
    bool has_rdate = false;
    for (size_t i = 0; i < series.line_count; i++) {
        has_rdate = has_rdate || str_starts(series.lines[i], STR("RDATE"));
        if (str_starts(series.lines[i], STR("RRULE:"))) {
            struct calendar_wall start = series.start.all_day
                                             ? (struct calendar_wall){.date = series.start.date}
                                             : calendar_zone_wall(series.zone, series.start.at);
            stats->rules += compare(arena_cstr(&arena, str_sub(series.lines[i], 6, SIZE_MAX)),
                                    start, series.start.all_day, 200);
        }
    }
    if (has_rdate) {
        return; /* libical reads the times of RDATE;TZID as UTC */
    }
    icalcomponent_foreach_recurrence(
        event, icaltime_from_timet_with_zone((time_t)(from / 1000), 0, NULL),
        icaltime_from_timet_with_zone((time_t)(to / 1000), 0, NULL), note_start, &theirs);
    compare_sets(name, ours, count, &theirs);
    vec_fini(&theirs);
}

static void check_file(const char *path, const char *name, struct file_stats *stats)
{
    char *text = read_file(path);
    icalcomponent *root = icalparser_parse_string(text);
    free(text);
    if (root == NULL) {
        return;
    }
    /* Without the file's own zones, some of which tell of two years only, it takes the system's. */
    for (icalcomponent *zone;
         (zone = icalcomponent_get_first_component(root, ICAL_VTIMEZONE_COMPONENT)) != NULL;) {
        icalcomponent_remove_component(root, zone);
        icalcomponent_free(zone);
    }
    for (icalcomponent *c = icalcomponent_get_first_component(root, ICAL_VEVENT_COMPONENT);
         c != NULL; c = icalcomponent_get_next_component(root, ICAL_VEVENT_COMPONENT)) {
        check_event(c, name, stats);
    }
    icalcomponent_free(root);
}

static void test_real_files(void **state UNUSED)
{
    const char *path = getenv("CALFLEET_ICS_DIR");
    path = path != NULL ? path : ICS_DIR;
    DIR *dir = opendir(path);
    struct file_stats stats = {0};
    if (dir == NULL) {
        print_message("no calendars at %s: skipped\n", path);
        skip();
    }
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (str_ends(str_c(e->d_name), STR(".ics"))) {
            char file[1024];
            snprintf(file, sizeof file, "%s/%s", path, e->d_name);
            check_file(file, e->d_name, &stats);
        }
    }
    closedir(dir);
    print_message("%zu series, %zu occurrences, %zu rules compared\n", stats.series,
                  stats.occurrences, stats.rules);
}

int main(void)
{
    icalerror_set_errors_are_fatal(false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_rules),
        cmocka_unit_test(test_real_files),
    };
    return cmocka_run_group_tests(tests, zones_setup, zones_teardown);
}

/* From lines to occurrences in a window. */
#include "base/vec.h"
#include "rule_int.h"

/* A rule with COUNT is counted from its start, and one may match never: so many periods are
 * looked at and no more. Daily for 500 years is below it. */
#define PERIODS_MAX 200000
#define TIMES_MAX 1440 /* times of one day: every minute */

struct dates {
    VEC(int64_t) instants;
    VEC(int32_t) days;
};

struct expansion {
    const struct calendar_series *series;
    int64_t from_at;
    int64_t to_at;
    int64_t duration_ms;   /* timed */
    int32_t duration_days; /* all-day */
    struct calendar_wall start;
    VEC(struct calendar_occurrence) found;
    struct dates excluded;
};

static const struct calendar_zone *zone_of(const struct calendar_series *s)
{
    return s->zone != NULL ? s->zone : calendar_zone_utc();
}

static struct calendar_occurrence occurrence(const struct expansion *x, struct calendar_wall wall)
{
    const struct calendar_zone *zone = zone_of(x->series);
    struct calendar_occurrence o = {.start_at = calendar_zone_instant(zone, wall),
                                    .date = wall.date};
    if (x->series->start.all_day) {
        struct calendar_wall end = {calendar_date_of(calendar_days(wall.date) + x->duration_days),
                                    0};
        o.end_at = calendar_zone_instant(zone, end);
    } else {
        o.end_at = o.start_at + x->duration_ms;
    }
    return o;
}

static bool overlaps(const struct expansion *x, const struct calendar_occurrence *o)
{
    int64_t end = MAX(o->end_at, o->start_at + 1); /* an empty one stands at its instant */
    return o->start_at < x->to_at && end > x->from_at;
}

static enum err_code keep(struct expansion *x, struct calendar_occurrence o, struct err *err)
{
    if (!overlaps(x, &o)) {
        return ERR_OK;
    }
    if (x->found.len >= CALENDAR_OCCURRENCES_MAX) {
        return ERR_SET(err, ERR_TOO_BIG, "more than %d occurrences", CALENDAR_OCCURRENCES_MAX);
    }
    vec_push(&x->found, o);
    return ERR_OK;
}

/* ---- RDATE, EXDATE -------------------------------------------------------------------------- */

struct line {
    struct str name;
    struct str params;
    struct str value;
};

static bool split_line(struct str text, struct line *ret)
{
    size_t colon = SIZE_MAX;
    bool quoted = false;
    for (size_t i = 0; i < text.len && colon == SIZE_MAX; i++) {
        quoted ^= text.ptr[i] == '"';
        if (text.ptr[i] == ':' && !quoted) {
            colon = i;
        }
    }
    if (colon == SIZE_MAX) {
        return false;
    }
    struct str head = str_sub(text, 0, colon);
    size_t semicolon = str_find_char(head, ';');
    ret->name = str_sub(head, 0, semicolon);
    ret->params = semicolon == SIZE_MAX ? STR("") : str_sub(head, semicolon + 1, SIZE_MAX);
    ret->value = str_trim(str_sub(text, colon + 1, SIZE_MAX));
    return true;
}

static struct str param(struct str params, const char *name)
{
    struct str item;
    while (str_split(&params, ';', &item)) {
        struct str value = item;
        struct str key;
        if (str_split(&value, '=', &key) && value.ptr != NULL && str_eq_nocase(key, str_c(name))) {
            bool quoted = value.len >= 2 && value.ptr[0] == '"';
            return quoted ? str_sub(value, 1, value.len - 2) : value;
        }
    }
    return STR("");
}

static enum err_code parse_dates(const struct calendar_series *s, const struct line *line,
                                 struct dates *to, struct err *err)
{
    const struct calendar_zone *zone = zone_of(s);
    struct str tzid = param(line->params, "TZID");
    struct str rest = line->value;
    struct str item;

    if (tzid.len > 0 && s->zones != NULL &&
        calendar_zone_find(s->zones, tzid, &zone, NULL) != ERR_OK) {
        return ERR_SET(err, ERR_INVALID, "a recurrence date has an unknown time zone");
    }
    while (str_split(&rest, ',', &item)) {
        struct calendar_wall wall = {0};
        bool utc = false;
        struct str start = str_sub(item, 0, str_find_char(item, '/')); /* of a period */
        if (to->instants.len + to->days.len >= CALENDAR_DATES_MAX) {
            return ERR_SET(err, ERR_TOO_BIG, "more than %d recurrence dates", CALENDAR_DATES_MAX);
        }
        if (calendar_parse_ical_date(start, &wall.date)) {
            vec_push(&to->days, calendar_days(wall.date));
        } else if (calendar_parse_ical_time(start, &wall, &utc)) {
            vec_push(&to->instants, calendar_zone_instant(utc ? calendar_zone_utc() : zone, wall));
        } else {
            return ERR_SET(err, ERR_INVALID, "a recurrence date is malformed");
        }
    }
    return ERR_OK;
}

static enum err_code add_dates(struct expansion *x, const struct line *line, struct err *err)
{
    struct dates added = {0};
    const struct calendar_zone *zone = zone_of(x->series);
    bool all_day = x->series->start.all_day;
    enum err_code rc = parse_dates(x->series, line, &added, err);

    for (size_t i = 0; rc == ERR_OK && i < added.instants.len; i++) {
        struct calendar_wall wall = calendar_zone_wall(zone, added.instants.ptr[i]);
        wall.second_of_day = all_day ? 0 : wall.second_of_day;
        struct calendar_occurrence o = occurrence(x, wall);
        if (!all_day) { /* exactly this instant, also the second one of an overlap */
            o.start_at = added.instants.ptr[i];
            o.end_at = o.start_at + x->duration_ms;
        }
        rc = keep(x, o, err);
    }
    for (size_t i = 0; rc == ERR_OK && i < added.days.len; i++) {
        struct calendar_wall wall = {calendar_date_of(added.days.ptr[i]), x->start.second_of_day};
        rc = keep(x, occurrence(x, wall), err);
    }
    vec_fini(&added.instants);
    vec_fini(&added.days);
    return rc;
}

static int cmp_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int cmp_i32(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a;
    int32_t y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static bool is_excluded(const struct expansion *x, const struct calendar_occurrence *o)
{
    const struct dates *ex = &x->excluded;
    int32_t day = calendar_days(o->date);
    /* A bare date takes out the day's occurrences of a timed series as well: some clients write
     * it so. */
    return (ex->days.len > 0 &&
            bsearch(&day, ex->days.ptr, ex->days.len, sizeof day, cmp_i32) != NULL) ||
           (ex->instants.len > 0 && bsearch(&o->start_at, ex->instants.ptr, ex->instants.len,
                                            sizeof o->start_at, cmp_i64) != NULL);
}

/* ---- RRULE ---------------------------------------------------------------------------------- */

/* Seconds of the day, ascending: BYHOUR x BYMINUTE x BYSECOND, or the start's. */
static size_t times_of_day(const struct calendar_rule *r, int32_t start, int32_t *times)
{
    int8_t h = (int8_t)(start / 3600);
    int8_t m = (int8_t)(start / 60 % 60);
    int8_t s = (int8_t)(start % 60);
    size_t n = 0;
    for (size_t i = 0; i < MAX(r->hour_count, 1); i++) {
        for (size_t k = 0; k < MAX(r->minute_count, 1); k++) {
            for (size_t l = 0; l < MAX(r->second_count, 1) && n < TIMES_MAX; l++) {
                times[n++] = (r->hour_count > 0 ? r->hours[i] : h) * 3600 +
                             (r->minute_count > 0 ? r->minutes[k] : m) * 60 +
                             (r->second_count > 0 ? r->seconds[l] : s);
            }
        }
    }
    qsort(times, n, sizeof *times, cmp_i32);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || times[kept - 1] != times[i]) {
            times[kept++] = times[i];
        }
    }
    return kept;
}

static bool position_fits(const struct calendar_rule *r, size_t i, size_t count)
{
    if (r->set_pos_count == 0) {
        return true;
    }
    for (size_t k = 0; k < r->set_pos_count; k++) {
        int64_t pos = r->set_pos[k];
        if (pos == (int64_t)i + 1 || pos == (int64_t)i - (int64_t)count) {
            return true;
        }
    }
    return false;
}

static bool is_past_until(const struct expansion *x, const struct calendar_rule *r,
                          struct calendar_wall wall, int64_t at)
{
    if (!r->has_until) {
        return false;
    }
    if (r->until_is_date || x->series->start.all_day) {
        return calendar_days(wall.date) > calendar_days(r->until.date);
    }
    if (r->until_local) {
        return calendar_wall_seconds(wall) > calendar_wall_seconds(r->until);
    }
    return at > calendar_wall_seconds(r->until) * 1000;
}

struct rule_run {
    const struct calendar_rule *rule;
    int32_t times[TIMES_MAX];
    size_t time_count;
    int32_t days[PERIOD_DAYS_MAX];
    int32_t counted;
    bool ended;
};

static enum err_code add_period(struct expansion *x, struct rule_run *run, const struct period *p,
                                struct err *err)
{
    const struct calendar_rule *r = run->rule;
    size_t days = period_days(r, x->start.date, p, run->days);
    size_t count = days * run->time_count;
    int64_t first = calendar_wall_seconds(x->start);

    for (size_t i = 0; i < count; i++) {
        struct calendar_wall wall = {calendar_date_of(run->days[i / run->time_count]),
                                     run->times[i % run->time_count]};
        if (!position_fits(r, i, count) || calendar_wall_seconds(wall) < first) {
            continue;
        }
        struct calendar_occurrence o = occurrence(x, wall);
        if (is_past_until(x, r, wall, o.start_at) || (r->count > 0 && run->counted == r->count)) {
            run->ended = true;
            return ERR_OK;
        }
        run->counted++;
        enum err_code rc = keep(x, o, err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    return ERR_OK;
}

static int32_t day_of_instant(int64_t at)
{
    at = MAX(MIN(at, CALENDAR_MAX_AT), CALENDAR_MIN_AT);
    return (int32_t)(at / CALENDAR_DAY_MS);
}

static enum err_code add_rule(struct expansion *x, struct str value, struct arena *arena,
                              struct err *err)
{
    struct calendar_rule *rule = ARENA_NEW(arena, struct calendar_rule);
    struct rule_run *run = ARENA_NEW(arena, struct rule_run);
    enum err_code rc = calendar_rule_parse(value, rule, err);
    if (rc != ERR_OK) {
        return rc;
    }
    run->rule = rule;
    run->time_count = times_of_day(rule, x->start.second_of_day, run->times);
    /* Without a count the years before the window need not be walked. Two days are room for zones.
     */
    int64_t duration = x->duration_ms + x->duration_days * CALENDAR_DAY_MS;
    int32_t from_day = day_of_instant(x->from_at - MIN(duration, CALENDAR_MAX_AT)) - 2;
    int32_t to_day = day_of_instant(x->to_at) + 2;
    int64_t n = rule->count > 0 ? 0 : periods_before(rule, x->start.date, from_day);
    struct period p;
    for (int64_t seen = 0; period_of(rule, x->start.date, n, &p); n++, seen++) {
        if (p.first_day > to_day || run->ended) {
            return ERR_OK;
        }
        if (seen == PERIODS_MAX) {
            return ERR_SET(err, ERR_TOO_BIG, "recurrence rule runs over more than %d periods",
                           PERIODS_MAX);
        }
        rc = add_period(x, run, &p, err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    return ERR_OK;
}

/* ---- all together ---------------------------------------------------------------------------- */

static enum err_code read_line(struct expansion *x, struct str text, struct arena *arena,
                               struct err *err)
{
    struct line line;
    if (!split_line(text, &line)) {
        return ERR_SET(err, ERR_INVALID, "a recurrence line has no value");
    }
    if (str_eq_nocase(line.name, STR("RRULE"))) {
        return add_rule(x, line.value, arena, err);
    }
    if (str_eq_nocase(line.name, STR("RDATE"))) {
        return add_dates(x, &line, err);
    }
    if (str_eq_nocase(line.name, STR("EXDATE"))) {
        return parse_dates(x->series, &line, &x->excluded, err);
    }
    if (str_eq_nocase(line.name, STR("EXRULE"))) {
        return ERR_SET(err, ERR_UNSUPPORTED, "EXRULE is not expanded");
    }
    return ERR_SET(err, ERR_INVALID, "an unknown recurrence line");
}

static int cmp_occurrence(const void *a, const void *b)
{
    const struct calendar_occurrence *x = a;
    const struct calendar_occurrence *y = b;
    return (x->start_at > y->start_at) - (x->start_at < y->start_at);
}

/* Sorted, each start once, without what is excluded. */
static void take_found(struct expansion *x, struct arena *arena,
                       struct calendar_occurrence **ret_occurrences, size_t *ret_count)
{
    struct calendar_occurrence *to = ARENA_ARRAY(arena, struct calendar_occurrence, x->found.len);
    size_t n = 0;
    if (x->found.len > 0) {
        qsort(x->found.ptr, x->found.len, sizeof *x->found.ptr, cmp_occurrence);
    }
    if (x->excluded.instants.len > 0) {
        qsort(x->excluded.instants.ptr, x->excluded.instants.len, sizeof(int64_t), cmp_i64);
    }
    if (x->excluded.days.len > 0) {
        qsort(x->excluded.days.ptr, x->excluded.days.len, sizeof(int32_t), cmp_i32);
    }
    vec_foreach (o, &x->found) {
        if ((n == 0 || to[n - 1].start_at != o->start_at) && !is_excluded(x, o)) {
            to[n++] = *o;
        }
    }
    *ret_occurrences = to;
    *ret_count = n;
}

static struct calendar_wall wall_of_moment(const struct calendar_moment *m,
                                           const struct calendar_zone *zone)
{
    return m->all_day ? (struct calendar_wall){m->date, 0} : calendar_zone_wall(zone, m->at);
}

enum err_code calendar_expand(const struct calendar_series *series, int64_t from_at, int64_t to_at,
                              struct arena *arena, struct calendar_occurrence **ret_occurrences,
                              size_t *ret_count, struct err *err)
{
    struct expansion x = {.series = series, .from_at = from_at, .to_at = to_at};
    enum err_code rc = ERR_OK;

    if (series->line_count > CALENDAR_LINES_MAX) {
        return ERR_SET(err, ERR_TOO_BIG, "more than %d recurrence lines", CALENDAR_LINES_MAX);
    }
    if (!series->start.set || !series->end.set || series->start.all_day != series->end.all_day) {
        return ERR_SET(err, ERR_INVALID, "a series without a start and an end of one kind");
    }
    x.start = wall_of_moment(&series->start, zone_of(series));
    if (series->start.all_day) {
        x.duration_days =
            MAX(calendar_days(series->end.date) - calendar_days(series->start.date), 1);
    } else {
        x.duration_ms = MAX(series->end.at - series->start.at, (int64_t)0);
    }
    /* The first occurrence is in the set whether or not a rule names it (RFC 5545 3.8.5.3). */
    rc = keep(&x, occurrence(&x, x.start), err);
    for (size_t i = 0; rc == ERR_OK && i < series->line_count; i++) {
        rc = read_line(&x, series->lines[i], arena, err);
    }
    if (rc == ERR_OK) {
        take_found(&x, arena, ret_occurrences, ret_count);
    }
    vec_fini(&x.found);
    vec_fini(&x.excluded.instants);
    vec_fini(&x.excluded.days);
    return rc;
}

struct calendar_occurrence calendar_single(const struct calendar_moment *start,
                                           const struct calendar_moment *end,
                                           const struct calendar_zone *zone)
{
    struct calendar_wall from = wall_of_moment(start, zone);
    struct calendar_occurrence o = {.date = from.date, .start_at = start->at};
    if (start->all_day) {
        int32_t last = MAX(calendar_days(end->date), calendar_days(start->date) + 1);
        o.start_at = calendar_zone_instant(zone, from);
        o.end_at = calendar_zone_instant(zone, (struct calendar_wall){calendar_date_of(last), 0});
    } else {
        o.end_at = MAX(end->at, start->at);
    }
    return o;
}

/* From a series to its occurrences in a window. */
#include "lines_int.h"
#include "zone_int.h"

#define DAY_SECONDS 86400
/* Between wall clock and UTC lie less than 26 hours (RFC 8536 3.2). */
#define ZONE_SECONDS (26 * 3600)

struct expansion {
    const struct calendar_zone *zone;
    struct calendar_zone_range range; /* where the last conversion was: the next one is near */
    bool all_day;
    struct calendar_wall start;
    int64_t sub_second_ms; /* of the start */
    int64_t duration_ms;   /* timed */
    int32_t duration_days; /* all-day */
    int64_t from_at;
    int64_t to_at;
    int32_t work_left;
    VEC(struct calendar_occurrence) found;
    struct lines lines;
};

static int64_t instant_at(struct expansion *x, int64_t wall)
{
    return zone_instant_near(x->zone, wall, &x->range) * 1000;
}

static struct calendar_occurrence all_day_occurrence(struct expansion *x, int32_t day)
{
    struct calendar_occurrence o = {.date = calendar_date_of(day)};
    o.start_at = instant_at(x, (int64_t)day * DAY_SECONDS);
    o.end_at = instant_at(x, (int64_t)(day + x->duration_days) * DAY_SECONDS);
    return o;
}

static struct calendar_occurrence occurrence_at(struct expansion *x, int64_t wall)
{
    int32_t day = (int32_t)floor_div64(wall, DAY_SECONDS);
    if (x->all_day) {
        return all_day_occurrence(x, day);
    }
    struct calendar_occurrence o = {.date = calendar_date_of(day)};
    o.start_at = instant_at(x, wall) + x->sub_second_ms;
    o.end_at = o.start_at + x->duration_ms;
    return o;
}

static enum err_code keep(struct expansion *x, const struct calendar_occurrence *o, struct err *err)
{
    if (!calendar_occurrence_in(o, x->from_at, x->to_at)) {
        return ERR_OK;
    }
    if (x->found.len == CALENDAR_OCCURRENCES_MAX) {
        return ERR_SET(err, ERR_TOO_BIG, "more than %d occurrences", CALENDAR_OCCURRENCES_MAX);
    }
    vec_push(&x->found, *o);
    return ERR_OK;
}

/* ---- rules ---------------------------------------------------------------------------------- */

static int64_t clamp(int64_t at)
{
    return MAX(MIN(at, CALENDAR_MAX_AT), CALENDAR_MIN_AT);
}

/* Takes a match into the result, or out of it. */
static enum err_code take_match(struct expansion *x, const struct line_rule *line, int64_t wall,
                                struct err *err)
{
    struct calendar_occurrence o = occurrence_at(x, wall);
    const struct calendar_rule *r = &line->rule;
    if (r->until_kind == CALENDAR_UNTIL_UTC && !x->all_day &&
        o.start_at > calendar_wall_seconds(r->until) * 1000 + x->sub_second_ms) {
        return ERR_OK;
    }
    if (!line->exclude) {
        return keep(x, &o, err);
    }
    if (x->lines.excluded.len + x->lines.excluded_days.len >=
        CALENDAR_OCCURRENCES_MAX + CALENDAR_DATES_MAX) {
        return ERR_SET(err, ERR_TOO_BIG, "more than %d excluded occurrences",
                       CALENDAR_OCCURRENCES_MAX);
    }
    if (x->all_day) {
        vec_push(&x->lines.excluded_days, calendar_days(o.date));
    } else {
        vec_push(&x->lines.excluded, floor_div64(o.start_at, 1000));
    }
    return ERR_OK;
}

static enum err_code walk_rule(struct expansion *x, const struct line_rule *line, struct err *err)
{
    struct calendar_rule_iter it;
    int64_t longest_ms = x->duration_ms + x->duration_days * CALENDAR_DAY_MS;
    int64_t from = clamp(MAX(x->from_at, CALENDAR_MIN_AT + longest_ms) - longest_ms) / 1000;
    int64_t to = clamp(x->to_at) / 1000;
    int64_t wall;

    calendar_rule_iter_init(&it, &line->rule, x->start, x->all_day, from - ZONE_SECONDS,
                            to + ZONE_SECONDS, x->work_left);
    while (calendar_rule_next(&it, &wall)) {
        enum err_code rc = take_match(x, line, wall, err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    x->work_left = it.work_left;
    if (it.exhausted) {
        return ERR_SET(err, ERR_TOO_BIG, "the recurrence rule takes more than %d steps",
                       CALENDAR_WORK_MAX);
    }
    return ERR_OK;
}

static enum err_code add_dates(struct expansion *x, struct err *err)
{
    vec_foreach (d, &x->lines.dates) {
        struct calendar_occurrence o;
        if (x->all_day) {
            o = all_day_occurrence(x, (int32_t)d->start);
        } else {
            o.start_at = d->start * 1000;
            o.end_at = d->has_end ? d->end * 1000 : o.start_at + x->duration_ms;
            o.date = calendar_zone_wall(x->zone, o.start_at).date;
        }
        enum err_code rc = keep(x, &o, err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    return ERR_OK;
}

/* ---- the set -------------------------------------------------------------------------------- */

/* By start; all-day ones by date too, since a zone may skip a whole day and two dates then begin at
 * one instant; of two that begin together the longer one first. */
static int compare_occurrences(const void *a, const void *b)
{
    const struct calendar_occurrence *x = a;
    const struct calendar_occurrence *y = b;
    if (x->start_at != y->start_at) {
        return x->start_at < y->start_at ? -1 : 1;
    }
    int32_t dx = calendar_days(x->date);
    int32_t dy = calendar_days(y->date);
    if (dx != dy) {
        return dx < dy ? -1 : 1;
    }
    return (x->end_at < y->end_at) - (x->end_at > y->end_at);
}

static int compare_i64(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;
    return (*x > *y) - (*x < *y);
}

static int compare_i32(const void *a, const void *b)
{
    const int32_t *x = a;
    const int32_t *y = b;
    return (*x > *y) - (*x < *y);
}

static bool is_sorted(const struct expansion *x)
{
    for (size_t i = 1; i < x->found.len; i++) {
        if (x->found.ptr[i - 1].start_at >= x->found.ptr[i].start_at) {
            return false;
        }
    }
    return true;
}

static bool is_excluded(const struct expansion *x, const struct calendar_occurrence *o)
{
    const struct lines *l = &x->lines;
    int64_t at = floor_div64(o->start_at, 1000);
    if (l->excluded.len > 0 &&
        bsearch(&at, l->excluded.ptr, l->excluded.len, sizeof at, compare_i64) != NULL) {
        return true;
    }
    if (l->excluded_days.len == 0) {
        return false;
    }
    int32_t day = calendar_days(o->date);
    return bsearch(&day, l->excluded_days.ptr, l->excluded_days.len, sizeof day, compare_i32) !=
           NULL;
}

/* Sorted, each once, without what is excluded. */
static size_t finish(struct expansion *x, struct arena *arena,
                     struct calendar_occurrence **ret_occurrences)
{
    struct calendar_occurrence *out = arena_alloc(arena, sizeof *out * MAX(x->found.len, 1));
    struct lines *l = &x->lines;
    size_t n = 0;
    if (!is_sorted(x)) {
        qsort(x->found.ptr, x->found.len, sizeof *x->found.ptr, compare_occurrences);
    }
    if (l->excluded.len > 0) {
        qsort(l->excluded.ptr, l->excluded.len, sizeof *l->excluded.ptr, compare_i64);
    }
    if (l->excluded_days.len > 0) {
        qsort(l->excluded_days.ptr, l->excluded_days.len, sizeof *l->excluded_days.ptr,
              compare_i32);
    }
    vec_foreach (o, &x->found) {
        bool again = n > 0 && out[n - 1].start_at == o->start_at &&
                     (!x->all_day || calendar_days(out[n - 1].date) == calendar_days(o->date));
        if (!again && !is_excluded(x, o)) {
            out[n++] = *o;
        }
    }
    *ret_occurrences = out;
    return n;
}

static enum err_code expand(struct expansion *x, struct err *err)
{
    struct calendar_occurrence first = occurrence_at(x, calendar_wall_seconds(x->start));
    enum err_code rc = keep(x, &first, err);
    if (rc == ERR_OK) {
        rc = add_dates(x, err);
    }
    vec_foreach (line, &x->lines.rules) {
        if (rc == ERR_OK) {
            rc = walk_rule(x, line, err);
        }
    }
    return rc;
}

static bool is_moment(const struct calendar_moment *m)
{
    return m->all_day ? calendar_date_valid(m->date.year, m->date.month, m->date.day)
                      : m->at >= CALENDAR_MIN_AT && m->at <= CALENDAR_MAX_AT;
}

static enum err_code prepare(struct expansion *x, const struct calendar_series *s, struct err *err)
{
    const struct calendar_moment *start = &s->start;
    if (!start->set || (s->end.set && s->end.all_day != start->all_day)) {
        return ERR_SET(err, ERR_INVALID,
                       "a series without a start, or with an end of another kind");
    }
    if (!is_moment(start) || (s->end.set && !is_moment(&s->end))) {
        return ERR_SET(err, ERR_INVALID, "a series beyond the calendar");
    }
    x->zone = s->zone != NULL ? s->zone : calendar_zone_utc();
    x->range = (struct calendar_zone_range){.from = INT64_MAX, .to = INT64_MIN};
    x->all_day = start->all_day;
    x->work_left = CALENDAR_WORK_MAX;
    if (start->all_day) {
        x->start = (struct calendar_wall){.date = start->date};
        x->duration_days =
            s->end.set ? MAX(calendar_days(s->end.date) - calendar_days(start->date), 1) : 1;
    } else {
        x->start = calendar_zone_wall(x->zone, start->at);
        x->sub_second_ms = start->at - floor_div64(start->at, 1000) * 1000;
        x->duration_ms = s->end.set ? MAX(s->end.at - start->at, (int64_t)0) : 0;
    }
    struct lines_context context = {.all_day = x->all_day,
                                    .second_of_day = x->start.second_of_day,
                                    .zone = x->zone,
                                    .zones = s->zones};
    return lines_parse(&context, s->lines, s->line_count, &x->lines, err);
}

static void expansion_fini(struct expansion *x)
{
    vec_fini(&x->found);
    lines_fini(&x->lines);
}

enum err_code calendar_expand(const struct calendar_series *series, int64_t from_at, int64_t to_at,
                              struct arena *arena, struct calendar_occurrence **ret_occurrences,
                              size_t *ret_count, struct err *err)
{
    struct expansion x CLEANUP(expansion_fini) = {.from_at = from_at, .to_at = to_at};
    enum err_code rc = prepare(&x, series, err);
    if (rc == ERR_OK) {
        rc = expand(&x, err);
    }
    if (rc == ERR_OK) {
        *ret_count = finish(&x, arena, ret_occurrences);
    }
    return rc;
}

enum err_code calendar_series_check(const struct calendar_series *series, struct err *err)
{
    struct expansion x CLEANUP(expansion_fini) = {0};
    return prepare(&x, series, err);
}

struct calendar_occurrence calendar_single(const struct calendar_moment *start,
                                           const struct calendar_moment *end,
                                           const struct calendar_zone *zone)
{
    if (start->all_day) {
        int32_t first = calendar_days(start->date);
        int32_t last = end->set && end->all_day ? calendar_days(end->date) : first;
        return (struct calendar_occurrence){
            .start_at = calendar_zone_midnight(zone, start->date),
            .end_at = calendar_zone_midnight(zone, calendar_date_of(MAX(last, first + 1))),
            .date = start->date};
    }
    return (struct calendar_occurrence){
        .start_at = start->at,
        .end_at = end->set && !end->all_day ? MAX(end->at, start->at) : start->at,
        .date = calendar_zone_wall(zone, start->at).date};
}

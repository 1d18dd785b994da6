#include "calendar/series.h"

#include "base/vec.h"

/* Which occurrences have rows of their own. A provider may name them by date in a series that is
 * timed today, or by instant in one that is all-day. */
struct replaced {
    VEC(int64_t) seconds;
    VEC(int32_t) days;
};

struct instances {
    const struct calendar_series_rows *rows;
    const struct calendar_zone *zone; /* the calendar's */
    int64_t from_at;
    int64_t to_at;
    struct replaced replaced;
    VEC(struct calendar_instance) found;
};

static int64_t seconds_of(int64_t at)
{
    return at / 1000 - (at % 1000 < 0);
}

static const struct calendar_zone *find_zone(struct calendar_zones *zones, struct str name,
                                             const struct calendar_zone *otherwise)
{
    const struct calendar_zone *zone = otherwise;
    if (name.len > 0 && zones != NULL) {
        IGNORE(calendar_zone_find(zones, name, &zone, NULL)); /* as series.h says */
    }
    return zone;
}

/* The date of an instant that names an occurrence of an all-day series: providers write midnight,
 * of UTC or of the calendar. */
static struct calendar_date date_of_instant(const struct calendar_zone *zone, int64_t at)
{
    return calendar_zone_wall(at % CALENDAR_DAY_MS == 0 ? calendar_zone_utc() : zone, at).date;
}

static bool is_all_day(const struct calendar_series_rows *rows,
                       const struct calendar_event *exception)
{
    return rows->master != NULL && rows->master->start.set ? rows->master->start.all_day
                                                           : exception->original_start.all_day;
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

static void note_replaced(struct instances *in)
{
    struct replaced *r = &in->replaced;
    for (size_t i = 0; i < in->rows->exception_count; i++) {
        const struct calendar_event *e = in->rows->exceptions[i];
        const struct calendar_moment *original = &e->original_start;
        if (!original->set) {
            continue;
        }
        if (original->all_day) {
            vec_push(&r->days, calendar_days(original->date));
        } else if (is_all_day(in->rows, e)) {
            vec_push(&r->days, calendar_days(date_of_instant(in->zone, original->at)));
        } else {
            vec_push(&r->seconds, seconds_of(original->at));
        }
    }
    if (r->seconds.len > 0) {
        qsort(r->seconds.ptr, r->seconds.len, sizeof *r->seconds.ptr, compare_i64);
    }
    if (r->days.len > 0) {
        qsort(r->days.ptr, r->days.len, sizeof *r->days.ptr, compare_i32);
    }
}

static bool is_replaced(const struct replaced *r, const struct calendar_occurrence *o)
{
    int64_t at = seconds_of(o->start_at);
    int32_t day = calendar_days(o->date);
    return (r->seconds.len > 0 &&
            bsearch(&at, r->seconds.ptr, r->seconds.len, sizeof at, compare_i64) != NULL) ||
           (r->days.len > 0 &&
            bsearch(&day, r->days.ptr, r->days.len, sizeof day, compare_i32) != NULL);
}

static enum err_code add_master(struct instances *in, struct arena *arena, struct err *err)
{
    const struct calendar_event *m = in->rows->master;
    struct calendar_occurrence *o;
    size_t count;
    if (m == NULL || m->status == CALENDAR_CANCELLED || !m->start.set) {
        return ERR_OK;
    }
    struct calendar_series series = {
        .start = m->start,
        .end = m->end,
        .lines = m->recurrence,
        .line_count = m->recurrence_count,
        .zone = m->start.all_day ? in->zone : find_zone(in->rows->zones, m->start.zone, in->zone),
        .zones = in->rows->zones,
    };
    enum err_code rc = calendar_expand(&series, in->from_at, in->to_at, arena, &o, &count, err);
    if (rc != ERR_OK) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_replaced(&in->replaced, &o[i])) {
            vec_push(&in->found, (struct calendar_instance){o[i], m, o[i].start_at, o[i].date});
        }
    }
    return ERR_OK;
}

static void add_exception(struct instances *in, const struct calendar_event *e)
{
    const struct calendar_zone *zone = in->zone;
    if (e->status == CALENDAR_CANCELLED || !e->start.set) {
        return;
    }
    if (!e->start.all_day) {
        zone = find_zone(in->rows->zones, e->start.zone, zone);
    }
    struct calendar_instance instance = {.occurrence = calendar_single(&e->start, &e->end, zone),
                                         .event = e};
    const struct calendar_moment *original = e->original_start.set ? &e->original_start : &e->start;
    if (!calendar_occurrence_in(&instance.occurrence, in->from_at, in->to_at)) {
        return;
    }
    if (original->all_day || is_all_day(in->rows, e)) {
        instance.original_date =
            original->all_day ? original->date : date_of_instant(in->zone, original->at);
        instance.original_at = calendar_zone_midnight(in->zone, instance.original_date);
    } else {
        instance.original_date = calendar_zone_wall(zone, original->at).date;
        instance.original_at = original->at;
    }
    vec_push(&in->found, instance);
}

static int compare_instances(const void *a, const void *b)
{
    const struct calendar_instance *x = a;
    const struct calendar_instance *y = b;
    if (x->occurrence.start_at != y->occurrence.start_at) {
        return x->occurrence.start_at < y->occurrence.start_at ? -1 : 1;
    }
    if (x->original_at != y->original_at) {
        return x->original_at < y->original_at ? -1 : 1;
    }
    return str_cmp(x->event->id, y->event->id);
}

static enum err_code collect(struct instances *in, struct arena *arena, struct err *err)
{
    if (in->rows->exception_count > CALENDAR_EXCEPTIONS_MAX) {
        return ERR_SET(err, ERR_TOO_BIG, "more than %d exceptions of one series",
                       CALENDAR_EXCEPTIONS_MAX);
    }
    note_replaced(in);
    enum err_code rc = add_master(in, arena, err);
    for (size_t i = 0; rc == ERR_OK && i < in->rows->exception_count; i++) {
        add_exception(in, in->rows->exceptions[i]);
    }
    return rc;
}

static void instances_fini(struct instances *in)
{
    vec_fini(&in->replaced.seconds);
    vec_fini(&in->replaced.days);
    vec_fini(&in->found);
}

enum err_code calendar_series_instances(const struct calendar_series_rows *rows, int64_t from_at,
                                        int64_t to_at, struct arena *arena,
                                        struct calendar_instance **ret_instances, size_t *ret_count,
                                        struct err *err)
{
    struct instances in CLEANUP(instances_fini) = {
        .rows = rows, .from_at = from_at, .to_at = to_at};
    in.zone = find_zone(rows->zones, rows->zone, calendar_zone_utc());
    enum err_code rc = collect(&in, arena, err);
    if (rc != ERR_OK) {
        return rc;
    }
    size_t bytes = in.found.len * sizeof *in.found.ptr;
    if (in.found.len > 0) {
        qsort(in.found.ptr, in.found.len, sizeof *in.found.ptr, compare_instances);
    }
    *ret_instances = arena_alloc(arena, MAX(bytes, sizeof *in.found.ptr));
    if (bytes > 0) {
        memcpy(*ret_instances, in.found.ptr, bytes);
    }
    *ret_count = in.found.len;
    return ERR_OK;
}

bool calendar_instance_span(const struct calendar_instance *instance,
                            struct calendar_span *ret_span)
{
    const struct calendar_event *e = instance->event;
    struct calendar_span span = {.start_at = instance->occurrence.start_at,
                                 .end_at = instance->occurrence.end_at};
    if (span.start_at >= span.end_at ||
        !calendar_takes_time(e->status, e->show_as, e->my_response, e->event_type, &span.show_as)) {
        return false;
    }
    *ret_span = span;
    return true;
}

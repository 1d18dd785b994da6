#include "simulator/google/series.h"

#include "calendar/recurrence.h"
#include "simulator/google/zones.h"

static struct calendar_moment moment_of(const json_t *side, const char *zone)
{
    struct when when = {0};
    struct calendar_moment m = {.set = when_read(side, zone, &when), .all_day = when.all_day};
    m.at = when.at;
    if (when.all_day) {
        (void)calendar_parse_date(tree_get_str(side, "date"), &m.date);
    }
    m.zone = tree_get_str(side, "timeZone");
    return m;
}

/* False if the lines are no texts. */
static bool read_series(const json_t *body, const char *zone, struct arena *arena,
                        struct calendar_series *ret_series)
{
    const json_t *lines = json_object_get(body, "recurrence");
    size_t count = json_array_size(lines);
    struct str *texts = ARENA_ARRAY(arena, struct str, count + 1);
    for (size_t i = 0; i < count; i++) {
        texts[i] = tree_value_str(json_array_get(lines, i));
        if (texts[i].len == 0) {
            return false;
        }
    }
    struct calendar_series s = {
        .start = moment_of(json_object_get(body, "start"), zone),
        .end = moment_of(json_object_get(body, "end"), zone),
        .lines = texts,
        .line_count = count,
    };
    s.zone = g_zone(s.start.zone.len > 0 ? s.start.zone : str_c(zone));
    if (!s.start.set || !s.end.set || s.zone == NULL) {
        return false;
    }
    *ret_series = s;
    return true;
}

bool g_series_valid(const json_t *event, const char *zone)
{
    struct arena arena CLEANUP(arena_fini);
    struct calendar_series s;
    struct calendar_occurrence *found;
    size_t count;
    arena_init(&arena);
    if (!read_series(event, zone, &arena, &s)) {
        return false;
    }
    struct when start;
    (void)when_read(json_object_get(event, "start"), zone, &start);
    return calendar_expand(&s, start.at, start.at + CALENDAR_DAY_MS, &arena, &found, &count,
                           NULL) == ERR_OK;
}

static size_t expand(const struct g_event *master, int64_t from, int64_t to, struct arena *arena,
                     struct calendar_occurrence **ret_found)
{
    struct calendar_series s;
    size_t count;
    /* Nothing happens before the first occurrence, and the walk is bounded. */
    from = MAX(MAX(from, master->start_at - 1), CALENDAR_MIN_AT);
    to = MIN(to, CALENDAR_MAX_AT);
    if (from >= to || !read_series(master->body, master->calendar->zone, arena, &s) ||
        calendar_expand(&s, from, to, arena, ret_found, &count, NULL) != ERR_OK) {
        return 0;
    }
    return count;
}

void g_series_each(const struct g_event *master, int64_t from, int64_t to, g_occurrence_fn fn,
                   void *arg)
{
    struct arena arena CLEANUP(arena_fini);
    struct calendar_occurrence *found = NULL;
    arena_init(&arena);
    size_t count = expand(master, from, to, &arena, &found);
    for (size_t i = 0; i < count; i++) {
        if (!fn(arg, &(struct g_occurrence){found[i].start_at, found[i].end_at})) {
            return;
        }
    }
}

bool g_series_find(const struct g_event *master, int64_t at, struct g_occurrence *ret_o)
{
    struct arena arena CLEANUP(arena_fini);
    struct calendar_occurrence *found = NULL;
    arena_init(&arena);
    size_t count = expand(master, at, at + 1, &arena, &found);
    for (size_t i = 0; i < count; i++) {
        if (found[i].start_at == at) {
            *ret_o = (struct g_occurrence){found[i].start_at, found[i].end_at};
            return true;
        }
    }
    return false;
}

struct g_event *g_series_exception(const struct g_event *master, int64_t at)
{
    list_foreach (node, &master->exceptions) {
        struct g_event *e = LIST_ENTRY(node, struct g_event, in_master);
        if (e->original_at == at) {
            return e;
        }
    }
    return NULL;
}

/* ---- instances ----------------------------------------------------------------------------- */

struct str g_instance_id(const struct g_event *master, int64_t at, struct arena *arena)
{
    char stamp[WHEN_TEXT_MAX];
    return arena_strf(
        arena, "%s_%s", master->id,
        when_print_stamp(at, master->all_day, master->calendar->zone, stamp, sizeof stamp));
}

bool g_instance_parse(const struct g_calendar *c, struct str id, struct g_event **ret_master,
                      int64_t *ret_at)
{
    /* From the right: a series that Google's own page split has an underscore in its id. */
    size_t at = id.len;
    while (at > 0 && id.ptr[at - 1] != '_') {
        at--;
    }
    struct when when;
    if (at == 0 || !when_parse_stamp(str_sub(id, at, SIZE_MAX), c->zone, &when)) {
        return false;
    }
    struct g_event *master = g_event_find(c, str_sub(id, 0, at - 1));
    if (master == NULL || !master->recurring || master->all_day != when.all_day) {
        return false;
    }
    *ret_master = master;
    *ret_at = when.at;
    return true;
}

json_t *g_instance_body(const struct g_event *master, const struct g_occurrence *o,
                        struct arena *arena)
{
    const char *zone = master->calendar->zone;
    struct str own_zone = tree_get_str(json_object_get(master->body, "start"), "timeZone");
    struct when start = {master->all_day, o->at};
    struct when end = {master->all_day, o->end_at};
    json_t *body = json_copy(master->body);
    json_object_del(body, "recurrence");
    tree_set_str(body, "id", g_instance_id(master, o->at, arena));
    tree_set_c(body, "recurringEventId", master->id);
    json_t *start_tree = when_tree(&start, zone, own_zone);
    tree_set(body, "end", when_tree(&end, zone, own_zone));
    tree_set(body, "originalStartTime", when_tree(&start, zone, own_zone));
    tree_set(body, "start", start_tree);
    return body;
}

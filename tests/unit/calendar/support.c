#include "support.h"

#include "base/vec.h"

struct calendar_zones *zones;

int zones_setup(void **state UNUSED)
{
    zones = calendar_zones_new(NULL);
    return 0;
}

int zones_teardown(void **state UNUSED)
{
    zones = calendar_zones_free(zones);
    return 0;
}

const struct calendar_zone *zone_named(const char *name)
{
    const struct calendar_zone *zone;
    struct err err;
    if (calendar_zone_find(zones, str_c(name), &zone, &err) != ERR_OK) {
        fail_msg("zone %s: %s", name, err.text);
    }
    return zone;
}

struct calendar_wall wall_named(const char *text)
{
    struct calendar_wall wall = {0};
    bool utc;
    assert_true(calendar_parse_ical_date(str_c(text), &wall.date) ||
                calendar_parse_ical_time(str_c(text), &wall, &utc));
    return wall;
}

int64_t at_of(const char *text, const struct calendar_zone *zone)
{
    struct calendar_wall wall;
    bool utc;
    assert_true(calendar_parse_ical_time(str_c(text), &wall, &utc));
    return calendar_zone_instant(utc ? calendar_zone_utc() : zone, wall);
}

static struct calendar_moment moment_of(const char *text, const struct calendar_zone *zone)
{
    struct calendar_moment m = {.set = true, .all_day = strchr(text, 'T') == NULL};
    if (m.all_day) {
        m.date = wall_named(text).date;
    } else {
        m.at = at_of(text, zone);
    }
    return m;
}

struct calendar_series series_of(struct arena *arena, const char *zone, const char *start,
                                 const char *end, const char *lines)
{
    struct calendar_series s = {.zone = zone_named(zone), .zones = zones};
    VEC(struct str) texts = {0};
    struct str rest = str_c(lines);
    struct str line;
    while (str_split(&rest, '\n', &line)) {
        vec_push(&texts, line);
    }
    struct str *copy = ARENA_ARRAY(arena, struct str, texts.len);
    memcpy(copy, texts.ptr, texts.len * sizeof *copy);
    s.lines = copy;
    s.line_count = texts.len;
    vec_fini(&texts);
    s.start = moment_of(start, s.zone);
    if (end != NULL) {
        s.end = moment_of(end, s.zone);
    } else if (s.start.all_day) {
        s.end = s.start;
        s.end.date = calendar_date_of(calendar_days(s.start.date) + 1);
    } else {
        s.end = s.start;
        s.end.at += 3600000;
    }
    return s;
}

static void print_occurrences(const struct calendar_series *s, const struct calendar_occurrence *o,
                              size_t count, struct buf *out)
{
    int32_t usual = calendar_zone_wall(s->zone, s->start.at).second_of_day;
    struct calendar_date last = {0};
    for (size_t i = 0; i < count;) {
        struct calendar_wall w = {.date = o[i].date};
        size_t run = 1;
        if (!s->start.all_day) {
            w = calendar_zone_wall(s->zone, o[i].start_at);
        }
        if (w.date.year != last.year || w.date.month != last.month) {
            buf_add_f(out, "%s%04d-%02d", i > 0 ? " | " : "", w.date.year, w.date.month);
        }
        last = w.date;
        buf_add_f(out, " %d", w.date.day);
        bool odd = !s->start.all_day && w.second_of_day != usual;
        if (odd) {
            buf_add_f(out, "T%02d%02d", w.second_of_day / 3600, w.second_of_day / 60 % 60);
        }
        while (!odd && i + run < count) {
            struct calendar_wall next = {.date = o[i + run].date, .second_of_day = usual};
            if (!s->start.all_day) {
                next = calendar_zone_wall(s->zone, o[i + run].start_at);
            }
            if (next.second_of_day != usual || next.date.month != w.date.month ||
                calendar_days(next.date) != calendar_days(w.date) + (int32_t)run) {
                break;
            }
            run++;
        }
        if (run >= 3) {
            buf_add_f(out, "-%d", w.date.day + (int)run - 1);
        } else {
            run = 1;
        }
        i += run;
    }
}

const char *expand_text(const char *zone, const char *start, const char *lines, const char *from,
                        const char *to)
{
    static char text[16384];
    struct arena arena CLEANUP(arena_fini);
    struct buf out CLEANUP(buf_fini);
    struct calendar_occurrence *o;
    size_t count;

    arena_init(&arena);
    buf_init(&out, sizeof text - 1);
    struct calendar_series s = series_of(&arena, zone, start, NULL, lines);
    enum err_code rc =
        calendar_expand(&s, at_of(from, s.zone), at_of(to, s.zone), &arena, &o, &count, NULL);
    if (rc != ERR_OK) {
        return err_code_name(rc);
    }
    print_occurrences(&s, o, count, &out);
    assert_int_equal(buf_ok(&out, NULL), ERR_OK);
    snprintf(text, sizeof text, "%s", buf_c(&out));
    return text;
}

/* xorshift64*. src: S. Vigna, "An experimental exploration of Marsaglia's xorshift generators" */
uint32_t random_below(struct random *r, uint32_t bound)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return (uint32_t)((r->state * UINT64_C(2685821657736338717)) >> 33) % bound;
}

static bool chance(struct random *r, uint32_t one_in)
{
    return random_below(r, one_in) == 0;
}

/* One to four numbers of 1..max, or with base 0 of 0..max; some negative where allowed. */
static void add_list(struct random *r, struct buf *out, const char *name, int base, int max,
                     bool negative)
{
    int n = 1 + (int)random_below(r, 4);
    for (int i = 0; i < n; i++) {
        int value = base + (int)random_below(r, (uint32_t)(max - base + 1));
        buf_add_f(out, "%s%d", i == 0 ? name : ",", negative && chance(r, 3) ? -value : value);
    }
}

static void add_days(struct random *r, struct buf *out, int nth_max)
{
    static const char *const names[] = {"MO", "TU", "WE", "TH", "FR", "SA", "SU"};
    int n = 1 + (int)random_below(r, 4);
    for (int i = 0; i < n; i++) {
        buf_add_c(out, i == 0 ? ";BYDAY=" : ",");
        if (nth_max > 0 && chance(r, 2)) {
            int nth = 1 + (int)random_below(r, (uint32_t)nth_max);
            buf_add_f(out, "%d", chance(r, 2) ? -nth : nth);
        }
        buf_add_c(out, names[random_below(r, 7)]);
    }
}

static bool add_date_parts(struct random *r, enum calendar_freq freq, struct buf *out)
{
    size_t before = out->len;
    bool week_no = freq == CALENDAR_YEARLY && chance(r, 6);
    if (week_no) {
        add_list(r, out, ";BYWEEKNO=", 1, 53, true);
    }
    if (chance(r, 3)) {
        add_list(r, out, ";BYMONTH=", 1, 12, false);
    }
    if (freq != CALENDAR_WEEKLY && !week_no && chance(r, 3)) {
        add_list(r, out, ";BYMONTHDAY=", 1, 31, true);
    }
    if ((freq == CALENDAR_YEARLY || freq < CALENDAR_DAILY) && !week_no && chance(r, 6)) {
        add_list(r, out, ";BYYEARDAY=", 1, 366, true);
    }
    if (chance(r, 2)) {
        int nth = freq == CALENDAR_MONTHLY ? 5 : freq == CALENDAR_YEARLY && !week_no ? 53 : 0;
        add_days(r, out, nth);
    }
    return out->len > before;
}

void random_rule(struct random *r, bool fine, struct buf *out)
{
    static const char *const names[] = {"SECONDLY", "MINUTELY", "HOURLY", "DAILY",
                                        "WEEKLY",   "MONTHLY",  "YEARLY"};
    enum calendar_freq freq =
        (enum calendar_freq)(fine ? random_below(r, 7) : 3 + random_below(r, 4));
    buf_add_f(out, "FREQ=%s;INTERVAL=%u", names[freq], 1 + random_below(r, chance(r, 3) ? 12 : 3));
    bool by = add_date_parts(r, freq, out);
    if (chance(r, 8)) {
        add_list(r, out, ";BYHOUR=", 0, 23, false);
        by = true;
    }
    if (chance(r, 8)) {
        add_list(r, out, ";BYMINUTE=", 0, 59, false);
        by = true;
    }
    if (chance(r, 8)) {
        add_list(r, out, ";BYSECOND=", 0, 59, false);
        by = true;
    }
    if (by && chance(r, 5)) {
        add_list(r, out, ";BYSETPOS=", 1, 10, true);
    }
    if (chance(r, 3)) {
        buf_add_f(out, ";COUNT=%u", 1 + random_below(r, 40));
    }
    if (chance(r, 3)) {
        buf_add_c(out, ";WKST=SU");
    }
}

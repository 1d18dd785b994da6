#include "simulator/google/when.h"

#include "calendar/zone.h"
#include "simulator/google/zones.h"

#include <inttypes.h>

const struct calendar_zone *g_zone(struct str name)
{
    /* One cache for the process: zones never change while it runs. */
    static struct calendar_zones *zones;
    const struct calendar_zone *zone;
    if (zones == NULL) {
        zones = calendar_zones_new(NULL);
    }
    return name.len > 0 && calendar_zone_find(zones, name, &zone, NULL) == ERR_OK ? zone : NULL;
}

bool when_zone_known(struct str zone)
{
    return g_zone(zone) != NULL;
}

static const struct calendar_zone *zone_or_utc(const char *name)
{
    const struct calendar_zone *zone = g_zone(str_c(name));
    return zone != NULL ? zone : calendar_zone_utc();
}

/* ---- reading ------------------------------------------------------------------------------- */

bool when_parse_date(struct str text, const char *zone, int64_t *ret_at)
{
    struct calendar_date date;
    if (!calendar_parse_date(text, &date)) {
        return false;
    }
    *ret_at = calendar_zone_instant(zone_or_utc(zone), (struct calendar_wall){date, 0});
    return true;
}

bool when_parse(struct str text, int64_t *ret_at)
{
    return calendar_parse_rfc3339(text, ret_at, NULL);
}

static struct str text_of(const json_t *side, const char *key)
{
    return tree_get_str(side, key);
}

bool when_read(const json_t *side, const char *zone, struct when *ret_when)
{
    struct str date = text_of(side, "date");
    struct str time = text_of(side, "dateTime");
    struct str own = text_of(side, "timeZone");
    int64_t at;
    bool has_offset;

    if ((date.len > 0) == (time.len > 0) || (own.len > 0 && g_zone(own) == NULL)) {
        return false;
    }
    if (date.len > 0) {
        if (!when_parse_date(date, zone, &at)) {
            return false;
        }
        *ret_when = (struct when){.all_day = true, .at = at};
        return true;
    }
    if (!calendar_parse_rfc3339(time, &at, &has_offset)) {
        return false;
    }
    if (!has_offset) {
        struct calendar_wall wall = calendar_wall_of(at / 1000);
        at = calendar_zone_instant(own.len > 0 ? g_zone(own) : zone_or_utc(zone), wall);
    }
    *ret_when = (struct when){.all_day = false, .at = at};
    return true;
}

bool when_parse_stamp(struct str stamp, const char *zone, struct when *ret_when)
{
    struct calendar_date date;
    struct calendar_wall wall;
    bool utc;
    if (calendar_parse_ical_date(stamp, &date)) {
        wall = (struct calendar_wall){date, 0};
        *ret_when = (struct when){true, calendar_zone_instant(zone_or_utc(zone), wall)};
        return true;
    }
    if (!calendar_parse_ical_time(stamp, &wall, &utc) || !utc) {
        return false;
    }
    *ret_when = (struct when){false, calendar_wall_seconds(wall) * 1000};
    return true;
}

/* ---- printing ------------------------------------------------------------------------------ */

struct clock {
    struct calendar_date date;
    int hour, minute, second;
};

static struct clock clock_of(struct calendar_wall wall)
{
    return (struct clock){wall.date, wall.second_of_day / 3600, wall.second_of_day / 60 % 60,
                          wall.second_of_day % 60};
}

const char *when_print_utc(int64_t at, char *out, size_t size)
{
    struct clock c = clock_of(calendar_zone_wall(calendar_zone_utc(), at));
    int ms = (int)(((at % 1000) + 1000) % 1000);
    snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.date.year, c.date.month,
             c.date.day, c.hour, c.minute, c.second, ms);
    return out;
}

const char *when_print(int64_t at, const char *zone, char *out, size_t size)
{
    const struct calendar_zone *z = zone_or_utc(zone);
    struct clock c = clock_of(calendar_zone_wall(z, at));
    int offset = calendar_zone_offset(z, at) / 60;
    int len = snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d", c.date.year, c.date.month,
                       c.date.day, c.hour, c.minute, c.second);
    if (offset == 0) {
        snprintf(out + len, size - (size_t)len, "Z");
    } else {
        snprintf(out + len, size - (size_t)len, "%c%02d:%02d", offset < 0 ? '-' : '+',
                 abs(offset) / 60, abs(offset) % 60);
    }
    return out;
}

const char *when_print_date(int64_t at, const char *zone, char *out, size_t size)
{
    struct calendar_date d = calendar_zone_wall(zone_or_utc(zone), at).date;
    snprintf(out, size, "%04d-%02d-%02d", d.year, d.month, d.day);
    return out;
}

const char *when_print_stamp(int64_t at, bool all_day, const char *zone, char *out, size_t size)
{
    const struct calendar_zone *z = all_day ? zone_or_utc(zone) : calendar_zone_utc();
    struct clock c = clock_of(calendar_zone_wall(z, at));
    int len = snprintf(out, size, "%04d%02d%02d", c.date.year, c.date.month, c.date.day);
    if (!all_day) {
        snprintf(out + len, size - (size_t)len, "T%02d%02d%02dZ", c.hour, c.minute, c.second);
    }
    return out;
}

const char *when_print_http(int64_t at, char *out, size_t size)
{
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct clock c = clock_of(calendar_zone_wall(calendar_zone_utc(), at));
    snprintf(out, size, "%s, %02d %s %04d %02d:%02d:%02d GMT",
             days[calendar_weekday(calendar_days(c.date))], c.date.day, months[c.date.month - 1],
             c.date.year, c.hour, c.minute, c.second);
    return out;
}

json_t *when_tree(const struct when *when, const char *zone, struct str event_zone)
{
    char text[WHEN_TEXT_MAX];
    json_t *tree = json_object();
    if (when->all_day) {
        tree_set_c(tree, "date", when_print_date(when->at, zone, text, sizeof text));
        return tree;
    }
    tree_set_c(tree, "dateTime", when_print(when->at, zone, text, sizeof text));
    if (event_zone.len > 0) {
        tree_set_str(tree, "timeZone", event_zone);
    }
    return tree;
}

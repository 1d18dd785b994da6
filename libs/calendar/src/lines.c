/* Content lines of a series.  src: RFC 5545 3.1 (lines), 3.8.5 (properties), 3.3.9 (PERIOD) */
#include "lines_int.h"

struct line {
    struct str name;
    struct str params;
    struct str value;
};

static bool split_line(struct str text, struct line *ret)
{
    bool quoted = false;
    size_t colon = 0;
    while (colon < text.len && (quoted || text.ptr[colon] != ':')) {
        quoted ^= text.ptr[colon++] == '"';
    }
    if (colon == text.len) {
        return false;
    }
    struct str head = str_sub(text, 0, colon);
    size_t semicolon = str_find_char(head, ';');
    ret->name = str_sub(head, 0, semicolon);
    ret->params = semicolon == SIZE_MAX ? STR("") : str_sub(head, semicolon + 1, SIZE_MAX);
    ret->value = str_trim(str_sub(text, colon + 1, SIZE_MAX));
    return true;
}

static struct str find_param(struct str params, struct str name)
{
    struct str item;
    while (str_split(&params, ';', &item)) {
        size_t equals = str_find_char(item, '=');
        if (equals != SIZE_MAX && str_eq_nocase(str_sub(item, 0, equals), name)) {
            struct str value = str_sub(item, equals + 1, SIZE_MAX);
            bool quoted = value.len >= 2 && value.ptr[0] == '"';
            return quoted ? str_sub(value, 1, value.len - 2) : value;
        }
    }
    return STR("");
}

/* A DATE or DATE-TIME value. */
struct value {
    bool is_date;
    bool utc;
    struct calendar_wall wall;
};

static bool parse_value(struct str text, struct value *ret)
{
    *ret = (struct value){0};
    if (calendar_parse_ical_date(text, &ret->wall.date)) {
        ret->is_date = true;
        return true;
    }
    return calendar_parse_ical_time(text, &ret->wall, &ret->utc);
}

static int64_t instant_of(const struct value *v, const struct calendar_zone *zone)
{
    return v->utc ? calendar_wall_seconds(v->wall) : calendar_zone_instant(zone, v->wall) / 1000;
}

/* "start/end" or "start/duration"; the series is timed. */
static bool parse_period(struct str text, const struct calendar_zone *zone, struct line_date *ret)
{
    struct str start;
    struct value v;
    int64_t seconds;
    if (!str_split(&text, '/', &start) || text.ptr == NULL || !parse_value(start, &v) ||
        v.is_date) {
        return false;
    }
    ret->start = instant_of(&v, zone);
    ret->has_end = true;
    if (calendar_parse_ical_duration(text, &seconds)) {
        ret->end = ret->start + seconds;
    } else if (parse_value(text, &v) && !v.is_date) {
        ret->end = instant_of(&v, zone);
    } else {
        return false;
    }
    return ret->end >= ret->start;
}

static bool parse_rdate(const struct lines_context *c, const struct calendar_zone *zone,
                        struct str text, struct line_date *ret)
{
    struct value v;
    *ret = (struct line_date){0};
    if (!c->all_day && str_find_char(text, '/') != SIZE_MAX) {
        return parse_period(text, zone, ret);
    }
    if (!parse_value(text, &v)) {
        return false;
    }
    if (c->all_day) {
        ret->start = calendar_days(v.wall.date); /* the date as written, whatever stands behind */
        return true;
    }
    if (v.is_date) {
        v.wall.second_of_day = c->second_of_day;
    }
    ret->start = instant_of(&v, zone);
    return true;
}

static bool parse_exdate(const struct lines_context *c, const struct calendar_zone *zone,
                         struct str text, struct lines *l)
{
    struct value v;
    if (!parse_value(text, &v)) {
        return false;
    }
    if (c->all_day || v.is_date) {
        vec_push(&l->excluded_days, calendar_days(v.wall.date));
    } else {
        vec_push(&l->excluded, instant_of(&v, zone));
    }
    return true;
}

static enum err_code parse_dates(const struct lines_context *c, const struct line *line,
                                 bool exclude, struct lines *l, struct err *err)
{
    const struct calendar_zone *zone = c->zone;
    struct str rest = line->value;
    struct str tzid = find_param(line->params, STR("TZID"));
    struct str item;

    if (tzid.len > 0 && c->zones != NULL) {
        /* A name that is not known leaves the series' own zone. */
        IGNORE(calendar_zone_find(c->zones, tzid, &zone, NULL));
    }
    while (str_split(&rest, ',', &item)) {
        struct line_date date;
        if (l->date_count++ == CALENDAR_DATES_MAX) {
            return ERR_SET(err, ERR_TOO_BIG, "more than %d RDATE and EXDATE values",
                           CALENDAR_DATES_MAX);
        }
        if (exclude && parse_exdate(c, zone, item, l)) {
            continue;
        }
        if (exclude || !parse_rdate(c, zone, item, &date)) {
            return ERR_SET(err, ERR_INVALID, "a malformed value in %s",
                           exclude ? "EXDATE" : "RDATE");
        }
        vec_push(&l->dates, date);
    }
    return ERR_OK;
}

static enum err_code parse_rule(const struct lines_context *c, struct str text, bool exclude,
                                struct lines *l, struct err *err)
{
    struct line_rule rule = {.exclude = exclude};
    enum err_code rc = calendar_rule_parse(text, &rule.rule, err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (c->all_day && rule.rule.freq < CALENDAR_DAILY) {
        return ERR_SET(err, ERR_INVALID, "an all-day series recurs within the day");
    }
    if (l->rules.len == CALENDAR_RULES_MAX) {
        return ERR_SET(err, ERR_TOO_BIG, "more than %d recurrence rules", CALENDAR_RULES_MAX);
    }
    vec_push(&l->rules, rule);
    return ERR_OK;
}

static enum err_code parse_line(const struct lines_context *c, struct str text, struct lines *l,
                                struct err *err)
{
    struct line line;
    if (!split_line(text, &line)) {
        return ERR_SET(err, ERR_INVALID, "a recurrence line without value");
    }
    if (str_eq_nocase(line.name, STR("RRULE"))) {
        return parse_rule(c, line.value, false, l, err);
    }
    if (str_eq_nocase(line.name, STR("EXRULE"))) {
        return parse_rule(c, line.value, true, l, err);
    }
    if (str_eq_nocase(line.name, STR("RDATE"))) {
        return parse_dates(c, &line, false, l, err);
    }
    if (str_eq_nocase(line.name, STR("EXDATE"))) {
        return parse_dates(c, &line, true, l, err);
    }
    return ERR_SET(err, ERR_INVALID, "an unknown recurrence line");
}

enum err_code lines_parse(const struct lines_context *context, const struct str *lines,
                          size_t count, struct lines *ret_lines, struct err *err)
{
    if (count > CALENDAR_LINES_MAX) {
        return ERR_SET(err, ERR_TOO_BIG, "more than %d recurrence lines", CALENDAR_LINES_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        enum err_code rc = parse_line(context, lines[i], ret_lines, err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    return ERR_OK;
}

void lines_fini(struct lines *l)
{
    vec_fini(&l->rules);
    vec_fini(&l->dates);
    vec_fini(&l->excluded);
    vec_fini(&l->excluded_days);
}

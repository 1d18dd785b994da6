/* POSIX TZ strings, with the extension of RFC 8536 3.3.1 (times from -167 to 167 hours). */
#include "zone_int.h"

static bool take_char(struct str *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c) {
        return false;
    }
    *s = str_sub(*s, 1, SIZE_MAX);
    return true;
}

static bool take_number(struct str *s, int32_t max, int32_t *ret_n)
{
    int32_t n = 0;
    size_t i = 0;
    while (i < s->len && s->ptr[i] >= '0' && s->ptr[i] <= '9' && n <= max) {
        n = n * 10 + (s->ptr[i++] - '0');
    }
    *s = str_sub(*s, i, SIZE_MAX);
    *ret_n = n;
    return i > 0 && n <= max;
}

static bool take_name(struct str *s)
{
    bool quoted = take_char(s, '<');
    size_t i = 0;
    while (i < s->len) {
        char c = s->ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool more = quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-');
        if (!letter && !more) {
            break;
        }
        i++;
    }
    *s = str_sub(*s, i, SIZE_MAX);
    return i > 0 && (!quoted || take_char(s, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool take_hms(struct str *s, int32_t *ret_seconds)
{
    int32_t sign = 1;
    int32_t h;
    int32_t m = 0;
    int32_t sec = 0;
    if (take_char(s, '-')) {
        sign = -1;
    } else {
        (void)take_char(s, '+');
    }
    if (!take_number(s, 167, &h) ||
        (take_char(s, ':') &&
         (!take_number(s, 59, &m) || (take_char(s, ':') && !take_number(s, 59, &sec))))) {
        return false;
    }
    *ret_seconds = sign * (h * 3600 + m * 60 + sec);
    return true;
}

static bool take_change(struct str *s, struct tz_change *ret)
{
    struct tz_change c = {.second = 2 * 3600};
    if (!take_char(s, ',')) {
        return false;
    }
    if (take_char(s, 'M')) {
        c.kind = TZ_DAY_MONTH;
        if (!take_number(s, 12, &c.month) || c.month < 1 || !take_char(s, '.') ||
            !take_number(s, 5, &c.week) || c.week < 1 || !take_char(s, '.') ||
            !take_number(s, 6, &c.day)) {
            return false;
        }
    } else if (take_char(s, 'J')) {
        c.kind = TZ_DAY_JULIAN;
        if (!take_number(s, 365, &c.day) || c.day < 1) {
            return false;
        }
    } else {
        c.kind = TZ_DAY_ZERO_BASED;
        if (!take_number(s, 365, &c.day)) {
            return false;
        }
    }
    if (take_char(s, '/') && !take_hms(s, &c.second)) {
        return false;
    }
    *ret = c;
    return true;
}

/* RFC 8536 3.2 has offsets within 26 hours; the rest of this library counts on it. */
static bool take_offset(struct str *s, int32_t *ret_east)
{
    int32_t west;
    if (!take_hms(s, &west) || west < -93600 || west > 93600) {
        return false;
    }
    *ret_east = -west;
    return true;
}

bool tz_rule_parse(struct str text, struct tz_rule *ret_rule)
{
    struct tz_rule rule = {0};
    if (!take_name(&text) || !take_offset(&text, &rule.std_offset)) {
        return false;
    }
    if (text.len > 0) {
        rule.has_dst = true;
        rule.dst_offset = rule.std_offset + 3600;
        if (!take_name(&text)) {
            return false;
        }
        if (text.len > 0 && text.ptr[0] != ',' && !take_offset(&text, &rule.dst_offset)) {
            return false;
        }
        if (!take_change(&text, &rule.dst_begins) || !take_change(&text, &rule.dst_ends)) {
            return false;
        }
    }
    *ret_rule = rule;
    /* A summer time that is not given is an hour more than the standard one: it may be too far. */
    return text.len == 0 && rule.dst_offset <= 93600;
}

/* Days since 1970 of a change in a year. */
static int32_t change_day(const struct tz_change *c, int32_t year)
{
    int32_t first = calendar_days((struct calendar_date){year, 1, 1});
    if (c->kind == TZ_DAY_ZERO_BASED) {
        return first + c->day;
    }
    if (c->kind == TZ_DAY_JULIAN) {
        return first + c->day - 1 + (calendar_is_leap(year) && c->day >= 60);
    }
    struct calendar_date begin = {year, (int8_t)c->month, 1};
    int32_t day = calendar_days(begin);
    int32_t wanted = (c->day + 6) % 7; /* POSIX counts from Sunday */
    day += (wanted - calendar_weekday(day) + 7) % 7 + (c->week - 1) * 7;
    int32_t last = calendar_days(begin) + calendar_days_in_month(year, c->month) - 1;
    return day > last ? day - 7 : day;
}

/* The change at which an offset begins. */
struct begin {
    int64_t at;
    int32_t offset;
};

static int compare_begins(const void *a, const void *b)
{
    const struct begin *x = a;
    const struct begin *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

struct calendar_zone_range tz_rule_range(const struct tz_rule *rule, int64_t seconds)
{
    if (!rule->has_dst) {
        return (struct calendar_zone_range){INT64_MIN, INT64_MAX, rule->std_offset};
    }
    /* The year, and two on either side: a change may lie a week outside of its own. */
    struct begin begins[10];
    int n = 0;
    int64_t within = MAX(MIN(seconds, CALENDAR_MAX_AT / 1000), CALENDAR_MIN_AT / 1000);
    int32_t year = calendar_wall_of(within).date.year;
    for (int32_t y = year - 2; y <= year + 2; y++) {
        begins[n++] = (struct begin){(int64_t)change_day(&rule->dst_begins, y) * 86400 +
                                         rule->dst_begins.second - rule->std_offset,
                                     rule->dst_offset};
        begins[n++] = (struct begin){(int64_t)change_day(&rule->dst_ends, y) * 86400 +
                                         rule->dst_ends.second - rule->dst_offset,
                                     rule->std_offset};
    }
    qsort(begins, ARRAY_LEN(begins), sizeof *begins, compare_begins);
    int i = n - 1;
    while (i > 0 && begins[i].at > seconds) {
        i--;
    }
    /* Summer time all the year (RFC 8536 3.3.1) ends and begins again at one instant. */
    bool both = i > 0 && begins[i - 1].at == begins[i].at;
    return (struct calendar_zone_range){.from = i > 0 ? begins[i].at : INT64_MIN,
                                        .to = i < n - 1 ? begins[i + 1].at : INT64_MAX,
                                        .offset = both ? rule->dst_offset : begins[i].offset};
}

/* RRULE's text, strict and bounded.  src: RFC 5545 3.3.10 */
#include "calendar/recurrence.h"

static const char *const freq_names[] = {"", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"};
static const char *const weekday_names[] = {"MO", "TU", "WE", "TH", "FR", "SA", "SU"};

static enum err_code bad(struct err *err, const char *part)
{
    return ERR_SET(err, ERR_INVALID, "recurrence rule: %s is not right", part);
}

static bool parse_weekday(struct str text, int8_t *ret_weekday)
{
    for (size_t i = 0; i < ARRAY_LEN(weekday_names); i++) {
        if (str_eq_nocase(text, str_c(weekday_names[i]))) {
            *ret_weekday = (int8_t)i;
            return true;
        }
    }
    return false;
}

/* "+1" as well as "1" */
static bool parse_signed(struct str text, int64_t *ret_n)
{
    if (text.len > 1 && text.ptr[0] == '+' && text.ptr[1] != '-') {
        text = str_sub(text, 1, SIZE_MAX);
    }
    return str_to_i64(text, ret_n);
}

/* Numbers whose size is from min to max; below zero only where that is allowed. */
struct range {
    int min;
    int max;
    bool negative;
};

static bool in_range(int64_t n, struct range r)
{
    int64_t size = n < 0 ? -n : n;
    return size >= r.min && size <= r.max && (n >= 0 || r.negative);
}

static bool parse_i8_list(struct str text, struct range r, int8_t *list, size_t room,
                          uint8_t *ret_count)
{
    struct str item;
    size_t count = 0;
    while (str_split(&text, ',', &item)) {
        int64_t n;
        if (count == room || !parse_signed(item, &n) || !in_range(n, r)) {
            return false;
        }
        list[count++] = (int8_t)n;
    }
    *ret_count = (uint8_t)count;
    return count > 0;
}

static bool parse_i16_list(struct str text, struct range r, int16_t *list, size_t room,
                           uint8_t *ret_count)
{
    struct str item;
    size_t count = 0;
    while (str_split(&text, ',', &item)) {
        int64_t n;
        if (count == room || !parse_signed(item, &n) || !in_range(n, r)) {
            return false;
        }
        list[count++] = (int16_t)n;
    }
    *ret_count = (uint8_t)count;
    return count > 0;
}

static bool parse_by_day(struct str text, struct calendar_rule *rule)
{
    struct str item;
    size_t count = 0;
    while (str_split(&text, ',', &item)) {
        int64_t n = 0;
        if (count == ARRAY_LEN(rule->weekdays) || item.len < 2) {
            return false;
        }
        struct str number = str_sub(item, 0, item.len - 2);
        if (number.len > 0 &&
            (!parse_signed(number, &n) || !in_range(n, (struct range){1, 53, true}))) {
            return false;
        }
        struct calendar_weekday_num *to = &rule->weekdays[count++];
        to->n = (int8_t)n;
        if (!parse_weekday(str_sub(item, item.len - 2, 2), &to->weekday)) {
            return false;
        }
    }
    rule->weekday_count = (uint8_t)count;
    return count > 0;
}

static bool parse_until(struct str text, struct calendar_rule *rule)
{
    bool utc = false;
    rule->has_until = true;
    if (calendar_parse_ical_date(text, &rule->until.date)) {
        rule->until_is_date = true;
        return true;
    }
    bool good = calendar_parse_ical_time(text, &rule->until, &utc);
    rule->until_local = !utc;
    return good;
}

static enum err_code parse_freq(struct str text, struct calendar_rule *rule, struct err *err)
{
    for (size_t i = 1; i < ARRAY_LEN(freq_names); i++) {
        if (str_eq_nocase(text, str_c(freq_names[i]))) {
            rule->freq = (enum calendar_freq)i;
            return ERR_OK;
        }
    }
    if (str_eq_nocase(text, STR("HOURLY")) || str_eq_nocase(text, STR("MINUTELY")) ||
        str_eq_nocase(text, STR("SECONDLY"))) {
        return ERR_SET(err, ERR_UNSUPPORTED, "recurrence finer than daily is not expanded");
    }
    return bad(err, "FREQ");
}

static bool parse_positive(struct str text, int32_t *ret_n)
{
    int64_t n;
    if (!str_to_i64(text, &n) || n < 1 || n > INT32_MAX / 400) {
        return false;
    }
    *ret_n = (int32_t)n;
    return true;
}

enum part {
    PART_FREQ,
    PART_UNTIL,
    PART_COUNT,
    PART_INTERVAL,
    PART_BYSECOND,
    PART_BYMINUTE,
    PART_BYHOUR,
    PART_BYDAY,
    PART_BYMONTHDAY,
    PART_BYYEARDAY,
    PART_BYWEEKNO,
    PART_BYMONTH,
    PART_BYSETPOS,
    PART_WKST,
    PARTS,
};

static const char *const part_names[PARTS] = {
    "FREQ",  "UNTIL",      "COUNT",     "INTERVAL", "BYSECOND", "BYMINUTE", "BYHOUR",
    "BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYMONTH",  "BYSETPOS", "WKST"};

static bool parse_value(enum part part, struct str v, struct calendar_rule *r)
{
    switch (part) {
    case PART_UNTIL:
        return parse_until(v, r);
    case PART_COUNT:
        return parse_positive(v, &r->count);
    case PART_INTERVAL:
        return parse_positive(v, &r->interval);
    case PART_BYSECOND:
        return parse_i8_list(v, (struct range){0, 59, false}, r->seconds, 60, &r->second_count);
    case PART_BYMINUTE:
        return parse_i8_list(v, (struct range){0, 59, false}, r->minutes, 60, &r->minute_count);
    case PART_BYHOUR:
        return parse_i8_list(v, (struct range){0, 23, false}, r->hours, 24, &r->hour_count);
    case PART_BYDAY:
        return parse_by_day(v, r);
    case PART_BYMONTHDAY:
        return parse_i8_list(v, (struct range){1, 31, true}, r->month_days, 62,
                             &r->month_day_count);
    case PART_BYYEARDAY:
        return parse_i16_list(v, (struct range){1, 366, true}, r->year_days, 62,
                              &r->year_day_count);
    case PART_BYWEEKNO:
        return parse_i8_list(v, (struct range){1, 53, true}, r->week_nos, 53, &r->week_no_count);
    case PART_BYMONTH:
        return parse_i8_list(v, (struct range){1, 12, false}, r->months, 12, &r->month_count);
    case PART_BYSETPOS:
        return parse_i16_list(v, (struct range){1, 366, true}, r->set_pos, 62, &r->set_pos_count);
    case PART_WKST:
        return parse_weekday(v, &r->week_start);
    case PART_FREQ: /* parse_freq tells more */
    case PARTS:
        break;
    }
    return false;
}

static bool find_part(struct str name, enum part *ret_part)
{
    for (size_t i = 0; i < PARTS; i++) {
        if (str_eq_nocase(name, str_c(part_names[i]))) {
            *ret_part = (enum part)i;
            return true;
        }
    }
    return false;
}

static enum err_code check_whole(const struct calendar_rule *r, struct err *err)
{
    bool numbered = false;
    for (size_t i = 0; i < r->weekday_count; i++) {
        numbered = numbered || r->weekdays[i].n != 0;
    }
    if (r->freq == 0) {
        return bad(err, "FREQ");
    }
    if (r->count > 0 && r->has_until) {
        return bad(err, "COUNT beside UNTIL");
    }
    if (numbered && (r->freq < CALENDAR_MONTHLY || r->week_no_count > 0)) {
        return bad(err, "BYDAY with a number");
    }
    if ((r->week_no_count > 0 && r->freq != CALENDAR_YEARLY) ||
        (r->year_day_count > 0 && r->freq != CALENDAR_YEARLY) ||
        (r->month_day_count > 0 && r->freq == CALENDAR_WEEKLY)) {
        return bad(err, "a BY part for this FREQ");
    }
    return ERR_OK;
}

enum err_code calendar_rule_parse(struct str text, struct calendar_rule *ret_rule, struct err *err)
{
    struct calendar_rule rule = {.interval = 1};
    struct str rest = text.len > 0 ? text : STR("");
    struct str item;
    uint32_t seen = 0;

    while (str_split(&rest, ';', &item)) {
        struct str value = item;
        struct str name;
        enum part part;
        if (item.len == 0 && rest.ptr == NULL && seen != 0) {
            break; /* a trailing semicolon, as some clients write it */
        }
        if (!str_split(&value, '=', &name) || value.ptr == NULL || !find_part(name, &part) ||
            (seen & (1U << part))) {
            return bad(err, "an unknown or repeated part");
        }
        seen |= 1U << part;
        if (part == PART_FREQ) {
            enum err_code rc = parse_freq(value, &rule, err);
            if (rc != ERR_OK) {
                return rc;
            }
        } else if (!parse_value(part, value, &rule)) {
            return bad(err, part_names[part]);
        }
    }
    enum err_code rc = check_whole(&rule, err);
    if (rc == ERR_OK) {
        *ret_rule = rule;
    }
    return rc;
}

/* ---- printing ------------------------------------------------------------------------------ */

static void print_i8(struct buf *out, const char *name, const int8_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_add_f(out, "%s%s%d", i == 0 ? name : "", i == 0 ? "=" : ",", list[i]);
    }
}

static void print_i16(struct buf *out, const char *name, const int16_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_add_f(out, "%s%s%d", i == 0 ? name : "", i == 0 ? "=" : ",", list[i]);
    }
}

static void print_until(const struct calendar_rule *r, struct buf *out)
{
    struct calendar_wall w = r->until;
    if (!r->has_until) {
        return;
    }
    buf_add_f(out, ";UNTIL=%04d%02d%02d", w.date.year, w.date.month, w.date.day);
    if (!r->until_is_date) {
        buf_add_f(out, "T%02d%02d%02d%s", w.second_of_day / 3600, w.second_of_day / 60 % 60,
                  w.second_of_day % 60, r->until_local ? "" : "Z");
    }
}

void calendar_rule_print(const struct calendar_rule *r, struct buf *out)
{
    buf_add_f(out, "FREQ=%s", freq_names[r->freq]);
    print_until(r, out);
    if (r->count > 0) {
        buf_add_f(out, ";COUNT=%d", r->count);
    }
    if (r->interval > 1) {
        buf_add_f(out, ";INTERVAL=%d", r->interval);
    }
    print_i8(out, ";BYSECOND", r->seconds, r->second_count);
    print_i8(out, ";BYMINUTE", r->minutes, r->minute_count);
    print_i8(out, ";BYHOUR", r->hours, r->hour_count);
    for (size_t i = 0; i < r->weekday_count; i++) {
        buf_add_c(out, i == 0 ? ";BYDAY=" : ",");
        if (r->weekdays[i].n != 0) {
            buf_add_f(out, "%d", r->weekdays[i].n);
        }
        buf_add_c(out, weekday_names[r->weekdays[i].weekday]);
    }
    print_i8(out, ";BYMONTHDAY", r->month_days, r->month_day_count);
    print_i16(out, ";BYYEARDAY", r->year_days, r->year_day_count);
    print_i8(out, ";BYWEEKNO", r->week_nos, r->week_no_count);
    print_i8(out, ";BYMONTH", r->months, r->month_count);
    print_i16(out, ";BYSETPOS", r->set_pos, r->set_pos_count);
    if (r->week_start != 0) {
        buf_add_f(out, ";WKST=%s", weekday_names[r->week_start]);
    }
}

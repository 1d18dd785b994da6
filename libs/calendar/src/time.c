#include "calendar/time.h"

bool calendar_is_leap(int32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int calendar_days_in_month(int32_t year, int32_t month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && calendar_is_leap(year));
}

bool calendar_date_valid(int32_t year, int32_t month, int32_t day)
{
    return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
           day <= calendar_days_in_month(year, month);
}

/* Eras of 400 years that begin on a 1st of March, so that the leap day is the last one.
 * src: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" */
int32_t calendar_days(struct calendar_date d)
{
    int32_t y = d.year - (d.month <= 2);
    int32_t era = (y >= 0 ? y : y - 399) / 400;
    int32_t year_of_era = y - era * 400;
    int32_t day_of_year = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;
    int32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

struct calendar_date calendar_date_of(int32_t days)
{
    days += 719468;
    int32_t era = (days >= 0 ? days : days - 146096) / 146097;
    int32_t day_of_era = days - era * 146097;
    int32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int32_t month = (5 * day_of_year + 2) / 153;
    int32_t day = day_of_year - (153 * month + 2) / 5 + 1;
    month += month < 10 ? 3 : -9;
    return (struct calendar_date){
        .year = year_of_era + era * 400 + (month <= 2), .month = (int8_t)month, .day = (int8_t)day};
}

int calendar_weekday(int32_t days)
{
    int32_t w = (days + 3) % 7; /* 1970-01-01 was a Thursday */
    return w < 0 ? w + 7 : w;
}

int64_t calendar_wall_seconds(struct calendar_wall w)
{
    return (int64_t)calendar_days(w.date) * 86400 + w.second_of_day;
}

struct calendar_wall calendar_wall_of(int64_t seconds)
{
    int64_t days = seconds / 86400;
    int64_t rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    return (struct calendar_wall){.date = calendar_date_of((int32_t)days),
                                  .second_of_day = (int32_t)rest};
}

/* ---- parsing: a cursor that takes digits and characters off the front ---------------------- */

static bool take_digits(struct str *s, size_t n, int32_t *ret_n)
{
    int32_t value = 0;
    if (s->len < n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (s->ptr[i] < '0' || s->ptr[i] > '9') {
            return false;
        }
        value = value * 10 + (s->ptr[i] - '0');
    }
    *s = str_sub(*s, n, SIZE_MAX);
    *ret_n = value;
    return true;
}

static bool take_char(struct str *s, const char *any_of)
{
    if (s->len == 0 || s->ptr[0] == '\0' || strchr(any_of, s->ptr[0]) == NULL) {
        return false;
    }
    *s = str_sub(*s, 1, SIZE_MAX);
    return true;
}

static bool take_date(struct str *s, bool dashes, struct calendar_date *ret_date)
{
    int32_t year;
    int32_t month;
    int32_t day;
    if (!take_digits(s, 4, &year) || (dashes && !take_char(s, "-")) || !take_digits(s, 2, &month) ||
        (dashes && !take_char(s, "-")) || !take_digits(s, 2, &day) ||
        !calendar_date_valid(year, month, day)) {
        return false;
    }
    *ret_date = (struct calendar_date){year, (int8_t)month, (int8_t)day};
    return true;
}

static bool take_time(struct str *s, bool colons, int32_t *ret_second)
{
    int32_t h;
    int32_t m;
    int32_t sec;
    if (!take_digits(s, 2, &h) || (colons && !take_char(s, ":")) || !take_digits(s, 2, &m) ||
        (colons && !take_char(s, ":")) || !take_digits(s, 2, &sec) || h > 23 || m > 59 ||
        sec > 60) {
        return false;
    }
    *ret_second = h * 3600 + m * 60 + MIN(sec, 59);
    return true;
}

static bool take_fraction(struct str *s, int32_t *ret_ms)
{
    int32_t scale = 100;
    *ret_ms = 0;
    if (!take_char(s, ".")) {
        return true;
    }
    if (s->len == 0 || s->ptr[0] < '0' || s->ptr[0] > '9') {
        return false;
    }
    while (s->len > 0 && s->ptr[0] >= '0' && s->ptr[0] <= '9') {
        *ret_ms += (s->ptr[0] - '0') * scale;
        scale /= 10;
        *s = str_sub(*s, 1, SIZE_MAX);
    }
    return true;
}

static bool take_offset(struct str *s, int32_t *ret_seconds)
{
    int32_t h;
    int32_t m;
    if (take_char(s, "Zz")) {
        *ret_seconds = 0;
        return true;
    }
    int32_t sign = s->len > 0 && s->ptr[0] == '-' ? -1 : 1;
    if (!take_char(s, "+-") || !take_digits(s, 2, &h) || !take_char(s, ":") ||
        !take_digits(s, 2, &m) || h > 23 || m > 59) {
        return false;
    }
    *ret_seconds = sign * (h * 3600 + m * 60);
    return true;
}

bool calendar_parse_rfc3339(struct str text, int64_t *ret_at, bool *ret_has_offset)
{
    struct calendar_wall wall;
    int32_t ms;
    int32_t offset = 0;
    if (!take_date(&text, true, &wall.date) || !take_char(&text, "Tt ") ||
        !take_time(&text, true, &wall.second_of_day) || !take_fraction(&text, &ms)) {
        return false;
    }
    bool has_offset = text.len > 0;
    if (has_offset && (!take_offset(&text, &offset) || text.len > 0)) {
        return false;
    }
    if (!has_offset && ret_has_offset == NULL) {
        return false;
    }
    int64_t at = (calendar_wall_seconds(wall) - offset) * 1000 + ms;
    if (at < CALENDAR_MIN_AT || at > CALENDAR_MAX_AT) {
        return false;
    }
    if (ret_has_offset != NULL) {
        *ret_has_offset = has_offset;
    }
    *ret_at = at;
    return true;
}

static bool parse_date(struct str text, bool dashes, struct calendar_date *ret_date)
{
    struct calendar_date date;
    if (!take_date(&text, dashes, &date) || text.len > 0) {
        return false;
    }
    *ret_date = date;
    return true;
}

bool calendar_parse_date(struct str text, struct calendar_date *ret_date)
{
    return parse_date(text, true, ret_date);
}

bool calendar_parse_ical_date(struct str text, struct calendar_date *ret_date)
{
    return parse_date(text, false, ret_date);
}

bool calendar_parse_ical_time(struct str text, struct calendar_wall *ret_wall, bool *ret_utc)
{
    struct calendar_wall wall;
    if (!take_date(&text, false, &wall.date) || !take_char(&text, "T") ||
        !take_time(&text, false, &wall.second_of_day)) {
        return false;
    }
    bool utc = take_char(&text, "Z");
    if (text.len > 0) {
        return false;
    }
    *ret_wall = wall;
    *ret_utc = utc;
    return true;
}

/* One to six digits and one of the units that may still come; each unit once and in order. */
static bool take_part(struct str *s, const char **units, int64_t *ret_seconds)
{
    static const char names[] = "WDHMS";
    static const int32_t seconds[] = {7 * 86400, 86400, 3600, 60, 1};
    int64_t n = 0;
    size_t i = 0;
    while (i < s->len && i < 6 && s->ptr[i] >= '0' && s->ptr[i] <= '9') {
        n = n * 10 + (s->ptr[i++] - '0');
    }
    const char *unit = i > 0 && i < s->len && s->ptr[i] != '\0' ? strchr(*units, s->ptr[i]) : NULL;
    if (unit == NULL) {
        return false;
    }
    *ret_seconds += n * seconds[strchr(names, *unit) - names];
    *units = unit + 1;
    *s = str_sub(*s, i + 1, SIZE_MAX);
    return true;
}

bool calendar_parse_ical_duration(struct str text, int64_t *ret_seconds)
{
    int64_t seconds = 0;
    const char *date_units = "WD";
    const char *time_units = "HMS";
    bool negative = text.len > 0 && text.ptr[0] == '-';
    (void)take_char(&text, "+-");
    if (!take_char(&text, "P") || text.len == 0) {
        return false;
    }
    while (text.len > 0 && text.ptr[0] != 'T') {
        if (!take_part(&text, &date_units, &seconds)) {
            return false;
        }
    }
    if (take_char(&text, "T")) {
        do {
            if (!take_part(&text, &time_units, &seconds)) {
                return false;
            }
        } while (text.len > 0);
    }
    *ret_seconds = negative ? -seconds : seconds;
    return true;
}

void calendar_print_ical_date(struct calendar_date d, struct buf *out)
{
    buf_add_f(out, "%04d%02d%02d", d.year, d.month, d.day);
}

void calendar_print_ical_time(struct calendar_wall w, struct buf *out)
{
    calendar_print_ical_date(w.date, out);
    buf_add_f(out, "T%02d%02d%02d", w.second_of_day / 3600, w.second_of_day / 60 % 60,
              w.second_of_day % 60);
}

void calendar_print_date(struct calendar_date d, struct buf *out)
{
    buf_add_f(out, "%04d-%02d-%02d", d.year, d.month, d.day);
}

void calendar_print_rfc3339(int64_t at, struct buf *out)
{
    int64_t seconds = at / 1000;
    int64_t ms = at % 1000;
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    struct calendar_wall w = calendar_wall_of(seconds);
    calendar_print_date(w.date, out);
    buf_add_f(out, "T%02d:%02d:%02d", w.second_of_day / 3600, w.second_of_day / 60 % 60,
              w.second_of_day % 60);
    if (ms != 0) {
        buf_add_f(out, ".%03d", (int)ms);
    }
    buf_add_char(out, 'Z');
}

#include "when.h"

/* Exactly `digits` digits at the front, which are taken off. */
static bool number(struct str *s, size_t digits, int64_t *ret_n)
{
    int64_t n = 0;
    if (s->len < digits) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        if (s->ptr[i] < '0' || s->ptr[i] > '9') {
            return false;
        }
        n = n * 10 + (s->ptr[i] - '0');
    }
    *s = str_sub(*s, digits, s->len);
    *ret_n = n;
    return true;
}

static bool mark(struct str *s, const char *any_of)
{
    if (s->len == 0 || s->ptr[0] == '\0' || strchr(any_of, s->ptr[0]) == NULL) {
        return false;
    }
    *s = str_sub(*s, 1, s->len);
    return true;
}

static int64_t month_length(int64_t year, int64_t month)
{
    static const int8_t length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : length[month - 1];
}

/* Days since 1970-01-01; years are counted from March, so that the leap day comes last. */
static int64_t days(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t m = month > 2 ? month - 3 : month + 9;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 719469;
}

static bool date(struct str *s, int64_t *ret_days)
{
    int64_t year;
    int64_t month;
    int64_t day;
    if (!number(s, 4, &year) || !mark(s, "-") || !number(s, 2, &month) || !mark(s, "-") ||
        !number(s, 2, &day) || year < 1970 || year > 2199 || month < 1 || month > 12 || day < 1 ||
        day > month_length(year, month)) {
        return false;
    }
    *ret_days = days(year, month, day);
    return true;
}

static bool clock_time(struct str *s, int64_t *ret_ms)
{
    int64_t hour;
    int64_t minute;
    int64_t second;
    int64_t ms = 0;
    if (!number(s, 2, &hour) || !mark(s, ":") || !number(s, 2, &minute) || !mark(s, ":") ||
        !number(s, 2, &second) || hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    if (mark(s, ".")) {
        int64_t digit;
        int64_t unit = 100;
        if (!number(s, 1, &digit)) {
            return false;
        }
        do {
            ms += digit * unit;
            unit /= 10;
        } while (number(s, 1, &digit));
    }
    *ret_ms = ((hour * 60 + minute) * 60 + second) * 1000 + ms;
    return true;
}

static bool offset(struct str *s, int64_t *ret_ms)
{
    int64_t hour;
    int64_t minute;
    if (mark(s, "Zz")) {
        *ret_ms = 0;
        return true;
    }
    int64_t sign = s->len > 0 && s->ptr[0] == '-' ? -1 : 1;
    if (!mark(s, "+-") || !number(s, 2, &hour) || !mark(s, ":") || !number(s, 2, &minute) ||
        hour > 23 || minute > 59) {
        return false;
    }
    *ret_ms = sign * (hour * 60 + minute) * 60000;
    return true;
}

bool when_parse(struct str text, int64_t *ret_at)
{
    int64_t day;
    int64_t ms;
    int64_t east;
    if (text.len > 40 || !date(&text, &day) || !mark(&text, "Tt") || !clock_time(&text, &ms) ||
        !offset(&text, &east) || text.len != 0) {
        return false;
    }
    *ret_at = day * 86400000 + ms - east;
    return true;
}

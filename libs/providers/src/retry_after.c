#include "calendar/time.h"
#include "providers/transport.h"

/* Who asks for more than a day is asked again after a day: the poll's own bounds take over. */
#define RETRY_AFTER_MAX_MS CALENDAR_DAY_MS

static bool two_digits(struct str text, size_t at, int32_t *ret)
{
    if (at + 2 > text.len || text.ptr[at] < '0' || text.ptr[at] > '9' || text.ptr[at + 1] < '0' ||
        text.ptr[at + 1] > '9') {
        return false;
    }
    *ret = (text.ptr[at] - '0') * 10 + (text.ptr[at + 1] - '0');
    return true;
}

/* "Mon, 26 Oct 2026 07:33:20 GMT": the one form that senders may write today. */
static bool parse_http_date(struct str text, int64_t *ret_at)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int32_t day, century, year, hour, minute, second;
    if (text.len != 29 || !str_eq(str_sub(text, 25, 4), STR(" GMT")) ||
        !str_eq(str_sub(text, 3, 2), STR(", ")) || text.ptr[7] != ' ' || text.ptr[11] != ' ' ||
        text.ptr[16] != ' ' || text.ptr[19] != ':' || text.ptr[22] != ':' ||
        !two_digits(text, 5, &day) || !two_digits(text, 12, &century) ||
        !two_digits(text, 14, &year) || !two_digits(text, 17, &hour) ||
        !two_digits(text, 20, &minute) || !two_digits(text, 23, &second)) {
        return false;
    }
    size_t month = str_find(str_c(months), str_sub(text, 8, 3));
    year += century * 100;
    if (month == SIZE_MAX || month % 3 != 0 || hour > 23 || minute > 59 || second > 60 ||
        !calendar_date_valid(year, (int32_t)(month / 3) + 1, day)) {
        return false;
    }
    struct calendar_date date = {year, (int8_t)(month / 3 + 1), (int8_t)day};
    *ret_at = calendar_days(date) * CALENDAR_DAY_MS +
              (int64_t)(hour * 3600 + minute * 60 + second) * 1000;
    return true;
}

int32_t provider_retry_after_ms(struct str value, int64_t now_at)
{
    struct str text = str_trim(value);
    int64_t wait_ms = 0, at = 0, seconds = 0;
    if (text.len > 0 && text.len <= 18 && str_to_i64(text, &seconds) && text.ptr[0] != '-' &&
        text.ptr[0] != '+') {
        wait_ms = MIN(seconds, RETRY_AFTER_MAX_MS / 1000) * 1000;
    } else if (parse_http_date(text, &at)) {
        wait_ms = at - now_at;
    } else {
        return 0;
    }
    return (int32_t)MAX(MIN(wait_ms, RETRY_AFTER_MAX_MS), 1);
}

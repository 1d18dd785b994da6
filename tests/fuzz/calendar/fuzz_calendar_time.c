/* Texts of dates and times: what is read is inside the calendar, and reads the same when printed.
 */
#include "calendar/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rfc3339(struct str text)
{
    struct buf out CLEANUP(buf_fini);
    int64_t at;
    int64_t back;
    bool has_offset;
    buf_init(&out, 100);
    if (!calendar_parse_rfc3339(text, &at, &has_offset)) {
        BUG_ON(calendar_parse_rfc3339(text, &at, NULL));
        return;
    }
    BUG_ON(at < CALENDAR_MIN_AT || at > CALENDAR_MAX_AT);
    BUG_ON(calendar_parse_rfc3339(text, &back, NULL) != has_offset);
    calendar_print_rfc3339(at, &out);
    BUG_ON(!calendar_parse_rfc3339(buf_str(&out), &back, NULL) || back != at);
}

static void check_ical(struct str text)
{
    struct buf out CLEANUP(buf_fini);
    struct calendar_date date;
    struct calendar_wall wall;
    int64_t seconds;
    bool utc;
    buf_init(&out, 100);
    if (calendar_parse_ical_date(text, &date)) {
        calendar_print_ical_date(date, &out);
        BUG_ON(!str_eq(buf_str(&out), text));
    }
    buf_reset(&out);
    if (calendar_parse_ical_time(text, &wall, &utc)) {
        BUG_ON(wall.second_of_day < 0 || wall.second_of_day > 86399);
        calendar_print_ical_time(wall, &out);
        BUG_ON(out.len != 15 || text.len != out.len + utc);
    }
    buf_reset(&out);
    if (calendar_parse_date(text, &date)) {
        calendar_print_date(date, &out);
        BUG_ON(!str_eq(buf_str(&out), text));
    }
    if (calendar_parse_ical_duration(text, &seconds)) {
        BUG_ON(seconds < -INT64_C(1000000000000) || seconds > INT64_C(1000000000000));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    check_rfc3339(text);
    check_ical(text);
    return 0;
}

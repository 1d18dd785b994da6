/* Recurrence lines as a provider may send them: they are refused, or expand within the bounds, in
 * order, and the same from any window. The first byte chooses what the start is. */
#include "calendar/recurrence.h"

#define DAY_MS CALENDAR_DAY_MS

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_print(struct str line)
{
    struct calendar_rule rule;
    struct buf once CLEANUP(buf_fini);
    struct buf twice CLEANUP(buf_fini);
    buf_init(&once, 16384);
    buf_init(&twice, 16384);
    if (!str_starts(line, STR("RRULE:")) ||
        calendar_rule_parse(str_sub(line, 6, SIZE_MAX), &rule, NULL) != ERR_OK) {
        return;
    }
    calendar_rule_print(&rule, &once);
    BUG_ON(calendar_rule_parse(buf_str(&once), &rule, NULL) != ERR_OK);
    calendar_rule_print(&rule, &twice);
    BUG_ON(!str_eq(buf_str(&once), buf_str(&twice)));
}

static void check_expansion(const struct calendar_series *series, struct arena *arena)
{
    struct calendar_occurrence *all;
    struct calendar_occurrence *part;
    size_t count;
    size_t part_count;
    int64_t from = INT64_C(1700000000000);
    int64_t to = from + 400 * DAY_MS;
    struct err err = {0};
    enum err_code rc = calendar_expand(series, from, to, arena, &all, &count, &err);
    if (rc != ERR_OK) {
        BUG_ON(rc != ERR_INVALID && rc != ERR_UNSUPPORTED && rc != ERR_TOO_BIG);
        BUG_ON(err.text[0] == '\0');
        return;
    }
    BUG_ON(count > CALENDAR_OCCURRENCES_MAX || calendar_series_check(series, NULL) != ERR_OK);
    size_t in_part = 0;
    int64_t mid = from + 100 * DAY_MS;
    for (size_t i = 0; i < count; i++) {
        BUG_ON(all[i].end_at < all[i].start_at || !calendar_occurrence_in(&all[i], from, to));
        BUG_ON(i > 0 && all[i].start_at < all[i - 1].start_at);
        in_part += calendar_occurrence_in(&all[i], from, mid);
    }
    if (calendar_expand(series, from, mid, arena, &part, &part_count, NULL) == ERR_OK) {
        BUG_ON(part_count != in_part);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct calendar_zones *zones;
    static const char *const names[] = {"UTC", "Europe/Paris", "America/New_York", "Pacific/Apia"};
    static const int64_t starts[] = {1700000000000, 1600000000123, -3000000000000, 950000000000};
    struct arena arena CLEANUP(arena_fini);
    struct str lines[8];
    size_t count = 0;

    if (size == 0 || size > 4096) {
        return 0;
    }
    zones = zones != NULL ? zones : calendar_zones_new(NULL);
    arena_init(&arena);
    struct str rest = {(const char *)data + 1, size - 1};
    while (count < ARRAY_LEN(lines) && str_split(&rest, '\n', &lines[count])) {
        check_print(lines[count++]);
    }
    struct calendar_series series = {.lines = lines, .line_count = count, .zones = zones};
    BUG_ON(calendar_zone_find(zones, str_c(names[data[0] & 3]), &series.zone, NULL) != ERR_OK);
    series.start.set = series.end.set = true;
    series.start.all_day = series.end.all_day = (data[0] & 16) != 0;
    series.start.at = starts[data[0] >> 2 & 3];
    series.end.at = series.start.at + (data[0] >> 5) * INT64_C(7000000);
    series.start.date = calendar_zone_wall(series.zone, series.start.at).date;
    series.end.date = calendar_date_of(calendar_days(series.start.date) + (data[0] >> 5));
    check_expansion(&series, &arena);
    return 0;
}

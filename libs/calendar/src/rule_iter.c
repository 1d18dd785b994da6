/* The walk over a rule's periods, days and times.
 *
 * From DAILY up, a period gives days and each day the same times; BYSETPOS picks among all of the
 * period. Finer rules go day by day too: their units (hours, minutes, seconds) that INTERVAL
 * reaches are picked within the day, and BYSETPOS picks among the times of a unit. */
#include "rule_int.h"

#define DAY_SECONDS 86400
#define LAST_SECOND (CALENDAR_MAX_AT / 1000)

static bool is_fine(const struct calendar_rule *r)
{
    return r->freq < CALENDAR_DAILY;
}

/* What the rule does not say is taken from the start. */
static void complete_time(struct calendar_rule *r, int32_t second_of_day, bool all_day)
{
    if (all_day) {
        r->hours = 1;
        r->minutes = r->seconds = 1;
        r->freq = MAX(r->freq, CALENDAR_DAILY);
        return;
    }
    if (r->hours == 0) {
        r->hours = r->freq > CALENDAR_HOURLY ? 1U << (second_of_day / 3600) : (1U << 24) - 1;
    }
    if (r->minutes == 0) {
        r->minutes = r->freq > CALENDAR_MINUTELY ? UINT64_C(1) << (second_of_day / 60 % 60)
                                                 : (UINT64_C(1) << 60) - 1;
    }
    if (r->seconds == 0) {
        r->seconds = r->freq > CALENDAR_SECONDLY ? UINT64_C(1) << (second_of_day % 60)
                                                 : (UINT64_C(1) << 60) - 1;
    }
}

static void complete_date(struct calendar_rule *r, struct calendar_date start)
{
    bool by_month_day = (r->month_days | r->month_days_minus) != 0;
    bool by_day = r->weekdays != 0 || r->any_nth;
    bool by_week_no = (r->week_nos | r->week_nos_minus) != 0;
    uint8_t weekday = (uint8_t)(1U << calendar_weekday(calendar_days(start)));

    if (r->freq < CALENDAR_WEEKLY || by_day || by_month_day || r->year_days.any) {
        return;
    }
    if (r->freq == CALENDAR_WEEKLY || by_week_no) {
        r->weekdays = weekday;
        return;
    }
    r->month_days = 1U << (start.day - 1);
    if (r->freq == CALENDAR_YEARLY && r->months == 0) {
        r->months = (uint16_t)(1U << (start.month - 1));
    }
}

static int8_t list_bits(uint64_t bits, int8_t *list)
{
    int8_t n = 0;
    for (; bits != 0; bits &= bits - 1) {
        list[n++] = (int8_t)__builtin_ctzll(bits);
    }
    return n;
}

static void list_times(struct calendar_rule_iter *it)
{
    it->hour_count = list_bits(it->rule.hours, it->hours);
    it->minute_count = list_bits(it->rule.minutes, it->minutes);
    it->second_count = list_bits(it->rule.seconds, it->seconds);
    it->time_count = it->hour_count * it->minute_count * it->second_count;
    switch ((unsigned)it->rule.freq) {
    case CALENDAR_SECONDLY:
        it->unit = 1;
        it->set_size = 1;
        break;
    case CALENDAR_MINUTELY:
        it->unit = 60;
        it->set_size = it->second_count;
        break;
    default:
        it->unit = 3600;
        it->set_size = it->minute_count * it->second_count;
        break;
    }
}

static int64_t until_of(const struct calendar_rule *r, bool all_day)
{
    int64_t until = calendar_wall_seconds(r->until);
    switch (r->until_kind) {
    case CALENDAR_UNTIL_NONE:
        return LAST_SECOND;
    case CALENDAR_UNTIL_DATE:
        return until + DAY_SECONDS - 1;
    case CALENDAR_UNTIL_UTC:
        return until + (all_day ? 0 : DAY_SECONDS);
    case CALENDAR_UNTIL_LOCAL:
        break;
    }
    return until;
}

void calendar_rule_iter_init(struct calendar_rule_iter *it, const struct calendar_rule *rule,
                             struct calendar_wall start, bool all_day, int64_t from, int64_t to,
                             int32_t work)
{
    /* Field by field: the lists and days are large, and valid only as far as their counts say. */
    it->rule = *rule;
    complete_time(&it->rule, start.second_of_day, all_day);
    complete_date(&it->rule, start.date);
    it->start =
        all_day ? (int64_t)calendar_days(start.date) * DAY_SECONDS : calendar_wall_seconds(start);
    it->from = MAX(from, it->start);
    it->stop = MIN(MIN(until_of(rule, all_day), to), LAST_SECOND);
    it->count_left = rule->count > 0 ? rule->count : -1;
    it->work_left = work;
    it->first_seen = it->exhausted = false;
    it->day_count = it->day_at = 0;
    it->time_at = 0;
    it->ended = it->from > it->stop;
    it->period_work = rule_period_work(&it->rule);
    list_times(it);
    if (it->ended) {
        return;
    }
    it->period = rule_period_of(&it->rule, calendar_days(start.date));
    it->last_period = rule_period_of(&it->rule, (int32_t)rule_floor_div(it->stop, DAY_SECONDS));
    if (rule->count == 0) {
        int32_t day = (int32_t)rule_floor_div(it->from, DAY_SECONDS);
        int64_t skip = rule_period_of(&it->rule, day) - it->period;
        it->period += is_fine(&it->rule) ? skip : skip - skip % rule->interval;
    }
}

/* The day on or after day which holds a unit that INTERVAL reaches. */
static int64_t day_with_unit(const struct calendar_rule_iter *it, int64_t day)
{
    int64_t step = it->rule.interval;
    int64_t base = rule_floor_div(it->start, it->unit);
    int64_t ahead = day * DAY_SECONDS / it->unit - base;
    if (ahead <= 0) {
        return day;
    }
    int64_t next = base + (ahead + step - 1) / step * step;
    return rule_floor_div(next * it->unit, DAY_SECONDS);
}

/* Rules that go by days: leaves months that BYMONTH does not name at once. */
static int64_t skip_months(struct calendar_rule_iter *it, int64_t day)
{
    struct calendar_date d = calendar_date_of((int32_t)day);
    if (it->rule.months == 0 || (it->rule.months >> (d.month - 1) & 1)) {
        return day;
    }
    int64_t next = day + calendar_days_in_month(d.year, d.month) - d.day + 1;
    if (is_fine(&it->rule)) {
        return day_with_unit(it, next);
    }
    int64_t step = it->rule.interval;
    return day + (next - day + step - 1) / step * step;
}

/* Loads the period that is due, and moves on; false at an end. */
static bool load_period(struct calendar_rule_iter *it)
{
    const struct calendar_rule *r = &it->rule;
    for (;;) {
        if (is_fine(r)) {
            it->period = day_with_unit(it, it->period);
        }
        if (it->period > it->last_period) {
            return false;
        }
        it->work_left -= it->period_work;
        if (it->work_left <= 0) {
            it->exhausted = true;
            return false;
        }
        int64_t next = r->freq <= CALENDAR_DAILY ? skip_months(it, it->period) : it->period;
        if (next == it->period) {
            break;
        }
        it->period = next;
    }
    it->day_count = rule_period_days(r, it->period, it->days);
    it->day_at = 0;
    it->time_at = 0;
    it->period += is_fine(r) ? 1 : r->interval;
    return true;
}

static int32_t second_of_day(const struct calendar_rule_iter *it, int32_t time_at)
{
    int32_t in_hour = it->minute_count * it->second_count;
    return it->hours[time_at / in_hour] * 3600 +
           it->minutes[time_at / it->second_count % it->minute_count] * 60 +
           it->seconds[time_at % it->second_count];
}

/* How many of the day's times lie before a second of it: the index of the first one from there. */
static int32_t time_index(const struct calendar_rule_iter *it, int32_t second)
{
    int h = second / 3600;
    int m = second / 60 % 60;
    int s = second % 60;
    int32_t in_hour = it->minute_count * it->second_count;
    int32_t n = __builtin_popcount(it->rule.hours & ((1U << h) - 1)) * in_hour;
    if (!(it->rule.hours >> h & 1)) {
        return n;
    }
    n += __builtin_popcountll(it->rule.minutes & ((UINT64_C(1) << m) - 1)) * it->second_count;
    if (!(it->rule.minutes >> m & 1)) {
        return n;
    }
    return n + __builtin_popcountll(it->rule.seconds & ((UINT64_C(1) << s) - 1));
}

/* Whether INTERVAL reaches the unit of a wall second; if not, moves to the next one it reaches. */
static bool unit_fits(struct calendar_rule_iter *it, int64_t wall)
{
    int64_t unit = rule_floor_div(wall, it->unit);
    int64_t ahead = unit - rule_floor_div(it->start, it->unit);
    int64_t rest = ahead % it->rule.interval;
    if (rest == 0) {
        return true;
    }
    int64_t next = (rest < 0 ? unit - rest : unit + it->rule.interval - rest) * it->unit;
    int64_t day = rule_floor_div(wall, DAY_SECONDS);
    it->time_at = next - day * DAY_SECONDS >= DAY_SECONDS
                      ? it->time_count
                      : time_index(it, (int32_t)(next - day * DAY_SECONDS));
    return false;
}

static bool position_fits(const struct calendar_rule_iter *it, int32_t day_at, int32_t time_at)
{
    bool fine = is_fine(&it->rule);
    int64_t at = fine ? time_at % it->set_size : (int64_t)day_at * it->time_count + time_at;
    int64_t from_end = (fine ? it->set_size : (int64_t)it->day_count * it->time_count) - 1 - at;
    const struct calendar_set *pos = &it->rule.set_pos;
    return (at < 366 && (pos->plus[at / 64] >> (at % 64) & 1)) ||
           (from_end < 366 && (pos->minus[from_end / 64] >> (from_end % 64) & 1));
}

/* Counts a match; false when COUNT has ended. The start counts, whether or not the rule names it.
 */
static bool count_match(struct calendar_rule_iter *it, int64_t wall)
{
    if (it->count_left < 0) {
        return true;
    }
    if (!it->first_seen) {
        it->first_seen = true;
        it->count_left -= wall != it->start;
    }
    return it->count_left-- > 0;
}

/* Takes the next time of the current period, which is not empty; false if it is no match. */
static bool take_time(struct calendar_rule_iter *it, int64_t *ret_wall)
{
    int32_t day_at = it->day_at;
    int32_t time_at = it->time_at++;
    int32_t second = it->time_count == 1
                         ? it->hours[0] * 3600 + it->minutes[0] * 60 + it->seconds[0]
                         : second_of_day(it, time_at);
    *ret_wall = (int64_t)it->days[day_at] * DAY_SECONDS + second;
    bool fits = !is_fine(&it->rule) || unit_fits(it, *ret_wall);
    if (it->time_at >= it->time_count) {
        it->time_at = 0;
        it->day_at++;
    }
    return fits && *ret_wall >= it->start &&
           (!it->rule.set_pos.any || position_fits(it, day_at, time_at));
}

bool calendar_rule_next(struct calendar_rule_iter *it, int64_t *ret_wall)
{
    int64_t wall;
    while (!it->ended) {
        if (it->day_at >= it->day_count) {
            it->ended = !load_period(it);
            continue;
        }
        if (--it->work_left <= 0) {
            it->ended = it->exhausted = true;
        } else if (take_time(it, &wall)) {
            it->ended = wall > it->stop || !count_match(it, wall);
            if (!it->ended && wall >= it->from) {
                *ret_wall = wall;
                return true;
            }
        }
    }
    return false;
}

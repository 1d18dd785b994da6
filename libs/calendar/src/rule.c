/* A rule's text, strict and bounded.  src: RFC 5545 3.3.10 */
#include "calendar/recurrence.h"

static const char *const freq_names[] = {"SECONDLY", "MINUTELY", "HOURLY", "DAILY",
                                         "WEEKLY",   "MONTHLY",  "YEARLY"};
static const char *const weekday_names[] = {"MO", "TU", "WE", "TH", "FR", "SA", "SU"};

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

#define PART(name) (1U << PART_##name)
#define PARTS_BY                                                                                   \
    (PART(BYSECOND) | PART(BYMINUTE) | PART(BYHOUR) | PART(BYDAY) | PART(BYMONTHDAY) |             \
     PART(BYYEARDAY) | PART(BYWEEKNO) | PART(BYMONTH))

static bool find_name(struct str text, const char *const *names, size_t count, size_t *ret_i)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq_nocase(text, str_c(names[i]))) {
            *ret_i = i;
            return true;
        }
    }
    return false;
}

/* Digits only, at most ten of them; str_to_i64 would take a sign. */
static bool parse_number(struct str text, int64_t max, int64_t *ret_n)
{
    return text.len > 0 && text.len <= 10 && text.ptr[0] != '-' && str_to_i64(text, ret_n) &&
           *ret_n <= max;
}

static bool take_sign(struct str *text)
{
    bool minus = text->len > 0 && text->ptr[0] == '-';
    if (minus || (text->len > 0 && text->ptr[0] == '+')) {
        *text = str_sub(*text, 1, SIZE_MAX);
    }
    return minus;
}

static void set_bit(uint64_t *words, int64_t n)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): n is within the words, by max */
    words[n / 64] |= UINT64_C(1) << (n % 64);
}

/* "1,-1": numbers from 1 to max; minus NULL: no negative ones. */
static bool parse_ordinals(struct str text, int64_t max, uint64_t *plus, uint64_t *minus)
{
    struct str item;
    while (str_split(&text, ',', &item)) {
        int64_t n;
        bool is_minus = take_sign(&item);
        if ((is_minus && minus == NULL) || !parse_number(item, max, &n) || n == 0) {
            return false;
        }
        set_bit(is_minus ? minus : plus, n - 1);
    }
    return true;
}

/* BYHOUR, BYMINUTE, BYSECOND: from 0 to max. */
static bool parse_units(struct str text, int64_t max, uint64_t *bits)
{
    struct str item;
    while (str_split(&text, ',', &item)) {
        int64_t n;
        if (!parse_number(item, max, &n)) {
            return false;
        }
        set_bit(bits, MIN(n, 59));
    }
    return true;
}

static bool parse_by_day(struct str text, struct calendar_rule *r)
{
    struct str item;
    while (str_split(&text, ',', &item)) {
        size_t weekday;
        int64_t n;
        if (item.len < 2 ||
            !find_name(str_sub(item, item.len - 2, 2), weekday_names, 7, &weekday)) {
            return false;
        }
        item.len -= 2;
        if (item.len == 0) {
            r->weekdays = (uint8_t)(r->weekdays | 1U << weekday);
            continue;
        }
        bool minus = take_sign(&item);
        if (!parse_number(item, 53, &n) || n == 0) {
            return false;
        }
        r->any_nth = true;
        set_bit(minus ? &r->nth_minus[weekday] : &r->nth[weekday], n - 1);
    }
    return true;
}

static bool parse_until(struct str text, struct calendar_rule *r)
{
    bool utc;
    if (calendar_parse_ical_date(text, &r->until.date)) {
        r->until_kind = CALENDAR_UNTIL_DATE;
        return true;
    }
    if (!calendar_parse_ical_time(text, &r->until, &utc)) {
        return false;
    }
    r->until_kind = utc ? CALENDAR_UNTIL_UTC : CALENDAR_UNTIL_LOCAL;
    return true;
}

static bool parse_positive(struct str text, int32_t *ret_n)
{
    int64_t n;
    if (!parse_number(text, INT32_MAX, &n) || n == 0) {
        return false;
    }
    *ret_n = (int32_t)n;
    return true;
}

static bool parse_set(struct str text, struct calendar_set *set)
{
    set->any = true;
    return parse_ordinals(text, 366, set->plus, set->minus);
}

static bool parse_by_part(enum part part, struct str v, struct calendar_rule *r)
{
    uint64_t plus = 0;
    uint64_t minus = 0;
    bool good;
    switch ((unsigned)part) {
    case PART_BYSECOND:
        return parse_units(v, 60, &r->seconds);
    case PART_BYMINUTE:
        return parse_units(v, 59, &r->minutes);
    case PART_BYHOUR:
        good = parse_units(v, 23, &plus);
        r->hours = (uint32_t)plus;
        return good;
    case PART_BYMONTHDAY:
        good = parse_ordinals(v, 31, &plus, &minus);
        r->month_days = (uint32_t)plus;
        r->month_days_minus = (uint32_t)minus;
        return good;
    case PART_BYMONTH:
        good = parse_ordinals(v, 12, &plus, NULL);
        r->months = (uint16_t)plus;
        return good;
    case PART_BYWEEKNO:
        return parse_ordinals(v, 53, &r->week_nos, &r->week_nos_minus);
    case PART_BYYEARDAY:
        return parse_set(v, &r->year_days);
    default: /* PART_BYSETPOS, since parse_value keeps all else */
        return parse_set(v, &r->set_pos);
    }
}

static bool parse_value(enum part part, struct str v, struct calendar_rule *r)
{
    size_t i = 0;
    bool good;
    switch ((unsigned)part) {
    case PART_FREQ:
        good = find_name(v, freq_names, ARRAY_LEN(freq_names), &i);
        r->freq = (enum calendar_freq)i;
        return good;
    case PART_WKST:
        good = find_name(v, weekday_names, 7, &i);
        r->week_start = (int8_t)i;
        return good;
    case PART_UNTIL:
        return parse_until(v, r);
    case PART_COUNT:
        return parse_positive(v, &r->count);
    case PART_INTERVAL:
        return parse_positive(v, &r->interval);
    case PART_BYDAY:
        return parse_by_day(v, r);
    default:
        return parse_by_part(part, v, r);
    }
}

/* What the section forbids as a whole; NULL: nothing. */
static const char *find_conflict(const struct calendar_rule *r, unsigned seen)
{
    if (!(seen & PART(FREQ))) {
        return "FREQ is missing";
    }
    if ((seen & PART(COUNT)) && (seen & PART(UNTIL))) {
        return "COUNT and UNTIL exclude each other";
    }
    if ((seen & PART(BYSETPOS)) && !(seen & PARTS_BY)) {
        return "BYSETPOS needs another BY part";
    }
    if (r->any_nth && (r->freq < CALENDAR_MONTHLY || (seen & PART(BYWEEKNO)))) {
        return "BYDAY has a number";
    }
    if (((seen & PART(BYWEEKNO)) && r->freq != CALENDAR_YEARLY) ||
        ((seen & PART(BYMONTHDAY)) && r->freq == CALENDAR_WEEKLY) ||
        ((seen & PART(BYYEARDAY)) && r->freq >= CALENDAR_DAILY && r->freq <= CALENDAR_MONTHLY)) {
        return "a BY part does not go with FREQ";
    }
    return NULL;
}

static enum err_code parse_part(struct str item, struct calendar_rule *r, unsigned *seen,
                                struct err *err)
{
    struct str value = item;
    struct str name;
    size_t part;
    if (!str_split(&value, '=', &name) || value.ptr == NULL) {
        return ERR_SET(err, ERR_INVALID, "recurrence rule: a part without value");
    }
    if (str_eq_nocase(name, STR("RSCALE")) || str_eq_nocase(name, STR("SKIP"))) {
        return ERR_SET(err, ERR_UNSUPPORTED, "recurrence rule: RSCALE and SKIP are not expanded");
    }
    if (!find_name(name, part_names, PARTS, &part)) {
        return ERR_SET(err, ERR_INVALID, "recurrence rule: an unknown part");
    }
    if (*seen & 1U << part) {
        return ERR_SET(err, ERR_INVALID, "recurrence rule: %s twice", part_names[part]);
    }
    *seen |= 1U << part;
    if (!parse_value((enum part)part, value, r)) {
        return ERR_SET(err, ERR_INVALID, "recurrence rule: %s is malformed", part_names[part]);
    }
    return ERR_OK;
}

enum err_code calendar_rule_parse(struct str text, struct calendar_rule *ret_rule, struct err *err)
{
    struct calendar_rule rule = {.interval = 1};
    struct str item;
    unsigned seen = 0;

    if (text.len > CALENDAR_RULE_TEXT_MAX) {
        return ERR_SET(err, ERR_TOO_BIG, "recurrence rule: over %d bytes", CALENDAR_RULE_TEXT_MAX);
    }
    if (text.len > 0 && text.ptr[text.len - 1] == ';') {
        text.len--; /* as some clients end it */
    }
    if (text.len == 0) {
        return ERR_SET(err, ERR_INVALID, "recurrence rule: empty");
    }
    while (str_split(&text, ';', &item)) {
        enum err_code rc = parse_part(item, &rule, &seen, err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    const char *conflict = find_conflict(&rule, seen);
    if (conflict != NULL) {
        return ERR_SET(err, ERR_INVALID, "recurrence rule: %s", conflict);
    }
    *ret_rule = rule;
    return ERR_OK;
}

/* ---- printing ------------------------------------------------------------------------------ */

/* Writes "name=" before the first item of a list, a comma before the others. */
static void begin_item(struct buf *out, const char *name, bool *first)
{
    if (*first) {
        buf_add_f(out, ";%s=", name);
    } else {
        buf_add_char(out, ',');
    }
    *first = false;
}

static void print_bits(struct buf *out, const char *name, const uint64_t *words, int count,
                       int base, int sign, bool *first)
{
    for (int i = 0; i < count; i++) {
        if (words[i / 64] >> (i % 64) & 1) {
            begin_item(out, name, first);
            buf_add_f(out, "%d", sign * (i + base));
        }
    }
}

static void print_ordinals(struct buf *out, const char *name, const uint64_t *plus,
                           const uint64_t *minus, int max)
{
    bool first = true;
    print_bits(out, name, plus, max, 1, 1, &first);
    if (minus != NULL) {
        print_bits(out, name, minus, max, 1, -1, &first);
    }
}

static void print_units(struct buf *out, const char *name, uint64_t bits)
{
    bool first = true;
    print_bits(out, name, &bits, 60, 0, 1, &first);
}

static void print_by_day(struct buf *out, const struct calendar_rule *r)
{
    bool first = true;
    for (int w = 0; w < 7; w++) {
        if (r->weekdays >> w & 1) {
            begin_item(out, "BYDAY", &first);
            buf_add_c(out, weekday_names[w]);
        }
    }
    for (int n = 1; n <= 53; n++) {
        for (int w = 0; w < 7; w++) {
            if (r->nth[w] >> (n - 1) & 1) {
                begin_item(out, "BYDAY", &first);
                buf_add_f(out, "%d%s", n, weekday_names[w]);
            }
            if (r->nth_minus[w] >> (n - 1) & 1) {
                begin_item(out, "BYDAY", &first);
                buf_add_f(out, "-%d%s", n, weekday_names[w]);
            }
        }
    }
}

static void print_end(struct buf *out, const struct calendar_rule *r)
{
    if (r->until_kind == CALENDAR_UNTIL_DATE) {
        buf_add_c(out, ";UNTIL=");
        calendar_print_ical_date(r->until.date, out);
    } else if (r->until_kind != CALENDAR_UNTIL_NONE) {
        buf_add_c(out, ";UNTIL=");
        calendar_print_ical_time(r->until, out);
        buf_add_c(out, r->until_kind == CALENDAR_UNTIL_UTC ? "Z" : "");
    }
    if (r->count > 0) {
        buf_add_f(out, ";COUNT=%d", r->count);
    }
}

void calendar_rule_print(const struct calendar_rule *r, struct buf *out)
{
    uint64_t month_days[] = {r->month_days, r->month_days_minus};
    uint64_t months = r->months;

    buf_add_f(out, "FREQ=%s", freq_names[r->freq]);
    print_end(out, r);
    if (r->interval > 1) {
        buf_add_f(out, ";INTERVAL=%d", r->interval);
    }
    print_units(out, "BYSECOND", r->seconds);
    print_units(out, "BYMINUTE", r->minutes);
    print_units(out, "BYHOUR", r->hours);
    print_by_day(out, r);
    print_ordinals(out, "BYMONTHDAY", &month_days[0], &month_days[1], 31);
    print_ordinals(out, "BYYEARDAY", r->year_days.plus, r->year_days.minus, 366);
    print_ordinals(out, "BYWEEKNO", &r->week_nos, &r->week_nos_minus, 53);
    print_ordinals(out, "BYMONTH", &months, NULL, 12);
    print_ordinals(out, "BYSETPOS", r->set_pos.plus, r->set_pos.minus, 366);
    if (r->week_start != 0) {
        buf_add_f(out, ";WKST=%s", weekday_names[r->week_start]);
    }
}

/* TZif, and the two questions that a zone answers.  src: RFC 8536 section 3 */
#include "zone_int.h"

#define TZIF_HEADER 44
#define TRANSITIONS_MAX 4096 /* the largest of tzdata has about 240 */
#define OFFSET_MAX 93600     /* seconds; section 3.2: from -25 to 26 hours */

struct counts {
    uint32_t isutc, isstd, leap, time, type, chars;
};

static uint32_t be32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static int64_t be64(const char *p)
{
    return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static bool read_header(struct str data, struct counts *ret, char *ret_version)
{
    if (data.len < TZIF_HEADER || memcmp(data.ptr, "TZif", 4) != 0) {
        return false;
    }
    const char *p = data.ptr + 20;
    *ret = (struct counts){be32(p),      be32(p + 4),  be32(p + 8),
                           be32(p + 12), be32(p + 16), be32(p + 20)};
    *ret_version = data.ptr[4];
    return ret->time <= TRANSITIONS_MAX && ret->type >= 1 && ret->type <= 256 &&
           ret->chars <= 4096 && ret->leap <= 4096 && ret->isutc <= 256 && ret->isstd <= 256;
}

static size_t block_size(const struct counts *c, size_t time_size)
{
    return c->time * (time_size + 1) + c->type * 6 + c->chars + c->leap * (time_size + 4) +
           c->isstd + c->isutc;
}

static bool read_transitions(struct str block, const struct counts *c, struct calendar_zone *z)
{
    const char *times = block.ptr;
    const char *indexes = times + c->time * 8;
    const char *types = indexes + c->time;

    z->count = c->time;
    z->at = xcalloc(c->time, sizeof *z->at);
    z->offsets = xcalloc(c->time, sizeof *z->offsets);
    z->first_offset = (int32_t)be32(types);
    for (size_t i = 0; i < c->time; i++) {
        size_t type = (unsigned char)indexes[i];
        z->at[i] = be64(times + i * 8);
        if (type >= c->type || (i > 0 && z->at[i] <= z->at[i - 1])) {
            return false;
        }
        z->offsets[i] = (int32_t)be32(types + type * 6);
        if (z->offsets[i] < -OFFSET_MAX || z->offsets[i] > OFFSET_MAX) {
            return false;
        }
    }
    return z->first_offset >= -OFFSET_MAX && z->first_offset <= OFFSET_MAX;
}

enum err_code calendar_zone_parse(struct str tzif, struct calendar_zone **ret_zone, struct err *err)
{
    struct counts c;
    char version;
    if (!read_header(tzif, &c, &version) || version < '2') {
        return ERR_SET(err, ERR_PROTO, "not a TZif file of version 2 or later");
    }
    struct str rest = str_sub(tzif, TZIF_HEADER + block_size(&c, 4), SIZE_MAX);
    if (!read_header(rest, &c, &version) || rest.len < TZIF_HEADER + block_size(&c, 8)) {
        return ERR_SET(err, ERR_PROTO, "TZif file is cut");
    }
    if (c.leap > 0) {
        return ERR_SET(err, ERR_UNSUPPORTED, "TZif file counts leap seconds");
    }
    struct str block = str_sub(rest, TZIF_HEADER, SIZE_MAX);
    struct calendar_zone *zone = xcalloc(1, sizeof *zone);
    struct str footer = str_trim(str_sub(block, block_size(&c, 8), SIZE_MAX));
    zone->has_rule = footer.len > 0;
    if (!read_transitions(block, &c, zone) ||
        (zone->has_rule && !tz_rule_parse(footer, &zone->rule))) {
        calendar_zone_free(zone);
        return ERR_SET(err, ERR_PROTO, "TZif file is malformed");
    }
    *ret_zone = zone;
    return ERR_OK;
}

struct calendar_zone *calendar_zone_free(struct calendar_zone *zone)
{
    if (zone != NULL) {
        free(zone->at);
        free(zone->offsets);
        free(zone);
    }
    return NULL;
}

const struct calendar_zone *calendar_zone_utc(void)
{
    static const struct calendar_zone utc;
    return &utc;
}

struct calendar_zone_range calendar_zone_range(const struct calendar_zone *z, int64_t seconds)
{
    if (z->count == 0) {
        return z->has_rule ? tz_rule_range(&z->rule, seconds)
                           : (struct calendar_zone_range){INT64_MIN, INT64_MAX, z->first_offset};
    }
    if (seconds < z->at[0]) {
        return (struct calendar_zone_range){INT64_MIN, z->at[0], z->first_offset};
    }
    int64_t last = z->at[z->count - 1];
    if (seconds >= last) {
        struct calendar_zone_range r = {last, INT64_MAX, z->offsets[z->count - 1]};
        if (z->has_rule) {
            r = tz_rule_range(&z->rule, seconds);
            r.from = MAX(r.from, last);
        }
        return r;
    }
    size_t low = 0;
    size_t high = z->count - 1;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (z->at[mid] <= seconds) {
            low = mid;
        } else {
            high = mid;
        }
    }
    return (struct calendar_zone_range){z->at[low], z->at[high], z->offsets[low]};
}

int32_t calendar_zone_offset(const struct calendar_zone *zone, int64_t at)
{
    return calendar_zone_range(zone, floor_div64(at, 1000)).offset;
}

struct calendar_wall calendar_zone_wall(const struct calendar_zone *zone, int64_t at)
{
    int64_t seconds = floor_div64(at, 1000);
    return calendar_wall_of(seconds + calendar_zone_range(zone, seconds).offset);
}

/* Walks the ranges from one that surely begins early enough. In each, the wall clock shows
 * [from + offset, to + offset): the first that shows the wall time has it. Where none does, the
 * clock skipped it at the first range that begins behind it. */
int64_t zone_instant_near(const struct calendar_zone *zone, int64_t wall,
                          struct calendar_zone_range *range)
{
    /* Far enough inside the known range that no earlier one can show this time as well. */
    if (wall - range->offset < range->to && wall - range->offset - 2 * OFFSET_MAX >= range->from) {
        return wall - range->offset;
    }
    struct calendar_zone_range r = calendar_zone_range(zone, wall - OFFSET_MAX);
    int32_t before = r.offset;
    bool skipped = false;
    while (true) {
        int64_t at = wall - r.offset;
        if (at >= r.from && at < r.to) {
            *range = r;
            return at;
        }
        skipped = skipped || at < r.from;
        if (r.to > wall + OFFSET_MAX) {
            return wall - before; /* no later range can show it */
        }
        before = skipped ? before : r.offset;
        r = calendar_zone_range(zone, r.to);
    }
}

int64_t calendar_zone_instant(const struct calendar_zone *zone, struct calendar_wall wall)
{
    struct calendar_zone_range none = {.from = INT64_MAX, .to = INT64_MIN};
    return zone_instant_near(zone, calendar_wall_seconds(wall), &none) * 1000;
}

int64_t calendar_zone_midnight(const struct calendar_zone *zone, struct calendar_date date)
{
    return calendar_zone_instant(zone, (struct calendar_wall){.date = date});
}

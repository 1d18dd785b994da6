/* A zone from any bytes: refused, or it answers for all times, and its ranges join. */
#include "calendar/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_instant(const struct calendar_zone *zone, int64_t seconds)
{
    struct calendar_zone_range r = calendar_zone_range(zone, seconds);
    BUG_ON(r.from > seconds || r.to <= seconds || r.offset < -93600 || r.offset > 93600);
    BUG_ON(calendar_zone_offset(zone, seconds * 1000) != r.offset);
    struct calendar_wall wall = calendar_zone_wall(zone, seconds * 1000);
    int64_t back = calendar_zone_instant(zone, wall);
    /* The first instant that shows the wall time is this one or an earlier one. */
    BUG_ON(back > seconds * 1000);
    BUG_ON(calendar_wall_seconds(calendar_zone_wall(zone, back)) != calendar_wall_seconds(wall));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct calendar_zone *zone;
    if (calendar_zone_parse((struct str){(const char *)data, size}, &zone, NULL) != ERR_OK) {
        return 0;
    }
    int64_t at = INT64_C(-60000000000);
    for (int i = 0; i < 60 && at < INT64_C(250000000000); i++) {
        check_instant(zone, at);
        struct calendar_zone_range r = calendar_zone_range(zone, at);
        if (r.to < INT64_C(250000000000)) {
            check_instant(zone, r.to - 1);
            check_instant(zone, r.to);
        }
        at = i % 2 == 0 && r.to < INT64_C(250000000000) ? r.to : at + INT64_C(5000000001);
    }
    calendar_zone_free(zone);
    return 0;
}

/* What the tests of this folder share. */
#ifndef TESTS_CALENDAR_SUPPORT_H
#define TESTS_CALENDAR_SUPPORT_H

#include "calendar/recurrence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>

/* A cache for the whole program: setup and teardown of a group. */
extern struct calendar_zones *zones;
int zones_setup(void **state);
int zones_teardown(void **state);

const struct calendar_zone *zone_named(const char *name);
/* "19970902T090000" in a zone, or with Z. */
int64_t at_of(const char *text, const struct calendar_zone *zone);
struct calendar_wall wall_named(const char *text);

/* A series from texts: a start as above, or a date, an end (NULL: an hour, or a day), lines that
 * are separated by '\n'. The lines live in the arena. */
struct calendar_series series_of(struct arena *arena, const char *zone, const char *start,
                                 const char *end, const char *lines);

/* Expands and prints: "1997-09 2 4-6 | 1997-10 1" by local dates, where a run of three days and
 * more is "4-6". A local time that is not the start's follows its day: "29T0330". An error gives
 * its name. The text is static. */
const char *expand_text(const char *zone, const char *start, const char *lines, const char *from,
                        const char *to);

#define assert_expands(zone, start, lines, from, to, expected)                                     \
    assert_string_equal(expand_text(zone, start, lines, from, to), expected)

/* Numbers that are the same in every run. */
struct random {
    uint64_t state;
};
/* 0 .. bound - 1 */
uint32_t random_below(struct random *r, uint32_t bound);
/* A rule that calendar_rule_parse takes; fine: HOURLY and finer too. */
void random_rule(struct random *r, bool fine, struct buf *out);

#endif

/* The shape of an answer: nothing that is not known looks like free time. */
#include "freebusy.h"

#include "json/json.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first */
#include <cmocka.h>

#define T INT64_C(1790035200000) /* 2026-09-22T00:00:00Z */
#define HOUR INT64_C(3600000)

static const struct fb_window window = {T, T + 24 * HOUR};

struct shape {
    struct arena arena;
    struct fb_person person;
    struct fb_connection connection;
    struct fb_calendar calendars[2];
    struct calendar_span spans[2];
};

/* One person with one connection and two fresh calendars: 9 to 10 busy, 10 to 12 elsewhere. */
static struct shape *begin(enum fb_level level)
{
    struct shape *s = xcalloc(1, sizeof *s);
    arena_init(&s->arena);
    s->spans[0] = (struct calendar_span){T + 9 * HOUR, T + 10 * HOUR, CALENDAR_BUSY};
    s->spans[1] = (struct calendar_span){T + 10 * HOUR, T + 12 * HOUR, CALENDAR_WORKING_ELSEWHERE};
    for (int i = 0; i < 2; i++) {
        s->calendars[i] = (struct fb_calendar){.id = 40 + i,
                                               .covered = true,
                                               .covered_from = T - HOUR,
                                               .covered_to = T + 20 * HOUR,
                                               .last_read_at = T - HOUR,
                                               .source = FB_SOURCE_STORE,
                                               .fresh = true,
                                               .computed_at = T,
                                               .spans = &s->spans[i],
                                               .span_count = 1};
    }
    s->connection = (struct fb_connection){.id = {{9}},
                                           .enabled = true,
                                           .active = true,
                                           .listed = true,
                                           .calendars = s->calendars,
                                           .calendar_count = 2};
    s->person = (struct fb_person){
        .user = {{5}}, .level = level, .connections = &s->connection, .connection_count = 1};
    return s;
}

static void end(struct shape *s)
{
    arena_fini(&s->arena);
    free(s);
}

static const struct json *written(struct shape *s)
{
    struct fb_snapshot snap = {.people = &s->person, .person_count = 1};
    struct buf out CLEANUP(buf_fini);
    const struct json *tree = NULL;
    buf_init(&out, 65536);
    fb_people_write(&snap, window, &s->arena, &out);
    assert_int_equal(json_parse(&s->arena, buf_str(&out), &tree, NULL), ERR_OK);
    assert_true(str_eq_c(json_str_or_empty(tree, "time_min"), "2026-09-22T00:00:00Z"));
    const struct json *people = json_get(tree, "people");
    assert_int_equal(people->count, 1);
    return people->first;
}

static bool flag(const struct json *object, const char *key)
{
    bool value = false;
    assert_true(json_get_bool(object, key, &value));
    return value;
}

static const struct json *only_error(const struct json *person, const char *code)
{
    const struct json *errors = json_get(person, "errors");
    assert_int_equal(errors->count, 1);
    assert_true(str_eq_c(json_str_or_empty(errors->first, "code"), code));
    assert_false(flag(person, "complete"));
    return errors->first;
}

static void test_levels(void **state UNUSED)
{
    struct shape *s = begin(FB_LEVEL_DETAILS);
    const struct json *p = written(s);
    int64_t calendar = 0;
    assert_int_equal(json_get(p, "busy")->count, 2);
    assert_true(json_get_i64(json_get(p, "sources")->first, "calendar", &calendar));
    assert_int_equal(calendar, 40);
    assert_true(flag(p, "complete"));
    assert_false(flag(p, "partial"));
    assert_int_equal(json_get(p, "errors")->count, 0);

    s->person.level = FB_LEVEL_SPANS;
    p = written(s);
    assert_int_equal(json_get(p, "busy")->count, 1); /* where somebody works is not told */
    assert_true(str_eq_c(json_str_or_empty(json_get(p, "busy")->first, "show_as"), "busy"));
    assert_true(
        str_eq_c(json_str_or_empty(json_get(p, "busy")->first, "end"), "2026-09-22T10:00:00Z"));
    assert_null(json_get(json_get(p, "sources")->first, "calendar"));
    end(s);
}

static void test_source(void **state UNUSED)
{
    struct shape *s = begin(FB_LEVEL_OWN);
    const struct json *source = json_get(written(s), "sources")->first;
    const struct json *covered = json_get(source, "covered");
    assert_true(str_eq_c(json_str_or_empty(source, "source"), "store"));
    assert_true(str_eq_c(covered->first->text, "2026-09-22T00:00:00Z"));
    assert_true(str_eq_c(covered->last->text, "2026-09-22T20:00:00Z"));
    s->calendars[0].source = FB_SOURCE_PROVIDER; /* has no covered window of ours */
    source = json_get(written(s), "sources")->first;
    assert_true(str_eq_c(json_get(source, "covered")->last->text, "2026-09-23T00:00:00Z"));
    end(s);
}

static void test_nobody(void **state UNUSED)
{
    struct shape *s = begin(FB_LEVEL_NONE);
    s->person.connection_count = 0;
    const struct json *p = written(s);
    assert_int_equal(json_get(p, "busy")->kind, JSON_NULL);
    only_error(p, "not_visible");
    s->person.by_address = true;
    s->person.address = STR("a@b.example");
    p = written(s);
    assert_true(str_eq_c(json_str_or_empty(p, "address"), "a@b.example"));
    assert_int_equal(json_get(p, "busy")->kind, JSON_NULL);
    only_error(p, "no_connection");
    s->person.level = FB_LEVEL_SPANS;
    only_error(written(s), "no_connection");
    end(s);
}

/* Holds are known also of somebody without a connection; free time is not. */
static void test_holds_alone(void **state UNUSED)
{
    struct shape *s = begin(FB_LEVEL_SPANS);
    struct calendar_span hold = {T, T + HOUR, CALENDAR_BUSY};
    s->person.connection_count = 0;
    s->person.holds = &hold;
    s->person.hold_count = 1;
    const struct json *p = written(s);
    assert_int_equal(json_get(p, "busy")->count, 1);
    only_error(p, "no_connection");
    end(s);
}

static void test_unknown_calendar(void **state UNUSED)
{
    struct shape *s = begin(FB_LEVEL_OWN);
    struct fb_calendar *c = &s->calendars[0];
    c->fresh = false;
    c->code = "stale";
    c->live_code = "timeout";
    const struct json *p = written(s);
    const struct json *error = only_error(p, "stale");
    assert_true(str_eq_c(json_str_or_empty(error, "provider"), "timeout"));
    assert_false(flag(json_get(p, "sources")->first, "fresh"));
    assert_int_equal(json_get(p, "busy")->count, 2); /* what is stored is told all the same */

    c->park_reason = STR("throttled");
    error = only_error(written(s), "stale");
    assert_true(str_eq_c(json_str_or_empty(error, "reason"), "throttled"));
    s->person.level = FB_LEVEL_SPANS;
    assert_null(json_get(only_error(written(s), "stale"), "reason"));

    c->source = FB_SOURCE_NONE;
    c->span_count = 0;
    s->connection.calendar_count = 1;
    p = written(s);
    assert_int_equal(json_get(p, "busy")->kind, JSON_NULL);
    assert_int_equal(json_get(p, "sources")->count, 0);
    only_error(p, "stale");
    end(s);
}

static void test_partial(void **state UNUSED)
{
    struct shape *s = begin(FB_LEVEL_OWN);
    s->calendars[1].error_rows = 2;
    const struct json *p = written(s);
    only_error(p, "partial");
    assert_true(flag(p, "partial"));
    s->calendars[1].source = FB_SOURCE_PROVIDER; /* it understands its own events */
    p = written(s);
    assert_false(flag(p, "partial"));
    assert_true(flag(p, "complete"));
    end(s);
}

static void test_connection_without_calendars(void **state UNUSED)
{
    struct shape *s = begin(FB_LEVEL_SPANS);
    s->connection.calendar_count = 0;
    const struct json *p = written(s);
    only_error(p, "no_calendar");
    assert_int_equal(json_get(p, "busy")->kind, JSON_NULL);
    s->connection.listed = false;
    only_error(written(s), "not_read_yet");
    s->connection.enabled = false;
    only_error(written(s), "paused");
    s->connection.active = false;
    only_error(written(s), "unreadable");
    end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_source),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_holds_alone),
        cmocka_unit_test(test_unknown_calendar),
        cmocka_unit_test(test_partial),
        cmocka_unit_test(test_connection_without_calendars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

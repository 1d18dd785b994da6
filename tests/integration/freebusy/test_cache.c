/* Spans through Redis: a stored change is seen by the next question, and nothing hangs on Redis. */
#include "scene.h"

#include "runtime/failpoint.h"

#include <stdlib.h>

static void set_failpoints(const char *text)
{
    setenv("CALFLEET_FAILPOINTS", text, 1);
    assert_int_equal(failpoint_setup(NULL), ERR_OK);
}

static void exact_invalidation(struct scene *s)
{
    struct linked l = link_account(s, ANA_ID, ORG1, ANA);
    add_span(s, &l, s->base + 9 * HOUR, s->base + 10 * HOUR, "busy");
    const struct json *p = ask_day(s, ANA_ID, ANA_ID);
    assert_true(str_eq_c(source_of(p), "store"));
    assert_int_equal(busy_count(p), 1);
    settle(s);
    p = ask_day(s, BEN_ID, ANA_ID); /* another asker, another level: the same entry */
    assert_true(str_eq_c(source_of(p), "cache"));
    assert_int_equal(busy_count(p), 1);
    assert_true(is_complete(p));

    add_span(s, &l, s->base + 12 * HOUR, s->base + 13 * HOUR, "busy");
    p = ask_day(s, ANA_ID, ANA_ID);
    assert_true(str_eq_c(source_of(p), "store"));
    assert_int_equal(busy_count(p), 2);
    settle(s);
    sql("SELECT calfleet.next_stamp('%s'); DELETE FROM calfleet.spans", UUID_C(l.connection));
    p = ask_day(s, ANA_ID, ANA_ID);
    assert_int_equal(busy_count(p), 0);
    assert_true(is_complete(p));
}

static void test_exact_invalidation(void **state UNUSED)
{
    scene_run(exact_invalidation);
}

/* The counter alone decides: a change beside it (which no writer makes) is not seen, so the answer
 * did come from Redis. */
static void by_counter_alone(struct scene *s)
{
    struct linked l = link_account(s, ANA_ID, ORG1, ANA);
    add_span(s, &l, s->base + 9 * HOUR, s->base + 10 * HOUR, "busy");
    ask_day(s, ANA_ID, ANA_ID);
    settle(s);
    sql("DELETE FROM calfleet.spans");
    assert_int_equal(busy_count(ask_day(s, ANA_ID, ANA_ID)), 1);
    sql("UPDATE calfleet.calendars SET counts_as_busy = false WHERE id = %lld;"
        "UPDATE calfleet.calendars SET counts_as_busy = true WHERE id = %lld",
        (long long)l.calendar, (long long)l.calendar);
    assert_int_equal(busy_count(ask_day(s, ANA_ID, ANA_ID)), 0);
}

static void test_by_counter_alone(void **state UNUSED)
{
    scene_run(by_counter_alone);
}

/* Spans over borders of blocks come out whole, by whichever way they came. */
static void across_blocks(struct scene *s)
{
    struct linked l = link_account(s, ANA_ID, ORG1, ANA);
    add_span(s, &l, s->base - 2 * DAY, s->base + 20 * DAY, "out_of_office");
    struct asked_for q = {.asker = ANA_ID,
                          .organization = &ORG1,
                          .users = &ANA_ID,
                          .user_count = 1,
                          .from_at = s->base,
                          .to_at = s->base + 30 * DAY};
    for (int i = 0; i < 2; i++) {
        const struct json *p = json_get(ask(s, &q), "people")->first;
        assert_true(str_eq_c(source_of(p), i == 0 ? "store" : "cache"));
        assert_int_equal(busy_count(p), 1);
        const struct json *span = json_get(p, "busy")->first;
        assert_true(str_eq_c(json_str_or_empty(span, "show_as"), "out_of_office"));
        char end[64];
        snprintf(end, sizeof end, "'%.*s'", STR_ARG(json_str_or_empty(span, "end")));
        assert_string_equal(end, at(s, s->base + 20 * DAY));
        settle(s);
    }
}

static void test_across_blocks(void **state UNUSED)
{
    scene_run(across_blocks);
}

struct meanwhile {
    struct scene *s;
    void (*act)(struct scene *s);
};

static void act_entry(void *arg)
{
    struct meanwhile *m = arg;
    if (co_sleep(100, NULL) == ERR_OK) {
        m->act(m->s);
    }
}

/* Acts while the question stands between its snapshot and Redis. */
static const struct json *ask_while(struct scene *s, void (*act)(struct scene *s))
{
    struct meanwhile m = {s, act};
    struct co_group group;
    co_group_init(&group, co_loop_current());
    set_failpoints("freebusy.after_snapshot=delay:400");
    assert_int_equal(co_spawn(&group, "meanwhile", act_entry, &m, NULL), ERR_OK);
    const struct json *p = ask_day(s, ANA_ID, ANA_ID);
    set_failpoints("");
    co_group_fini(&group);
    return p;
}

static struct linked of_ana;

static void kill_it(struct scene *s UNUSED)
{
    redis_kill();
}

static void stop_it(struct scene *s UNUSED)
{
    redis_pause();
}

static void redis_dies(struct scene *s)
{
    of_ana = link_account(s, ANA_ID, ORG1, ANA);
    add_span(s, &of_ana, s->base + 9 * HOUR, s->base + 10 * HOUR, "busy");
    ask_day(s, ANA_ID, ANA_ID);
    settle(s);
    const struct json *p = ask_while(s, kill_it);
    assert_true(str_eq_c(source_of(p), "store"));
    assert_int_equal(busy_count(p), 1);
    assert_true(is_complete(p));
    p = ask_day(s, ANA_ID, ANA_ID);
    assert_int_equal(busy_count(p), 1);
    assert_true(is_complete(p));
}

static void test_redis_dies(void **state UNUSED)
{
    scene_run(redis_dies);
}

static void redis_hangs(struct scene *s)
{
    of_ana = link_account(s, ANA_ID, ORG1, ANA);
    add_span(s, &of_ana, s->base + 9 * HOUR, s->base + 10 * HOUR, "busy");
    const struct json *p = ask_while(s, stop_it);
    redis_resume();
    assert_true(str_eq_c(source_of(p), "store"));
    assert_int_equal(busy_count(p), 1);
    assert_true(is_complete(p));
}

static void test_redis_hangs(void **state UNUSED)
{
    scene_run(redis_hangs);
}

static void change_it(struct scene *s)
{
    add_span(s, &of_ana, s->base + 12 * HOUR, s->base + 13 * HOUR, "busy");
}

/* Spans that changed after they were counted are never kept under the older count. */
static void changed_meanwhile(struct scene *s)
{
    of_ana = link_account(s, ANA_ID, ORG1, ANA);
    add_span(s, &of_ana, s->base + 9 * HOUR, s->base + 10 * HOUR, "busy");
    const struct json *p = ask_while(s, change_it);
    assert_int_equal(busy_count(p), 2);
    settle(s);
    p = ask_day(s, ANA_ID, ANA_ID);
    assert_true(str_eq_c(source_of(p), "cache"));
    assert_int_equal(busy_count(p), 2);
}

static void test_changed_meanwhile(void **state UNUSED)
{
    scene_run(changed_meanwhile);
}

static void change_on(void *arg)
{
    struct scene *s = arg;
    while (co_sleep(30, NULL) == ERR_OK) {
        add_span(s, &of_ana, s->base + 12 * HOUR, s->base + 13 * HOUR, "tentative");
    }
}

/* A calendar that changes all the time, as in a first import, is answered all the same. */
static void changing_all_the_time(struct scene *s)
{
    struct co_group group;
    of_ana = link_account(s, ANA_ID, ORG1, ANA);
    add_span(s, &of_ana, s->base + 9 * HOUR, s->base + 10 * HOUR, "busy");
    co_group_init(&group, co_loop_current());
    set_failpoints("freebusy.after_snapshot=delay:150");
    assert_int_equal(co_spawn(&group, "change", change_on, s, NULL), ERR_OK);
    const struct json *p = ask_day(s, ANA_ID, ANA_ID);
    set_failpoints("");
    co_group_fini(&group);
    assert_int_equal(busy_count(p), 2);
    assert_true(str_eq_c(source_of(p), "store"));
    assert_true(is_complete(p));
}

static void test_changing_all_the_time(void **state UNUSED)
{
    scene_run(changing_all_the_time);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_invalidation),    cmocka_unit_test(test_by_counter_alone),
        cmocka_unit_test(test_across_blocks),         cmocka_unit_test(test_redis_dies),
        cmocka_unit_test(test_redis_hangs),           cmocka_unit_test(test_changed_meanwhile),
        cmocka_unit_test(test_changing_all_the_time),
    };
    return cmocka_run_group_tests(tests, scene_start, scene_stop);
}

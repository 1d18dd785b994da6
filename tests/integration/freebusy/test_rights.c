/* Who is told what about whom. */
#include "scene.h"

static const struct json *ask_one(struct scene *s, struct uuid asker, const struct uuid *org,
                                  struct uuid user)
{
    return ask(s, &(struct asked_for){.asker = asker,
                                      .organization = org,
                                      .users = &user,
                                      .user_count = 1,
                                      .from_at = s->base,
                                      .to_at = s->base + DAY});
}

static const char *code_of(const struct json *answer)
{
    return json_str_or_empty(json_get(answer, "error"), "code").ptr;
}

static void levels(struct scene *s)
{
    struct linked l = link_account(s, ANA_ID, ORG1, ANA);
    add_span(s, &l, s->base + 9 * HOUR, s->base + 10 * HOUR, "busy");
    add_span(s, &l, s->base + 14 * HOUR, s->base + 15 * HOUR, "working_elsewhere");
    const struct json *p = ask_day(s, ANA_ID, ANA_ID);
    assert_int_equal(busy_count(p), 2);
    assert_non_null(json_get(json_get(p, "sources")->first, "calendar"));
    p = ask_day(s, MIA_ID, ANA_ID);
    assert_int_equal(busy_count(p), 2);
    assert_non_null(json_get(json_get(p, "sources")->first, "calendar"));
    p = ask_day(s, BEN_ID, ANA_ID);
    assert_int_equal(busy_count(p), 1);
    assert_null(json_get(json_get(p, "sources")->first, "calendar"));
    assert_true(is_complete(p));
}

static void test_levels(void **state UNUSED)
{
    scene_run(levels);
}

/* Of another organisation, or of none: the same answer, byte for byte. */
static void strangers(struct scene *s)
{
    struct linked l = link_account(s, ZOE_ID, ORG2, "zoe@mail.example");
    add_span(s, &l, s->base + 9 * HOUR, s->base + 10 * HOUR, "busy");
    struct uuid nobody = uuid_random();
    const struct json *there = ask_day(s, MIA_ID, ZOE_ID);
    const struct json *absent = ask_day(s, MIA_ID, nobody);
    assert_true(has_error(there, "not_visible"));
    assert_true(has_error(absent, "not_visible"));
    assert_true(is_null(there, "busy"));
    assert_int_equal(json_get(there, "sources")->count, 0);
    assert_int_equal(json_get(there, "errors")->count, json_get(absent, "errors")->count);
    assert_false(is_complete(there));
    /* Her address tells no more. */
    struct asked_for by_address = {.asker = MIA_ID,
                                   .organization = &ORG1,
                                   .address = "zoe@mail.example",
                                   .from_at = s->base,
                                   .to_at = s->base + DAY};
    there = json_get(ask(s, &by_address), "people")->first;
    assert_true(has_error(there, "no_connection"));
    assert_true(is_null(there, "busy"));
    by_address.address = "nobody@mail.example";
    absent = json_get(ask(s, &by_address), "people")->first;
    assert_true(has_error(absent, "no_connection"));
    /* Somebody of both organisations has in each the calendars that belong to it. */
    link_account(s, MAX_ID, ORG2, "max@mail.example");
    assert_true(has_error(ask_day(s, MIA_ID, MAX_ID), "no_connection"));
    assert_true(has_error(ask_day(s, MAX_ID, MAX_ID), "no_connection"));
}

static void test_strangers(void **state UNUSED)
{
    scene_run(strangers);
}

/* Who has left the organisation has left its calendars' sight, before anything is cleaned up. */
static void former_member(struct scene *s)
{
    struct linked l = link_account(s, ZOE_ID, ORG1, "zoe@one.example");
    add_span(s, &l, s->base + 9 * HOUR, s->base + 10 * HOUR, "busy");
    hold_slot(s, &l, ZOE_ID, s->base + 11 * HOUR, "NULL", "NULL");
    const struct json *p = ask_day(s, MIA_ID, ZOE_ID);
    assert_true(has_error(p, "not_visible"));
    assert_true(is_null(p, "busy"));
    assert_int_equal(json_get(p, "sources")->count, 0);
    p = json_get(ask(s, &(struct asked_for){.asker = MIA_ID,
                                            .organization = &ORG1,
                                            .address = "zoe@one.example",
                                            .from_at = s->base,
                                            .to_at = s->base + DAY}),
                 "people")
            ->first;
    assert_true(has_error(p, "no_connection"));
    assert_true(is_null(p, "busy"));
    sql("SELECT dev.create_user('zoe@host.example', '%s')", UUID_C(ORG1)); /* she is back */
    assert_int_equal(busy_count(ask_day(s, MIA_ID, ZOE_ID)), 2);
    sql("DELETE FROM public.pf_organization_members WHERE user_id = '%s' AND organization_id = "
        "'%s'",
        UUID_C(ZOE_ID), UUID_C(ORG1));
}

static void test_former_member(void **state UNUSED)
{
    scene_run(former_member);
}

static void by_address(struct scene *s)
{
    struct linked l = link_account(s, ANA_ID, ORG1, "Ana.Work@Mail.Example");
    add_span(s, &l, s->base + 9 * HOUR, s->base + 10 * HOUR, "busy");
    const struct json *p = json_get(ask(s, &(struct asked_for){.asker = BEN_ID,
                                                               .organization = &ORG1,
                                                               .address = "ana.work@mail.example",
                                                               .from_at = s->base,
                                                               .to_at = s->base + DAY}),
                                    "people")
                               ->first;
    assert_int_equal(busy_count(p), 1);
    assert_null(json_get(p, "user")); /* whose it is is not told beyond what was asked */
    assert_true(str_eq_c(json_str_or_empty(p, "address"), "ana.work@mail.example"));
}

static void test_by_address(void **state UNUSED)
{
    scene_run(by_address);
}

static void refusals(struct scene *s)
{
    const struct json *a = ask_one(s, EVE_ID, &ORG1, ANA_ID);
    assert_int_equal(s->status, 403);
    assert_string_equal(code_of(a), "permission_denied");
    a = ask_one(s, ANA_ID, &ORG2, ANA_ID); /* not hers */
    assert_int_equal(s->status, 403);
    a = ask_one(s, MAX_ID, NULL, ANA_ID); /* of two: which? */
    assert_int_equal(s->status, 400);
    assert_string_equal(code_of(a), "organization_required");
    ask_one(s, ANA_ID, NULL, ANA_ID); /* of one: that */
    assert_int_equal(s->status, 200);
    struct asked_for q = {.asker = ANA_ID,
                          .users = &ANA_ID,
                          .user_count = 1,
                          .from_at = s->base,
                          .to_at = s->base + 366 * DAY + 1};
    assert_string_equal(code_of(ask(s, &q)), "window_too_long");
    assert_int_equal(s->status, 400);
    q.to_at = q.from_at;
    assert_string_equal(code_of(ask(s, &q)), "invalid_window");
    q.to_at = s->base + DAY;
    q.user_count = 0;
    assert_string_equal(code_of(ask(s, &q)), "missing_field");
}

static void test_refusals(void **state UNUSED)
{
    scene_run(refusals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_former_member), cmocka_unit_test(test_by_address),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, scene_start, scene_stop);
}

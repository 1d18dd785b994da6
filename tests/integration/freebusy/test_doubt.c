/* What cannot be believed: asked of the provider, or told; never free. */
#include "scene.h"

/* ana's own calendar at the provider is busy from 9 to 10. */
static void meeting_at_provider(struct scene *s)
{
    struct str body = arena_strf(
        &s->arena, "{\"summary\":\"x\",\"start\":{\"dateTime\":%s},\"end\":{\"dateTime\":%s}}",
        at(s, s->base + 9 * HOUR), at(s, s->base + 10 * HOUR));
    char *text = arena_cstr(&s->arena, body);
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    world_admin(s->world, "POST", "/as/" ANA "/calendar/v3/calendars/" ANA "/events", text);
}

static void set_calendar(const struct linked *l, const char *assignments)
{
    sql("UPDATE calfleet.calendars SET %s WHERE id = %lld", assignments, (long long)l->calendar);
}

static void stale(struct scene *s)
{
    struct linked l = link_account(s, ANA_ID, ORG1, ANA);
    meeting_at_provider(s);
    set_calendar(&l, "last_read_at = now() - interval '31 minutes'");
    const struct json *p = ask_day(s, BEN_ID, ANA_ID);
    assert_true(str_eq_c(source_of(p), "provider"));
    assert_int_equal(busy_count(p), 1);
    assert_true(is_complete(p));
    set_calendar(&l, "last_read_at = now() - interval '29 minutes'");
    assert_int_equal(busy_count(ask_day(s, BEN_ID, ANA_ID)), 0);
}

static void test_stale(void **state UNUSED)
{
    scene_run(stale);
}

static void uncovered(struct scene *s)
{
    struct linked l = link_account(s, ANA_ID, ORG1, ANA);
    meeting_at_provider(s);
    set_calendar(&l, "covered = NULL");
    const struct json *p = ask_day(s, ANA_ID, ANA_ID);
    assert_true(str_eq_c(source_of(p), "provider"));
    assert_int_equal(busy_count(p), 1);
    assert_true(is_complete(p));

    world_admin(s->world, "POST", "/faults", "{\"kind\":\"dark\"}");
    p = ask(s, &(struct asked_for){.asker = ANA_ID,
                                   .organization = &ORG1,
                                   .users = &ANA_ID,
                                   .user_count = 1,
                                   .from_at = s->base,
                                   .to_at = s->base + DAY,
                                   .ms = 1500});
    assert_int_equal(s->status, 200);
    p = json_get(p, "people")->first;
    assert_true(is_null(p, "busy"));
    assert_true(has_error(p, "uncovered"));
    assert_false(is_complete(p));
    assert_non_null(json_get(json_get(p, "errors")->first, "provider"));
}

static void test_uncovered(void **state UNUSED)
{
    scene_run(uncovered);
}

/* What is stored is told, as what it is. */
static void provider_slow(struct scene *s)
{
    struct linked l = link_account(s, ANA_ID, ORG1, ANA);
    add_span(s, &l, s->base + 9 * HOUR, s->base + 10 * HOUR, "busy");
    set_calendar(&l, "last_read_at = now() - interval '2 hours'");
    world_admin(s->world, "POST", "/faults", "{\"kind\":\"latency\",\"delay_ms\":5000}");
    int64_t began = co_now();
    const struct json *p = json_get(ask(s, &(struct asked_for){.asker = ANA_ID,
                                                               .organization = &ORG1,
                                                               .users = &ANA_ID,
                                                               .user_count = 1,
                                                               .from_at = s->base,
                                                               .to_at = s->base + DAY,
                                                               .ms = 1500}),
                                    "people")
                               ->first;
    assert_in_range(co_now() - began, 500, 1500);
    assert_int_equal(busy_count(p), 1);
    assert_true(has_error(p, "stale"));
    assert_false(is_complete(p));
    bool fresh = true;
    assert_true(json_get_bool(json_get(p, "sources")->first, "fresh", &fresh));
    assert_false(fresh);
}

static void test_provider_slow(void **state UNUSED)
{
    scene_run(provider_slow);
}

static size_t provider_calls(struct scene *s)
{
    const struct json *journal =
        world_admin(s->world, "GET", "/journal?path=/calendar/v3/freeBusy", NULL);
    const struct json *calls = json_get(journal, "calls");
    assert_non_null(calls);
    return calls->count;
}

static void paused_and_unreadable(struct scene *s)
{
    struct linked l = link_account(s, ANA_ID, ORG1, ANA);
    world_admin(s->world, "DELETE", "/journal", NULL);
    sql("UPDATE public.ce_calendar_connections SET sync_enabled = false");
    const struct json *p = ask_day(s, BEN_ID, ANA_ID);
    assert_true(has_error(p, "paused"));
    assert_false(is_complete(p));
    sql("UPDATE public.ce_calendar_connections SET sync_enabled = true, status = 'reauthorize'");
    p = ask_day(s, BEN_ID, ANA_ID);
    assert_true(has_error(p, "unreadable"));
    assert_false(is_complete(p));
    assert_int_equal(provider_calls(s), 0); /* neither is asked */
    sql("UPDATE public.ce_calendar_connections SET status = 'active'");
    set_calendar(&l, "last_read_at = NULL");
    ask_day(s, BEN_ID, ANA_ID);
    assert_int_equal(provider_calls(s), 1); /* and the count does count */
}

static void test_paused_and_unreadable(void **state UNUSED)
{
    scene_run(paused_and_unreadable);
}

static void bad_rows(struct scene *s)
{
    struct linked l = link_account(s, ANA_ID, ORG1, ANA);
    assert_true(is_complete(ask_day(s, ANA_ID, ANA_ID)));
    sql("INSERT INTO public.ce_calendar_events (organization_id, user_id, connection_id,"
        " calendar_id, provider_event_id, sync_status, sync_error)"
        " VALUES ('%s', '%s', '%s', %lld, 'bad', 'error', 'no zone of that name')",
        UUID_C(ORG1), UUID_C(ANA_ID), UUID_C(l.connection), (long long)l.calendar);
    const struct json *p = ask_day(s, ANA_ID, ANA_ID);
    bool partial = false;
    assert_true(has_error(p, "partial"));
    assert_true(json_get_bool(p, "partial", &partial) && partial);
    assert_false(is_complete(p));
}

static void test_bad_rows(void **state UNUSED)
{
    scene_run(bad_rows);
}

static void holds(struct scene *s)
{
    struct linked l = link_account(s, ANA_ID, ORG1, ANA);
    hold_slot(s, &l, ANA_ID, s->base + 9 * HOUR, "now() + interval '1 minute'", "NULL");
    hold_slot(s, &l, ANA_ID, s->base + 11 * HOUR, "now() - interval '1 second'", "NULL");
    hold_slot(s, &l, ANA_ID, s->base + 13 * HOUR, "NULL",
              "gen_random_uuid()");                                /* is among the spans */
    hold_slot(s, &l, ANA_ID, s->base + 30 * HOUR, "NULL", "NULL"); /* another day */
    const struct json *p = ask_day(s, BEN_ID, ANA_ID);
    assert_int_equal(busy_count(p), 1);
    assert_true(is_complete(p));
    /* Also of somebody without a connection: then it is all that is known. */
    hold_slot(s, &l, BEN_ID, s->base + 9 * HOUR, "NULL", "NULL");
    p = ask_day(s, ANA_ID, BEN_ID);
    assert_int_equal(busy_count(p), 1);
    assert_true(has_error(p, "no_connection"));
    assert_false(is_complete(p));
}

static void test_holds(void **state UNUSED)
{
    scene_run(holds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stale),         cmocka_unit_test(test_uncovered),
        cmocka_unit_test(test_provider_slow), cmocka_unit_test(test_paused_and_unreadable),
        cmocka_unit_test(test_bad_rows),      cmocka_unit_test(test_holds),
    };
    return cmocka_run_group_tests(tests, scene_start, scene_stop);
}

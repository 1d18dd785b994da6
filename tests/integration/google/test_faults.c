/* What goes wrong on the way: refused tokens, quotas, outages, half answers, doubt. */
#include "observe/metric.h"
#include "providers/transport.h"
#include "world.h"

#include <stdio.h>

static enum err_code ignore_event(void *arg UNUSED, const struct calendar_event *e UNUSED,
                                  struct err *err UNUSED)
{
    return ERR_OK;
}

static enum err_code read_page(struct world *w, struct err *err)
{
    struct provider_changes_req req = {.calendar_id = STR(ANA), .on_event = ignore_event};
    struct provider_page page;
    *err = (struct err){0};
    return provider_google.list_changes(&w->session, &req, world_deadline(), &w->arena, &page, err);
}

static void fault(struct world *w, const char *rule)
{
    world_admin(w, "DELETE", "/faults", NULL);
    world_admin(w, "POST", "/faults", rule);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static void expired_token(struct world *w)
{
    struct err err;
    assert_int_equal(read_page(w, &err), ERR_OK);
    assert_int_equal(read_page(w, &err), ERR_OK);
    assert_int_equal(w->token_asked, 1); /* once for all calls of a run */
    world_admin(w, "POST", "/tokens/expire", "{}");
    w->token = world_token(w, NULL);
    assert_int_equal(read_page(w, &err), ERR_OK);
    assert_int_equal(w->token_asked, 2);
    assert_int_equal(read_page(w, &err), ERR_OK);
    assert_int_equal(w->token_asked, 2);
}

static void test_a_refused_token_is_replaced_once_and_the_call_replayed(void **state UNUSED)
{
    world_run(expired_token);
}

static void dead_token(struct world *w)
{
    struct err err;
    w->token = STR("nonsense");
    assert_int_equal(read_page(w, &err), ERR_AUTH);
    assert_int_equal(err.act, ERR_ACT_REAUTH);
    assert_int_equal(w->token_asked, 2); /* at first need, and after the refusal: no third time */
    w->token_rc = ERR_UNAVAILABLE;
    assert_int_equal(read_page(w, &err), ERR_UNAVAILABLE); /* what the refresh says, stands */
    assert_null(strstr(err.text, "nonsense"));
}

static void test_a_token_that_stays_refused_asks_for_a_new_consent(void **state UNUSED)
{
    world_run(dead_token);
}

static void missing_scope(struct world *w)
{
    struct err err;
    world_admin(w, "POST", "/grants/revoke", "{\"account\":\"" ANA "\"}");
    w->token = world_token(w, "https://www.googleapis.com/auth/calendar.freebusy");
    assert_int_equal(read_page(w, &err), ERR_DENIED);
    assert_int_equal(err.act, ERR_ACT_DROP);
}

static void test_a_missing_scope_is_not_a_dead_grant(void **state UNUSED)
{
    world_run(missing_scope);
}

static enum err_code never(const struct provider_call *call UNUSED, int status UNUSED,
                           const struct json *body UNUSED, struct err *err UNUSED)
{
    fail_msg("the call went out");
    return ERR_INTERNAL;
}

static void foreign_host(struct world *w)
{
    static const char *const urls[] = {"http://localhost:1/calendar/v3/x", "https://127.0.0.1/x",
                                       "http://127.0.0.1.example/x", "/relative", "http://a@b/"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct provider_call call = {
            .verb = "test", .url = str_c(urls[i]), .deadline = world_deadline(), .classify = never};
        struct http_response response;
        struct err err = {0};
        assert_int_equal(provider_transport(&w->session, &call, &w->arena, &response, &err),
                         ERR_INVALID);
    }
    assert_int_equal(w->token_asked, 0);
    assert_int_equal(w->budget_cost, 0);
}

static void test_no_token_leaves_the_apis_origin(void **state UNUSED)
{
    world_run(foreign_host);
}

/* ---- quotas and outages ---------------------------------------------------------------------- */

static void throttle(struct world *w)
{
    struct err err;
    fault(w, "{\"kind\":\"throttle\",\"status\":403,\"reason\":\"rateLimitExceeded\","
             "\"retry_after_s\":7,\"path\":\"/calendar/v3\"}");
    assert_int_equal(read_page(w, &err), ERR_THROTTLED);
    assert_int_equal(err.act, ERR_ACT_RETRY);
    assert_int_equal(err.retry_after_ms, 7000);
    assert_int_equal(w->throttled, 1);
    assert_int_equal(w->throttled_ms, 7000);
    fault(w, "{\"kind\":\"throttle\",\"status\":403,\"reason\":\"quotaExceeded\","
             "\"path\":\"/calendar/v3\"}");
    assert_int_equal(read_page(w, &err), ERR_DENIED);
    assert_int_equal(err.act, ERR_ACT_RETRY);
    assert_int_equal(w->throttled, 1);
}

static void test_a_quota_is_told_to_all(void **state UNUSED)
{
    world_run(throttle);
}

static void outages(struct world *w)
{
    static const char *const faults[] = {
        "{\"kind\":\"dark\",\"path\":\"/calendar/v3\"}",
        "{\"kind\":\"html\",\"path\":\"/calendar/v3\"}",
        "{\"kind\":\"error\",\"status\":500,\"reason\":\"backendError\","
        "\"path\":\"/calendar/v3\"}",
        "{\"kind\":\"truncate\",\"path\":\"/calendar/v3\"}",
        "{\"kind\":\"garble\",\"path\":\"/calendar/v3\"}",
        "{\"kind\":\"refuse\",\"path\":\"/calendar/v3\"}",
    };
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        fault(w, faults[i]);
        double before = metric_value(METRIC_PROVIDER_ERRORS, "unavailable") +
                        metric_value(METRIC_PROVIDER_ERRORS, "io") +
                        metric_value(METRIC_PROVIDER_ERRORS, "proto");
        enum err_code rc = read_page(w, &err);
        bool outage = rc == ERR_UNAVAILABLE || rc == ERR_IO || rc == ERR_PROTO;
        if (!outage || err.act != ERR_ACT_RETRY) {
            fail_msg("%s: %s/%s %s", faults[i], err_code_name(rc), err_act_name(err.act), err.text);
        }
        double after = metric_value(METRIC_PROVIDER_ERRORS, "unavailable") +
                       metric_value(METRIC_PROVIDER_ERRORS, "io") +
                       metric_value(METRIC_PROVIDER_ERRORS, "proto");
        if (after - before < 0.5) {
            fail_msg("%s was not counted", faults[i]);
        }
    }
    world_admin(w, "DELETE", "/faults", NULL);
    assert_int_equal(read_page(w, &err), ERR_OK);
    assert_true(metric_value(METRIC_PROVIDER_SECONDS, "google.list_changes") >= 7);
}

static void test_an_outage_in_any_dress_is_tried_again(void **state UNUSED)
{
    world_run(outages);
}

static void slow(struct world *w)
{
    struct provider_changes_req req = {.calendar_id = STR(ANA), .on_event = ignore_event};
    struct provider_page page;
    struct err err = {0};
    fault(w, "{\"kind\":\"hang\",\"path\":\"/calendar/v3\"}");
    assert_int_equal(
        provider_google.list_changes(&w->session, &req, co_after(200), &w->arena, &page, &err),
        ERR_TIMEOUT);
    assert_int_equal(err.act, ERR_ACT_RETRY);
}

static void test_a_hung_provider_costs_the_deadline_and_no_more(void **state UNUSED)
{
    world_run(slow);
}

/* ---- doubt ----------------------------------------------------------------------------------- */

static struct calendar_event meeting(struct str id)
{
    return (struct calendar_event){
        .id = id,
        .start = {.set = true, .at = INT64_C(1792486800000), .zone = STR("Europe/Lisbon")},
        .end = {.set = true, .at = INT64_C(1792488600000), .zone = STR("Europe/Lisbon")},
    };
}

static enum err_code insert(struct world *w, const struct calendar_event *e, int64_t ms,
                            struct err *err)
{
    struct provider_put_req req = {
        .calendar_id = STR(ANA), .event = e, .fields = CALENDAR_FIELD_TIME, .mark = STR("ours")};
    struct calendar_event at;
    *err = (struct err){0};
    return provider_google.put(&w->session, &req, co_after(ms), &w->arena, &at, err);
}

/* In doubt, whatever became of the answer; reading settles it. */
static void doubt(struct world *w)
{
    static const struct {
        const char *fault;
        bool applied;
    } rows[] = {
        {"{\"kind\":\"reset\",\"method\":\"POST\",\"path\":\"/calendar/v3\"}", true},
        {"{\"kind\":\"lost\",\"method\":\"POST\",\"path\":\"/calendar/v3\"}", true},
        {"{\"kind\":\"truncate\",\"method\":\"POST\",\"path\":\"/calendar/v3\"}", true},
        {"{\"kind\":\"garble\",\"method\":\"POST\",\"path\":\"/calendar/v3\"}", true},
        {"{\"kind\":\"html\",\"method\":\"POST\",\"path\":\"/calendar/v3\"}", false},
        {"{\"kind\":\"dark\",\"method\":\"POST\",\"path\":\"/calendar/v3\"}", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char id[16];
        snprintf(id, sizeof id, "0dout%02zu", i);
        struct calendar_event e = meeting(str_c(id)), at;
        struct err err;
        fault(w, rows[i].fault);
        enum err_code rc = insert(w, &e, 500, &err);
        if (rc != ERR_IO && rc != ERR_TIMEOUT) {
            fail_msg("%s: %s %s", rows[i].fault, err_code_name(rc), err.text);
        }
        world_admin(w, "DELETE", "/faults", NULL);
        rc = provider_google.get(&w->session, STR(ANA), e.id, world_deadline(), &w->arena, &at,
                                 NULL);
        assert_int_equal(rc, rows[i].applied ? ERR_OK : ERR_NOT_FOUND);
        assert_true(!rows[i].applied || str_eq_c(at.mark, "ours"));
        assert_int_equal(insert(w, &e, 10000, &err), rows[i].applied ? ERR_EXISTS : ERR_OK);
    }
}

static void test_a_write_without_a_clear_answer_is_in_doubt(void **state UNUSED)
{
    world_run(doubt);
}

static void not_sent(struct world *w)
{
    struct calendar_event e = meeting(STR("0nots"));
    struct err err;
    w->link.ends.api_url = STR("http://127.0.0.1:1/calendar/v3"); /* nobody listens */
    assert_int_equal(insert(w, &e, 1000, &err), ERR_UNAVAILABLE);
    assert_int_equal(err.act, ERR_ACT_RETRY);
}

static void test_a_write_that_never_left_is_not_in_doubt(void **state UNUSED)
{
    world_run(not_sent);
}

static void spurious(struct world *w)
{
    struct calendar_event e = meeting(STR("0spur"));
    struct err err;
    fault(w, "{\"kind\":\"error\",\"status\":412,\"method\":\"POST\","
             "\"path\":\"/calendar/v3\",\"next\":1}");
    assert_int_equal(insert(w, &e, 10000, &err), ERR_UNAVAILABLE);
    assert_int_equal(insert(w, &e, 10000, &err), ERR_OK);
}

static void test_a_condition_that_nobody_set_and_that_failed_is_tried_again(void **state UNUSED)
{
    world_run(spurious);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_refused_token_is_replaced_once_and_the_call_replayed),
        cmocka_unit_test(test_a_token_that_stays_refused_asks_for_a_new_consent),
        cmocka_unit_test(test_no_token_leaves_the_apis_origin),
        cmocka_unit_test(test_a_quota_is_told_to_all),
        cmocka_unit_test(test_an_outage_in_any_dress_is_tried_again),
        cmocka_unit_test(test_a_hung_provider_costs_the_deadline_and_no_more),
        cmocka_unit_test(test_a_write_without_a_clear_answer_is_in_doubt),
        cmocka_unit_test(test_a_write_that_never_left_is_not_in_doubt),
        cmocka_unit_test(test_a_condition_that_nobody_set_and_that_failed_is_tried_again),
        cmocka_unit_test(test_a_missing_scope_is_not_a_dead_grant),
    };
    return cmocka_run_group_tests(tests, world_start, world_stop);
}

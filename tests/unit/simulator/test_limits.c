/* Quotas, faults, pushes, the journal. */
#include "harness.h"

#include "simulator/google/watch.h"

static void test_a_quota_window_slides(void **state)
{
    struct quota_window w = {0};
    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_true(quota_take(&w, 1000000 + i * 1000, 1, 10));
    }
    assert_false(quota_take(&w, 1009999, 1, 10));
    assert_false(quota_take(&w, 1059999, 1, 10));
    assert_true(quota_take(&w, 1060000, 1, 10)); /* the first one left the window */
    assert_false(quota_take(&w, 1060000, 1, 10));
    assert_true(quota_take(&w, 1600000, 10, 10));
    assert_false(quota_take(&w, 1600000, 1, 10));
}

static void test_a_patch_costs_three(void **state)
{
    struct harness *h = *state;
    harness_insert(h, "abcde", 5);
    harness_call(h, "POST", "/admin/modes",
                 "{\"user_per_minute\":4,\"limit_status\":429,\"retry_after_s\":7}");
    assert_int_equal(harness_events(h, "PATCH", "/abcde", "{\"summary\":\"x\"}"), 200);
    assert_int_equal(harness_events(h, "PATCH", "/abcde", "{\"summary\":\"y\"}"), 429);
    assert_string_equal(harness_reason(h), "rateLimitExceeded");
    assert_string_equal(harness_header(h, "retry-after"), "7");
    assert_int_equal(harness_events(h, "GET", "", NULL), 200);
    harness_advance(61000);
    assert_int_equal(harness_events(h, "PATCH", "/abcde", "{\"summary\":\"y\"}"), 200);
}

static void test_a_calendar_throttles_bursts_and_refuses_when_used_up(void **state)
{
    struct harness *h = *state;
    harness_call(h, "POST", "/admin/modes", "{\"calendar_writes_per_minute\":1}");
    harness_insert(h, "abcde", 5);
    assert_int_equal(harness_events(h, "DELETE", "/abcde", NULL), 403);
    assert_string_equal(harness_text(h, "error.message"), "Rate Limit Exceeded");
    harness_call(h, "PATCH", "/admin/calendars/ana@example.com", "{\"read_only\":true}");
    assert_int_equal(harness_events(h, "DELETE", "/abcde", NULL), 403);
    assert_string_equal(harness_reason(h), "quotaExceeded");
    assert_int_equal(harness_events(h, "GET", "", NULL), 200);
}

static void order(struct harness *h, const char *rule)
{
    assert_int_equal(harness_call(h, "POST", "/admin/faults", rule), 200);
}

static void test_faults_hit_the_next_calls_that_they_name(void **state)
{
    struct harness *h = *state;
    order(h, "{\"kind\":\"throttle\",\"status\":403,\"method\":\"GET\",\"next\":2,"
             "\"reason\":\"userRateLimitExceeded\"}");
    harness_insert(h, "abcde", 5);
    assert_int_equal(harness_events(h, "GET", "", NULL), 403);
    assert_string_equal(harness_reason(h), "userRateLimitExceeded");
    assert_int_equal(harness_events(h, "GET", "", NULL), 403);
    assert_int_equal(harness_events(h, "GET", "", NULL), 200);
    assert_int_equal(harness_call(h, "POST", "/admin/faults", "{\"kind\":\"nonsense\"}"), 400);
}

static void test_a_reset_comes_after_the_write(void **state)
{
    struct harness *h = *state;
    order(h, "{\"kind\":\"reset\",\"method\":\"POST\",\"next\":1}");
    harness_events(h, "POST", "",
                   "{\"id\":\"abcde\",\"start\":{\"date\":\"2026-10-05\"},"
                   "\"end\":{\"date\":\"2026-10-06\"}}");
    assert_int_equal(h->reply.wire, SIM_WIRE_RESET);
    assert_int_equal(harness_events(h, "GET", "/abcde", NULL), 200);
    order(h, "{\"kind\":\"refuse\",\"method\":\"DELETE\",\"next\":1}");
    harness_events(h, "DELETE", "/abcde", NULL);
    assert_int_equal(h->reply.wire, SIM_WIRE_RESET);
    harness_events(h, "GET", "/abcde", NULL);
    assert_string_equal(harness_text(h, "status"), "confirmed");
}

static void test_latency_adds_up(void **state)
{
    struct harness *h = *state;
    order(h, "{\"kind\":\"latency\",\"delay_ms\":20}");
    order(h, "{\"kind\":\"latency\",\"delay_ms\":5,\"path\":\"/calendar/v3/calendars\"}");
    harness_events(h, "GET", "", NULL);
    assert_int_equal(h->reply.delay_ms, 25);
    harness_call(h, "GET", "/calendar/v3/users/me/calendarList", NULL);
    assert_int_equal(h->reply.delay_ms, 20);
}

static void test_answers_can_be_no_answers(void **state)
{
    struct harness *h = *state;
    order(h, "{\"kind\":\"dark\",\"next\":1}");
    assert_int_equal(harness_events(h, "GET", "", NULL), 503);
    assert_int_equal(h->reply.body.len, 0);
    order(h, "{\"kind\":\"html\",\"next\":1}");
    assert_int_equal(harness_events(h, "GET", "", NULL), 502);
    assert_null(h->answer);
    order(h, "{\"kind\":\"garble\",\"next\":1}");
    assert_int_equal(harness_events(h, "GET", "", NULL), 200);
    assert_null(h->answer);
    order(h, "{\"kind\":\"error\",\"status\":412,\"next\":1}");
    assert_int_equal(harness_events(h, "GET", "", NULL), 412);
    assert_string_equal(harness_text(h, "error.message"), "Precondition check failed.");
}

/* ---- pushes -------------------------------------------------------------------------------- */

static struct push *sent[8];
static size_t sent_count;

static void catch_push(void *arg, struct push *push)
{
    (void)arg;
    assert_true(sent_count < ARRAY_LEN(sent));
    sent[sent_count++] = push;
}

static const char *push_value(const struct push *push, const char *name)
{
    for (size_t i = 0; i < push->header_count; i++) {
        if (str_eq_c(push->headers[i].name, name)) {
            return push->headers[i].value.ptr;
        }
    }
    return "";
}

static void answer_pushes(struct harness *h, int status)
{
    size_t count = sent_count;
    struct push *all[ARRAY_LEN(sent)];
    memcpy(all, sent, sizeof all);
    sent_count = 0;
    for (size_t i = 0; i < count; i++) {
        push_done(&h->sim.pushes, all[i], status);
    }
}

static int watch(struct harness *h, const char *id, const char *address)
{
    sent_count = 0;
    h->sim.pushes.start = catch_push;
    return harness_events(
        h, "POST", "/watch",
        harness_fmt(h,
                    "{\"id\":\"%s\",\"type\":\"web_hook\",\"address\":\"%s\",\"token\":\"t\","
                    "\"params\":{\"ttl\":\"9999999\"}}",
                    id, address));
}

static void test_a_channel_tells_each_burst_once(void **state)
{
    struct harness *h = *state;
    assert_int_equal(watch(h, "one", "https://hook/x"), 200);
    assert_int_equal(sent_count, 1);
    assert_string_equal(push_value(sent[0], "X-Goog-Resource-State"), "sync");
    assert_string_equal(push_value(sent[0], "X-Goog-Message-Number"), "1");
    assert_string_equal(harness_text(h, "expiration"),
                        harness_fmt(h, "%lld", (long long)HARNESS_START_AT + 604800000LL));
    answer_pushes(h, 200);

    harness_insert(h, "aaaaa1", 5);
    harness_insert(h, "aaaaa2", 5);
    g_watch_flush(h->sim.google);
    assert_int_equal(sent_count, 1);
    assert_string_equal(push_value(sent[0], "X-Goog-Resource-State"), "exists");
    answer_pushes(h, 503); /* tried again, later */
    assert_int_equal(sent_count, 1);
    assert_true(sent[0]->delay_ms > 0);
    answer_pushes(h, 404); /* dropped */
    assert_int_equal(sent_count, 0);
    assert_int_equal(h->sim.pushes.refused, 1);

    harness_advance(604800001LL);
    harness_call(h, "POST", "/admin/as/ana@example.com/calendar/v3/calendars/primary/events",
                 "{\"start\":{\"date\":\"2026-10-05\"},\"end\":{\"date\":\"2026-10-06\"}}");
    g_watch_flush(h->sim.google);
    assert_int_equal(sent_count, 0); /* over, without a word */
}

static void test_watch_is_refused(void **state)
{
    struct harness *h = *state;
    assert_int_equal(watch(h, "one", "http://hook/x"), 400);
    assert_string_equal(harness_reason(h), "push.webhookUrlNotHttps");
    assert_int_equal(watch(h, "one", "https://hook/x"), 200);
    answer_pushes(h, 200);
    assert_int_equal(watch(h, "one", "https://hook/x"), 400);
    assert_string_equal(harness_reason(h), "channelIdNotUnique");
    harness_call(h, "PATCH", "/admin/calendars/ana@example.com", "{\"watchable\":false}");
    assert_int_equal(watch(h, "two", "https://hook/x"), 400);
    assert_string_equal(harness_reason(h), "pushNotSupportedForRequestedResource");
}

static void test_pushes_are_lost_and_doubled_on_order(void **state)
{
    struct harness *h = *state;
    watch(h, "one", "https://hook/x");
    answer_pushes(h, 200);
    harness_call(h, "POST", "/admin/push", "{\"drop_next\":1,\"duplicate_next\":1}");
    harness_insert(h, "aaaaa1", 5);
    g_watch_flush(h->sim.google);
    assert_int_equal(sent_count, 0);
    harness_insert(h, "aaaaa2", 5);
    g_watch_flush(h->sim.google);
    assert_int_equal(sent_count, 2);
    answer_pushes(h, 204);
    harness_call(h, "POST", "/admin/channels/one", "{\"silent\":true}");
    harness_insert(h, "aaaaa3", 5);
    g_watch_flush(h->sim.google);
    assert_int_equal(sent_count, 0);
}

static void test_the_journal_names_what_is_not_documented(void **state)
{
    struct harness *h = *state;
    harness_events(h, "POST", "?sendUpdates=none&nonsense=1",
                   "{\"foo\":1,\"start\":{\"date\":\"2026-10-05\"},"
                   "\"end\":{\"date\":\"2026-10-06\"}}");
    harness_events(h, "GET", "?maxResults=5", NULL);
    harness_call(h, "GET", "/admin/journal", NULL);
    assert_int_equal(harness_count(h, "calls"), 2);
    assert_string_equal(harness_text(h, "calls.0.account"), "ana@example.com");
    assert_string_equal(harness_text(h, "calls.1.query"), "maxResults=5");
    harness_call(h, "GET", "/admin/journal?unknown=1", NULL);
    assert_int_equal(harness_count(h, "calls"), 1);
    assert_string_equal(harness_text(h, "calls.0.unknown"), "nonsense foo");
}

#define PART(id, request)                                                                          \
    "--B\r\nContent-Type: application/http\r\nContent-ID: <" id ">\r\n\r\n" request
#define EVENTS_PATH "/calendar/v3/calendars/primary/events"

static void test_a_batch_answers_each_part_in_order(void **state)
{
    struct harness *h = *state;
    harness_insert(h, "abcde", 5);
    harness_call(h, "POST", "/admin/modes", "{\"user_per_minute\":4}");
    h->content_type = "multipart/mixed; boundary=B";
    harness_call(h, "POST", "/batch/calendar/v3",
                 PART("a", "GET " EVENTS_PATH "/abcde HTTP/1.1\r\n\r\n")
                     PART("b", "PATCH " EVENTS_PATH "/abcde HTTP/1.1\r\n"
                               "Content-Type: application/json\r\n\r\n{\"summary\":\"new\"}\r\n")
                         PART("c", "GET " EVENTS_PATH "/abcde HTTP/1.1\r\n\r\n") "--B--\r\n");
    assert_int_equal(h->status, 200);
    const char *text = buf_c(&h->reply.body);
    const char *first = strstr(text, "<response-a>");
    const char *third = strstr(text, "<response-c>");
    assert_non_null(first);
    assert_non_null(third);
    assert_non_null(strstr(first, "HTTP/1.1 200"));
    assert_non_null(strstr(text, "\"new\""));
    assert_true(strstr(text, "\"new\"") < third);
    assert_non_null(strstr(third, "HTTP/1.1 403")); /* 1 + 3 units were all */
    harness_call(h, "POST", "/batch/calendar/v3", "x");
    assert_int_equal(h->status, 400);
}

#define T(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_quota_window_slides),
        T(test_a_patch_costs_three),
        T(test_a_calendar_throttles_bursts_and_refuses_when_used_up),
        T(test_faults_hit_the_next_calls_that_they_name),
        T(test_a_reset_comes_after_the_write),
        T(test_latency_adds_up),
        T(test_answers_can_be_no_answers),
        T(test_a_batch_answers_each_part_in_order),
        T(test_a_channel_tells_each_burst_once),
        T(test_watch_is_refused),
        T(test_pushes_are_lost_and_doubled_on_order),
        T(test_the_journal_names_what_is_not_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

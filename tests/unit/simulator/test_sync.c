/* Full and incremental lists: tokens, pages, what changes between them. */
#include "harness.h"

#define LIST "?prettyPrint=false&showDeleted=true"

static const char *sync_token(struct harness *h)
{
    assert_int_equal(harness_events(h, "GET", LIST, NULL), 200);
    const char *token = harness_text(h, "nextSyncToken");
    assert_true(token[0] != 0);
    return token;
}

static int delta(struct harness *h, const char *token, const char *more)
{
    return harness_events(h, "GET", harness_fmt(h, LIST "&syncToken=%s%s", token, more), NULL);
}

static void test_a_delta_holds_each_changed_row_once_in_its_last_state(void **state)
{
    struct harness *h = *state;
    harness_insert(h, "aaaaa1", 5);
    harness_insert(h, "aaaaa2", 6);
    const char *token = sync_token(h);
    assert_int_equal(delta(h, token, ""), 200);
    assert_int_equal(harness_count(h, "items"), 0);
    assert_string_not_equal(harness_text(h, "nextSyncToken"), "");

    harness_events(h, "PATCH", "/aaaaa1", "{\"summary\":\"one\"}");
    harness_events(h, "PATCH", "/aaaaa1", "{\"summary\":\"two\"}");
    harness_events(h, "DELETE", "/aaaaa2", NULL);
    assert_int_equal(delta(h, token, ""), 200);
    assert_int_equal(harness_count(h, "items"), 2);
    assert_string_equal(harness_text(h, "items.0.summary"), "two");
    assert_string_equal(harness_text(h, "items.1.status"), "cancelled");
}

static void test_a_change_while_paging_is_in_the_next_delta(void **state)
{
    struct harness *h = *state;
    for (int i = 0; i < 5; i++) {
        harness_insert(h, harness_fmt(h, "event%d", i), 5 + i);
    }
    assert_int_equal(harness_events(h, "GET", LIST "&maxResults=2", NULL), 200);
    const char *page = harness_text(h, "nextPageToken");
    assert_string_equal(harness_text(h, "nextSyncToken"), "");

    /* One row that was given, one that was not yet, one that is new. */
    harness_events(h, "PATCH", "/event0", "{\"summary\":\"new\"}");
    harness_events(h, "PATCH", "/event4", "{\"summary\":\"new\"}");
    harness_insert(h, "event9", 20);
    bool seen[10] = {true, true};
    const char *token = "";
    while (page[0] != 0) {
        harness_events(h, "GET", harness_fmt(h, LIST "&maxResults=2&pageToken=%s", page), NULL);
        assert_int_equal(h->status, 200);
        for (size_t i = 0; i < harness_count(h, "items"); i++) {
            seen[harness_text(h, harness_fmt(h, "items.%zu.id", i))[5] - '0'] = true;
        }
        page = harness_text(h, "nextPageToken");
        token = harness_text(h, "nextSyncToken");
    }
    assert_int_equal(delta(h, token, ""), 200);
    for (size_t i = 0; i < harness_count(h, "items"); i++) {
        seen[harness_text(h, harness_fmt(h, "items.%zu.id", i))[5] - '0'] = true;
    }
    assert_true(seen[2] && seen[3] && seen[4] && seen[9]);
    assert_true(harness_count(h, "items") >= 2);
}

static void test_a_delta_has_pages_too(void **state)
{
    struct harness *h = *state;
    const char *token = sync_token(h);
    for (int i = 0; i < 5; i++) {
        harness_insert(h, harness_fmt(h, "event%d", i), 5 + i);
    }
    size_t rows = 0;
    const char *page = "";
    do {
        delta(h, token, harness_fmt(h, "&maxResults=2%s%s", page[0] ? "&pageToken=" : "", page));
        assert_int_equal(h->status, 200);
        rows += harness_count(h, "items");
        page = harness_text(h, "nextPageToken");
    } while (page[0] != 0);
    assert_int_equal(rows, 5);
    assert_int_equal(delta(h, harness_text(h, "nextSyncToken"), ""), 200);
    assert_int_equal(harness_count(h, "items"), 0);
}

static void test_an_empty_page_carries_a_token(void **state)
{
    struct harness *h = *state;
    harness_insert(h, "aaaaa1", 5);
    h->sim.google->modes.page_empty = 2;
    h->sim.google->pages = 1;
    assert_int_equal(harness_events(h, "GET", LIST, NULL), 200);
    assert_int_equal(harness_count(h, "items"), 0);
    const char *page = harness_text(h, "nextPageToken");
    assert_string_not_equal(page, "");
    harness_events(h, "GET", harness_fmt(h, LIST "&pageToken=%s", page), NULL);
    assert_int_equal(harness_count(h, "items"), 1);
}

static void test_forbidden_parameters_with_a_token(void **state)
{
    struct harness *h = *state;
    const char *token = sync_token(h);
    static const char *const forbidden[] = {"&timeMin=2026-01-01T00:00:00Z", "&q=x", "&iCalUID=x",
                                            "&updatedMin=2026-09-30T00:00:00Z"};
    for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
        assert_int_equal(delta(h, token, forbidden[i]), 400);
        assert_string_equal(harness_text(h, "error.message"),
                            "Sync token cannot be used with other request restrictions");
    }
    assert_int_equal(delta(h, token, "&orderBy=updated"), 400);
    assert_string_equal(harness_text(h, "error.message"),
                        "Sync token cannot be used with non-default ordering");
}

static void test_dead_tokens(void **state)
{
    struct harness *h = *state;
    const char *token = sync_token(h);
    assert_int_equal(delta(h, "garbage", ""), 400);
    assert_string_equal(harness_text(h, "error.message"), "Invalid sync token value.");
    const char *flipped = harness_fmt(h, "%c%s", token[0] == 'c' ? 'd' : 'c', token + 1);
    assert_int_equal(delta(h, flipped, ""), 400);

    harness_call(h, "POST", "/admin/cursors/expire", "{}");
    assert_int_equal(delta(h, token, ""), 410);
    assert_string_equal(harness_reason(h), "fullSyncRequired");
    assert_string_equal(harness_text(h, "error.errors.0.location"), "syncToken");
    assert_int_equal(delta(h, sync_token(h), ""), 200);
}

static void test_a_change_of_access_ends_tokens(void **state)
{
    struct harness *h = *state;
    const char *token = sync_token(h);
    harness_call(h, "POST", "/admin/accounts", "{\"email\":\"bo@example.com\"}");
    harness_call(h, "POST", "/admin/calendars/ana@example.com/share",
                 "{\"to\":\"bo@example.com\",\"role\":\"reader\"}");
    assert_int_equal(h->status, 200);
    assert_int_equal(delta(h, token, ""), 410);
}

static void test_a_token_of_another_calendar_is_refused(void **state)
{
    struct harness *h = *state;
    const char *token = sync_token(h);
    harness_call(h, "POST", "/admin/calendars",
                 "{\"account\":\"ana@example.com\",\"id\":\"other@x\",\"summary\":\"O\"}");
    harness_call(h, "GET",
                 harness_fmt(h, "/calendar/v3/calendars/other%%40x/events?syncToken=%s", token),
                 NULL);
    assert_int_equal(h->status, 400);
}

static void test_updated_min(void **state)
{
    struct harness *h = *state;
    harness_insert(h, "aaaaa1", 5);
    harness_advance(60000);
    harness_insert(h, "aaaaa2", 6);
    harness_events(h, "GET", "?updatedMin=2026-10-01T00:00:30Z", NULL);
    assert_int_equal(harness_count(h, "items"), 1);
    assert_string_equal(harness_text(h, "nextSyncToken"), "");
    assert_int_equal(harness_events(h, "GET", "?updatedMin=2026-01-01T00:00:00Z", NULL), 410);
    assert_string_equal(harness_reason(h), "updatedMinTooLongAgo");
}

static void test_time_bounds_are_exclusive(void **state)
{
    struct harness *h = *state;
    harness_insert(h, "aaaaa1", 5); /* 09:00Z to 09:30Z */
    const char *after_end = "?timeMin=2026-10-05T09:30:00Z";
    const char *before_end = "?timeMin=2026-10-05T09:29:59Z";
    const char *at_start = "?timeMax=2026-10-05T09:00:00Z";
    harness_events(h, "GET", after_end, NULL);
    assert_int_equal(harness_count(h, "items"), 0);
    harness_events(h, "GET", before_end, NULL);
    assert_int_equal(harness_count(h, "items"), 1);
    harness_events(h, "GET", at_start, NULL);
    assert_int_equal(harness_count(h, "items"), 0);
    harness_events(h, "GET", "?timeMin=2026-10-05T09:00:00Z&timeMax=2026-10-05T09:00:00Z", NULL);
    assert_string_equal(harness_reason(h), "timeRangeEmpty");
}

static void test_fields_without_the_tokens_loses_them(void **state)
{
    struct harness *h = *state;
    harness_insert(h, "aaaaa1", 5);
    harness_events(h, "GET", "?fields=items(id,start/dateTime)", NULL);
    assert_int_equal(json_object_size(h->answer), 1);
    assert_int_equal(json_object_size(harness_at(h, "items.0")), 2);
    assert_int_equal(json_object_size(harness_at(h, "items.0.start")), 1);
    assert_int_equal(harness_events(h, "GET", "?fields=items(", NULL), 400);
}

static void test_the_calendar_list_has_deltas(void **state)
{
    struct harness *h = *state;
    const char *list = "/calendar/v3/users/me/calendarList?showDeleted=true";
    harness_call(h, "GET", list, NULL);
    const char *token = harness_text(h, "nextSyncToken");
    harness_call(h, "POST", "/admin/calendars",
                 "{\"account\":\"ana@example.com\",\"id\":\"other@x\",\"summary\":\"O\"}");
    harness_call(h, "GET", harness_fmt(h, "%s&syncToken=%s", list, token), NULL);
    assert_int_equal(harness_count(h, "items"), 1);
    token = harness_text(h, "nextSyncToken");
    /* The role alone is a read-only member: it does not show. */
    harness_call(h, "POST", "/admin/calendars/other@x/share",
                 "{\"to\":\"ana@example.com\",\"role\":\"reader\"}");
    harness_call(h, "GET", harness_fmt(h, "%s&syncToken=%s", list, token), NULL);
    assert_int_equal(harness_count(h, "items"), 0);
    harness_call(h, "DELETE", "/admin/calendars/other@x", NULL);
    harness_call(h, "GET", harness_fmt(h, "%s&syncToken=%s", list, token), NULL);
    assert_true(json_is_true(harness_at(h, "items.0.deleted")));
    harness_call(h, "GET", harness_fmt(h, "%s&maxResults=1", list), NULL);
    assert_string_not_equal(harness_text(h, "nextPageToken"), "");
}

#define T(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_delta_holds_each_changed_row_once_in_its_last_state),
        T(test_a_change_while_paging_is_in_the_next_delta),
        T(test_a_delta_has_pages_too),
        T(test_an_empty_page_carries_a_token),
        T(test_forbidden_parameters_with_a_token),
        T(test_dead_tokens),
        T(test_a_change_of_access_ends_tokens),
        T(test_a_token_of_another_calendar_is_refused),
        T(test_updated_min),
        T(test_time_bounds_are_exclusive),
        T(test_fields_without_the_tokens_loses_them),
        T(test_the_calendar_list_has_deltas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

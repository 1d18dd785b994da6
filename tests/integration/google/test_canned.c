/* What no faithful simulator sends, and what is sent to it: a server in the same loop that answers
 * as it is told and keeps what it was asked. */
#include "http/server.h"
#include "world.h"

struct canned {
    struct provider_link link;
    struct provider_session session;
    struct arena arena;
    struct http_server *server;
    const char *answer;
    struct str target, user_agent, if_match, trace, authorization; /* of the last request */
    void (*body)(struct canned *c);
};

static struct str header(struct canned *c, struct http_exchange *x, const char *name)
{
    struct str value = {0};
    return http_request_header(x, name, &value) ? arena_str(&c->arena, value) : value;
}

static void handle(struct http_exchange *x, void *arg)
{
    struct canned *c = arg;
    c->target = arena_str(&c->arena, x->target);
    c->user_agent = header(c, x, "user-agent");
    c->if_match = header(c, x, "if-match");
    c->trace = header(c, x, "traceparent");
    c->authorization = header(c, x, "authorization");
    http_reply(x, 200, NULL, 0, "application/json", str_c(c->answer));
}

static enum err_code give_token(void *ctx UNUSED, struct str refused UNUSED,
                                int64_t deadline UNUSED, struct arena *arena UNUSED,
                                struct str *ret_token, struct err *err UNUSED)
{
    *ret_token = STR("canned-token");
    return ERR_OK;
}

static struct str give_trace(char out[TRACEPARENT_LEN + 1])
{
    struct trace trace = {.trace_id = {1}, .span_id = {2}};
    return trace_print(&trace, out);
}

static void root(void *arg)
{
    struct canned *c = arg;
    arena_init(&c->arena);
    struct http_server_opts opts = {.handler = handle, .arg = c};
    assert_int_equal(http_server_new(co_loop_current(), &opts, &c->server, NULL), ERR_OK);
    assert_int_equal(http_client_new(co_loop_current(), NULL, &c->link.http, NULL), ERR_OK);
    c->link.traceparent = give_trace;
    c->link.ends.api_url =
        arena_strf(&c->arena, "http://127.0.0.1:%d/calendar/v3", http_server_port(c->server));
    c->session =
        (struct provider_session){.link = &c->link, .arena = &c->arena, .token = give_token};
    c->body(c);
    http_client_free(c->link.http);
    http_server_free(c->server);
    arena_fini(&c->arena);
}

static void run(void (*body)(struct canned *c))
{
    struct co_loop *loop = co_loop_new(&(struct co_loop_opts){.slice_warn_ms = -1});
    struct canned c = {.body = body, .answer = "{}"};
    co_loop_run(loop, "test", root, &c);
    co_loop_free(loop);
}

/* ---- lists that are none --------------------------------------------------------------------- */

struct seen {
    size_t events, bad;
    enum err_code refuse;
};

static enum err_code see_event(void *arg, const struct calendar_event *e UNUSED, struct err *err)
{
    struct seen *seen = arg;
    seen->events++;
    return seen->refuse == ERR_OK ? ERR_OK : ERR_SET(err, seen->refuse, "of the reader");
}

static void see_bad(void *arg, struct str event_id, const struct err *why)
{
    struct seen *seen = arg;
    seen->bad++;
    assert_true(str_eq_c(event_id, "bad"));
    assert_int_equal(why->act, ERR_ACT_DROP);
}

static enum err_code read_page(struct canned *c, struct seen *seen, const char *page_token,
                               struct provider_page *page, struct err *err)
{
    struct provider_changes_req req = {.calendar_id = STR("a#b@x"),
                                       .cursor = STR("c+1="),
                                       .page_token = str_c(page_token),
                                       .on_event = see_event,
                                       .on_bad = see_bad,
                                       .arg = seen};
    *err = (struct err){0};
    return provider_google.list_changes(&c->session, &req, co_after(5000), &c->arena, page, err);
}

static enum err_code no_calendar(void *arg UNUSED, const struct provider_calendar *calendar UNUSED,
                                 struct err *err UNUSED)
{
    fail_msg("a calendar was seen");
    return ERR_INTERNAL;
}

static void no_lists(struct canned *c)
{
    static const char *const answers[] = {
        "{}",
        "{\"error\":{\"code\":503}}",
        "{\"items\":[]}",
        "[]",
        "<html></html>",
        "",
        "{\"kind\":\"calendar#events\",\"items\":[",
        "{\"kind\":\"calendar#calendarList\",\"nextPageToken\":\"p\",\"items\":[]}x",
    };
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct seen seen = {0};
        struct provider_page page;
        struct err err;
        c->answer = answers[i];
        if (read_page(c, &seen, "", &page, &err) != ERR_PROTO || err.act != ERR_ACT_RETRY) {
            fail_msg("'%s' was taken for a page", answers[i]);
        }
        assert_int_equal(
            provider_google.list_calendars(&c->session, no_calendar, NULL, co_after(5000), &err),
            ERR_PROTO);
    }
}

static void test_what_is_no_list_is_not_an_empty_list(void **state UNUSED)
{
    run(no_lists);
}

static void endless(struct canned *c)
{
    struct seen seen = {0};
    struct provider_page page;
    struct err err;
    c->answer = "{\"kind\":\"calendar#events\",\"nextPageToken\":\"p\",\"items\":[]}";
    assert_int_equal(read_page(c, &seen, "", &page, &err), ERR_OK);
    assert_int_equal(read_page(c, &seen, "p", &page, &err), ERR_PROTO);
}

static void test_a_page_that_names_itself_ends_the_read(void **state UNUSED)
{
    run(endless);
}

static void bad_items(struct canned *c)
{
    struct seen seen = {0};
    struct provider_page page;
    struct err err;
    c->answer = "{\"kind\":\"calendar#events\",\"accessRole\":\"reader\",\"items\":["
                "{\"id\":\"a\",\"status\":\"cancelled\"},{\"id\":\"bad\"},"
                "{\"id\":\"b\",\"status\":\"cancelled\"}],\"timeZone\":\"UTC\"}";
    assert_int_equal(read_page(c, &seen, "", &page, &err), ERR_OK);
    assert_int_equal(seen.events, 2);
    assert_int_equal(seen.bad, 1);
    assert_int_equal(page.role, PROVIDER_ROLE_READER);
    assert_true(str_eq_c(page.zone, "UTC"));
    assert_int_equal(page.next_cursor.len, 0); /* none was given: none is stored */
    seen = (struct seen){.refuse = ERR_PROTO};
    assert_int_equal(read_page(c, &seen, "", &page, &err), ERR_PROTO);
    assert_int_equal(seen.events, 1);
    assert_int_equal(err.act, ERR_ACT_NONE); /* the reader's own, not an outage */
}

static void test_a_bad_item_never_ends_a_page_but_the_reader_can(void **state UNUSED)
{
    run(bad_items);
}

/* ---- what is sent ---------------------------------------------------------------------------- */

static void sent(struct canned *c)
{
    struct seen seen = {0};
    struct provider_page page;
    struct err err;
    c->answer = "{\"kind\":\"calendar#events\"}";
    assert_int_equal(read_page(c, &seen, "p/2", &page, &err), ERR_OK);
    assert_true(str_eq_c(c->target,
                         "/calendar/v3/calendars/a%23b%40x/events?maxResults=2500&"
                         "singleEvents=false&showDeleted=true&syncToken=c%2B1%3D&pageToken=p%2F2&"
                         "prettyPrint=false"));
    assert_true(str_eq_c(c->authorization, "Bearer canned-token"));
    assert_true(str_find(c->user_agent, STR("gzip")) != SIZE_MAX);
    assert_int_equal(c->trace.len, TRACEPARENT_LEN);
    struct provider_remove_req req = {.calendar_id = STR("c"),
                                      .event_id = STR("e"),
                                      .etag = STR("\"7\""),
                                      .notify = PROVIDER_NOTIFY_ALL};
    assert_int_equal(provider_google.remove(&c->session, &req, co_after(5000), &err), ERR_OK);
    assert_true(str_eq_c(c->if_match, "\"7\"")); /* its quotes with it */
    assert_true(
        str_eq_c(c->target, "/calendar/v3/calendars/c/events/e?sendUpdates=all&prettyPrint=false"));
}

static void test_the_query_keeps_its_shape_and_ids_are_encoded(void **state UNUSED)
{
    run(sent);
}

static void written(struct canned *c)
{
    struct calendar_event e = {.id = STR("0abcd"), .title = STR("t")}, at;
    struct provider_put_req req = {
        .calendar_id = STR("c"), .event = &e, .etag = STR("\"1\""), .fields = CALENDAR_FIELD_TITLE};
    struct err err = {0};
    c->answer = "{\"id\":\"0abcd\"}"; /* applied, and unreadable */
    assert_int_equal(provider_google.put(&c->session, &req, co_after(5000), &c->arena, &at, &err),
                     ERR_IO);
    assert_int_equal(err.act, ERR_ACT_RETRY);
    assert_true(str_eq_c(c->target, "/calendar/v3/calendars/c/events/0abcd?sendUpdates=none&"
                                    "prettyPrint=false"));
    assert_true(str_eq_c(c->if_match, "\"1\""));
}

static void test_a_write_whose_answer_cannot_be_read_is_in_doubt(void **state UNUSED)
{
    run(written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_list_is_not_an_empty_list),
        cmocka_unit_test(test_a_page_that_names_itself_ends_the_read),
        cmocka_unit_test(test_a_bad_item_never_ends_a_page_but_the_reader_can),
        cmocka_unit_test(test_the_query_keeps_its_shape_and_ids_are_encoded),
        cmocka_unit_test(test_a_write_whose_answer_cannot_be_read_is_in_doubt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Calendars, changes, writes, free/busy and channels: against the simulator. */
#include "providers/verbs.h"
#include "world.h"

#include <stdio.h>

/* A calendar of ana's for this test alone. */
static struct str new_calendar(struct world *w)
{
    struct str id = json_str_or_empty(
        world_admin(w, "POST", "/calendars", "{\"account\":\"" ANA "\",\"summary\":\"c\"}"), "id");
    assert_true(id.len > 0);
    return id;
}

/* ---- calendars ------------------------------------------------------------------------------- */

struct seen_calendars {
    size_t count;
    size_t primaries;
    bool zone;
};

static enum err_code see_calendar(void *arg, const struct provider_calendar *c,
                                  struct err *err UNUSED)
{
    struct seen_calendars *seen = arg;
    seen->count++;
    if (c->primary) {
        seen->primaries++;
        assert_true(str_eq_c(c->id, ANA)); /* never the alias */
        assert_int_equal(c->role, PROVIDER_ROLE_OWNER);
        seen->zone = str_eq_c(c->zone, "Europe/Lisbon");
    }
    return ERR_OK;
}

static enum err_code refuse_calendar(void *arg UNUSED, const struct provider_calendar *c UNUSED,
                                     struct err *err)
{
    return ERR_SET(err, ERR_INTERNAL, "of the reader");
}

static void calendars(struct world *w)
{
    struct seen_calendars seen = {0};
    for (int i = 0; i < 260; i++) { /* more than a page */
        new_calendar(w);
    }
    assert_int_equal(
        provider_google.list_calendars(&w->session, see_calendar, &seen, world_deadline(), NULL),
        ERR_OK);
    assert_true(seen.count >= 261);
    assert_int_equal(seen.primaries, 1);
    assert_true(seen.zone);
    assert_true(w->budget_cost >= 2);
    assert_int_equal(
        provider_google.list_calendars(&w->session, refuse_calendar, NULL, world_deadline(), NULL),
        ERR_INTERNAL);
}

static void test_all_calendars_are_listed_over_pages(void **state UNUSED)
{
    world_run(calendars);
}

/* ---- writes ---------------------------------------------------------------------------------- */

static struct calendar_event plain(struct str id, int hour)
{
    int64_t start = INT64_C(1792454400000) + hour * INT64_C(3600000); /* 2026-10-20 */
    return (struct calendar_event){
        .id = id,
        .title = STR("planted"),
        .start = {.set = true, .at = start, .zone = STR("Europe/Lisbon")},
        .end = {.set = true, .at = start + 1800000, .zone = STR("Europe/Lisbon")},
    };
}

static enum err_code put(struct world *w, struct str calendar_id, const struct calendar_event *e,
                         struct str etag, uint32_t fields, struct calendar_event *ret)
{
    struct provider_put_req req = {.calendar_id = calendar_id,
                                   .event = e,
                                   .fields = fields,
                                   .etag = etag,
                                   .mark = STR("mark-1")};
    return provider_google.put(&w->session, &req, world_deadline(), &w->arena, ret, NULL);
}

static void insert_ok(struct world *w, struct str calendar_id, const struct calendar_event *e,
                      struct calendar_event *ret)
{
    assert_int_equal(
        put(w, calendar_id, e, STR(""), CALENDAR_FIELD_TITLE | CALENDAR_FIELD_TIME, ret), ERR_OK);
}

static enum err_code get(struct world *w, struct str calendar_id, struct str id,
                         struct calendar_event *ret)
{
    return provider_google.get(&w->session, calendar_id, id, world_deadline(), &w->arena, ret,
                               NULL);
}

static enum err_code remove_event(struct world *w, struct str calendar_id, struct str id,
                                  struct str etag)
{
    struct provider_remove_req req = {.calendar_id = calendar_id, .event_id = id, .etag = etag};
    return provider_google.remove(&w->session, &req, world_deadline(), NULL);
}

static void life_of_an_event(struct world *w)
{
    struct str c = new_calendar(w);
    struct calendar_event mine = plain(STR("0abc1"), 9), at, old;
    insert_ok(w, c, &mine, &at);
    assert_true(str_eq(at.id, mine.id) && str_eq_c(at.mark, "mark-1") && at.etag.len > 0);
    assert_int_equal(at.start.at, mine.start.at);
    /* the same again: the id is taken, and by the mark it is known to be ours */
    assert_int_equal(put(w, c, &mine, STR(""), CALENDAR_FIELD_TIME, &old), ERR_EXISTS);
    assert_int_equal(get(w, c, mine.id, &old), ERR_OK);
    assert_true(str_eq_c(old.mark, "mark-1"));
    /* to an all-day event, which nulls the other kind's keys */
    struct calendar_event day = {.id = mine.id};
    day.start = (struct calendar_moment){.set = true, .all_day = true, .date = {2026, 10, 21}};
    day.end = (struct calendar_moment){.set = true, .all_day = true, .date = {2026, 10, 22}};
    assert_int_equal(put(w, c, &day, at.etag, CALENDAR_FIELD_TIME, &at), ERR_OK);
    assert_true(at.start.all_day && at.start.date.day == 21);
    assert_true(str_eq_c(at.title, "planted")); /* what was not sent stayed */
    assert_int_equal(put(w, c, &mine, old.etag, CALENDAR_FIELD_TIME, &day), ERR_CONFLICT);
    assert_int_equal(put(w, c, &mine, at.etag, CALENDAR_FIELD_TIME, &at), ERR_OK);
    assert_false(at.start.all_day);
    /* the end */
    assert_int_equal(remove_event(w, c, mine.id, old.etag), ERR_CONFLICT);
    assert_int_equal(remove_event(w, c, mine.id, at.etag), ERR_OK);
    assert_int_equal(remove_event(w, c, mine.id, STR("")), ERR_OK); /* gone already */
    assert_int_equal(remove_event(w, c, STR("0never"), STR("")), ERR_OK);
    assert_int_equal(get(w, c, mine.id, &at), ERR_OK);
    assert_true(calendar_is_deleted(&at));
    assert_int_equal(get(w, c, STR("0never"), &at), ERR_NOT_FOUND);
    /* a calendar that is not there is not an event that is gone */
    assert_int_equal(remove_event(w, STR("no@such.calendar"), mine.id, STR("")), ERR_NOT_FOUND);
}

static void test_the_life_of_an_event(void **state UNUSED)
{
    world_run(life_of_an_event);
}

static void conference(struct world *w)
{
    struct str c = new_calendar(w);
    struct calendar_event mine = plain(STR("0meet"), 9), at;
    struct provider_put_req req = {
        .calendar_id = c, .event = &mine, .fields = CALENDAR_FIELD_TIME, .conference = true};
    assert_int_equal(provider_google.put(&w->session, &req, world_deadline(), &w->arena, &at, NULL),
                     ERR_OK);
    assert_true(str_starts(at.conference_url, STR("http")));
}

static void test_a_video_link_comes_with_the_event(void **state UNUSED)
{
    world_run(conference);
}

/* ---- changes --------------------------------------------------------------------------------- */

struct seen {
    size_t events, deleted, occurrences, masters, bad;
};

static enum err_code see_event(void *arg, const struct calendar_event *e, struct err *err UNUSED)
{
    struct seen *seen = arg;
    seen->events++;
    seen->deleted += calendar_is_deleted(e);
    seen->occurrences += e->series_id.len > 0;
    seen->masters += calendar_is_master(e);
    return ERR_OK;
}

static void see_bad(void *arg, struct str event_id UNUSED, const struct err *why UNUSED)
{
    struct seen *seen = arg;
    seen->bad++;
}

/* All pages; the cursor. */
static enum err_code read_all(struct world *w, struct str c, struct str cursor, size_t page_size,
                              struct seen *seen, size_t *ret_pages, struct str *ret_cursor,
                              struct err *err)
{
    struct provider_changes_req req = {.calendar_id = c,
                                       .cursor = cursor,
                                       .page_size = page_size,
                                       .on_event = see_event,
                                       .on_bad = see_bad,
                                       .arg = seen};
    struct provider_page page = {0};
    *ret_pages = 0;
    do {
        enum err_code rc = provider_google.list_changes(&w->session, &req, world_deadline(),
                                                        &w->arena, &page, err);
        if (rc != ERR_OK) {
            return rc;
        }
        ++*ret_pages;
        req.page_token = page.next_page;
        assert_true((page.next_page.len > 0) != (page.next_cursor.len > 0));
    } while (page.next_page.len > 0);
    assert_int_equal(page.role, PROVIDER_ROLE_OWNER);
    assert_true(page.zone.len > 0);
    *ret_cursor = page.next_cursor;
    return ERR_OK;
}

static void changes(struct world *w)
{
    struct str c = new_calendar(w), cursor, next;
    struct seen seen = {0};
    struct err err = {0};
    size_t pages;
    struct calendar_event at;
    for (int i = 0; i < 25; i++) {
        char id[8];
        snprintf(id, sizeof id, "0list%02d", i);
        struct calendar_event e = plain(str_c(id), i % 20);
        insert_ok(w, c, &e, &at);
    }
    assert_int_equal(read_all(w, c, STR(""), 10, &seen, &pages, &cursor, &err), ERR_OK);
    assert_int_equal(seen.events, 25);
    assert_int_equal(pages, 3);
    /* nothing new, and a new cursor all the same */
    seen = (struct seen){0};
    assert_int_equal(read_all(w, c, cursor, 0, &seen, &pages, &next, &err), ERR_OK);
    assert_int_equal(seen.events, 0);
    assert_int_equal(remove_event(w, c, STR("0list03"), STR("")), ERR_OK);
    struct calendar_event e = plain(STR("0list99"), 3);
    insert_ok(w, c, &e, &at);
    seen = (struct seen){0};
    assert_int_equal(read_all(w, c, next, 0, &seen, &pages, &cursor, &err), ERR_OK);
    assert_int_equal(seen.events, 2);
    assert_int_equal(seen.deleted, 1);
    assert_int_equal(seen.bad, 0);
}

static void test_changes_come_by_pages_and_cursors(void **state UNUSED)
{
    world_run(changes);
}

static void dead_cursors(struct world *w)
{
    struct str c = new_calendar(w), cursor, none;
    struct seen seen = {0};
    struct err err = {0};
    size_t pages;
    assert_int_equal(read_all(w, c, STR(""), 0, &seen, &pages, &cursor, &err), ERR_OK);
    assert_int_equal(read_all(w, c, STR("garbage"), 0, &seen, &pages, &none, &err), ERR_GONE);
    assert_int_equal(err.act, ERR_ACT_RESYNC);
    world_admin(w, "POST", "/cursors/expire", "{}");
    err = (struct err){0};
    assert_int_equal(read_all(w, c, cursor, 0, &seen, &pages, &none, &err), ERR_GONE);
    assert_int_equal(err.act, ERR_ACT_RESYNC);
    assert_int_equal(read_all(w, c, STR(""), 0, &seen, &pages, &cursor, &err), ERR_OK);
    assert_int_equal(read_all(w, STR("no@such.calendar"), STR(""), 0, &seen, &pages, &none, &err),
                     ERR_NOT_FOUND);
}

static void test_a_dead_cursor_asks_for_a_full_read(void **state UNUSED)
{
    world_run(dead_cursors);
}

static void series(struct world *w)
{
    struct str c = new_calendar(w), cursor, next;
    struct seen seen = {0};
    struct err err = {0};
    size_t pages;
    const struct str rule = STR("RRULE:FREQ=DAILY;COUNT=5");
    struct calendar_event master = plain(STR("0series"), 9), at;
    master.recurrence = &rule;
    master.recurrence_count = 1;
    assert_int_equal(
        put(w, c, &master, STR(""), CALENDAR_FIELD_TIME | CALENDAR_FIELD_RECURRENCE, &at), ERR_OK);
    assert_true(calendar_is_master(&at) && str_eq_c(at.start.zone, "Europe/Lisbon"));
    assert_int_equal(read_all(w, c, STR(""), 0, &seen, &pages, &cursor, &err), ERR_OK);
    assert_int_equal(seen.events, 1); /* masters, never instances */
    assert_int_equal(seen.masters, 1);
    /* one occurrence is cancelled; the delta names series and start even as a bare tombstone */
    struct str path = arena_strf(&w->arena, "/calendars/%.*s", STR_ARG(c));
    world_admin(w, "PATCH", path.ptr, "{\"sparse\":true}");
    assert_int_equal(remove_event(w, c, STR("0series_20261021T090000Z"), STR("")), ERR_OK);
    seen = (struct seen){0};
    assert_int_equal(read_all(w, c, cursor, 0, &seen, &pages, &next, &err), ERR_OK);
    assert_int_equal(seen.occurrences, 1);
    assert_int_equal(seen.deleted, 0);
    assert_int_equal(seen.bad, 0);
}

static void test_a_series_and_its_cancelled_occurrence(void **state UNUSED)
{
    world_run(series);
}

/* ---- free/busy and channels ------------------------------------------------------------------ */

static void free_busy(struct world *w)
{
    struct str c = new_calendar(w);
    struct calendar_event e = plain(STR("0bus1"), 9), at;
    insert_ok(w, c, &e, &at);
    const struct str ids[] = {c, STR("no@such.calendar")};
    struct provider_free_busy_req req = {
        .calendar_ids = ids,
        .calendar_count = 2,
        .time_min = e.start.at - 40 * CALENDAR_DAY_MS,
        .time_max = e.start.at + 60 * CALENDAR_DAY_MS,
    };
    struct provider_busy busy[2];
    size_t before = w->budget_cost;
    assert_int_equal(provider_free_busy(&provider_google, &w->session, &req, world_deadline(),
                                        &w->arena, busy, NULL),
                     ERR_OK);
    assert_int_equal(w->budget_cost - before, 4); /* a hundred days by thirty */
    assert_int_equal(busy[0].code, ERR_OK);
    assert_int_equal(busy[0].span_count, 1);
    assert_int_equal(busy[0].spans[0].start_at, e.start.at);
    assert_int_equal(busy[0].spans[0].end_at, e.end.at);
    assert_int_equal(busy[1].code, ERR_NOT_FOUND);
    world_admin(w, "POST", "/modes", "{\"free_busy_omit\":true}");
    req.time_max = req.time_min + CALENDAR_DAY_MS;
    assert_int_equal(provider_free_busy(&provider_google, &w->session, &req, world_deadline(),
                                        &w->arena, busy, NULL),
                     ERR_OK);
    assert_true(busy[0].code != ERR_OK || busy[1].code != ERR_OK);
    world_admin(w, "POST", "/modes", "{\"free_busy_omit\":false}");
}

static void test_free_busy_knows_what_it_does_not_know(void **state UNUSED)
{
    world_run(free_busy);
}

static void channels(struct world *w)
{
    struct str c = new_calendar(w);
    struct provider_watch_req req = {
        .calendar_id = c,
        .channel_id = arena_str(&w->arena, c), /* unique, as the calendar's is */
        .address = STR("http://127.0.0.1:9/hooks"),
        .secret = STR("v1.secret"),
        .expires_at = co_wall_now() + 3600000,
    };
    struct provider_channel channel;
    struct err err = {0};
    req.channel_id = str_sub(req.channel_id, 0, 40);
    enum err_code rc =
        provider_google.watch(&w->session, &req, world_deadline(), &w->arena, &channel, &err);
    if (rc != ERR_OK) {
        fail_msg("%s", err.text);
    }
    assert_true(str_eq(channel.channel_id, req.channel_id) && channel.resource_id.len > 0);
    assert_true(channel.expires_at > co_wall_now() + 3500000);
    assert_int_equal(
        provider_google.watch(&w->session, &req, world_deadline(), &w->arena, &channel, &err),
        ERR_EXISTS);
    assert_int_equal(provider_google.unwatch(&w->session, &channel, world_deadline(), &err),
                     ERR_OK);
    assert_int_equal(provider_google.unwatch(&w->session, &channel, world_deadline(), &err),
                     ERR_OK); /* unknown by now: done */
    struct str path = arena_strf(&w->arena, "/calendars/%.*s", STR_ARG(c));
    world_admin(w, "PATCH", path.ptr, "{\"watchable\":false}");
    req.channel_id = STR("another-channel");
    assert_int_equal(
        provider_google.watch(&w->session, &req, world_deadline(), &w->arena, &channel, &err),
        ERR_UNSUPPORTED);
    assert_int_equal(err.act, ERR_ACT_DROP);
}

static void test_channels_are_opened_and_stopped(void **state UNUSED)
{
    world_run(channels);
}

static void journal(struct world *w)
{
    const struct json *odd = world_admin(w, "GET", "/journal?unknown=1", NULL);
    const struct json *calls = json_get(odd, "calls");
    assert_non_null(calls);
    assert_int_equal(calls->kind, JSON_ARRAY);
    if (calls->count > 0) {
        fail_msg("%u calls had a parameter or member that Google does not document", calls->count);
    }
}

/* Last: it judges what all the others sent. */
static void test_nothing_was_sent_that_google_does_not_document(void **state UNUSED)
{
    world_run(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_life_of_an_event),
        cmocka_unit_test(test_a_video_link_comes_with_the_event),
        cmocka_unit_test(test_changes_come_by_pages_and_cursors),
        cmocka_unit_test(test_a_dead_cursor_asks_for_a_full_read),
        cmocka_unit_test(test_a_series_and_its_cancelled_occurrence),
        cmocka_unit_test(test_free_busy_knows_what_it_does_not_know),
        cmocka_unit_test(test_channels_are_opened_and_stopped),
        cmocka_unit_test(test_all_calendars_are_listed_over_pages),
        cmocka_unit_test(test_nothing_was_sent_that_google_does_not_document),
    };
    return cmocka_run_group_tests(tests, world_start, world_stop);
}

/* Notices in groups: whose record serves whom, and that none is answered by a record that was
 * begun before it came. */
#include "notice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define SENT_MAX 16

static struct {
    struct notice_flight *flights[SENT_MAX];
    struct notice_key keys[SENT_MAX];
    size_t count;
    enum err_code answer; /* of send itself */
    bool at_once;         /* the report comes within send */
} bus;

static struct notices notices;

static enum err_code send_one(void *arg UNUSED, const struct notice_key *key,
                              struct notice_flight *flight, struct err *err)
{
    if (bus.answer != ERR_OK) {
        return ERR_SET(err, bus.answer, "as the test says");
    }
    assert_true(bus.count < SENT_MAX);
    bus.keys[bus.count] = *key;
    bus.flights[bus.count++] = flight;
    if (bus.at_once) {
        notice_done(flight, ERR_OK, NULL);
    }
    return ERR_OK;
}

struct client {
    struct notice_key key;
    int64_t patience_ms;
    enum err_code code;
    bool shared;
    bool done;
};

static void client_run(void *arg)
{
    struct client *c = arg;
    struct err err = {0};
    c->code = notice_record(&notices, &c->key, co_after(c->patience_ms), &c->shared, &err);
    c->done = true;
}

static void spawn(struct co_group *g, struct client *c, int64_t calendar)
{
    *c = (struct client){.key = {.calendar = calendar}, .patience_ms = 2000};
    assert_int_equal(co_spawn(g, "client", client_run, c, NULL), ERR_OK);
    assert_int_equal(co_yield (NULL), ERR_OK);
}

static void turns(void)
{
    for (int i = 0; i < 4; i++) {
        assert_int_equal(co_yield (NULL), ERR_OK);
    }
}

static void in_loop(co_entry_fn entry)
{
    struct co_loop_opts opts = {.virtual_clock = true};
    struct co_loop *loop = co_loop_new(&opts);
    memset(&bus, 0, sizeof bus);
    notices_init(&notices, send_one, NULL);
    co_loop_run(loop, "test", entry, NULL);
    notices_fini(&notices); /* aborts where a flight is left */
    co_loop_free(loop);
}

static void groups(void *arg UNUSED)
{
    struct client first;
    struct client second;
    struct client third;
    struct client other;
    struct co_group g;
    co_group_init(&g, co_loop_current());
    spawn(&g, &first, 1);
    spawn(&g, &second, 1);
    spawn(&g, &third, 1);
    spawn(&g, &other, 2);
    turns();
    assert_int_equal(bus.count, 2); /* one a calendar */
    assert_int_equal(bus.keys[1].calendar, 2);

    notice_done(bus.flights[0], ERR_OK, NULL);
    turns();
    assert_true(first.done && !first.shared);
    assert_false(second.done || third.done); /* that record was begun before they came */
    assert_int_equal(bus.count, 3);
    notice_done(bus.flights[2], ERR_OK, NULL);
    turns();
    assert_true(second.done && third.done);
    assert_false(second.shared);
    assert_true(third.shared);
    assert_int_equal(bus.count, 3);
    assert_false(other.done);
    notice_done(bus.flights[1], ERR_OK, NULL);
    co_group_join(&g, CO_FOREVER, NULL);
    assert_int_equal(other.code, ERR_OK);
}

static void test_groups(void **state UNUSED)
{
    in_loop(groups);
}

static void failure(void *arg UNUSED)
{
    struct err err = {.code = ERR_UNAVAILABLE, .text = "away"};
    struct client first;
    struct client second;
    struct co_group g;
    co_group_init(&g, co_loop_current());
    spawn(&g, &first, 1);
    spawn(&g, &second, 1);
    notice_done(bus.flights[0], ERR_UNAVAILABLE, &err);
    turns();
    assert_int_equal(first.code, ERR_UNAVAILABLE);
    assert_false(second.done); /* tried on its own */
    notice_done(bus.flights[1], ERR_OK, NULL);
    co_group_join(&g, CO_FOREVER, NULL);
    assert_int_equal(second.code, ERR_OK);
}

static void test_a_failure_is_that_records_alone(void **state UNUSED)
{
    in_loop(failure);
}

static void refused(void *arg UNUSED)
{
    struct client c;
    struct co_group g;
    bus.answer = ERR_BUSY;
    co_group_init(&g, co_loop_current());
    spawn(&g, &c, 1);
    co_group_join(&g, CO_FOREVER, NULL);
    assert_int_equal(c.code, ERR_BUSY);
    assert_int_equal(notices.flights.len, 0);
}

static void test_a_full_queue_is_told_at_once(void **state UNUSED)
{
    in_loop(refused);
}

static void at_once(void *arg UNUSED)
{
    struct client c;
    struct co_group g;
    bus.at_once = true;
    co_group_init(&g, co_loop_current());
    spawn(&g, &c, 1);
    co_group_join(&g, CO_FOREVER, NULL);
    assert_int_equal(c.code, ERR_OK);
}

static void test_a_report_within_send(void **state UNUSED)
{
    in_loop(at_once);
}

static void late(void *arg UNUSED)
{
    struct client first;
    struct client second;
    struct co_group g;
    co_group_init(&g, co_loop_current());
    spawn(&g, &first, 1);
    spawn(&g, &second, 1);
    co_group_join(&g, CO_FOREVER, NULL); /* both give up */
    assert_int_equal(first.code, ERR_TIMEOUT);
    assert_int_equal(second.code, ERR_TIMEOUT);
    notice_done(bus.flights[0], ERR_OK, NULL);
    assert_int_equal(bus.count, 1); /* nobody waits for a second one */
    assert_int_equal(notices.flights.len, 0);
}

static void test_a_late_report_finds_nobody(void **state UNUSED)
{
    in_loop(late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_a_failure_is_that_records_alone),
        cmocka_unit_test(test_a_full_queue_is_told_at_once),
        cmocka_unit_test(test_a_report_within_send),
        cmocka_unit_test(test_a_late_report_finds_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "messages/messages.h"
#include "plan.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first */
#include <cmocka.h>

#define HOUR INT64_C(3600000)
#define NINE INT64_C(1803891600000) /* 2027-03-01T09:00:00Z */

static struct arena arena;
static struct calendar_zones *zones;

static int begin(void **state UNUSED)
{
    arena_init(&arena);
    zones = calendar_zones_new(NULL);
    return 0;
}

static int end(void **state UNUSED)
{
    zones = calendar_zones_free(zones);
    arena_fini(&arena);
    return 0;
}

static struct uuid id_of(uint8_t byte)
{
    struct uuid id = {{0}};
    id.bytes[15] = byte;
    return id;
}

/* ---- ids and hashes ------------------------------------------------------------------------- */

static void event_ids_are_stable_and_of_the_providers_alphabet(void **state UNUSED)
{
    struct str one = plan_event_id(id_of(1), id_of(2), STR("key"), &arena);
    assert_int_equal(one.len, 52);
    for (size_t i = 0; i < one.len; i++) {
        assert_true((one.ptr[i] >= '0' && one.ptr[i] <= '9') ||
                    (one.ptr[i] >= 'a' && one.ptr[i] <= 'v'));
    }
    assert_true(str_eq(one, plan_event_id(id_of(1), id_of(2), STR("key"), &arena)));
    assert_false(str_eq(one, plan_event_id(id_of(2), id_of(1), STR("key"), &arena)));
    assert_false(str_eq(one, plan_event_id(id_of(1), id_of(2), STR("key2"), &arena)));
}

static struct str hash(int type, const void *message)
{
    struct str h;
    assert_int_equal(plan_request_hash(type, message, &arena, &h, NULL), ERR_OK);
    assert_int_equal(h.len, 32);
    return h;
}

static void a_request_hash_tells_requests_apart(void **state UNUSED)
{
    struct message_schedule_create a = {
        .idempotency_key = STR("k"), .title = STR("t"), .start_at = NINE};
    struct message_schedule_create b = a;
    assert_true(str_eq(hash(MESSAGE_schedule_create, &a), hash(MESSAGE_schedule_create, &b)));
    MESSAGE_SET(schedule_create, &b, end_at, NINE + HOUR);
    assert_false(str_eq(hash(MESSAGE_schedule_create, &a), hash(MESSAGE_schedule_create, &b)));
    b = a;
    b.title = STR("u");
    assert_false(str_eq(hash(MESSAGE_schedule_create, &a), hash(MESSAGE_schedule_create, &b)));
}

static void cancelling_is_one_request_however_it_is_told(void **state UNUSED)
{
    struct message_schedule_cancel a = {.meeting = id_of(1)};
    struct message_schedule_cancel b = a;
    MESSAGE_SET(schedule_cancel, &b, notify_attendees, true);
    assert_true(str_eq(hash(MESSAGE_schedule_cancel, &a), hash(MESSAGE_schedule_cancel, &b)));
    b.meeting = id_of(2);
    assert_false(str_eq(hash(MESSAGE_schedule_cancel, &a), hash(MESSAGE_schedule_cancel, &b)));
}

/* ---- people --------------------------------------------------------------------------------- */

static void a_person_is_a_user_or_the_hash_of_an_address(void **state UNUSED)
{
    struct plan_person user = {.is_user = true, .user = id_of(7), .address = STR("a@x.example")};
    struct plan_person guest = {.address = plan_address(STR(" Ana@X.Example "), &arena)};
    assert_true(str_eq_c(plan_person_name(&user, &arena), "00000000-0000-0000-0000-000000000007"));
    assert_true(str_eq_c(guest.address, "ana@x.example"));
    struct str name = plan_person_name(&guest, &arena);
    assert_int_equal(name.len, 64);
    assert_int_equal(str_find(name, STR("ana")), SIZE_MAX);
}

static void everybody_is_in_the_list_once(void **state UNUSED)
{
    struct plan_person room[8];
    struct plan_people people = {.ptr = room};
    struct plan_person user = {.is_user = true, .user = id_of(1), .role = "organizer"};
    plan_add(&people, user);
    user.role = "required";
    plan_add(&people, user);
    plan_add(&people, (struct plan_person){.address = STR("a@x.example")});
    plan_add(&people, (struct plan_person){.address = STR("a@x.example")});
    plan_add(&people, (struct plan_person){.address = STR("b@x.example")});
    assert_int_equal(people.len, 3);
    assert_string_equal(people.ptr[0].role, "organizer");
}

/* ---- times ---------------------------------------------------------------------------------- */

static enum err_code times(int64_t start_at, int64_t end_at, const char *zone, const char *rule,
                           struct plan_times *ret_times)
{
    struct str line = str_c(rule);
    return plan_times(start_at, end_at, str_c(zone), &line, rule != NULL ? 1 : 0, zones, &arena,
                      ret_times, NULL);
}

static void one_meeting_is_one_occurrence(void **state UNUSED)
{
    struct plan_times t;
    assert_int_equal(times(NINE, NINE + HOUR, "Europe/Lisbon", NULL, &t), ERR_OK);
    assert_int_equal(t.len, 1);
    assert_int_equal(t.ptr[0].start_at, NINE);
    assert_int_equal(t.ptr[0].end_at, NINE + HOUR);
    assert_int_equal(times(NINE, NINE + HOUR, "Not/AZone", NULL, &t), ERR_NOT_FOUND);
}

static void a_series_keeps_its_wall_clock_over_dst(void **state UNUSED)
{
    struct plan_times t;
    /* Lisbon's clock goes forward on 2027-03-28. */
    assert_int_equal(times(NINE, NINE + HOUR, "Europe/Lisbon", "RRULE:FREQ=WEEKLY;COUNT=5", &t),
                     ERR_OK);
    assert_int_equal(t.len, 5);
    assert_int_equal(t.ptr[3].start_at, NINE + 3 * 7 * 24 * HOUR);
    assert_int_equal(t.ptr[4].start_at, NINE + 4 * 7 * 24 * HOUR - HOUR);
}

static void an_endless_series_ends_at_the_horizon(void **state UNUSED)
{
    struct plan_times t;
    assert_int_equal(times(NINE, NINE + HOUR, "UTC", "RRULE:FREQ=DAILY", &t), ERR_OK);
    assert_int_equal(t.len, PLAN_HORIZON_MS / (24 * HOUR));
}

static void a_series_that_overlaps_itself_is_refused(void **state UNUSED)
{
    struct plan_times t;
    assert_int_equal(times(NINE, NINE + 25 * HOUR, "UTC", "RRULE:FREQ=DAILY;COUNT=3", &t),
                     ERR_RANGE);
    assert_int_equal(times(NINE, NINE + 24 * HOUR, "UTC", "RRULE:FREQ=DAILY;COUNT=3", &t), ERR_OK);
    assert_int_equal(times(NINE, NINE + HOUR, "UTC", "RRULE:FREQ=SOMETIMES", &t), ERR_INVALID);
}

/* ---- holds ---------------------------------------------------------------------------------- */

static void holds_are_people_times_occurrences_in_the_order_of_person(void **state UNUSED)
{
    struct plan_person list[] = {
        {.is_user = true, .user = id_of(9)},
        {.is_user = true, .user = id_of(3)},
        {.address = STR("guest@x.example")},
    };
    struct plan_people people = {list, ARRAY_LEN(list)};
    struct plan_times t;
    assert_int_equal(times(NINE, NINE + HOUR, "UTC", "RRULE:FREQ=DAILY;COUNT=2", &t), ERR_OK);
    struct plan_holds h = plan_holds(&people, &t, &arena);
    assert_int_equal(h.len, 6);
    struct str before = STR("");
    for (size_t i = 0; i < h.len; i++) {
        struct plan_person p = {
            .is_user = !h.no_user[i], .user = h.users[i], .address = STR("guest@x.example")};
        struct str name = plan_person_name(&p, &arena);
        assert_true(str_cmp(before, name) <= 0);
        assert_int_equal(h.starts[i], NINE + (int64_t)(i % 2) * 24 * HOUR);
        assert_int_equal(h.ends[i], h.starts[i] + HOUR);
        assert_true(h.no_user[i] == (h.hashes[i].ptr != NULL));
        before = name;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_ids_are_stable_and_of_the_providers_alphabet),
        cmocka_unit_test(a_request_hash_tells_requests_apart),
        cmocka_unit_test(cancelling_is_one_request_however_it_is_told),
        cmocka_unit_test(a_person_is_a_user_or_the_hash_of_an_address),
        cmocka_unit_test(everybody_is_in_the_list_once),
        cmocka_unit_test(one_meeting_is_one_occurrence),
        cmocka_unit_test(a_series_keeps_its_wall_clock_over_dst),
        cmocka_unit_test(an_endless_series_ends_at_the_horizon),
        cmocka_unit_test(a_series_that_overlaps_itself_is_refused),
        cmocka_unit_test(holds_are_people_times_occurrences_in_the_order_of_person),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
